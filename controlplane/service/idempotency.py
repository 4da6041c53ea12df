"""Client tokens and dry runs, around any mutating use case."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from controlplane.errors import Conflict, invalid_value
from controlplane.model.project import ClientToken
from controlplane.model.state import Change, State
from controlplane.service.call import Call

UseCase = Callable[[State, Call], tuple[Change, Any]]


@dataclass(frozen=True, slots=True)
class Attempt:
    """How a mutating call was made; `request_hash` covers its parameters except token and dry run."""

    operation: str
    client_token: str
    request_hash: str
    dry_run: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """`result` is the use case's; `is_replay`: it was carried out earlier, so that secrets are not shown again."""

    result: Any
    is_replay: bool


def attempt(state: State, call: Call, how: Attempt, use_case: UseCase) -> tuple[Change, Outcome]:
    """Carry the use case out, unless its token says that this was done, or it is a dry run."""
    if len(how.client_token) > 64 or not how.client_token.isascii():
        raise invalid_value("client_token", how.client_token, "at most 64 ASCII characters")
    token_id = f"{call.project_id}/{how.client_token}"
    earlier = state.client_tokens.get(token_id) if how.client_token else None
    if earlier and not how.dry_run:
        return Change(), Outcome(_result_of(earlier, how), is_replay=True)
    change, result = use_case(state, call)
    if how.dry_run:
        raise Conflict("DryRunOperation", "The request would have succeeded; nothing was changed")
    if how.client_token:
        kept = json.dumps(result)
        change.put(ClientToken(token_id, call.project_id, how.operation, how.request_hash, kept, call.now))
    return change, Outcome(result, is_replay=False)


def _result_of(earlier: ClientToken, how: Attempt) -> Any:
    if (earlier.operation, earlier.request_hash) != (how.operation, how.request_hash):
        raise Conflict(
            "IdempotentParameterMismatch",
            f"The client token {how.client_token!r} was used for {earlier.operation} with other parameters; "
            "use a new token for a new request",
        )
    return json.loads(earlier.result)
