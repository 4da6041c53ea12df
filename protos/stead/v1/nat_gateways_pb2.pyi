import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from stead.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class NatGateway(_message.Message):
    __slots__ = ("nat_gateway_id", "vpc_id", "subnet_id", "state", "create_time", "delete_time", "failure_code", "failure_message", "nat_gateway_addresses", "tags", "state_detail", "active_connection_count", "error_port_allocation", "owner_id")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAT_GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    DELETE_TIME_FIELD_NUMBER: _ClassVar[int]
    FAILURE_CODE_FIELD_NUMBER: _ClassVar[int]
    FAILURE_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    NAT_GATEWAY_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    STATE_DETAIL_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_CONNECTION_COUNT_FIELD_NUMBER: _ClassVar[int]
    ERROR_PORT_ALLOCATION_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    nat_gateway_id: str
    vpc_id: str
    subnet_id: str
    state: str
    create_time: _timestamp_pb2.Timestamp
    delete_time: _timestamp_pb2.Timestamp
    failure_code: str
    failure_message: str
    nat_gateway_addresses: _containers.RepeatedCompositeFieldContainer[NatGatewayAddress]
    tags: _containers.ScalarMap[str, str]
    state_detail: str
    active_connection_count: int
    error_port_allocation: int
    owner_id: str
    def __init__(self, nat_gateway_id: _Optional[str] = ..., vpc_id: _Optional[str] = ..., subnet_id: _Optional[str] = ..., state: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., delete_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., failure_code: _Optional[str] = ..., failure_message: _Optional[str] = ..., nat_gateway_addresses: _Optional[_Iterable[_Union[NatGatewayAddress, _Mapping]]] = ..., tags: _Optional[_Mapping[str, str]] = ..., state_detail: _Optional[str] = ..., active_connection_count: _Optional[int] = ..., error_port_allocation: _Optional[int] = ..., owner_id: _Optional[str] = ...) -> None: ...

class NatGatewayAddress(_message.Message):
    __slots__ = ("allocation_id", "network_interface_id", "private_ip", "public_ip")
    ALLOCATION_ID_FIELD_NUMBER: _ClassVar[int]
    NETWORK_INTERFACE_ID_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_IP_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_IP_FIELD_NUMBER: _ClassVar[int]
    allocation_id: str
    network_interface_id: str
    private_ip: str
    public_ip: str
    def __init__(self, allocation_id: _Optional[str] = ..., network_interface_id: _Optional[str] = ..., private_ip: _Optional[str] = ..., public_ip: _Optional[str] = ...) -> None: ...

class CreateNatGatewayRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "subnet_id", "allocation_id", "private_ip_address", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    ALLOCATION_ID_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_IP_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    subnet_id: str
    allocation_id: str
    private_ip_address: str
    tags: _containers.ScalarMap[str, str]
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., subnet_id: _Optional[str] = ..., allocation_id: _Optional[str] = ..., private_ip_address: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class CreateNatGatewayResponse(_message.Message):
    __slots__ = ("nat_gateway",)
    NAT_GATEWAY_FIELD_NUMBER: _ClassVar[int]
    nat_gateway: NatGateway
    def __init__(self, nat_gateway: _Optional[_Union[NatGateway, _Mapping]] = ...) -> None: ...

class DeleteNatGatewayRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "nat_gateway_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    NAT_GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    nat_gateway_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., nat_gateway_id: _Optional[str] = ...) -> None: ...

class DeleteNatGatewayResponse(_message.Message):
    __slots__ = ("nat_gateway_id",)
    NAT_GATEWAY_ID_FIELD_NUMBER: _ClassVar[int]
    nat_gateway_id: str
    def __init__(self, nat_gateway_id: _Optional[str] = ...) -> None: ...

class DescribeNatGatewaysRequest(_message.Message):
    __slots__ = ("nat_gateway_ids", "filters", "page_size", "page_token")
    NAT_GATEWAY_IDS_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    nat_gateway_ids: _containers.RepeatedScalarFieldContainer[str]
    filters: _containers.RepeatedCompositeFieldContainer[_common_pb2.Filter]
    page_size: int
    page_token: str
    def __init__(self, nat_gateway_ids: _Optional[_Iterable[str]] = ..., filters: _Optional[_Iterable[_Union[_common_pb2.Filter, _Mapping]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class DescribeNatGatewaysResponse(_message.Message):
    __slots__ = ("nat_gateways", "next_page_token", "revision")
    NAT_GATEWAYS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    nat_gateways: _containers.RepeatedCompositeFieldContainer[NatGateway]
    next_page_token: str
    revision: int
    def __init__(self, nat_gateways: _Optional[_Iterable[_Union[NatGateway, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...
