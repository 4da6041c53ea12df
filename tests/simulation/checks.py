"""What must hold: at every instant, after every step, and once everything has come to rest. Each returns problems."""

from collections.abc import Hashable, Iterable, Iterator
from typing import Any

from agent.drivers.fake import FakeWorld
from agent.model import Kind, PortState, Power
from controlplane.errors import Category
from controlplane.model.capacity import NOTHING, Resources
from controlplane.model.instance import Desired, Instance, ObservedKind
from controlplane.model.state import State
from controlplane.reconcile.legacy import render_all

from .controlplane import Asked
from .host import Host
from .record import Record
from .watcher import Watcher

REGION = "home-1"


def worlds(record: Record, hosts: list[Host]) -> Iterator[str]:
    """At every instant, on all hosts together."""
    all_worlds = [host.world for host in hosts]
    in_step = [host.world for host in hosts if host.machine.host_id not in record.out_of_step]
    yield from _twice("instance runs", _running(in_step))
    yield from _revenants(record, in_step)
    yield from _revived(host for host in hosts if host.machine.host_id not in record.out_of_step)
    yield from _twice("volume open", (export.volume_id for world in all_worlds for export in world.exports.values()))
    yield from _twice("export in use", _used_exports(in_step))
    yield from _twice("private address", (record.addresses[tap] for world in in_step for tap in world.ports))
    yield from _twice("public address", _public_ips(in_step))


def _running(all_worlds: list[FakeWorld]) -> Iterator[str]:
    for world in all_worlds:
        yield from (id for id, domain in world.domains.items() if domain.facts.power is not Power.OFF)


def _revenants(record: Record, all_worlds: list[FakeWorld]) -> Iterator[str]:
    """Whoever is known to be off or gone stays so."""
    for world in all_worlds:
        for instance_id in _running([world]):
            row = record.durable.instances.get(instance_id)
            if row is None or (row.desired is not Desired.ON and row.is_settled):
                yield f"{instance_id} runs, and is on record as {row.desired.value if row else 'forgotten'}"


def _revived(hosts: Iterable[Host]) -> Iterator[str]:
    """Whoever went off by itself stays off, if that was seen."""
    for host in hosts:
        for instance_id in _running([host.world]):
            if (instance_id, host.world.domains[instance_id].facts.generation) in host.proven_off:
                yield f"{instance_id} runs again, and its guest had powered itself off"


def removed(record: Record, hosts: list[Host]) -> Iterator[str]:
    """By a restored database that does not know it, and before an admin has released the host to it."""
    here = {(host.machine.address, instance_id) for host in hosts for instance_id in host.world.domains}
    yield from (f"{instance_id} was removed, and nobody had looked" for _, instance_id in record.strangers - here)


def _used_exports(all_worlds: list[FakeWorld]) -> Iterator[str]:
    for world in all_worlds:
        for domain in world.domains.values():
            yield from domain.facts.export_names if domain.facts.power is not Power.OFF else ()


def _public_ips(all_worlds: list[FakeWorld]) -> Iterator[str]:
    for world in all_worlds:
        for gateway in world.gateways.values():
            yield from (mapping.public_ip for mapping in gateway.mappings)


def state(found: State) -> Iterator[str]:
    """After every revision."""
    used: dict[str, Resources] = {}
    for row in (*found.instances, *found.volumes):
        used[row.host_id] = used.get(row.host_id, NOTHING) + row.claim
    for host in found.hosts:
        claimed, summed = found.used(host.id), used.get(host.id, NOTHING)
        if claimed != summed:
            yield f"{host.id}: {claimed} is claimed, the sum is {summed}"
        for what in ("vcpus", "memory_mib", "storage_gib"):
            if getattr(claimed, what) > getattr(host, what):
                yield f"{host.id}: {claimed} is more than there is of {what}"
    yield from _twice("private address", ((row.vpc_id, row.private_ip) for row in found.interfaces))
    yield from _twice("MAC", ((row.vpc_id, row.mac_address) for row in found.interfaces))
    yield from _twice("public address", (row.public_ip for row in found.addresses))
    yield from _twice("mapping", (row.interface_id for row in found.addresses if row.interface_id))
    yield from _twice("attachment", (row.volume_id for row in found.attachments))
    yield from _twice("port", ((row.storage_host_id, row.port) for row in found.attachments))
    yield from _twice("join token", (row.join_token_id for row in found.hosts if row.join_token_id))
    yield from _twice("host number", (row.number for row in found.hosts))
    yield from _twice("device", ((row.instance_id, row.device_name) for row in found.attachments))


def answers(asked: Iterable[Asked]) -> Iterator[str]:
    """No call may end in an error of ours."""
    for one in asked:
        if one.error is not None and one.error.category is Category.INTERNAL:
            yield f"{one.method} failed: {one.error}"


def unsettled(record: Record, hosts: list[Host], watchers: list[Watcher]) -> list[str]:
    """What is not yet as it shall be, when nothing is broken any more."""
    found = record.durable
    waiting = [f"{one.method} {one.request} has no answer" for one in record.asked if one.is_due]
    for row in found.instances:
        if row.desired is not Desired.ON and not row.is_settled:
            waiting.append(f"{row.id} shall be {row.desired.value}")
    waiting += [f"{row.id} is {row.phase.value}" for row in found.attachments if row.phase.value != "attached"]
    waiting += [f"{row.id} is detaching" for row in found.interfaces if row.is_detaching]
    waiting += [f"{row.id} shall be deleted" for row in found.volumes if row.is_deleted and not row.recycled_at]
    waiting += [f"{row.public_ip} shall be released" for row in found.addresses if row.is_released]
    waiting += [f"{row.id}: {row.error}" for row in found.observations if not row.converged]
    waiting += [f"{one.project_id} has not seen {list(one.due)}" for one in watchers if one.due]
    for host in hosts:
        waiting += [f"{host.machine.host_id}: {line}" for line in _differences(found, host)]
    return waiting


def _differences(found: State, host: Host) -> Iterator[str]:
    """Between what a host shall have and what its world has: everything, and nothing else."""
    specs = render_all(found, host.machine.host_id, REGION)
    world = host.world
    wanted: dict[str, set[str]] = {kind.value: set() for kind in Kind}
    for kind_here, resource_id in specs:
        wanted[kind_here.value].add(resource_id)
    have = {
        "volume": set(world.volumes),
        "export": set(world.exports),
        "vpc": set(world.vpcs),
        "gateway": set(world.gateways),
    }
    for kind, ids in have.items():
        if ids != wanted[kind]:
            yield f"has {kind} {sorted(ids)}, and shall have {sorted(wanted[kind])}"
    for volume in found.volumes.host.of(host.machine.host_id):
        if not volume.is_deleted and volume.id in world.volumes and world.volumes[volume.id].deleted:
            yield f"has {volume.id} in its trash"
    if not set(world.domains) <= wanted["instance"]:
        yield f"has domains {sorted(world.domains)}, and shall have {sorted(wanted['instance'])}"
    on = [row for row in found.instances.host.of(host.machine.host_id) if row.desired is Desired.ON]
    taps = {interface.id for row in on for interface in found.interfaces.instance.of(row.id)}
    if taps != set(world.ports) or set(world.ports.values()) - {PortState.PLUGGED}:
        yield f"has taps {world.ports}, and shall have {sorted(taps)}"
    if set(_running([world])) != {row.id for row in on}:
        yield f"runs {sorted(_running([world]))}, and shall run {sorted(row.id for row in on)}"
    else:
        for row in on:
            yield from _domain_differences(found, world, row)
    yield from _address_differences(found, world)


def _domain_differences(found: State, world: FakeWorld, row: Instance) -> Iterator[str]:
    facts = world.domains[row.id].facts
    disks = {attachment.id for attachment in found.attachments.instance.of(row.id)}
    seen = found.observed(ObservedKind.INSTANCE, row.id, row.host_id)
    if (facts.power, facts.generation, set(facts.export_names)) != (Power.RUNNING, row.generation, disks):
        yield f"{row.id} is {facts}, and shall have {disks} in generation {row.generation}"
    interfaces = {each.id for each in found.interfaces.instance.of(row.id)}
    if set(world.domains[row.id].interface_ids) != interfaces:
        yield f"{row.id} has {world.domains[row.id].interface_ids}, and shall have {sorted(interfaces)}"
    if facts.reboot_count < row.reboot_count:
        yield f"{row.id} was rebooted {facts.reboot_count} times of {row.reboot_count}"
    if seen is None or not seen.running:
        yield f"{row.id} runs, and was seen as {seen}"


def _address_differences(found: State, world: FakeWorld) -> Iterator[str]:
    for vpc_id, gateway in world.gateways.items():
        interfaces: Any = [row for row in found.interfaces.vpc.of(vpc_id) if not row.is_forced]
        wanted = {(a.public_ip, row.private_ip) for row in interfaces for a in found.addresses.interface.of(row.id)}
        have = {(mapping.public_ip, mapping.private_ip) for mapping in gateway.mappings}
        if have != wanted:
            yield f"maps {sorted(have)} in {vpc_id}, and shall map {sorted(wanted)}"


def _twice(what: str, values: Iterable[Hashable]) -> Iterator[str]:
    seen: set[Hashable] = set()
    for value in values:
        if value in seen:
            yield f"{what} twice: {value}"
        seen.add(value)
