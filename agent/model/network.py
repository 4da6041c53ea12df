"""VPCs, gateways, and what is in them."""

from dataclasses import dataclass
from enum import Enum

from agent.model.refs import Kind, Ref


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
class NatUse:
    """What a NAT gateway carries now, and what its VPC's refused for want of a free port."""

    nat_gateway_id: str
    active_connections: int
    refused_connections: int


class PortState(Enum):
    """Where an instance's tap is."""

    CREATED = "created"  # In the host's namespace, waiting for QEMU to open it.
    PLUGGED = "plugged"  # In its VPC's namespace, up, with addresses, routes and rules.
