"""Where things go: filters that say no with a reason, and how much a host would like to be given more. Pure."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from controlplane.errors import Refusal
from controlplane.model.capacity import Resources
from controlplane.model.host import Host, HostRole, Pool

# Hosts whose reasons are told one by one; of the others, how many there are. An error has no room for more.
REFUSALS_NAMED = 100


def id_of(host_id: str, pool: str | None = None) -> str:
    """Of a host, or of its pool of this name."""
    return host_id if pool is None else f"{host_id}/{pool}"


@dataclass(slots=True)
class Candidate:
    """A host, or one of its pools, and what is free there; placing something makes it less."""

    host: Host
    free: Resources
    pool: Pool | None = None
    id: str = field(init=False)

    def __post_init__(self) -> None:
        self.id = id_of(self.host.id, self.pool.name if self.pool else None)

    @property
    def role(self) -> HostRole:
        """What a host must have to be given anything here."""
        return HostRole.STORAGE if self.pool else HostRole.COMPUTE

    def take(self, wanted: Resources) -> None:
        self.free -= wanted

    def knows(self, features: Collection[str]) -> bool:
        """Whether the host's agent has all of them."""
        return not features or all(feature in self.host.features for feature in features)

    def holds(self, wanted: Resources) -> bool:
        """Whether there is room. A host that has less than nothing of what nobody asks for is as good as another."""
        free = self.free
        return (
            (wanted.memory_mib <= free.memory_mib or not wanted.memory_mib)
            and (wanted.vcpus <= free.vcpus or not wanted.vcpus)
            and (wanted.storage_gib <= free.storage_gib or not wanted.storage_gib)
        )


def emptiness(candidate: Candidate) -> float:
    """Share of memory that is free: spreading leaves every host the most room for its guests' peaks."""
    return candidate.free.memory_mib / (candidate.host.memory_mib or 1)


def weight(candidate: Candidate, role: HostRole) -> float:
    """Who has more is chosen first."""
    return candidate.free.storage_gib if role is HostRole.STORAGE else emptiness(candidate)


Filter = Callable[[Candidate, bool, Resources, HostRole], str | None]


def _role(candidate: Candidate, is_reachable: bool, wanted: Resources, role: HostRole) -> str | None:
    return None if role in candidate.host.roles else f"role: the host has no {role.name.lower()} role"


def _reachable(candidate: Candidate, is_reachable: bool, wanted: Resources, role: HostRole) -> str | None:
    return None if is_reachable else "status: its agent is not connected"


def _vcpus(candidate: Candidate, is_reachable: bool, wanted: Resources, role: HostRole) -> str | None:
    return _room("vcpus", wanted.vcpus, candidate.free.vcpus, candidate.host.vcpus, "")


def _memory(candidate: Candidate, is_reachable: bool, wanted: Resources, role: HostRole) -> str | None:
    return _room("memory", wanted.memory_mib, candidate.free.memory_mib, candidate.host.memory_mib, " MiB")


def _storage(candidate: Candidate, is_reachable: bool, wanted: Resources, role: HostRole) -> str | None:
    total_gib = candidate.pool.storage_gib if candidate.pool else candidate.host.storage_gib
    where = f" in pool {candidate.pool.name}" if candidate.pool and candidate.pool.name else ""
    reason = _room("storage", wanted.storage_gib, candidate.free.storage_gib, total_gib, " GiB")
    return reason + where if reason else None


def _room(what: str, wanted: int, free: int, total: int, unit: str) -> str | None:
    if wanted <= free or not wanted:
        return None
    return f"{what}: {wanted}{unit} asked, {max(free, 0)}{unit} free of {total}"


FILTERS: tuple[Filter, ...] = (_role, _reachable, _vcpus, _memory, _storage)


def _features(candidate: Candidate, features: Collection[str]) -> str | None:
    unknown = (feature for feature in features if not candidate.knows([feature]))
    reasons = (f"agent: version {candidate.host.agent_version} does not know '{each}'; upgrade it" for each in unknown)
    return next(reasons, None)


def refusal(
    candidate: Candidate, is_reachable: bool, wanted: Resources, role: HostRole, features: Collection[str] = ()
) -> str | None:
    """The first filter's reason to say no, or None. `features`: those that its agent must have."""
    for check in FILTERS:
        if reason := check(candidate, is_reachable, wanted, role):
            return reason
    return _features(candidate, features)


def refusals(
    candidates: Iterable[tuple[Candidate, bool]], wanted: Resources, role: HostRole, features: Collection[str] = ()
) -> list[Refusal]:
    """Why hosts say no, each with whether it is reachable: one by one, and of many others how many for each filter.

    A host with several pools says so for each, and is one host.
    """
    named: list[Refusal] = []
    others: dict[str, str] = {}  # By host, the filter.
    for candidate, is_reachable in candidates:
        if reason := refusal(candidate, is_reachable, wanted, role, features):
            if len(named) < REFUSALS_NAMED:
                named.append(Refusal(candidate.host.id, reason))
            elif candidate.host.id != named[-1].host_id:
                others[candidate.host.id] = reason.partition(":")[0]
    counts = Counter(others.values())
    return named + [Refusal("", f"{kind}: {count} more hosts", count) for kind, count in counts.items()]
