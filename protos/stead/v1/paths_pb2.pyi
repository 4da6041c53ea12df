from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PathStep(_message.Message):
    __slots__ = ("kind", "resource_id", "line", "allows", "detail")
    KIND_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_ID_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    ALLOWS_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    kind: str
    resource_id: str
    line: str
    allows: bool
    detail: str
    def __init__(self, kind: _Optional[str] = ..., resource_id: _Optional[str] = ..., line: _Optional[str] = ..., allows: _Optional[bool] = ..., detail: _Optional[str] = ...) -> None: ...

class GetPathExplanationRequest(_message.Message):
    __slots__ = ("source", "destination", "protocol", "port", "source_port")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_PORT_FIELD_NUMBER: _ClassVar[int]
    source: str
    destination: str
    protocol: str
    port: int
    source_port: int
    def __init__(self, source: _Optional[str] = ..., destination: _Optional[str] = ..., protocol: _Optional[str] = ..., port: _Optional[int] = ..., source_port: _Optional[int] = ...) -> None: ...

class GetPathExplanationResponse(_message.Message):
    __slots__ = ("is_reachable", "steps")
    IS_REACHABLE_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    is_reachable: bool
    steps: _containers.RepeatedCompositeFieldContainer[PathStep]
    def __init__(self, is_reachable: _Optional[bool] = ..., steps: _Optional[_Iterable[_Union[PathStep, _Mapping]]] = ...) -> None: ...
