"""What hosts are told: which rows are objects, in which scopes, and how they look. Nothing else says any of that.

    row put or deleted --KINDS, SHOWN--> objects in scopes --scopes_of--> hosts that have these scopes

Order across hosts is expressed by what is an object and how long, not by a workflow: the storage host has an attachment
until the instance is seen to have let go of it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Generic, TypeVar, cast

from controlplane.model.host import Host
from controlplane.model.instance import Attachment, Desired, Instance, Phase, Volume
from controlplane.model.nat_gateway import NatGateway
from controlplane.model.network import NetworkInterface, PublicAddress, SecurityGroup, SecurityGroupRule
from controlplane.model.network_acl import NetworkAcl
from controlplane.model.prefix_list import PrefixList
from controlplane.model.state import Entry, State
from controlplane.model.table import Row
from controlplane.model.vpc import InternetGateway, RouteTable, Subnet, Vpc
from controlplane.model.vpc_peering import VpcPeeringConnection
from controlplane.reconcile import messages
from controlplane.service.internet_gateways import is_needed

R = TypeVar("R", bound=Row)
REGION = "region"  # The scope that every host has.


@dataclass(frozen=True, slots=True, eq=False)
class ObjectKind(Generic[R]):
    """Objects made of one type of row. `name` is their field in `Object`; `shows` has the row's fields that they show,
    or that decide where they are.
    """

    name: str
    row_type: type[R]
    shows: tuple[str, ...]
    # Ids of the scopes that the row is told in: none where no host is told of it.
    scopes: Callable[[State, R], Iterable[str]]
    # The other way round: the rows that may be told in a scope.
    rows: Callable[[State, str], Iterable[R]]
    # Its message; the last argument is the region's name.
    make: Callable[[State, R, str], Any]


Ref = tuple[ObjectKind[Any], str]


def _vpc_of(state: State, row: PublicAddress) -> Iterable[str]:
    interface = state.interfaces.get(row.interface_id)
    return (interface.vpc_id,) if interface and interface.instance_id else ()


def _in_vpc(state: State, row: Any) -> Iterable[str]:
    return (row.vpc_id,) if row.vpc_id else ()


def _at_both_ends(state: State, row: Attachment) -> Iterable[str]:
    return dict.fromkeys((row.storage_host_id, row.client_host_id)) if row.phase is not Phase.RELEASED else ()


def _attachments(state: State, host_id: str) -> Iterable[Attachment]:
    held = (state.attachments.instance.of(instance.id) for instance in state.instances.host.of(host_id))
    rows = chain(
        state.attachments.storage_host.of(host_id),
        state.attachments.detaching.of(host_id),
        chain.from_iterable(held),
    )
    return {row.id: row for row in rows}.values()


def _addresses(state: State, vpc_id: str) -> Iterable[PublicAddress]:
    members = state.interfaces.vpc.of(vpc_id)
    return chain.from_iterable(state.addresses.interface.of(member.id) for member in members)


HOST = ObjectKind(
    "host",
    Host,
    ("number", "underlay_address", "wireguard_key"),
    lambda state, row: (REGION,),
    lambda state, scope: list(state.hosts) if scope == REGION else (),
    messages.host,
)
VPC = ObjectKind(
    "vpc",
    Vpc,
    ("vni", "cidr_block", "enable_dns_support", "enable_dns_hostnames", "dhcp_options_id"),
    lambda state, row: (row.id,),
    lambda state, scope: filter(None, [state.vpcs.get(scope)]),
    messages.vpc,
)
SUBNET = ObjectKind(
    "subnet",
    Subnet,
    ("cidr_block", "route_table_id", "network_acl_id"),
    _in_vpc,
    lambda state, scope: state.subnets.vpc.of(scope),
    messages.subnet,
)
ROUTE_TABLE = ObjectKind(
    "route_table",
    RouteTable,
    ("is_main", "routes"),
    _in_vpc,
    lambda state, scope: state.route_tables.vpc.of(scope),
    messages.route_table,
)
SECURITY_GROUP = ObjectKind(
    "security_group",
    SecurityGroup,
    ("name", "drop_revision"),
    _in_vpc,
    lambda state, scope: state.security_groups.vpc.of(scope),
    messages.security_group,
)
INTERNET_GATEWAY = ObjectKind(
    "internet_gateway",
    InternetGateway,
    ("vpc_id", "host_id", "epoch"),
    _in_vpc,
    lambda state, scope: state.internet_gateways.vpc.of(scope),
    messages.internet_gateway,
)
ENDPOINT = ObjectKind(
    "endpoint",
    NetworkInterface,
    (
        "subnet_id",
        "instance_id",
        "device_index",
        "mac_address",
        "private_ip",
        "group_ids",
        "secondary_ips",
        "source_dest_check",
        "detach_host_id",
        "is_forced",
    ),
    lambda state, row: (row.vpc_id,) if row.instance_id and not row.is_forced else (),
    lambda state, scope: state.interfaces.vpc.of(scope),
    messages.endpoint,
)
ADDRESS = ObjectKind(
    "address", PublicAddress, ("interface_id", "public_ip", "private_ip"), _vpc_of, _addresses, messages.address
)
VOLUME = ObjectKind(
    "volume",
    Volume,
    ("host_id", "size_gib", "is_ready", "is_deleted"),
    lambda state, row: (row.host_id,),
    lambda state, scope: state.volumes.host.of(scope),
    messages.volume,
)
ATTACHMENT = ObjectKind("attachment", Attachment, ("phase",), _at_both_ends, _attachments, messages.attachment)
INSTANCE = ObjectKind(
    "instance",
    Instance,
    (
        "host_id",
        "generation",
        "desired",
        "reboot_count",
        "stop_timeout_s",
        "vcpus",
        "memory_mib",
        "instance_type",
        "user_data",
        "metadata_options",
        "tags",
    ),
    lambda state, row: (row.host_id,) if row.desired is not Desired.ABSENT else (),
    lambda state, scope: state.instances.host.of(scope),
    messages.instance,
)

NAT_GATEWAY = ObjectKind(
    "nat_gateway",
    NatGateway,
    ("is_deleted",),
    lambda state, row: () if row.is_deleted else (row.vpc_id,),
    lambda state, scope: state.nat_gateways.vpc.of(scope),
    messages.nat_gateway,
)
NETWORK_ACL = ObjectKind(
    "network_acl",
    NetworkAcl,
    ("entries",),
    _in_vpc,
    lambda state, scope: state.network_acls.vpc.of(scope),
    messages.network_acl,
)

KINDS: Mapping[type[Any], ObjectKind[Any]] = {
    kind.row_type: kind
    for kind in (
        *(HOST, VPC, SUBNET, ROUTE_TABLE, SECURITY_GROUP, INTERNET_GATEWAY),
        *(ENDPOINT, ADDRESS, VOLUME, ATTACHMENT, INSTANCE, NAT_GATEWAY, NETWORK_ACL),
    )
}


def _group(state: State, row: SecurityGroupRule) -> Iterator[tuple[str, Ref]]:
    if group := state.security_groups.get(row.group_id):
        yield group.vpc_id, (SECURITY_GROUP, group.id)


def _groups(state: State, row: PrefixList) -> Iterator[tuple[str, Ref]]:
    return chain.from_iterable(_group(state, rule) for rule in state.rules.prefix_list.of(row.id))


def _endpoints(state: State, row: Instance) -> Iterator[tuple[str, Ref]]:
    return ((member.vpc_id, (ENDPOINT, member.id)) for member in state.interfaces.instance.of(row.id))


def _addresses_of(state: State, row: NetworkInterface) -> Iterator[tuple[str, Ref]]:
    return ((row.vpc_id, (ADDRESS, held.id)) for held in state.addresses.interface.of(row.id))


def _peers(state: State, row: VpcPeeringConnection) -> Iterator[tuple[str, Ref]]:
    return ((vpc_id, (VPC, vpc_id)) for vpc_id in row.vpc_ids)


@dataclass(frozen=True, slots=True, eq=False)
class ShownElsewhere(Generic[R]):
    """Rows that other rows' objects show, by these of their fields; without any, by being there."""

    shows: tuple[str, ...]
    objects: Callable[[State, R], Iterable[tuple[str, Ref]]]  # With their scopes.


# What of a rule is in `permits`: its description and tags are for users alone.
_PERMITTED = ("ip_protocol", "from_port", "to_port", "cidr_ipv4", "source_group_id", "prefix_list_id", "cidr_ipv6")

SHOWN: Mapping[type[Any], ShownElsewhere[Any]] = {
    SecurityGroupRule: ShownElsewhere(_PERMITTED, _group),
    PrefixList: ShownElsewhere(("entries",), _groups),
    Instance: ShownElsewhere(("host_id", "tags"), _endpoints),
    NetworkInterface: ShownElsewhere(("instance_id",), _addresses_of),
    VpcPeeringConnection: ShownElsewhere(("status",), _peers),
}


def scopes_of(state: State, host_id: str) -> frozenset[str]:
    """A host's: the region, itself, and each VPC that it takes part in, by its instances' interfaces, by those of a VPC
    that it peers with, or as the gateway of a VPC that needs it.
    """
    instances = state.instances.host.of(host_id)
    own = {member.vpc_id for instance in instances for member in state.interfaces.instance.of(instance.id)}
    vpc_ids = own.union(*(state.vpc_peering_connections.peers(vpc_id) for vpc_id in own))
    gateways = (row.vpc_id for row in state.internet_gateways.host.of(host_id))
    vpc_ids.update(vpc_id for vpc_id in gateways if is_needed(state, vpc_id))
    return frozenset((REGION, host_id, *vpc_ids))


def hosts_of(state: State, vpc_id: str) -> set[str]:
    """The other way round: those that take part in a VPC."""
    hosts = {host for each in (vpc_id, *state.vpc_peering_connections.peers(vpc_id)) for host in _homes(state, each)}
    gateways = state.internet_gateways.vpc.of(vpc_id) if is_needed(state, vpc_id) else ()
    return hosts | {row.host_id for row in gateways if row.host_id}


def _homes(state: State, vpc_id: str) -> set[str]:
    """The hosts of a VPC's instances."""
    return {state.instances[member.instance_id].host_id for member in state.interfaces.vpc.of(vpc_id)}


def _of_peering(state: State, row: VpcPeeringConnection) -> Iterator[str]:
    return (host_id for vpc_id in row.vpc_ids for host_id in _homes(state, vpc_id))


def _joined(state: State, row: NetworkInterface) -> Iterable[str] | None:
    """Where its VPC has peers, they are joined, too, but not by a gateway."""
    return None if state.vpc_peering_connections.active.count(row.vpc_id) else (row.vpc_id,)


def _of_interface(state: State, row: NetworkInterface) -> Iterator[str]:
    """None for one that is attached to no instance."""
    if not row.instance_id:
        return
    if instance := state.instances.get(row.instance_id):
        yield instance.host_id
    for gateway in state.internet_gateways.vpc.of(row.vpc_id):
        yield gateway.host_id


def _attached_in(state: State, row: NetworkInterface) -> Iterable[str]:
    return (row.vpc_id,) if row.instance_id else ()


def _vpcs_of(state: State, row: Instance) -> Iterator[str]:
    return (member.vpc_id for member in state.interfaces.instance.of(row.id))


def _gateway_hosts(state: State, row: NatGateway) -> Iterator[str]:
    return (gateway.host_id for gateway in state.internet_gateways.vpc.of(row.vpc_id))


@dataclass(frozen=True, slots=True, eq=False)
class Part(Generic[R]):
    """Rows by which hosts take part in VPCs: which hosts, in which VPCs, and by which of the rows' fields besides being
    there.

    `joins`: the scopes that a new row adds to what these hosts have; None, as its result too: they may be others
    altogether.
    """

    shows: tuple[str, ...]
    hosts: Callable[[State, R], Iterable[str]]
    vpcs: Callable[[State, R], Iterable[str]]
    joins: Callable[[State, R], Iterable[str] | None] | None = None

    def joined(self, state: State, entry: Entry) -> Iterable[str] | None:
        """The scopes that a change adds; None where it is more than that."""
        return self.joins(state, cast("R", entry.new)) if self.joins and entry.old is None else None


PARTS: Mapping[type[Any], Part[Any]] = {
    NetworkInterface: Part(("instance_id",), _of_interface, _attached_in, _joined),
    Instance: Part(("host_id",), lambda state, row: (row.host_id,), _vpcs_of, lambda state, row: ()),
    InternetGateway: Part(("host_id", "vpc_id"), lambda state, row: (row.host_id,), _in_vpc),
    NatGateway: Part(("is_deleted",), _gateway_hosts, _in_vpc, lambda state, row: (row.vpc_id,)),
    VpcPeeringConnection: Part(("status",), _of_peering, lambda state, row: row.vpc_ids),
}

# Rows that wait for a host's answer, and that host: it may have given it long before.
WAITING: Mapping[type[Any], Callable[[Any], Iterable[str]]] = {
    Instance: lambda row: (row.host_id,),
    Volume: lambda row: (row.host_id,),
    Attachment: lambda row: (row.storage_host_id, row.client_host_id),
    NetworkInterface: lambda row: (row.detach_host_id,),
    PublicAddress: lambda row: (each.host_id for each in row.leaving),
    NatGateway: lambda row: (row.ending_host_id,),
}
