import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from stead.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class VpcPeeringConnection(_message.Message):
    __slots__ = ("vpc_peering_connection_id", "requester_vpc_info", "accepter_vpc_info", "status", "expiration_time", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    VPC_PEERING_CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    REQUESTER_VPC_INFO_FIELD_NUMBER: _ClassVar[int]
    ACCEPTER_VPC_INFO_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    EXPIRATION_TIME_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    vpc_peering_connection_id: str
    requester_vpc_info: VpcPeeringConnectionVpcInfo
    accepter_vpc_info: VpcPeeringConnectionVpcInfo
    status: VpcPeeringConnectionStateReason
    expiration_time: _timestamp_pb2.Timestamp
    tags: _containers.ScalarMap[str, str]
    def __init__(self, vpc_peering_connection_id: _Optional[str] = ..., requester_vpc_info: _Optional[_Union[VpcPeeringConnectionVpcInfo, _Mapping]] = ..., accepter_vpc_info: _Optional[_Union[VpcPeeringConnectionVpcInfo, _Mapping]] = ..., status: _Optional[_Union[VpcPeeringConnectionStateReason, _Mapping]] = ..., expiration_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class VpcPeeringConnectionVpcInfo(_message.Message):
    __slots__ = ("vpc_id", "owner_id", "cidr_block")
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    CIDR_BLOCK_FIELD_NUMBER: _ClassVar[int]
    vpc_id: str
    owner_id: str
    cidr_block: str
    def __init__(self, vpc_id: _Optional[str] = ..., owner_id: _Optional[str] = ..., cidr_block: _Optional[str] = ...) -> None: ...

class VpcPeeringConnectionStateReason(_message.Message):
    __slots__ = ("code", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class CreateVpcPeeringConnectionRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "vpc_id", "peer_vpc_id", "peer_owner_id", "tags")
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
    PEER_VPC_ID_FIELD_NUMBER: _ClassVar[int]
    PEER_OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    vpc_id: str
    peer_vpc_id: str
    peer_owner_id: str
    tags: _containers.ScalarMap[str, str]
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., vpc_id: _Optional[str] = ..., peer_vpc_id: _Optional[str] = ..., peer_owner_id: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class CreateVpcPeeringConnectionResponse(_message.Message):
    __slots__ = ("vpc_peering_connection",)
    VPC_PEERING_CONNECTION_FIELD_NUMBER: _ClassVar[int]
    vpc_peering_connection: VpcPeeringConnection
    def __init__(self, vpc_peering_connection: _Optional[_Union[VpcPeeringConnection, _Mapping]] = ...) -> None: ...

class AcceptVpcPeeringConnectionRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "vpc_peering_connection_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    VPC_PEERING_CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    vpc_peering_connection_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., vpc_peering_connection_id: _Optional[str] = ...) -> None: ...

class AcceptVpcPeeringConnectionResponse(_message.Message):
    __slots__ = ("vpc_peering_connection",)
    VPC_PEERING_CONNECTION_FIELD_NUMBER: _ClassVar[int]
    vpc_peering_connection: VpcPeeringConnection
    def __init__(self, vpc_peering_connection: _Optional[_Union[VpcPeeringConnection, _Mapping]] = ...) -> None: ...

class RejectVpcPeeringConnectionRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "vpc_peering_connection_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    VPC_PEERING_CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    vpc_peering_connection_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., vpc_peering_connection_id: _Optional[str] = ...) -> None: ...

class RejectVpcPeeringConnectionResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DeleteVpcPeeringConnectionRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "vpc_peering_connection_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    VPC_PEERING_CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    vpc_peering_connection_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., vpc_peering_connection_id: _Optional[str] = ...) -> None: ...

class DeleteVpcPeeringConnectionResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DescribeVpcPeeringConnectionsRequest(_message.Message):
    __slots__ = ("vpc_peering_connection_ids", "filters", "page_size", "page_token")
    VPC_PEERING_CONNECTION_IDS_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    vpc_peering_connection_ids: _containers.RepeatedScalarFieldContainer[str]
    filters: _containers.RepeatedCompositeFieldContainer[_common_pb2.Filter]
    page_size: int
    page_token: str
    def __init__(self, vpc_peering_connection_ids: _Optional[_Iterable[str]] = ..., filters: _Optional[_Iterable[_Union[_common_pb2.Filter, _Mapping]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class DescribeVpcPeeringConnectionsResponse(_message.Message):
    __slots__ = ("vpc_peering_connections", "next_page_token", "revision")
    VPC_PEERING_CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    vpc_peering_connections: _containers.RepeatedCompositeFieldContainer[VpcPeeringConnection]
    next_page_token: str
    revision: int
    def __init__(self, vpc_peering_connections: _Optional[_Iterable[_Union[VpcPeeringConnection, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...
