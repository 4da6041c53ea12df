"""What is free on hosts, kept up to date with the rows, and the errors when it is not enough."""

from collections.abc import Iterator

from controlplane import placement
from controlplane.errors import NoCapacity, Refusal
from controlplane.model.capacity import Resources
from controlplane.model.host import Host, HostRole
from controlplane.model.instance import Instance, Observation, ObservedKind, Volume
from controlplane.model.state import State
from controlplane.placement import Candidate
from controlplane.placement.order import Order
from controlplane.service.call import Call

GIB = 1 << 30
PLACING = (HostRole.COMPUTE, HostRole.STORAGE)


def used(state: State, host_id: str) -> Resources:
    """What instances and volumes claim of a host, and orphans take."""
    claimed, orphans_gib = state.used(host_id), state.derived(Fleet).orphans_gib(host_id)
    return claimed + Resources(storage_gib=orphans_gib) if orphans_gib else claimed


def free(state: State, host: Host) -> Resources:
    return Resources(host.vcpus, host.memory_mib, host.storage_gib) - used(state, host.id)


def is_orphan(state: State, seen: Observation) -> bool:
    """Whether the region knows nothing of this volume on this host."""
    volume = state.volumes.get(seen.resource_id)
    return volume is None or volume.host_id != seen.host_id


def check_room(state: State, volume: Volume) -> None:
    """Whether a volume can come out of the trash. Raises `InsufficientVolumeCapacity`."""
    if volume.size_gib > free(state, state.hosts[volume.host_id]).storage_gib:
        raise NoCapacity(
            "InsufficientVolumeCapacity",
            f"The storage host of {volume.id} has no room for its {volume.size_gib} GiB; delete other volumes first",
        )


class Fleet:
    """All hosts with what is free on them, and for each zone and role the order in which hosts are chosen.

    A row that changes only marks the hosts that it concerns; `settle` looks at these again. A host stays in its zone
    and its roles, and one that is away is in no order.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._candidates: dict[str, Candidate] = {}
        self._orders: dict[tuple[str, HostRole], Order] = {}
        self._orphans_gib: dict[str, int] = {}
        self._marked = {host.id for host in state.hosts}
        state.hosts.follow(lambda host_id, old, new: self.mark(host_id))
        state.instances.follow(self._follow_claim)
        state.volumes.follow(self._follow_claim)
        state.volumes.follow(self._follow_ownership)
        state.observations.follow(self._follow_file)

    def __getitem__(self, host_id: str) -> Candidate:
        return self._candidates[host_id]

    def get(self, host_id: str) -> Candidate | None:
        """None for a host that is away."""
        return self._candidates.get(host_id)

    def mark(self, host_id: str) -> None:
        """What is known of the host may be wrong, until it is settled."""
        self._marked.add(host_id)

    def settle(self) -> None:
        """Let everything be as the state has it."""
        for host_id in self._marked:
            self._look_at(host_id)
        self._marked.clear()

    def order(self, zone: str, role: HostRole) -> Order:
        """Of the hosts that may be chosen; whether they are reachable just now is another question."""
        if (zone, role) not in self._orders:
            self._orders[zone, role] = Order(role)
        return self._orders[zone, role]

    def orphans_gib(self, host_id: str) -> int:
        """What orphans take of a host, in whole GiB; those in the trash give way."""
        if host_id not in self._orphans_gib:
            rows = self._state.observations.file.of(host_id)
            files = (row.file for row in rows if is_orphan(self._state, row))
            size_bytes = sum(file.size_bytes for file in files if file and not file.deleted)
            self._orphans_gib[host_id] = -(-size_bytes // GIB)
        return self._orphans_gib[host_id]

    def _look_at(self, host_id: str) -> None:
        known, host = self._candidates.pop(host_id, None), self._state.hosts.get(host_id)
        if host is not None and not host.is_away:
            known = self._candidates[host_id] = Candidate(host, free(self._state, host))
            for role in PLACING:
                if role in host.roles:
                    self.order(host.zone, role).put(known)
        elif known is not None:
            for role in PLACING:
                self.order(known.host.zone, role).discard(host_id)

    def _follow_claim(self, row_id: str, old: Instance | Volume | None, new: Instance | Volume | None) -> None:
        for row in (old, new):
            if row is not None:
                self.mark(row.host_id)

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
        self.mark(host_id)


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

    def compute_host(self, zone: str, wanted: Resources, preferred_host_id: str = "") -> str:
        """Take room for an instance."""
        chosen = self._take(zone, wanted, HostRole.COMPUTE, preferred_host_id)
        if chosen is None:
            raise NoCapacity(
                "InsufficientInstanceCapacity",
                f"No compute host of {zone} has {wanted.vcpus} vCPUs and {wanted.memory_mib} MiB to give; "
                "try a smaller type, another zone, or later",
                refusals=self._refusals(zone, wanted, HostRole.COMPUTE),
            )
        return chosen

    def storage_host(self, zone: str, size_gib: int, preferred_host_id: str = "") -> str:
        """Take room for a volume. A volume next to its instance has one host less to fail with."""
        wanted = Resources(storage_gib=size_gib)
        chosen = self._take(zone, wanted, HostRole.STORAGE, preferred_host_id)
        if chosen is None:
            raise NoCapacity(
                "InsufficientVolumeCapacity",
                f"No storage host of {zone} has {size_gib} GiB to give; free some, or join another host",
                refusals=self._refusals(zone, wanted, HostRole.STORAGE),
            )
        return chosen

    def _take(self, zone: str, wanted: Resources, role: HostRole, preferred_host_id: str) -> str | None:
        order = self._fleet.order(zone, role)
        if preferred_host_id in order and self._suits(preferred_host_id, wanted):
            chosen: Candidate | None = self._fleet[preferred_host_id]
        else:
            chosen = self._best(zone, wanted, role)
        if chosen is None:
            return None
        chosen.take(wanted)
        order.put(chosen)
        self._fleet.mark(chosen.host.id)  # The next call asks the state whether this one's change was applied.
        return chosen.host.id

    def _best(self, zone: str, wanted: Resources, role: HostRole) -> Candidate | None:
        hosts = self._fleet.order(zone, role).best_first(wanted)
        return next((self._fleet[host_id] for host_id in hosts if self._suits(host_id, wanted)), None)

    def _suits(self, host_id: str, wanted: Resources) -> bool:
        return self._fleet[host_id].holds(wanted) and self._is_reachable(host_id)

    def _is_reachable(self, host_id: str) -> bool:
        if host_id not in self._reachable:
            self._reachable[host_id] = host_id in self._call.reachable
        return self._reachable[host_id]

    def _refusals(self, zone: str, wanted: Resources, role: HostRole) -> list[Refusal]:
        found = placement.refusals(self._look(zone), wanted, role)
        return found or [Refusal("", f"hosts: {zone} has none; `stead host token` lets one join", 0)]

    def _look(self, zone: str) -> Iterator[tuple[Candidate, bool]]:
        """Every host of the zone, and whether it is reachable."""
        for host in self._state.hosts.zone.of(zone):
            candidate = self._fleet.get(host.id) or Candidate(host, free(self._state, host))
            yield candidate, not host.is_away and self._is_reachable(host.id)
