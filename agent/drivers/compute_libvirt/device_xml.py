"""Disks and network interfaces as libvirt's XML, and back: with a whole domain, or one by one into a running guest."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from string import ascii_lowercase
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from agent import devices
from agent.devices import Device
from agent.model import DiskSpec, InterfaceSpec

# vda to vdzz, as Linux goes on counting; libvirt wants one for each disk, the guest names disks as it likes.
DISK_TARGETS = tuple("vd" + "".join(letters) for n in (1, 2) for letters in product(ascii_lowercase, repeat=n))


@dataclass(frozen=True, slots=True)
class Backends:
    """What devices are connected to on this host."""

    taps: Mapping[str, str] = field(default_factory=dict)  # Names by interface id.
    mtu: int = 0  # Of those taps.
    sockets: Mapping[str, Path] = field(default_factory=dict)  # Of exports that are open on this very host, by name.


@dataclass(frozen=True, slots=True)
class Devices:
    """What devices a domain has."""

    aliases: Mapping[str, str]  # libvirt's, by ours.
    export_names: tuple[str, ...]
    disk_targets: frozenset[str]
    has_links_down: bool = False


def render(device: Device, backends: Backends, taken_targets: Collection[str]) -> str:
    """One to hot-plug into a domain that has disks at `taken_targets`."""
    target = next(target for target in DISK_TARGETS if target not in taken_targets)
    element = disk(device, target, backends) if isinstance(device, DiskSpec) else interface(device, backends)
    return ElementTree.tostring(element, encoding="unicode")


def parse(domain: Element) -> Devices:
    """An interface that was attached before interfaces had aliases goes by its MAC."""
    aliases = {}
    for element in domain.iterfind("devices/interface"):
        name, mac = _attribute(element, "alias", "name"), _attribute(element, "mac", "address")
        aliases[name if name.startswith(devices.alias_of("")) else devices.alias_of(mac)] = name
    exports = tuple(disk.get("name", "") for disk in domain.iterfind("devices/disk/source[@protocol='nbd']"))
    aliases |= {devices.alias_of(export): devices.alias_of(export) for export in exports}
    targets = frozenset(target.get("dev", "") for target in domain.iterfind("devices/disk/target"))
    return Devices(aliases, exports, targets, domain.find("devices/interface/link[@state='down']") is not None)


def with_links(domain: Element, state: str) -> list[str]:
    """Its interfaces as they are, but for the state of their links: "up" or "down"."""
    interfaces = domain.findall("devices/interface")
    for element in interfaces:
        link = element.find("link")
        (SubElement(element, "link") if link is None else link).set("state", state)
    return [ElementTree.tostring(element, encoding="unicode") for element in interfaces]


def disk(spec: DiskSpec, target: str, backends: Backends) -> Element:
    element = Element("disk", type="network", device="disk")
    # "stop": where its storage daemon is away the guest is paused, and goes on once resumed as if nothing had been.
    # (libvirt 9.0 drops <reconnect> for NBD. QEMU reconnects by itself, but fails the first requests: hence perhaps
    # more than one resume.)
    how = {"name": "qemu", "type": "raw", "cache": "none", "discard": "unmap"}
    SubElement(element, "driver", {**how, "error_policy": "stop", "rerror_policy": "stop"})
    element.append(_source(spec, backends.sockets.get(spec.export_name)))
    SubElement(element, "target", dev=target, bus="virtio")
    SubElement(element, "serial").text = spec.volume_id.replace("-", "")
    if spec.read_only:
        SubElement(element, "readonly")
    SubElement(element, "alias", name=devices.alias(spec))
    return element


def _source(spec: DiskSpec, socket: Path | None) -> Element:
    if socket is not None:
        source = Element("source", protocol="nbd", name=spec.export_name)
        SubElement(source, "host", transport="unix", socket=str(socket))
        return source
    source = Element("source", protocol="nbd", name=spec.export_name, tls="yes")
    SubElement(source, "host", name=spec.address, port=str(spec.port))
    return source


def interface(spec: InterfaceSpec, backends: Backends) -> Element:
    element = Element("interface", type="ethernet")
    SubElement(element, "mac", address=spec.mac_address)
    SubElement(element, "target", dev=backends.taps[spec.interface_id], managed="no")
    SubElement(element, "model", type="virtio")
    SubElement(element, "mtu", size=str(backends.mtu))
    SubElement(element, "alias", name=devices.alias(spec))
    return element


def _attribute(element: Element, child: str, name: str) -> str:
    found = element.find(child)
    return found.get(name, "") if found is not None else ""
