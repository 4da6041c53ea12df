"""VPCs: today, the default one that every project starts with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from typing import Any

from controlplane.errors import Invalid
from controlplane.ids import Prefix
from controlplane.model.host import HostRole
from controlplane.model.network import SecurityGroup, SecurityGroupRule
from controlplane.model.state import Change, State
from controlplane.model.vpc import InternetGateway, Route, RouteTable, Subnet, Vpc
from controlplane.service.call import Call, find

DEFAULT_CIDR = IPv4Network("172.31.0.0/16")  # EC2's, with a /20 for each zone.
DEFAULT_SUBNET_PREFIX = 20
ANYWHERE = "0.0.0.0/0"


def create_default(state: State, call: Call, change: Change, project_id: str) -> Vpc:
    """EC2's default VPC: a public subnet for each zone, internet gateway, main route table, default group."""
    own: dict[str, Any] = {"project_id": project_id, "created_at": call.now, "tags": {}}
    vpc = Vpc(
        id=call.mint(Prefix.VPC), cidr_block=str(DEFAULT_CIDR), vni=_free_vni(state, call), is_default=True, **own
    )
    gateway = InternetGateway(
        id=call.mint(Prefix.INTERNET_GATEWAY), vpc_id=vpc.id, host_id=gateway_host(state), epoch=1, **own
    )
    routes = (Route(vpc.cidr_block, "local"), Route(ANYWHERE, gateway.id))
    table = RouteTable(id=call.mint(Prefix.ROUTE_TABLE), vpc_id=vpc.id, is_main=True, routes=routes, **own)
    group = SecurityGroup(
        id=call.mint(Prefix.SECURITY_GROUP),
        vpc_id=vpc.id,
        name="default",
        description="default VPC security group",
        **own,
    )
    change.put(vpc, gateway, table, group)
    change.put(allow_all(call, group, is_egress=False, source_group_id=group.id))
    change.put(allow_all(call, group, is_egress=True, cidr_ipv4=ANYWHERE))
    change.put(*_default_subnets(call, vpc, [zone.id for zone in state.zones], []))
    return vpc


def _default_subnets(call: Call, vpc: Vpc, zones: Iterable[str], held: Iterable[Subnet]) -> list[Subnet]:
    """A public subnet for each of these zones, in blocks that the others leave free, as many as there is room for."""
    taken = [subnet.network for subnet in held]
    blocks = IPv4Network(vpc.cidr_block).subnets(new_prefix=DEFAULT_SUBNET_PREFIX)
    free = (block for block in blocks if not any(block.overlaps(network) for network in taken))
    return [
        Subnet(
            id=call.mint(Prefix.SUBNET),
            project_id=vpc.project_id,
            vpc_id=vpc.id,
            zone=zone,
            cidr_block=str(block),
            map_public_ip_on_launch=True,
            default_for_az=True,
            created_at=call.now,
            tags={},
        )
        for zone, block in zip(zones, free, strict=False)
    ]


def add_zones(state: State, call: Call, change: Change, zones: Sequence[str]) -> None:
    """Give every default VPC a subnet in these new zones."""
    for vpc in state.vpcs:
        if vpc.is_default:
            change.put(*_default_subnets(call, vpc, zones, state.subnets.vpc.of(vpc.id)))


@dataclass(frozen=True, slots=True)
class ModifySubnetAttribute:
    subnet_id: str
    map_public_ip_on_launch: bool | None = None


def modify_subnet(state: State, call: Call, request: ModifySubnetAttribute) -> tuple[Change, None]:
    """For later launches; instances that are there keep what they have."""
    subnet = find(state.subnets, request.subnet_id, call)
    if request.map_public_ip_on_launch is None:
        raise Invalid("MissingParameter", f"Nothing of {subnet.id} is to change; name an attribute")
    change = Change()
    change.put(replace(subnet, map_public_ip_on_launch=request.map_public_ip_on_launch))
    return change, None


def allow_all(
    call: Call, group: SecurityGroup, *, is_egress: bool, cidr_ipv4: str = "", source_group_id: str = ""
) -> SecurityGroupRule:
    """A rule for every protocol and port."""
    return SecurityGroupRule(
        id=call.mint(Prefix.SECURITY_GROUP_RULE),
        project_id=group.project_id,
        group_id=group.id,
        is_egress=is_egress,
        ip_protocol="-1",
        from_port=-1,
        to_port=-1,
        cidr_ipv4=cidr_ipv4,
        source_group_id=source_group_id,
        description="",
        created_at=call.now,
    )


def _free_vni(state: State, call: Call) -> int:
    """24 bits of an id that nobody gets to see: who can forge a host's address on the underlay must guess them, too."""
    while True:
        vni = int(call.mint(Prefix.VPC)[-6:], 16)
        if vni and vni not in state.vpcs.vni:
            return vni


def gateway_host(state: State, besides: str = "") -> str:
    """The gateway host that carries the fewest VPCs, of those that are not lost; empty when there is none."""
    hosts = [row for row in state.hosts if HostRole.GATEWAY in row.roles and not row.lost_at and row.id != besides]
    return min(hosts, key=lambda host: state.internet_gateways.host.count(host.id)).id if hosts else ""


def forsaken_gateways(state: State) -> list[InternetGateway]:
    """Those that no host carries, or one that is lost."""
    lost = {host.id for host in state.hosts if host.lost_at}
    return [row for row in state.internet_gateways if not row.host_id or row.host_id in lost]


def default_vpc(state: State, project_id: str) -> Vpc | None:
    return next((vpc for vpc in state.vpcs.project.of(project_id) if vpc.is_default), None)


def default_group(state: State, vpc_id: str) -> SecurityGroup:
    return next(group for group in state.security_groups.vpc.of(vpc_id) if group.name == "default")
