"""Where gRPC meets the gate: the call that a servicer answers, and the ways in: `mutate`, `read`, `step`."""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from datetime import datetime
from functools import partial
from typing import Any, TypeAlias, TypeVar

import grpc

from controlplane.gate.door import Door
from controlplane.gate.invocation import Invocation
from controlplane.gate.runner import Runner, Wish
from controlplane.journal import Journal
from controlplane.model.policy import Policy
from controlplane.model.state import Change, State
from controlplane.service.call import Call
from controlplane.service.listing import Listed
from controlplane.sessions import Sessions

R = TypeVar("R", bound=Listed)
T = TypeVar("T")
Q = TypeVar("Q")

# What gRPC gives to every servicer. A text, since the stubs call it generic and the library does not.
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

# The call that is answered: gRPC gives servicers a request and its own context, and nothing else.
invocation: ContextVar[Invocation] = ContextVar("invocation")


class Edge:
    """What every servicer is given."""

    # Messages made in one step. Fewer: more steps for all. More: others wait for longer than the 10 ms that so many
    # instances take.
    per_step = 100

    def __init__(self, journal: Journal, sessions: Sessions, policy: Policy, clock: Callable[[], datetime]) -> None:
        self.journal = journal
        self.sessions = sessions
        self.policy = policy
        self.clock = clock
        self.door = Door(journal, policy, clock)
        self._runner = Runner(journal, sessions, self.door.turns, policy, clock)

    def call(self) -> Call:
        """The present call, for a use case."""
        return self._runner.call(invocation.get().principal)

    def call_of_nobody(self) -> Call:
        """For what is no project's: what hosts say."""
        return self._runner.call(None)

    async def mutate(
        self,
        request: Any,
        use_case: Callable[[State, Call, Q], tuple[Change, Any]],
        asked: Q,
        reply: Callable[[State, Any], T],
    ) -> tuple[T, bool]:
        """Carry a use case out, at most once for a client token; returns the reply and whether it is a replay.

        `request` says how it is asked, with its client token and dry run, and `asked` what: the use case's own request.
        """
        return await self._runner.mutate(invocation.get(), _wish(request), use_case, asked, reply)

    async def replay(
        self, request: Any, asked: object, check: Callable[[State, Call], object], reply: Callable[[State, Any], T]
    ) -> T | None:
        """Before costly work: the reply to an earlier call with the same client token, None where there was none.

        Raises what `check` raises, and for a dry run.
        """
        return await self._runner.replay(invocation.get(), _wish(request), check, asked, reply)

    async def read(self, query: Callable[[State, Call], T]) -> T:
        """Answer from memory."""
        return await self._runner.read(invocation.get(), query)

    async def in_steps(self, rows: Sequence[R], to_message: Callable[[State, R, Call], T]) -> list[T]:
        """The messages of those rows that are there still, in steps between which others have their turn."""
        made = list[T]()
        for start in range(0, len(rows), self.per_step):
            await asyncio.sleep(0)
            made += await self.step(partial(self._as_now, rows[start : start + self.per_step], to_message))
        if made:
            await self.journal.durable(self.journal.state.revision)
        return made

    def _as_now(self, rows: Sequence[R], to_message: Callable[[State, R, Call], T]) -> list[T]:
        state, call = self.journal.state, self.call()
        now = (state.tables[type(row)].get(row.id) if type(row) in state.tables else row for row in rows)
        return [to_message(state, row, call) for row in now if row is not None]

    async def step(self, work: Callable[[], T]) -> T:
        """One step of a stream, which comes when it is the project's turn."""
        return await self._runner.step(invocation.get(), work)


def _wish(request: Any) -> Wish:
    return Wish(request.client_token, request.dry_run)
