"""Internet gateways and route tables: what leads where, and what serves which subnet."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from controlplane.errors import CloudError
from controlplane.model.vpc import RouteTable
from controlplane.service import (
    addresses,
    gateway_hosts,
    internet_gateways,
    power,
    projects,
    route_tables,
    subnets,
    vpcs,
)
from controlplane.service.addresses import AllocateAddress, AssociateAddress
from controlplane.service.internet_gateways import AttachInternetGateway, CreateInternetGateway
from controlplane.service.power import StopInstances
from controlplane.service.route_tables import (
    AssociateRouteTable,
    CreateRoute,
    CreateRouteTable,
    DeleteRoute,
    ReplaceRouteTableAssociation,
)
from controlplane.service.subnets import CreateSubnet
from controlplane.service.vpcs import CreateVpc
from tests.unit.region import ZONES, Region

ANYWHERE = "0.0.0.0/0"


class Lab:
    """A VPC with two subnets, beside the default one."""

    def __init__(self, **policy: Any) -> None:
        self.region = Region(**policy)
        self.host_id = self.region.add_host()
        self.do: Callable[..., Any] = self.region.do
        self.refuses: Callable[..., CloudError] = self.region.refuses
        self.vpc_id = self.do(vpcs.create, CreateVpc("10.0.0.0/16"))
        self.first, self.second = (
            self.do(subnets.create, CreateSubnet(self.vpc_id, f"10.0.{n}.0/24", ZONES[0])) for n in (1, 2)
        )
        (self.main_id,) = (row.id for row in self.region.state.route_tables.vpc.of(self.vpc_id))

    @property
    def other_vpc_id(self) -> str:
        return next(row.id for row in self.region.state.vpcs if row.is_default)

    def gateway(self, vpc_id: str = "") -> str:
        gateway_id: str = self.do(internet_gateways.create, CreateInternetGateway())
        self.do(internet_gateways.attach, AttachInternetGateway(gateway_id, vpc_id or self.vpc_id))
        return gateway_id

    def detach(self, gateway_id: str) -> None:
        self.do(internet_gateways.detach, AttachInternetGateway(gateway_id, self.vpc_id))

    def table(self) -> str:
        made: str = self.do(route_tables.create, CreateRouteTable(self.vpc_id))
        return made

    def row(self, table_id: str) -> RouteTable:
        return self.region.state.route_tables[table_id]

    def routes(self, table_id: str) -> list[tuple[str, str, str]]:
        state, table = self.region.state, self.row(table_id)
        return [(row.cidr_block, row.target, route_tables.state_of(state, table, row)) for row in table.routes]


@pytest.fixture
def lab() -> Lab:
    return Lab()


def test_a_gateway_has_one_vpc_and_a_vpc_one_gateway(lab: Lab) -> None:
    first, second = lab.gateway(), lab.do(internet_gateways.create, CreateInternetGateway())
    state = lab.region.state
    assert (state.internet_gateways[first].host_id, state.internet_gateways[second].host_id) == (lab.host_id, "")
    for gateway_id, vpc_id, blocker in ((second, lab.vpc_id, first), (first, lab.other_vpc_id, lab.vpc_id)):
        asked = AttachInternetGateway(gateway_id, vpc_id)
        refused = lab.refuses("Resource.AlreadyAssociated", internet_gateways.attach, asked)
        assert list(refused.blocking_ids) == [blocker]
    lab.refuses("Gateway.NotAttached", internet_gateways.detach, AttachInternetGateway(second, lab.vpc_id))
    lab.refuses("DependencyViolation", internet_gateways.delete, first)
    lab.detach(first)
    lab.do(internet_gateways.delete, first)
    lab.do(internet_gateways.attach, AttachInternetGateway(second, lab.vpc_id))


def test_a_vpcs_gateways_come_in_ever_later_epochs(lab: Lab) -> None:
    first = lab.gateway()
    epoch = lab.region.state.internet_gateways[first].epoch
    lab.detach(first)
    second = lab.gateway()
    assert lab.region.state.internet_gateways[second].epoch > epoch > 0


def test_a_detached_gateway_waits_for_no_host(lab: Lab) -> None:
    detached = lab.do(internet_gateways.create, CreateInternetGateway())
    assert gateway_hosts.forsaken(lab.region.state) == []
    assert lab.region.state.internet_gateways[detached].host_id == ""


def test_a_gateway_stays_while_public_addresses_are_in_use(lab: Lab) -> None:
    allocation_id = lab.do(addresses.allocate, AllocateAddress())
    private = lab.region.launch(subnet_id=lab.first)
    lab.refuses("Gateway.NotAttached", addresses.associate, AssociateAddress(allocation_id, private))
    gateway_id = lab.gateway()
    association_id = lab.do(addresses.associate, AssociateAddress(allocation_id, private))
    public = lab.region.launch(subnet_id=lab.second, associate_public_ip_address=True)
    asked = AttachInternetGateway(gateway_id, lab.vpc_id)
    refused = lab.refuses("DependencyViolation", internet_gateways.detach, asked)
    assert set(refused.blocking_ids) == {allocation_id, public}
    lab.do(addresses.disassociate, association_id)
    lab.do(power.stop, StopInstances([public]))
    lab.do(internet_gateways.detach, asked)


def test_a_project_has_so_many_gateways() -> None:
    lab = Lab(internet_gateways=1)
    lab.refuses("InternetGatewayLimitExceeded", internet_gateways.create, CreateInternetGateway())


def test_routes_lead_to_the_vpcs_own_gateway(lab: Lab) -> None:
    gateway_id, table_id = lab.gateway(), lab.table()
    lab.do(route_tables.create_route, CreateRoute(table_id, ANYWHERE, gateway_id))
    lab.do(route_tables.create_route, CreateRoute(table_id, "192.0.2.7/24", gateway_id))
    local = ("10.0.0.0/16", "local", "active")
    default, narrow = (ANYWHERE, gateway_id, "active"), ("192.0.2.0/24", gateway_id, "active")
    assert lab.routes(table_id) == [local, default, narrow]
    lab.do(route_tables.delete_route, DeleteRoute(table_id, "192.0.2.0/24"))
    assert lab.routes(table_id) == [local, default]


def test_a_route_whose_target_goes_is_a_black_hole_until_it_leads_elsewhere(lab: Lab) -> None:
    gateway_id, table_id = lab.gateway(), lab.table()
    lab.do(route_tables.create_route, CreateRoute(table_id, ANYWHERE, gateway_id))
    lab.detach(gateway_id)
    assert lab.routes(table_id)[1] == (ANYWHERE, gateway_id, "blackhole")
    lab.do(internet_gateways.delete, gateway_id)
    assert lab.routes(table_id)[1] == (ANYWHERE, gateway_id, "blackhole")
    other = lab.gateway()
    lab.do(route_tables.replace_route, CreateRoute(table_id, ANYWHERE, other))
    assert lab.routes(table_id)[1] == (ANYWHERE, other, "active")


def test_a_route_leads_to_an_interface_as_long_as_its_instance_is_on(lab: Lab) -> None:
    instance_id = lab.region.launch(subnet_id=lab.first)
    interface_id = lab.region.interface(instance_id).id
    table_id, target = lab.table(), "192.0.2.0/24"
    lab.do(route_tables.create_route, CreateRoute(table_id, target, network_interface_id=interface_id))
    assert lab.routes(table_id)[1] == (target, interface_id, "active")
    lab.do(route_tables.replace_route, CreateRoute(table_id, target, instance_id=instance_id))
    assert lab.routes(table_id)[1] == (target, interface_id, "active")
    lab.do(power.stop, StopInstances([instance_id]))
    lab.region.converge()
    assert lab.routes(table_id)[1] == (target, interface_id, "blackhole")
    lab.do(power.terminate, [instance_id])
    lab.region.converge()
    assert lab.routes(table_id)[1] == (target, interface_id, "blackhole")
    gone = CreateRoute(table_id, ANYWHERE, network_interface_id=interface_id)
    lab.refuses("InvalidNetworkInterfaceID.NotFound", route_tables.create_route, gone)
    stranger = lab.region.launch()
    of_another = CreateRoute(table_id, ANYWHERE, instance_id=stranger)
    lab.refuses("InvalidParameterValue", route_tables.create_route, of_another)
    both = CreateRoute(table_id, ANYWHERE, instance_id=stranger, gateway_id=lab.gateway())
    lab.refuses("InvalidParameterCombination", route_tables.create_route, both)


@pytest.mark.parametrize(
    ("destination", "code"),
    [
        ("10.0.0.0/16", "RouteAlreadyExists"),
        ("10.0.1.0/24", "InvalidParameterValue"),
        ("10.0.1.7/32", "InvalidParameterValue"),
        ("169.254.169.254/32", "InvalidParameterValue"),
        ("192.0.2.0", "InvalidParameterValue"),
        ("192.0.2.0/24", "RouteAlreadyExists"),
    ],
)
def test_a_destination_that_cannot_be_is_refused(lab: Lab, destination: str, code: str) -> None:
    gateway_id, table_id = lab.gateway(), lab.table()
    lab.do(route_tables.create_route, CreateRoute(table_id, "192.0.2.0/24", gateway_id))
    lab.refuses(code, route_tables.create_route, CreateRoute(table_id, destination, gateway_id))


@pytest.mark.parametrize(
    ("destination", "advice"),
    [
        ("10.0.0.0/16", "that is its local route, which stays as it is"),
        ("192.0.2.0/24", "replace it instead"),
        (
            "10.0.1.0/24",
            "expected a network that reaches beyond 10.0.0.0/16: inside its VPC, the local route alone leads",
        ),
    ],
)
def test_who_asks_for_a_route_that_cannot_be_is_told_what_can(lab: Lab, destination: str, advice: str) -> None:
    gateway_id, table_id = lab.gateway(), lab.table()
    lab.do(route_tables.create_route, CreateRoute(table_id, "192.0.2.0/24", gateway_id))
    with pytest.raises(CloudError, match=re.escape(advice) + "$"):
        lab.do(route_tables.create_route, CreateRoute(table_id, destination, gateway_id))


def test_a_target_is_the_vpcs(lab: Lab) -> None:
    table_id = lab.table()
    (of_other,) = (row.id for row in lab.region.state.internet_gateways)
    for gateway_id, code in (
        ("", "MissingParameter"),
        (of_other, "InvalidParameterValue"),
        (lab.do(internet_gateways.create, CreateInternetGateway()), "InvalidParameterValue"),
        ("igw-" + "0" * 16 + "f", "InvalidInternetGatewayID.NotFound"),
        ("nat-1", "InvalidInternetGatewayID.Malformed"),
    ):
        lab.refuses(code, route_tables.create_route, CreateRoute(table_id, ANYWHERE, gateway_id))


def test_the_local_route_stays_as_it_is(lab: Lab) -> None:
    gateway_id = lab.gateway()
    delete, again = DeleteRoute(lab.main_id, "10.0.0.0/16"), CreateRoute(lab.main_id, "10.0.0.0/16", gateway_id)
    lab.refuses("InvalidParameterValue", route_tables.delete_route, delete)
    lab.refuses("InvalidParameterValue", route_tables.replace_route, again)
    lab.refuses("InvalidRoute.NotFound", route_tables.delete_route, DeleteRoute(lab.main_id, ANYWHERE))
    lab.refuses("InvalidRoute.NotFound", route_tables.replace_route, CreateRoute(lab.main_id, ANYWHERE, gateway_id))


def test_a_table_has_so_many_routes_and_a_vpc_so_many_tables() -> None:
    lab = Lab(routes_per_table=2, route_tables_per_vpc=2)
    gateway_id, table_id = lab.gateway(), lab.table()
    lab.refuses("RouteTableLimitExceeded", route_tables.create, CreateRouteTable(lab.vpc_id))
    lab.do(route_tables.create_route, CreateRoute(table_id, ANYWHERE, gateway_id))
    asked = CreateRoute(table_id, "192.0.2.0/24", gateway_id)
    lab.refuses("RouteLimitExceeded", route_tables.create_route, asked)


def test_a_table_serves_the_subnets_that_name_it(lab: Lab) -> None:
    table_id = lab.table()
    association_id = lab.do(route_tables.associate, AssociateRouteTable(table_id, lab.first))
    assert association_id.startswith("rtbassoc-")
    assert [row.id for row in lab.region.state.subnets.route_table.of(table_id)] == [lab.first]
    refused = lab.refuses(
        "Resource.AlreadyAssociated", route_tables.associate, AssociateRouteTable(table_id, lab.first)
    )
    assert list(refused.blocking_ids) == [association_id]
    refused = lab.refuses("DependencyViolation", route_tables.delete, table_id)
    assert list(refused.blocking_ids) == [association_id]
    lab.do(route_tables.disassociate, association_id)
    lab.refuses("InvalidAssociationID.NotFound", route_tables.disassociate, association_id)
    lab.do(route_tables.delete, table_id)


def test_a_subnet_that_goes_takes_its_association_along(lab: Lab) -> None:
    table_id = lab.table()
    association_id = lab.do(route_tables.associate, AssociateRouteTable(table_id, lab.first))
    lab.do(subnets.delete, lab.first)
    lab.refuses("InvalidAssociationID.NotFound", route_tables.disassociate, association_id)
    lab.do(route_tables.delete, table_id)


def test_an_association_is_replaced_by_another(lab: Lab) -> None:
    first, second = lab.table(), lab.table()
    old = lab.do(route_tables.associate, AssociateRouteTable(first, lab.first))
    new = lab.do(route_tables.replace_association, ReplaceRouteTableAssociation(old, second))
    assert new != old
    assert lab.region.state.subnets[lab.first].route_table_id == second
    assert lab.do(route_tables.replace_association, ReplaceRouteTableAssociation(new, second)) == new
    asked = ReplaceRouteTableAssociation(old, first)
    lab.refuses("InvalidAssociationID.NotFound", route_tables.replace_association, asked)


def test_another_table_becomes_the_main_one(lab: Lab) -> None:
    table_id, old = lab.table(), lab.row(lab.main_id).main_association_id
    lab.refuses("InvalidParameterValue", route_tables.disassociate, old)
    refused = lab.refuses("DependencyViolation", route_tables.delete, lab.main_id)
    assert list(refused.blocking_ids) == [old]
    new = lab.do(route_tables.replace_association, ReplaceRouteTableAssociation(old, table_id))
    assert (lab.row(lab.main_id).is_main, lab.row(table_id).main_association_id) == (False, new)
    lab.do(route_tables.delete, lab.main_id)


def test_tables_serve_their_own_vpc(lab: Lab) -> None:
    theirs = lab.do(route_tables.create, CreateRouteTable(lab.other_vpc_id))
    lab.refuses("InvalidParameterValue", route_tables.associate, AssociateRouteTable(theirs, lab.first))
    old = lab.row(lab.main_id).main_association_id
    asked = ReplaceRouteTableAssociation(old, theirs)
    lab.refuses("InvalidParameterValue", route_tables.replace_association, asked)


def test_another_projects_are_not_there(lab: Lab) -> None:
    gateway_id, table_id, other = lab.gateway(), lab.table(), lab.do(projects.create, "other")
    association_id = lab.row(lab.main_id).main_association_id
    for use_case, request, code in (
        (internet_gateways.delete, gateway_id, "InvalidInternetGatewayID.NotFound"),
        (route_tables.delete, table_id, "InvalidRouteTableID.NotFound"),
        (route_tables.create_route, CreateRoute(table_id, ANYWHERE, gateway_id), "InvalidRouteTableID.NotFound"),
        (route_tables.disassociate, association_id, "InvalidAssociationID.NotFound"),
    ):
        lab.refuses(code, use_case, request, project_id=other)
