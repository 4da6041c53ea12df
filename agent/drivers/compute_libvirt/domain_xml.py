"""An instance as libvirt domain XML, and back. Pure; owns no connection.

Only ids, numbers and addresses of ours go in, through an XML tree and never through text.
The XML format: https://libvirt.org/formatdomain.html
"""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from agent import devices
from agent.drivers.compute_libvirt import device_xml
from agent.drivers.compute_libvirt.device_xml import DISK_TARGETS, Backends, Devices
from agent.model import InstanceSpec, Machine

NAMESPACE = "urn:stead:libvirt:1"  # Marks a domain as ours, as its UUID does.
NAMESPACE_PREFIX = "stead"
ElementTree.register_namespace(NAMESPACE_PREFIX, NAMESPACE)

# Every device takes a port, so root disk, first network interface and entropy leave room for eleven volumes and three
# more interfaces while the guest runs; what is there at a start beyond that gets ports from libvirt. Fewer: something
# that its limit allows can't be attached. More: each costs the guest's boot time, 28 took an emulated one a second more
# than 12.
PCIE_PORTS = 17

NO_DEVICES = Devices({}, (), frozenset())


@dataclass(frozen=True, slots=True)
class Platform:
    """What a domain takes from its host rather than from its spec."""

    virt_type: Literal["kvm", "qemu"]
    console_log: Path
    backends: Backends


@dataclass(frozen=True, slots=True)
class Record:
    """What we keep in the domain's metadata; meanings as in `agent.model.Domain`."""

    generation: int
    reboot_count: int
    has_run: bool = False
    digests: Mapping[str, str] = field(default_factory=dict)  # By alias; of what may be gone, or not yet there.


@dataclass(frozen=True, slots=True)
class Description:
    """What we need to know of a domain of ours."""

    record: Record
    found: Devices
    damage: str = ""  # What somebody did to our metadata.

    @property
    def devices(self) -> dict[str, str]:
        """As in `agent.model.Domain`: what is there is seen, and what it was made from is known."""
        return {alias: self.record.digests.get(alias, devices.UNKNOWN) for alias in self.found.aliases}


def render(spec: InstanceSpec, platform: Platform) -> str:
    """The whole domain, for a start of `spec.generation`."""
    domain = Element("domain", type=platform.virt_type)
    _add(domain, "name", spec.instance_id)
    _add(domain, "uuid", system_uuid(spec.instance_id))
    _add(domain, "metadata").append(_record(_first_record(spec)))
    _add(domain, "memory", str(spec.memory_mib), unit="MiB")
    _add(domain, "vcpu", str(spec.vcpus))
    _add_sysinfo(domain, system_uuid(spec.instance_id))
    _add_machine(domain, spec.machine, platform.virt_type)
    container = _add(domain, "devices")
    _add_fixed_devices(container, platform)
    for disk, target in zip(spec.disks, DISK_TARGETS, strict=False):
        container.append(device_xml.disk(disk, target, platform.backends))
    for first in container.findall("disk")[:1]:
        _add(first, "boot", order="1")
    for interface in spec.interfaces:
        container.append(device_xml.interface(interface, platform.backends))
    ElementTree.indent(domain)
    return ElementTree.tostring(domain, encoding="unicode")


def render_record(record: Record) -> str:
    """The metadata element alone, as virDomainSetMetadata takes it (it adds the namespace itself)."""
    return ElementTree.tostring(_record(record, namespace=""), encoding="unicode")


def parse(domain_xml: str) -> Description | None:
    """What a domain's XML tells about it; None when it isn't ours."""
    domain = ElementTree.fromstring(domain_xml)  # noqa: S314 (libvirt wrote it)
    element = domain.find(f"metadata/{{{NAMESPACE}}}instance")
    if element is None:
        name, uuid = domain.findtext("name", ""), domain.findtext("uuid", "")
        return without_metadata(name, uuid, device_xml.parse(domain))
    record, damage = _parse_record(element)
    return Description(record, device_xml.parse(domain), damage)


def without_metadata(name: str, uuid: str, found: Devices = NO_DEVICES) -> Description | None:
    """Of one that has none of ours: by its UUID it is ours all the same, or else the operator's."""
    return Description(Record(0, 0), found, "its metadata is gone") if uuid == system_uuid(name) else None


def parse_metadata(element_xml: str) -> Description:
    """What the metadata element alone tells, as virDomainGetMetadata gives it: all that there is of a domain off."""
    record, damage = _parse_record(ElementTree.fromstring(element_xml))  # noqa: S314 (libvirt wrote it)
    return Description(record, NO_DEVICES, damage)


def system_uuid(instance_id: str) -> str:
    """Begins with `ec2`, as in EC2; the same for ever."""
    return str(uuid.UUID("ec2" + hashlib.sha256(instance_id.encode()).hexdigest()[:29]))


def _add(parent: Element, tag: str, text: str | None = None, **attributes: str) -> Element:
    child = ElementTree.SubElement(parent, tag, attributes)
    child.text = text
    return child


def _first_record(spec: InstanceSpec) -> Record:
    return Record(spec.generation, spec.reboot_count, digests=devices.digests(spec))


def _record(record: Record, namespace: str = f"{{{NAMESPACE}}}") -> Element:
    element = Element(
        f"{namespace}instance",
        generation=str(record.generation),
        reboot_count=str(record.reboot_count),
        has_run="yes" if record.has_run else "no",
    )
    for alias, digest in record.digests.items():
        _add(element, f"{namespace}device", alias=alias, digest=digest)
    return element


def _parse_record(element: Element) -> tuple[Record, str]:
    """The record, and what is wrong with it."""
    try:
        generation, reboot_count = int(element.get("generation", "")), int(element.get("reboot_count", ""))
    except ValueError:
        return Record(0, 0), f"its metadata is {dict(element.attrib)}"
    digests = {each.get("alias", ""): each.get("digest", "") for each in element}
    return Record(generation, reboot_count, element.get("has_run") == "yes", digests), ""


def _add_sysinfo(domain: Element, serial: str) -> None:
    """cloud-init takes a machine for EC2 where serial and UUID are the same and begin with `ec2`: its `ds-identify`."""
    system = _add(_add(domain, "sysinfo", type="smbios"), "system")
    _add(system, "entry", serial, name="serial")
    _add(system, "entry", serial, name="uuid")


def _add_machine(domain: Element, machine: Machine, virt_type: str) -> None:
    os = _add(domain, "os")
    _add(os, "type", "hvm", arch=machine.architecture, machine=machine.machine_type)
    if machine.firmware == "uefi":  # libvirt finds the firmware, and makes a file for its variables.
        os.set("firmware", "efi")
        _add(_add(os, "firmware"), "feature", name="secure-boot", enabled="no")
    _add(os, "smbios", mode="sysinfo")
    features = _add(domain, "features")  # Without these two, hot-plug breaks the guest's interrupts.
    _add(features, "acpi")
    _add(features, "apic")
    _add_cpu(domain, machine.cpu_model, virt_type)
    _add(domain, "clock", offset="utc")
    _add(domain, "on_poweroff", "destroy")
    _add(domain, "on_reboot", "restart")
    _add(domain, "on_crash", "destroy")


def _add_cpu(domain: Element, model: str, virt_type: str) -> None:
    if model:
        _add(_add(domain, "cpu", mode="custom", match="exact"), "model", model)
    else:
        _add(domain, "cpu", mode="host-model" if virt_type == "kvm" else "maximum")


def _add_fixed_devices(container: Element, platform: Platform) -> None:
    _add(container, "controller", type="usb", model="none")
    _add(container, "controller", type="pci", model="pcie-root", index="0")
    for index in range(1, PCIE_PORTS + 1):
        _add(container, "controller", type="pci", model="pcie-root-port", index=str(index))
    serial = _add(container, "serial", type="pty")
    _add(serial, "log", file=str(platform.console_log), append="on")
    rng = _add(container, "rng", model="virtio")
    _add(rng, "backend", "/dev/urandom", model="random")
    _add(container, "memballoon", model="none")
    _add(container, "panic", model="isa")  # A guest's panic ends it as crashed, rather than leave it hanging.
