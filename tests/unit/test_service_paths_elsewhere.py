"""Paths by what routes lead to: NAT gateways, peers, instances that route; and which public address is whose."""

import pytest

from controlplane.service import (
    addresses,
    nat_gateways,
    network_interfaces,
    power,
    private_addresses,
    projects,
    route_tables,
    subnets,
    vpc_peerings,
    vpcs,
)
from controlplane.service.addresses import AllocateAddress, AssociateAddress
from controlplane.service.nat_gateways import CreateNatGateway
from controlplane.service.network_interfaces import ModifyNetworkInterfaceAttribute
from controlplane.service.paths import ExplainPath, Step, explain
from controlplane.service.permissions import Permission
from controlplane.service.power import StopInstances
from controlplane.service.private_addresses import AssignPrivateIpAddresses
from controlplane.service.route_tables import AssociateRouteTable, CreateRoute, CreateRouteTable, DeleteRoute
from controlplane.service.subnets import CreateSubnet
from controlplane.service.vpc_peerings import CreateVpcPeeringConnection
from controlplane.service.vpcs import CreateVpc
from tests.unit.region import ZONES, Region
from tests.unit.test_service_paths import OUTSIDE, Ends

ANYWHERE, PEERS, BEYOND = "0.0.0.0/0", "10.2.0.0/16", "192.168.0.9"


class Lab(Ends):
    """Whose default VPC may be joined to another one, of `PEERS`, in which `third` is."""

    def __post_init__(self) -> None:
        super().__post_init__()
        (self.main_id,) = (row.id for row in self.region.state.route_tables.vpc.of(self.vpc_id))

    def lead(self, cidr_block: str, table_id: str = "", **target: str) -> None:
        self.region.do(route_tables.create_route, CreateRoute(table_id or self.main_id, cidr_block, **target))

    def serve(self, subnet_id: str) -> str:
        """By a table of its own."""
        table_id: str = self.region.do(route_tables.create, CreateRouteTable(self.vpc_id))
        self.region.do(route_tables.associate, AssociateRouteTable(table_id, subnet_id))
        return table_id

    def elastic(self) -> str:
        allocation_id: str = self.region.do(addresses.allocate, AllocateAddress())
        return allocation_id

    def public_ip(self, allocation_id: str) -> str:
        return self.region.state.addresses[allocation_id].public_ip

    def peer(self, project_id: str = "") -> tuple[str, str]:
        """Another VPC, of the same project or another one, and the peering with it."""
        other_id = self.region.do(vpcs.create, CreateVpc(PEERS), project_id=project_id)
        asked = CreateVpcPeeringConnection(self.vpc_id, other_id, project_id)
        peering_id = self.region.do(vpc_peerings.create, asked)
        self.region.do(vpc_peerings.accept, peering_id, project_id=project_id)
        return other_id, peering_id

    def step(self, kind: str, source: str, destination: str) -> Step:
        (found,) = (step for step in self.explain(source, destination) if step.kind == kind)
        return found


@pytest.fixture
def lab() -> Lab:
    return Lab(Region())


def test_a_nat_gateway_leads_where_its_own_subnet_leads_out(lab: Lab) -> None:
    allocation_id = lab.elastic()
    nat_id = lab.region.do(nat_gateways.create, CreateNatGateway(lab.region.subnet().id, allocation_id))
    lab.lead(ANYWHERE, lab.serve(lab.subnet_id), nat_gateway_id=nat_id)
    step = lab.step("nat-gateway", lab.second, OUTSIDE)
    assert (step.allows, step.detail) == (True, f"goes on as {lab.public_ip(allocation_id)}")
    assert lab.last(lab.second, OUTSIDE)[2]
    lab.region.do(route_tables.delete_route, DeleteRoute(lab.main_id, ANYWHERE))
    assert lab.last(lab.second, OUTSIDE) == ("nat-gateway", "", False), "its subnet has no way out"
    (gateway,) = lab.region.state.internet_gateways
    lab.lead("203.0.113.0/24", gateway_id=gateway.id)
    assert lab.last(lab.second, OUTSIDE) == ("nat-gateway", "", False), "its subnet's leads elsewhere"
    assert lab.last(lab.second, "203.0.113.9")[2]
    assert lab.last(OUTSIDE, lab.second) == ("internet-gateway", "", False), "nobody reaches what is behind it"


def test_by_a_peering_one_gets_to_who_is_there_if_a_route_leads_back(lab: Lab) -> None:
    other_id, peering_id = lab.peer()
    subnet_id = lab.region.do(subnets.create, CreateSubnet(other_id, "10.2.1.0/24", ZONES[0]))
    third = lab.region.launch(subnet_id=subnet_id)
    there = lab.region.interface(third).private_ip
    for end in (third, there):
        step = lab.step("internet-gateway", lab.first, end)
        assert not step.allows
        assert step.detail.startswith("leads outside, where eni-"), "without a route"
    lab.lead(PEERS, vpc_peering_connection_id=peering_id)
    assert lab.last(lab.first, third) == ("vpc-peering-connection", "", False)
    assert lab.explain(lab.first, third)[-1].detail.startswith(f"no route of {subnet_id} leads back to 172.31.")
    (back,) = lab.region.state.route_tables.vpc.of(other_id)
    lab.lead("172.31.0.0/16", back.id, vpc_peering_connection_id=peering_id)
    assert lab.last(lab.first, third) == ("security-group", "", False), "its group lets nobody in"
    assert lab.explain(lab.first, there) == lab.explain(lab.first, third), "by its address it is the same"
    step = lab.explain(lab.first, "10.2.1.200")[-1]
    assert (step.kind, step.detail) == ("vpc-peering-connection", f"leads to {other_id}, where 10.2.1.200 is not")
    lab.let_in(Permission("tcp", 22, 22, PEERS, "", ""))
    assert lab.last(third, lab.second)[2]
    assert lab.explain(there, lab.second) == lab.explain(third, lab.second)


def test_of_a_peer_that_is_another_project_s_nothing_is_told(lab: Lab) -> None:
    project_id = lab.region.do(projects.create, "other")
    other_id, peering_id = lab.peer(project_id)
    lab.let_in(Permission("tcp", 22, 22, ANYWHERE, "", ""))
    assert lab.last("10.2.0.5", lab.second) == ("vpc-peering-connection", "", False), "no route leads back"
    lab.lead(PEERS, vpc_peering_connection_id=peering_id)
    assert [step.kind for step in lab.explain("10.2.0.5", lab.second)] == [
        *("vpc-peering-connection", "network-acl", "security-group", "network-acl"),
    ]
    assert lab.last("10.2.0.5", lab.second)[2]
    step = lab.step("vpc-peering-connection", lab.first, "10.2.0.5")
    assert (step.resource_id, step.allows) == (peering_id, True)
    assert project_id in step.detail
    lab.lead("10.0.0.0/8", vpc_peering_connection_id=peering_id)
    step = lab.explain(lab.first, "10.3.0.5")[-1]
    assert (step.allows, step.detail) == (False, f"leads to {other_id}, where 10.3.0.5 is not")


def test_an_address_of_another_vpc_is_not_the_same_one_of_its_own(lab: Lab) -> None:
    other_id = lab.region.do(vpcs.create, CreateVpc("172.31.0.0/16"))
    subnet_id = lab.region.do(subnets.create, CreateSubnet(other_id, "172.31.128.0/20", ZONES[0]))
    third = lab.region.launch(subnet_id=subnet_id)
    assert lab.region.interface(third).private_ip == lab.region.interface(lab.second).private_ip
    assert lab.last(lab.first, third) == ("route-table", "172.31.0.0/16 to local", False)


def test_what_an_instance_routes_has_to_get_into_its_interface(lab: Lab) -> None:
    router = lab.region.launch()
    interface_id = lab.region.interface(router).id
    lab.lead("192.168.0.0/16", network_interface_id=interface_id)
    step = lab.explain(lab.first, BEYOND)[-1]
    assert (step.kind, step.resource_id, step.allows) == ("network-interface", interface_id, False)
    assert "its source/destination check" in step.detail
    unchecked = ModifyNetworkInterfaceAttribute(interface_id, source_dest_check=False)
    lab.region.do(network_interfaces.modify, unchecked)
    assert [step.kind for step in lab.explain(lab.first, BEYOND)] == [
        *("route-table", "network-acl", "security-group"),
        *("network-interface", "security-group", "network-acl"),
    ]
    assert router in lab.step("network-interface", lab.first, BEYOND).detail
    assert lab.last(lab.first, BEYOND)[2]
    assert lab.last(lab.second, BEYOND) == ("security-group", "", False), "of the router: it knows its members alone"
    assert lab.explain(router, BEYOND)[-1].detail == "leads back to the sender"
    lab.region.do(power.stop, StopInstances([router]))
    assert lab.last(lab.first, BEYOND) == ("route-table", f"192.168.0.0/16 to {interface_id}", False)


def test_an_elastic_address_is_that_of_one_private_address(lab: Lab) -> None:
    interface = lab.region.interface(lab.second)
    lab.let_in(Permission("tcp", 22, 22, ANYWHERE, "", ""))
    (secondary,) = lab.region.do(private_addresses.assign, AssignPrivateIpAddresses(interface.id, (), 1))
    first, second = lab.elastic(), lab.elastic()
    asked = AssociateAddress(first, network_interface_id=interface.id, private_ip_address=secondary)
    lab.region.do(addresses.associate, asked)
    for ends in ((lab.second, OUTSIDE), (OUTSIDE, lab.second)):
        assert lab.last(*ends) == ("internet-gateway", "", False), "the primary one has none"
    lab.region.do(addresses.associate, AssociateAddress(second, network_interface_id=interface.id))
    ip = lab.public_ip(second)
    assert lab.step("internet-gateway", lab.second, OUTSIDE).detail == f"goes on as {ip}"
    assert lab.step("internet-gateway", OUTSIDE, lab.second).detail == f"{ip} is {interface.private_ip}"


@pytest.mark.parametrize("address", ["172.31.128.200", "10.2.1.200"])
def test_nobody_s_address_inside_opens_nothing(lab: Lab, address: str) -> None:
    lab.peer()
    error = lab.region.refuses("InvalidParameterValue", explain, ExplainPath(address, lab.second, port=22))
    assert "an address that an interface of vpc-" in error.message
