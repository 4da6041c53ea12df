"""An instance as libvirt domain XML, and back. Pure; owns no connection.

Only ids, numbers and addresses of ours go in, through an XML tree and never through text.
The XML format: https://libvirt.org/formatdomain.html
"""

import hashlib
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from string import ascii_lowercase
from typing import Literal
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from agent.model import DiskSpec, InstanceSpec, InterfaceSpec

NAMESPACE = "urn:stead:libvirt:1"  # Marks a domain as ours.
NAMESPACE_PREFIX = "stead"
ElementTree.register_namespace(NAMESPACE_PREFIX, NAMESPACE)

# Every device takes a port, so root disk, network card and entropy leave room for eleven volumes while the guest runs;
# what is there at a start beyond that gets ports from libvirt. An x86 guest has I/O space for fourteen bridges, and
# each one costs its boot time: 28 took an emulated guest one second more than 12.
PCIE_PORTS = 14

# vda to vdzz, as Linux goes on counting; libvirt wants one for each disk, the guest names disks as it likes.
DISK_TARGETS = tuple("vd" + "".join(letters) for n in (1, 2) for letters in product(ascii_lowercase, repeat=n))


@dataclass(frozen=True, slots=True)
class Platform:
    """What a domain takes from its host rather than from its spec."""

    virt_type: Literal["kvm", "qemu"]
    mtu: int
    console_log: Path
    sockets: Mapping[str, Path] = field(default_factory=dict)  # Of exports that are open on this very host, by name.


@dataclass(frozen=True, slots=True)
class Record:
    """What we keep in the domain's metadata; meanings as in `agent.model.Domain`."""

    generation: int
    reboot_count: int
    has_run: bool = False


@dataclass(frozen=True, slots=True)
class Description:
    """What we need to know of a domain of ours."""

    record: Record
    export_names: tuple[str, ...]
    disk_targets: frozenset[str]
    damage: str = ""  # What somebody did to our metadata.


def render(spec: InstanceSpec, taps: Mapping[str, str], platform: Platform) -> str:
    """The whole domain, for a start of `spec.generation`; `taps` are names by interface id."""
    domain = Element("domain", type=platform.virt_type)
    _add(domain, "name", spec.instance_id)
    _add(domain, "uuid", system_uuid(spec.instance_id))
    _add(domain, "metadata").append(_record(Record(spec.generation, spec.reboot_count)))
    _add(domain, "memory", str(spec.memory_mib), unit="MiB")
    _add(domain, "vcpu", str(spec.vcpus))
    _add_sysinfo(domain, system_uuid(spec.instance_id))
    _add_machine(domain, platform.virt_type)
    devices = _add(domain, "devices")
    _add_fixed_devices(devices, platform)
    for disk, target in zip(spec.disks, DISK_TARGETS, strict=False):
        socket = platform.sockets.get(disk.export_name)
        devices.append(_disk(disk, target, socket, is_root=disk is spec.disks[0]))
    for interface in spec.interfaces:
        devices.append(_interface(interface, taps[interface.interface_id], platform))
    ElementTree.indent(domain)
    return ElementTree.tostring(domain, encoding="unicode")


def render_disk(disk: DiskSpec, socket: Path | None, taken_targets: Collection[str]) -> str:
    """A disk to hot-plug into a domain that has disks at `taken_targets`; `socket` as in `Platform`."""
    target = next(target for target in DISK_TARGETS if target not in taken_targets)
    return ElementTree.tostring(_disk(disk, target, socket, is_root=False), encoding="unicode")


def render_record(record: Record) -> str:
    """The metadata element alone, as virDomainSetMetadata takes it (it adds the namespace itself)."""
    return ElementTree.tostring(_record(record, namespace=""), encoding="unicode")


def parse(domain_xml: str) -> Description | None:
    """What a domain's XML tells about it; None when it isn't ours."""
    domain = ElementTree.fromstring(domain_xml)  # noqa: S314 (libvirt wrote it)
    element = domain.find(f"metadata/{{{NAMESPACE}}}instance")
    if element is None:
        return None
    record, damage = _parse_record(element)
    return Description(
        record=record,
        export_names=tuple(disk.get("name", "") for disk in domain.iterfind("devices/disk/source[@protocol='nbd']")),
        disk_targets=frozenset(target.get("dev", "") for target in domain.iterfind("devices/disk/target")),
        damage=damage,
    )


def disk_alias(export_name: str) -> str:
    """Names the disk in libvirt and QEMU; libvirt keeps aliases that begin with `ua-` for its users."""
    return f"ua-{export_name}"


def system_uuid(instance_id: str) -> str:
    """Begins with `ec2`, as in EC2; the same for ever."""
    return str(uuid.UUID("ec2" + hashlib.sha256(instance_id.encode()).hexdigest()[:29]))


def _add(parent: Element, tag: str, text: str | None = None, **attributes: str) -> Element:
    child = ElementTree.SubElement(parent, tag, attributes)
    child.text = text
    return child


def _record(record: Record, namespace: str = f"{{{NAMESPACE}}}") -> Element:
    return Element(
        f"{namespace}instance",
        generation=str(record.generation),
        reboot_count=str(record.reboot_count),
        has_run="yes" if record.has_run else "no",
    )


def _parse_record(element: Element) -> tuple[Record, str]:
    """The record, and what is wrong with it."""
    try:
        generation, reboot_count = int(element.get("generation", "")), int(element.get("reboot_count", ""))
    except ValueError:
        return Record(0, 0), f"its metadata is {dict(element.attrib)}"
    return Record(generation, reboot_count, has_run=element.get("has_run") == "yes"), ""


def _add_sysinfo(domain: Element, serial: str) -> None:
    """cloud-init takes a machine for EC2 where serial and UUID are the same and begin with `ec2`: its `ds-identify`."""
    system = _add(_add(domain, "sysinfo", type="smbios"), "system")
    _add(system, "entry", serial, name="serial")
    _add(system, "entry", serial, name="uuid")


def _add_machine(domain: Element, virt_type: str) -> None:
    os = _add(domain, "os")
    _add(os, "type", "hvm", arch="x86_64", machine="q35")
    _add(os, "smbios", mode="sysinfo")
    features = _add(domain, "features")  # Without these two, hot-plug breaks the guest's interrupts.
    _add(features, "acpi")
    _add(features, "apic")
    _add(domain, "cpu", mode="host-model" if virt_type == "kvm" else "maximum")
    _add(domain, "clock", offset="utc")
    _add(domain, "on_poweroff", "destroy")
    _add(domain, "on_reboot", "restart")
    _add(domain, "on_crash", "destroy")


def _add_fixed_devices(devices: Element, platform: Platform) -> None:
    _add(devices, "controller", type="usb", model="none")
    _add(devices, "controller", type="pci", model="pcie-root", index="0")
    for index in range(1, PCIE_PORTS + 1):
        _add(devices, "controller", type="pci", model="pcie-root-port", index=str(index))
    serial = _add(devices, "serial", type="pty")
    _add(serial, "log", file=str(platform.console_log), append="on")
    rng = _add(devices, "rng", model="virtio")
    _add(rng, "backend", "/dev/urandom", model="random")
    _add(devices, "memballoon", model="none")
    _add(devices, "panic", model="isa")  # A guest's panic ends it as crashed, rather than leave it hanging.


def _disk(disk: DiskSpec, target: str, socket: Path | None, *, is_root: bool) -> Element:
    element = Element("disk", type="network", device="disk")
    # "stop": where its storage daemon is away the guest is paused, and goes on once resumed as if nothing had been.
    # (libvirt 9.0 drops <reconnect> for NBD. QEMU reconnects by itself, but fails the first requests: hence perhaps
    # more than one resume.)
    stop = {"error_policy": "stop", "rerror_policy": "stop"}
    _add(element, "driver", name="qemu", type="raw", cache="none", discard="unmap", **stop)
    element.append(_source(disk, socket))
    _add(element, "target", dev=target, bus="virtio")
    _add(element, "serial", disk.volume_id.replace("-", ""))
    if is_root:
        _add(element, "boot", order="1")
    _add(element, "alias", name=disk_alias(disk.export_name))
    return element


def _source(disk: DiskSpec, socket: Path | None) -> Element:
    if socket is not None:
        source = Element("source", protocol="nbd", name=disk.export_name)
        _add(source, "host", transport="unix", socket=str(socket))
        return source
    source = Element("source", protocol="nbd", name=disk.export_name, tls="yes")
    _add(source, "host", name=disk.address, port=str(disk.port))
    return source


def _interface(interface: InterfaceSpec, tap: str, platform: Platform) -> Element:
    element = Element("interface", type="ethernet")
    _add(element, "mac", address=interface.mac_address)
    _add(element, "target", dev=tap, managed="no")
    _add(element, "model", type="virtio")
    _add(element, "mtu", size=str(platform.mtu))
    return element
