"""Which agents are connected, what each has been sent, and what they answer. Knows nothing of gRPC.

A session renders what log entries touched, sends the difference to what it sent before, and takes reports in. An
agent's answer to the last update counts for every later revision that changed nothing for its host.
"""

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count

from controlplane.engine import Engine
from controlplane.errors import Unavailable
from controlplane.model.host import Host
from controlplane.model.instance import ObservedKind
from controlplane.model.policy import Patience
from controlplane.model.state import Entry, Revision
from controlplane.reconcile.absorb import Report, absorb, settle
from controlplane.reconcile.render import Key, Spec, Touched, in_order, render, render_all
from controlplane.service import boots, host_removal, hosts, regions
from controlplane.service.call import Call
from controlplane.service.presence import HostStatus, Link, Presence, presence

# Between updates to one agent. A VPC names all its members to each of its hosts: with a shorter pause, most of a busy
# control plane's time goes into telling them again and again. A longer one delays a change that follows another.
UPDATE_PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class Update:
    """A part of what a host shall have, or the whole; see agent.proto."""

    revision: int
    is_snapshot: bool
    put: Sequence[tuple[ObservedKind, Spec]]
    remove: Sequence[Key]
    region: str
    incarnation: str
    is_released: bool
    seal: bytes


@dataclass(frozen=True, slots=True)
class ConsoleRequest:
    request_id: int
    instance_id: str
    max_bytes: int


class Session:
    """One agent's stream, from its hello to its end."""

    def __init__(
        self, engine: Engine, host_id: str, region: str, clock: Callable[[], datetime], seal: Callable[[bytes], bytes]
    ) -> None:
        self.host_id = host_id
        self.greeted = asyncio.Event()
        self.ended = asyncio.Event()
        self._engine = engine
        self._region = region
        self._clock = clock
        self._seal = seal
        self._sent: dict[Key, Spec] = {}
        self._dirty: set[Key] | None = None  # None: everything.
        self._questions: list[ConsoleRequest] = []
        self._consoles: dict[int, asyncio.Future[bytes]] = {}
        self._ids = count(1)
        self._wake = asyncio.Event()
        self._wake.set()
        self._sent_revision = self._rendered_revision = 0
        self._answers: dict[ObservedKind, int] = {}

    def touch(self, key: Key) -> None:
        """This may have changed for this host. The caller then calls `wake`."""
        if self._dirty is not None:
            self._dirty.add(key)

    def wake(self) -> None:
        """Something may have changed, or something waits for this host's answer."""
        self._wake.set()

    def start_over(self) -> None:
        """Send everything once more."""
        self._dirty = None
        self._wake.set()

    def has(self, key: Key) -> bool:
        """Whether the agent was sent this resource."""
        return key in self._sent

    async def outgoing(self) -> AsyncIterator[Update | ConsoleRequest]:
        """What the agent is to be sent, for ever: a snapshot first, then changes; only what is durable."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            update = self._next_update()
            await self._engine.durable(self._engine.state.revision)
            if update.is_snapshot or update.put or update.remove:
                self._sent_revision = update.revision
                yield update
            self._rendered_revision = update.revision
            self._settle()
            while self._questions:
                yield self._questions.pop(0)
            await asyncio.sleep(UPDATE_PAUSE_S)

    def _next_update(self) -> Update:
        """It may show more than is durable, but claims no later revision: what those touched is not known yet."""
        state, revision = self._engine.state, self._engine.durable_revision
        dirty, self._dirty = self._dirty, set()
        if dirty is None:
            self._sent = render_all(state, self.host_id, self._region)
            return self._update(revision, True, [(kind, spec) for (kind, _), spec in self._sent.items()], ())
        put, remove = [], []
        for key in in_order(dirty):
            spec = render(state, self.host_id, key, self._region)
            if spec is None and self._sent.pop(key, None) is not None:
                remove.append(key)
            elif spec is not None and self._sent.get(key) != spec:
                self._sent[key] = spec
                put.append((key[0], spec))
        return self._update(revision, False, put, remove)

    def _update(
        self, revision: int, is_snapshot: bool, put: Sequence[tuple[ObservedKind, Spec]], remove: Sequence[Key]
    ) -> Update:
        host = self._engine.state.hosts.get(self.host_id)
        incarnation = regions.incarnation(self._engine.state, self._region, self.host_id)
        is_released = host is not None and host.released_to == incarnation
        seal = self._seal(sealed_text(self._region, incarnation, revision, self.host_id))
        return Update(revision, is_snapshot, put, remove, self._region, incarnation, is_released, seal)

    def report(self, report: Report, revision: int) -> None:
        """Take in what the agent saw. It becomes durable soon; nobody waits for it. A later session knows better."""
        if self.ended.is_set():
            return
        self._engine.apply(absorb(self._engine.state, report))
        for kind in report.kinds:
            self._answers[kind] = max(self._answers.get(kind, 0), revision)
        self._settle()

    def _settle(self) -> None:
        answers = {kind: self._extended(answered) for kind, answered in self._answers.items()}
        self._engine.apply(settle(self._engine.state, self.host_id, answers, self._clock()))

    def _extended(self, answered: int) -> int:
        """The answer to the last update counts for all revisions since that changed nothing for this host."""
        return self._rendered_revision if answered >= self._sent_revision > 0 else answered

    async def console(self, instance_id: str, max_bytes: int) -> bytes:
        """Ask the agent for the end of an instance's console. Raises Unavailable when the session ends before."""
        request_id = next(self._ids)
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._consoles[request_id] = answer
        self._questions.append(ConsoleRequest(request_id, instance_id, max_bytes))
        self._wake.set()
        try:
            return await answer
        finally:
            del self._consoles[request_id]

    def answer_console(self, request_id: int, output: bytes, error: str) -> None:
        answer = self._consoles.get(request_id)
        if answer is None or answer.done():
            return
        if error:
            answer.set_exception(Unavailable("Unavailable", error))
        else:
            answer.set_result(output)

    def end(self) -> None:
        """A newer session has taken over, or the stream is gone."""
        self.ended.set()
        for answer in self._consoles.values():
            if not answer.done():
                answer.set_exception(Unavailable("Unavailable", "The host disconnected; try again"))


def sealed_text(region: str, incarnation: str, revision: int, host_id: str) -> bytes:
    """What an update's seal is on."""
    return json.dumps([region, incarnation, revision, host_id]).encode()


def _is_removed(entry: Entry) -> bool:
    """Whether a host is no longer part of the region."""
    return entry.kind == "host" and not (isinstance(entry.new, Host) and not entry.new.is_removed)


class Sessions:
    """All agents' sessions, and when each host was last heard of. `host_id in sessions`: it may be given work."""

    def __init__(
        self,
        engine: Engine,
        region: str,
        patience: Patience,
        clock: Callable[[], datetime],
        seal: Callable[[bytes], bytes],
    ) -> None:
        """`seal`: see `ca.seal`."""
        self._engine = engine
        self._region = region
        self._patience = patience
        self._clock = clock
        self._seal = seal
        self._started_at = clock()
        self._open: dict[str, Session] = {}
        self._links: dict[str, Link] = {}
        self._first_revision = engine.state.revision
        self._greeted: set[str] = set()
        engine.follow(self._on_revisions)

    def now(self) -> datetime:
        return self._clock()

    def __contains__(self, host_id: object) -> bool:
        return self.presence(str(host_id)).is_reachable

    def presence(self, host_id: str) -> Presence:
        """What is known of a host now."""
        host, now = self._engine.state.hosts.get(host_id), self._clock()
        if host is None:
            return Presence(HostStatus.UNREACHABLE, now, "it was removed from the region", None)
        return presence(host, self._links.get(host_id), self._started_at, self._patience, now)

    def open(self, host_id: str) -> Session:
        """Begin a session; an earlier one of the same host ends."""
        if earlier := self._open.get(host_id):
            earlier.end()
        known, now = self.presence(host_id), self._clock()
        opened_at = self._links[host_id].opened_at if known.is_reachable and host_id in self._links else now
        self._links[host_id] = Link(opened_at, now)
        session = self._open[host_id] = Session(self._engine, host_id, self._region, self._clock, self._seal)
        self.hear(host_id)
        return session

    def close(self, session: Session) -> None:
        session.end()
        if self._open.get(session.host_id) is session:
            del self._open[session.host_id]
            self._links[session.host_id] = replace(self._links[session.host_id], ended_at=self._clock())

    def close_all(self) -> None:
        """The process is about to end: agents shall come back to the next one at once."""
        for session in list(self._open.values()):
            self.close(session)

    def hear(self, host_id: str) -> None:
        """The host gave a sign of life; stored now and then."""
        now = self._clock()
        self._links[host_id] = replace(self._links[host_id], heard_at=now)
        self._engine.apply(hosts.seen(self._engine.state, host_id, now))

    def note_absent(self) -> None:
        """Make it durable which hosts are away, so that a restart of this process makes none of them present again."""
        for host in self._engine.state.hosts:
            if not host.is_away and self.presence(host.id).status is HostStatus.UNREACHABLE:
                last_seen_at = self.presence(host.id).last_seen_at or self._started_at
                self._engine.apply(hosts.missed(self._engine.state, host.id, last_seen_at))

    def answer_for_lost(self) -> None:
        """An admin's word stands for what lost hosts would say: they have answered everything, and have nothing."""
        state = self._engine.state
        for host in [host for host in state.hosts if host.lost_at]:
            answers = dict.fromkeys(ObservedKind, state.revision)
            self._engine.apply(settle(state, host.id, answers, self._clock()))
            self._engine.apply(host_removal.forget(state, host.id))

    def tell(self, host_id: str, capacity: hosts.Capacity, agent_version: str) -> None:
        """The agent said what its machine can hold."""
        self._engine.apply(hosts.update(self._engine.state, host_id, capacity, agent_version))

    def is_sealed(self, host_id: str, region: str, incarnation: str, revision: int, seal: bytes) -> bool:
        """Whether this host was sent that revision, by whoever has this control plane's keys."""
        return hmac.compare_digest(seal, self._seal(sealed_text(region, incarnation, revision, host_id)))

    def greet(self, session: Session, boot_id: str, word: regions.Word, call: Call) -> None:
        """The agent said which boot of its machine this is, and what it last followed. It may be sent updates now.

        What it says first, this process has not told it; what it says later, this process did.
        """
        if session.host_id not in self._greeted:
            self._greeted.add(session.host_id)
            known, first = self._engine.state, self._first_revision
            self._engine.apply(regions.recognise(known, call, session.host_id, word, first))
        self._engine.apply(boots.follow(self._engine.state, call, session.host_id, boot_id))
        session.greeted.set()

    async def console(self, host_id: str, instance_id: str, max_bytes: int) -> bytes:
        session = self._open.get(host_id)
        if session is None:
            raise Unavailable("Unavailable", f"The host of {instance_id} is not connected; try again later")
        return await session.console(instance_id, max_bytes)

    def _on_revisions(self, revisions: list[Revision]) -> None:
        state, touched = self._engine.state, Touched()
        for revision in revisions:
            for entry in revision.entries:
                touched.add(state, entry)
                if entry.id in self._open and _is_removed(entry):
                    self._open[entry.id].end()
        for vpc_id in touched.vpc_ids:
            for host_id in self._sent_to(vpc_id):
                touched.keys.add((host_id, (ObservedKind.VPC, vpc_id)))
                touched.keys.add((host_id, (ObservedKind.GATEWAY, vpc_id)))
        for host_id, key in touched.keys:
            if session := self._open.get(host_id):
                session.touch(key)
                touched.hosts.add(host_id)
        for host_id, session in self._open.items():
            if host_id in touched.released:
                session.start_over()
            elif host_id in touched.hosts:
                session.wake()

    def _sent_to(self, vpc_id: str) -> set[str]:
        """Hosts that were sent a VPC. One that begins to take part has been touched by what brings it in."""
        key = (ObservedKind.VPC, vpc_id)
        return {host_id for host_id, session in self._open.items() if session.has(key)}
