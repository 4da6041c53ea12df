"""The region at work: hosts, wires, control plane and calls on one virtual clock, and what can befall them."""

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from agent.drivers.fake import FakeWorld
from controlplane.api import caller
from controlplane.errors import Unavailable
from controlplane.store.errors import StoreError
from controlplane.store.store import Store

from . import checks
from .controlplane import START, Asked, Process, database, minter
from .host import Host
from .record import Record
from .region import MACHINES, POLICY
from .virtual_time import VirtualLoop
from .wire import QUICK_S, SLOW_S

_FIRST_ID = 1000  # Beyond those of the region that every run begins with.
QUIET_WITHIN_S = 240.0  # Once nothing is broken any more: the stop time-out, the longest back-off, and then some.


class Cloud:
    def __init__(self, directory: Path, template: Path, seed: int) -> None:
        self.loop = VirtualLoop(seed)
        self.loop.set_exception_handler(self._on_loose_error)
        self._directory = directory
        directory.mkdir()
        shutil.copy(template, directory / "region.db")
        self._store = Store.open(database(directory / "region.db"))
        self._clock_moved = timedelta()
        self._tokens = count(1)
        self._patches = self._patch()
        self.hosts = [Host(machine, directory / machine.host_id, self.loop, self._watch) for machine in MACHINES]
        self.record = Record(self._store.load())
        self.process: Process | None = None
        self.start_process()
        for host in self.hosts:
            host.wire.latency_s = self.loop.random.choice((QUICK_S, QUICK_S, SLOW_S))
            host.start()

    def _patch(self) -> ExitStack:
        """Put what is not real where the real thing would be."""
        patches = ExitStack()
        monotonic = SimpleNamespace(monotonic=self.loop.time)
        patches.enter_context(mock.patch("agent.converge.instances.time", monotonic))
        patches.enter_context(mock.patch("agent.session.open_channel", lambda identities: identities.wire))
        patches.enter_context(mock.patch("agent.session.agents", lambda wire: wire))
        patches.enter_context(mock.patch.object(caller, "mint", minter(_FIRST_ID)))
        return patches

    def clock(self) -> datetime:
        return START + self._clock_moved + timedelta(seconds=self.loop.time())

    def move_clock(self, by: timedelta) -> None:
        self._clock_moved += by

    @property
    def worlds(self) -> Iterator[FakeWorld]:
        return (host.world for host in self.hosts)

    def run(self, seconds: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))
        self._bury_process()

    # Users

    def ask(self, method: str, request: Any, project_id: str) -> Asked:
        """Call, without waiting for the answer."""
        if not request.client_token:
            request.client_token = f"token-{next(self._tokens)}"
        asked = Asked(method, request, project_id)
        self.record.asked.append(asked)
        if self.process is not None:
            self.process.ask(asked)
        else:
            asked.is_lost = True
        return asked

    # The control plane

    def start_process(self) -> None:
        if self.process is not None:
            return
        self.record.restart(self._store.load())
        self.process = Process(self._store, POLICY, self.loop, self.clock, self.record)
        for host in self.hosts:
            host.wire.accept = self.process.accept
        self.run(0.001)  # Until it listens.

    def kill_process(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            self.loop.run_until_complete(process.kill())
            self._hang_up()
            self._inspect(process.task)

    def _bury_process(self) -> None:
        """A loop of it died, so that all of it did."""
        if self.process is not None and self.process.is_over:
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

    # What must always hold

    def _watch(self) -> None:
        self.record.problems.extend(checks.worlds(self.record, list(self.worlds)))

    def check(self) -> None:
        """Raises AssertionError with everything that was found so far."""
        self._watch()
        for host in self.hosts:
            if host.agent is not None and host.agent.done():
                self._inspect(host.agent)
        problems = [*self.record.problems, *checks.state(self.record.durable)]
        if self.process is not None:
            problems += checks.state(self.process.engine.state)
        problems += [
            f"{world.underlay_address}: {violation}" for world in self.worlds for violation in world.violations
        ]
        problems += checks.answers(self.record.asked)
        assert not problems, "\n".join(problems)

    def check_disk(self) -> None:
        if self.process is not None and self.process.engine.durable_revision == self.record.durable.revision:
            loaded = self._store.load()
            if loaded.revision == self.record.durable.revision:  # Else a commit is not yet answered.
                self.record.compare(loaded)

    def heal(self) -> None:
        """The last fault is over."""
        if self.process is not None:
            self.process.disk.failing = ""
        self.start_process()
        for host in self.hosts:
            host.failure_rate = 0.0
            host.wire.is_up, host.wire.latency_s, host.wire.repeats_reports = True, QUICK_S, False
            host.world.deaf_guests.clear()
            host.world.clinging_guests.clear()
            host.start()

    def settle(self) -> None:
        """Wait until everything is as it shall be. Raises AssertionError with what is not."""
        deadline = self.loop.time() + QUIET_WITHIN_S
        self.run(1.0)
        while unsettled := checks.unsettled(self.record, self.hosts):
            self.check()
            assert self.loop.time() < deadline, "it does not come to rest:\n" + "\n".join(unsettled)
            self.run(5.0)

    def close(self) -> None:
        for host in self.hosts:
            self.loop.run_until_complete(host.kill())
            host.forget()
        self.kill_process()
        self._store.close()
        self.loop.close()
        self._patches.close()
        shutil.rmtree(self._directory)

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
