"""Hosts that go: by an admin's word that they are lost, and out of the region.

    present --lost--> what ends is ended at once: the admin's word stands for the host's answers
        any --remove--> gone, when nothing is on it; by force only a lost one, with all that it had

A lost host may be alive. What keeps it from doing harm is not this word: storage hosts shut it out by epoch before a
volume is opened elsewhere, and its peers no longer know its instances. One that comes back is told what is left.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from controlplane.errors import Conflict
from controlplane.model.host import Host
from controlplane.model.instance import Desired, Phase, StateReason
from controlplane.model.state import Change, State
from controlplane.service import gateway_hosts, internet_gateways, power
from controlplane.service.call import Call, find

LOST = StateReason("Server.InternalError", "Its host was lost and removed")


def declare_lost(state: State, call: Call, host_id: str) -> tuple[Change, None]:
    """Nothing on it ends by this; but what a user ends or moves no longer waits for the host. Gateways move at once."""
    host = find(state.hosts, host_id, call)
    if host.id in call.reachable:
        raise Conflict(
            "IncorrectState",
            f"{host.id} ({host.name}) was there a moment ago: stop its agent or switch it off, and wait "
            "until `stead host list` shows it as unreachable",
        )
    change = Change()
    if host.lost_at is None:
        change.put(replace(host, lost_at=call.now, is_away=True))
        change.delete(*state.observations.host.of(host.id))
        gateway_hosts.leave(state, change, host)
    return change, None


@dataclass(frozen=True, slots=True)
class RemoveHost:
    host_id: str
    force: bool = False


def remove(state: State, call: Call, request: RemoveHost) -> tuple[Change, list[str]]:
    """The result is what is lost with it: ids of instances and volumes, deleted ones too."""
    host = find(state.hosts, request.host_id, call)
    held, deleted = list(_held(state, host)), _deleted(state, host)
    if held and not request.force:
        raise Conflict(
            "DependencyViolation",
            f"{_counted(len(held) + len(deleted), 'resource is', 'resources are')} on {host.id} ({host.name}), deleted "
            "volumes counted; "
            "end them, or declare it lost (`stead host lost`) and use force",
            blocking_ids=[*held, *deleted],
        )
    if deleted and not request.force:
        raise Conflict(
            "DependencyViolation",
            f"{_counted(len(deleted), 'deleted volume', 'deleted volumes')} could still be brought back from the trash "
            f"of {host.id} ({host.name}); use force to let go of them",
            blocking_ids=deleted,
        )
    if held and host.lost_at is None:
        raise Conflict("IncorrectState", f"{host.id} ({host.name}) is not declared lost: force removes no other host")
    change = Change()
    change.put(replace(host, lost_at=host.lost_at or call.now, is_away=True, is_removed=True))
    _end_all(state, call, change, host)
    return change, [*held, *deleted]


def _counted(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"


def _held(state: State, host: Host) -> Iterator[str]:
    """What needs this host: instances, volumes, and gateways that carry traffic."""
    yield from (row.id for row in state.instances.host.of(host.id) if row.terminated_at is None)
    yield from (row.id for row in state.volumes.host.of(host.id) if not row.is_deleted)
    for row in state.internet_gateways.host.of(host.id):
        if internet_gateways.is_needed(state, row.vpc_id):
            yield row.id


def _deleted(state: State, host: Host) -> list[str]:
    """Volumes that can be brought back as long as the host is there."""
    return [row.id for row in state.volumes.host.of(host.id) if row.is_deleted]


def _end_all(state: State, call: Call, change: Change, host: Host) -> None:
    for instance in state.instances.host.of(host.id):
        if instance.desired is not Desired.ABSENT:
            power.end(state, change, instance, LOST)
    for attachment in state.attachments.storage_host.of(host.id):
        change.put(replace(attachment, phase=Phase.RELEASED, phase_revision=state.revision + 1, phase_at=call.now))
    for volume in state.volumes.host.of(host.id):
        change.put(replace(volume, is_deleted=True, deleted_revision=state.revision + 1))
    change.delete(*state.observations.host.of(host.id))
    gateway_hosts.leave(state, change, host)


def forget(state: State, host_id: str) -> Change:
    """A removed host's row goes when nothing refers to it any more; until then nothing that it says counts."""
    host, change = state.hosts[host_id], Change()
    if not host.is_removed:
        return change
    change.delete(*state.observations.host.of(host_id))
    if _is_referred_to(state, host_id):
        return change
    change.put(*(gateway_hosts.moved(row, "") for row in state.internet_gateways.host.of(host_id)))
    change.delete(*state.volumes.host.of(host_id))  # In its trash, which is lost with it.
    change.delete(host, *(row for row in state.host_tokens if row.host_id == host_id))
    return change


def _is_referred_to(state: State, host_id: str) -> bool:
    waiting = (
        state.instances.ending.count(host_id),
        state.volumes.ending.count(host_id),
        state.attachments.storage_host.count(host_id),
        state.attachments.detaching.count(host_id),
        state.interfaces.detaching.count(host_id),
        state.addresses.leaving.count(host_id),
        state.nat_gateways.ending.count(host_id),
    )
    return any(waiting) or any(row.terminated_at is None for row in state.instances.host.of(host_id))
