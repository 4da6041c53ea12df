"""A region with the real journal and real sessions, a store in memory, and simulated agents on the other end."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Self
from unittest.mock import patch

from controlplane import session as session_module
from controlplane.journal import Journal
from controlplane.model.policy import Patience
from controlplane.model.state import Change, Revision, State
from controlplane.reconcile.legacy import SpecNews
from controlplane.session import Session, Update
from controlplane.sessions import Sessions
from tests.unit.region import NAME, Agent, Region
from tests.unit.told import read, specs_of, take

NEVER_S = 1e6
PATIENCE = Patience(silence=timedelta(days=365), reconnect=timedelta(days=30))


def seal(text: bytes) -> bytes:
    return b"sealed " + text


class MemoryStore:
    """Keeps nothing but the batches. `failure` makes the next commit fail; it waits while the gate is shut."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.failure: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()

    def load(self) -> State:
        return State()

    def commit(self, revisions: list[Revision], now: datetime) -> None:
        assert self.gate.wait(30)
        if self.failure:
            raise self.failure
        self.batches.append([revision.number for revision in revisions])

    def trim_log(self, before_revision: int, limit: int) -> bool:
        return False


class Live(Region):
    """As `Region`, but changes go through the journal and hosts hear of them through sessions."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.journal = Journal(self.store, lambda: self.now)
        super().__init__(self.journal.state)
        self.sessions = Sessions(self.journal, NAME, PATIENCE, lambda: self.now, seal)
        self.silent: set[str] = set()
        self.links: dict[str, tuple[Session, asyncio.Task[None]]] = {}
        self._tasks: asyncio.TaskGroup

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator[Self]:
        live = cls()
        with patch.object(session_module, "ANSWER_S", NEVER_S), patch.object(session_module, "PAUSE_S", 0):
            async with asyncio.TaskGroup() as live._tasks:
                writer = live._tasks.create_task(live.journal.run())
                yield live
                for _, task in live.links.values():
                    task.cancel()
                writer.cancel()

    def apply(self, change: Change) -> None:
        self.journal.apply(change)

    def connect(self, host_id: str) -> Session:
        """A new session of the host's agent; it begins with a report of all that there is."""
        if host_id in self.links:
            session, task = self.links.pop(host_id)
            task.cancel()
            self.sessions.close(session)
        session = self.sessions.open(host_id)
        self.links[host_id] = session, self._tasks.create_task(self._follow(session, self.agents[host_id]))
        return session

    async def _follow(self, session: Session, agent: Agent) -> None:
        async for message in session.outgoing():
            assert isinstance(message, Update)
            news = message.news
            assert not isinstance(news, SpecNews)
            update = read(news.pieces)
            update.snapshot = news.is_snapshot
            update.left.extend(news.left)
            take(agent.objects, update)
            agent.take(specs_of(agent.objects, agent.host_id))
            agent.revision = news.revision
            self.answer(agent.host_id, is_full=news.is_snapshot)

    def answer(self, host_id: str, *, is_full: bool = False) -> None:
        """The agent reports what changed, unless it is silent."""
        agent = self.agents[host_id]
        if host_id in self.links and host_id not in self.silent:
            self.links[host_id][0].report(agent.report(is_full=is_full), agent.revision)

    async def quiet(self) -> None:
        """Wait until everything is durable, sent and answered."""
        before = -1
        while before != self.state.revision:
            before = self.state.revision
            await self.journal.drain()
            for _ in range(10):  # Hops from the commit to an agent's answer, each one turn of the loop.
                await asyncio.sleep(0)
