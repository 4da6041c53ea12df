"""VPCs, and what gives them their shape: subnets, internet gateways, route tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Network

from controlplane.ids import Prefix
from controlplane.model.kind import Kind
from controlplane.model.table import Owned


@dataclass(frozen=True, slots=True)
class Vpc:
    """`vni` is its VXLAN identifier, unique in the region and never given to another VPC while this one lives."""

    id: str
    project_id: str
    cidr_block: str
    vni: int
    is_default: bool
    created_at: datetime
    tags: Mapping[str, str]


class Vpcs(Owned[Vpc]):
    kind = Kind("vpc", Prefix.VPC, "InvalidVpcID", "DescribeVpcs", word="VPC", is_public=True)
    row_type = Vpc
    stored_as = "vpcs"
    unique_fields = (("vni",),)
    filters = {
        "vpc-id": lambda row: row.id,
        "cidr": lambda row: row.cidr_block,
        "is-default": lambda row: row.is_default,
        "state": lambda row: "available",
    }

    def __init__(self) -> None:
        super().__init__()
        self.vni = self.unique(lambda row: row.vni)


@dataclass(frozen=True, slots=True)
class Subnet:
    id: str
    project_id: str
    vpc_id: str
    zone: str
    cidr_block: str
    map_public_ip_on_launch: bool
    default_for_az: bool
    created_at: datetime
    tags: Mapping[str, str]

    @property
    def network(self) -> IPv4Network:
        return _parsed(self.cidr_block)


class Subnets(Owned[Subnet]):
    kind = Kind("subnet", Prefix.SUBNET, "InvalidSubnetID", "DescribeSubnets", is_public=True)
    row_type = Subnet
    stored_as = "subnets"
    filters = {
        "subnet-id": lambda row: row.id,
        "vpc-id": lambda row: row.vpc_id,
        "availability-zone": lambda row: row.zone,
        "cidr-block": lambda row: row.cidr_block,
        "default-for-az": lambda row: row.default_for_az,
        "state": lambda row: "available",
    }

    def __init__(self) -> None:
        super().__init__()
        self.vpc = self.index(lambda row: row.vpc_id)


# Each launch asks its subnets; most regions have fewer of them.
@lru_cache(maxsize=4096)
def _parsed(cidr_block: str) -> IPv4Network:
    return IPv4Network(cidr_block)


@dataclass(frozen=True, slots=True)
class InternetGateway:
    """`host_id` is the gateway host that carries it, empty until there is one; `epoch` grows when it moves."""

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
    )
    row_type = InternetGateway
    stored_as = "internet_gateways"
    filters = {
        "internet-gateway-id": lambda row: row.id,
        "attachment.vpc-id": lambda row: row.vpc_id,
    }

    def __init__(self) -> None:
        super().__init__()
        self.vpc = self.index(lambda row: row.vpc_id or None)
        self.host = self.index(lambda row: row.host_id)


@dataclass(frozen=True, slots=True)
class Route:
    """`target` is "local" or an internet gateway's id."""

    cidr_block: str
    target: str


@dataclass(frozen=True, slots=True)
class RouteTable:
    id: str
    project_id: str
    vpc_id: str
    is_main: bool
    routes: tuple[Route, ...]
    created_at: datetime
    tags: Mapping[str, str]


class RouteTables(Owned[RouteTable]):
    kind = Kind("route-table", Prefix.ROUTE_TABLE, "InvalidRouteTableID", "DescribeRouteTables", is_public=True)
    row_type = RouteTable
    stored_as = "route_tables"
    filters = {
        "route-table-id": lambda row: row.id,
        "vpc-id": lambda row: row.vpc_id,
        "association.main": lambda row: row.is_main,
    }

    def __init__(self) -> None:
        super().__init__()
        self.vpc = self.index(lambda row: row.vpc_id)
