from stead.v1 import common_pb2 as _common_pb2
from stead.v1 import network_acls_pb2 as _network_acls_pb2
from stead.v1 import options_pb2 as _options_pb2
from stead.v1 import paths_pb2 as _paths_pb2
from stead.v1 import dhcp_options_pb2 as _dhcp_options_pb2
from stead.v1 import internet_gateways_pb2 as _internet_gateways_pb2
from stead.v1 import nat_gateways_pb2 as _nat_gateways_pb2
from stead.v1 import route_tables_pb2 as _route_tables_pb2
from stead.v1 import subnets_pb2 as _subnets_pb2
from stead.v1 import vpc_peering_connections_pb2 as _vpc_peering_connections_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union
from stead.v1.dhcp_options_pb2 import DhcpOptions as DhcpOptions
from stead.v1.dhcp_options_pb2 import DhcpConfiguration as DhcpConfiguration
from stead.v1.dhcp_options_pb2 import CreateDhcpOptionsRequest as CreateDhcpOptionsRequest
from stead.v1.dhcp_options_pb2 import CreateDhcpOptionsResponse as CreateDhcpOptionsResponse
from stead.v1.dhcp_options_pb2 import AssociateDhcpOptionsRequest as AssociateDhcpOptionsRequest
from stead.v1.dhcp_options_pb2 import AssociateDhcpOptionsResponse as AssociateDhcpOptionsResponse
from stead.v1.dhcp_options_pb2 import DeleteDhcpOptionsRequest as DeleteDhcpOptionsRequest
from stead.v1.dhcp_options_pb2 import DeleteDhcpOptionsResponse as DeleteDhcpOptionsResponse
from stead.v1.dhcp_options_pb2 import DescribeDhcpOptionsRequest as DescribeDhcpOptionsRequest
from stead.v1.dhcp_options_pb2 import DescribeDhcpOptionsResponse as DescribeDhcpOptionsResponse
from stead.v1.internet_gateways_pb2 import InternetGateway as InternetGateway
from stead.v1.internet_gateways_pb2 import DescribeInternetGatewaysRequest as DescribeInternetGatewaysRequest
from stead.v1.internet_gateways_pb2 import DescribeInternetGatewaysResponse as DescribeInternetGatewaysResponse
from stead.v1.internet_gateways_pb2 import CreateInternetGatewayRequest as CreateInternetGatewayRequest
from stead.v1.internet_gateways_pb2 import CreateInternetGatewayResponse as CreateInternetGatewayResponse
from stead.v1.internet_gateways_pb2 import AttachInternetGatewayRequest as AttachInternetGatewayRequest
from stead.v1.internet_gateways_pb2 import AttachInternetGatewayResponse as AttachInternetGatewayResponse
from stead.v1.internet_gateways_pb2 import DetachInternetGatewayRequest as DetachInternetGatewayRequest
from stead.v1.internet_gateways_pb2 import DetachInternetGatewayResponse as DetachInternetGatewayResponse
from stead.v1.internet_gateways_pb2 import DeleteInternetGatewayRequest as DeleteInternetGatewayRequest
from stead.v1.internet_gateways_pb2 import DeleteInternetGatewayResponse as DeleteInternetGatewayResponse
from stead.v1.nat_gateways_pb2 import NatGateway as NatGateway
from stead.v1.nat_gateways_pb2 import NatGatewayAddress as NatGatewayAddress
from stead.v1.nat_gateways_pb2 import CreateNatGatewayRequest as CreateNatGatewayRequest
from stead.v1.nat_gateways_pb2 import CreateNatGatewayResponse as CreateNatGatewayResponse
from stead.v1.nat_gateways_pb2 import DeleteNatGatewayRequest as DeleteNatGatewayRequest
from stead.v1.nat_gateways_pb2 import DeleteNatGatewayResponse as DeleteNatGatewayResponse
from stead.v1.nat_gateways_pb2 import DescribeNatGatewaysRequest as DescribeNatGatewaysRequest
from stead.v1.nat_gateways_pb2 import DescribeNatGatewaysResponse as DescribeNatGatewaysResponse
from stead.v1.route_tables_pb2 import RouteTable as RouteTable
from stead.v1.route_tables_pb2 import Route as Route
from stead.v1.route_tables_pb2 import RouteTableAssociation as RouteTableAssociation
from stead.v1.route_tables_pb2 import DescribeRouteTablesRequest as DescribeRouteTablesRequest
from stead.v1.route_tables_pb2 import DescribeRouteTablesResponse as DescribeRouteTablesResponse
from stead.v1.route_tables_pb2 import CreateRouteTableRequest as CreateRouteTableRequest
from stead.v1.route_tables_pb2 import CreateRouteTableResponse as CreateRouteTableResponse
from stead.v1.route_tables_pb2 import DeleteRouteTableRequest as DeleteRouteTableRequest
from stead.v1.route_tables_pb2 import DeleteRouteTableResponse as DeleteRouteTableResponse
from stead.v1.route_tables_pb2 import AssociateRouteTableRequest as AssociateRouteTableRequest
from stead.v1.route_tables_pb2 import AssociateRouteTableResponse as AssociateRouteTableResponse
from stead.v1.route_tables_pb2 import DisassociateRouteTableRequest as DisassociateRouteTableRequest
from stead.v1.route_tables_pb2 import DisassociateRouteTableResponse as DisassociateRouteTableResponse
from stead.v1.route_tables_pb2 import ReplaceRouteTableAssociationRequest as ReplaceRouteTableAssociationRequest
from stead.v1.route_tables_pb2 import ReplaceRouteTableAssociationResponse as ReplaceRouteTableAssociationResponse
from stead.v1.route_tables_pb2 import CreateRouteRequest as CreateRouteRequest
from stead.v1.route_tables_pb2 import CreateRouteResponse as CreateRouteResponse
from stead.v1.route_tables_pb2 import ReplaceRouteRequest as ReplaceRouteRequest
from stead.v1.route_tables_pb2 import ReplaceRouteResponse as ReplaceRouteResponse
from stead.v1.route_tables_pb2 import DeleteRouteRequest as DeleteRouteRequest
from stead.v1.route_tables_pb2 import DeleteRouteResponse as DeleteRouteResponse
from stead.v1.subnets_pb2 import Subnet as Subnet
from stead.v1.subnets_pb2 import DescribeSubnetsRequest as DescribeSubnetsRequest
from stead.v1.subnets_pb2 import DescribeSubnetsResponse as DescribeSubnetsResponse
from stead.v1.subnets_pb2 import CreateSubnetRequest as CreateSubnetRequest
from stead.v1.subnets_pb2 import CreateSubnetResponse as CreateSubnetResponse
from stead.v1.subnets_pb2 import CreateDefaultSubnetRequest as CreateDefaultSubnetRequest
from stead.v1.subnets_pb2 import CreateDefaultSubnetResponse as CreateDefaultSubnetResponse
from stead.v1.subnets_pb2 import ModifySubnetAttributeRequest as ModifySubnetAttributeRequest
from stead.v1.subnets_pb2 import ModifySubnetAttributeResponse as ModifySubnetAttributeResponse
from stead.v1.subnets_pb2 import DeleteSubnetRequest as DeleteSubnetRequest
from stead.v1.subnets_pb2 import DeleteSubnetResponse as DeleteSubnetResponse
from stead.v1.vpc_peering_connections_pb2 import VpcPeeringConnection as VpcPeeringConnection
from stead.v1.vpc_peering_connections_pb2 import VpcPeeringConnectionVpcInfo as VpcPeeringConnectionVpcInfo
from stead.v1.vpc_peering_connections_pb2 import VpcPeeringConnectionStateReason as VpcPeeringConnectionStateReason
from stead.v1.vpc_peering_connections_pb2 import CreateVpcPeeringConnectionRequest as CreateVpcPeeringConnectionRequest
from stead.v1.vpc_peering_connections_pb2 import CreateVpcPeeringConnectionResponse as CreateVpcPeeringConnectionResponse
from stead.v1.vpc_peering_connections_pb2 import AcceptVpcPeeringConnectionRequest as AcceptVpcPeeringConnectionRequest
from stead.v1.vpc_peering_connections_pb2 import AcceptVpcPeeringConnectionResponse as AcceptVpcPeeringConnectionResponse
from stead.v1.vpc_peering_connections_pb2 import RejectVpcPeeringConnectionRequest as RejectVpcPeeringConnectionRequest
from stead.v1.vpc_peering_connections_pb2 import RejectVpcPeeringConnectionResponse as RejectVpcPeeringConnectionResponse
from stead.v1.vpc_peering_connections_pb2 import DeleteVpcPeeringConnectionRequest as DeleteVpcPeeringConnectionRequest
from stead.v1.vpc_peering_connections_pb2 import DeleteVpcPeeringConnectionResponse as DeleteVpcPeeringConnectionResponse
from stead.v1.vpc_peering_connections_pb2 import DescribeVpcPeeringConnectionsRequest as DescribeVpcPeeringConnectionsRequest
from stead.v1.vpc_peering_connections_pb2 import DescribeVpcPeeringConnectionsResponse as DescribeVpcPeeringConnectionsResponse

DESCRIPTOR: _descriptor.FileDescriptor

class Vpc(_message.Message):
    __slots__ = ("vpc_id", "cidr_block", "is_default", "state", "tags", "enable_dns_support", "enable_dns_hostnames", "owner_id", "dhcp_options_id")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    CIDR_BLOCK_FIELD_NUMBER: _ClassVar[int]
    IS_DEFAULT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    ENABLE_DNS_SUPPORT_FIELD_NUMBER: _ClassVar[int]
    ENABLE_DNS_HOSTNAMES_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    DHCP_OPTIONS_ID_FIELD_NUMBER: _ClassVar[int]
    vpc_id: str
    cidr_block: str
    is_default: bool
    state: str
    tags: _containers.ScalarMap[str, str]
    enable_dns_support: bool
    enable_dns_hostnames: bool
    owner_id: str
    dhcp_options_id: str
    def __init__(self, vpc_id: _Optional[str] = ..., cidr_block: _Optional[str] = ..., is_default: _Optional[bool] = ..., state: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ..., enable_dns_support: _Optional[bool] = ..., enable_dns_hostnames: _Optional[bool] = ..., owner_id: _Optional[str] = ..., dhcp_options_id: _Optional[str] = ...) -> None: ...

class DescribeVpcsRequest(_message.Message):
    __slots__ = ("vpc_ids", "filters", "page_size", "page_token")
    VPC_IDS_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    vpc_ids: _containers.RepeatedScalarFieldContainer[str]
    filters: _containers.RepeatedCompositeFieldContainer[_common_pb2.Filter]
    page_size: int
    page_token: str
    def __init__(self, vpc_ids: _Optional[_Iterable[str]] = ..., filters: _Optional[_Iterable[_Union[_common_pb2.Filter, _Mapping]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class DescribeVpcsResponse(_message.Message):
    __slots__ = ("vpcs", "next_page_token", "revision")
    VPCS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    vpcs: _containers.RepeatedCompositeFieldContainer[Vpc]
    next_page_token: str
    revision: int
    def __init__(self, vpcs: _Optional[_Iterable[_Union[Vpc, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class CreateVpcRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "cidr_block", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    CIDR_BLOCK_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    cidr_block: str
    tags: _containers.ScalarMap[str, str]
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., cidr_block: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class CreateVpcResponse(_message.Message):
    __slots__ = ("vpc",)
    VPC_FIELD_NUMBER: _ClassVar[int]
    vpc: Vpc
    def __init__(self, vpc: _Optional[_Union[Vpc, _Mapping]] = ...) -> None: ...

class CreateDefaultVpcRequest(_message.Message):
    __slots__ = ("client_token", "dry_run")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ...) -> None: ...

class CreateDefaultVpcResponse(_message.Message):
    __slots__ = ("vpc",)
    VPC_FIELD_NUMBER: _ClassVar[int]
    vpc: Vpc
    def __init__(self, vpc: _Optional[_Union[Vpc, _Mapping]] = ...) -> None: ...

class ModifyVpcAttributeRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "vpc_id", "enable_dns_support", "enable_dns_hostnames")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    ENABLE_DNS_SUPPORT_FIELD_NUMBER: _ClassVar[int]
    ENABLE_DNS_HOSTNAMES_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    vpc_id: str
    enable_dns_support: bool
    enable_dns_hostnames: bool
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., vpc_id: _Optional[str] = ..., enable_dns_support: _Optional[bool] = ..., enable_dns_hostnames: _Optional[bool] = ...) -> None: ...

class ModifyVpcAttributeResponse(_message.Message):
    __slots__ = ("vpc",)
    VPC_FIELD_NUMBER: _ClassVar[int]
    vpc: Vpc
    def __init__(self, vpc: _Optional[_Union[Vpc, _Mapping]] = ...) -> None: ...

class DeleteVpcRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "vpc_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    vpc_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., vpc_id: _Optional[str] = ...) -> None: ...

class DeleteVpcResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
