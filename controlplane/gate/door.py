"""Who comes in, how much at once, and what is said and written when a call is over."""

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from datetime import datetime

import structlog

from controlplane.errors import CloudError, Denied
from controlplane.gate.credentials import Principal, authenticate
from controlplane.gate.failure import Failure, failure_of
from controlplane.gate.invocation import Access, Invocation
from controlplane.gate.limits import InProgress, Lines, Rate, Turns
from controlplane.gate.streams import Streams
from controlplane.journal import Journal
from controlplane.model.policy import Policy
from controlplane.model.project import Role

log = structlog.get_logger()

# Of calls that were not let in. Fewer: a user who mistyped a token is hard to find in a flood.
REFUSALS_LOGGED_PER_S = 20
_NOTHING = nullcontext()


class Door:
    """One for all transports: a project's limits hold whichever it comes by.

    A transport calls `enter` before it reads what is asked, `while_valid` around the work, `succeeded` or `failed` when
    the work is over, and `leave` in any case; and is `charged` for what it does of the work itself.
    """

    def __init__(self, journal: Journal, policy: Policy, clock: Callable[[], datetime]) -> None:
        self._journal = journal
        self._clock = clock
        self.turns = Turns(policy.compute_ms_per_s)
        self._streams = Streams(journal)
        self._refusals = Lines(REFUSALS_LOGGED_PER_S)
        self._of_address = InProgress(policy.calls_in_progress_per_address)
        self._of_project = InProgress(policy.calls_in_progress)
        self._reads = Rate("reading calls", policy.reads_per_s, policy.reads_burst)
        self._changes = Rate("changing calls", policy.changes_per_s, policy.changes_burst)

    def enter(self, call: Invocation) -> None:
        """Let the call in, and find out who calls. Raises CloudError."""
        access = call.operation.access
        if access is not Access.HOST:
            self._hold(self._of_address, call.address, call)
        if isinstance(access, Role):
            call.principal = authenticate(self._journal.state, call.credential, self._clock())
            self._admit(call.principal, access, call)
        elif access is Access.NOBODY:
            raise Denied("UnauthorizedOperation", f"No token may call {call.operation.name}")
        call.is_let_in = access is not Access.ANYONE

    def _admit(self, who: Principal, needed: Role, call: Invocation) -> None:
        if who.role < needed:
            raise Denied(
                "UnauthorizedOperation",
                f"{call.operation.name} needs role {needed.name.lower()}; "
                f"token {who.credential_id} has {who.role.name.lower()}",
            )
        rate = self._reads if needed is Role.READER else self._changes
        rate.take(who.project_id, time.monotonic())
        self._hold(self._of_project, who.project_id, call)

    def _hold(self, places: InProgress, key: str, call: Invocation) -> None:
        places.take(key)
        call.places.append((places, key))

    def leave(self, call: Invocation) -> None:
        """The call is over, whether it was let in or not."""
        while call.places:
            places, key = call.places.pop()
            places.give_back(key)

    def charged(self, call: Invocation) -> AbstractContextManager[None]:
        """Around what a request or its refusal takes beside the steps of its use case, without awaiting anything."""
        who = call.principal
        return self.turns.charged(who.project_id, time.monotonic()) if who else _NOTHING

    def while_valid(self, call: Invocation) -> AbstractAsyncContextManager[None]:
        """Around the work: what goes on raises `AuthFailure` in it as soon as the caller's token ends."""
        who = call.principal
        if who is None or not call.operation.goes_on:
            return _NOTHING
        left_s = (who.expires_at - self._clock()).total_seconds() if who.expires_at else None
        return self._streams.while_valid(who.credential_id, left_s)

    def succeeded(self, call: Invocation) -> None:
        """Write its line."""
        self._log(call, "OK")

    def failed(self, call: Invocation, error: Exception) -> Failure:
        """Write its line; returns what the caller is told. Of a bug of ours, that there is one."""
        if not isinstance(error, CloudError):
            log.error("bug", method=call.operation.name, request_id=call.id, exc_info=error)
            error = CloudError("InternalError", f"This is a bug in the control plane; see request {call.id} in its log")
        self._log(call, error.code)
        return failure_of(error, call)

    def _log(self, call: Invocation, code: str) -> None:
        if not call.operation.is_logged:
            return
        unwritten = 0 if call.is_let_in else self._refusals.unwritten_before(time.monotonic())
        if unwritten is None:
            return
        if unwritten:
            log.warning("calls refused without a line of their own", count=unwritten)
        log.info(
            "call",
            method=call.operation.name,
            code=code,
            caller=call.principal.credential_id if call.principal else "-",
            duration_ms=round((time.monotonic() - call.began_s) * 1000, 1),
            request_id=call.id,
        )
