from stead.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RouteTable(_message.Message):
    __slots__ = ("route_table_id", "vpc_id", "is_main", "routes", "tags", "associations", "owner_id")
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
    ASSOCIATIONS_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    route_table_id: str
    vpc_id: str
    is_main: bool
    routes: _containers.RepeatedCompositeFieldContainer[Route]
    tags: _containers.ScalarMap[str, str]
    associations: _containers.RepeatedCompositeFieldContainer[RouteTableAssociation]
    owner_id: str
    def __init__(self, route_table_id: _Optional[str] = ..., vpc_id: _Optional[str] = ..., is_main: _Optional[bool] = ..., routes: _Optional[_Iterable[_Union[Route, _Mapping]]] = ..., tags: _Optional[_Mapping[str, str]] = ..., associations: _Optional[_Iterable[_Union[RouteTableAssociation, _Mapping]]] = ..., owner_id: _Optional[str] = ...) -> None: ...

class Route(_message.Message):
    __slots__ = ("destination_cidr_block", "target_id", "state", "origin")
    DESTINATION_CIDR_BLOCK_FIELD_NUMBER: _ClassVar[int]
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    destination_cidr_block: str
    target_id: str
    state: str
    origin: str
    def __init__(self, destination_cidr_block: _Optional[str] = ..., target_id: _Optional[str] = ..., state: _Optional[str] = ..., origin: _Optional[str] = ...) -> None: ...

class RouteTableAssociation(_message.Message):
    __slots__ = ("route_table_association_id", "route_table_id", "subnet_id", "main", "state")
    ROUTE_TABLE_ASSOCIATION_ID_FIELD_NUMBER: _ClassVar[int]
    ROUTE_TABLE_ID_FIELD_NUMBER: _ClassVar[int]
    SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    MAIN_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    route_table_association_id: str
    route_table_id: str
    subnet_id: str
    main: bool
    state: str
    def __init__(self, route_table_association_id: _Optional[str] = ..., route_table_id: _Optional[str] = ..., subnet_id: _Optional[str] = ..., main: _Optional[bool] = ..., state: _Optional[str] = ...) -> None: ...

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

class CreateRouteTableRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "vpc_id", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    vpc_id: str
    tags: _containers.ScalarMap[str, str]
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., vpc_id: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class CreateRouteTableResponse(_message.Message):
    __slots__ = ("route_table",)
    ROUTE_TABLE_FIELD_NUMBER: _ClassVar[int]
    route_table: RouteTable
    def __init__(self, route_table: _Optional[_Union[RouteTable, _Mapping]] = ...) -> None: ...

class DeleteRouteTableRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "route_table_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    ROUTE_TABLE_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    route_table_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., route_table_id: _Optional[str] = ...) -> None: ...

class DeleteRouteTableResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AssociateRouteTableRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "route_table_id", "subnet_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    ROUTE_TABLE_ID_FIELD_NUMBER: _ClassVar[int]
    SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    route_table_id: str
    subnet_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., route_table_id: _Optional[str] = ..., subnet_id: _Optional[str] = ...) -> None: ...

class AssociateRouteTableResponse(_message.Message):
    __slots__ = ("route_table_association_id",)
    ROUTE_TABLE_ASSOCIATION_ID_FIELD_NUMBER: _ClassVar[int]
    route_table_association_id: str
    def __init__(self, route_table_association_id: _Optional[str] = ...) -> None: ...

class DisassociateRouteTableRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "route_table_association_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    ROUTE_TABLE_ASSOCIATION_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    route_table_association_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., route_table_association_id: _Optional[str] = ...) -> None: ...

class DisassociateRouteTableResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReplaceRouteTableAssociationRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "route_table_association_id", "route_table_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    ROUTE_TABLE_ASSOCIATION_ID_FIELD_NUMBER: _ClassVar[int]
    ROUTE_TABLE_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    route_table_association_id: str
    route_table_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., route_table_association_id: _Optional[str] = ..., route_table_id: _Optional[str] = ...) -> None: ...

class ReplaceRouteTableAssociationResponse(_message.Message):
    __slots__ = ("route_table_association_id",)
    ROUTE_TABLE_ASSOCIATION_ID_FIELD_NUMBER: _ClassVar[int]
    route_table_association_id: str
    def __init__(self, route_table_association_id: _Optional[str] = ...) -> None: ...

class CreateRouteRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "route_table_id", "destination_cidr_block", "gateway_id", "nat_gateway_id", "vpc_peering_connection_id", "network_interface_id", "instance_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    ROUTE_TABLE_ID_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_CIDR_BLOCK_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    NAT_GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    VPC_PEERING_CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    NETWORK_INTERFACE_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    route_table_id: str
    destination_cidr_block: str
    gateway_id: str
    nat_gateway_id: str
    vpc_peering_connection_id: str
    network_interface_id: str
    instance_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., route_table_id: _Optional[str] = ..., destination_cidr_block: _Optional[str] = ..., gateway_id: _Optional[str] = ..., nat_gateway_id: _Optional[str] = ..., vpc_peering_connection_id: _Optional[str] = ..., network_interface_id: _Optional[str] = ..., instance_id: _Optional[str] = ...) -> None: ...

class CreateRouteResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReplaceRouteRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "route_table_id", "destination_cidr_block", "gateway_id", "nat_gateway_id", "vpc_peering_connection_id", "network_interface_id", "instance_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    ROUTE_TABLE_ID_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_CIDR_BLOCK_FIELD_NUMBER: _ClassVar[int]
    GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    NAT_GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    VPC_PEERING_CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    NETWORK_INTERFACE_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    route_table_id: str
    destination_cidr_block: str
    gateway_id: str
    nat_gateway_id: str
    vpc_peering_connection_id: str
    network_interface_id: str
    instance_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., route_table_id: _Optional[str] = ..., destination_cidr_block: _Optional[str] = ..., gateway_id: _Optional[str] = ..., nat_gateway_id: _Optional[str] = ..., vpc_peering_connection_id: _Optional[str] = ..., network_interface_id: _Optional[str] = ..., instance_id: _Optional[str] = ...) -> None: ...

class ReplaceRouteResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DeleteRouteRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "route_table_id", "destination_cidr_block")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    ROUTE_TABLE_ID_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_CIDR_BLOCK_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    route_table_id: str
    destination_cidr_block: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., route_table_id: _Optional[str] = ..., destination_cidr_block: _Optional[str] = ...) -> None: ...

class DeleteRouteResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
