"""Subnets of VPCs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network

from controlplane.errors import Conflict, Invalid, several
from controlplane.ids import Prefix
from controlplane.model.network_acl import NetworkAcl
from controlplane.model.state import Change, State
from controlplane.model.vpc import Subnet, Vpc
from controlplane.service.call import Call, check_tags, find, find_zone
from controlplane.service.network_acls import default_acl
from controlplane.service.quotas import check_one_more
from controlplane.service.vpcs import SIZES, bad_range, required_network


@dataclass(frozen=True, slots=True)
class CreateSubnet:
    vpc_id: str
    cidr_block: str
    zone_name: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def create(state: State, call: Call, request: CreateSubnet) -> tuple[Change, str]:
    vpc = find(state.vpcs, request.vpc_id, call)
    if request.zone_name:
        find_zone(state, request.zone_name)
    check_tags(request.tags)
    network = _network(state, vpc, request.cidr_block)
    check_room(state, call, vpc)
    zone = request.zone_name or _emptiest_zone(state, vpc)
    subnet = new_subnet(call, vpc, default_acl(state, vpc.id), zone, network, tags=request.tags)
    change = Change()
    change.put(subnet)
    return change, subnet.id


def _network(state: State, vpc: Vpc, cidr_block: str) -> IPv4Network:
    network = required_network("cidr_block", cidr_block)
    if network.prefixlen not in SIZES or not network.subnet_of(vpc.network):
        raise bad_range("InvalidSubnet.Range", cidr_block, f"a /16 to /28 within {vpc.cidr_block}, the VPC's")
    if others := [row for row in state.subnets.vpc.of(vpc.id) if row.network.overlaps(network)]:
        held = several([f"{row.id} ({row.cidr_block})" for row in others])
        raise Conflict(
            "InvalidSubnet.Conflict",
            f"{network} overlaps {held}; choose addresses that no subnet of {vpc.id} has",
            blocking_ids=[row.id for row in others],
        )
    return network


def check_room(state: State, call: Call, vpc: Vpc) -> None:
    """For one more. Raises `SubnetLimitExceeded`."""
    held = state.subnets.vpc.count(vpc.id)
    check_one_more("SubnetLimitExceeded", vpc.id, "subnets", held, call.policy.subnets_per_vpc)


def _emptiest_zone(state: State, vpc: Vpc) -> str:
    """The one with the fewest of its subnets."""
    held = [row.zone for row in state.subnets.vpc.of(vpc.id)]
    return min((zone.id for zone in state.zones), key=held.count)


def new_subnet(
    call: Call,
    vpc: Vpc,
    acl: NetworkAcl,
    zone: str,
    network: IPv4Network,
    *,
    is_default: bool = False,
    tags: Mapping[str, str],
) -> Subnet:
    """A default one is its zone's, and public as far as it is its own to say."""
    return Subnet(
        id=call.mint(Prefix.SUBNET),
        project_id=vpc.project_id,
        vpc_id=vpc.id,
        zone=zone,
        cidr_block=str(network),
        map_public_ip_on_launch=is_default,
        default_for_az=is_default,
        created_at=call.now,
        tags=tags,
        network_acl_id=acl.id,
        network_acl_association_id=call.mint(Prefix.NETWORK_ACL_ASSOCIATION),
    )


@dataclass(frozen=True, slots=True)
class ModifySubnetAttribute:
    subnet_id: str
    map_public_ip_on_launch: bool | None = None


def modify(state: State, call: Call, request: ModifySubnetAttribute) -> tuple[Change, None]:
    """For later launches; instances that are there keep what they have."""
    subnet = find(state.subnets, request.subnet_id, call)
    if request.map_public_ip_on_launch is None:
        raise Invalid("MissingParameter", f"Nothing of {subnet.id} is to change; name an attribute")
    change = Change()
    change.put(replace(subnet, map_public_ip_on_launch=request.map_public_ip_on_launch))
    return change, None


def delete(state: State, call: Call, subnet_id: str) -> tuple[Change, None]:
    subnet = find(state.subnets, subnet_id, call)
    if interfaces := state.interfaces.subnet.of(subnet.id):
        held = several([f"{row.id} ({row.instance_id or row.description or 'attached to none'})" for row in interfaces])
        raise Conflict(
            "DependencyViolation",
            f"{subnet.id} has network interfaces: {held}; terminate their instances or delete them first",
            blocking_ids=[row.id for row in interfaces],
        )
    change = Change()
    change.delete(subnet)
    return change, None
