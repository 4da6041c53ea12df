"""Calls that change domains, each of which blocks: for `Hypervisor.change`.

They decide nothing and never wait or retry. A domain is ours when it carries our metadata, or the UUID that goes with
its name; any other is the operator's, is never changed, and stands in the way of an instance of its name.
"""

from dataclasses import replace
from typing import NamedTuple
from xml.etree import ElementTree

import libvirt
import structlog

from agent import devices
from agent.devices import Device
from agent.drivers.base import Permanent, Transient
from agent.drivers.compute_libvirt import device_xml, domain_xml
from agent.drivers.compute_libvirt.device_xml import Backends
from agent.drivers.compute_libvirt.domain_xml import NAMESPACE, NAMESPACE_PREFIX, Description, Record
from agent.drivers.compute_libvirt.listing import power
from agent.drivers.compute_libvirt.lookup import ignoring, lookup
from agent.host import process
from agent.model import InstanceSpec, Power

LIVE_AND_CONFIG = libvirt.VIR_DOMAIN_AFFECT_LIVE | libvirt.VIR_DOMAIN_AFFECT_CONFIG

FORGET_ALL = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
)

log = structlog.get_logger()


class _Active(NamedTuple):
    domain: libvirt.virDomain
    description: Description


def start_paused(connection: libvirt.virConnect, spec: InstanceSpec, xml: str) -> None:
    """Define and start it anew, unless it runs, or is paused in this generation with these devices."""
    domain = lookup(connection, spec.instance_id)
    if domain is not None:
        description = domain_xml.parse(domain.XMLDesc())
        if description is None:
            raise Permanent(f"a domain named {spec.instance_id} exists that is not ours; rename or undefine it")
        now = power(domain.state()[0])
        if now is Power.RUNNING or (now is Power.PAUSED and _is_start_of(description, spec)):
            return
        if now is Power.PAUSED:
            domain.destroy()
    domain = connection.defineXML(xml)
    if not domain.isActive():
        _end_unknown_qemu(spec.instance_id)
        domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)


def _end_unknown_qemu(instance_id: str) -> None:
    """One that libvirtd does not know, since it lost its record: a second one must not write to the same disks."""
    for qemu in process.find_running(b"-uuid", domain_xml.system_uuid(instance_id).encode()):
        log.warning("killing a QEMU that libvirtd does not know", instance=instance_id, pid=qemu.pid)
        try:
            process.kill(qemu)
        except TimeoutError as error:
            raise Transient(f"a QEMU of {instance_id} (pid {qemu.pid}) survives SIGKILL; see to its disks") from error


def note_run(connection: libvirt.virConnect, instance_id: str) -> None:
    active = _find_active(connection, instance_id)
    if active and not active.description.record.has_run:
        _save(active.domain, replace(active.description.record, has_run=True))


def resume(connection: libvirt.virConnect, instance_id: str) -> None:
    domain = lookup(connection, instance_id)
    if domain is None or not _is_ours(domain) or (now := power(domain.state()[0])) is Power.OFF:
        raise Transient(f"{instance_id} has no domain to resume; it must be started first")
    if now is Power.PAUSED:
        domain.resume()


def set_links(connection: libvirt.virConnect, instance_id: str, is_up: bool) -> None:
    domain = lookup(connection, instance_id)
    if domain is None or not _is_ours(domain) or not domain.isActive():
        return
    tree = ElementTree.fromstring(domain.XMLDesc())  # noqa: S314 (libvirt wrote it)
    for interface in device_xml.with_links(tree, "up" if is_up else "down"):
        domain.updateDeviceFlags(interface, libvirt.VIR_DOMAIN_AFFECT_LIVE)


def define(connection: libvirt.virConnect, instance_id: str) -> None:
    active = _find_active(connection, instance_id)
    if active and not active.domain.isPersistent():
        connection.defineXML(active.domain.XMLDesc())


def press_power_button(connection: libvirt.virConnect, instance_id: str) -> None:
    if active := _find_active(connection, instance_id):
        active.domain.shutdownFlags(libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN)


def destroy(connection: libvirt.virConnect, instance_id: str) -> None:
    if active := _find_active(connection, instance_id):
        active.domain.destroy()


def reboot(connection: libvirt.virConnect, instance_id: str) -> None:
    """Ask the guest to go down, which libvirt turns into a reset."""
    if active := _find_active(connection, instance_id):
        active.domain.reboot(libvirt.VIR_DOMAIN_REBOOT_ACPI_POWER_BTN)


def reset(connection: libvirt.virConnect, instance_id: str) -> None:
    if active := _find_active(connection, instance_id):
        active.domain.reset()


def count_reboot(connection: libvirt.virConnect, instance_id: str, reboot_count: int) -> None:
    active = _find_active(connection, instance_id)
    if active and active.description.record.reboot_count != reboot_count:
        _save(active.domain, replace(active.description.record, reboot_count=reboot_count))


def attach_device(connection: libvirt.virConnect, instance_id: str, device: Device, backends: Backends) -> None:
    """To the running guest alone: the next start brings a definition of its own.

    The digest is written first: one of a device that is not there says nothing, and a device without is not known.
    """
    alias = devices.alias(device)
    if (active := _find_active(connection, instance_id)) is None:
        raise Transient(f"{instance_id} does not run; {devices.id_of(alias)} comes with its next start")
    record, found = active.description.record, active.description.found
    if alias not in found.aliases:
        digests = {name: digest for name, digest in record.digests.items() if name in found.aliases}
        _save(active.domain, replace(record, digests={**digests, alias: devices.digest(device)}))
        xml = device_xml.render(device, backends, found.disk_targets)
        active.domain.attachDeviceFlags(xml, libvirt.VIR_DOMAIN_AFFECT_LIVE)


def detach_device(connection: libvirt.virConnect, instance_id: str, alias: str) -> None:
    """Ask, without the five seconds that libvirt waits for an answer when the device is named by its XML."""
    active = _find_active(connection, instance_id)
    if active and alias in active.description.found.aliases:
        active.domain.detachDeviceAlias(active.description.found.aliases[alias], libvirt.VIR_DOMAIN_AFFECT_LIVE)


def remove(connection: libvirt.virConnect, instance_id: str) -> None:
    domain = lookup(connection, instance_id)
    if domain is None or domain_xml.parse(domain.XMLDesc()) is None:
        return
    if domain.isActive():
        domain.destroy()
    _end_unknown_qemu(instance_id)
    with ignoring(libvirt.VIR_ERR_NO_DOMAIN):
        domain.undefineFlags(FORGET_ALL)


def _find_active(connection: libvirt.virConnect, instance_id: str) -> _Active | None:
    """The domain with what its XML says; None when it is off, absent or not ours."""
    domain = lookup(connection, instance_id)
    if domain is None or not domain.isActive():
        return None
    description = domain_xml.parse(domain.XMLDesc())
    return None if description is None else _Active(domain, description)


def _is_ours(domain: libvirt.virDomain) -> bool:
    """By its UUID, for which libvirt need not be asked, or else by its metadata."""
    has_our_uuid = domain.UUIDString() == domain_xml.system_uuid(domain.name())
    return has_our_uuid or domain_xml.parse(domain.XMLDesc()) is not None


def _is_start_of(description: Description, spec: InstanceSpec) -> bool:
    return description.record.generation == spec.generation and description.devices == devices.digests(spec)


def _save(domain: libvirt.virDomain, record: Record) -> None:
    xml = domain_xml.render_record(record)
    domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, xml, NAMESPACE_PREFIX, NAMESPACE, LIVE_AND_CONFIG)
