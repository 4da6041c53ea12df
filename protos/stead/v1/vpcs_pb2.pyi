from stead.v1 import common_pb2 as _common_pb2
from stead.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Vpc(_message.Message):
    __slots__ = ("vpc_id", "cidr_block", "is_default", "state", "tags")
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
    vpc_id: str
    cidr_block: str
    is_default: bool
    state: str
    tags: _containers.ScalarMap[str, str]
    def __init__(self, vpc_id: _Optional[str] = ..., cidr_block: _Optional[str] = ..., is_default: _Optional[bool] = ..., state: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Subnet(_message.Message):
    __slots__ = ("subnet_id", "vpc_id", "cidr_block", "zone_name", "map_public_ip_on_launch", "default_for_az", "available_ip_address_count", "state", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    CIDR_BLOCK_FIELD_NUMBER: _ClassVar[int]
    ZONE_NAME_FIELD_NUMBER: _ClassVar[int]
    MAP_PUBLIC_IP_ON_LAUNCH_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_FOR_AZ_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_IP_ADDRESS_COUNT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    subnet_id: str
    vpc_id: str
    cidr_block: str
    zone_name: str
    map_public_ip_on_launch: bool
    default_for_az: bool
    available_ip_address_count: int
    state: str
    tags: _containers.ScalarMap[str, str]
    def __init__(self, subnet_id: _Optional[str] = ..., vpc_id: _Optional[str] = ..., cidr_block: _Optional[str] = ..., zone_name: _Optional[str] = ..., map_public_ip_on_launch: _Optional[bool] = ..., default_for_az: _Optional[bool] = ..., available_ip_address_count: _Optional[int] = ..., state: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class InternetGateway(_message.Message):
    __slots__ = ("internet_gateway_id", "vpc_id", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    INTERNET_GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    internet_gateway_id: str
    vpc_id: str
    tags: _containers.ScalarMap[str, str]
    def __init__(self, internet_gateway_id: _Optional[str] = ..., vpc_id: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class RouteTable(_message.Message):
    __slots__ = ("route_table_id", "vpc_id", "is_main", "routes", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ROUTE_TABLE_ID_FIELD_NUMBER: _ClassVar[int]
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    IS_MAIN_FIELD_NUMBER: _ClassVar[int]
    ROUTES_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    route_table_id: str
    vpc_id: str
    is_main: bool
    routes: _containers.RepeatedCompositeFieldContainer[Route]
    tags: _containers.ScalarMap[str, str]
    def __init__(self, route_table_id: _Optional[str] = ..., vpc_id: _Optional[str] = ..., is_main: _Optional[bool] = ..., routes: _Optional[_Iterable[_Union[Route, _Mapping]]] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Route(_message.Message):
    __slots__ = ("destination_cidr_block", "target_id", "state")
    DESTINATION_CIDR_BLOCK_FIELD_NUMBER: _ClassVar[int]
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    destination_cidr_block: str
    target_id: str
    state: str
    def __init__(self, destination_cidr_block: _Optional[str] = ..., target_id: _Optional[str] = ..., state: _Optional[str] = ...) -> None: ...

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

class DescribeSubnetsRequest(_message.Message):
    __slots__ = ("subnet_ids", "filters", "page_size", "page_token")
    SUBNET_IDS_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    subnet_ids: _containers.RepeatedScalarFieldContainer[str]
    filters: _containers.RepeatedCompositeFieldContainer[_common_pb2.Filter]
    page_size: int
    page_token: str
    def __init__(self, subnet_ids: _Optional[_Iterable[str]] = ..., filters: _Optional[_Iterable[_Union[_common_pb2.Filter, _Mapping]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class DescribeSubnetsResponse(_message.Message):
    __slots__ = ("subnets", "next_page_token", "revision")
    SUBNETS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    subnets: _containers.RepeatedCompositeFieldContainer[Subnet]
    next_page_token: str
    revision: int
    def __init__(self, subnets: _Optional[_Iterable[_Union[Subnet, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class DescribeInternetGatewaysRequest(_message.Message):
    __slots__ = ("internet_gateway_ids", "filters", "page_size", "page_token")
    INTERNET_GATEWAY_IDS_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    internet_gateway_ids: _containers.RepeatedScalarFieldContainer[str]
    filters: _containers.RepeatedCompositeFieldContainer[_common_pb2.Filter]
    page_size: int
    page_token: str
    def __init__(self, internet_gateway_ids: _Optional[_Iterable[str]] = ..., filters: _Optional[_Iterable[_Union[_common_pb2.Filter, _Mapping]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class DescribeInternetGatewaysResponse(_message.Message):
    __slots__ = ("internet_gateways", "next_page_token", "revision")
    INTERNET_GATEWAYS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    internet_gateways: _containers.RepeatedCompositeFieldContainer[InternetGateway]
    next_page_token: str
    revision: int
    def __init__(self, internet_gateways: _Optional[_Iterable[_Union[InternetGateway, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class DescribeRouteTablesRequest(_message.Message):
    __slots__ = ("route_table_ids", "filters", "page_size", "page_token")
    ROUTE_TABLE_IDS_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    route_table_ids: _containers.RepeatedScalarFieldContainer[str]
    filters: _containers.RepeatedCompositeFieldContainer[_common_pb2.Filter]
    page_size: int
    page_token: str
    def __init__(self, route_table_ids: _Optional[_Iterable[str]] = ..., filters: _Optional[_Iterable[_Union[_common_pb2.Filter, _Mapping]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class DescribeRouteTablesResponse(_message.Message):
    __slots__ = ("route_tables", "next_page_token", "revision")
    ROUTE_TABLES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    route_tables: _containers.RepeatedCompositeFieldContainer[RouteTable]
    next_page_token: str
    revision: int
    def __init__(self, route_tables: _Optional[_Iterable[_Union[RouteTable, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class ModifySubnetAttributeRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "subnet_id", "map_public_ip_on_launch")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    MAP_PUBLIC_IP_ON_LAUNCH_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    subnet_id: str
    map_public_ip_on_launch: bool
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., subnet_id: _Optional[str] = ..., map_public_ip_on_launch: _Optional[bool] = ...) -> None: ...

class ModifySubnetAttributeResponse(_message.Message):
    __slots__ = ("subnet",)
    SUBNET_FIELD_NUMBER: _ClassVar[int]
    subnet: Subnet
    def __init__(self, subnet: _Optional[_Union[Subnet, _Mapping]] = ...) -> None: ...
