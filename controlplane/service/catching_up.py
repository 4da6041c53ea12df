"""What follows when an admin releases a host to a restored database: it may know later starts and attachments.

It runs an instance in a later generation than the database wants, or refuses the epoch of an attachment, since it has
seen a later one. Such an instance could never have its disks. It is power-cycled, in new epochs.

Epochs to come are later than any that the host has seen, also of volumes that nobody uses now: it may have followed a
database that was restored before this one, and has counted from the time since.
"""

from collections.abc import Iterator

from controlplane.model.instance import Desired, ObservedKind, Phase
from controlplane.model.state import Change, State
from controlplane.service import boots, regions
from controlplane.service.call import Call
from controlplane.service.ports import Ports


def catch_up(state: State, call: Call, change: Change, host_id: str) -> None:
    ports = Ports(state)
    change.put(*regions.in_later_epochs(call, state.volumes.host.of(host_id)))
    for instance_id in dict.fromkeys((*_started_since(state, host_id), *_refused(state, host_id))):
        instance = state.instances[instance_id]
        if instance.desired is not Desired.ABSENT:
            boots.cycle(state, call, change, ports, instance)


def _started_since(state: State, host_id: str) -> Iterator[str]:
    for instance in state.instances.host.of(host_id):
        seen = state.observed(ObservedKind.INSTANCE, instance.id, host_id)
        if seen is not None and seen.generation > instance.generation:
            yield instance.id


def _refused(state: State, host_id: str) -> Iterator[str]:
    """Instances with a disk on the storage host that it does not open, and never will."""
    for attachment in state.attachments.storage_host.of(host_id):
        seen = state.observed(ObservedKind.EXPORT, attachment.id, host_id)
        if attachment.phase is Phase.ATTACHED and seen is not None and seen.permanent:
            yield attachment.instance_id
