"""A domain's devices that may come and go while it runs: what each is called, and a digest of what it is. Pure.

Digests stand in the domain's metadata beside the devices, and tell one that shall be otherwise from one that is well.
They are over what the guest sees of a device, not over where it is served: QEMU keeps the connection that it has, and
nobody takes a disk from a guest that may have it mounted.
"""

import hashlib
from collections.abc import Iterable, Mapping

from agent.model import DiskSpec, InstanceSpec, InterfaceSpec, parse_export_name

Device = DiskSpec | InterfaceSpec

# Of a device that the agent attached before there were digests: it counts as what it shall be.
UNKNOWN = ""

# libvirt keeps aliases that begin so for its users, and QEMU calls devices by them.
_OURS = "ua-"


def alias(device: Device) -> str:
    return alias_of(device.export_name if isinstance(device, DiskSpec) else device.interface_id)


def alias_of(id: str) -> str:
    """Of an export, an interface, or, where it was attached before interfaces had aliases, of one with that MAC."""
    return _OURS + id


def id_of(alias: str) -> str:
    return alias.removeprefix(_OURS)


def interface_ids(aliases: Iterable[str]) -> frozenset[str]:
    """Those of these that are of interfaces, and no disks."""
    return frozenset(id for id in map(id_of, aliases) if not parse_export_name(id)[0])


def digest(device: Device) -> str:
    return hashlib.sha256(f"{alias(device)} {_seen(device)}".encode()).hexdigest()[:16]


def _seen(device: Device) -> str:
    """By the guest. What was not there before adds nothing where it is not: no disk becomes another by an upgrade."""
    if isinstance(device, DiskSpec):
        return f"{device.volume_id} read-only" if device.read_only else device.volume_id
    return device.mac_address


def digests(spec: InstanceSpec) -> dict[str, str]:
    """By alias, as `Domain.devices` has them when all is well."""
    every: tuple[Device, ...] = (*spec.disks, *spec.interfaces)
    return {alias(device): digest(device) for device in every}


def recognised(found: Mapping[str, str], interfaces: Iterable[InterfaceSpec]) -> dict[str, str]:
    """A domain's devices, with those that go by their MAC under the aliases that they would have now."""
    now = {alias_of(nic.mac_address): alias(nic) for nic in interfaces}
    return {now.get(name, name): each for name, each in found.items()}
