from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EffectiveRule(_message.Message):
    __slots__ = ("network_interface_id", "is_egress", "guard_id", "rule_id", "rule_number", "rule_action", "protocol", "from_port", "to_port", "peer", "packets", "bytes")
    NETWORK_INTERFACE_ID_FIELD_NUMBER: _ClassVar[int]
    IS_EGRESS_FIELD_NUMBER: _ClassVar[int]
    GUARD_ID_FIELD_NUMBER: _ClassVar[int]
    RULE_ID_FIELD_NUMBER: _ClassVar[int]
    RULE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    RULE_ACTION_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    FROM_PORT_FIELD_NUMBER: _ClassVar[int]
    TO_PORT_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    PACKETS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    network_interface_id: str
    is_egress: bool
    guard_id: str
    rule_id: str
    rule_number: int
    rule_action: str
    protocol: str
    from_port: int
    to_port: int
    peer: str
    packets: int
    bytes: int
    def __init__(self, network_interface_id: _Optional[str] = ..., is_egress: _Optional[bool] = ..., guard_id: _Optional[str] = ..., rule_id: _Optional[str] = ..., rule_number: _Optional[int] = ..., rule_action: _Optional[str] = ..., protocol: _Optional[str] = ..., from_port: _Optional[int] = ..., to_port: _Optional[int] = ..., peer: _Optional[str] = ..., packets: _Optional[int] = ..., bytes: _Optional[int] = ...) -> None: ...

class GetEffectiveRulesRequest(_message.Message):
    __slots__ = ("instance_id",)
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    def __init__(self, instance_id: _Optional[str] = ...) -> None: ...

class GetEffectiveRulesResponse(_message.Message):
    __slots__ = ("instance_id", "rules", "not_counted")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    NOT_COUNTED_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    rules: _containers.RepeatedCompositeFieldContainer[EffectiveRule]
    not_counted: str
    def __init__(self, instance_id: _Optional[str] = ..., rules: _Optional[_Iterable[_Union[EffectiveRule, _Mapping]]] = ..., not_counted: _Optional[str] = ...) -> None: ...
