"""Who is calling, and the two ways in: `mutate` and `read`."""

import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

import grpc

from controlplane.api.limits import Turns
from controlplane.engine import Engine
from controlplane.errors import Unauthenticated
from controlplane.ids import mint
from controlplane.model.policy import Policy
from controlplane.model.project import Role
from controlplane.model.state import Change, State
from controlplane.service.call import Call
from controlplane.service.idempotency import Attempt, Outcome, attempt, fingerprint
from controlplane.service.projects import hash_secret
from controlplane.sessions import Sessions

T = TypeVar("T")
Q = TypeVar("Q")

# What gRPC gives to every servicer. A text, since the stubs call it generic and the library does not.
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller; `token_id` names it in the log, `request_id` the call."""

    project_id: str
    role: Role
    token_id: str
    request_id: str
    expires_at: datetime | None = None


principal: ContextVar[Principal] = ContextVar("principal")
# Of the present call, also where nobody is authenticated.
request_id: ContextVar[str] = ContextVar("request_id")


def authenticate(state: State, secret: str, request_id: str, now: datetime) -> Principal:
    """The owner of a bearer token. Raises `AuthFailure`."""
    if not secret:
        raise Unauthenticated("AuthFailure", "No token: send metadata `authorization: Bearer <token>`")
    token = state.tokens.secret_hash.get(hash_secret(secret))
    if token is None or token.state(now) != "active":
        was = token.state(now) if token else "not one of this region"
        raise Unauthenticated("AuthFailure", f"The token is {was}; ask an admin for another (`stead project token`)")
    return Principal(token.project_id, token.role, token.id, request_id, token.expires_at)


class Edge:
    """What every servicer is given."""

    def __init__(self, engine: Engine, sessions: Sessions, policy: Policy, clock: Callable[[], datetime]) -> None:
        self.engine = engine
        self.sessions = sessions
        self.policy = policy
        self.clock = clock
        self._turns = Turns(policy.compute_ms_per_s)

    def call(self) -> Call:
        """The present call, for a use case."""
        who = principal.get()
        return Call(who.project_id, who.role, self.clock(), mint, self.policy, self.sessions)

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
        how, call = _attempt_of(request, asked), self.call()

        def carry_out(state: State) -> tuple[Change, Outcome]:
            with self._turns.one(call.project_id, time.monotonic()):
                return attempt(state, call, how, lambda state, call: use_case(state, call, asked))

        def answer(state: State, outcome: Outcome) -> tuple[T, bool]:
            return reply(state, outcome.result), outcome.is_replay

        return await self.engine.call(carry_out, answer)

    async def replay(
        self, request: Any, asked: object, check: Callable[[State, Call], object], reply: Callable[[State, Any], T]
    ) -> T | None:
        """Before costly work: the reply to an earlier call with the same client token, None where there was none.

        Raises what `check` raises, and for a dry run.
        """
        how, call = _attempt_of(request, asked), self.call()

        def outcome(state: State) -> tuple[Change, Outcome]:
            return Change(), attempt(state, call, how, lambda state, call: (Change(), check(state, call)))[1]

        return await self.engine.call(
            outcome, lambda state, made: reply(state, made.result) if made.is_replay else None
        )

    async def read(self, query: Callable[[State, Call], T]) -> T:
        """Answer from memory."""
        call = self.call()

        def in_turn(state: State) -> T:
            with self._turns.one(call.project_id, time.monotonic()):
                return query(state, call)

        return await self.engine.read(in_turn)


def _attempt_of(request: Any, asked: object) -> Attempt:
    operation, who = type(request).__name__.removesuffix("Request").removesuffix("Header"), principal.get()
    return Attempt(operation, request.client_token, fingerprint(asked), request.dry_run, who.token_id, who.request_id)
