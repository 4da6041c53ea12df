from stead.v1 import common_pb2 as _common_pb2
from stead.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class InstanceType(_message.Message):
    __slots__ = ("instance_type", "vcpus", "memory_mib")
    INSTANCE_TYPE_FIELD_NUMBER: _ClassVar[int]
    VCPUS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_MIB_FIELD_NUMBER: _ClassVar[int]
    instance_type: str
    vcpus: int
    memory_mib: int
    def __init__(self, instance_type: _Optional[str] = ..., vcpus: _Optional[int] = ..., memory_mib: _Optional[int] = ...) -> None: ...

class DescribeInstanceTypesRequest(_message.Message):
    __slots__ = ("instance_types", "filters", "page_size", "page_token")
    INSTANCE_TYPES_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    instance_types: _containers.RepeatedScalarFieldContainer[str]
    filters: _containers.RepeatedCompositeFieldContainer[_common_pb2.Filter]
    page_size: int
    page_token: str
    def __init__(self, instance_types: _Optional[_Iterable[str]] = ..., filters: _Optional[_Iterable[_Union[_common_pb2.Filter, _Mapping]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class DescribeInstanceTypesResponse(_message.Message):
    __slots__ = ("instance_types", "next_page_token", "revision")
    INSTANCE_TYPES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    instance_types: _containers.RepeatedCompositeFieldContainer[InstanceType]
    next_page_token: str
    revision: int
    def __init__(self, instance_types: _Optional[_Iterable[_Union[InstanceType, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class CreateInstanceTypeRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "instance_type")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_TYPE_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    instance_type: InstanceType
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., instance_type: _Optional[_Union[InstanceType, _Mapping]] = ...) -> None: ...

class CreateInstanceTypeResponse(_message.Message):
    __slots__ = ("instance_type",)
    INSTANCE_TYPE_FIELD_NUMBER: _ClassVar[int]
    instance_type: InstanceType
    def __init__(self, instance_type: _Optional[_Union[InstanceType, _Mapping]] = ...) -> None: ...

class DeleteInstanceTypeRequest(_message.Message):
    __slots__ = ("client_token", "dry_run", "instance_type")
    CLIENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_TYPE_FIELD_NUMBER: _ClassVar[int]
    client_token: str
    dry_run: bool
    instance_type: str
    def __init__(self, client_token: _Optional[str] = ..., dry_run: _Optional[bool] = ..., instance_type: _Optional[str] = ...) -> None: ...

class DeleteInstanceTypeResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
