"""Candidates for placement out of the state, and the errors when there is none."""

from controlplane import placement
from controlplane.errors import NoCapacity
from controlplane.model.capacity import Resources
from controlplane.model.host import Host, HostRole
from controlplane.model.instance import Observation, Volume
from controlplane.model.state import State
from controlplane.placement import Candidate
from controlplane.service.call import Call

GIB = 1 << 30


def used(state: State, host_id: str) -> Resources:
    """What instances and volumes claim of a host, and orphans take."""
    return state.used(host_id) + Resources(storage_gib=_taken_by_orphans_gib(state, host_id))


def free(state: State, host: Host) -> Resources:
    return Resources(host.vcpus, host.memory_mib, host.storage_gib) - used(state, host.id)


def _taken_by_orphans_gib(state: State, host_id: str) -> int:
    """In whole GiB; those in the trash give way."""
    files = (row.file for row in state.observations.file.of(host_id) if is_orphan(state, row))
    return -(-sum(file.size_bytes for file in files if file and not file.deleted) // GIB)


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


def candidates(state: State, call: Call, zone: str) -> list[Candidate]:
    """The zone's hosts with what is free on them."""
    hosts = state.hosts.zone.of(zone)
    return [Candidate(host, host.id in call.reachable, free(state, host)) for host in hosts]


def storage_host(found: list[Candidate], zone: str, size_gib: int, preferred_host_id: str = "") -> str:
    """Take room for a volume. A volume next to its instance has one host less to fail with."""
    wanted = Resources(storage_gib=size_gib)
    chosen = placement.choose(found, wanted, HostRole.STORAGE, preferred_host_id)
    if chosen is None:
        raise NoCapacity(
            "InsufficientVolumeCapacity",
            f"No storage host of {zone} has {size_gib} GiB to give; free some, or join another host",
            refusals=placement.refusals(found, wanted, HostRole.STORAGE),
        )
    chosen.take(wanted)
    return chosen.host.id


def compute_host(found: list[Candidate], zone: str, wanted: Resources, preferred_host_id: str = "") -> str:
    """Take room for an instance."""
    chosen = placement.choose(found, wanted, HostRole.COMPUTE, preferred_host_id)
    if chosen is None:
        raise NoCapacity(
            "InsufficientInstanceCapacity",
            f"No compute host of {zone} has {wanted.vcpus} vCPUs and {wanted.memory_mib} MiB to give; "
            "try a smaller type, another zone, or later",
            refusals=placement.refusals(found, wanted, HostRole.COMPUTE),
        )
    chosen.take(wanted)
    return chosen.host.id
