"""Packets of an instance's interfaces that guards stopped, as its host told. Nothing of it is kept."""

from collections.abc import Sequence
from dataclasses import dataclass

from controlplane.model.state import State
from controlplane.model.value import value
from controlplane.service.call import Call, find


@value(frozen=True, slots=True)
class DroppedPacket:
    """As `Dropped` in session.proto."""

    at_ms: int
    interface_id: str
    guard: str
    is_egress: bool
    source: str
    destination: str
    protocol: int
    source_port: int
    destination_port: int


@dataclass(frozen=True, slots=True)
class DroppedPackets:
    """`after`: what to ask for next."""

    packets: Sequence[DroppedPacket]
    after: int


def place_of(state: State, call: Call, instance_id: str) -> tuple[str, list[str]]:
    """The instance's host, and its interfaces."""
    instance = find(state.instances, instance_id, call)
    return instance.host_id, [row.id for row in state.interfaces.of(instance.id)]
