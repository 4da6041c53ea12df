"""The pretended world of one host: what is on it, what is done to it, and what goes wrong.

It is found by the host's `state_dir` and outlives driver objects, so that a test can restart an agent, or, with
`reboot_host`, the machine. Each verb that an agent calls is counted, may be made to fail before or after it took
effect, and is watched for things that must never happen: those land in `violations`.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from agent import devices
from agent.drivers.base import HostContext, Transient
from agent.drivers.fake.settings import FakeSettings
from agent.model import (
    Domain,
    ExportSpec,
    GatewaySpec,
    Kind,
    OffReason,
    PortState,
    Power,
    Ref,
    Stall,
    VolumeSpec,
    VpcSpec,
)

_WORLDS: dict[Path, "FakeWorld"] = {}


@dataclass(frozen=True, slots=True)
class FakeDomain:
    facts: Domain

    @property
    def interface_ids(self) -> tuple[str, ...]:
        """Whose taps its QEMU holds."""
        return tuple(devices.interface_ids(self.facts.devices))


@dataclass(frozen=True, slots=True)
class Call:
    """One verb of one driver; `number` counts from 1."""

    number: int
    verb: str
    id: str


# Asked before ("before") and after ("after") each verb; raises to make it fail there.
Fault = Callable[[Call, str], None]


@dataclass(slots=True, eq=False)
class FakeWorld:
    underlay_address: str
    volumes: dict[str, VolumeSpec] = field(default_factory=dict)
    epochs: dict[str, tuple[int, str]] = field(default_factory=dict)  # With the boot in which it was opened.
    boots: int = 1
    exports: dict[str, ExportSpec] = field(default_factory=dict)
    vpcs: dict[str, VpcSpec] = field(default_factory=dict)
    gateways: dict[str, GatewaySpec] = field(default_factory=dict)
    ports: dict[str, PortState] = field(default_factory=dict)
    domains: dict[str, FakeDomain] = field(default_factory=dict)
    deaf_guests: set[str] = field(default_factory=set)  # Instances that don't hear the power button.
    clinging_guests: set[str] = field(default_factory=set)  # Instances that don't let go of a disk.
    stalls: dict[str, Stall | None] = field(default_factory=dict)  # What stops an instance again as soon as it runs.
    calls: list[Call] = field(default_factory=list)  # Every verb that may change something.
    changes: list[Call] = field(default_factory=list)  # Those that did.
    faults: list[Fault] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    listeners: list["asyncio.Queue[Ref]"] = field(default_factory=list)

    @classmethod
    def of(cls, context: HostContext) -> "FakeWorld":
        """The world of this host, or of one of its pools, made at its first use."""
        return _WORLDS.setdefault(context.state_dir / context.instance, cls(context.underlay_address))

    @classmethod
    def forget(cls, state_dir: Path) -> None:
        _WORLDS.pop(state_dir, None)

    def is_open(self, address: str, port: int, export_name: str, trust_foreign: bool) -> bool:
        """Whether a guest could open this export, on whichever host it is."""
        worlds = [world for world in (self, *_WORLDS.values()) if world.underlay_address == address]
        if not worlds:
            return trust_foreign
        exports = (world.exports.get(export_name) for world in worlds)
        return any(export is not None and export.port == port for export in exports)

    def holder(self, interface_id: str) -> str | None:
        """The instance whose QEMU holds the tap of this interface."""
        for instance_id, domain in self.domains.items():
            if domain.facts.power is not Power.OFF and interface_id in domain.interface_ids:
                return instance_id
        return None

    def has_port(self, interface_id: str) -> bool:
        """Whether the interface is on the network here: one that was taken by force is not."""
        return any(port.interface_id == interface_id for vpc in self.vpcs.values() for port in vpc.ports)

    def alter(self, instance_id: str, **facts: Any) -> None:
        domain = self.domains[instance_id]
        self.domains[instance_id] = replace(domain, facts=replace(domain.facts, **facts))
        self.announce(Ref(Kind.INSTANCE, instance_id))

    def announce(self, ref: Ref) -> None:
        for listener in self.listeners:
            listener.put_nowait(ref)

    @property
    def boot_id(self) -> str:
        return f"boot-{self.boots}"

    def empty_trash(self, *volume_ids: str) -> None:
        """For good; of what is named, or all of it."""
        for volume_id in volume_ids or [id for id, volume in self.volumes.items() if volume.deleted]:
            del self.volumes[volume_id]
            self.epochs.pop(volume_id, None)

    # What happens by itself

    def power_off(self, instance_id: str) -> None:
        """The guest powers itself off."""
        self.alter(instance_id, power=Power.OFF, off_reason=OffReason.SHUTDOWN)

    def end(self, instance_id: str) -> None:
        """Somebody sends QEMU a SIGTERM."""
        self.alter(instance_id, power=Power.OFF, off_reason=OffReason.UNPROVEN)

    def stall(self, instance_id: str, stall: Stall | None) -> None:
        """A disk fails, or answers again."""
        self.stalls |= {instance_id: stall}
        if stall is not None:
            self.alter(instance_id, power=Power.PAUSED, stall=stall)

    def crash(self, instance_id: str) -> None:
        """QEMU dies."""
        self.alter(instance_id, power=Power.OFF, off_reason=OffReason.CRASHED)

    def reboot_host(self) -> None:
        """A power cut: files stay, and everything that lives in memory is gone."""
        self.boots += 1
        for memory in (self.exports, self.vpcs, self.gateways, self.ports):
            memory.clear()
        for instance_id, domain in self.domains.items():
            if domain.facts.power is not Power.OFF:
                self.alter(instance_id, power=Power.OFF, off_reason=OffReason.UNKNOWN)


class Verbs:
    """What all fake drivers of a host share: its world, and the way in."""

    kinds: ClassVar[tuple[Kind, ...]]  # Of which it tells.

    def __init__(self, settings: FakeSettings, context: HostContext) -> None:
        self.world = FakeWorld.of(context)
        self.settings = settings
        self.context = context
        self._random = random.Random(f"{settings.seed} {context.host_id}")  # noqa: S311

    @asynccontextmanager
    async def verb(self, name: str, id: str) -> AsyncIterator[Call]:
        """Around each verb that may change something."""
        call = Call(len(self.world.calls) + 1, name, id)
        self.world.calls.append(call)
        await asyncio.sleep(self.settings.latency_s)
        if self._random.random() < self.settings.failure_rate:
            raise Transient(f"{name} of {id} failed by chance: this is a fake")
        self._fault(call, "before")
        yield call
        self._fault(call, "after")

    async def events(self) -> AsyncIterator[Ref]:
        queue: asyncio.Queue[Ref] = asyncio.Queue()
        self.world.listeners.append(queue)
        try:
            while True:
                ref = await queue.get()
                if ref.kind in self.kinds:
                    yield ref
        finally:
            self.world.listeners.remove(queue)

    def _fault(self, call: Call, point: str) -> None:
        for fault in list(self.world.faults):
            fault(call, point)
