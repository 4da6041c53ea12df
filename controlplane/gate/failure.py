"""Why a call failed, as its caller is told: the one place that decides what an admin may see and others not."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from controlplane.errors import Category, CloudError, Parameter, Refusal
from controlplane.gate.invocation import Access, Invocation
from controlplane.model.project import Role

_RETRYABLE = {Category.CAPACITY, Category.UNAVAILABLE}
_HOST_ID = re.compile(r"\bhost-[0-9a-f]{17}\b")


@dataclass(frozen=True, slots=True)
class Failure:
    """A CloudError less what its caller is not to see. `refusals` are by host for an admin, else one of each kind."""

    category: Category
    code: str
    message: str
    request_id: str
    blocking_ids: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    retry_after_s: float | None = None
    parameter: Parameter | None = None

    @property
    def is_retryable(self) -> bool:
        """Whether the same call may succeed later without anything being corrected."""
        return self.category in _RETRYABLE


def failure_of(error: CloudError, call: Invocation) -> Failure:
    """Hosts and their capacity are shown to admins, and to hosts, who know of one another."""
    is_admin = call.principal is not None and call.principal.role is Role.ADMIN
    sees_hosts = is_admin or call.operation.access is Access.HOST
    return Failure(
        error.category,
        error.code,
        error.message + _summary(error.refusals) if sees_hosts else _HOST_ID.sub("a host", error.message),
        call.id,
        error.blocking_ids,
        error.refusals if sees_hosts else _by_kind(error.refusals),
        error.retry_after_s,
        error.parameter,
    )


def _summary(refusals: Sequence[Refusal]) -> str:
    """How many hosts said no, by filter: " (2 of 5 hosts: memory, 3 of 5 hosts: status)"; empty where none did."""
    counts: Counter[str] = Counter()
    named = {row.host_id: row for row in refusals if row.host_id}  # A host says no for each of its pools.
    for row in (*named.values(), *(row for row in refusals if not row.host_id)):
        counts[row.kind] += row.count
    parts = [f"{count} of {counts.total()} hosts: {kind}" for kind, count in counts.most_common() if count]
    return f" ({', '.join(parts)})" if parts else ""


def _by_kind(refusals: Iterable[Refusal]) -> tuple[Refusal, ...]:
    """Each filter once, without what tells how many hosts there are and how large: "vcpus"."""
    return tuple(Refusal("", kind) for kind in dict.fromkeys(row.kind for row in refusals))
