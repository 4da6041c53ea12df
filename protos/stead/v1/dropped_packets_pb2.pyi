import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DroppedPacket(_message.Message):
    __slots__ = ("drop_time", "network_interface_id", "guard", "is_egress", "source", "destination", "protocol", "source_port", "destination_port")
    DROP_TIME_FIELD_NUMBER: _ClassVar[int]
    NETWORK_INTERFACE_ID_FIELD_NUMBER: _ClassVar[int]
    GUARD_FIELD_NUMBER: _ClassVar[int]
    IS_EGRESS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    SOURCE_PORT_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_PORT_FIELD_NUMBER: _ClassVar[int]
    drop_time: _timestamp_pb2.Timestamp
    network_interface_id: str
    guard: str
    is_egress: bool
    source: str
    destination: str
    protocol: int
    source_port: int
    destination_port: int
    def __init__(self, drop_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., network_interface_id: _Optional[str] = ..., guard: _Optional[str] = ..., is_egress: _Optional[bool] = ..., source: _Optional[str] = ..., destination: _Optional[str] = ..., protocol: _Optional[int] = ..., source_port: _Optional[int] = ..., destination_port: _Optional[int] = ...) -> None: ...

class GetDroppedPacketsRequest(_message.Message):
    __slots__ = ("instance_id", "after", "wait_s")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    WAIT_S_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    after: int
    wait_s: int
    def __init__(self, instance_id: _Optional[str] = ..., after: _Optional[int] = ..., wait_s: _Optional[int] = ...) -> None: ...

class GetDroppedPacketsResponse(_message.Message):
    __slots__ = ("instance_id", "packets", "after")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    PACKETS_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    packets: _containers.RepeatedCompositeFieldContainer[DroppedPacket]
    after: int
    def __init__(self, instance_id: _Optional[str] = ..., packets: _Optional[_Iterable[_Union[DroppedPacket, _Mapping]]] = ..., after: _Optional[int] = ...) -> None: ...
