"""A host with fake drivers: its world and its ledger outlive the agent that runs on them."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent.config import kinds_of
from agent.converge.desired import Desired
from agent.converge.engine import Engine
from agent.drivers.base import HostContext, Transient
from agent.drivers.fake import FakeSettings, FakeWorld
from agent.drivers.fake.world import Call
from agent.drivers.registry import Drivers, load
from agent.ledger import Ledger
from agent.messages import Role
from agent.session import Session

from .virtual_time import VirtualLoop
from .wire import Wire


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


class Host:
    def __init__(self, machine: Machine, directory: Path, loop: VirtualLoop, watch: Callable[[], None]) -> None:
        """`watch` is called whenever a verb has taken effect."""
        self.machine = machine
        self.wire = Wire(loop, machine.host_id)
        self.failure_rate = 0.0
        self.agent: asyncio.Task[None] | None = None
        self._loop = loop
        self._watch = watch
        self._context = HostContext(machine.host_id, machine.address, directory, directory, directory, _no_images)
        directory.mkdir()
        self.world = FakeWorld.of(self._context)
        self.world.faults.append(self._interfere)

    def _interfere(self, call: Call, point: str) -> None:
        if point == "after":
            self._watch()
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

    async def cut_power(self) -> None:
        await self.kill()
        self.world.reboot_host()

    def forget(self) -> None:
        FakeWorld.forget(self._context.state_dir)

    async def _live(self) -> None:
        """As `agent.app.serve` puts it together."""
        ledger = Ledger(self._context.state_dir / "ledger.sqlite")
        try:
            contents = ledger.load()
            desired = Desired(contents.revision, contents.specs.values())
            drivers, chance = self._drivers(), self._loop.random.uniform
            engine = Engine(drivers, desired, ledger, contents.guest_off, jitter=chance, clock=self._loop.time)
            identities: object = Identities(self.wire)
            session = Session(identities, self.machine.roles, drivers, ledger, engine, jitter=chance)  # type: ignore[arg-type]
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(engine.run())
                tasks.create_task(session.run())
        finally:
            ledger.close()

    def _drivers(self) -> Drivers:
        kinds = kinds_of(self.machine.roles)
        return load(kinds, dict.fromkeys(kinds, "fake"), {"fake": asdict(self.machine.settings)}, self._context)


async def _no_images(image: object, target: Path) -> None:
    raise AssertionError("fake volumes have no images")
