"""Every message between agent and control plane survives the wire."""

from dataclasses import replace

import pytest

from agent import convert, messages
from agent.convert import agent_message, from_control_message, from_wire, resource_to_wire, to_wire
from agent.messages import (
    ConsoleReply,
    ConsoleRequest,
    Heartbeat,
    Hello,
    Observed,
    ObservedInstance,
    Report,
    Role,
    Update,
)
from agent.model import Capacity, ImageSource, Kind, Ref
from stead.v1 import agent_pb2 as pb

from .host import DATA_DISK, EVERYTHING, EXPORT, GATEWAY, INSTANCE, VOLUME, VPC

IMAGE = ImageSource("ami-1", "qcow2", 12345, "ab" * 32)
CAPACITY = Capacity(4, 8192, 100, ("disk full",))
FACTS = ObservedInstance(True, 3, True, False, 2, ("vol-1-e1",))
MESSAGES = [
    *(VOLUME, replace(VOLUME, image=IMAGE), EXPORT, VPC, GATEWAY, INSTANCE),
    replace(INSTANCE, disks=(*INSTANCE.disks, DATA_DISK), power_on=False),
    Hello("0.1.0", "boot", CAPACITY, (Role.COMPUTE, Role.GATEWAY)),
    Hello("0.1.0", "boot", Capacity(), ()),
    Heartbeat(CAPACITY),
    Update(7, True, EVERYTHING, tuple(Ref(kind, "x-1") for kind in Kind)),
    Update(8, False),
    Observed(Ref(Kind.VOLUME, "vol-1"), False, "no room", True),
    Observed(INSTANCE.ref, True, instance=FACTS),
    Observed(INSTANCE.ref, True, instance=ObservedInstance(False, 0, False, False, 0, ())),
    Report(9, True, (Observed(INSTANCE.ref, True, instance=FACTS),), (VOLUME.ref,)),
    ConsoleRequest(1, "i-1", 64),
    ConsoleReply(1, b"login:"),
    ConsoleReply(2, error="gone"),
]


@pytest.mark.parametrize("value", MESSAGES, ids=lambda value: type(value).__name__)
def test_round_trip(value: object) -> None:
    data = to_wire(value).SerializeToString()
    message = type(to_wire(value)).FromString(data)
    assert from_wire(message) == value


def test_every_message_of_the_protocol_is_covered() -> None:
    covered = {type(value).__name__ for value in MESSAGES}
    assert {"Hello", "Heartbeat", "Update", "Report", "Observed", "ConsoleRequest", "ConsoleReply"} <= covered
    mine = {*convert._CLASS_OF, "Resource", "AgentMessage", "ControlMessage"}
    calls = ("Request", "Response", "Certificates")  # Of unary calls, which are made where they are needed.
    assert {name for name in pb.DESCRIPTOR.message_types_by_name if not name.endswith(calls)} <= mine


@pytest.mark.parametrize("name", convert._CLASS_OF)
def test_fields_are_the_same_on_both_sides(name: str) -> None:
    ours = {field.name for field in convert._fields(convert._CLASS_OF[name])}
    assert ours == set(getattr(pb, name).DESCRIPTOR.fields_by_name)


@pytest.mark.parametrize("spec", EVERYTHING, ids=lambda spec: spec.ref.kind.value)
def test_resource(spec: object) -> None:
    assert from_wire(resource_to_wire(spec)) == spec  # type: ignore[arg-type]


def test_bodies() -> None:
    for value in (Heartbeat(CAPACITY), Report(1, False, ()), ConsoleReply(1), MESSAGES[7]):
        message = agent_message(value)  # type: ignore[arg-type]
        assert from_wire(getattr(message, message.WhichOneof("body"))) == value
    update = Update(3, False, (VOLUME,))
    assert from_control_message(pb.ControlMessage(update=to_wire(update))) == update


def test_what_a_newer_control_plane_says_is_left_out() -> None:
    assert from_control_message(pb.ControlMessage()) is None
    update = pb.Update(revision=4, put=[pb.Resource()], remove=[pb.ResourceRef(kind=99, id="x")])  # type: ignore[arg-type]
    assert from_wire(update) == Update(4, False)


def test_the_two_sides_of_a_union_are_complete() -> None:
    names = {field.name for field in pb.AgentMessage.DESCRIPTOR.fields}
    assert names == {convert._snake(cls.__name__) for cls in messages.FromAgent.__args__}
