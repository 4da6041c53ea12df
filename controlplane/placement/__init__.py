"""Where things go: filters that say no with a reason, and one weigher. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from controlplane.errors import Refusal
from controlplane.model.capacity import Resources
from controlplane.model.host import Host, HostRole


@dataclass(slots=True)
class Candidate:
    """A host and what is free on it; placing something there makes it less."""

    host: Host
    is_reachable: bool
    free: Resources

    def take(self, wanted: Resources) -> None:
        self.free -= wanted


Filter = Callable[[Candidate, Resources, HostRole], str | None]


def _role(candidate: Candidate, wanted: Resources, role: HostRole) -> str | None:
    return None if role in candidate.host.roles else f"role: the host has no {role.name.lower()} role"


def _reachable(candidate: Candidate, wanted: Resources, role: HostRole) -> str | None:
    return None if candidate.is_reachable else "status: its agent is not connected"


def _vcpus(candidate: Candidate, wanted: Resources, role: HostRole) -> str | None:
    return _room("vcpus", wanted.vcpus, candidate.free.vcpus, candidate.host.vcpus, "")


def _memory(candidate: Candidate, wanted: Resources, role: HostRole) -> str | None:
    return _room("memory", wanted.memory_mib, candidate.free.memory_mib, candidate.host.memory_mib, " MiB")


def _storage(candidate: Candidate, wanted: Resources, role: HostRole) -> str | None:
    return _room("storage", wanted.storage_gib, candidate.free.storage_gib, candidate.host.storage_gib, " GiB")


def _room(what: str, wanted: int, free: int, total: int, unit: str) -> str | None:
    return None if wanted <= free else f"{what}: {wanted}{unit} asked, {free}{unit} free of {total}"


FILTERS: tuple[Filter, ...] = (_role, _reachable, _vcpus, _memory, _storage)


def refusal(candidate: Candidate, wanted: Resources, role: HostRole) -> str | None:
    """The first filter's reason to say no, or None."""
    for check in FILTERS:
        if reason := check(candidate, wanted, role):
            return reason
    return None


def emptiness(candidate: Candidate) -> float:
    """Share of memory that is free: spreading leaves every host the most room for its guests' peaks."""
    return candidate.free.memory_mib / (candidate.host.memory_mib or 1)


def choose(
    candidates: Sequence[Candidate], wanted: Resources, role: HostRole, preferred_host_id: str = ""
) -> Candidate | None:
    """The preferred host if it will do, else the emptiest that will (largest free storage for volumes), else None."""
    fit = [candidate for candidate in candidates if refusal(candidate, wanted, role) is None]
    if role is HostRole.STORAGE:
        return max(fit, key=lambda c: (c.host.id == preferred_host_id, c.free.storage_gib), default=None)
    return max(fit, key=lambda c: (c.host.id == preferred_host_id, emptiness(c)), default=None)


def refusals(candidates: Sequence[Candidate], wanted: Resources, role: HostRole) -> tuple[Refusal, ...]:
    """One reason for each host that says no and has the role, or could have it."""
    reasons = ((candidate.host.id, refusal(candidate, wanted, role)) for candidate in candidates)
    return tuple(Refusal(host_id, reason) for host_id, reason in reasons if reason)
