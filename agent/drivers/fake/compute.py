"""Pretended virtual machines. Guests boot in no time and do as they are told, unless the world says otherwise."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from agent import devices
from agent.devices import Device
from agent.drivers.base import Transient
from agent.drivers.fake.world import FakeDomain, Verbs
from agent.model import (
    Capacity,
    DiskSpec,
    Domain,
    InstanceSpec,
    Kind,
    OffReason,
    PortState,
    Power,
    Ref,
    parse_export_name,
)


class FakeComputeDriver(Verbs):
    kinds = (Kind.INSTANCE,)

    async def prepare(self) -> None:
        """There is nothing to put in order."""

    async def probe(self) -> Capacity:
        return Capacity(vcpus=self.settings.vcpus, memory_mib=self.settings.memory_mib)

    async def list(self) -> Mapping[str, Domain]:
        return {instance_id: domain.facts for instance_id, domain in self.world.domains.items()}

    async def look(self, instance_id: str) -> Domain | None:
        domain = self.world.domains.get(instance_id)
        return domain.facts if domain is not None else None

    async def reach(self, disks: Sequence[DiskSpec]) -> None:
        for disk in disks:
            self._check_open(disk)

    async def start_paused(self, spec: InstanceSpec, taps: Mapping[str, str]) -> None:
        async with self.verb("compute.start_paused", spec.instance_id) as call:
            if self._power(spec.instance_id) is Power.RUNNING:
                self.world.violations.append(f"{spec.instance_id} started while it runs")
            self._check_ends(spec.instance_id, spec.disks, taps)
            found = devices.digests(spec)
            facts = Domain(spec.instance_id, Power.PAUSED, spec.generation, False, spec.reboot_count, _exports(found))
            self.world.domains[spec.instance_id] = FakeDomain(replace(facts, devices=found))
            self.world.announce(spec.ref)
            self.world.changes.append(call)

    async def note_run(self, instance_id: str) -> None:
        async with self.verb("compute.note_run", instance_id) as call:
            if self._power(instance_id) is not Power.OFF and not self.world.domains[instance_id].facts.has_run:
                self.world.alter(instance_id, has_run=True)
                self.world.changes.append(call)

    async def resume(self, instance_id: str) -> None:
        async with self.verb("compute.resume", instance_id) as call:
            domain = self.world.domains.get(instance_id)
            if domain is None or domain.facts.power is Power.OFF:
                raise Transient(f"{instance_id} is off and can't be resumed")
            for interface_id in domain.interface_ids:
                if self.world.has_port(interface_id) and self.world.ports.get(interface_id) is not PortState.PLUGGED:
                    self.world.violations.append(f"{instance_id} resumed before {interface_id} was plugged")
            if not domain.facts.has_run:
                self.world.violations.append(f"{instance_id} resumed before it was noted that it has run")
            if domain.facts.power is Power.PAUSED:
                stall = self.world.stalls.get(instance_id)
                power = Power.PAUSED if stall else Power.RUNNING
                self.world.alter(instance_id, power=power, stall=stall)
                self.world.changes.append(call)

    async def set_links(self, instance_id: str, is_up: bool) -> None:
        async with self.verb("compute.set_links", instance_id) as call:
            domain = self.world.domains.get(instance_id)
            if domain and domain.facts.power is not Power.OFF and domain.facts.has_links_down is is_up:
                self.world.alter(instance_id, has_links_down=not is_up)
                self.world.changes.append(call)

    async def define(self, instance_id: str) -> None:
        async with self.verb("compute.define", instance_id) as call:
            if self._running(instance_id).is_transient:
                self.world.alter(instance_id, is_transient=False)
                self.world.changes.append(call)

    async def press_power_button(self, instance_id: str) -> None:
        async with self.verb("compute.press_power_button", instance_id) as call:
            if self._power(instance_id) is Power.RUNNING:
                self.world.changes.append(call)
                if instance_id not in self.world.deaf_guests:
                    self.world.power_off(instance_id)

    async def destroy(self, instance_id: str) -> None:
        async with self.verb("compute.destroy", instance_id) as call:
            if self._power(instance_id) is not Power.OFF:
                self.world.alter(instance_id, power=Power.OFF, off_reason=OffReason.DESTROYED)
                self.world.changes.append(call)

    async def reboot(self, instance_id: str) -> None:
        async with self.verb("compute.reboot", instance_id) as call:
            self._running(instance_id)
            self.world.alter(instance_id, has_rebooted=instance_id not in self.world.deaf_guests)
            self.world.changes.append(call)

    async def reset(self, instance_id: str) -> None:
        async with self.verb("compute.reset", instance_id) as call:
            self._running(instance_id)
            self.world.changes.append(call)

    async def count_reboot(self, instance_id: str, reboot_count: int) -> None:
        async with self.verb("compute.count_reboot", instance_id) as call:
            if self._running(instance_id).reboot_count < reboot_count:
                self.world.alter(instance_id, reboot_count=reboot_count)
                self.world.changes.append(call)

    async def attach_device(self, instance_id: str, device: Device, taps: Mapping[str, str]) -> None:
        async with self.verb("compute.attach_device", instance_id) as call:
            facts = self._running(instance_id)
            if devices.alias(device) not in facts.devices:
                self._check_ends(instance_id, [device] if isinstance(device, DiskSpec) else [], taps)
                self._have(instance_id, {**facts.devices, devices.alias(device): devices.digest(device)})
                self.world.changes.append(call)

    async def detach_device(self, instance_id: str, alias: str) -> None:
        async with self.verb("compute.detach_device", instance_id) as call:
            facts = self._running(instance_id)
            if alias in facts.devices and instance_id not in self.world.clinging_guests:
                self._have(instance_id, {name: digest for name, digest in facts.devices.items() if name != alias})
                self.world.changes.append(call)

    def _have(self, instance_id: str, found: Mapping[str, str]) -> None:
        self.world.alter(instance_id, devices=found, export_names=_exports(found))

    async def remove(self, instance_id: str) -> None:
        async with self.verb("compute.remove", instance_id) as call:
            if self.world.domains.pop(instance_id, None):
                self.world.announce(Ref(Kind.INSTANCE, instance_id))
                self.world.changes.append(call)

    async def console_tail(self, instance_id: str, max_bytes: int) -> bytes:
        domain = self.world.domains.get(instance_id)
        log = f"{instance_id} login: " if domain is not None and domain.facts.has_run else ""
        return log.encode()[-max_bytes:]

    def _power(self, instance_id: str) -> Power:
        domain = self.world.domains.get(instance_id)
        return domain.facts.power if domain is not None else Power.OFF

    def _running(self, instance_id: str) -> Domain:
        if self._power(instance_id) is not Power.RUNNING:
            raise Transient(f"{instance_id} is not running")
        return self.world.domains[instance_id].facts

    def _check_ends(self, instance_id: str, disks: Iterable[DiskSpec], taps: Iterable[str]) -> None:
        for interface_id in taps:
            if self.world.ports.get(interface_id) is not PortState.CREATED:
                raise Transient(f"{instance_id}: the tap of {interface_id} is not there to be opened")
        for disk in disks:
            self._check_open(disk)

    def _check_open(self, disk: DiskSpec) -> None:
        trust = self.settings.trust_foreign_exports
        if not self.world.is_open(disk.address, disk.port, disk.export_name, trust):
            raise Transient(f"no export {disk.export_name} at {disk.address}:{disk.port} yet")


def _exports(found: Iterable[str]) -> tuple[str, ...]:
    names = (devices.id_of(alias) for alias in found)
    return tuple(name for name in names if parse_export_name(name)[0])
