"""One agent's session: what it is sent, and what it answers. Knows nothing of gRPC.

A session sends what changed in its host's scopes, and takes reports in. The next update waits for the answer to the
last, so that changes coalesce for an agent that is slow. An answer to the last update counts for every later revision
that changed nothing for its host.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any, cast

from controlplane.enforcement import Enforcement
from controlplane.errors import Unavailable
from controlplane.journal import Journal
from controlplane.model.instance import ObservedKind
from controlplane.reconcile.absorb import Report, absorb, is_awaited, settle
from controlplane.reconcile.legacy import Difference, SpecNews
from controlplane.reconcile.share import News, Share
from controlplane.service import catching_up, regions
from controlplane.service.call import Call
from controlplane.service.dropped_packets import DroppedPackets
from controlplane.service.effective_rules import Count

# An update goes out after this even where the last one is not answered: drivers that hang may keep an agent from
# reporting. Shorter: a busy agent gets many small updates. Longer: one that hangs learns late what else it shall do.
ANSWER_S = 1.0
# Between updates to one host, at least. Shorter: ten hosts of a VPC are told of each launch by itself, which costs more
# than the launch. Longer: what takes several turns with a host, as detaching a volume does, takes so much longer.
PAUSE_S = 0.02


@dataclass(frozen=True, slots=True)
class Update:
    """What brings a host to a revision; see `Authority` and `Update` in session.proto."""

    news: News | SpecNews
    region: str
    incarnation: str
    is_released: bool
    seal: bytes


@dataclass(frozen=True, slots=True)
class ConsoleRequest:
    request_id: int
    instance_id: str
    max_bytes: int


@dataclass(frozen=True, slots=True)
class CountRequest:
    request_id: int
    endpoint_ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class DropsRequest:
    request_id: int
    endpoint_ids: Sequence[str]
    after: int
    wait_ms: int


Question = ConsoleRequest | CountRequest | DropsRequest
Answer = bytes | Sequence[Count] | DroppedPackets


class Session:
    """One agent's stream, from its hello to its end."""

    def __init__(
        self,
        journal: Journal,
        host_id: str,
        region: str,
        clock: Callable[[], datetime],
        seal: Callable[[bytes], bytes],
        share: Share | Difference,
        enforcement: Enforcement,
    ) -> None:
        self.host_id = host_id
        self.greeted = asyncio.Event()
        self.ended = asyncio.Event()
        self._journal = journal
        self._region = region
        self._clock = clock
        self._seal = seal
        self._share = share
        self._enforcement = enforcement
        self._questions: list[Question] = []
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._ids = count(1)
        self._wake = asyncio.Event()
        self._wake.set()
        # Revisions: of the last update; up to which nothing else changed for this host; of the agent's latest answer.
        self._sent_revision = self._told_revision = self._answered_revision = 0
        self._sent_at = float("-inf")
        self._held: asyncio.TimerHandle | None = None  # Something may have changed, and waits until an update is due.
        self._answers: dict[ObservedKind, int] = {}
        self._call: Call | None = None

    def greet(self, call: Call) -> None:
        """The agent has said hello, by this call. It may be sent updates."""
        self._call = call
        self.greeted.set()

    def wake(self) -> None:
        """Something may have changed, or something waits for this host's answer."""
        self._wake.set()

    def start_over(self) -> None:
        """Send everything once more."""
        self._share.start_over()
        self._wake.set()

    async def outgoing(self) -> AsyncIterator[Update | Question]:
        """What the agent is to be sent, for ever: a snapshot first, then changes; only what is durable."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._questions:
                yield self._questions.pop(0)
            if asyncio.get_running_loop().time() < self._due_at():
                self._hold()
                continue
            if news := await self._share.news():
                update = self._update(news)
                # The objects may show more than `revision`.
                await self._journal.durable(self._journal.state.revision, in_no_hurry=True)
                self._sent_revision = self._told_revision = news.revision
                self._sent_at = asyncio.get_running_loop().time()
                yield update
            else:
                self._told_revision = news.revision
                self._settle()

    def _due_at(self) -> float:
        """When the next update may go out: after a pause, and the last one's answer, or when that is overdue."""
        is_answered = self._answered_revision >= self._sent_revision
        return self._sent_at + (PAUSE_S if is_answered else ANSWER_S)

    def _hold(self) -> None:
        """Go on when it is due; an answer may bring that forward."""
        if self._held:
            self._held.cancel()
        self._held = asyncio.get_running_loop().call_at(self._due_at(), self._go_on)

    def _go_on(self) -> None:
        self._held = None
        self._wake.set()

    def _update(self, news: News | SpecNews) -> Update:
        state, region, host_id = self._journal.state, self._region, self.host_id
        incarnation = regions.incarnation(state, region, host_id)
        is_released = regions.is_released(state, region, host_id)
        seal = self._seal(sealed_text(region, incarnation, news.revision, host_id))
        return Update(news, region, incarnation, is_released, seal)

    def report(self, report: Report, revision: int) -> None:
        """Take in what the agent saw. It becomes durable soon; nobody waits for it. A later session knows better."""
        if self.ended.is_set():
            return
        if report:
            self._journal.apply(absorb(self._journal.state, report))
            self._catch_up(report)
        self.answer(report.kinds, revision)

    def answer(self, kinds: Collection[ObservedKind], revision: int) -> None:
        """The agent has taken updates up to this revision into account, of these kinds."""
        if self.ended.is_set():
            return
        if revision >= self._answered_revision:
            self._answered_revision = revision
            self._answers.update(dict.fromkeys(kinds, revision))
        self._settle()
        if self._held:
            self._hold()

    def _settle(self) -> None:
        state = self._journal.state
        if is_awaited(state, self.host_id):
            answers = {kind: self._extended(answered) for kind, answered in self._answers.items()}
            self._journal.apply(settle(state, self.host_id, answers, self._clock()))
        if self._enforcement.is_awaited(self.host_id):
            networks = self._extended(self._answers.get(ObservedKind.VPC, 0))
            self._journal.apply(self._enforcement.answered(self.host_id, networks))

    def _extended(self, answered: int) -> int:
        """The answer to the last update counts for all revisions since that changed nothing for this host."""
        return self._told_revision if answered >= self._sent_revision > 0 else answered

    def _catch_up(self, report: Report) -> None:
        if self._call is not None:
            call = replace(self._call, now=self._clock())
            self._journal.apply(catching_up.notice(self._journal.state, call, self.host_id, report.observed))

    async def console(self, instance_id: str, max_bytes: int) -> bytes:
        """Ask the agent for the end of an instance's console. Raises Unavailable when the session ends before."""
        return cast(bytes, await self._ask(lambda request_id: ConsoleRequest(request_id, instance_id, max_bytes)))

    async def count(self, endpoint_ids: Sequence[str]) -> Sequence[Count]:
        """Ask the agent what the rules that guard these have matched. Raises as `console`."""
        return cast(Sequence[Count], await self._ask(lambda request_id: CountRequest(request_id, endpoint_ids)))

    async def drops(self, endpoint_ids: Sequence[str], after: int, wait_ms: int) -> DroppedPackets:
        """Ask the agent which packets of these are dropped, when there are any. Raises as `console`."""
        return cast(
            DroppedPackets, await self._ask(lambda request_id: DropsRequest(request_id, endpoint_ids, after, wait_ms))
        )

    async def _ask(self, question: Callable[[int], Question]) -> Any:
        request_id = next(self._ids)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked[request_id] = answer
        self._questions.append(question(request_id))
        self._wake.set()
        try:
            return await answer
        finally:
            del self._asked[request_id]

    def answer_question(self, request_id: int, said: Answer, error: str) -> None:
        answer = self._asked.get(request_id)
        if answer is None or answer.done():
            return
        if error:
            answer.set_exception(Unavailable("Unavailable", error))
        else:
            answer.set_result(said)

    def end(self) -> None:
        """A newer session has taken over, or the stream is gone."""
        self.ended.set()
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(Unavailable("Unavailable", "The host disconnected; try again"))


def sealed_text(region: str, incarnation: str, revision: int, host_id: str) -> bytes:
    """What an update's seal is on: a list in JSON."""
    return f"[{_quoted(region)}, {_quoted(incarnation)}, {revision}, {_quoted(host_id)}]".encode()
