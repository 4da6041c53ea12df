"""All that guards an instance, in the order in which its packets meet it, and what hosts counted of it."""

from collections.abc import Sequence

import pytest

from controlplane.service import effective_rules, network_acls, prefix_lists, security_group_rules, security_groups
from controlplane.service.effective_rules import Count, EffectiveRule, Guarded, Says
from controlplane.service.network_acls import CreateNetworkAclEntry
from controlplane.service.permissions import Permission
from controlplane.service.prefix_lists import CreatePrefixList, Entry
from controlplane.service.security_group_rules import Authorize
from controlplane.service.security_groups import CreateSecurityGroup
from tests.unit.region import Region


class Lab:
    """An instance with a group that lets the office in, and ssh from everywhere."""

    def __init__(self) -> None:
        self.region = Region()
        self.region.add_host()
        networks = [Entry("192.0.2.0/24"), Entry("198.51.100.0/24")]
        list_id = self.region.do(prefix_lists.create, CreatePrefixList("office", 5, networks))
        self.group_id = self.region.do(security_groups.create, CreateSecurityGroup("web", "x"))
        asked = [
            Permission("tcp", 443, 443, "", "", "", list_id),
            Permission("tcp", 22, 22, "0.0.0.0/0", "", ""),
            Permission("tcp", 22, 22, "", "", "", "", "::/0"),
        ]
        authorized = Authorize(self.group_id, False, asked)
        self.office, self.ssh, _ = self.region.do(security_group_rules.authorize, authorized)
        self.instance_id = self.region.launch(security_group_ids=[self.group_id])
        self.acl_id = self.region.state.subnets[self.region.interface(self.instance_id).subnet_id].network_acl_id

    def guarded(self) -> Guarded:
        return effective_rules.of_instance(self.region.state, self.region.call(), self.instance_id)

    def says(self, *, port: int = 22, peer: str = "0.0.0.0/0") -> Says:
        return Says(self.group_id, False, True, "tcp", port, port, peer)


@pytest.fixture
def lab() -> Lab:
    return Lab()


def told(rules: Sequence[EffectiveRule]) -> list[tuple[bool, str, str]]:
    return [(row.says.is_egress, row.says.guard_id, row.rule_id or str(row.rule_number)) for row in rules]


def test_what_leaves_comes_first_and_acls_before_groups_without_ipv6(lab: Lab) -> None:
    deny = CreateNetworkAclEntry(lab.acl_id, 90, "-1", "deny", cidr_block="203.0.113.0/24")
    lab.region.do(network_acls.create_entry, deny)
    six = CreateNetworkAclEntry(lab.acl_id, 80, "-1", "deny", ipv6_cidr_block="::/0")
    lab.region.do(network_acls.create_entry, six)
    guarded = lab.guarded()
    (out,) = (row.id for row in lab.region.state.rules.group.of(lab.group_id) if row.is_egress)
    assert told(guarded.rules) == [
        (True, lab.acl_id, "100"),
        (True, lab.acl_id, "32767"),
        (True, lab.group_id, out),
        (False, lab.acl_id, "90"),
        (False, lab.acl_id, "100"),
        (False, lab.acl_id, "32767"),
        (False, lab.group_id, lab.office),
        (False, lab.group_id, lab.ssh),
    ]
    interface = lab.region.interface(lab.instance_id)
    assert (guarded.host_id, guarded.interface_ids) == (lab.region.instance(lab.instance_id).host_id, [interface.id])


def test_what_hosts_counted_goes_to_the_rule_that_says_it_and_is_added_up_for_a_prefix_list(lab: Lab) -> None:
    counts = [
        Count(lab.says(), 3, 180),
        Count(lab.says(port=443, peer="192.0.2.0/24"), 1, 60),
        Count(lab.says(port=443, peer="198.51.100.0/24"), 2, 120),
        Count(lab.says(port=80), 99, 99),
    ]
    rules = effective_rules.with_counts(lab.guarded().rules, counts)
    assert {row.rule_id: (row.packets, row.bytes) for row in rules if row.packets is not None} == {
        lab.ssh: (3, 180),
        lab.office: (3, 180),
    }
    assert all(row.packets is None for row in effective_rules.with_counts(rules[:3], ()))


def test_of_another_projects_instance_nothing_is_told(lab: Lab) -> None:
    call = lab.region.call("proj-other")
    with pytest.raises(Exception, match="does not exist"):
        effective_rules.of_instance(lab.region.state, call, lab.instance_id)
