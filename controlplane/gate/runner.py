"""Carrying a call out: in its project's turn, at most once for a client token, answered when it is durable."""

import asyncio
import time
from collections.abc import Callable, Container
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from controlplane.gate.credentials import Principal
from controlplane.gate.invocation import Invocation
from controlplane.gate.limits import Turns
from controlplane.ids import mint
from controlplane.journal import Journal
from controlplane.model.policy import Policy
from controlplane.model.project import Role
from controlplane.model.state import Change, State
from controlplane.service.call import Call
from controlplane.service.idempotency import Attempt, Outcome, attempt, fingerprint

T = TypeVar("T")
Q = TypeVar("Q")


@dataclass(frozen=True, slots=True)
class Wish:
    """How a change is asked for: a client token, or none, and whether it is only to be tried."""

    client_token: str = ""
    dry_run: bool = False


class Runner:
    """`reachable` has the hosts that answer."""

    def __init__(
        self,
        journal: Journal,
        reachable: Container[str],
        turns: Turns,
        policy: Policy,
        clock: Callable[[], datetime],
    ) -> None:
        self._journal = journal
        self._reachable = reachable
        self._policy = policy
        self._clock = clock
        self._turns = turns

    def call(self, who: Principal | None) -> Call:
        """What a use case is told of its caller; None: it is nobody's project."""
        project_id, role = (who.project_id, who.role) if who else ("", Role.READER)
        return Call(project_id, role, self._clock(), mint, self._policy, self._reachable)

    async def mutate(
        self,
        made: Invocation,
        wish: Wish,
        use_case: Callable[[State, Call, Q], tuple[Change, Any]],
        asked: Q,
        reply: Callable[[State, Any], T],
    ) -> tuple[T, bool]:
        """Carry a use case out, at most once for a client token; returns the reply and whether it is a replay."""
        how, call = self._attempt(made, wish, asked), self.call(made.principal)

        def carry_out(state: State) -> tuple[Change, Outcome]:
            with self._turns.one(call.project_id, time.monotonic()):
                return attempt(state, call, how, lambda state, call: use_case(state, call, asked))

        def answer(state: State, outcome: Outcome) -> tuple[T, bool]:
            with self._turns.charged(call.project_id, time.monotonic()):
                return reply(state, outcome.result), outcome.is_replay

        return await self._journal.call(carry_out, answer)

    async def replay(
        self,
        made: Invocation,
        wish: Wish,
        check: Callable[[State, Call], object],
        asked: object,
        reply: Callable[[State, Any], T],
    ) -> T | None:
        """Before costly work: the reply to an earlier call with the same client token, None where there was none.

        Raises what `check` raises, and for a dry run.
        """
        how, call = self._attempt(made, wish, asked), self.call(made.principal)

        def outcome(state: State) -> tuple[Change, Outcome]:
            return Change(), attempt(state, call, how, lambda state, call: (Change(), check(state, call)))[1]

        return await self._journal.call(
            outcome, lambda state, made: reply(state, made.result) if made.is_replay else None
        )

    async def read(self, made: Invocation, query: Callable[[State, Call], T]) -> T:
        """Answer from memory."""
        call = self.call(made.principal)

        def in_turn(state: State) -> T:
            with self._turns.one(call.project_id, time.monotonic()):
                return query(state, call)

        return await self._journal.read(in_turn)

    async def step(self, made: Invocation, work: Callable[[], T]) -> T:
        """Of a call that goes on: where its project has computed too much, it waits until that is made up for."""
        project_id = made.principal.project_id if made.principal else ""
        while wait_s := self._turns.wait_s(project_id, time.monotonic()):  # noqa: ASYNC110 - time alone pays
            await asyncio.sleep(wait_s)
        with self._turns.one(project_id, time.monotonic()):
            return work()

    def _attempt(self, made: Invocation, wish: Wish, asked: object) -> Attempt:
        project_id, shown = (made.principal.project_id, made.principal.credential_id) if made.principal else ("", "")
        with self._turns.charged(project_id, time.monotonic()):
            asked_hash = fingerprint(asked)
        return Attempt(made.operation.name, wish.client_token, asked_hash, wish.dry_run, shown, made.id)
