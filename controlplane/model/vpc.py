"""VPCs, and what gives them their shape: subnets, internet gateways, route tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Network

from controlplane.ids import Prefix
from controlplane.model.dhcp_options import DEFAULT_ID
from controlplane.model.kind import Kind
from controlplane.model.table import Owned

LOCAL = "local"  # The target of the route to the VPC itself.


@dataclass(frozen=True, slots=True)
class Vpc:
    """`vni` is its VXLAN identifier, unique in the region and never given to another VPC while this one lives.

    `dhcp_options_id` is empty where it has the region's own.
    """

    id: str
    project_id: str
    cidr_block: str
    vni: int
    is_default: bool
    created_at: datetime
    tags: Mapping[str, str]
    enable_dns_support: bool = True
    enable_dns_hostnames: bool = False
    dhcp_options_id: str = ""

    @property
    def has_public_names(self) -> bool:
        return self.enable_dns_support and self.enable_dns_hostnames

    @property
    def network(self) -> IPv4Network:
        return _parsed(self.cidr_block)


class Vpcs(Owned[Vpc]):
    kind = Kind("vpc", Prefix.VPC, "InvalidVpcID", "DescribeVpcs", word="VPC", is_public=True)
    row_type = Vpc
    stored_as = "vpcs"
    unique_fields = (("vni",),)
    filters = {
        "vpc-id": lambda row: row.id,
        "cidr": lambda row: row.cidr_block,
        "cidr-block-association.cidr-block": lambda row: row.cidr_block,
        "dhcp-options-id": lambda row: row.dhcp_options_id or DEFAULT_ID,
        "is-default": lambda row: row.is_default,
        "owner-id": lambda row: row.project_id,
        "state": lambda row: "available",
    }

    def __init__(self) -> None:
        super().__init__()
        self.vni = self.unique(lambda row: row.vni)
        self.dhcp_options = self.index(lambda row: row.dhcp_options_id or None)

    def part_of(self, old: Vpc | None, new: Vpc | None) -> str:
        """Its own id where its instances have other names from now on."""
        return new.id if old and new and old.has_public_names != new.has_public_names else ""


@dataclass(frozen=True, slots=True)
class Subnet:
    """`route_table_id` is the table that it names, with `association_id`; both are empty where the main one serves.

    `network_acl_id` is the ACL that guards it, always one, with `network_acl_association_id`.
    """

    id: str
    project_id: str
    vpc_id: str
    zone: str
    cidr_block: str
    map_public_ip_on_launch: bool
    default_for_az: bool
    created_at: datetime
    tags: Mapping[str, str]
    route_table_id: str = ""
    association_id: str = ""
    network_acl_id: str = ""
    network_acl_association_id: str = ""

    @property
    def network(self) -> IPv4Network:
        return _parsed(self.cidr_block)


class Subnets(Owned[Subnet]):
    kind = Kind("subnet", Prefix.SUBNET, "InvalidSubnetID", "DescribeSubnets", is_public=True, part_of="route_table_id")
    row_type = Subnet
    stored_as = "subnets"
    filters = {
        "subnet-id": lambda row: row.id,
        "vpc-id": lambda row: row.vpc_id,
        "availability-zone": lambda row: row.zone,
        "cidr": lambda row: row.cidr_block,
        "cidr-block": lambda row: row.cidr_block,
        "default-for-az": lambda row: row.default_for_az,
        "map-public-ip-on-launch": lambda row: row.map_public_ip_on_launch,
        "owner-id": lambda row: row.project_id,
        "state": lambda row: "available",
    }

    def __init__(self) -> None:
        super().__init__()
        self.vpc = self.index(lambda row: row.vpc_id)
        self.route_table = self.index(lambda row: row.route_table_id or None)
        self.association = self.unique(lambda row: row.association_id or None)
        self.network_acl = self.index(lambda row: row.network_acl_id or None)
        self.network_acl_association = self.unique(lambda row: row.network_acl_association_id or None)


# Each launch asks its subnets; most regions have fewer of them.
@lru_cache(maxsize=4096)
def _parsed(cidr_block: str) -> IPv4Network:
    return IPv4Network(cidr_block)


@dataclass(frozen=True, slots=True)
class InternetGateway:
    """`vpc_id` is empty while it is detached. `host_id` is the gateway host that carries it, empty until there is one;
    `epoch` grows when it moves, and from one gateway of a VPC to the next.
    """

    id: str
    project_id: str
    vpc_id: str
    host_id: str
    epoch: int
    created_at: datetime
    tags: Mapping[str, str]


class InternetGateways(Owned[InternetGateway]):
    kind = Kind(
        "internet-gateway",
        Prefix.INTERNET_GATEWAY,
        "InvalidInternetGatewayID",
        "DescribeInternetGateways",
        is_public=True,
        part_of="vpc_id",
    )
    row_type = InternetGateway
    stored_as = "internet_gateways"
    filters = {
        "internet-gateway-id": lambda row: row.id,
        "attachment.state": lambda row: "available" if row.vpc_id else (),
        "attachment.vpc-id": lambda row: row.vpc_id or (),
        "owner-id": lambda row: row.project_id,
    }

    def __init__(self) -> None:
        super().__init__()
        self.vpc = self.index(lambda row: row.vpc_id or None)
        self.host = self.index(lambda row: row.host_id)


@dataclass(frozen=True, slots=True)
class Route:
    """`target` is `LOCAL`, or the id of what packets go to, which may be gone."""

    cidr_block: str
    target: str

    @property
    def is_local(self) -> bool:
        return self.target == LOCAL

    @property
    def by(self) -> str:
        """What its target is, by the prefix of the id; empty for the local route."""
        return self.target.rpartition("-")[0]

    @property
    def origin(self) -> str:
        """By which call it came."""
        return "CreateRouteTable" if self.is_local else "CreateRoute"


@dataclass(frozen=True, slots=True)
class RouteTable:
    """It serves the subnets that name it, and, where it has a `main_association_id`, those that name none.

    `number`, from 1, is its own in its VPC: hosts' kernels know it by that.
    """

    id: str
    project_id: str
    vpc_id: str
    number: int
    main_association_id: str
    routes: tuple[Route, ...]
    created_at: datetime
    tags: Mapping[str, str]

    @property
    def is_main(self) -> bool:
        return bool(self.main_association_id)

    def targets(self, *prefixes: str) -> list[str]:
        """Of its routes by these."""
        return [route.target for route in self.routes if route.by in prefixes]


class RouteTables(Owned[RouteTable]):
    kind = Kind("route-table", Prefix.ROUTE_TABLE, "InvalidRouteTableID", "DescribeRouteTables", is_public=True)
    row_type = RouteTable
    stored_as = "route_tables"
    filters = {
        "route-table-id": lambda row: row.id,
        "vpc-id": lambda row: row.vpc_id,
        "owner-id": lambda row: row.project_id,
        "association.main": lambda row: row.is_main,
        "association.route-table-id": lambda row: row.id,
        "route.destination-cidr-block": lambda row: [route.cidr_block for route in row.routes],
        "route.gateway-id": lambda row: row.targets("", Prefix.INTERNET_GATEWAY),
        "route.nat-gateway-id": lambda row: row.targets(Prefix.NAT_GATEWAY),
        "route.vpc-peering-connection-id": lambda row: row.targets(Prefix.VPC_PEERING_CONNECTION),
        "route.origin": lambda row: [route.origin for route in row.routes],
    }

    def __init__(self) -> None:
        super().__init__()
        self.vpc = self.index(lambda row: row.vpc_id)
        self.main_association = self.unique(lambda row: row.main_association_id or None)
        self.interface = self.index_each(lambda row: tuple(dict.fromkeys(row.targets(Prefix.NETWORK_INTERFACE))))
