from stead.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Subnet(_message.Message):
    __slots__ = ("subnet_id", "vpc_id", "cidr_block", "zone_name", "map_public_ip_on_launch", "default_for_az", "available_ip_address_count", "state", "tags", "owner_id")
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
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    subnet_id: str
    vpc_id: str
    cidr_block: str
    zone_name: str
    map_public_ip_on_launch: bool
    default_for_az: bool
    available_ip_address_count: int
    state: str
    tags: _containers.ScalarMap[str, str]
    owner_id: str
    def __init__(self, subnet_id: _Optional[str] = ..., vpc_id: _Optional[str] = ..., cidr_block: _Optional[str] = ..., zone_name: _Optional[str] = ..., map_public_ip_on_launch: _Optional[bool] = ..., default_for_az: _Optional[bool] = ..., available_ip_address_count: _Optional[int] = ..., state: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ..., owner_id: _Optional[str] = ...) -> None: ...

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

class CreateSubnetRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "vpc_id", "cidr_block", "zone_name", "tags")
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
    CIDR_BLOCK_FIELD_NUMBER: _ClassVar[int]
    ZONE_NAME_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    vpc_id: str
    cidr_block: str
    zone_name: str
    tags: _containers.ScalarMap[str, str]
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., vpc_id: _Optional[str] = ..., cidr_block: _Optional[str] = ..., zone_name: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class CreateSubnetResponse(_message.Message):
    __slots__ = ("subnet",)
    SUBNET_FIELD_NUMBER: _ClassVar[int]
    subnet: Subnet
    def __init__(self, subnet: _Optional[_Union[Subnet, _Mapping]] = ...) -> None: ...

class CreateDefaultSubnetRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "zone_name")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    ZONE_NAME_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    zone_name: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., zone_name: _Optional[str] = ...) -> None: ...

class CreateDefaultSubnetResponse(_message.Message):
    __slots__ = ("subnet",)
    SUBNET_FIELD_NUMBER: _ClassVar[int]
    subnet: Subnet
    def __init__(self, subnet: _Optional[_Union[Subnet, _Mapping]] = ...) -> None: ...

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

class DeleteSubnetRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "subnet_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    SUBNET_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    subnet_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., subnet_id: _Optional[str] = ...) -> None: ...

class DeleteSubnetResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
