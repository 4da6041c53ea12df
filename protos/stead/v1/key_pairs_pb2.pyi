import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from stead.v1 import common_pb2 as _common_pb2
from stead.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class KeyType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KEY_TYPE_UNSPECIFIED: _ClassVar[KeyType]
    KEY_TYPE_ED25519: _ClassVar[KeyType]
    KEY_TYPE_RSA: _ClassVar[KeyType]
KEY_TYPE_UNSPECIFIED: KeyType
KEY_TYPE_ED25519: KeyType
KEY_TYPE_RSA: KeyType

class KeyPair(_message.Message):
    __slots__ = ("key_pair_id", "key_name", "key_type", "key_fingerprint", "public_key", "create_time", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    KEY_PAIR_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_NAME_FIELD_NUMBER: _ClassVar[int]
    KEY_TYPE_FIELD_NUMBER: _ClassVar[int]
    KEY_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    key_pair_id: str
    key_name: str
    key_type: KeyType
    key_fingerprint: str
    public_key: str
    create_time: _timestamp_pb2.Timestamp
    tags: _containers.ScalarMap[str, str]
    def __init__(self, key_pair_id: _Optional[str] = ..., key_name: _Optional[str] = ..., key_type: _Optional[_Union[KeyType, str]] = ..., key_fingerprint: _Optional[str] = ..., public_key: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class CreateKeyPairRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "key_name", "key_type", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    KEY_NAME_FIELD_NUMBER: _ClassVar[int]
    KEY_TYPE_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    key_name: str
    key_type: KeyType
    tags: _containers.ScalarMap[str, str]
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., key_name: _Optional[str] = ..., key_type: _Optional[_Union[KeyType, str]] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class CreateKeyPairResponse(_message.Message):
    __slots__ = ("key_pair", "key_material")
    KEY_PAIR_FIELD_NUMBER: _ClassVar[int]
    KEY_MATERIAL_FIELD_NUMBER: _ClassVar[int]
    key_pair: KeyPair
    key_material: str
    def __init__(self, key_pair: _Optional[_Union[KeyPair, _Mapping]] = ..., key_material: _Optional[str] = ...) -> None: ...

class ImportKeyPairRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "key_name", "public_key_material", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    KEY_NAME_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_KEY_MATERIAL_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    key_name: str
    public_key_material: str
    tags: _containers.ScalarMap[str, str]
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., key_name: _Optional[str] = ..., public_key_material: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class ImportKeyPairResponse(_message.Message):
    __slots__ = ("key_pair",)
    KEY_PAIR_FIELD_NUMBER: _ClassVar[int]
    key_pair: KeyPair
    def __init__(self, key_pair: _Optional[_Union[KeyPair, _Mapping]] = ...) -> None: ...

class DescribeKeyPairsRequest(_message.Message):
    __slots__ = ("key_names", "key_pair_ids", "filters", "page_size", "page_token")
    KEY_NAMES_FIELD_NUMBER: _ClassVar[int]
    KEY_PAIR_IDS_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    key_names: _containers.RepeatedScalarFieldContainer[str]
    key_pair_ids: _containers.RepeatedScalarFieldContainer[str]
    filters: _containers.RepeatedCompositeFieldContainer[_common_pb2.Filter]
    page_size: int
    page_token: str
    def __init__(self, key_names: _Optional[_Iterable[str]] = ..., key_pair_ids: _Optional[_Iterable[str]] = ..., filters: _Optional[_Iterable[_Union[_common_pb2.Filter, _Mapping]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class DescribeKeyPairsResponse(_message.Message):
    __slots__ = ("key_pairs", "next_page_token", "revision")
    KEY_PAIRS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    key_pairs: _containers.RepeatedCompositeFieldContainer[KeyPair]
    next_page_token: str
    revision: int
    def __init__(self, key_pairs: _Optional[_Iterable[_Union[KeyPair, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class DeleteKeyPairRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "key_name", "key_pair_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    KEY_NAME_FIELD_NUMBER: _ClassVar[int]
    KEY_PAIR_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    key_name: str
    key_pair_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., key_name: _Optional[str] = ..., key_pair_id: _Optional[str] = ...) -> None: ...

class DeleteKeyPairResponse(_message.Message):
    __slots__ = ("key_pair_id",)
    KEY_PAIR_ID_FIELD_NUMBER: _ClassVar[int]
    key_pair_id: str
    def __init__(self, key_pair_id: _Optional[str] = ...) -> None: ...
