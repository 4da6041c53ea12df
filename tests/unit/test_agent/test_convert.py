"""Every message between agent and control plane survives the wire."""

import zlib
from dataclasses import fields
from typing import Any

import pytest

from agent import convert, messages
from agent.convert import (
    agent_message,
    from_control_message,
    from_wire,
    object_from_bytes,
    object_to_bytes,
    to_wire,
    update_to_wire,
)
from agent.messages import (
    Authority,
    ConsoleReply,
    ConsoleRequest,
    CountReply,
    CountRequest,
    DropsReply,
    DropsRequest,
    Heartbeat,
    Hello,
    KnownScope,
    Observed,
    ObservedInstance,
    Report,
    Role,
    Update,
    Welcome,
)
from agent.model import AclEntry, Capacity, Counted, DhcpOptions, Dropped, ImageSource, Kind, Limits, Ref, RuleSpec
from agent.objects import (
    KIND_OF,
    Attachment,
    NatGateway,
    NetworkAcl,
    Object,
    ObjectKind,
    ObjectRef,
    Peering,
    Put,
    Route,
    RouteTable,
    ScopeChange,
    Volume,
    Vpc,
    ref_of,
)
from stead.agent.v1 import objects_pb2
from stead.agent.v1 import session_pb2 as pb
from stead.v1 import agent_pb2 as old_pb

from .host import EVERYTHING, INSTANCE, VOLUME, put, told

IMAGE = ImageSource("ami-1", "qcow2", 12345, "ab" * 32)
CAPACITY = Capacity(4, 8192, 100, ("disk full",))
FACTS = ObservedInstance(True, 3, True, False, 2, ("vol-1-e1",))
AUTHORITY = Authority("home-1", "inc-1", 7, b"seal")
KNOWN = (KnownScope("region", b"digest"), KnownScope("vpc-1", b"\0"))
OBJECTS: list[Object] = [
    *(value for rows in told(*EVERYTHING).values() for value in rows.values()),
    Volume("vol-3", 1 << 30, IMAGE, is_ready=True, deleted=True),
    Attachment("vol-1-e1", "vol-1", "i-1", 1, "host-1", "host-2", 20001, "/dev/sdf", True, Limits(500, 1 << 20), True),
    Vpc("vpc-2", 8, "10.0.0.0/16", "x.internal", dhcp_options=DhcpOptions("corp.example", ("10.0.0.53",), (), (), "2")),
    Vpc("vpc-2", 8, "10.0.0.0/16", peerings=(Peering("pcx-1", "vpc-1", "172.31.0.0/16"),)),
    RouteTable("rtb-1", "vpc-1", True, (Route("172.31.0.0/16", "local"), Route("0.0.0.0/0", "igw-1"))),
    NetworkAcl("acl-1", "vpc-1", (AclEntry(RuleSpec(True, "6", 22, 22, "10.0.0.0/8"), is_allowed=True),)),
    NatGateway("nat-1", "vpc-1", "subnet-1", "172.31.0.9", "198.51.100.7"),
]
MESSAGES = [
    *(AUTHORITY, IMAGE, RuleSpec(True, "icmp", 8, 0, group_id="sg-1")),
    Hello("0.1.0", "boot", CAPACITY, (Role.COMPUTE, Role.GATEWAY), AUTHORITY, KNOWN, ("one",)),
    Hello("0.1.0", "boot", Capacity(), ()),
    Welcome(1, ("one",)),
    Heartbeat(CAPACITY),
    Observed(Ref(Kind.VOLUME, "vol-1"), False, "no room", True),
    Observed(INSTANCE.ref, True, instance=FACTS),
    Observed(INSTANCE.ref, True, instance=ObservedInstance(False, 0, False, False, 0, ())),
    Report(9, True, (Observed(INSTANCE.ref, True, instance=FACTS),), (VOLUME.ref,)),
    ConsoleRequest(1, "i-1", 64),
    ConsoleReply(1, b"login:"),
    ConsoleReply(2, error="gone"),
    CountRequest(3, ("eni-1", "eni-2")),
    CountReply(3, (Counted("sg-1", RuleSpec(True, "tcp", 1, 2, "10.0.0.0/8"), True, 3, 4),), ""),
    DropsRequest(4, ("eni-1",), 7, 5000),
    DropsReply(4, (Dropped(9, 1, "eni-1", "acl-in", False, "10.0.0.1", "10.0.0.2", 6, 5, 22),), 9),
]
UPDATES = [
    Update(AUTHORITY, (ScopeChange("host-1", True, tuple(map(put, OBJECTS))),), snapshot=True, more=True),
    Update(AUTHORITY, (ScopeChange("region", remove=(ObjectRef(ObjectKind.HOST, "host-2"), ObjectRef(99, "x"))),)),
    Update(AUTHORITY, left=("vpc-1", "vpc-2"), released=True),
]


@pytest.mark.parametrize("value", [*MESSAGES, *OBJECTS], ids=lambda value: type(value).__name__)
def test_round_trip(value: object) -> None:
    data = to_wire(value).SerializeToString()
    message = type(to_wire(value)).FromString(data)
    assert from_wire(message) == value


@pytest.mark.parametrize("update", UPDATES)
def test_an_update_survives_with_the_bytes_of_its_objects(update: Update) -> None:
    data = pb.ControlMessage(update=update_to_wire(update)).SerializeToString()
    assert from_control_message(pb.ControlMessage.FromString(data)) == update


@pytest.mark.parametrize("value", OBJECTS, ids=lambda value: type(value).__name__)
def test_an_object_survives(value: Object) -> None:
    data = object_to_bytes(value)
    assert object_from_bytes(data) == Put(ref_of(value), value, data)


def test_every_message_of_the_protocol_is_covered() -> None:
    covered = {type(value) for value in (*MESSAGES, *OBJECTS)}
    assert covered >= {*KIND_OF, *messages.FromAgent.__args__} - {messages.Update}
    mine = {*convert._CLASS_OF, "Object", "Update", "ScopeChange", "AgentMessage", "ControlMessage"}
    calls = ("Request", "Response", "Certificates", "Identity")  # Of unary calls, which are made where they are needed.
    for package in (pb, objects_pb2):
        assert {name for name in package.DESCRIPTOR.message_types_by_name if not name.endswith(calls)} <= mine


@pytest.mark.parametrize("cls", convert._NAME_OF)
def test_fields_are_the_same_on_both_sides(cls: type) -> None:
    assert {field.name for field in fields(cls)} == set(_message(convert._NAME_OF[cls]).DESCRIPTOR.fields_by_name)


@pytest.mark.parametrize("cls", convert._OLD_VALUES)
def test_what_is_read_of_the_version_before_has_all_its_fields(cls: type) -> None:
    """What only later versions have comes behind it, and has a default."""
    names = [field.name for field in fields(cls)]
    old = set(getattr(old_pb, cls.__name__).DESCRIPTOR.fields_by_name)
    assert set(names[: len(old)]) == old
    cls(*[None] * len(old))


def test_objects_have_the_numbers_of_the_protocol() -> None:
    body = objects_pb2.Object.DESCRIPTOR.oneofs_by_name["body"]
    assert {field.name.upper(): field.number for field in body.fields} == {kind.name: kind for kind in ObjectKind}
    assert {kind.name: kind.value for kind in KIND_OF.values()} == {kind.name: kind.value for kind in ObjectKind}


def test_bodies() -> None:
    for value in (Heartbeat(CAPACITY), Report(1, False, ()), ConsoleReply(1), MESSAGES[3]):
        message = agent_message(value)  # type: ignore[arg-type]
        assert from_wire(getattr(message, message.WhichOneof("body"))) == value
    assert from_control_message(pb.ControlMessage(welcome=pb.Welcome(protocol=1))) == Welcome(1)
    asked = pb.ControlMessage(console_request=pb.ConsoleRequest(request_id=1, instance_id="i-1", max_bytes=2))
    assert from_control_message(asked) == ConsoleRequest(1, "i-1", 2)


def test_what_a_newer_control_plane_says_is_kept_and_left_alone() -> None:
    assert from_control_message(pb.ControlMessage()) is None
    later = bytes([0x9A, 0x06, 5, 0x0A, 3]) + b"x-1"  # Field 99 of Object: a message with a string in field 1.
    empty = objects_pb2.Object()
    change = pb.ScopeChange(scope="region", put=[objects_pb2.Object.FromString(later), empty])
    update = from_control_message(pb.ControlMessage(update=pb.Update(scopes=[change])))
    assert update == Update(Authority(), (ScopeChange("region", put=(Put(ObjectRef(99, "x-1"), None, later),)),))


def packed(data: bytes) -> pb.ControlMessage:
    return pb.ControlMessage(update=pb.Update(packed=[data], scopes=[pb.ScopeChange(scope="region")]))


def test_what_comes_packed_comes_first() -> None:
    change = pb.ScopeChange(scope="vpc-1", reset=True).SerializeToString()
    update = from_control_message(packed(zlib.compress(change)))
    assert update == Update(Authority(), (ScopeChange("vpc-1", reset=True), ScopeChange("region")))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is cut off"),
        (zlib.compress(b"x" * 100)[:-5], "is cut off"),
        (zlib.compress(bytes(convert._UNPACKED_BYTES + 1)), "or has more than 16777216 bytes"),
        (b"\xff\xff", "cannot be read"),
        (zlib.compress(b"\xff"), "cannot be read"),
    ],
)
def test_what_can_not_be_unpacked_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        from_control_message(packed(data))


def test_the_two_sides_of_a_union_are_complete() -> None:
    names = {field.name for field in pb.AgentMessage.DESCRIPTOR.fields}
    assert names == {convert._snake(cls.__name__) for cls in messages.FromAgent.__args__}


def _message(name: str) -> Any:
    return getattr(objects_pb2, name, None) or getattr(pb, name)
