import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from stead.v1 import common_pb2 as _common_pb2
from stead.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Image(_message.Message):
    __slots__ = ("image_id", "name", "description", "format", "size_bytes", "virtual_size_bytes", "sha256", "create_time", "tags", "state", "owner_id", "owner_alias", "is_public", "launch_permissions", "architecture", "boot_mode")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    VIRTUAL_SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_ALIAS_FIELD_NUMBER: _ClassVar[int]
    IS_PUBLIC_FIELD_NUMBER: _ClassVar[int]
    LAUNCH_PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    BOOT_MODE_FIELD_NUMBER: _ClassVar[int]
    image_id: str
    name: str
    description: str
    format: str
    size_bytes: int
    virtual_size_bytes: int
    sha256: str
    create_time: _timestamp_pb2.Timestamp
    tags: _containers.ScalarMap[str, str]
    state: str
    owner_id: str
    owner_alias: str
    is_public: bool
    launch_permissions: _containers.RepeatedScalarFieldContainer[str]
    architecture: str
    boot_mode: str
    def __init__(self, image_id: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., format: _Optional[str] = ..., size_bytes: _Optional[int] = ..., virtual_size_bytes: _Optional[int] = ..., sha256: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., tags: _Optional[_Mapping[str, str]] = ..., state: _Optional[str] = ..., owner_id: _Optional[str] = ..., owner_alias: _Optional[str] = ..., is_public: _Optional[bool] = ..., launch_permissions: _Optional[_Iterable[str]] = ..., architecture: _Optional[str] = ..., boot_mode: _Optional[str] = ...) -> None: ...

class ImportImageRequest(_message.Message):
    __slots__ = ("header", "chunk")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    header: ImportImageHeader
    chunk: bytes
    def __init__(self, header: _Optional[_Union[ImportImageHeader, _Mapping]] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class ImportImageHeader(_message.Message):
    __slots__ = ("client_token", "dry_run", "name", "description", "format", "size_bytes", "sha256", "tags", "offset", "architecture", "boot_mode")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    BOOT_MODE_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    name: str
    description: str
    format: str
    size_bytes: int
    sha256: str
    tags: _containers.ScalarMap[str, str]
    offset: int
    architecture: str
    boot_mode: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., format: _Optional[str] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ..., offset: _Optional[int] = ..., architecture: _Optional[str] = ..., boot_mode: _Optional[str] = ...) -> None: ...

class ImportImageResponse(_message.Message):
    __slots__ = ("image",)
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    image: Image
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ...) -> None: ...

class GetImageUploadRequest(_message.Message):
    __slots__ = ("sha256",)
    SHA256_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    def __init__(self, sha256: _Optional[str] = ...) -> None: ...

class GetImageUploadResponse(_message.Message):
    __slots__ = ("received_bytes",)
    RECEIVED_BYTES_FIELD_NUMBER: _ClassVar[int]
    received_bytes: int
    def __init__(self, received_bytes: _Optional[int] = ...) -> None: ...

class DescribeImagesRequest(_message.Message):
    __slots__ = ("image_ids", "filters", "page_size", "page_token")
    IMAGE_IDS_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    image_ids: _containers.RepeatedScalarFieldContainer[str]
    filters: _containers.RepeatedCompositeFieldContainer[_common_pb2.Filter]
    page_size: int
    page_token: str
    def __init__(self, image_ids: _Optional[_Iterable[str]] = ..., filters: _Optional[_Iterable[_Union[_common_pb2.Filter, _Mapping]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class DescribeImagesResponse(_message.Message):
    __slots__ = ("images", "next_page_token", "revision")
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    images: _containers.RepeatedCompositeFieldContainer[Image]
    next_page_token: str
    revision: int
    def __init__(self, images: _Optional[_Iterable[_Union[Image, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class DeregisterImageRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "image_id")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    image_id: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., image_id: _Optional[str] = ...) -> None: ...

class DeregisterImageResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ModifyImageAttributeRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "image_id", "description", "is_public", "add_launch_permissions", "remove_launch_permissions")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    IS_PUBLIC_FIELD_NUMBER: _ClassVar[int]
    ADD_LAUNCH_PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    REMOVE_LAUNCH_PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    image_id: str
    description: str
    is_public: bool
    add_launch_permissions: _containers.RepeatedScalarFieldContainer[str]
    remove_launch_permissions: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., image_id: _Optional[str] = ..., description: _Optional[str] = ..., is_public: _Optional[bool] = ..., add_launch_permissions: _Optional[_Iterable[str]] = ..., remove_launch_permissions: _Optional[_Iterable[str]] = ...) -> None: ...

class ModifyImageAttributeResponse(_message.Message):
    __slots__ = ("image",)
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    image: Image
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ...) -> None: ...
