"""The one writer. It applies changes to the state in memory, makes them durable in groups, tells who follows the log.

    use case -> Change -> state (one step of the event loop) -> one transaction for many -> replies and followers

Every reply waits until the revision that it saw is durable, also an error's and a replayed call's. A failed commit
fails the calls in it and all that were applied on top, and ends the process, which starts again from the store.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from typing import Protocol, TypeVar

import structlog

from controlplane import history
from controlplane.errors import CloudError, Unavailable
from controlplane.history import History
from controlplane.model.state import Change, Revision, State

T = TypeVar("T")
U = TypeVar("U")

# Revisions of the stored log that are forgotten at once. Fewer: it takes longer. More: commits wait for it, some 10 ms.
TRIM_SLICE = 1000
# How long what nobody waits for is gathered. Shorter: while hosts report, calls wait for one small commit after the
# other. Longer: hosts and watchers hear later of what follows from a report.
GATHER_S = 0.005


class Store(Protocol):
    """What the journal needs of `controlplane.store`; called from one thread."""

    def load(self) -> State: ...
    def commit(self, revisions: list[Revision], now: datetime) -> None: ...
    def trim_log(self, before_revision: int, limit: int) -> bool: ...


class Journal:
    """See the module. `run` must be running for anything to become durable."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self.state = store.load()
        self.durable_revision = self.state.revision
        self.history = History(self.durable_revision)
        self._store = store
        # Its own: in a shared pool, commits would wait for whatever else takes long.
        self._thread = ThreadPoolExecutor(1, "store")
        self._clock = clock
        self._pending: list[Revision] = []
        self._waiters: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._has_pending = asyncio.Event()
        self._is_awaited = asyncio.Event()  # Somebody waits for what is pending.
        self._followers: list[Callable[[list[Revision]], None]] = []
        self._witnesses: list[Callable[[Revision], None]] = []
        self._committed = asyncio.Condition()
        self._is_closing = False

    def follow(self, follower: Callable[[list[Revision]], None]) -> None:
        """Call `follower` with durable revisions, in order, without gaps. It must not block."""
        self._followers.append(follower)

    def witness(self, witness: Callable[[Revision], None]) -> None:
        """Call `witness` with each revision as soon as it is in the state, and before there is a later one.

        It is for what can't be found out later, when rows that others refer to are gone. It must not fail.
        """
        self._witnesses.append(witness)

    async def call(self, use_case: Callable[[State], tuple[Change, T]], reply: Callable[[State, T], U]) -> U:
        """Carry out a use case; the reply is made in the same step and given out when it is durable."""
        try:
            change, result = use_case(self.state)
        except CloudError:
            await self.durable(self.state.revision)
            raise
        self.apply(change)
        answer, revision = reply(self.state, result), self.state.revision
        await self.durable(revision)
        return answer

    async def read(self, query: Callable[[State], T]) -> T:
        """Answer from memory, once what was seen is durable."""
        return await self.call(lambda state: (Change(), query(state)), lambda state, answer: answer)

    def apply(self, change: Change) -> int:
        """Apply without waiting, for what nobody waits for; returns the revision to wait for."""
        if change:
            self._pending.append(self.state.apply(change))
            self._has_pending.set()
            for witness in self._witnesses:
                witness(self._pending[-1])
        return self.state.revision

    async def durable(self, revision: int, *, in_no_hurry: bool = False) -> None:
        """Wait until a revision can't be undone by a crash. Raises Unavailable when its commit failed.

        `in_no_hurry`: what nobody else waits for may be gathered for a while.
        """
        if revision > self.durable_revision:
            if self._pending and revision >= self._pending[0].number and not in_no_hurry:
                self._is_awaited.set()
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append((revision, waiter))
            await waiter

    async def next_after(self, revision: int) -> None:
        """Wait until something later than `revision` is durable. Raises Unavailable when the process ends before."""
        async with self._committed:
            await self._committed.wait_for(lambda: self._is_closing or self.durable_revision > revision)
        if self._is_closing:
            raise Unavailable("Unavailable", "The control plane is restarting; go on from the last revision you saw")

    async def close(self) -> None:
        """Nobody waits for news any more: the process is about to end. What was applied still becomes durable."""
        self._is_closing = True
        async with self._committed:
            self._committed.notify_all()

    async def run(self) -> None:
        """Commit for ever. What is applied during a commit goes into the next: nobody waits when it is quiet."""
        while True:
            await self._has_pending.wait()
            await self._gather()
            self._has_pending.clear()
            self._is_awaited.clear()
            batch, self._pending = self._pending, []
            await self._commit(batch)

    async def _gather(self) -> None:
        """What hosts report goes with the next call, or after a while without one."""
        if not self._is_awaited.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(GATHER_S):
                    await self._is_awaited.wait()

    async def drain(self) -> None:
        """Wait until everything applied so far is durable."""
        await self.durable(self.state.revision)

    async def trim_log(self) -> None:
        """Forget what no watcher can ask for any more, in slices between which commits get their turn."""
        while await self._in_thread(self._store.trim_log, self.durable_revision - history.KEPT + 1, TRIM_SLICE):
            pass

    async def _in_thread(self, work: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)

    async def _commit(self, batch: list[Revision]) -> None:
        now = self._clock()
        try:
            await self._in_thread(self._store.commit, batch, now)
        except Exception as error:
            self._fail(error)
            raise
        self.durable_revision = batch[-1].number
        self.history.add(batch, now)
        self._release_waiters()  # First: callers have their replies before hosts are told.
        for follower in self._followers:
            follower(batch)
        async with self._committed:
            self._committed.notify_all()

    def _release_waiters(self) -> None:
        while self._waiters and self._waiters[0][0] <= self.durable_revision:
            waiter = self._waiters.popleft()[1]
            if not waiter.done():
                waiter.set_result(None)

    def _fail(self, error: Exception) -> None:
        """Nothing applied since the last good commit is true. The process ends, and starts again from the store."""
        structlog.get_logger().error("commit failed", error=str(error), calls=len(self._waiters))
        failure = Unavailable("Unavailable", "The change could not be stored and did not happen; try again later")
        for _, waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(failure)
        self._waiters.clear()
