"""Translates between `stead.agent.v1` and the agent's own values, field by field, by name.

Owns the few places where the two differ: some classes have other names, objects and resources travel inside a message
that tells their kind, an enum's numbers have prefixed names. Reads the resources of `stead.v1` as well, see
`agent.legacy_wire`. Nothing else in the agent knows how a message looks on the wire.
"""

import zlib
from collections.abc import Callable, Iterable
from dataclasses import fields
from enum import Enum
from functools import cache
from typing import Any, cast

from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from agent import messages, model, objects
from agent.objects import KIND_OF, Object, ObjectRef, Put, ScopeChange, ref_of
from stead.agent.v1 import objects_pb2, session_pb2
from stead.v1 import hosts_pb2

_VALUES = (
    *KIND_OF,
    *(objects.Route, objects.Tag, objects.Peering, objects.ObjectRef),
    *(model.ImageSource, model.Limits, model.Capacity, model.Pool, model.NatUse, model.VolumeFile),
    model.DhcpOptions,
    *(messages.Authority, messages.KnownScope, messages.Hello, messages.Welcome, messages.Heartbeat, messages.Report),
    *(messages.Observed, messages.ObservedInstance, messages.ConsoleRequest, messages.ConsoleReply),
    *(messages.CountRequest, messages.CountReply, model.Counted),
    *(messages.DropsRequest, messages.DropsReply, model.Dropped),
)
# Of `stead.v1`, and only ever read.
_OLD_VALUES = (
    *(model.VolumeSpec, model.ExportSpec, model.VpcSpec, model.SubnetSpec, model.PortSpec, model.PeerSpec),
    *(model.GroupSpec, model.RuleSpec, model.GroupMembers, model.GatewaySpec, model.AddressMapping),
    *(model.InstanceSpec, model.InterfaceSpec, model.DiskSpec, model.InstanceMetadata),
)
_NAME_OF: dict[type, str] = {cls: cls.__name__ for cls in _VALUES} | {
    model.Ref: "ResourceRef",
    model.RuleSpec: "Rule",
    model.AclEntry: "NetworkAclEntry",
}
_CLASS_OF: dict[str, type] = {cls.__name__: cls for cls in _OLD_VALUES} | {name: cls for cls, name in _NAME_OF.items()}
_UNPACKED_BYTES = 16 << 20  # See Update.packed.

_ENUM_NUMBERS: dict[Enum, int] = {
    **{kind: session_pb2.ResourceKind.Value(f"RESOURCE_KIND_{kind.name}") for kind in model.Kind},
    **{role: hosts_pb2.HostRole.Value(f"HOST_ROLE_{role.name}") for role in messages.Role},
}
_ENUMS: dict[str, dict[int, Enum]] = {
    "ResourceKind": {_ENUM_NUMBERS[kind]: kind for kind in model.Kind},
    "HostRole": {_ENUM_NUMBERS[role]: role for role in messages.Role},
}


def to_wire(value: Any) -> Any:
    """The message for one of our values; an object comes without the message that tells its kind."""
    name = _NAME_OF[type(value)]
    message = getattr(objects_pb2, name, None) or getattr(session_pb2, name)
    filled = message()
    for field in fields(value):
        _fill(filled, field.name, getattr(value, field.name))
    return filled


def from_wire(message: Message) -> Any:
    """The value for one of the messages that `to_wire` makes, and for a resource of `stead.v1` its spec.

    None for a kind of resource that this agent does not know yet.
    """
    if message.DESCRIPTOR.name == "Resource":
        kind = message.WhichOneof("spec")
        return from_wire(getattr(message, kind)) if kind else None
    cls = _CLASS_OF[message.DESCRIPTOR.name]
    value = cls(*[read(message) for read in _readers(cls, message.DESCRIPTOR)])
    return None if isinstance(value, model.Ref) and value.kind is None else value


def object_to_bytes(value: Object) -> bytes:
    return _object(value).SerializeToString(deterministic=True)


def object_from_bytes(data: bytes) -> Put | None:
    """None for an empty one. Raises ValueError for what is no object."""
    try:
        return _put(objects_pb2.Object.FromString(data), data)
    except DecodeError as error:
        raise ValueError(str(error)) from error


def agent_message(value: messages.FromAgent) -> session_pb2.AgentMessage:
    return session_pb2.AgentMessage(**{_snake(type(value).__name__): to_wire(value)})


def from_control_message(message: session_pb2.ControlMessage) -> messages.FromControlPlane | None:
    """None for a request that this agent does not know yet."""
    body = message.WhichOneof("body")
    if body == "update":
        return _update(message.update)
    value: messages.FromControlPlane | None = from_wire(getattr(message, body)) if body else None
    return value


def update_to_wire(update: messages.Update) -> session_pb2.Update:
    """For who plays a control plane."""
    return session_pb2.Update(
        authority=to_wire(update.authority),
        released=update.released,
        scopes=map(_scope_to_wire, update.scopes),
        left=update.left,
        snapshot=update.snapshot,
        more=update.more,
    )


def _scope_to_wire(change: ScopeChange) -> session_pb2.ScopeChange:
    put = (objects_pb2.Object.FromString(each.data) for each in change.put)
    return session_pb2.ScopeChange(scope=change.scope, reset=change.reset, put=put, remove=map(to_wire, change.remove))


def _update(message: session_pb2.Update) -> messages.Update:
    return messages.Update(
        authority=from_wire(message.authority),
        scopes=tuple(_scope(each) for each in (*map(_unpacked, message.packed), *message.scopes)),
        left=tuple(message.left),
        snapshot=message.snapshot,
        released=message.released,
        more=message.more,
    )


def _unpacked(data: bytes) -> session_pb2.ScopeChange:
    """Raises ValueError for what is none, or larger than it may be."""
    unpacking = zlib.decompressobj()
    try:
        plain = unpacking.decompress(data, _UNPACKED_BYTES)
        if not unpacking.eof:
            raise ValueError(f"a packed change is cut off, or has more than {_UNPACKED_BYTES} bytes")
        return session_pb2.ScopeChange.FromString(plain)
    except (zlib.error, DecodeError) as error:
        raise ValueError(f"a packed change cannot be read: {error}") from error


def _scope(message: session_pb2.ScopeChange) -> ScopeChange:
    put = (_put(each, each.SerializeToString()) for each in message.put)
    remove = tuple(ObjectRef(each.kind, each.id) for each in message.remove)
    return ScopeChange(message.scope, message.reset, tuple(each for each in put if each is not None), remove)


def _put(message: objects_pb2.Object, data: bytes) -> Put | None:
    body = message.WhichOneof("body")
    if body:
        value: Object = from_wire(getattr(message, body))
        return Put(ref_of(value), value, data)
    of_later_contract = cast(Iterable[Any], UnknownFieldSet(message))
    for field in of_later_contract:  # Its number, and its id in field 1.
        return Put(ObjectRef(field.field_number, objects_pb2.Host.FromString(field.data).id), None, data)
    return None


def _object(value: Object) -> objects_pb2.Object:
    return objects_pb2.Object(**{KIND_OF[type(value)].name.lower(): to_wire(value)})


def _fill(message: Message, name: str, item: Any) -> None:
    if item is None:
        return
    if isinstance(item, tuple):
        getattr(message, name).extend(_plain(entry) for entry in item)
    elif type(item) in _NAME_OF:
        getattr(message, name).CopyFrom(to_wire(item))
        getattr(message, name).SetInParent()
    else:
        setattr(message, name, _plain(item))


def _plain(item: Any) -> Any:
    if item in _ENUM_NUMBERS:
        return _ENUM_NUMBERS[item]
    return to_wire(item) if type(item) in _NAME_OF else item


@cache
def _readers(cls: type, descriptor: Any) -> tuple[Callable[[Any], Any], ...]:
    """What reads a message's fields, in the order of the class's; those that `stead.v1` never had come last there."""
    known = descriptor.fields_by_name
    return tuple(_reader(known[field.name], field.default) for field in fields(cls) if field.name in known)


def _reader(field: Any, default: object) -> Callable[[Any], Any]:
    name, value = field.name, _converter(field)
    if field.is_repeated:
        return lambda message: tuple(item for each in getattr(message, name) if (item := value(each)) is not None)
    if default is None:
        return lambda message: value(getattr(message, name)) if message.HasField(name) else None
    return lambda message: value(getattr(message, name))


def _converter(field: Any) -> Callable[[Any], Any]:
    if field.enum_type is not None and field.enum_type.name in _ENUMS:
        return _ENUMS[field.enum_type.name].get
    return from_wire if field.message_type is not None else lambda item: item


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
