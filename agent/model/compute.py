"""Instances, their devices and what their guests are told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from agent.model.network import AddressMapping
from agent.model.refs import Kind, Ref


@dataclass(frozen=True, slots=True)
class InterfaceSpec:
    interface_id: str
    vpc_id: str
    mac_address: str
    private_ip: str


@dataclass(frozen=True, slots=True)
class DiskSpec:
    volume_id: str
    export_name: str
    address: str
    port: int
    device_name: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class InterfaceMetadata:
    """What an instance is told of one of its interfaces, besides its `InterfaceSpec`."""

    interface_id: str
    host_name: str
    public_ips: tuple[AddressMapping, ...]
    subnet_id: str
    subnet_cidr_block: str
    vpc_cidr_block: str
    group_ids: tuple[str, ...]
    security_groups: tuple[str, ...]
    device_index: int = 0
    secondary_ips: tuple[str, ...] = ()
    public_host_name: str = ""


@dataclass(frozen=True, slots=True)
class InstanceMetadata:
    """`public_ip`, `security_groups` and the subnet are the first interface's; `interfaces` has all of them.

    `hop_limit` is the TTL of packets with a token.
    """

    image_id: str
    instance_type: str
    zone_name: str
    region_name: str
    host_name: str
    public_ip: str
    key_name: str
    public_key: str
    security_groups: tuple[str, ...]
    user_data: bytes
    reservation_id: str
    launch_index: int
    subnet_id: str
    subnet_cidr_block: str
    owner_id: str = ""
    without_token: bool = False
    is_off: bool = False
    hop_limit: int = 1
    tags: Mapping[str, str] = field(default_factory=dict)
    interfaces: tuple[InterfaceMetadata, ...] = ()


@dataclass(frozen=True, slots=True)
class Machine:
    """What an instance is made of, but for its size and devices; without more, what every one of before was made of."""

    machine_type: str = "q35"
    firmware: str = "bios"
    architecture: str = "x86_64"
    cpu_model: str = ""


@dataclass(frozen=True, slots=True)
class InstanceSpec:
    instance_id: str
    generation: int
    power_on: bool
    reboot_count: int
    stop_timeout_s: int
    vcpus: int
    memory_mib: int
    interfaces: tuple[InterfaceSpec, ...]
    disks: tuple[DiskSpec, ...]
    metadata: InstanceMetadata
    machine: Machine = Machine()
    # Interfaces that the guest shall let go of; until it has, they stay on the network.
    leaving: tuple[str, ...] = ()

    @property
    def ref(self) -> Ref:
        return Ref(Kind.INSTANCE, self.instance_id)


class Power(Enum):
    """A domain's state, as far as it matters here."""

    OFF = "off"
    PAUSED = "paused"
    RUNNING = "running"


class OffReason(Enum):
    """Why a domain that is off went off, as libvirt remembers it."""

    NEVER_STARTED = "never-started"
    SHUTDOWN = "shutdown"  # The guest powered itself off, asked by us or not: proven.
    UNPROVEN = "ended in good order"  # By the guest's will, or by a signal to QEMU.
    DESTROYED = "destroyed"  # The plug was pulled through libvirt.
    CRASHED = "crashed"  # QEMU died or the guest panicked.
    UNKNOWN = "unknown"  # E.g. the host went down under it.


class Stall(Enum):
    """Why a guest that was running was paused by its hypervisor, for people."""

    NO_SPACE = "the pool of one of its volumes is full"
    IO_ERROR = "one of its disks failed or is out of reach"


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain of ours, as libvirt has it; `generation` and `reboot_count` are read from its metadata.

    `has_run` tells whether the guest was ever resumed in this generation; `export_names` are the disks it has now, and
    `devices` the digests of all that may come and go, by alias (`agent.devices`);
    `has_rebooted` whether it was seen to restart since it was last asked to. `damage`: somebody edited what is ours of
    it, so that the rest can't be relied upon. `is_transient`: somebody undefined it while it runs. `is_stopped`: its
    QEMU stands still by a signal or a debugger, which libvirt does not notice. `has_links_down`: one of its interfaces
    shows the guest no link.
    """

    instance_id: str
    power: Power
    generation: int
    has_run: bool
    reboot_count: int
    export_names: tuple[str, ...]
    off_reason: OffReason = OffReason.NEVER_STARTED
    stall: Stall | None = None
    has_rebooted: bool = False
    damage: str = ""
    is_transient: bool = False
    is_stopped: bool = False
    has_links_down: bool = False
    devices: Mapping[str, str] = field(default_factory=dict)
