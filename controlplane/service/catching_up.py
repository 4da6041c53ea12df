"""What follows when an admin releases a host to a restored database: it may know later starts and attachments.

It runs an instance in a later generation than the database wants, or refuses the epoch of an attachment, since it has
seen a later one. Such an instance could never have its disks. It is power-cycled, in new epochs: at once where the host
has told of it, else when it does.

Epochs to come are later than any that the host has seen, also of volumes that nobody uses now: it may have followed a
database that was restored before this one, and has counted from the time since.
"""

from collections.abc import Iterable

from controlplane.model.instance import Desired, Observation, ObservedKind, Phase
from controlplane.model.state import Change, State
from controlplane.service import boots, regions
from controlplane.service.call import Call
from controlplane.service.ports import Ports


def catch_up(state: State, call: Call, change: Change, host_id: str) -> None:
    """What it has told already."""
    ports = Ports(state)
    change.put(*regions.in_later_epochs(call, state.volumes.host.of(host_id)))
    told = (
        row for row in state.observations.host.of(host_id) if _is_later_start(state, row) or _is_refusal(state, row)
    )
    for instance_id in dict.fromkeys(_instance_of(state, row) for row in told):
        instance = state.instances[instance_id]
        if instance.desired is not Desired.ABSENT:
            boots.cycle(state, call, change, ports, instance)


def notice(state: State, call: Call, host_id: str, observed: Iterable[Observation]) -> Change:
    """What a released host has just told. An attachment is cycled once: with a new epoch it is none from before."""
    change, ports = Change(), Ports(state)
    if not regions.is_released(state, call.policy.region, host_id):
        return change
    told = (row for row in observed if _is_later_start(state, row) or _is_refusal_of_before(state, row))
    for instance_id in dict.fromkeys(_instance_of(state, row) for row in told):
        if state.instances[instance_id].desired is Desired.ON:
            boots.cycle(state, call, change, ports, state.instances[instance_id])
    return change


def _is_later_start(state: State, seen: Observation) -> bool:
    instance = state.instances.get(seen.resource_id) if seen.kind is ObservedKind.INSTANCE else None
    return instance is not None and instance.host_id == seen.host_id and seen.generation > instance.generation


def _is_refusal(state: State, seen: Observation) -> bool:
    """Of an export that its storage host does not open, and never will."""
    attachment = state.attachments.get(seen.resource_id) if seen.kind is ObservedKind.EXPORT else None
    if attachment is None or attachment.storage_host_id != seen.host_id:
        return False
    return attachment.phase is Phase.ATTACHED and seen.permanent


def _is_refusal_of_before(state: State, seen: Observation) -> bool:
    """Of an attachment that the release found."""
    if not _is_refusal(state, seen):
        return False
    attachment = state.attachments[seen.resource_id]
    return attachment.epoch < state.volumes[attachment.volume_id].epoch


def _instance_of(state: State, seen: Observation) -> str:
    is_instance = seen.kind is ObservedKind.INSTANCE
    return seen.resource_id if is_instance else state.attachments[seen.resource_id].instance_id
