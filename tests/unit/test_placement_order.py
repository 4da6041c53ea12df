"""The order of hosts, kept up to date row by row, against a plain look at all of them."""

from dataclasses import replace
from math import ceil
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from controlplane.errors import NoCapacity
from controlplane.model.capacity import NOTHING, Resources
from controlplane.model.host import Host, HostRole, Pool
from controlplane.model.instance import Desired, Instance, Observation, ObservedKind, Volume, VolumeFile, observation_id
from controlplane.model.state import State
from controlplane.placement import Candidate, refusal, weight
from controlplane.service.capacity import GIB, Claims, Fleet, Home
from tests.unit.region import INSTANCE, NOW, ZONES, Region

FEW = st.integers(0, 9)
POOLS = st.sampled_from(["", "hdd", "ssd"])
ROLES = st.sets(st.sampled_from(HostRole), min_size=1).map(tuple)
WANTED = st.one_of(
    st.builds(Resources, st.integers(1, 5), st.integers(1, 5)), st.builds(Resources, storage_gib=st.integers(1, 5))
)


def instance(instance_id: str, zone: str, host_id: str, size: Resources) -> Instance:
    return replace(INSTANCE, id=instance_id, zone=zone, host_id=host_id, vcpus=size.vcpus, memory_mib=size.memory_mib)


def volume(volume_id: str, zone: str, home: Home, size_gib: int) -> Volume:
    return Volume(
        id=volume_id,
        project_id="proj-1",
        zone=zone,
        host_id=home.host_id,
        pool=home.pool,
        size_gib=size_gib,
        volume_type="gp3",
        image_id="",
        epoch=0,
        created_at=NOW,
        tags={},
    )


def plain_host(state: State, host: Host) -> Candidate:
    free = Resources(host.vcpus, host.memory_mib)
    for row in state.instances:
        free -= row.claim if row.host_id == host.id else NOTHING
    return Candidate(host, free)


def plain_pools(state: State, host: Host) -> list[Candidate]:
    free_gib = {pool.name: pool.storage_gib for pool in host.all_pools}
    for row in state.volumes:
        if row.host_id == host.id:
            free_gib[host.pool_of(row.pool)] -= row.claim.storage_gib
    volumes = {row.id: row.host_id for row in state.volumes}
    files = [row.file for row in state.observations if row.host_id == host.id != volumes.get(row.resource_id)]
    orphans = [file for file in files if file and not file.deleted]
    for name in {file.pool for file in orphans}:
        size_bytes = sum(file.size_bytes for file in orphans if file.pool == name)
        free_gib[host.pool_of(name)] -= ceil(size_bytes / GIB)
    return [Candidate(host, Resources(storage_gib=free_gib[pool.name]), pool) for pool in host.all_pools]


class PlainLook:
    """What `Claims` does, by looking at every host each time."""

    def __init__(self, region: Region, zone: str) -> None:
        self._region = region
        state = region.state
        self._hosts = [plain_host(state, host) for host in state.hosts.zone.of(zone)]
        self._pools = [each for host in state.hosts.zone.of(zone) for each in plain_pools(state, host)]

    def take(self, wanted: Resources, role: HostRole, preferred: str) -> Home | None:
        candidates = self._pools if role is HostRole.STORAGE else self._hosts
        fit = [row for row in candidates if refusal(row, self._is_there(row), wanted, role) is None]
        best = max(fit, key=lambda row: self._rank(row, role, preferred), default=None)
        if best is None:
            return None
        best.take(wanted)
        return Home(best.host.id, best.pool.name if best.pool else "")

    def _rank(self, row: Candidate, role: HostRole, preferred: str) -> tuple[bool, float, int, str]:
        return row.host.id == preferred, weight(row, role), -row.host.number, row.id

    def _is_there(self, candidate: Candidate) -> bool:
        return candidate.host.id in self._region.reachable and not candidate.host.is_away


def copied(state: State) -> State:
    copy = State()
    for table in state.tables.values():
        for row in table:
            copy.put(row)
    return copy


def shown(state: State) -> tuple[Any, ...]:
    """All that the fleet of a state says."""
    fleet, roles = state.derived(Fleet), (HostRole.COMPUTE, HostRole.STORAGE)
    fleet.settle()
    orders = {(zone, role): list(fleet.order(zone, role).best_first(NOTHING)) for zone in ZONES for role in roles}
    return orders, {host.id: [fleet.candidates(host, role) for role in roles] for host in state.hosts}


class Placement(RuleBasedStateMachine):
    """Rows change in every way that they may; whatever they are, both choose the same hosts."""

    def __init__(self) -> None:
        super().__init__()
        self.region = Region()
        self.count = 0

    @rule()
    def look(self) -> None:
        """Now and then, since looking settles: what is kept is as what is made from nothing."""
        assert shown(self.region.state) == shown(copied(self.region.state))

    def teardown(self) -> None:
        self.look()

    def pick(self, number: int) -> Any:
        hosts = list(self.region.state.hosts)
        return hosts[number % len(hosts)] if hosts else None

    def next(self) -> int:
        self.count += 1
        return self.count

    def new_id(self, prefix: str) -> str:
        return f"{prefix}-{self.next():017x}"

    @rule(zone=st.sampled_from(ZONES), roles=ROLES, vcpus=FEW, memory=FEW, storage=FEW)
    def join(self, zone: str, roles: tuple[HostRole, ...], vcpus: int, memory: int, storage: int) -> None:
        host_id = self.region.add_host(zone, roles, vcpus, memory, storage)
        number = 1000 + self.next()  # Beyond those that hosts have before they get one of these.
        self.region.put(replace(self.region.state.hosts[host_id], number=number))

    @precondition(lambda self: any(self.region.state.hosts))
    @rule(number=FEW, vcpus=FEW, memory=FEW, storage=FEW, is_away=st.booleans(), is_reachable=st.booleans())
    def change_host(
        self, number: int, vcpus: int, memory: int, storage: int, is_away: bool, is_reachable: bool
    ) -> None:
        host = self.pick(number)
        self.region.put(replace(host, vcpus=vcpus, memory_mib=memory, storage_gib=storage, is_away=is_away))
        (self.region.reachable.add if is_reachable else self.region.reachable.discard)(host.id)

    @precondition(lambda self: any(self.region.state.hosts))
    @rule(number=FEW, sizes=st.dictionaries(POOLS, FEW, max_size=3))
    def change_pools(self, number: int, sizes: dict[str, int]) -> None:
        pools = tuple(Pool(name, gib) for name, gib in sizes.items())
        self.region.put(replace(self.pick(number), pools=pools, storage_gib=sum(sizes.values())))

    @precondition(lambda self: any(self.region.state.hosts))
    @rule(number=FEW)
    def remove_host(self, number: int) -> None:
        """A host's row may go before what was on it, as where only deleted volumes are left."""
        self.region.state.delete(type(self.pick(number)), self.pick(number).id)

    @precondition(lambda self: any(self.region.state.hosts))
    @rule(number=FEW, size_bytes=st.integers(1, 3 * GIB), deleted=st.booleans(), pool=POOLS)
    def find_orphan(self, number: int, size_bytes: int, deleted: bool, pool: str) -> None:
        host, volume_id = self.pick(number), self.new_id("vol")
        row_id = observation_id(host.id, ObservedKind.VOLUME, volume_id)
        file = VolumeFile(size_bytes, deleted, 1, 0, pool)
        self.region.put(Observation(row_id, host.id, ObservedKind.VOLUME, volume_id, True, "", False, file=file))

    @precondition(lambda self: any(self.region.state.observations))
    @rule(number=FEW)
    def forget_orphan(self, number: int) -> None:
        rows = list(self.region.state.observations)
        self.region.state.delete(Observation, rows[number % len(rows)].id)

    @precondition(lambda self: any(self.region.state.observations))
    @rule(number=FEW, is_elsewhere=st.booleans())
    def own_orphan(self, number: int, is_elsewhere: bool) -> None:
        """Its volume is one of the region's, on that host or on another one."""
        rows = list(self.region.state.observations)
        seen = rows[number % len(rows)]
        host = self.pick(number) if is_elsewhere else self.region.state.hosts.get(seen.host_id)
        if host:
            self.region.put(volume(seen.resource_id, host.zone, Home(host.id, ""), 1))

    @precondition(lambda self: any(self.region.state.instances))
    @rule(number=FEW, desired=st.sampled_from(Desired), is_settled=st.booleans(), is_gone=st.booleans())
    def change_instance(self, number: int, desired: Desired, is_settled: bool, is_gone: bool) -> None:
        rows = list(self.region.state.instances)
        row = rows[number % len(rows)]
        if is_gone:
            self.region.state.delete(Instance, row.id)
        else:
            self.region.put(replace(row, desired=desired, is_settled=is_settled))

    @precondition(lambda self: any(self.region.state.volumes))
    @rule(number=FEW)
    def delete_volume(self, number: int) -> None:
        rows = list(self.region.state.volumes)
        self.region.state.delete(Volume, rows[number % len(rows)].id)

    @rule(
        zone=st.sampled_from(ZONES),
        asked=st.lists(st.tuples(WANTED, FEW, st.booleans()), min_size=1, max_size=6),
        is_applied=st.booleans(),
    )
    def place(self, zone: str, asked: list[tuple[Resources, int, bool]], is_applied: bool) -> None:
        """As one call, whose change may not be applied in the end."""
        plain, claims = PlainLook(self.region, zone), Claims(self.region.state, self.region.call())
        rows: list[Instance | Volume] = []
        for wanted, number, is_preferred in asked:
            preferred = self.pick(number).id if is_preferred and self.region.state.hosts else ""
            role = HostRole.STORAGE if wanted.storage_gib else HostRole.COMPUTE
            chosen = take(claims, zone, wanted, preferred)
            assert chosen == plain.take(wanted, role, preferred)
            if chosen:
                rows.append(self.row(zone, chosen, wanted))
        if is_applied:
            self.region.put(*rows)

    def row(self, zone: str, home: Home, wanted: Resources) -> Instance | Volume:
        if wanted.storage_gib:
            return volume(self.new_id("vol"), zone, home, wanted.storage_gib)
        return instance(self.new_id("i"), zone, home.host_id, wanted)


def take(claims: Claims, zone: str, wanted: Resources, preferred: str) -> Home | None:
    try:
        if wanted.storage_gib:
            return claims.volume_home(zone, wanted.storage_gib, preferred)
        return Home(claims.compute_host(zone, wanted, preferred), "")
    except NoCapacity:
        return None


Placement.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestPlacement = Placement.TestCase
