"""What drivers are given and what they find, as plain values: `agent.views` makes specs of what the host is told.

Owns no behaviour beyond naming. Field meanings, shapes and units are documented once, under the same names: of specs
in `protos/stead/v1/agent.proto`, of findings in `protos/stead/agent/v1/session.proto`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Kind(Enum):
    """The kinds of resources, in the order in which one pass brings them up; they are taken down in reverse."""

    VOLUME = "volume"
    EXPORT = "export"
    VPC = "vpc"
    GATEWAY = "gateway"
    INSTANCE = "instance"


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """Names one resource on this host."""

    kind: Kind
    id: str

    def __hash__(self) -> int:
        return hash(self.id)  # Ids of different kinds are others, but for a VPC's gateway.

    def __str__(self) -> str:
        return f"{self.kind.value} {self.id}"


@dataclass(frozen=True, slots=True)
class ImageSource:
    image_id: str
    format: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class VolumeSpec:
    volume_id: str
    size_bytes: int
    image: ImageSource | None = None
    is_ready: bool = False
    deleted: bool = False
    pool: str = ""

    @property
    def ref(self) -> Ref:
        return Ref(Kind.VOLUME, self.volume_id)


def export_name(volume_id: str, epoch: int) -> str:
    return f"{volume_id}-e{epoch}"


def parse_export_name(name: str) -> tuple[str, int]:
    """Volume id and epoch; an empty id where it is no name of ours."""
    volume_id, _, epoch = name.rpartition("-e")
    return (volume_id, int(epoch)) if epoch.isdecimal() else ("", 0)


@dataclass(frozen=True, slots=True)
class Limits:
    """Reads and writes together; 0: no limit."""

    iops: int = 0
    bytes_per_s: int = 0


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class ExportSpec:
    export_name: str
    volume_id: str
    epoch: int
    port: int
    client_host_ids: tuple[str, ...]
    limits: Limits = NO_LIMITS
    read_only: bool = False

    @property
    def ref(self) -> Ref:
        return Ref(Kind.EXPORT, self.export_name)


@dataclass(frozen=True, slots=True)
class SubnetSpec:
    """`acl_id` is the network ACL that guards it; empty where none does, or one that stops nothing."""

    subnet_id: str
    cidr_block: str
    acl_id: str = ""


@dataclass(frozen=True, slots=True)
class PortSpec:
    """`route_table` is the number of the table that serves it: see `RouteTableSpec`. `is_unchecked`: it may send from
    addresses that are not its own.
    """

    interface_id: str
    instance_id: str
    mac_address: str
    private_ip: str
    subnet_id: str
    group_ids: tuple[str, ...]
    host_name: str
    route_table: int = 0
    secondary_ips: tuple[str, ...] = ()
    is_unchecked: bool = False

    @property
    def private_ips(self) -> tuple[str, ...]:
        """The primary one first."""
        return (self.private_ip, *self.secondary_ips)


@dataclass(frozen=True, slots=True)
class PeerSpec:
    """`interface_ids` are those that have `private_ips`, one for each."""

    host_number: int
    underlay_address: str
    private_ips: tuple[str, ...]
    interface_ids: tuple[str, ...]
    wireguard_key: str = ""


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """Exactly one of `cidr_ipv4` and `group_id` is set."""

    is_egress: bool
    ip_protocol: str
    from_port: int
    to_port: int
    cidr_ipv4: str | None = None
    group_id: str | None = None


@dataclass(frozen=True, slots=True)
class AclEntry:
    """The rule's peer is a network."""

    rule: RuleSpec
    is_allowed: bool

    @property
    def allows_all(self) -> bool:
        return self.is_allowed and self.rule.ip_protocol == "-1" and self.rule.cidr_ipv4 == "0.0.0.0/0"


@dataclass(frozen=True, slots=True)
class AclSpec:
    """A network ACL; of each direction the first entry that matches decides, and where none does it is denied."""

    acl_id: str
    entries: tuple[AclEntry, ...]

    def stops_any(self, *, is_egress: bool) -> bool:
        """Whether it stops anything of a direction."""
        first = next((entry for entry in self.entries if entry.rule.is_egress is is_egress), None)
        return first is None or not first.allows_all


@dataclass(frozen=True, slots=True)
class GroupSpec:
    group_id: str
    rules: tuple[RuleSpec, ...]
    drop_revision: int = 0


@dataclass(frozen=True, slots=True)
class Counted:
    """A rule of a group, or an entry of a network ACL, whose id `guard_id` is, and what it matched on this host."""

    guard_id: str
    rule: RuleSpec
    is_allowed: bool
    packets: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Dropped:
    """A packet of an interface's that a guard stopped. Of ICMP, its type and code are in place of ports; -1: none."""

    number: int = 0
    at_ms: int = 0
    interface_id: str = ""
    guard: str = ""
    is_egress: bool = False
    source: str = ""
    destination: str = ""
    protocol: int = 0
    source_port: int = -1
    destination_port: int = -1


@dataclass(frozen=True, slots=True)
class GroupMembers:
    group_id: str
    private_ips: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HopSpec:
    """A network interface that passes on what is not its own, and the number of the host that has it."""

    interface_id: str
    private_ip: str
    host_number: int


@dataclass(frozen=True, slots=True)
class RouteSpec:
    """What neither leads out, to the internet gateway or by a NAT gateway, nor to a peered VPC or an interface, is a
    black hole.
    """

    cidr_block: str
    leads_out: bool
    peering_id: str = ""
    hop: HopSpec | None = None


@dataclass(frozen=True, slots=True)
class RouteTableSpec:
    """Routes besides the local one. The `number` is the table's own in its VPC; 0 is a table that leads out with
    everything, as all do of control planes that know no others. `sources` are the subnets that it serves, where
    it leads to interfaces: the host of one has to know by which table a packet came there.
    """

    number: int
    routes: tuple[RouteSpec, ...]
    sources: tuple[str, ...] = ()


ALL_OUT = RouteTableSpec(0, (RouteSpec("0.0.0.0/0", leads_out=True),))


@dataclass(frozen=True, slots=True)
class PeeringSpec:
    """The other VPC of a peering, whose router is on this host as well."""

    peering_id: str
    vpc_id: str
    cidr_block: str


@dataclass(frozen=True, slots=True)
class DhcpOptions:
    domain_name: str = ""
    domain_name_servers: tuple[str, ...] = ()
    ntp_servers: tuple[str, ...] = ()
    netbios_name_servers: tuple[str, ...] = ()
    netbios_node_type: str = ""


@dataclass(frozen=True, slots=True)
class NamesSpec:
    """Names that lead to an address, in full; the first is what the address leads back to."""

    private_ip: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VpcSpec:
    """`route_tables` are those by which anything leads out, to a peer or an interface, and `acls` those that subnets
    name here. `names` are of all members, wherever they are, besides what addresses are made into; a part of a VPC
    has none. `passes_on`: some interface lets out what others send, so that what comes by the VXLAN may be from
    anywhere.
    """

    vpc_id: str
    vni: int
    cidr_block: str
    subnets: tuple[SubnetSpec, ...]
    ports: tuple[PortSpec, ...]
    peers: tuple[PeerSpec, ...]
    host_number: int
    gateway_host_number: int
    groups: tuple[GroupSpec, ...]
    group_members: tuple[GroupMembers, ...]
    domain: str = ""
    dns_is_off: bool = False
    route_tables: tuple[RouteTableSpec, ...] = ()
    dhcp_options: DhcpOptions | None = None
    names: tuple[NamesSpec, ...] = ()
    acls: tuple[AclSpec, ...] = ()
    peerings: tuple[PeeringSpec, ...] = ()
    passes_on: bool = False

    @property
    def ref(self) -> Ref:
        return Ref(Kind.VPC, self.vpc_id)

    @property
    def tables(self) -> tuple[RouteTableSpec, ...]:
        """All that its kernels have: with the one for what was led out by another host, or comes from outside."""
        return (ALL_OUT, *self.route_tables)


@dataclass(frozen=True, slots=True)
class AddressMapping:
    public_ip: str
    private_ip: str


@dataclass(frozen=True, slots=True)
class NatWay:
    """What a subnet sends to the addresses from `first` to `last`."""

    cidr_block: str
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class NatSpec:
    """A NAT gateway: what comes by these ways goes out behind its public address. Of all of a VPC's no two overlap."""

    nat_gateway_id: str
    public_ip: str
    ways: tuple[NatWay, ...]


@dataclass(frozen=True, slots=True)
class GatewaySpec:
    vpc_id: str
    epoch: int
    mappings: tuple[AddressMapping, ...]
    host_addresses: tuple[str, ...]
    route_tables: tuple[RouteTableSpec, ...] = ()
    nat_gateways: tuple[NatSpec, ...] = ()

    @property
    def ref(self) -> Ref:
        return Ref(Kind.GATEWAY, self.vpc_id)

    @property
    def tables(self) -> tuple[RouteTableSpec, ...]:
        """As a `VpcSpec` has them."""
        return (ALL_OUT, *self.route_tables)


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


Spec = VolumeSpec | ExportSpec | VpcSpec | GatewaySpec | InstanceSpec


@dataclass(frozen=True, slots=True)
class Pool:
    """One of a host's, by its name in `[drivers]`."""

    name: str
    storage_gib: int


@dataclass(frozen=True, slots=True)
class NatUse:
    """What a NAT gateway carries now, and what its VPC's refused for want of a free port."""

    nat_gateway_id: str
    active_connections: int
    refused_connections: int


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a driver offers. Drivers fill in what they know and leave the rest at zero; the agent adds them up."""

    vcpus: int = 0
    memory_mib: int = 0
    storage_gib: int = 0
    problems: tuple[str, ...] = ()
    wireguard_key: str = ""
    pools: tuple[Pool, ...] = ()
    nat_gateways: tuple[NatUse, ...] = ()


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


@dataclass(frozen=True, slots=True)
class VolumeFile:
    """What there is of a volume, `deleted` where it is in the trash. That the others alone differ is no news."""

    size_bytes: int
    deleted: bool = False
    epoch: int = 0
    changed_at: int = field(default=0, compare=False)
    pool: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Export:
    """An open export, as it was opened; `problem` says why it is not well, for people, and is empty where it is."""

    spec: ExportSpec
    problem: str = ""


class PortState(Enum):
    """Where an instance's tap is."""

    CREATED = "created"  # In the host's namespace, waiting for QEMU to open it.
    PLUGGED = "plugged"  # In its VPC's namespace, up, with addresses, routes and rules.
