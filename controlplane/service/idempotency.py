"""Around any mutating use case: client tokens, dry runs, and the record of the call: audit and idempotency at once.

Every call that is accepted has one record, made in the call's own change: there is no change without it, and none
without the change. What is refused changes nothing and is in the log alone: a record of it would let anybody who holds
a token fill the disk for nothing. A repetition does no new work, so that its record is the first call's.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache
from typing import Any

from controlplane.errors import Conflict, invalid_value
from controlplane.model.audit import CallRecord
from controlplane.model.instance import Attachment, volume_of
from controlplane.model.state import Change, State
from controlplane.service.call import Call

UseCase = Callable[[State, Call], tuple[Change, Any]]

# Ids that a record names of what the call changed: a launch of a thousand changes thousands of rows.
RESOURCES_NAMED = 20


@dataclass(frozen=True, slots=True)
class Attempt:
    """How a mutating call was made, and by whom; `request_hash` is the `fingerprint` of what was asked."""

    operation: str
    client_token: str
    request_hash: str
    dry_run: bool
    credential_id: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """`result` is the use case's; `is_replay`: it was carried out earlier, so that secrets are not shown again."""

    result: Any
    is_replay: bool


def attempt(state: State, call: Call, how: Attempt, use_case: UseCase) -> tuple[Change, Outcome]:
    """Carry the use case out, unless its client token says that this was done, or it is a dry run."""
    if len(how.client_token) > 64 or not (how.client_token.isascii() and how.client_token.isprintable()):
        raise invalid_value("client_token", how.client_token, "at most 64 printable ASCII characters")
    earlier = state.calls.get(f"{call.project_id}/{how.client_token}") if how.client_token else None
    if earlier and not how.dry_run:
        return Change(), Outcome(_result_of(earlier, how), is_replay=True)
    change, result = use_case(state, call)
    if how.dry_run:
        raise Conflict("DryRunOperation", "The request would have succeeded; nothing was changed")
    change.put(record(call, how, change, result))
    return change, Outcome(result, is_replay=False)


def record(call: Call, how: Attempt, change: Change, result: Any) -> CallRecord:
    """What is kept of a call. It names what users know: an attachment goes by its volume."""
    changed = dict.fromkeys(
        volume_of(row_id) if row_type is Attachment else row_id for row_type, row_id, _ in change.items()
    )
    return CallRecord(
        id=f"{call.project_id}/{how.client_token}" if how.client_token else how.request_id,
        project_id=call.project_id,
        token_id=how.credential_id,
        request_id=how.request_id,
        operation=how.operation,
        request_hash=how.request_hash,
        result=json.dumps(result),
        resource_ids=tuple(changed)[:RESOURCES_NAMED],
        created_at=call.now,
    )


def _result_of(earlier: CallRecord, how: Attempt) -> Any:
    if (earlier.operation, earlier.request_hash) != (how.operation, how.request_hash):
        raise Conflict(
            "IdempotentParameterMismatch",
            f"The client token {how.client_token!r} was used for {earlier.operation} with other parameters; "
            "use a new client token for a new request",
        )
    return json.loads(earlier.result)


def fingerprint(asked: object) -> str:
    """A hash of a use case's request: the same for the same request, by whatever door it comes.

    Fields at their default are left out, so that one that a later release adds changes no hash, and so is what the
    control plane puts in by itself: `field(compare=False)`.
    """
    text = _ENCODER.encode(asked)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        given = ((name, default, getattr(value, name)) for name, default in _defaults(type(value)))  # type: ignore[arg-type]  # classes are hashable
        return {name: part for name, default, part in given if part != default}
    if isinstance(value, bytes):
        return value.hex()
    return dict(value) if isinstance(value, Mapping) else list(value)


@cache
def _defaults(request_type: Any) -> list[tuple[str, Any]]:
    """Of each field that counts, its name and its default."""
    return [(spec.name, _default(spec)) for spec in fields(request_type) if spec.compare]


def _default(spec: Field[Any]) -> Any:
    return spec.default if spec.default_factory is MISSING else spec.default_factory()


_ENCODER = json.JSONEncoder(default=_plain, sort_keys=True)  # `json.dumps` would make one for each call.
