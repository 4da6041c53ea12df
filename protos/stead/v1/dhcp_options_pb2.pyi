from stead.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DhcpOptions(_message.Message):
    __slots__ = ("dhcp_options_id", "dhcp_configurations", "tags", "owner_id")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    DHCP_OPTIONS_ID_FIELD_NUMBER: _ClassVar[int]
    DHCP_CONFIGURATIONS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    dhcp_options_id: str
    dhcp_configurations: _containers.RepeatedCompositeFieldContainer[DhcpConfiguration]
    tags: _containers.ScalarMap[str, str]
    owner_id: str
    def __init__(self, dhcp_options_id: _Optional[str] = ..., dhcp_configurations: _Optional[_Iterable[_Union[DhcpConfiguration, _Mapping]]] = ..., tags: _Optional[_Mapping[str, str]] = ..., owner_id: _Optional[str] = ...) -> None: ...

class DhcpConfiguration(_message.Message):
    __slots__ = ("key", "values")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    key: str
    values: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, key: _Optional[str] = ..., values: _Optional[_Iterable[str]] = ...) -> None: ...

class CreateDhcpOptionsRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "dhcp_configurations", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    DHCP_CONFIGURATIONS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    dhcp_configurations: _containers.RepeatedCompositeFieldContainer[DhcpConfiguration]
    tags: _containers.ScalarMap[str, str]
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., dhcp_configurations: _Optional[_Iterable[_Union[DhcpConfiguration, _Mapping]]] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class CreateDhcpOptionsResponse(_message.Message):
    __slots__ = ("dhcp_options",)
    DHCP_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    dhcp_options: DhcpOptions
    def __init__(self, dhcp_options: _Optional[_Union[DhcpOptions, _Mapping]] = ...) -> None: ...

class AssociateDhcpOptionsRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "dhcp_options_id", "vpc_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    DHCP_OPTIONS_ID_FIELD_NUMBER: _ClassVar[int]
    VPC_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    dhcp_options_id: str
    vpc_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., dhcp_options_id: _Optional[str] = ..., vpc_id: _Optional[str] = ...) -> None: ...

class AssociateDhcpOptionsResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DeleteDhcpOptionsRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "dhcp_options_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    DHCP_OPTIONS_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    dhcp_options_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., dhcp_options_id: _Optional[str] = ...) -> None: ...

class DeleteDhcpOptionsResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DescribeDhcpOptionsRequest(_message.Message):
    __slots__ = ("dhcp_options_ids", "filters", "page_size", "page_token")
    DHCP_OPTIONS_IDS_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    dhcp_options_ids: _containers.RepeatedScalarFieldContainer[str]
    filters: _containers.RepeatedCompositeFieldContainer[_common_pb2.Filter]
    page_size: int
    page_token: str
    def __init__(self, dhcp_options_ids: _Optional[_Iterable[str]] = ..., filters: _Optional[_Iterable[_Union[_common_pb2.Filter, _Mapping]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class DescribeDhcpOptionsResponse(_message.Message):
    __slots__ = ("dhcp_options", "next_page_token", "revision")
    DHCP_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    dhcp_options: _containers.RepeatedCompositeFieldContainer[DhcpOptions]
    next_page_token: str
    revision: int
    def __init__(self, dhcp_options: _Optional[_Iterable[_Union[DhcpOptions, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...
