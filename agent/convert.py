"""Translates between `stead.v1` and the agent's own values, field by field, by name.

Owns the few places where the two differ: `Ref` is called ResourceRef, a spec travels inside a Resource, an enum's
numbers have prefixed names. Nothing else in the agent knows how a message looks on the wire.
"""

from collections.abc import Iterator
from dataclasses import Field, fields, replace
from enum import Enum
from typing import Any

from google.protobuf.message import DecodeError, Message

from agent import messages, model
from stead.v1 import agent_pb2 as pb
from stead.v1 import hosts_pb2

_VALUES = (
    *(model.VolumeSpec, model.ImageSource, model.ExportSpec, model.VpcSpec, model.SubnetSpec, model.PortSpec),
    *(model.PeerSpec, model.GroupSpec, model.RuleSpec, model.GroupMembers, model.GatewaySpec, model.AddressMapping),
    *(model.InstanceSpec, model.InterfaceSpec, model.DiskSpec, model.InstanceMetadata, model.Capacity),
    model.VolumeFile,
    *(messages.Hello, messages.Heartbeat, messages.Update, messages.Report, messages.Observed),
    *(messages.ObservedInstance, messages.ConsoleRequest, messages.ConsoleReply),
)
_CLASS_OF: dict[str, type] = {cls.__name__: cls for cls in _VALUES} | {"ResourceRef": model.Ref}
_NAME_OF: dict[type, str] = {cls: name for name, cls in _CLASS_OF.items()}

_ENUM_NUMBERS: dict[Enum, int] = {
    **{kind: pb.ResourceKind.Value(f"RESOURCE_KIND_{kind.name}") for kind in model.Kind},
    **{role: hosts_pb2.HostRole.Value(f"HOST_ROLE_{role.name}") for role in messages.Role},
}
_ENUMS: dict[str, dict[int, Enum]] = {
    "ResourceKind": {_ENUM_NUMBERS[kind]: kind for kind in model.Kind},
    "HostRole": {_ENUM_NUMBERS[role]: role for role in messages.Role},
}


def to_wire(value: Any) -> Any:
    """The message for one of our values; a spec comes without its Resource (see `resource_to_wire`)."""
    message = getattr(pb, _NAME_OF[type(value)])()
    for field in _fields(type(value)):
        _fill(message, field.name, getattr(value, field.name))
    return message


def from_wire(message: Message) -> Any:
    """The value for one of the messages that `to_wire` makes, and for a Resource the spec in it.

    None for a Resource or a ResourceRef of a kind that this agent does not know yet.
    """
    name = message.DESCRIPTOR.name
    if name == "Resource":
        kind = message.WhichOneof("spec")
        return from_wire(getattr(message, kind)) if kind else None
    cls = _CLASS_OF[name]
    value = cls(**{field.name: _read(message, field.name, field.default) for field in _fields(cls)})
    return None if isinstance(value, model.Ref) and value.kind is None else value


def resource_to_wire(spec: model.Spec) -> pb.Resource:
    return pb.Resource(**{spec.ref.kind.value: to_wire(spec)})


def spec_to_bytes(spec: model.Spec) -> bytes:
    """For keeping: whatever version of the agent reads it later understands what it knows of it."""
    return resource_to_wire(spec).SerializeToString(deterministic=True)


def spec_from_bytes(data: bytes) -> model.Spec | None:
    """None for a kind that this agent does not know. Raises ValueError for what is no resource."""
    try:
        spec: model.Spec | None = from_wire(pb.Resource.FromString(data))
    except DecodeError as error:
        raise ValueError(str(error)) from error
    return spec


def agent_message(value: messages.FromAgent) -> pb.AgentMessage:
    return pb.AgentMessage(**{_snake(type(value).__name__): to_wire(value)})


def from_control_message(message: pb.ControlMessage) -> messages.FromControlPlane | None:
    """None for a request that this agent does not know yet."""
    body = message.WhichOneof("body")
    value: messages.FromControlPlane | None = from_wire(getattr(message, body)) if body else None
    if not isinstance(value, messages.Update):
        return value
    known = (resource for resource in message.update.put if resource.WhichOneof("spec"))
    raw = {spec.ref: resource.SerializeToString() for spec, resource in zip(value.put, known, strict=True)}
    return replace(value, raw=raw)


def _fields(cls: type) -> Iterator[Field[Any]]:
    """Those that travel by themselves: `raw` is how others came."""
    return (field for field in fields(cls) if field.name != "raw")


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
    if isinstance(item, model.Spec):
        return resource_to_wire(item)
    if isinstance(item, Enum):
        return _ENUM_NUMBERS[item]
    return to_wire(item) if type(item) in _NAME_OF else item


def _read(message: Message, name: str, default: Any) -> Any:
    field = message.DESCRIPTOR.fields_by_name[name]
    if field.is_repeated:
        items = (_value(field, item) for item in getattr(message, name))
        return tuple(item for item in items if item is not None)
    if default is None and not message.HasField(name):
        return None
    return _value(field, getattr(message, name))


def _value(field: Any, item: Any) -> Any:
    if field.enum_type is not None:
        return _ENUMS[field.enum_type.name].get(item)
    return from_wire(item) if field.message_type is not None else item


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
