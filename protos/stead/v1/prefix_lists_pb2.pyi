from stead.v1 import common_pb2 as _common_pb2
from stead.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ManagedPrefixList(_message.Message):
    __slots__ = ("prefix_list_id", "prefix_list_name", "address_family", "max_entries", "version", "state", "owner_id", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PREFIX_LIST_ID_FIELD_NUMBER: _ClassVar[int]
    PREFIX_LIST_NAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FAMILY_FIELD_NUMBER: _ClassVar[int]
    MAX_ENTRIES_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    prefix_list_id: str
    prefix_list_name: str
    address_family: str
    max_entries: int
    version: int
    state: str
    owner_id: str
    tags: _containers.ScalarMap[str, str]
    def __init__(self, prefix_list_id: _Optional[str] = ..., prefix_list_name: _Optional[str] = ..., address_family: _Optional[str] = ..., max_entries: _Optional[int] = ..., version: _Optional[int] = ..., state: _Optional[str] = ..., owner_id: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class PrefixListEntry(_message.Message):
    __slots__ = ("cidr", "description")
    CIDR_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    cidr: str
    description: str
    def __init__(self, cidr: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class CreateManagedPrefixListRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "prefix_list_name", "max_entries", "entries", "address_family", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    PREFIX_LIST_NAME_FIELD_NUMBER: _ClassVar[int]
    MAX_ENTRIES_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FAMILY_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    prefix_list_name: str
    max_entries: int
    entries: _containers.RepeatedCompositeFieldContainer[PrefixListEntry]
    address_family: str
    tags: _containers.ScalarMap[str, str]
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., prefix_list_name: _Optional[str] = ..., max_entries: _Optional[int] = ..., entries: _Optional[_Iterable[_Union[PrefixListEntry, _Mapping]]] = ..., address_family: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class CreateManagedPrefixListResponse(_message.Message):
    __slots__ = ("prefix_list",)
    PREFIX_LIST_FIELD_NUMBER: _ClassVar[int]
    prefix_list: ManagedPrefixList
    def __init__(self, prefix_list: _Optional[_Union[ManagedPrefixList, _Mapping]] = ...) -> None: ...

class ModifyManagedPrefixListRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "prefix_list_id", "current_version", "prefix_list_name", "max_entries", "add_entries", "remove_entries")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    PREFIX_LIST_ID_FIELD_NUMBER: _ClassVar[int]
    CURRENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    PREFIX_LIST_NAME_FIELD_NUMBER: _ClassVar[int]
    MAX_ENTRIES_FIELD_NUMBER: _ClassVar[int]
    ADD_ENTRIES_FIELD_NUMBER: _ClassVar[int]
    REMOVE_ENTRIES_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    prefix_list_id: str
    current_version: int
    prefix_list_name: str
    max_entries: int
    add_entries: _containers.RepeatedCompositeFieldContainer[PrefixListEntry]
    remove_entries: _containers.RepeatedCompositeFieldContainer[PrefixListEntry]
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., prefix_list_id: _Optional[str] = ..., current_version: _Optional[int] = ..., prefix_list_name: _Optional[str] = ..., max_entries: _Optional[int] = ..., add_entries: _Optional[_Iterable[_Union[PrefixListEntry, _Mapping]]] = ..., remove_entries: _Optional[_Iterable[_Union[PrefixListEntry, _Mapping]]] = ...) -> None: ...

class ModifyManagedPrefixListResponse(_message.Message):
    __slots__ = ("prefix_list",)
    PREFIX_LIST_FIELD_NUMBER: _ClassVar[int]
    prefix_list: ManagedPrefixList
    def __init__(self, prefix_list: _Optional[_Union[ManagedPrefixList, _Mapping]] = ...) -> None: ...

class DeleteManagedPrefixListRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "prefix_list_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    PREFIX_LIST_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    prefix_list_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., prefix_list_id: _Optional[str] = ...) -> None: ...

class DeleteManagedPrefixListResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DescribeManagedPrefixListsRequest(_message.Message):
    __slots__ = ("prefix_list_ids", "filters", "page_size", "page_token")
    PREFIX_LIST_IDS_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    prefix_list_ids: _containers.RepeatedScalarFieldContainer[str]
    filters: _containers.RepeatedCompositeFieldContainer[_common_pb2.Filter]
    page_size: int
    page_token: str
    def __init__(self, prefix_list_ids: _Optional[_Iterable[str]] = ..., filters: _Optional[_Iterable[_Union[_common_pb2.Filter, _Mapping]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class DescribeManagedPrefixListsResponse(_message.Message):
    __slots__ = ("prefix_lists", "next_page_token", "revision")
    PREFIX_LISTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    prefix_lists: _containers.RepeatedCompositeFieldContainer[ManagedPrefixList]
    next_page_token: str
    revision: int
    def __init__(self, prefix_lists: _Optional[_Iterable[_Union[ManagedPrefixList, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class GetManagedPrefixListEntriesRequest(_message.Message):
    __slots__ = ("prefix_list_id",)
    PREFIX_LIST_ID_FIELD_NUMBER: _ClassVar[int]
    prefix_list_id: str
    def __init__(self, prefix_list_id: _Optional[str] = ...) -> None: ...

class GetManagedPrefixListEntriesResponse(_message.Message):
    __slots__ = ("entries", "version")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[PrefixListEntry]
    version: int
    def __init__(self, entries: _Optional[_Iterable[_Union[PrefixListEntry, _Mapping]]] = ..., version: _Optional[int] = ...) -> None: ...
