"""From one end to another: which route, ACL, group or gateway lets a packet by, and which stops it."""

from dataclasses import dataclass
from typing import Any

import pytest

from controlplane.model.state import Change, State
from controlplane.service import (
    addresses,
    nat_gateways,
    network_acls,
    paths,
    private_addresses,
    projects,
    route_tables,
    security_group_rules,
    security_groups,
    subnets,
)
from controlplane.service.addresses import AllocateAddress, AssociateAddress
from controlplane.service.call import Call
from controlplane.service.nat_gateways import CreateNatGateway
from controlplane.service.network_acls import (
    CreateNetworkAcl,
    CreateNetworkAclEntry,
    DeleteNetworkAclEntry,
    ReplaceNetworkAclAssociation,
)
from controlplane.service.paths import ExplainPath, Step
from controlplane.service.permissions import Permission
from controlplane.service.private_addresses import AssignPrivateIpAddresses
from controlplane.service.route_tables import DeleteRoute
from controlplane.service.security_group_rules import Authorize
from controlplane.service.security_groups import CreateSecurityGroup
from controlplane.service.subnets import CreateSubnet
from tests.unit.region import ZONES, Region

OUTSIDE = "198.51.100.9"


@dataclass
class Ends:
    """Two instances of the default VPC, in subnets of their own; the second one's group lets in what it is told."""

    region: Region

    def __post_init__(self) -> None:
        self.region.add_host()
        self.vpc_id = next(iter(self.region.state.vpcs)).id
        self.subnet_id = self.region.do(subnets.create, CreateSubnet(self.vpc_id, "172.31.128.0/20", ZONES[0]))
        self.group_id = self.region.do(security_groups.create, CreateSecurityGroup("web", "x"))
        self.first = self.region.launch()
        self.second = self.region.launch(subnet_id=self.subnet_id, security_group_ids=[self.group_id])

    def let_in(self, *permissions: Permission) -> list[str]:
        made: list[str] = self.region.do(
            security_group_rules.authorize, Authorize(self.group_id, False, list(permissions))
        )
        return made

    def guard(self) -> str:
        """The second one's subnet has an ACL that lets nothing by."""
        acl_id: str = self.region.do(network_acls.create, CreateNetworkAcl(self.vpc_id))
        association_id = self.region.state.subnets[self.subnet_id].network_acl_association_id
        asked = ReplaceNetworkAclAssociation(association_id, acl_id)
        self.region.do(network_acls.replace_association, asked)
        return acl_id

    def enter(self, acl_id: str, **fields: Any) -> None:
        given = {"protocol": "tcp", "rule_action": "allow", "cidr_block": "0.0.0.0/0"} | fields
        self.region.do(network_acls.create_entry, CreateNetworkAclEntry(acl_id, **given))

    def explain(self, source: str, destination: str, **fields: Any) -> list[Step]:
        asked = ExplainPath(source, destination, **{"port": 22} | fields)
        return paths.explain(self.region.state, self.region.call(), asked)

    def last(self, source: str, destination: str, **fields: Any) -> tuple[str, str, bool]:
        step = self.explain(source, destination, **fields)[-1]
        return step.kind, step.line, step.allows


@pytest.fixture
def ends() -> Ends:
    return Ends(Region())


def test_a_packet_within_a_vpc_meets_these_lines_in_this_order(ends: Ends) -> None:
    assert ends.last(ends.first, ends.second) == ("security-group", "", False), "nothing lets it in"
    (rule_id,) = ends.let_in(Permission("tcp", 22, 22, "172.31.0.0/16", "", ""))
    steps = ends.explain(ends.first, ends.second)
    assert [(step.kind, step.allows) for step in steps] == [
        ("route-table", True),
        ("network-acl", True),
        ("security-group", True),
        ("network-acl", True),
        ("security-group", True),
        ("network-acl", True),
        ("network-acl", True),
    ]
    assert steps[0].line == "172.31.0.0/16 to local"
    assert (steps[4].resource_id, steps[4].line) == (ends.group_id, rule_id)
    assert ends.last(ends.first, ends.second, port=23) == ("security-group", "", False)
    assert ends.last(ends.first, ends.second, protocol="udp") == ("security-group", "", False)
    address = ends.region.interface(ends.second).private_ip
    assert ends.explain(ends.first, address) == steps, "by its address it is the same"


def test_a_group_as_peer_is_its_members(ends: Ends) -> None:
    (default,) = ends.region.interface(ends.first).group_ids
    ends.let_in(Permission("tcp", 22, 22, "", default, ""))
    assert ends.last(ends.first, ends.second)[2]
    assert ends.last(OUTSIDE, ends.second) == ("internet-gateway", "", False), "it has no public address"


def test_acls_decide_of_what_enters_and_of_answers_by_the_first_entry_that_matches(ends: Ends) -> None:
    ends.let_in(Permission("tcp", 0, 65535, "0.0.0.0/0", "", ""), Permission("icmp", 8, -1, "0.0.0.0/0", "", ""))
    acl_id = ends.guard()
    assert ends.last(ends.first, ends.second) == ("network-acl", "*", False)
    ends.enter(acl_id, rule_number=100, from_port=20, to_port=30)
    kind, line, allows = ends.last(ends.first, ends.second)
    assert (kind, line, allows) == ("network-acl", "*", False)
    assert ends.explain(ends.first, ends.second)[-1].detail.endswith(", an answer")
    ends.enter(acl_id, rule_number=100, from_port=1024, to_port=65535, egress=True)
    assert ends.last(ends.first, ends.second)[2]
    assert not ends.last(ends.first, ends.second, source_port=1000)[2]
    ends.enter(acl_id, rule_number=90, from_port=22, to_port=22, rule_action="deny")
    assert ends.last(ends.first, ends.second) == ("network-acl", "90", False)
    ends.enter(acl_id, rule_number=80, protocol="icmp", icmp_type=8, icmp_code=-1)
    assert ends.last(ends.first, ends.second, protocol="icmp") == ("network-acl", "*", False), "its answer"
    ends.enter(acl_id, rule_number=80, protocol="icmp", icmp_type=0, icmp_code=0, egress=True)
    assert ends.last(ends.first, ends.second, protocol="icmp")[2]


def test_within_a_subnet_no_acl_is_met(ends: Ends) -> None:
    third = ends.region.launch(subnet_id=ends.subnet_id)
    ends.let_in(Permission("tcp", 22, 22, "0.0.0.0/0", "", ""))
    ends.guard()
    assert [step.kind for step in ends.explain(third, ends.second)] == ["route-table", *["security-group"] * 2]


def test_to_the_outside_it_takes_a_route_and_a_public_address(ends: Ends) -> None:
    assert [step.kind for step in ends.explain(ends.first, OUTSIDE)] == [
        *("route-table", "network-acl", "security-group", "internet-gateway", "network-acl"),
    ]
    assert ends.last(ends.second, OUTSIDE) == ("internet-gateway", "", False), "it has no public address"
    (table,) = ends.region.state.route_tables
    ends.region.do(route_tables.delete_route, DeleteRoute(table.id, "0.0.0.0/0"))
    assert ends.last(ends.first, OUTSIDE) == ("route-table", "", False)
    assert ends.last(OUTSIDE, ends.first) == ("internet-gateway", "", False), "nor does anybody reach it"


def test_what_enters_from_the_outside_is_stopped_by_the_acl_of_the_sender_at_last(ends: Ends) -> None:
    (acl,) = ends.region.state.network_acls
    ends.region.do(network_acls.delete_entry, DeleteNetworkAclEntry(acl.id, 100))
    assert ends.last(ends.first, OUTSIDE) == ("network-acl", "*", False), "answers do not enter"
    assert ends.last(OUTSIDE, ends.first) == ("network-acl", "*", False)


def test_a_public_address_is_its_interface_to_what_is_outside(ends: Ends) -> None:
    state, card = ends.region.state, ends.region.interface(ends.first)
    (row,) = state.addresses.interface.of(card.id)
    assert ends.explain(OUTSIDE, row.public_ip) == ends.explain(OUTSIDE, ends.first)
    assert ends.explain(row.public_ip, OUTSIDE) == ends.explain(ends.first, OUTSIDE)
    stranger = ends.region.do(projects.create, "other")
    asked = ExplainPath(OUTSIDE, row.public_ip, port=22)
    refused = ends.region.refuses("InvalidParameterCombination", _explained, asked, project_id=stranger)
    assert f"{OUTSIDE} and {row.public_ip} are both outside" in refused.message


def test_a_public_address_may_be_of_a_secondary_one_and_of_a_nat_gateway_nobody_reaches_it(ends: Ends) -> None:
    region, card = ends.region, ends.region.interface(ends.second)
    region.do(private_addresses.assign, AssignPrivateIpAddresses(card.id, ["172.31.128.77"]))
    one, two = (region.do(addresses.allocate, AllocateAddress()) for _ in range(2))
    asked = AssociateAddress(one, network_interface_id=card.id, private_ip_address="172.31.128.77")
    region.do(addresses.associate, asked)
    (step, *_) = ends.explain(OUTSIDE, region.state.addresses[one].public_ip)
    assert step.detail.endswith(" is 172.31.128.77")
    region.do(nat_gateways.create, CreateNatGateway(ends.subnet_id, two))
    unreached = ExplainPath(OUTSIDE, region.state.addresses[two].public_ip, port=22)
    region.refuses("InvalidParameterCombination", _explained, unreached)


def _explained(state: State, call: Call, request: ExplainPath) -> tuple[Change, None]:
    paths.explain(state, call, request)
    return Change(), None


def test_nobody_s_address_is_told_as_such(ends: Ends) -> None:
    assert ends.last(ends.first, "172.31.128.200") == ("route-table", "172.31.0.0/16 to local", False)


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("MissingParameter", {"source": ""}),
        ("InvalidParameterValue", {"source": "web"}),
        ("InvalidParameterCombination", {"source": OUTSIDE}),
        ("MissingParameter", {"port": 0}),
        ("InvalidParameterValue", {"port": 65536}),
        ("InvalidParameterValue", {"protocol": "gre"}),
        ("InvalidInstanceID.NotFound", {"source": "i-" + "0" * 17}),
    ],
)
def test_what_cannot_be_asked_is_refused(ends: Ends, code: str, fields: dict[str, Any]) -> None:
    given: dict[str, Any] = {"source": ends.first, "destination": OUTSIDE, "port": 22} | fields
    ends.region.refuses(code, _explained, ExplainPath(**given))
