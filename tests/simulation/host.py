"""A host with fake drivers: its world and its ledger outlive the agent that runs on them."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.config import kinds_of
from agent.converge.desired import Desired
from agent.converge.engine import Engine
from agent.converge.instances import PowerOffs
from agent.drivers.base import Claim, HostContext, Transient
from agent.drivers.fake import (
    FakeComputeDriver,
    FakeGatewayDriver,
    FakeNetworkDriver,
    FakeSettings,
    FakeStorageDriver,
    FakeWorld,
)
from agent.drivers.fake.world import Call
from agent.drivers.registry import Drivers
from agent.images import Fetch
from agent.ledger import Ledger
from agent.messages import Role
from agent.model import ImageSource, OffReason
from agent.session import Session

from .virtual_time import VirtualLoop
from .wire import Wire

# As `agent.drivers.registry` would find them, without looking for entry points at each start.
_DRIVERS: Mapping[str, Any] = {
    "storage": FakeStorageDriver,
    "network": FakeNetworkDriver,
    "gateway": FakeGatewayDriver,
    "compute": FakeComputeDriver,
}


@dataclass(frozen=True, slots=True)
class Machine:
    """What a host is; none of it changes."""

    host_id: str
    zone: str
    roles: tuple[Role, ...]
    address: str
    settings: FakeSettings


class Identities:
    """Stands in for `IdentityStore`: a certificate that is good for ever, and the wire in place of an address."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.control = self

    def load(self) -> "Identities":
        return self

    def expires_at(self) -> datetime:
        return datetime(9999, 1, 1, tzinfo=UTC)

    renewal_at = expires_at

    def has_data_plane(self) -> bool:
        return True

    def keep(self) -> None:
        pass

    def problems(self) -> tuple[str, ...]:
        return ()


class Fetched:
    """Images as they were uploaded: nobody looks into them."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    async def bring(self, image: ImageSource, target: Path, claim: Claim) -> None:
        await claim(image.size_bytes)
        await self._fetch(image, target)


class Host:
    def __init__(
        self,
        machine: Machine,
        directory: Path,
        loop: VirtualLoop,
        fetch_image: Fetch,
        watch: Callable[[FakeWorld, Call], None],
    ) -> None:
        """`watch` is called whenever a verb has taken effect."""
        self.machine = machine
        self.wire = Wire(loop, machine.host_id)
        self.failure_rate = 0.0
        self.agent: asyncio.Task[None] | None = None
        self.proven_off: set[tuple[str, int]] = (
            set()
        )  # Instance and generation: by its guest's will, as its agent knows.
        self._loop = loop
        self._watch = watch
        self._context = HostContext(
            machine.host_id, machine.address, directory, directory, directory, Fetched(fetch_image)
        )
        self._ledger = directory / "ledger.sqlite"
        self._old_ledgers: list[dict[Path, bytes]] = []
        directory.mkdir()
        self.world = FakeWorld.of(self._context)
        self.world.faults.append(self._interfere)

    def _interfere(self, call: Call, point: str) -> None:
        if point == "after":
            self._watch(self.world, call)
        if self._loop.random.random() < self.failure_rate:
            raise Transient(f"{call.verb} of {call.id} failed {point} its effect")

    def start(self) -> None:
        if self.agent is None:
            self.agent = self._loop.create_task(self._live(), name=self.machine.host_id)

    async def kill(self) -> None:
        """The agent's process dies; whatever it made stays."""
        agent, self.agent = self.agent, None
        if agent is not None:
            agent.cancel()
            await asyncio.wait([agent])

    def power_off(self, instance_id: str) -> tuple[str, int]:
        """Its guest does. Returns the instance and its generation."""
        off = instance_id, self.world.domains[instance_id].facts.generation
        if self.agent is not None:
            self.proven_off.add(off)
        self.world.power_off(instance_id)
        return off

    def _forget_what_was_witnessed(self, noted: Mapping[str, int]) -> None:
        """By whose will guests went off, libvirt told those who listened: a new agent has the ledger's word alone."""
        self.proven_off = set(noted.items())
        for instance_id, domain in self.world.domains.items():
            if domain.facts.off_reason is OffReason.SHUTDOWN:
                self.world.alter(instance_id, off_reason=OffReason.UNPROVEN)

    def back_up_ledger(self) -> None:
        files = self._ledger.parent.glob(f"{self._ledger.name}*")
        self._old_ledgers.append({file: file.read_bytes() for file in files})

    def lose_ledger(self) -> None:
        """While no agent runs: the disk that had it is a new one."""
        for file in self._ledger.parent.glob(f"{self._ledger.name}*"):
            file.unlink()

    def restore_ledger(self) -> None:
        """While no agent runs: one of the earlier ones is put in its place."""
        self.lose_ledger()
        for file, content in self._loop.random.choice(self._old_ledgers).items():
            file.write_bytes(content)

    def forget(self) -> None:
        FakeWorld.forget(self._context.state_dir)

    async def _live(self) -> None:
        """As `agent.app.serve` puts it together."""
        ledger = Ledger(self._ledger, self.machine.host_id)
        try:
            contents = ledger.load()
            self._forget_what_was_witnessed(contents.guest_off)
            desired = Desired(self.machine.host_id, contents.revision, contents.scopes)
            drivers, chance = self._drivers(), self._loop.random.uniform
            power_offs = PowerOffs(ledger, contents.guest_off)
            engine = Engine(drivers, desired, power_offs, jitter=chance, clock=self._loop.time)
            identities: object = Identities(self.wire)
            session = Session(
                *(identities, self.machine.roles, drivers, ledger, engine),  # type: ignore[arg-type]
                jitter=chance,
                authority=contents.authority,
                boot_id=self.world.boot_id,
            )
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(engine.run())
                tasks.create_task(session.run())
        finally:
            ledger.close()

    def _drivers(self) -> Drivers:
        kinds = kinds_of(self.machine.roles)
        return Drivers(**{kind: _DRIVERS[kind](self.machine.settings, self._context) for kind in kinds})
