"""A project's default VPC: 172.31.0.0/16, with a public subnet in each zone, as EC2 makes it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from ipaddress import IPv4Network

from controlplane.errors import Conflict, NotFound
from controlplane.model.network_acl import NetworkAcl
from controlplane.model.state import Change, State
from controlplane.model.vpc import Route, Subnet, Vpc
from controlplane.service import internet_gateways
from controlplane.service.call import Call, find_zone
from controlplane.service.network_acls import default_acl
from controlplane.service.subnets import check_room, new_subnet
from controlplane.service.vpcs import ANYWHERE, default_vpc, new_vpc

CIDR = IPv4Network("172.31.0.0/16")
SUBNET_PREFIX = 20


def create(state: State, call: Call, _: None = None) -> tuple[Change, str]:
    """Again, where it was deleted; nothing of the old one comes back."""
    if vpc := default_vpc(state, call.project_id):
        raise Conflict("DefaultVpcAlreadyExists", f"{vpc.id} is the project's default VPC", blocking_ids=[vpc.id])
    change = Change()
    return change, add(state, call, change, call.project_id).id


def add(state: State, call: Call, change: Change, project_id: str) -> Vpc:
    """A VPC with a subnet for each zone, and an internet gateway to which its main table leads."""
    vpc, table, acl = new_vpc(state, call, change, project_id, CIDR, is_default=True, tags={})
    gateway = internet_gateways.attached(state, internet_gateways.new_gateway(state, call, project_id, {}), vpc.id)
    change.put(gateway, replace(table, routes=(*table.routes, Route(ANYWHERE, gateway.id))))
    change.put(*_subnets(call, vpc, acl, [zone.id for zone in state.zones], []))
    return vpc


def add_zones(state: State, call: Call, change: Change, zones: Sequence[str]) -> None:
    """Give every default VPC a subnet in these new zones."""
    for vpc in state.vpcs:
        if vpc.is_default:
            change.put(*_subnets(call, vpc, default_acl(state, vpc.id), zones, state.subnets.vpc.of(vpc.id)))


def create_subnet(state: State, call: Call, zone_name: str) -> tuple[Change, str]:
    """A zone's default subnet again, where it was deleted, in a block that is free now."""
    find_zone(state, zone_name)
    vpc = default_vpc(state, call.project_id)
    if vpc is None:
        raise NotFound("DefaultVpcDoesNotExist", "The project has no default VPC; make it by CreateDefaultVpc")
    held = state.subnets.vpc.of(vpc.id)
    if there := next((row for row in held if row.default_for_az and row.zone == zone_name), None):
        raise Conflict(
            "DefaultSubnetAlreadyExistsInAvailabilityZone",
            f"{there.id} is the default subnet of {zone_name}",
            blocking_ids=[there.id],
        )
    check_room(state, call, vpc)
    made = _subnets(call, vpc, default_acl(state, vpc.id), [zone_name], held)
    if not made:
        raise Conflict("InsufficientCidrBlocks", f"{vpc.id} has no free /{SUBNET_PREFIX}; delete a subnet first")
    change = Change()
    change.put(*made)
    return change, made[0].id


def _subnets(call: Call, vpc: Vpc, acl: NetworkAcl, zones: Iterable[str], held: Iterable[Subnet]) -> list[Subnet]:
    """A public subnet for each of these zones, in blocks that the others leave free, as many as there is room for."""
    taken = [subnet.network for subnet in held]
    blocks = vpc.network.subnets(new_prefix=SUBNET_PREFIX)
    free = (block for block in blocks if not any(block.overlaps(network) for network in taken))
    return [
        new_subnet(call, vpc, acl, zone, block, is_default=True, tags={})
        for zone, block in zip(zones, free, strict=False)
    ]
