"""NAT gateways: what they need, what holds on to them, and what becomes of them with simulated agents."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controlplane.model.host import HostRole
from controlplane.model.instance import ObservedKind
from controlplane.model.nat_gateway import NatGateway
from controlplane.model.state import Change
from controlplane.service import (
    addresses,
    host_removal,
    instances,
    interface_attachments,
    internet_gateways,
    nat_gateways,
    network_interfaces,
    private_addresses,
    route_tables,
    subnets,
    sweeping,
    vpcs,
)
from controlplane.service.addresses import AllocateAddress, AssociateAddress
from controlplane.service.features import Feature
from controlplane.service.interface_attachments import AttachNetworkInterface
from controlplane.service.internet_gateways import AttachInternetGateway
from controlplane.service.launch_interfaces import NetworkInterfaceSpecification
from controlplane.service.nat_gateways import LATELY, CreateNatGateway, Uses
from controlplane.service.network_interfaces import ModifyNetworkInterfaceAttribute
from controlplane.service.presence import HostStatus, Presence
from controlplane.service.private_addresses import AssignPrivateIpAddresses
from controlplane.service.route_tables import CreateRoute, ReplaceRouteTableAssociation
from controlplane.service.subnets import CreateSubnet
from controlplane.service.vpcs import CreateVpc
from tests.unit.region import NOW, ZONES
from tests.unit.test_service_route_tables import ANYWHERE, Lab

GATEWAY = ObservedKind.GATEWAY


class NatLab(Lab):
    """A VPC with an internet gateway, whose second subnet is public."""

    def __init__(self, **policy: int) -> None:
        super().__init__(**policy)
        self.igw_id = self.gateway()
        self.public_id = self.table()
        self.do(route_tables.create_route, CreateRoute(self.public_id, ANYWHERE, self.igw_id))
        self.do(route_tables.associate, route_tables.AssociateRouteTable(self.public_id, self.second))

    def address(self) -> str:
        made: str = self.do(addresses.allocate, AllocateAddress())
        return made

    def create(self, subnet_id: str = "", allocation_id: str = "", private_ip: str = "") -> str:
        asked = CreateNatGateway(subnet_id or self.second, allocation_id or self.address(), private_ip)
        made: str = self.do(nat_gateways.create, asked)
        return made

    def nat(self, nat_gateway_id: str) -> NatGateway:
        return self.region.state.nat_gateways[nat_gateway_id]

    def state_of(self, nat_gateway_id: str) -> str:
        return nat_gateways.state_of(self.region.state, self.nat(nat_gateway_id))

    def problems(self, nat_gateway_id: str, status: HostStatus = HostStatus.CONNECTED) -> str:
        presence = Presence(status, NOW, "it left", NOW)
        row, state = self.nat(nat_gateway_id), self.region.state
        return "; ".join(nat_gateways.problems(state, lambda host_id: presence, row, None, self.region.now))


@pytest.fixture
def lab() -> NatLab:
    return NatLab()


def test_it_begins_pending_and_is_available_when_its_host_has_it(lab: NatLab) -> None:
    nat_id = lab.create(private_ip="10.0.2.77")
    row, state = lab.nat(nat_id), lab.region.state
    assert lab.state_of(nat_id) == "pending"
    assert (row.vpc_id, row.zone, row.private_ip) == (lab.vpc_id, ZONES[0], "10.0.2.77")
    interface = state.interfaces[row.interface_id]
    assert (interface.subnet_id, interface.private_ip, interface.instance_id) == (lab.second, "10.0.2.77", "")
    assert state.addresses[row.allocation_id].interface_id == interface.id
    lab.region.exchange()
    assert lab.state_of(nat_id) == "available", "in a VPC without any instance"
    assert lab.problems(nat_id) == ""


def test_what_it_needs_is_named_where_it_is_missing(lab: NatLab) -> None:
    state, address = lab.region.state, lab.address()

    def refused(code: str, subnet_id: str, allocation_id: str, private_ip: str = "") -> list[str]:
        asked = CreateNatGateway(subnet_id, allocation_id, private_ip)
        return list(lab.refuses(code, nat_gateways.create, asked).blocking_ids)

    refused("MissingParameter", "", address)
    refused("MissingParameter", lab.second, "")
    refused("InvalidSubnetID.NotFound", "subnet-00000000000000bad", address)
    refused("InvalidAllocationID.NotFound", lab.second, "eipalloc-00000000000000bad")
    refused("InvalidAllocationID.Malformed", lab.second, "192.0.2.1")
    refused("InvalidParameterValue", lab.second, address, "10.0.1.5")
    instance_id = lab.region.launch(subnet_id=lab.second)
    first = lab.region.interface(instance_id)
    assert refused("InvalidIPAddress.InUse", lab.second, address, first.private_ip) == [first.id]
    lab.do(addresses.associate, AssociateAddress(address, instance_id))
    assert refused("Resource.AlreadyAssociated", lab.second, address) == [instance_id]
    nat_id = lab.create()
    assert refused("Resource.AlreadyAssociated", lab.second, lab.nat(nat_id).allocation_id) == [nat_id]
    closed = lab.do(subnets.create, CreateSubnet(lab.do(vpcs.create, CreateVpc("10.8.0.0/16")), "10.8.0.0/24"))
    refused("Gateway.NotAttached", closed, lab.address())
    assert [row.id for row in state.nat_gateways] == [nat_id]


def test_its_interface_counts_as_one_of_the_project(lab: NatLab) -> None:
    held = lab.region.state.interfaces.project.count(lab.region.project_id)
    lab.region.policy = replace(lab.region.policy, network_interfaces=held + 1)
    interface = lab.region.state.interfaces[lab.nat(nat_id := lab.create()).interface_id]
    assert (interface.description, interface.group_ids) == (f"Interface for NAT Gateway {nat_id}", ())
    asked = CreateNatGateway(lab.second, lab.address())
    lab.refuses("NetworkInterfaceLimitExceeded", nat_gateways.create, asked)


def test_a_full_subnet_has_no_room_for_it(lab: NatLab) -> None:
    lab.region.add_host(vcpus=64)
    small = lab.do(subnets.create, CreateSubnet(lab.vpc_id, "10.0.9.0/28", ZONES[0]))
    for _ in range(11):
        lab.region.run(subnet_id=small)
    asked = CreateNatGateway(small, lab.address())
    lab.refuses("InsufficientFreeAddressesInSubnet", nat_gateways.create, asked)


def test_a_zone_has_so_many_of_a_project() -> None:
    lab = NatLab(nat_gateways_per_zone=1)
    nat_id = lab.create()
    other_zone = lab.do(subnets.create, CreateSubnet(lab.vpc_id, "10.0.9.0/24", ZONES[1]))
    asked = CreateNatGateway(lab.first, lab.address())
    lab.refuses("NatGatewayLimitExceeded", nat_gateways.create, asked)
    lab.create(subnet_id=other_zone)
    lab.do(nat_gateways.delete, nat_id)
    lab.create(subnet_id=lab.first)


def test_what_it_needs_is_not_taken_away_from_it(lab: NatLab) -> None:
    nat_id = lab.create()
    row = lab.nat(nat_id)
    lab.region.exchange()
    address = lab.region.state.addresses[row.allocation_id]
    instance_id = lab.region.launch(subnet_id=lab.second)
    detached = AttachInternetGateway(lab.igw_id, lab.vpc_id)
    for code, use_case, asked, blocker in (
        ("DependencyViolation", internet_gateways.detach, detached, nat_id),
        ("DependencyViolation", addresses.disassociate, address.association_id, nat_id),
        ("InvalidIPAddress.InUse", addresses.release, address.id, nat_id),
        ("Resource.AlreadyAssociated", addresses.associate, AssociateAddress(address.id, instance_id), nat_id),
        ("DependencyViolation", subnets.delete, lab.second, row.interface_id),
    ):
        assert blocker in lab.refuses(code, use_case, asked).blocking_ids
    assert nat_id in str(lab.refuses("DependencyViolation", subnets.delete, lab.second))


def test_when_it_is_deleted_its_host_lets_go_first_and_its_address_stays(lab: NatLab) -> None:
    nat_id = lab.create()
    row, state = lab.nat(nat_id), lab.region.state
    lab.region.exchange()
    lab.do(nat_gateways.delete, nat_id)
    assert lab.state_of(nat_id) == "deleting"
    assert row.interface_id in state.interfaces
    assert state.addresses[row.allocation_id].interface_id == ""
    lab.do(nat_gateways.delete, nat_id)
    lab.region.exchange()
    assert lab.state_of(nat_id) == "deleted"
    assert row.interface_id not in state.interfaces
    assert lab.nat(nat_id).deleted_at == lab.region.now
    lab.do(addresses.release, row.allocation_id)
    for subnet_id in (lab.first, lab.second):
        lab.do(subnets.delete, subnet_id)
    lab.do(internet_gateways.detach, AttachInternetGateway(lab.igw_id, lab.vpc_id))
    lab.do(sweeping.sweep)
    assert lab.state_of(nat_id) == "deleted", "for an hour it is listed"
    lab.region.now += timedelta(hours=2)
    lab.do(sweeping.sweep)
    assert nat_id not in state.nat_gateways


def test_while_it_is_deleting_its_interface_is_nobody_elses(lab: NatLab) -> None:
    nat_id, other = lab.create(), lab.address()
    eni, instance_id = lab.nat(nat_id).interface_id, lab.region.launch(subnet_id=lab.second)
    image_id = next(iter(lab.region.state.images)).id
    lab.do(nat_gateways.delete, nat_id)
    first = [NetworkInterfaceSpecification(network_interface_id=eni)]
    for use_case, asked in (
        (network_interfaces.delete, eni),
        (network_interfaces.modify, ModifyNetworkInterfaceAttribute(eni, description="mine")),
        (addresses.associate, AssociateAddress(other, network_interface_id=eni)),
        (interface_attachments.attach, AttachNetworkInterface(eni, instance_id)),
        (private_addresses.assign, AssignPrivateIpAddresses(eni, secondary_private_ip_address_count=1)),
        (instances.run, instances.RunInstances(image_id=image_id, network_interfaces=first)),
    ):
        assert list(lab.refuses("OperationNotPermitted", use_case, asked).blocking_ids) == [nat_id]
    state = lab.region.state
    assert network_interfaces.status_of(state, state.interfaces[eni]) == "in-use"
    detached = AttachInternetGateway(lab.igw_id, lab.vpc_id)
    assert nat_id in lab.refuses("DependencyViolation", internet_gateways.detach, detached).blocking_ids
    lab.region.converge()
    assert lab.state_of(nat_id) == "deleted"
    assert eni not in state.interfaces


def test_it_ends_though_its_interface_is_gone(lab: NatLab) -> None:
    """As one may be that was deleted under it by an earlier version."""
    nat_id = lab.create()
    lab.region.converge()
    lab.do(nat_gateways.delete, nat_id)
    change = Change()
    change.delete(lab.region.state.interfaces[lab.nat(nat_id).interface_id])
    lab.region.apply(change)
    lab.region.converge()
    assert lab.state_of(nat_id) == "deleted"


def test_its_address_serves_a_next_one_at_once(lab: NatLab) -> None:
    first = lab.create()
    lab.region.exchange()
    lab.do(nat_gateways.delete, first)
    second = lab.create(allocation_id=lab.nat(first).allocation_id)
    lab.region.converge()
    assert (lab.state_of(first), lab.state_of(second)) == ("deleted", "available")


def test_a_route_to_it_is_a_black_hole_when_it_goes(lab: NatLab) -> None:
    nat_id = lab.create()
    both = CreateRoute(lab.main_id, ANYWHERE, lab.igw_id, nat_id)
    lab.refuses("InvalidParameterCombination", route_tables.create_route, both)
    lab.refuses(
        "NatGatewayNotFound", route_tables.create_route, CreateRoute(lab.main_id, ANYWHERE, "", "nat-00000000000000bad")
    )
    lab.refuses("NatGatewayMalformed", route_tables.create_route, CreateRoute(lab.main_id, ANYWHERE, "", "nat-1"))
    other = next(row.id for row in lab.region.state.route_tables.vpc.of(lab.other_vpc_id))
    lab.refuses(
        "InvalidParameterValue", route_tables.create_route, CreateRoute(other, "192.0.2.0/24", nat_gateway_id=nat_id)
    )
    lab.do(route_tables.create_route, CreateRoute(lab.main_id, ANYWHERE, nat_gateway_id=nat_id))
    assert lab.routes(lab.main_id)[-1] == (ANYWHERE, nat_id, "active")
    lab.do(nat_gateways.delete, nat_id)
    assert lab.routes(lab.main_id)[-1] == (ANYWHERE, nat_id, "blackhole")
    lab.refuses(
        "NatGatewayNotFound", route_tables.replace_route, CreateRoute(lab.main_id, ANYWHERE, nat_gateway_id=nat_id)
    )


def test_what_is_in_its_way_is_told(lab: NatLab) -> None:
    nat_id = lab.create(subnet_id=lab.first)
    assert "no route to an internet gateway" in lab.problems(nat_id)
    lab.do(
        route_tables.replace_association,
        ReplaceRouteTableAssociation(lab.region.state.route_tables[lab.main_id].main_association_id, lab.public_id),
    )
    assert lab.problems(nat_id) == ""
    assert "unreachable: it left" in lab.problems(nat_id, HostStatus.UNREACHABLE)
    host = lab.region.state.hosts[lab.host_id]
    lab.region.put(replace(host, features=(), agent_version="0.1"))
    assert "version 0.1, knows no NAT gateways: upgrade it" in lab.problems(nat_id)
    lab.region.exchange()
    assert lab.state_of(nat_id) == "pending", "the host makes nothing of it"
    lab.region.put(replace(host, features=(Feature.NAT_GATEWAYS,)))
    lab.region.exchange()
    assert lab.state_of(nat_id) == "available"


def test_one_that_its_host_cannot_have_has_failed_until_it_can(lab: NatLab) -> None:
    nat_id = lab.create()
    agent = lab.region.agents[lab.host_id]
    agent.broken[GATEWAY, lab.vpc_id] = "no way"
    lab.region.exchange()
    assert (lab.state_of(nat_id), lab.problems(nat_id)) == ("failed", "no way")
    agent.broken.clear()
    lab.region.converge()
    assert lab.state_of(nat_id) == "available"
    agent.broken[GATEWAY, lab.vpc_id] = "no way"
    lab.region.exchange()
    assert (lab.state_of(nat_id), lab.problems(nat_id)) == ("available", "no way")


def test_one_without_a_gateway_host_waits_for_it_and_is_deleted_at_once() -> None:
    lab = NatLab()
    gateway = lab.region.state.internet_gateways[lab.igw_id]
    lab.region.put(replace(gateway, host_id=""))
    nat_id = lab.create()
    assert lab.state_of(nat_id) == "pending"
    assert lab.problems(nat_id) == "no gateway host is there to carry it"
    lab.do(nat_gateways.delete, nat_id)
    assert lab.state_of(nat_id) == "deleted"


def test_a_lost_host_lets_go_by_an_admins_word(lab: NatLab) -> None:
    nat_id, kept = lab.create(), lab.create()
    lab.region.exchange()
    other = lab.region.add_host(roles=(HostRole.GATEWAY,))
    lab.do(nat_gateways.delete, nat_id)
    lab.region.reachable.discard(lab.host_id)
    lab.do(host_removal.declare_lost, lab.host_id)
    assert lab.region.state.internet_gateways[lab.igw_id].host_id == other
    lab.region.hear(type(lab.region.agents[other])(lab.host_id), lab.region.state.revision)
    assert (lab.state_of(nat_id), lab.state_of(kept)) == ("deleted", "available")


def test_only_their_own_host_tells_what_they_carry(lab: NatLab) -> None:
    nat_id, uses, state = lab.create(), Uses(), lab.region.state
    uses.take(state, "host-other", {nat_id: (1, 1)}, NOW)
    assert uses.of(nat_id) is None
    uses.take(state, lab.host_id, {nat_id: (7, 3), "nat-unknown": (1, 1)}, NOW)
    found = uses.of(nat_id)
    assert found is not None
    assert (found.active_connections, found.refused_connections, found.refused_at) == (7, 3, None)
    row, look = lab.nat(nat_id), lambda host_id: Presence(HostStatus.CONNECTED, NOW, "", NOW)
    assert nat_gateways.problems(state, look, row, found, NOW) == []
    uses.take(state, lab.host_id, {nat_id: (7, 5)}, NOW)
    (told,) = nat_gateways.problems(state, look, row, uses.of(nat_id), NOW)
    assert told.startswith("5 connections")
    uses.take(state, lab.host_id, {nat_id: (7, 5)}, NOW + LATELY)
    assert nat_gateways.problems(state, look, row, uses.of(nat_id), NOW + LATELY) == []
    uses.forget(lab.host_id)
    assert uses.of(nat_id) is None


def test_those_wait_for_a_host_whose_gateways_it_carries(lab: NatLab) -> None:
    other = lab.region.add_host(roles=(HostRole.GATEWAY,))
    first, second = lab.create(), lab.create()
    state = lab.region.state

    def awaited() -> list[list[str]]:
        return [[row.id for row in nat_gateways.carried_by(state, host_id)] for host_id in (lab.host_id, other)]

    assert awaited() == [[first, second], []]
    lab.region.put(replace(state.internet_gateways[lab.igw_id], host_id=other))
    assert awaited() == [[], [first, second]]
    lab.region.put(replace(lab.nat(first), is_ready=True))
    assert awaited() == [[], [second]]
    lab.region.put(replace(state.hosts[other], features=()))
    assert awaited() == [[], []], "which an agent that knows none never answers"
