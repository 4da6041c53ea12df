"""What a host is told: flat objects by scope, as plain values, and a store of them. Pure.

Field meanings and units are documented once, in `protos/stead/agent/v1/objects.proto`, under the same names.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum

from agent.model import NO_LIMITS, AclEntry, DhcpOptions, ImageSource, Limits, RuleSpec


class ObjectKind(IntEnum):
    """The kinds that this agent knows, with their numbers in the contract."""

    HOST = 1
    VPC = 2
    SUBNET = 3
    ROUTE_TABLE = 4
    SECURITY_GROUP = 5
    INTERNET_GATEWAY = 6
    ENDPOINT = 7
    ADDRESS = 8
    VOLUME = 9
    ATTACHMENT = 10
    INSTANCE = 11
    NAT_GATEWAY = 12
    NETWORK_ACL = 13


@dataclass(frozen=True, slots=True, order=True)
class ObjectRef:
    """Names one object. `kind` may be one that only a later agent knows."""

    kind: int
    id: str


@dataclass(frozen=True, slots=True)
class Host:
    id: str
    number: int
    underlay_address: str
    wireguard_key: str = ""


@dataclass(frozen=True, slots=True)
class Peering:
    id: str
    vpc_id: str
    cidr_block: str


@dataclass(frozen=True, slots=True)
class Vpc:
    id: str
    vni: int
    cidr_block: str
    domain: str = ""
    dns_is_off: bool = False
    dhcp_options: DhcpOptions | None = None
    public_domain: str = ""
    peerings: tuple[Peering, ...] = ()


@dataclass(frozen=True, slots=True)
class Subnet:
    id: str
    vpc_id: str
    cidr_block: str
    route_table_id: str = ""
    network_acl_id: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    cidr_block: str
    target: str


@dataclass(frozen=True, slots=True)
class RouteTable:
    id: str
    vpc_id: str
    is_main: bool
    routes: tuple[Route, ...]
    number: int = 0


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    id: str
    vpc_id: str
    name: str
    rules: tuple[RuleSpec, ...]
    drop_revision: int = 0


@dataclass(frozen=True, slots=True)
class NetworkAcl:
    id: str
    vpc_id: str
    entries: tuple[AclEntry, ...]


@dataclass(frozen=True, slots=True)
class InternetGateway:
    id: str
    vpc_id: str
    host_id: str
    epoch: int


@dataclass(frozen=True, slots=True)
class NatGateway:
    id: str
    vpc_id: str
    subnet_id: str
    private_ip: str
    public_ip: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    id: str
    vpc_id: str
    subnet_id: str
    host_id: str
    instance_id: str
    device_index: int
    mac_address: str
    private_ip: str
    group_ids: tuple[str, ...]
    secondary_private_ips: tuple[str, ...] = ()
    is_detaching: bool = False
    is_unchecked: bool = False
    name: str = ""

    @property
    def private_ips(self) -> tuple[str, ...]:
        """The primary one first; none where it lost that."""
        return (self.private_ip, *self.secondary_private_ips) if self.private_ip else ()


@dataclass(frozen=True, slots=True)
class Address:
    id: str
    vpc_id: str
    endpoint_id: str
    public_ip: str
    private_ip: str = ""


@dataclass(frozen=True, slots=True)
class Volume:
    id: str
    size_bytes: int
    image: ImageSource | None = None
    is_ready: bool = False
    deleted: bool = False
    pool: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    id: str
    volume_id: str
    instance_id: str
    epoch: int
    storage_host_id: str
    client_host_id: str
    port: int
    device_name: str
    attached: bool
    limits: Limits = NO_LIMITS
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Tag:
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Instance:
    id: str
    generation: int
    power_on: bool
    reboot_count: int
    stop_timeout_s: int
    vcpus: int
    memory_mib: int
    image_id: str
    instance_type: str
    zone_name: str
    region_name: str
    key_name: str
    public_key: str
    user_data: bytes
    reservation_id: str
    launch_index: int
    machine_type: str = ""
    firmware: str = ""
    architecture: str = ""
    cpu_model: str = ""
    owner_id: str = ""
    metadata_without_token: bool = False
    metadata_is_off: bool = False
    metadata_hop_limit: int = 0
    tags: tuple[Tag, ...] = ()


Object = (
    Host
    | Vpc
    | Subnet
    | RouteTable
    | SecurityGroup
    | InternetGateway
    | NatGateway
    | Endpoint
    | Address
    | Volume
    | Attachment
    | Instance
    | NetworkAcl
)

KIND_OF: Mapping[type[Object], ObjectKind] = {
    Host: ObjectKind.HOST,
    Vpc: ObjectKind.VPC,
    Subnet: ObjectKind.SUBNET,
    RouteTable: ObjectKind.ROUTE_TABLE,
    SecurityGroup: ObjectKind.SECURITY_GROUP,
    InternetGateway: ObjectKind.INTERNET_GATEWAY,
    NatGateway: ObjectKind.NAT_GATEWAY,
    Endpoint: ObjectKind.ENDPOINT,
    Address: ObjectKind.ADDRESS,
    Volume: ObjectKind.VOLUME,
    Attachment: ObjectKind.ATTACHMENT,
    Instance: ObjectKind.INSTANCE,
    NetworkAcl: ObjectKind.NETWORK_ACL,
}


def ref_of(value: Object) -> ObjectRef:
    return ObjectRef(KIND_OF[type(value)], value.id)


@dataclass(frozen=True, slots=True)
class Put:
    """An object that came: its bytes, and what this agent understands of them; None: a kind that it does not know.

    Without bytes it did not come, but was made here.
    """

    ref: ObjectRef
    value: Object | None
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class ScopeChange:
    """First the scope is emptied where `reset`, then `remove` goes, then `put` comes."""

    scope: str
    reset: bool = False
    put: tuple[Put, ...] = ()
    remove: tuple[ObjectRef, ...] = ()


def net(changes: Iterable[ScopeChange]) -> tuple[ScopeChange, ...]:
    """What these do one after the other, with one change for each scope and one word on each object."""
    found: dict[str, ScopeChange] = {}
    for change in changes:
        known = found.get(change.scope)
        found[change.scope] = _then(known, change) if known and not change.reset else change
    return tuple(found.values())


def _then(first: ScopeChange, second: ScopeChange) -> ScopeChange:
    put = {each.ref: each for each in first.put}
    for ref in second.remove:
        put.pop(ref, None)
    put |= {each.ref: each for each in second.put}
    remove = dict.fromkeys((*first.remove, *second.remove))
    return replace(first, put=tuple(put.values()), remove=tuple(ref for ref in remove if ref not in put))


@dataclass(frozen=True, slots=True)
class Change:
    """What became of an object; one of the two may be None."""

    old: Object | None
    new: Object | None


Changes = Mapping[ObjectRef, Change]


class Objects:
    """All that a host was told, by scope."""

    def __init__(self) -> None:
        self.scopes: dict[str, dict[ObjectRef, Object]] = {}

    def apply(self, scopes: Iterable[ScopeChange], left: Iterable[str] = ()) -> Changes:
        """Take it in; returns what is new, different or gone. What only goes from one scope to another is neither."""
        old: dict[ObjectRef, Object | None] = {}
        new: dict[ObjectRef, Object] = {}
        for scope in left:
            old |= self.scopes.pop(scope, {})
        for change in scopes:
            here = self.scopes.setdefault(change.scope, {})
            for ref in tuple(here) if change.reset else change.remove:
                if ref in here:
                    old[ref] = here.pop(ref)
            for put in change.put:
                if put.value is not None:
                    old.setdefault(put.ref, here.get(put.ref))
                    here[put.ref] = new[put.ref] = put.value
        return {ref: Change(was, new.get(ref)) for ref, was in old.items() if was != new.get(ref)}
