"""Candidates for placement out of the state, and the errors when there is none."""

from controlplane import placement
from controlplane.errors import NoCapacity
from controlplane.model.capacity import Resources
from controlplane.model.host import HostRole
from controlplane.model.state import State
from controlplane.placement import Candidate
from controlplane.service.call import Call


def candidates(state: State, call: Call, zone: str) -> list[Candidate]:
    """The zone's hosts with what is free on them."""
    found = []
    for host in state.hosts.by("zone", zone):
        offered = Resources(host.vcpus, host.memory_mib, host.storage_gib)
        found.append(Candidate(host, host.id in call.reachable, offered.plus(state.used(host.id), -1)))
    return found


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
