from stead.v1 import common_pb2 as _common_pb2
from stead.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Address(_message.Message):
    __slots__ = ("allocation_id", "public_ip", "association_id", "instance_id", "network_interface_id", "private_ip_address", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ALLOCATION_ID_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_IP_FIELD_NUMBER: _ClassVar[int]
    ASSOCIATION_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    NETWORK_INTERFACE_ID_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_IP_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    allocation_id: str
    public_ip: str
    association_id: str
    instance_id: str
    network_interface_id: str
    private_ip_address: str
    tags: _containers.ScalarMap[str, str]
    def __init__(self, allocation_id: _Optional[str] = ..., public_ip: _Optional[str] = ..., association_id: _Optional[str] = ..., instance_id: _Optional[str] = ..., network_interface_id: _Optional[str] = ..., private_ip_address: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class AllocateAddressRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "tags", "address")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    tags: _containers.ScalarMap[str, str]
    address: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., tags: _Optional[_Mapping[str, str]] = ..., address: _Optional[str] = ...) -> None: ...

class AllocateAddressResponse(_message.Message):
    __slots__ = ("address",)
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    address: Address
    def __init__(self, address: _Optional[_Union[Address, _Mapping]] = ...) -> None: ...

class AssociateAddressRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "allocation_id", "instance_id", "allow_reassociation", "network_interface_id", "private_ip_address")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    ALLOCATION_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    ALLOW_REASSOCIATION_FIELD_NUMBER: _ClassVar[int]
    NETWORK_INTERFACE_ID_FIELD_NUMBER: _ClassVar[int]
    PRIVATE_IP_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    allocation_id: str
    instance_id: str
    allow_reassociation: bool
    network_interface_id: str
    private_ip_address: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., allocation_id: _Optional[str] = ..., instance_id: _Optional[str] = ..., allow_reassociation: _Optional[bool] = ..., network_interface_id: _Optional[str] = ..., private_ip_address: _Optional[str] = ...) -> None: ...

class AssociateAddressResponse(_message.Message):
    __slots__ = ("association_id",)
    ASSOCIATION_ID_FIELD_NUMBER: _ClassVar[int]
    association_id: str
    def __init__(self, association_id: _Optional[str] = ...) -> None: ...

class DisassociateAddressRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "association_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    ASSOCIATION_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    association_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., association_id: _Optional[str] = ...) -> None: ...

class DisassociateAddressResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReleaseAddressRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "allocation_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    ALLOCATION_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    allocation_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., allocation_id: _Optional[str] = ...) -> None: ...

class ReleaseAddressResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DescribeAddressesRequest(_message.Message):
    __slots__ = ("allocation_ids", "filters", "page_size", "page_token")
    ALLOCATION_IDS_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    allocation_ids: _containers.RepeatedScalarFieldContainer[str]
    filters: _containers.RepeatedCompositeFieldContainer[_common_pb2.Filter]
    page_size: int
    page_token: str
    def __init__(self, allocation_ids: _Optional[_Iterable[str]] = ..., filters: _Optional[_Iterable[_Union[_common_pb2.Filter, _Mapping]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class DescribeAddressesResponse(_message.Message):
    __slots__ = ("addresses", "next_page_token", "revision")
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    addresses: _containers.RepeatedCompositeFieldContainer[Address]
    next_page_token: str
    revision: int
    def __init__(self, addresses: _Optional[_Iterable[_Union[Address, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...
