"""Peerings of VPCs: asked for, answered, ended, seen by both sides, and what hosts are told."""

from datetime import timedelta
from typing import Any

import pytest

from controlplane.ids import Prefix
from controlplane.model.host import HostRole
from controlplane.service import projects, route_tables, subnets, sweeping, vpc_peerings, vpcs
from controlplane.service.route_tables import CreateRoute
from controlplane.service.subnets import CreateSubnet
from controlplane.service.vpc_peerings import CreateVpcPeeringConnection
from controlplane.service.vpcs import CreateVpc
from tests.unit.fed import Lab
from tests.unit.region import ZONES, Region
from tests.unit.told import objects_of


@pytest.fixture
def lab() -> Lab:
    return Lab()


def make(region: Region, cidr_block: str, project_id: str = "") -> str:
    vpc_id: str = region.do(vpcs.create, CreateVpc(cidr_block), project_id=project_id)
    return vpc_id


def ask(region: Region, vpc_id: str, peer_vpc_id: str, owner: str = "") -> str:
    asked = CreateVpcPeeringConnection(vpc_id, peer_vpc_id, owner)
    peering_id: str = region.do(vpc_peerings.create, asked)
    return peering_id


def peered(region: Region, vpc_id: str, peer_vpc_id: str) -> str:
    peering_id = ask(region, vpc_id, peer_vpc_id)
    region.do(vpc_peerings.accept, peering_id)
    return peering_id


def status(region: Region, peering_id: str) -> str:
    return region.state.vpc_peering_connections[peering_id].status.value


def refuses(region: Region, code: str, use_case: Any, *request: Any, project_id: str = "") -> str:
    return region.refuses(code, use_case, *request, project_id=project_id).message


def other_project(region: Region) -> str:
    project_id: str = region.do(projects.create, "other")
    return project_id


def main_table(region: Region, vpc_id: str) -> str:
    return next(row.id for row in region.state.route_tables.vpc.of(vpc_id) if row.is_main)


def route_state(region: Region, vpc_id: str) -> str:
    table = region.state.route_tables[main_table(region, vpc_id)]
    return route_tables.state_of(region.state, table, table.routes[-1])


def test_a_peering_across_projects_is_accepted_by_the_other_alone(lab: Lab) -> None:
    other = other_project(lab)
    ours, theirs = make(lab, "10.1.0.0/16"), make(lab, "10.2.0.0/16", other)
    peering_id = ask(lab, ours, theirs, other)
    assert status(lab, peering_id) == "pending-acceptance"
    for call in (vpc_peerings.accept, vpc_peerings.reject):
        assert other in refuses(lab, "OperationNotPermitted", call, peering_id)
    lab.do(vpc_peerings.accept, peering_id, project_id=other)
    assert status(lab, peering_id) == "active"
    for project_id in ("", other):
        rows = vpc_peerings.select(lab.state, lab.call(project_id), [])
        assert [row.id for row in rows] == [peering_id]
    refuses(lab, "InvalidStateTransition", vpc_peerings.accept, peering_id, project_id=other)
    lab.do(vpc_peerings.delete, peering_id, project_id=other)
    assert status(lab, peering_id) == "deleted"
    refuses(lab, "InvalidStateTransition", vpc_peerings.delete, peering_id)


def test_a_third_project_sees_nothing(lab: Lab) -> None:
    peering_id = ask(lab, make(lab, "10.1.0.0/16"), make(lab, "10.2.0.0/16"))
    third = other_project(lab)
    for call in (vpc_peerings.accept, vpc_peerings.reject, vpc_peerings.delete):
        refuses(lab, "InvalidVpcPeeringConnectionID.NotFound", call, peering_id, project_id=third)
    assert vpc_peerings.select(lab.state, lab.call(third), []) == []


def test_whose_vpc_it_is_has_to_be_known(lab: Lab) -> None:
    other = other_project(lab)
    ours, theirs = make(lab, "10.1.0.0/16"), make(lab, "10.2.0.0/16", other)
    for peer, owner in ((theirs, ""), (theirs, lab.call().project_id), (lab.mint(Prefix.VPC), other)):
        request = CreateVpcPeeringConnection(ours, peer, owner)
        refuses(lab, "InvalidVpcID.NotFound", vpc_peerings.create, request)
    refuses(lab, "InvalidVpcID.NotFound", vpc_peerings.create, CreateVpcPeeringConnection(theirs, ours))
    refuses(lab, "MissingParameter", vpc_peerings.create, CreateVpcPeeringConnection(ours, ""))


def test_vpcs_with_addresses_in_common_do_not_peer(lab: Lab) -> None:
    one, two, inner = make(lab, "10.1.0.0/16"), make(lab, "10.2.0.0/16"), make(lab, "10.2.3.0/24")
    message = refuses(lab, "InvalidParameterValue", vpc_peerings.create, CreateVpcPeeringConnection(two, inner))
    assert "10.2.3.0/24" in message
    refuses(lab, "InvalidParameterValue", vpc_peerings.create, CreateVpcPeeringConnection(one, one))
    waiting = ask(lab, one, inner)
    peered(lab, two, one)
    message = refuses(lab, "InvalidParameterValue", vpc_peerings.accept, waiting)
    assert f"{one} peers with {two}" in message, "of which one's guests could not tell it"
    lab.do(vpc_peerings.reject, waiting)
    refuses(lab, "InvalidParameterValue", vpc_peerings.create, CreateVpcPeeringConnection(inner, one))


def test_two_have_one_peering_at_a_time(lab: Lab) -> None:
    one, two = make(lab, "10.1.0.0/16"), make(lab, "10.2.0.0/16")
    peering_id = ask(lab, one, two)
    error = lab.refuses("VpcPeeringConnectionAlreadyExists", vpc_peerings.create, CreateVpcPeeringConnection(two, one))
    assert list(error.blocking_ids) == [peering_id]
    assert error.message.endswith(f"accept it (`stead vpc-peering accept {peering_id}`)")
    lab.do(vpc_peerings.reject, peering_id)
    assert status(lab, peering_id) == "rejected"
    peering_id = ask(lab, two, one)
    lab.do(vpc_peerings.accept, peering_id)
    error = lab.refuses("VpcPeeringConnectionAlreadyExists", vpc_peerings.create, CreateVpcPeeringConnection(one, two))
    assert error.message.endswith("which is active; make routes to it in both VPCs, or delete it first")
    other = other_project(lab)
    theirs = make(lab, "10.3.0.0/16", other)
    ask(lab, one, theirs, other)
    asked = CreateVpcPeeringConnection(one, theirs, other)
    error = lab.refuses("VpcPeeringConnectionAlreadyExists", vpc_peerings.create, asked)
    assert f"{other} has to accept it (" in error.message


def test_before_it_is_accepted_its_requester_may_delete_it(lab: Lab) -> None:
    other = other_project(lab)
    peering_id = ask(lab, make(lab, "10.1.0.0/16"), make(lab, "10.2.0.0/16", other), other)
    assert "reject it" in refuses(lab, "InvalidStateTransition", vpc_peerings.delete, peering_id, project_id=other)
    lab.do(vpc_peerings.delete, peering_id)
    refuses(lab, "InvalidStateTransition", vpc_peerings.reject, peering_id, project_id=other)


def test_nobody_answers_for_a_week_and_what_is_over_is_forgotten(lab: Lab) -> None:
    one, two = make(lab, "10.1.0.0/16"), make(lab, "10.2.0.0/16")
    peering_id = ask(lab, one, two)
    lab.now += timedelta(days=7)
    refuses(lab, "InvalidStateTransition", vpc_peerings.accept, peering_id)
    lab.do(sweeping.sweep)
    assert status(lab, peering_id) == "expired"
    lab.do(sweeping.sweep)
    assert peering_id in lab.state.vpc_peering_connections
    lab.now += timedelta(hours=2)
    lab.do(sweeping.sweep)
    assert peering_id not in lab.state.vpc_peering_connections


def test_who_asks_a_stranger_learns_nothing_of_its_addresses_and_peers(lab: Lab) -> None:
    other, third = other_project(lab), lab.do(projects.create, "third")
    theirs, secret = make(lab, "10.2.0.0/16", other), make(lab, "10.3.3.0/24", third)
    beside = lab.do(vpc_peerings.create, CreateVpcPeeringConnection(theirs, secret, third), project_id=other)
    lab.do(vpc_peerings.accept, beside, project_id=third)
    inner, ours = make(lab, "10.2.3.0/24"), make(lab, "10.3.0.0/16")
    request = CreateVpcPeeringConnection(inner, theirs, other)
    message = refuses(lab, "InvalidParameterValue", vpc_peerings.create, request)
    assert inner in message
    assert "10.2.0.0/16" not in message
    peering_id = ask(lab, ours, theirs, other)
    message = refuses(lab, "InvalidParameterValue", vpc_peerings.accept, peering_id, project_id=other)
    assert f"{theirs} peers with {secret} (10.3.3.0/24)" in message
    assert "10.3.0.0/16" not in message


def test_who_accepts_learns_nothing_of_the_requester_s_peers(lab: Lab) -> None:
    other = other_project(lab)
    ours, secret, theirs = make(lab, "10.1.0.0/16"), make(lab, "10.2.0.0/16"), make(lab, "10.2.3.0/24", other)
    peering_id = ask(lab, ours, theirs, other)
    peered(lab, ours, secret)
    message = refuses(lab, "InvalidParameterValue", vpc_peerings.accept, peering_id, project_id=other)
    assert f"{theirs} (10.2.3.0/24)" in message
    assert not any(word in message for word in (secret, "10.2.0.0/16"))
    request = CreateVpcPeeringConnection(ours, theirs, other)
    lab.do(vpc_peerings.reject, peering_id, project_id=other)
    assert secret in refuses(lab, "InvalidParameterValue", vpc_peerings.create, request), "one's own are named"


def test_strangers_requests_take_no_room_and_accepted_ones_do() -> None:
    lab = Region(peerings_per_vpc=1)
    other = other_project(lab)
    one, two, three = (make(lab, f"10.{number}.0.0/16") for number in (1, 2, 3))
    theirs, apart = make(lab, "10.8.0.0/16", other), make(lab, "10.9.0.0/16", other)
    asked = [ask(lab, vpc_id, theirs, other) for vpc_id in (one, two)]
    request = CreateVpcPeeringConnection(one, three)
    assert one in refuses(lab, "VpcPeeringConnectionsPerVpcLimitExceeded", vpc_peerings.create, request)
    own = lab.do(vpc_peerings.create, CreateVpcPeeringConnection(theirs, apart), project_id=other)
    error = "VpcPeeringConnectionsPerVpcLimitExceeded"
    assert theirs in refuses(lab, error, vpc_peerings.accept, asked[0], project_id=other)
    lab.do(vpc_peerings.delete, own, project_id=other)
    lab.do(vpc_peerings.accept, asked[0], project_id=other)
    assert theirs in refuses(lab, error, vpc_peerings.accept, asked[1], project_id=other)


def test_requests_are_withdrawn_with_either_vpc(lab: Lab) -> None:
    other = other_project(lab)
    one, two, theirs = make(lab, "10.1.0.0/16"), make(lab, "10.2.0.0/16"), make(lab, "10.8.0.0/16", other)
    asked = [ask(lab, vpc_id, theirs, other) for vpc_id in (one, two)]
    lab.do(vpcs.delete, one)
    assert [status(lab, each) for each in asked] == ["deleted", "pending-acceptance"]
    refuses(lab, "InvalidStateTransition", vpc_peerings.accept, asked[0], project_id=other)
    lab.do(vpcs.delete, theirs, project_id=other)
    assert status(lab, asked[1]) == "deleted"


def test_a_vpc_with_an_active_peering_is_not_deleted(lab: Lab) -> None:
    one, two = make(lab, "10.1.0.0/16"), make(lab, "10.2.0.0/16")
    peering_id = peered(lab, one, two)
    for vpc_id in (one, two):
        assert list(lab.refuses("DependencyViolation", vpcs.delete, vpc_id).blocking_ids) == [peering_id]
    lab.do(vpc_peerings.delete, peering_id)
    for vpc_id in (one, two):
        lab.do(vpcs.delete, vpc_id)


def test_routes_lead_there_while_it_is_active(lab: Lab) -> None:
    one, two, three = (make(lab, f"10.{number}.0.0/16") for number in (1, 2, 3))
    peering_id = ask(lab, one, two)
    route = CreateRoute(main_table(lab, one), "10.2.0.0/16", vpc_peering_connection_id=peering_id)
    lab.do(route_tables.create_route, route)
    assert route_state(lab, one) == "blackhole"
    lab.do(vpc_peerings.accept, peering_id)
    assert route_state(lab, one) == "active"
    lab.do(vpc_peerings.delete, peering_id)
    assert route_state(lab, one) == "blackhole"
    again = CreateRoute(main_table(lab, two), "10.1.0.0/16", vpc_peering_connection_id=peering_id)
    refuses(lab, "InvalidVpcPeeringConnectionID.NotFound", route_tables.create_route, again)
    foreign = CreateRoute(main_table(lab, three), "10.1.0.0/16", vpc_peering_connection_id=ask(lab, one, two))
    assert three in refuses(lab, "InvalidParameterValue", route_tables.create_route, foreign)
    both = CreateRoute(main_table(lab, one), "10.9.0.0/16", "igw-1", vpc_peering_connection_id=peering_id)
    refuses(lab, "InvalidParameterCombination", route_tables.create_route, both)


def test_hosts_of_either_take_part_in_both(lab: Lab) -> None:
    other_host = lab.add_host(ZONES[1], (HostRole.COMPUTE, HostRole.STORAGE))
    one, two = make(lab, "10.1.0.0/16"), make(lab, "10.2.0.0/16")
    homes = {one: lab.compute, two: other_host}
    launched = []
    for vpc_id, zone in ((one, ZONES[0]), (two, ZONES[1])):
        cidr_block = f"{lab.state.vpcs[vpc_id].cidr_block.removesuffix('0.0/16')}1.0/24"
        subnet_id = lab.do(subnets.create, CreateSubnet(vpc_id, cidr_block, zone))
        launched += lab.run(subnet_id=subnet_id)
    peering_id = ask(lab, one, two)
    for vpc_id, host_id in homes.items():
        assert objects_of(lab.state, host_id).keys() & {one, two} == {vpc_id}, "it waits to be accepted"
    lab.do(vpc_peerings.accept, peering_id)
    for host_id in homes.values():
        objects = objects_of(lab.state, host_id)
        assert objects.keys() >= {one, two}
        (seen,) = objects[one]["vpc", one].peerings
        assert (seen.id, seen.vpc_id, seen.cidr_block) == (peering_id, two, "10.2.0.0/16")
        (seen,) = objects[two]["vpc", two].peerings
        assert (seen.id, seen.vpc_id, seen.cidr_block) == (peering_id, one, "10.1.0.0/16")
    assert {(vpc_id, "vpc") for vpc_id in homes} <= lab.objects
    assert lab.last.moved == set(homes.values())
    lab.do(vpc_peerings.delete, peering_id)
    for vpc_id, host_id in homes.items():
        assert objects_of(lab.state, host_id).keys() & {one, two} == {vpc_id}
