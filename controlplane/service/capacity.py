"""What is free on hosts, kept up to date with the rows, and the errors when it is not enough."""

from collections import Counter
from collections.abc import Collection, Iterator
from typing import NamedTuple

from controlplane import placement
from controlplane.errors import NoCapacity, Refusal
from controlplane.model.capacity import Resources
from controlplane.model.host import Host, HostRole, Pool
from controlplane.model.instance import Instance, Observation, ObservedKind, Volume
from controlplane.model.state import State
from controlplane.placement import Candidate
from controlplane.placement.order import Order
from controlplane.service.call import Call

GIB = 1 << 30


def used(state: State, host_id: str) -> Resources:
    """What instances and volumes claim of a host, and orphans take."""
    claimed, orphans_gib = state.used(host_id), state.derived(Fleet).all_orphans_gib(host_id)
    return claimed + Resources(storage_gib=orphans_gib) if orphans_gib else claimed


def free(state: State, host: Host) -> Resources:
    return Resources(host.vcpus, host.memory_mib, host.storage_gib) - used(state, host.id)


def free_gib(state: State, host: Host, pool: Pool) -> int:
    """What is free of one of the host's pools. What is in none that it knows counts as in its first one."""
    if host.pools and pool.name != host.pools[0].name:
        return pool.storage_gib - _used_gib(state, host.id, pool)
    elsewhere_gib = sum(_used_gib(state, host.id, other) for other in host.pools[1:])
    return pool.storage_gib - (used(state, host.id).storage_gib - elsewhere_gib)


def _used_gib(state: State, host_id: str, pool: Pool) -> int:
    return state.volumes.pool_gib.of((host_id, pool.name)) + state.derived(Fleet).orphans_gib(host_id, pool.name)


def is_orphan(state: State, seen: Observation) -> bool:
    """Whether the region knows nothing of this volume on this host."""
    volume = state.volumes.get(seen.resource_id)
    return volume is None or volume.host_id != seen.host_id


def check_room(state: State, volume: Volume) -> None:
    """Whether a volume can come out of the trash. Raises `InsufficientVolumeCapacity`."""
    host = state.hosts[volume.host_id]
    pool = next(pool for pool in host.all_pools if pool.name == host.pool_of(volume.pool))
    if volume.size_gib > free_gib(state, host, pool):
        raise NoCapacity(
            "InsufficientVolumeCapacity",
            f"The storage host of {volume.id} has no room for its {volume.size_gib} GiB; delete other volumes first",
        )


class Fleet:
    """All hosts with what is free on them, and for each zone and role the order in which hosts are chosen.

    A row that changes only marks what it concerns: a host's own room, that of one of its pools, or all of it. `settle`
    counts that again. A host stays in its zone and its roles, and one that is away is in no order.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._candidates: dict[str, Candidate] = {}
        self._of_host: dict[str, list[Candidate]] = {}  # Itself, and its pools.
        self._orders: dict[tuple[str, HostRole], Order] = {}
        self._orphans_gib: dict[str, dict[str, int]] = {}  # By host and pool.
        self._marked: set[str] = set()  # Candidates that have more or less room.
        self._marked_hosts = {host.id for host in state.hosts}  # That are others themselves, or have other pools.
        state.hosts.follow(lambda host_id, old, new: self._marked_hosts.add(host_id))
        state.instances.follow(self._follow_instance)
        state.volumes.follow(self._follow_volume)
        state.volumes.follow(self._follow_ownership)
        state.observations.follow(self._follow_file)

    def __getitem__(self, candidate_id: str) -> Candidate:
        return self._candidates[candidate_id]

    def candidates(self, host: Host, role: HostRole) -> list[Candidate]:
        """The host or, for volumes, its pools, the roomiest first; also of one that is away."""
        found = self._of_host.get(host.id) or _candidates(self._state, host)
        if role is HostRole.COMPUTE:
            return found[:1]
        return sorted(found[1:], key=lambda each: (each.free.storage_gib, each.id), reverse=True)

    def mark(self, candidate_id: str) -> None:
        """What is known of its room may be wrong, until it is settled."""
        self._marked.add(candidate_id)

    def settle(self) -> None:
        """Let everything be as the state has it."""
        for host_id in self._marked_hosts:
            self._look_at(host_id)
        self._marked_hosts.clear()
        for candidate_id in self._marked & self._candidates.keys():
            candidate = self._candidates[candidate_id]
            candidate.free = _room(self._state, candidate.host, candidate.pool)
            self._put(candidate)
        self._marked.clear()

    def order(self, zone: str, role: HostRole) -> Order:
        """Of the hosts that may be chosen; whether they are reachable just now is another question."""
        if (zone, role) not in self._orders:
            self._orders[zone, role] = Order(role)
        return self._orders[zone, role]

    def orphans_gib(self, host_id: str, pool: str) -> int:
        """What orphans take of a pool, in whole GiB; those in the trash give way."""
        return self._orphans_of(host_id).get(pool, 0)

    def all_orphans_gib(self, host_id: str) -> int:
        return sum(self._orphans_of(host_id).values())

    def _orphans_of(self, host_id: str) -> dict[str, int]:
        if host_id not in self._orphans_gib:
            sizes: Counter[str] = Counter()
            for row in self._state.observations.file.of(host_id):
                if row.file and not row.file.deleted and is_orphan(self._state, row):
                    sizes[row.file.pool] += row.file.size_bytes
            self._orphans_gib[host_id] = {pool: -(-size_bytes // GIB) for pool, size_bytes in sizes.items()}
        return self._orphans_gib[host_id]

    def _look_at(self, host_id: str) -> None:
        """Have the host's candidates as they are now: none where it is away."""
        host = self._state.hosts.get(host_id)
        before = {candidate.id: candidate for candidate in self._of_host.pop(host_id, ())}
        if host is not None and not host.is_away:
            self._of_host[host_id] = _candidates(self._state, host)
        for candidate in self._of_host.get(host_id, ()):
            before.pop(candidate.id, None)
            self._candidates[candidate.id] = candidate
            self._put(candidate)
        for candidate in before.values():
            del self._candidates[candidate.id]
            self.order(candidate.host.zone, candidate.role).discard(candidate.id)

    def _put(self, candidate: Candidate) -> None:
        if candidate.role in candidate.host.roles:
            self.order(candidate.host.zone, candidate.role).put(candidate)

    def _follow_instance(self, instance_id: str, old: Instance | None, new: Instance | None) -> None:
        for row in (old, new):
            if row is not None:
                self.mark(placement.id_of(row.host_id))

    def _follow_volume(self, volume_id: str, old: Volume | None, new: Volume | None) -> None:
        for row in (old, new):
            host = self._state.hosts.get(row.host_id) if row is not None else None
            if row is not None and host is not None:
                self.mark(placement.id_of(host.id, host.pool_of(row.pool)))

    def _follow_ownership(self, volume_id: str, old: Volume | None, new: Volume | None) -> None:
        """What a host has of a volume is an orphan until the region has its row."""
        for row in (old, new):
            if row is not None and self._has_file(row):
                self._forget_orphans(row.host_id)

    def _has_file(self, volume: Volume) -> bool:
        seen = self._state.observed(ObservedKind.VOLUME, volume.id, volume.host_id)
        return seen is not None and seen.file is not None

    def _follow_file(self, row_id: str, old: Observation | None, new: Observation | None) -> None:
        for row in (old, new):
            if row is not None and row.file is not None:
                self._forget_orphans(row.host_id)

    def _forget_orphans(self, host_id: str) -> None:
        self._orphans_gib.pop(host_id, None)
        self._marked_hosts.add(host_id)


def _candidates(state: State, host: Host) -> list[Candidate]:
    """The host itself, for instances, and each of its pools, for volumes."""
    return [Candidate(host, _room(state, host, pool), pool) for pool in (None, *host.all_pools)]


def _room(state: State, host: Host, pool: Pool | None) -> Resources:
    """What is free on a host, but for storage, or in one of its pools."""
    if pool is not None:
        return Resources(storage_gib=free_gib(state, host, pool))
    return Resources(host.vcpus, host.memory_mib) - state.instances.claimed.of(host.id)


class Home(NamedTuple):
    """Where a volume is."""

    host_id: str
    pool: str


class Claims:
    """Room on hosts for what one change places, each given once."""

    def __init__(self, state: State, call: Call) -> None:
        self._state = state
        self._call = call
        self._fleet = state.derived(Fleet)
        self._fleet.settle()
        self._reachable: dict[str, bool] = {}  # Of the hosts that were asked for.

    def emptiness(self, zone: str, wanted: Resources) -> float:
        """Of the zone's emptiest host that can run such an instance; -1 where there is none."""
        best = self._best(zone, wanted, HostRole.COMPUTE)
        return placement.emptiness(best) if best else -1

    def compute_host(
        self, zone: str, wanted: Resources, preferred_host_id: str = "", features: Collection[str] = ()
    ) -> str:
        """Take room for an instance, where the agent has these features."""
        chosen = self._take(zone, wanted, HostRole.COMPUTE, preferred_host_id, features)
        if chosen is None:
            raise NoCapacity(
                "InsufficientInstanceCapacity",
                f"No compute host of {zone} has {wanted.vcpus} vCPUs and {wanted.memory_mib} MiB to give; "
                "try a smaller type, another zone, or later",
                refusals=self._refusals(zone, wanted, HostRole.COMPUTE, features),
            )
        return chosen.host.id

    def volume_home(self, zone: str, size_gib: int, preferred_host_id: str = "") -> Home:
        """Take room for a volume. A volume next to its instance has one host less to fail with."""
        wanted = Resources(storage_gib=size_gib)
        chosen = self._take(zone, wanted, HostRole.STORAGE, preferred_host_id)
        if chosen is None:
            raise NoCapacity(
                "InsufficientVolumeCapacity",
                f"No storage host of {zone} has {size_gib} GiB to give; free some, or join another host",
                refusals=self._refusals(zone, wanted, HostRole.STORAGE),
            )
        return Home(chosen.host.id, chosen.pool.name if chosen.pool else "")

    def _take(
        self, zone: str, wanted: Resources, role: HostRole, preferred_host_id: str, features: Collection[str] = ()
    ) -> Candidate | None:
        order = self._fleet.order(zone, role)
        preferred = self._preferred(order, wanted, role, preferred_host_id, features)
        chosen = preferred or self._best(zone, wanted, role, features)
        if chosen is None:
            return None
        chosen.take(wanted)
        order.put(chosen)
        self._fleet.mark(chosen.id)  # The next call asks the state whether this one's change was applied.
        return chosen

    def _preferred(
        self, order: Order, wanted: Resources, role: HostRole, host_id: str, features: Collection[str]
    ) -> Candidate | None:
        host = self._state.hosts.get(host_id)
        candidates = self._fleet.candidates(host, role) if host else ()
        return next((each for each in candidates if each.id in order and self._suits(each, wanted, features)), None)

    def _best(self, zone: str, wanted: Resources, role: HostRole, features: Collection[str] = ()) -> Candidate | None:
        candidates = map(self._fleet.__getitem__, self._fleet.order(zone, role).best_first(wanted))
        return next((each for each in candidates if self._suits(each, wanted, features)), None)

    def _suits(self, candidate: Candidate, wanted: Resources, features: Collection[str]) -> bool:
        return candidate.holds(wanted) and candidate.knows(features) and self._is_reachable(candidate.host.id)

    def _is_reachable(self, host_id: str) -> bool:
        if host_id not in self._reachable:
            self._reachable[host_id] = host_id in self._call.reachable
        return self._reachable[host_id]

    def _refusals(self, zone: str, wanted: Resources, role: HostRole, features: Collection[str] = ()) -> list[Refusal]:
        found = placement.refusals(self._look(zone, role), wanted, role, features)
        return found or [Refusal("", f"hosts: {zone} has none; `stead host token` lets one join", 0)]

    def _look(self, zone: str, role: HostRole) -> Iterator[tuple[Candidate, bool]]:
        """Every host of the zone, or its pools, and whether it is reachable."""
        for host in self._state.hosts.zone.of(zone):
            for candidate in self._fleet.candidates(host, role):
                yield candidate, not host.is_away and self._is_reachable(host.id)
