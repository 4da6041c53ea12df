"""Carries out the plans for instances, step by step, with the compute and the network driver.

Decides nothing: `plan` does. Keeps what this agent did to each instance, for the plans to come.
"""

import asyncio
import time
from collections.abc import Awaitable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

from agent import devices
from agent.converge import steps
from agent.converge.desired import Desired
from agent.converge.plan import Past, Plan, observe, plan
from agent.converge.steps import Step
from agent.drivers.base import ComputeDriver, DriverError, NetworkDriver, Transient
from agent.messages import ObservedInstance
from agent.model import Domain, InstanceSpec, InterfaceSpec, PortSpec, PortState

# Between two looks at whether a tap is open yet. Shorter takes the processor that QEMU starts on; longer lets the start
# come to its end before the tap is where it shall be.
OPEN_POLL_S = 0.01


class Notes(Protocol):
    """Where a guest's own power-off is remembered: the ledger."""

    async def note_guest_off(self, instance_id: str, generation: int) -> None: ...


class PowerOffs:
    """In which generation each guest powered itself off: as the ledger has it."""

    def __init__(self, notes: Notes, known: Mapping[str, int]) -> None:
        self._notes = notes
        self._generations = dict(known)

    def of(self, instance_id: str) -> int:
        """0 where it did not."""
        return self._generations.get(instance_id, 0)

    async def note(self, instance_id: str, generation: int) -> None:
        await self._notes.note_guest_off(instance_id, generation)
        self._generations[instance_id] = generation

    def forget(self, instance_id: str) -> None:
        self._generations.pop(instance_id, None)


@dataclass(frozen=True, slots=True)
class Found:
    """What there is of one instance: its domain, and its taps by interface id."""

    domain: Domain | None
    ports: Mapping[str, PortState]


@dataclass(frozen=True, slots=True)
class World:
    """The domains and taps of this host, as just listed."""

    domains: Mapping[str, Domain]
    ports: Mapping[str, PortState]

    @property
    def held(self) -> frozenset[str]:
        """Ids of the interfaces that domains have."""
        return devices.interface_ids(alias for domain in self.domains.values() for alias in domain.devices)

    def of(self, instance_id: str, interface_ids: Iterable[str]) -> Found:
        ports = {id: self.ports[id] for id in interface_ids if id in self.ports}
        return Found(self.domains.get(instance_id), ports)


class Instances:
    def __init__(
        self,
        compute: ComputeDriver,
        network: NetworkDriver,
        desired: Desired,
        power_offs: PowerOffs,
        reboot_s: float,
    ) -> None:
        self._compute = compute
        self._network = network
        self._desired = desired
        self._power_offs = power_offs
        self._reboot_s = reboot_s
        self._past: dict[str, Past] = {}

    async def list(self) -> World:
        # Domains first: a tap that is seen then has either a domain in the list or none at all.
        return World(await self._compute.list(), await self._network.list_ports())

    async def look(self, instance_id: str, last: InstanceSpec | None) -> Found:
        """As `list`, of this one alone. Nobody else changes either meanwhile."""
        ports = self._network.look_ports(self.interface_ids(instance_id, last))
        return Found(*await asyncio.gather(self._compute.look(instance_id), ports))

    def interface_ids(self, instance_id: str, last: InstanceSpec | None) -> set[str]:
        """Of the taps that are its own: `last` is the latest spec it had. And of those to let go of."""
        ids = {nic.interface_id for nic in last.interfaces}.union(last.leaving) if last else set()
        past = self._past.get(instance_id)
        detached = devices.interface_ids(past.detach_at) if past and past.detach_at else frozenset()
        return ids | (detached - self._wanted_elsewhere(instance_id)) if detached else ids

    def _wanted_elsewhere(self, instance_id: str) -> set[str]:
        others = (view for ref, view in self._desired.views.items() if ref.id != instance_id)
        return {nic.interface_id for view in others if isinstance(view, InstanceSpec) for nic in view.interfaces}

    def observe(self, instance_id: str, found: Found) -> ObservedInstance:
        """What to report of it."""
        return observe(found.domain, self._power_offs.of(instance_id))

    def plan(self, instance_id: str, spec: InstanceSpec | None, found: Found) -> Plan:
        now, guest_off = time.monotonic(), self._power_offs.of(instance_id)
        past = self._past[instance_id] = self._past.get(instance_id, Past()).saw(found.domain, now)
        return plan(spec, found.domain, found.ports, guest_off, past, now, self._reboot_s)

    async def reach(self, todo: tuple[Step, ...]) -> None:
        """See that the storage hosts which these steps need are there. Waits for other machines; raises Transient."""
        await self._compute.reach(steps.disks_needed(todo))

    async def carry_out(self, instance_id: str, todo: tuple[Step, ...]) -> None:
        """Raises what the drivers raise; what was done until then stays done."""
        for _, together in groupby(todo, _order):
            await self._do_together(instance_id, tuple(together))

    async def _do_together(self, instance_id: str, todo: tuple[Step, ...]) -> None:
        await _together(*(self._do(step, instance_id) for step in todo))
        for step in todo:
            past = self._past.get(instance_id, Past())
            self._past[instance_id] = past.then(step, time.monotonic())

    def forget(self, instance_id: str) -> None:
        self._past.pop(instance_id, None)
        self._power_offs.forget(instance_id)

    async def _do(self, step: Step, instance_id: str) -> None:
        compute, network = self._compute, self._network
        match step:
            case steps.CreateTap(interface):
                await network.create_tap(self._port(interface))
            case steps.StartPaused(spec):
                await self._start_paused(spec)
            case steps.NoteRun():
                await compute.note_run(instance_id)
            case steps.Plug(interface):
                await network.plug(self._port(interface))
            case steps.Resume():
                await compute.resume(instance_id)
            case steps.SetLinks(is_up):
                await compute.set_links(instance_id, is_up)
            case steps.Define():
                await compute.define(instance_id)
            case steps.PressPowerButton():
                await compute.press_power_button(instance_id)
            case steps.Destroy():
                await compute.destroy(instance_id)
            case steps.Reboot():
                await compute.reboot(instance_id)
            case steps.Reset():
                await compute.reset(instance_id)
            case steps.CountReboot(reboot_count):
                await compute.count_reboot(instance_id, reboot_count)
            case steps.AttachDevice(device):
                nics = [device] if isinstance(device, InterfaceSpec) else []
                await compute.attach_device(instance_id, device, self._taps(nics))
            case steps.DetachDevice(alias):
                await compute.detach_device(instance_id, alias)
            case steps.Unplug(interface_id):
                await network.unplug(interface_id)
            case steps.NoteGuestOff(generation):
                await self._power_offs.note(instance_id, generation)
            case steps.Remove():
                await compute.remove(instance_id)

    async def _start_paused(self, spec: InstanceSpec) -> None:
        """Taps are plugged as soon as they are open, while QEMU starts: to move one, the kernel waits for 15 ms."""
        is_over = asyncio.Event()
        starting = self._compute.start_paused(spec, self._taps(spec.interfaces))
        plugging = (self._plug_once_open(nic, is_over) for nic in spec.interfaces)
        await _together(_ending(starting, is_over), *plugging)

    async def _plug_once_open(self, nic: InterfaceSpec, is_over: asyncio.Event) -> None:
        """What fails is planned again."""
        with suppress(DriverError):
            while not await self._network.is_open(nic.interface_id):
                if await _is_set_within(is_over, OPEN_POLL_S):
                    return
            await self._network.plug(self._port(nic))

    def _taps(self, interfaces: Iterable[InterfaceSpec]) -> dict[str, str]:
        return {nic.interface_id: self._network.tap_name(nic.interface_id) for nic in interfaces}

    def _port(self, interface: InterfaceSpec) -> PortSpec:
        port = self._desired.port(interface.vpc_id, interface.interface_id)
        if port is None:
            raise Transient(f"{interface.vpc_id} has no port {interface.interface_id} on this host yet")
        return port


def _order(step: Step) -> object:
    """Steps in a row that have the same do not wait for each other: to plug a tap takes the kernel 15 ms of waiting."""
    return "while paused" if isinstance(step, steps.NoteRun | steps.Plug) else step


async def _together(*works: Awaitable[None]) -> None:
    """Each to its own end, also beside one that fails. Raises what the first of them raised."""
    async with asyncio.TaskGroup() as tasks:
        ends = [tasks.create_task(_failure(work)) for work in works]
    for failure in filter(None, (end.result() for end in ends)):
        raise failure


async def _failure(work: Awaitable[None]) -> Exception | None:
    try:
        await work
    except Exception as error:  # noqa: BLE001 (handed on to whoever waits for all)
        return error
    return None


async def _ending(work: Awaitable[None], is_over: asyncio.Event) -> None:
    try:
        await work
    finally:
        is_over.set()


async def _is_set_within(event: asyncio.Event, timeout_s: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await event.wait()
    return event.is_set()
