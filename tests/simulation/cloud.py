"""The region at work: hosts, wires, control plane and calls on one virtual clock, and what can befall them."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from agent.drivers.base import Permanent, Transient
from agent.drivers.fake import FakeWorld
from agent.drivers.fake.world import Call
from agent.model import ImageSource
from controlplane import history
from controlplane.errors import NotFound, Unavailable
from controlplane.model.instance import Desired
from controlplane.model.project import Role
from controlplane.model.state import State
from controlplane.service import host_removal, hosts, projects, regions
from controlplane.service.call import Call as Asking
from controlplane.store.errors import StoreError

from . import checks, region
from .controlplane import START, Asked, Disk, Process, minter
from .disks import Disks
from .ground import Ground, copy_of
from .host import Host, Machine
from .record import Promises, Record
from .virtual_time import VirtualLoop
from .watcher import Watcher
from .wire import QUICK_S, SLOW_S

_FIRST_ID = 1000  # Beyond those of the region that every run begins with.
QUIET_WITHIN_S = 240.0  # Once nothing is broken any more: the stop time-out, the longest back-off, and then some.
# What is minutes and thousands elsewhere comes here in the time of a run.
_SWEEP_S = 3.0
_LOG_KEPT = 30


class Cloud:
    def __init__(self, seed: int, ground: Ground) -> None:
        self.loop = VirtualLoop(seed)
        self.loop.set_exception_handler(self._on_loose_error)
        self.story: list[str] = []  # What happened, for people.
        self._ground = ground
        self._store = ground.store
        self._clock_moved = timedelta()
        self._backed_up: Promises | None = None
        self._tokens = count(1)
        self._mint = minter(_FIRST_ID)
        self._patches = self._patch()
        self.disks = Disks()
        self.hosts = [self._host(machine) for machine in region.MACHINES]
        self._asked_to_join: dict[str, Machine] = {}  # By address.
        self.scrapped: list[Machine] = []
        self.record = Record(self._store.load(), region.POLICY, self.clock)
        durable = self.record.durable
        self.watchers = [Watcher(row.id, durable.revision, self.loop.random) for row in durable.projects]
        self.process: Process | None = None
        self.start_process()
        for host in self.hosts:
            host.start()

    def _patch(self) -> ExitStack:
        """Put what is not real where the real thing would be."""
        patches = ExitStack()
        monotonic = SimpleNamespace(monotonic=self.loop.time)
        patches.enter_context(mock.patch("agent.converge.instances.time", monotonic))
        patches.enter_context(mock.patch("agent.session.open_channel", lambda identities: identities.wire))
        patches.enter_context(mock.patch("agent.session.Session._knock", mock.AsyncMock()))
        patches.enter_context(mock.patch("agent.session.agents", lambda wire: wire))
        patches.enter_context(mock.patch("controlplane.gate.runner.mint", self._mint))
        patches.enter_context(mock.patch("controlplane.loops.sweep.INTERVAL_S", _SWEEP_S))
        patches.enter_context(mock.patch("controlplane.history.KEPT", _LOG_KEPT))
        return patches

    def clock(self) -> datetime:
        return START + self._clock_moved + timedelta(seconds=self.loop.time())

    def move_clock(self, by: timedelta) -> None:
        self.record.note_time()
        self._clock_moved += by

    @property
    def worlds(self) -> list[FakeWorld]:
        return [host.world for host in self.hosts]

    def run(self, seconds: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))
        self._bury_process()

    def tell(self, line: str) -> None:
        self.story.append(f"{self.loop.time():8.3f}  {line}")

    # Users

    def ask(self, method: str, request: Any, project_id: str) -> Asked:
        """Call, without waiting for the answer."""
        if not request.client_token:
            request.client_token = f"token-{next(self._tokens)}"
        self.tell(f"{method} {' '.join(str(request).split())}")
        asked = Asked(method, request, project_id)
        self.record.asked.append(asked)
        if self.process is not None:
            self.process.ask(asked)
        else:
            asked.is_lost = True
        return asked

    # Hosts

    def _host(self, machine: Machine) -> Host:
        host = Host(machine, self._ground.directory / machine.host_id, self.loop, self._fetch_image, self._on_verb)
        host.wire.latency_s = self.loop.random.choice((QUICK_S, SLOW_S))
        return host

    def join(self, machine: Machine) -> None:
        """A machine asks to be a host; it may have asked before, and not have been answered."""
        self._asked_to_join[machine.address] = machine
        if self.process is not None:
            secret_hash = projects.hash_secret(region.secret(machine))
            request = hosts.Join(secret_hash, f"keys of {machine.address}", machine.address, machine.address)
            self.process.join(request, self._mint, lambda host_id: self._joined(replace(machine, host_id=host_id)))

    def _joined(self, machine: Machine) -> None:
        self.tell(f"{machine.address} is {machine.host_id} now")
        known = [host for host in self.hosts if host.machine.address == machine.address]
        if machine in self.scrapped:
            return  # It asked while it was still there.
        if not known:
            self._backed_up = None  # In which it would be a stranger.
            host = self._host(machine)
            self.hosts.append(host)
            if self.process is not None:
                host.wire.accept = self.process.accept
            host.start()
        elif known[0].machine != machine:
            self.record.problems.append(f"{known[0].machine.host_id} has become {machine.host_id}")

    def declare_lost(self, host_id: str) -> None:
        """An admin does, and is heard where it has been silent for long enough."""
        if self.process is not None:
            self.process.administer(host_removal.declare_lost, host_id)

    def scrap(self, host: Host) -> None:
        """The machine is no more, with all that is on it."""
        self.loop.run_until_complete(host.kill())
        host.forget()
        self.hosts.remove(host)
        self._asked_to_join.pop(host.machine.address, None)
        self.scrapped.append(host.machine)
        self.record.strangers = {one for one in self.record.strangers if one[0] != host.machine.address}

    def remove_scrapped(self) -> None:
        """An admin says so."""
        for machine in self.scrapped:
            if machine.host_id in self.record.durable.hosts and self.process is not None:
                self.declare_lost(machine.host_id)
                self.process.administer(host_removal.remove, host_removal.RemoveHost(machine.host_id, force=True))

    def back_up_ledgers(self) -> None:
        for host in self.hosts:
            host.back_up_ledger()

    def cut_power(self, host: Host) -> None:
        """Files stay, but for what was not flushed; everything that lives in memory is gone."""
        self.loop.run_until_complete(host.kill())
        host.world.reboot_host()
        self.disks.cut_power(host.world)

    async def _fetch_image(self, image: ImageSource, target: Path) -> None:
        """As `agent.downloads` does, without the network."""
        if self.process is None:
            raise Transient("the control plane is away")
        try:
            content = await self.process.fetch_image(target.parent.name, image.image_id)
        except NotFound as error:
            raise Permanent(f"cannot fetch image {image.image_id}: {error}") from error
        if len(content) != image.size_bytes:
            raise Transient(f"image {image.image_id} came as {len(content)} bytes instead of {image.size_bytes}")
        await asyncio.to_thread(target.write_bytes, content)

    def _on_verb(self, world: FakeWorld, call: Call) -> None:
        self.disks.follow(world, call)
        self._look()

    # The control plane

    def start_process(self) -> None:
        if self.process is not None:
            return
        loaded = self._store.load()
        self.record.restart(copy_of(loaded))
        self.process = Process(
            Disk(self._store, loaded), self._ground.uploads, region.POLICY, self.loop, self.clock, self.record
        )
        logged = self._store.read_recent_log(history.KEPT)
        for watcher in self.watchers:
            watcher.expect_logged([entry for entry in logged if entry.revision > watcher.known])
            self.process.journal.follow(watcher.expect)
        for host in self.hosts:
            host.wire.accept = self.process.accept
        self.run(0.001)  # Until it listens.
        for watcher in self.watchers:
            self.process.watch(watcher)

    def kill_process(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            self.loop.run_until_complete(process.kill())
            self._hang_up()
            self._inspect(process.task)

    def _bury_process(self) -> None:
        """A loop of it died, so that all of it did."""
        if self.process is not None and self.process.is_over:
            self.tell("the control plane is dead")
            self.process.disk.is_dead = True
            self._inspect(self.process.task)
            self.process = None
            self._hang_up()

    def _hang_up(self) -> None:
        for asked in self.record.asked:
            asked.is_lost = asked.is_lost or asked.is_due
        for host in self.hosts:
            host.wire.accept = None
            host.wire.reset()

    def _inspect(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        for leaf in _leaves(error):
            if not isinstance(leaf, StoreError | Unavailable):  # A commit failed, and whoever waited for it.
                self._blame(f"{task.get_name()} died", leaf)

    # Its backup

    def back_up(self) -> None:
        self._ground.back_up()
        self._backed_up = self.record.promises()

    @property
    def has_backup(self) -> bool:
        return self._backed_up is not None

    def restore(self, *, says_so: bool) -> None:
        """The database goes back; an admin says so, or leaves it to hosts to notice."""
        assert self._backed_up is not None
        self.kill_process()
        self._ground.restore()
        loaded = self._store.load()
        self.disks.rewind(self.record.durable, loaded)
        self.record.strangers = self._strangers(loaded) if says_so else set()
        for watcher in self.watchers:
            watcher.rewind(loaded.revision)
        self.record.rewind(loaded, self._backed_up, [host.machine.host_id for host in self.hosts])
        if says_so:
            self._begin_incarnation(loaded)
        self.start_process()

    def _strangers(self, loaded: State) -> set[tuple[str, str]]:
        forgotten = [row for row in self.record.durable.instances if row.id not in loaded.instances]
        wanted = {(row.host_id, row.id) for row in forgotten if row.desired is not Desired.ABSENT}
        here = [(host.machine, instance_id) for host in self.hosts for instance_id in host.world.domains]
        return {(machine.address, id) for machine, id in here if (machine.host_id, id) in wanted}

    def _begin_incarnation(self, state: State) -> None:
        """As `stead-controlplane restored` does."""
        call = Asking("", Role.ADMIN, self.clock(), self._mint, region.POLICY)
        self._store.commit([state.apply(regions.restored(state, call, region.NAME))], self.clock())

    def release(self) -> None:
        """An admin has looked at all hosts."""
        self.record.strangers.clear()
        if self.process is not None:
            for host in self.hosts:
                self.process.administer(hosts.release, host.machine.host_id)

    def remove_orphans(self) -> None:
        """An admin has looked at them, too."""
        for host in self.hosts:
            orphans = [id for id in host.world.volumes if id not in self.record.durable.volumes]
            host.world.empty_trash(*orphans) if orphans else None
        self.disks.orphans.clear()

    # What must always hold

    def _look(self) -> None:
        self.record.problems.extend(checks.worlds(self.record, self.hosts))

    def check(self) -> None:
        """Raises AssertionError with everything that was found so far."""
        self._look()
        for host in self.hosts:
            if host.agent is not None and host.agent.done():
                self._inspect(host.agent)
        problems = [*self.record.problems, *self.disks.problems, *checks.state(self.record.durable)]
        problems += self.disks.losses(self.record.durable, self.worlds, self.record.undeleted)
        if self.process is not None:
            problems += checks.state(self.process.journal.state)
        problems += [
            f"{world.underlay_address}: {violation}" for world in self.worlds for violation in world.violations
        ]
        problems += [problem for watcher in self.watchers for problem in watcher.problems]
        problems += checks.answers(self.record.asked)
        problems += checks.removed(self.record, self.hosts)
        assert not problems, "\n".join(dict.fromkeys(problems))

    def check_disk(self) -> None:
        if self.process is not None and self.process.journal.durable_revision == self.record.durable.revision:
            loaded = self._store.load()
            if loaded.revision == self.record.durable.revision:  # Else a commit is not yet answered.
                self.record.compare(loaded)

    def heal(self) -> None:
        """The last fault is over."""
        if self.process is not None:
            self.process.disk.failing = ""
        self.start_process()
        for machine in self._asked_to_join.values():
            self.join(machine)
        for host in self.hosts:
            host.failure_rate = 0.0
            host.wire.is_up, host.wire.latency_s, host.wire.is_repeating = True, QUICK_S, False
            host.world.deaf_guests.clear()
            host.world.clinging_guests.clear()
            host.start()

    def settle(self) -> None:
        """Wait until everything is as it shall be. Raises AssertionError with what is not."""
        deadline = self.loop.time() + QUIET_WITHIN_S
        self.run(1.0)
        self.start_process()  # What its disk did to a commit before it was mended may end it only now.
        while unsettled := checks.unsettled(self.record, self.hosts, self.watchers):
            self.check()
            assert self.loop.time() < deadline, "it does not come to rest:\n" + "\n".join(unsettled)
            self.remove_scrapped()
            self.run(5.0)
        self.record.at_rest()

    def close(self) -> None:
        for host in self.hosts:
            self.loop.run_until_complete(host.kill())
            host.forget()
        self.kill_process()
        self.loop.close()
        self._patches.close()

    def _on_loose_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if error := context.get("exception"):
            self._blame(context["message"], error)

    def _blame(self, what: str, error: BaseException) -> None:
        self.record.problems.append(f"{what}: {error!r} at {_place(error)}")


def _leaves(error: BaseException | None) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    elif error is not None:
        yield error


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "?"
