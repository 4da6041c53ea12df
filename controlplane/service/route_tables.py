"""Route tables: which subnets they serve, and where packets go."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network
from itertools import count

from controlplane.errors import Conflict, Invalid, NotFound, Parameter, invalid_value, missing, several
from controlplane.ids import Prefix
from controlplane.model.instance import Desired
from controlplane.model.kind import Kind
from controlplane.model.lifecycle import Request
from controlplane.model.state import Change, State
from controlplane.model.vpc import Route, RouteTable, Subnet
from controlplane.model.vpc_peering import PeeringStatus
from controlplane.service.addresses import the_only_interface
from controlplane.service.admission import admit
from controlplane.service.call import Call, check_id, check_tags, find, not_found
from controlplane.service.quotas import check_one_more
from controlplane.service.vpc_peerings import find_peering
from controlplane.service.vpcs import new_table, required_network

_ASSOCIATION = Kind(
    "association",
    Prefix.ROUTE_TABLE_ASSOCIATION,
    "InvalidAssociationID",
    "DescribeRouteTables",
    id_field="route_table_association_id",
)
_LINK_LOCAL = IPv4Network("169.254.0.0/16")  # Where the resolver and the metadata are, in every VPC.


@dataclass(frozen=True, slots=True)
class CreateRouteTable:
    vpc_id: str
    tags: Mapping[str, str] = field(default_factory=dict)


def create(state: State, call: Call, request: CreateRouteTable) -> tuple[Change, str]:
    vpc = find(state.vpcs, request.vpc_id, call)
    check_tags(request.tags)
    taken = {row.number for row in state.route_tables.vpc.of(vpc.id)}
    limit = call.policy.route_tables_per_vpc
    check_one_more("RouteTableLimitExceeded", vpc.id, "route tables", len(taken), limit)
    number = next(number for number in count(1) if number not in taken)
    table = new_table(call, vpc, number, request.tags)
    change = Change()
    change.put(table)
    return change, table.id


def delete(state: State, call: Call, table_id: str) -> tuple[Change, None]:
    table = find(state.route_tables, table_id, call)
    if table.is_main:
        raise Conflict(
            "DependencyViolation",
            f"{table.id} is the main route table of {table.vpc_id}; it goes with the VPC",
            blocking_ids=[table.main_association_id],
        )
    if subnets := state.subnets.route_table.of(table.id):
        served = several([f"{row.id} ({row.association_id})" for row in subnets])
        raise Conflict(
            "DependencyViolation",
            f"{table.id} serves {served}; disassociate them first",
            blocking_ids=[row.association_id for row in subnets],
        )
    change = Change()
    change.delete(table)
    return change, None


@dataclass(frozen=True, slots=True)
class AssociateRouteTable:
    route_table_id: str
    subnet_id: str


def associate(state: State, call: Call, request: AssociateRouteTable) -> tuple[Change, str]:
    """The result is the association's id."""
    table = find(state.route_tables, request.route_table_id, call)
    subnet = find(state.subnets, request.subnet_id, call)
    _check_vpc(table, subnet.vpc_id, subnet.id)
    if subnet.route_table_id:
        raise Conflict(
            "Resource.AlreadyAssociated",
            f"{subnet.id} has the route table {subnet.route_table_id}; replace that association",
            blocking_ids=[subnet.association_id],
        )
    return _served(call, subnet, table)


def _served(call: Call, subnet: Subnet, table: RouteTable) -> tuple[Change, str]:
    served = replace(subnet, route_table_id=table.id, association_id=call.mint(Prefix.ROUTE_TABLE_ASSOCIATION))
    change = Change()
    change.put(served)
    return change, served.association_id


def _check_vpc(table: RouteTable, vpc_id: str, what: str) -> None:
    if table.vpc_id != vpc_id:
        message = f"{table.id} is in {table.vpc_id}, {what} in {vpc_id or 'no VPC'}; name two of one VPC"
        raise Invalid("InvalidParameterValue", message, parameter=Parameter("", table.id))


def disassociate(state: State, call: Call, association_id: str) -> tuple[Change, None]:
    holder = _find_association(state, call, association_id)
    if isinstance(holder, RouteTable):
        message = f"{association_id} makes {holder.id} the main route table; replace it instead"
        raise Invalid("InvalidParameterValue", message, parameter=Parameter("", association_id))
    change = Change()
    change.put(replace(holder, route_table_id="", association_id=""))
    return change, None


def _find_association(state: State, call: Call, association_id: str) -> Subnet | RouteTable:
    """The subnet, or the main table, whose association it is."""
    check_id(_ASSOCIATION, association_id)
    found = state.subnets.association.get(association_id) or state.route_tables.main_association.get(association_id)
    if found is None or found.project_id != call.project_id:
        raise not_found(_ASSOCIATION, association_id)
    return found


@dataclass(frozen=True, slots=True)
class ReplaceRouteTableAssociation:
    route_table_association_id: str
    route_table_id: str


def replace_association(state: State, call: Call, request: ReplaceRouteTableAssociation) -> tuple[Change, str]:
    """The result is the new association's id; the same where that table serves already."""
    holder = _find_association(state, call, request.route_table_association_id)
    table = find(state.route_tables, request.route_table_id, call)
    _check_vpc(table, holder.vpc_id, holder.id)
    if table.id == (holder.route_table_id if isinstance(holder, Subnet) else holder.id):
        return Change(), request.route_table_association_id
    if isinstance(holder, Subnet):
        return _served(call, holder, table)
    main = replace(table, main_association_id=call.mint(Prefix.ROUTE_TABLE_ASSOCIATION))
    change = Change()
    change.put(replace(holder, main_association_id=""), main)
    return change, main.main_association_id


@dataclass(frozen=True, slots=True)
class CreateRoute:
    """Of ReplaceRoute as well. Targets are one another's alternatives."""

    route_table_id: str
    destination_cidr_block: str
    gateway_id: str = ""
    nat_gateway_id: str = ""
    vpc_peering_connection_id: str = ""
    network_interface_id: str = ""
    instance_id: str = ""


def create_route(state: State, call: Call, request: CreateRoute) -> tuple[Change, None]:
    table = find(state.route_tables, request.route_table_id, call)
    cidr_block = _destination(state, table, request.destination_cidr_block)
    if found := next((route for route in table.routes if route.cidr_block == cidr_block), None):
        what = "that is its local route, which stays as it is" if found.is_local else "replace it instead"
        raise Conflict("RouteAlreadyExists", f"{table.id} has a route to {cidr_block}; {what}")
    limit = call.policy.routes_per_table
    check_one_more("RouteLimitExceeded", table.id, "routes", len(table.routes), limit)
    return _with_routes(table, (*table.routes, Route(cidr_block, _target(state, call, table, request))))


def _destination(state: State, table: RouteTable, text: str) -> str:
    network = required_network("destination_cidr_block", text)
    vpc = state.vpcs[table.vpc_id]
    if network != vpc.network and network.subnet_of(vpc.network):
        expected = f"a network that reaches beyond {vpc.cidr_block}: inside its VPC, the local route alone leads"
        raise invalid_value("destination_cidr_block", text, expected)
    if network.subnet_of(_LINK_LOCAL):
        raise invalid_value("destination_cidr_block", text, f"a network that reaches beyond {_LINK_LOCAL}")
    return str(network)


def _target(state: State, call: Call, table: RouteTable, request: CreateRoute) -> str:
    given = [name for name in _FINDERS if getattr(request, name)]
    if len(given) > 1:
        message = f"A route has one target: name {' or '.join(given)} alone"
        raise Invalid("InvalidParameterCombination", message)
    if not given:
        gateway_id, *others = _FINDERS
        raise missing(gateway_id, f"the target of the route, an internet gateway, or {' or '.join(others)}")
    return _FINDERS[given[0]](state, call, table, getattr(request, given[0]))


def _gateway(state: State, call: Call, table: RouteTable, gateway_id: str) -> str:
    row = find(state.internet_gateways, gateway_id, call)
    _check_vpc(table, row.vpc_id, row.id)
    return row.id


def _nat_gateway(state: State, call: Call, table: RouteTable, nat_gateway_id: str) -> str:
    row = find(state.nat_gateways, nat_gateway_id, call)
    if row.is_deleted:
        raise not_found(state.nat_gateways.kind, row.id)
    _check_vpc(table, row.vpc_id, row.id)
    return row.id


def _peering(state: State, call: Call, table: RouteTable, peering_id: str) -> str:
    """It may still wait to be accepted."""
    row = find_peering(state, call, peering_id)
    if row.ended_at:
        raise not_found(state.vpc_peering_connections.kind, row.id)
    if table.vpc_id not in row.vpc_ids:
        message = f"{table.id} is in {table.vpc_id}, {row.id} joins {' and '.join(row.vpc_ids)}; name one of its VPC"
        raise Invalid("InvalidParameterValue", message, parameter=Parameter("", row.id))
    return row.id


def _interface(state: State, call: Call, table: RouteTable, interface_id: str) -> str:
    row = find(state.interfaces, interface_id, call)
    _check_vpc(table, row.vpc_id, row.id)
    return row.id


def _instance(state: State, call: Call, table: RouteTable, instance_id: str) -> str:
    """Its interface, which has to be the only one, as in EC2."""
    instance = find(state.instances, instance_id, call)
    admit(state, instance, Request.MODIFY)
    row = the_only_interface(state, instance)
    _check_vpc(table, row.vpc_id, row.id)
    return row.id


# By the request's fields, those of a table's VPC that a route may lead to.
_FINDERS: Mapping[str, Callable[[State, Call, RouteTable, str], str]] = {
    "gateway_id": _gateway,
    "nat_gateway_id": _nat_gateway,
    "vpc_peering_connection_id": _peering,
    "network_interface_id": _interface,
    "instance_id": _instance,
}


def _with_routes(table: RouteTable, routes: tuple[Route, ...]) -> tuple[Change, None]:
    change = Change()
    change.put(replace(table, routes=routes))
    return change, None


def replace_route(state: State, call: Call, request: CreateRoute) -> tuple[Change, None]:
    table = find(state.route_tables, request.route_table_id, call)
    old = _present(table, request.destination_cidr_block)
    new = Route(old.cidr_block, _target(state, call, table, request))
    return _with_routes(table, tuple(new if route == old else route for route in table.routes))


@dataclass(frozen=True, slots=True)
class DeleteRoute:
    route_table_id: str
    destination_cidr_block: str


def delete_route(state: State, call: Call, request: DeleteRoute) -> tuple[Change, None]:
    table = find(state.route_tables, request.route_table_id, call)
    old = _present(table, request.destination_cidr_block)
    return _with_routes(table, tuple(route for route in table.routes if route != old))


def _present(table: RouteTable, text: str) -> Route:
    """The route to this destination, which is not the local one."""
    cidr_block = str(required_network("destination_cidr_block", text))
    found = next((route for route in table.routes if route.cidr_block == cidr_block), None)
    blamed = Parameter("destination_cidr_block", text)
    if found is None:
        message = f"{table.id} has no route to {cidr_block}; `stead route-table describe {table.id}` shows its routes"
        raise NotFound("InvalidRoute.NotFound", message, parameter=blamed)
    if found.is_local:
        message = f"{cidr_block} is the local route of {table.id}, which stays as it is"
        raise Invalid("InvalidParameterValue", message, parameter=blamed)
    return found


def state_of(state: State, table: RouteTable, route: Route) -> str:
    """ "active" or "blackhole": what takes a route whose target is gone, or detached, is dropped."""
    return "active" if _IS_THERE[route.by](state, table.vpc_id, route.target) else "blackhole"


def _has_gateway(state: State, vpc_id: str, gateway_id: str) -> bool:
    row = state.internet_gateways.get(gateway_id)
    return row is not None and row.vpc_id == vpc_id


def _has_nat_gateway(state: State, _vpc_id: str, nat_gateway_id: str) -> bool:
    row = state.nat_gateways.get(nat_gateway_id)
    return row is not None and not row.is_deleted


def _has_peering(state: State, _vpc_id: str, peering_id: str) -> bool:
    row = state.vpc_peering_connections.get(peering_id)
    return row is not None and row.status is PeeringStatus.ACTIVE


def _has_router(state: State, _vpc_id: str, interface_id: str) -> bool:
    row = state.interfaces.get(interface_id)
    instance = state.instances.get(row.instance_id) if row else None
    return instance is not None and instance.desired is Desired.ON


# By what routes lead by, whether a VPC has this one. Only an internet gateway can come into another VPC.
_IS_THERE: Mapping[str, Callable[[State, str, str], bool]] = {
    "": lambda *_: True,
    Prefix.INTERNET_GATEWAY: _has_gateway,
    Prefix.NAT_GATEWAY: _has_nat_gateway,
    Prefix.VPC_PEERING_CONNECTION: _has_peering,
    Prefix.NETWORK_INTERFACE: _has_router,
}


def leads_to_gateway(state: State, subnet: Subnet) -> bool:
    """Whether anything of a subnet does, to its VPC's internet gateway."""
    gateway_ids = table_of(state, subnet).targets(Prefix.INTERNET_GATEWAY)
    return any(_has_gateway(state, subnet.vpc_id, gateway_id) for gateway_id in gateway_ids)


def route_to(state: State, subnet: Subnet, address: str) -> Route | None:
    """By which a subnet leads there: the longest prefix that matches."""
    matching = [row for row in table_of(state, subnet).routes if IPv4Address(address) in IPv4Network(row.cidr_block)]
    return max(matching, key=lambda row: IPv4Network(row.cidr_block).prefixlen, default=None)


def table_of(state: State, subnet: Subnet) -> RouteTable:
    """The one that serves it."""
    tables = state.route_tables.vpc.of(subnet.vpc_id)
    return next(row for row in tables if (row.id == subnet.route_table_id if subnet.route_table_id else row.is_main))
