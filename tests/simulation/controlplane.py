"""The control plane's process, its disk, and those who call it.

Everything in it is real but gRPC's server and threads. It lives on a disk that can fail a commit before or after it is
durable, and it dies as a process does: what was under way is over, and nobody is told.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

from controlplane import history
from controlplane.api import caller
from controlplane.api.addresses import Addresses
from controlplane.api.agents import Agents, pace
from controlplane.api.caller import Edge
from controlplane.api.events import Events
from controlplane.api.images import Images
from controlplane.api.instances import Instances
from controlplane.api.network_interfaces import NetworkInterfaces
from controlplane.api.security_groups import SecurityGroups
from controlplane.api.volumes import Volumes
from controlplane.errors import CloudError
from controlplane.gate.credentials import Principal
from controlplane.gate.invocation import Invocation, Operation
from controlplane.history import Changed
from controlplane.ids import Prefix
from controlplane.journal import Journal
from controlplane.loops import liveness, sweep
from controlplane.model.policy import Patience, Policy
from controlplane.model.project import Role
from controlplane.model.state import Change, Revision, State
from controlplane.service import hosts
from controlplane.service.call import Call
from controlplane.service.idempotency import Outcome
from controlplane.sessions import Sessions
from controlplane.store import store as store_module
from controlplane.store.errors import StorageFailed
from controlplane.store.store import Store
from controlplane.uploads import UploadRules, Uploads
from stead.agent.v1 import session_pb2
from stead.v1 import events_pb2, images_pb2

from . import wire
from .virtual_time import VirtualLoop
from .watcher import Watcher

T = TypeVar("T")
U = TypeVar("U")

START = datetime(2024, 5, 17, 12, 30, tzinfo=UTC)
PATIENCE = Patience(silence=timedelta(seconds=30), reconnect=timedelta(seconds=10))
_CHUNK_BYTES = 300


@dataclass(slots=True, eq=False)
class Asked:
    """A mutating call and what became of it. `revision` and `outcome` are those of the step that carried it out."""

    method: str
    request: Any
    project_id: str
    revision: int = 0
    outcome: Outcome | None = None
    answer: Any = None
    error: CloudError | None = None
    is_lost: bool = False  # No answer will come.

    @property
    def is_due(self) -> bool:
        return self.answer is None and self.error is None and not self.is_lost


_asked: ContextVar[Asked] = ContextVar("asked")


class Disk:
    """The store, as long as the process lives. `failing`: how the next commit fails, if at all."""

    def __init__(self, store: Store, loaded: State) -> None:
        self.failing = ""  # "before", "amidst" its statements, or "after" it is durable.
        self.is_dead = False
        self._store = store
        self._loaded = loaded

    def load(self) -> State:
        return self._loaded

    def read_log(self) -> list[Changed]:
        """As `controlplane.app` does at its start."""
        kept = self._store.read_recent_log(history.KEPT)
        return [Changed(row.revision, row.kind, row.resource_id, row.project_id, row.at) for row in kept]

    def commit(self, revisions: Sequence[Revision], now: datetime) -> None:
        if self.is_dead or self.failing == "before":
            raise StorageFailed("the disk broke before the commit")
        with _breaking_amidst() if self.failing == "amidst" else nullcontext():
            self._store.commit(revisions, now)
        if self.failing == "after":
            raise StorageFailed("the disk broke after the commit")

    def trim_log(self, before_revision: int, limit: int) -> bool:
        if self.is_dead:
            raise StorageFailed("the disk broke before the log was trimmed")
        return self._store.trim_log(before_revision, limit)


@contextmanager
def _breaking_amidst() -> Iterator[None]:
    """Some rows are written when the disk breaks, others are not."""

    def write_and_break(*arguments: Any) -> None:
        write(*arguments)
        raise StorageFailed("the disk broke amidst the commit")

    write = store_module._write
    with mock.patch.object(store_module, "_write", write_and_break):
        yield


class Recorder(Journal):
    """The journal, with a note of which call was carried out at which revision."""

    def __init__(self, disk: Disk, clock: Callable[[], datetime], carried_out: Callable[[Asked], None]) -> None:
        super().__init__(disk, clock)
        self._carried_out = carried_out

    async def call(self, use_case: Callable[[State], tuple[Change, T]], reply: Callable[[State, T], U]) -> U:
        before = self.state.revision

        def noted(state: State, result: T) -> U:
            asked = _asked.get(None)
            was_only_checked = isinstance(result, Outcome) and not result.is_replay and state.revision == before
            if asked is not None and isinstance(result, Outcome) and not was_only_checked:
                asked.revision, asked.outcome = state.revision, result
                self._carried_out(asked)
            return reply(state, result)

        return await super().call(use_case, noted)


class WireAgents(Agents):
    """Knows the host by its wire, not by a certificate."""

    def _host(self, context: Any) -> str:
        host_id: str = context.host_id
        return host_id


@dataclass(frozen=True, slots=True)
class Context:
    """What a servicer is given of gRPC."""

    host_id: str
    write: Callable[[Any], Any]


class Process:
    """One life of the control plane, from its start on a database to its end."""

    def __init__(
        self,
        disk: Disk,
        uploads: Path,
        policy: Policy,
        loop: VirtualLoop,
        clock: Callable[[], datetime],
        observer: Any,
    ) -> None:
        self.disk = disk
        self.journal = Recorder(self.disk, clock, observer.carried_out)
        self.journal.history.load(disk.read_log())
        self.journal.follow(observer.follow)
        began = clock() - timedelta(seconds=loop.time())
        steady = lambda: began + timedelta(seconds=loop.time())  # noqa: E731
        self.sessions = Sessions(self.journal, policy.region, PATIENCE, clock, bytes, steady)
        self.edge = Edge(self.journal, self.sessions, policy, clock)
        self._uploads = Uploads(uploads, UploadRules(free_space_floor_mib=0))
        self._agents = WireAgents(self.edge, None, self._uploads, pace())  # type: ignore[arg-type]
        self._events = Events(self.edge)
        self._servicers = (
            Instances(self.edge),
            NetworkInterfaces(self.edge),
            Volumes(self.edge),
            Addresses(self.edge),
            SecurityGroups(self.edge),
            Images(self.edge, self._uploads),
        )
        self._group = asyncio.TaskGroup()
        self.task = loop.create_task(self._live(), name="controlplane")

    async def _live(self) -> None:
        async with self._group as group:
            group.create_task(sweep.run(self.journal, self._uploads, self._admin))
            group.create_task(self.journal.run())
            group.create_task(liveness.run(self.journal, self.sessions))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> bool:
        """Whether anybody was there to take it: a process that is dying takes nothing more."""
        try:
            self._group.create_task(work)
        except RuntimeError:
            work.close()
            return False
        return True

    def _admin(self) -> Call:
        return Call("", Role.ADMIN, self.edge.clock(), minter(1), self.edge.policy, self.sessions)

    def accept(self, call: wire.Call) -> None:
        """An agent has called."""
        if not self._spawn(self._serve(call)):
            call.end()

    async def _serve(self, call: wire.Call) -> None:
        try:
            requests = (session_pb2.AgentMessage.FromString(data) async for data in call.requests())
            await self._agents.Session(requests, Context(call.host_id, call.answer))  # type: ignore[arg-type]
        finally:
            call.end()

    def ask(self, asked: Asked) -> None:
        """Somebody calls. The answer comes into `asked`, or never."""
        asked.is_lost = not self._spawn(self._answer(asked))

    async def _answer(self, asked: Asked) -> None:
        _called(asked.method, asked.project_id, Role.MEMBER, f"req-{asked.request.client_token}")
        _asked.set(asked)
        method = next(getattr(one, asked.method) for one in self._servicers if hasattr(one, asked.method))
        request = _messages(asked.request) if asked.method == "ImportImage" else asked.request
        try:
            asked.answer = await method(request, None)
        except CloudError as error:
            asked.error = error

    def watch(self, watcher: Watcher) -> None:
        """Until the process ends."""
        self._spawn(self._watch(watcher))

    async def _watch(self, watcher: Watcher) -> None:
        _called("Watch", watcher.project_id, Role.READER, "req-watch")
        context: Any = None
        async for event in self._events.Watch(events_pb2.WatchRequest(after_revision=watcher.seen), context):
            await asyncio.sleep(watcher.see(event))

    def join(self, asked: hosts.Join, mint: Callable[[Prefix], str], done: Callable[[str], None]) -> None:
        """A machine wants to be a host; `done` is told its id."""
        call = Call("", Role.READER, self.edge.clock(), mint, self.edge.policy, self.sessions)
        self._spawn(self._join(asked, call, done))

    async def _join(self, asked: hosts.Join, call: Call, done: Callable[[str], None]) -> None:
        done(await self.journal.call(lambda state: hosts.join(state, call, asked), lambda state, host_id: host_id))

    def administer(self, use_case: Callable[[State, Call, Any], tuple[Change, Any]], request: Any) -> None:
        """An admin's word. What is refused has no effect."""
        self._spawn(self._administer(use_case, request))

    async def _administer(self, use_case: Callable[[State, Call, Any], tuple[Change, Any]], request: Any) -> None:
        with suppress(CloudError):
            await self.journal.call(lambda state: use_case(state, self._admin(), request), lambda state, result: None)

    async def fetch_image(self, host_id: str, image_id: str) -> bytes:
        """Raises NotFound."""
        request = session_pb2.FetchImageRequest(image_id=image_id)
        context: Any = Context(host_id, _never)
        chunks = [reply.chunk async for reply in self._agents.FetchImage(request, context)]
        return b"".join(chunks)

    @property
    def is_over(self) -> bool:
        return self.task.done()

    async def kill(self) -> None:
        self.disk.is_dead = True
        self.task.cancel()
        await asyncio.wait([self.task])


def minter(first: int) -> Callable[[Prefix], str]:
    """Ids in order, so that a run can be repeated."""
    numbers = count(first)
    return lambda prefix: f"{prefix}-{next(numbers):017x}"


def database(path: Path) -> str:
    return f"sqlite:///{path}"


def upload(name: str) -> bytes:
    """The file of the image with this name."""
    return name.encode().ljust(512, b".")


async def _messages(header: Any) -> AsyncIterator[Any]:
    content = upload(header.name)
    yield images_pb2.ImportImageRequest(header=header)
    for start in range(0, len(content), _CHUNK_BYTES):
        yield images_pb2.ImportImageRequest(chunk=content[start : start + _CHUNK_BYTES])


async def _never(message: Any) -> None:
    raise AssertionError("nothing is written to this call")


def _called(operation: str, project_id: str, role: Role, request_id: str) -> None:
    """As the gate would have found it."""
    who = Principal(project_id, role, "tok")
    caller.invocation.set(Invocation(Operation(operation, role), "ipv4:127.0.0.1", principal=who, id=request_id))
