"""What follows when a storage host was down: guests elsewhere must not go on.

Its kernel may have lost writes that were acknowledged and not flushed yet. A guest that flushed later would be told
that they are safe. So its volumes get new epochs, which its old connections can't reach, and it is power-cycled: then
it sees its disks as they are, as after a power cut of its own. Guests on the storage host itself have had that.
"""

from dataclasses import replace

from controlplane.model.instance import Desired, Instance, Phase
from controlplane.model.state import Change, State
from controlplane.service import power, volumes
from controlplane.service.call import Call
from controlplane.service.ports import Ports


def note(state: State, call: Call, host_id: str, boot_id: str) -> Change:
    """Take down the boot that a host's agent speaks of. Nothing follows from the first."""
    host, change = state.hosts.get(host_id), Change()
    if host is None or not boot_id or host.boot_id == boot_id:
        return change
    change.put(replace(host, boot_id=boot_id))
    if host.boot_id:
        ports = Ports(state)
        for instance in _guests_elsewhere(state, host_id):
            cycle(state, call, change, ports, instance)
    return change


def _guests_elsewhere(state: State, host_id: str) -> list[Instance]:
    attachments = [row for row in state.attachments.storage_host.of(host_id) if row.phase is not Phase.RELEASED]
    ids = dict.fromkeys(row.instance_id for row in attachments if row.client_host_id != host_id)
    return [row for row in map(state.instances.__getitem__, ids) if row.desired is not Desired.ABSENT]


def cycle(state: State, call: Call, change: Change, ports: Ports, instance: Instance) -> None:
    """One that is off only gets new epochs. One that ran is shown as running all the time, impaired for a moment."""
    if instance.desired is Desired.ON:
        has_run = instance.ran_generation == instance.generation
        generation = power.next_generation(state, instance)
        instance = replace(
            instance, generation=generation, ran_generation=generation if has_run else instance.ran_generation
        )
        change.put(instance)
    volumes.open_anew(state, call, change, ports, instance)
