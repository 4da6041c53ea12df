"""Network ACLs: their entries, the subnets that they guard, and which agents are given instances there."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from controlplane.errors import CloudError, NoCapacity
from controlplane.model.network_acl import NetworkAcl
from controlplane.reconcile import messages
from controlplane.service import describing, network_acls, power, projects, subnets, vpcs
from controlplane.service.features import Feature
from controlplane.service.listing import Filter, matching
from controlplane.service.network_acls import (
    CreateNetworkAcl,
    CreateNetworkAclEntry,
    DeleteNetworkAclEntry,
    ReplaceNetworkAclAssociation,
)
from controlplane.service.power import StopInstances
from controlplane.service.subnets import CreateSubnet
from controlplane.service.vpcs import CreateVpc
from tests.unit.region import NAME, ZONES, Region


class Lab:
    """A VPC with a subnet, beside the default one."""

    def __init__(self, **policy: Any) -> None:
        self.region = Region(**policy)
        self.region.add_host()
        self.do: Callable[..., Any] = self.region.do
        self.refuses: Callable[..., CloudError] = self.region.refuses
        self.vpc_id = self.do(vpcs.create, CreateVpc("10.0.0.0/16"))
        self.subnet_id = self.do(subnets.create, CreateSubnet(self.vpc_id, "10.0.1.0/24", ZONES[0]))
        (self.default_id,) = (row.id for row in self.region.state.network_acls.vpc.of(self.vpc_id))
        self.acl_id: str = self.do(network_acls.create, CreateNetworkAcl(self.vpc_id))

    def row(self, acl_id: str = "") -> NetworkAcl:
        return self.region.state.network_acls[acl_id or self.acl_id]

    @property
    def association_id(self) -> str:
        return self.region.state.subnets[self.subnet_id].network_acl_association_id

    def guard(self, acl_id: str) -> str:
        made: str = self.do(network_acls.replace_association, ReplaceNetworkAclAssociation(self.association_id, acl_id))
        return made

    def entries(self, *, egress: bool = False) -> list[tuple[int, str]]:
        return [(row.rule_number, row.rule_action) for row in self.row().entries if row.is_egress is egress]

    def found(self, name: str, value: str) -> list[str]:
        rows, read = self.region.state.network_acls, describing.network_acl_filters(self.region.state)
        return [row.id for row in matching(rows, [Filter(name, (value,))], read)]


@pytest.fixture
def lab() -> Lab:
    return Lab()


def entry(acl_id: str, **fields: Any) -> CreateNetworkAclEntry:
    given = {"rule_number": 100, "protocol": "-1", "rule_action": "allow", "cidr_block": "0.0.0.0/0"}
    return CreateNetworkAclEntry(acl_id, **given | fields)  # type: ignore[arg-type]


def test_a_vpc_begins_with_an_acl_that_lets_everything_by_and_guards_its_subnets(lab: Lab) -> None:
    acl, state = lab.row(lab.default_id), lab.region.state
    assert (acl.is_default, acl.is_open) == (True, True)
    assert [(row.is_egress, row.rule_number, row.rule_action) for row in acl.entries] == [
        (True, 100, "allow"),
        (True, 32767, "deny"),
        (False, 100, "allow"),
        (False, 32767, "deny"),
    ]
    assert [row.id for row in state.subnets.network_acl.of(lab.default_id)] == [lab.subnet_id]
    assert all(row.network_acl_id and row.network_acl_association_id for row in state.subnets)
    lab.refuses("InvalidParameterValue", network_acls.delete, lab.default_id)


def test_a_new_acl_denies_everything_and_guards_nothing(lab: Lab) -> None:
    assert not lab.row().is_open
    assert lab.entries() == lab.entries(egress=True) == [(32767, "deny")]
    assert lab.region.state.subnets.network_acl.count(lab.acl_id) == 0
    lab.do(network_acls.delete, lab.acl_id)
    assert lab.acl_id not in lab.region.state.network_acls


def test_entries_are_in_order_of_their_numbers_by_direction(lab: Lab) -> None:
    for number, action, egress in ((200, "deny", False), (100, "allow", False), (100, "deny", True)):
        request = entry(lab.acl_id, rule_number=number, rule_action=action, egress=egress)
        lab.do(network_acls.create_entry, request)
    assert lab.entries() == [(100, "allow"), (200, "deny"), (32767, "deny")]
    assert lab.entries(egress=True) == [(100, "deny"), (32767, "deny")]
    refused = lab.refuses("NetworkAclEntryAlreadyExists", network_acls.create_entry, entry(lab.acl_id))
    assert "an entry 100 for what goes in; replace it" in refused.message
    lab.do(network_acls.replace_entry, entry(lab.acl_id, rule_action="deny"))
    assert lab.entries() == [(100, "deny"), (200, "deny"), (32767, "deny")]
    lab.do(network_acls.delete_entry, DeleteNetworkAclEntry(lab.acl_id, 100, egress=True))
    assert lab.entries(egress=True) == [(32767, "deny")]
    gone = DeleteNetworkAclEntry(lab.acl_id, 100, egress=True)
    lab.refuses("InvalidNetworkAclEntry.NotFound", network_acls.delete_entry, gone)
    lab.refuses("InvalidNetworkAclEntry.NotFound", network_acls.replace_entry, entry(lab.acl_id, rule_number=7))


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"protocol": "tcp", "from_port": 22, "to_port": 23}, ("6", 22, 23)),
        ({"protocol": "17", "from_port": 0, "to_port": 65535, "icmp_type": 3}, ("17", 0, 65535)),
        ({"protocol": "icmp", "icmp_type": 8, "icmp_code": -1}, ("1", 8, -1)),
        ({"protocol": "58", "cidr_block": "", "ipv6_cidr_block": "::/0", "icmp_type": 8, "icmp_code": 0}, ("58", 8, 0)),
        ({"protocol": "58", "icmp_type": 8}, ("58", -1, -1)),
        ({"protocol": "-1", "from_port": 1, "to_port": 2}, ("-1", -1, -1)),
        ({"protocol": "50"}, ("50", -1, -1)),
    ],
)
def test_what_a_protocol_has_no_use_for_is_passed_over(
    lab: Lab, fields: dict[str, Any], kept: tuple[str, int, int]
) -> None:
    lab.do(network_acls.create_entry, entry(lab.acl_id, **fields))
    made = lab.row().entries[1]
    assert (made.protocol, made.from_port, made.to_port) == kept


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("InvalidParameterValue", {"rule_number": 0}),
        ("InvalidParameterValue", {"rule_number": 32767}),
        ("InvalidParameterValue", {"protocol": "ipip"}),
        ("InvalidParameterValue", {"protocol": "256"}),
        ("InvalidParameterValue", {"protocol": ""}),
        ("InvalidParameterValue", {"rule_action": "reject"}),
        ("InvalidParameterValue", {"cidr_block": "10.0.0.0"}),
        ("InvalidParameterValue", {"cidr_block": "", "ipv6_cidr_block": "10.0.0.0/8"}),
        ("InvalidParameterCombination", {"ipv6_cidr_block": "::/0"}),
        ("MissingParameter", {"cidr_block": ""}),
        ("MissingParameter", {"protocol": "tcp"}),
        ("MissingParameter", {"protocol": "6", "from_port": 1}),
        ("InvalidParameterValue", {"protocol": "6", "from_port": 2, "to_port": 1}),
        ("InvalidParameterValue", {"protocol": "6", "from_port": -1, "to_port": 65535}),
        ("InvalidParameterValue", {"protocol": "6", "from_port": 1, "to_port": 65536}),
        ("MissingParameter", {"protocol": "icmp"}),
        ("InvalidParameterValue", {"protocol": "icmp", "icmp_type": 256, "icmp_code": 0}),
        ("InvalidParameterValue", {"protocol": "icmp", "icmp_type": -1, "icmp_code": 0}),
    ],
)
def test_what_no_entry_can_be_is_refused(lab: Lab, code: str, fields: dict[str, Any]) -> None:
    lab.refuses(code, network_acls.create_entry, entry(lab.acl_id, **fields))


def test_the_entry_that_stays_can_neither_go_nor_be_replaced(lab: Lab) -> None:
    lab.refuses("InvalidParameterValue", network_acls.delete_entry, DeleteNetworkAclEntry(lab.acl_id, 32767))
    lab.refuses("InvalidParameterValue", network_acls.replace_entry, entry(lab.acl_id, rule_number=32767))


def test_host_bits_are_masked_and_two_of_one_network_are_alike(lab: Lab) -> None:
    lab.do(network_acls.create_entry, entry(lab.acl_id, cidr_block="100.68.0.18/18"))
    assert lab.row().entries[1].cidr_block == "100.68.0.0/18"


def test_a_direction_has_so_many_entries_of_each_family() -> None:
    lab = Lab(rules_per_network_acl=2, network_acls_per_vpc=2)
    lab.do(network_acls.create_entry, entry(lab.acl_id))
    lab.refuses("NetworkAclEntryLimitExceeded", network_acls.create_entry, entry(lab.acl_id, rule_number=2))
    lab.do(network_acls.create_entry, entry(lab.acl_id, rule_number=2, egress=True))
    lab.do(network_acls.create_entry, entry(lab.acl_id, rule_number=3, cidr_block="", ipv6_cidr_block="::/0"))
    lab.refuses("NetworkAclLimitExceeded", network_acls.create, CreateNetworkAcl(lab.vpc_id))


def test_no_entry_takes_a_place_beyond_them_by_being_replaced() -> None:
    lab = Lab(rules_per_network_acl=2)
    six = {"cidr_block": "", "ipv6_cidr_block": "::/0"}
    lab.do(network_acls.create_entry, entry(lab.acl_id))
    for number in (1, 2):
        lab.do(network_acls.create_entry, entry(lab.acl_id, rule_number=number, **six))
    refused = lab.refuses("NetworkAclEntryLimitExceeded", network_acls.replace_entry, entry(lab.acl_id, rule_number=1))
    assert f"{lab.acl_id} has 2 of at most 2 IPv4 entries for what goes in" in refused.message
    lab.refuses("NetworkAclEntryLimitExceeded", network_acls.replace_entry, entry(lab.acl_id, **six))
    lab.do(network_acls.replace_entry, entry(lab.acl_id, rule_action="deny"))
    lab.region.policy = replace(lab.region.policy, rules_per_network_acl=1)
    lab.do(network_acls.replace_entry, entry(lab.acl_id))
    assert lab.entries() == [(1, "allow"), (2, "allow"), (100, "allow"), (32767, "deny")]


def test_an_association_is_replaced_by_one_with_an_id_of_its_own(lab: Lab) -> None:
    before = lab.association_id
    after = lab.guard(lab.acl_id)
    assert lab.association_id == after != before
    assert lab.guard(lab.acl_id) == after, "nothing is to be done"
    lab.refuses(
        "InvalidAssociationID.NotFound",
        network_acls.replace_association,
        ReplaceNetworkAclAssociation(before, lab.acl_id),
    )
    refused = lab.refuses("DependencyViolation", network_acls.delete, lab.acl_id)
    assert list(refused.blocking_ids) == [after]
    elsewhere = next(row.id for row in lab.region.state.network_acls if row.vpc_id != lab.vpc_id)
    asked = ReplaceNetworkAclAssociation(after, elsewhere)
    lab.refuses("InvalidParameterValue", network_acls.replace_association, asked)
    other = lab.do(projects.create, "other")
    for use_case, request in (
        (network_acls.replace_association, ReplaceNetworkAclAssociation(after, lab.acl_id)),
        (network_acls.delete, lab.acl_id),
        (network_acls.create_entry, entry(lab.acl_id)),
    ):
        with pytest.raises(CloudError, match="does not exist"):
            lab.region.do(use_case, request, project_id=other)


def test_a_vpc_takes_its_default_acl_along_and_no_other(lab: Lab) -> None:
    lab.do(subnets.delete, lab.subnet_id)
    refused = lab.refuses("DependencyViolation", vpcs.delete, lab.vpc_id)
    assert list(refused.blocking_ids) == [lab.acl_id]
    lab.do(network_acls.delete, lab.acl_id)
    lab.do(vpcs.delete, lab.vpc_id)
    assert not lab.region.state.network_acls.vpc.of(lab.vpc_id)


def test_filters_are_ec2s(lab: Lab) -> None:
    tcp = entry(lab.acl_id, protocol="tcp", from_port=22, to_port=23, cidr_block="10.9.0.0/16")
    lab.do(network_acls.create_entry, tcp)
    ping = entry(lab.acl_id, rule_number=7, protocol="icmp", icmp_type=8, icmp_code=-1, egress=True)
    lab.do(network_acls.create_entry, ping)
    six = entry(lab.acl_id, rule_number=8, cidr_block="", ipv6_cidr_block="2001:db8::/32", rule_action="deny")
    lab.do(network_acls.create_entry, six)
    association_id = lab.guard(lab.acl_id)
    for name, value in (
        ("association.association-id", association_id),
        ("association.network-acl-id", lab.acl_id),
        ("association.subnet-id", lab.subnet_id),
        ("entry.cidr", "10.9.*"),
        ("entry.ipv6-cidr", "2001:db8::/32"),
        ("entry.protocol", "tcp"),
        ("entry.protocol", "1"),
        ("entry.rule-number", "7"),
        ("entry.port-range.from", "22"),
        ("entry.port-range.to", "23"),
        ("entry.icmp.type", "8"),
        ("entry.icmp.code", "-1"),
        ("network-acl-id", lab.acl_id),
    ):
        assert lab.found(name, value) == [lab.acl_id], name
    for name, value in (("entry.rule-action", "deny"), ("entry.egress", "true"), ("vpc-id", lab.vpc_id)):
        assert lab.acl_id in lab.found(name, value), name
    assert lab.acl_id not in lab.found("default", "true")


def test_hosts_are_told_of_ipv4_alone_and_in_order(lab: Lab) -> None:
    lab.do(network_acls.create_entry, entry(lab.acl_id, rule_number=9, rule_action="deny", cidr_block="10.0.0.0/8"))
    lab.do(network_acls.create_entry, entry(lab.acl_id, rule_number=5, cidr_block="", ipv6_cidr_block="::/0"))
    lab.do(network_acls.create_entry, entry(lab.acl_id, protocol="tcp", from_port=1, to_port=2))
    told = messages.network_acl(lab.region.state, lab.row(), NAME)
    assert [(row.rule.is_egress, row.rule.ip_protocol, row.rule.cidr_ipv4, row.is_allowed) for row in told.entries] == [
        (False, "-1", "10.0.0.0/8", False),
        (False, "6", "0.0.0.0/0", True),
    ]


def test_where_an_acl_stops_anything_agents_that_know_none_are_given_no_instance(lab: Lab) -> None:
    """It would reach whatever it likes."""
    (host,) = lab.region.state.hosts
    lab.region.put(replace(host, features=(Feature.FIRMWARE,)))
    held = lab.region.launch(subnet_id=lab.subnet_id)
    lab.do(power.stop, StopInstances([held]))
    lab.region.converge()
    lab.guard(lab.acl_id)
    with pytest.raises(NoCapacity) as caught:
        lab.region.run(subnet_id=lab.subnet_id)
    assert "does not know 'network_acls'" in caught.value.refusals[0].reason
    lab.refuses("InsufficientInstanceCapacity", power.start, [held])
    lab.guard(lab.default_id)
    lab.do(power.start, [held])
