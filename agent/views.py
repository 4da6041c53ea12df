"""What drivers are given: objects put together, one view for each resource of this host. Pure.

    Volume                                                    -> volume
    Attachment, where the data are here                       -> export
    Vpc, Subnet, RouteTable, NetworkAcl, SecurityGroup,
      Endpoint, InternetGateway, NatGateway, and the Hosts
      that have a part                                        -> VPC
    InternetGateway of this host, NatGateway, Address,
      Endpoint, Host, Subnet, RouteTable                      -> gateway
    Instance, its Endpoints, Attachments and Address,
      with what they name of their VPC                        -> instance

A resource is there where the object is that it is named after. What others would say of it, and do not, is left empty.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import TypeVar

from agent.model import (
    AddressMapping,
    DiskSpec,
    ExportSpec,
    GatewaySpec,
    InstanceMetadata,
    InstanceSpec,
    InterfaceMetadata,
    InterfaceSpec,
    Kind,
    Machine,
    Ref,
    VolumeSpec,
)
from agent.objects import (
    Address,
    Attachment,
    Change,
    Changes,
    Endpoint,
    Host,
    Instance,
    InternetGateway,
    NatGateway,
    NetworkAcl,
    Object,
    ObjectKind,
    ObjectRef,
    RouteTable,
    SecurityGroup,
    Subnet,
    Volume,
    Vpc,
)
from agent.rows import in_order, with_rows
from agent.vpc import VpcView, host_name, linked

T = TypeVar("T")
View = VolumeSpec | ExportSpec | VpcView | GatewaySpec | InstanceSpec

ROOT_DEVICE = "/dev/sda1"
NOT_TOLD = InterfaceMetadata("", "", (), "", "", "", (), ())


class Views:
    def __init__(self, host_id: str) -> None:
        self.by_ref: dict[Ref, View] = {}
        self._host_id = host_id
        self._hosts: Mapping[str, Host] = {}
        self._vpcs: dict[str, VpcView] = {}
        self._parts: defaultdict[Ref, dict[ObjectRef, Object]] = defaultdict(dict)  # But for what VPCs have.

    def vpc(self, vpc_id: str) -> VpcView:
        return self._vpcs.get(vpc_id) or VpcView.blank(vpc_id, self._host_id)

    def apply(self, changes: Changes) -> dict[Ref, frozenset[ObjectRef]]:
        """Take it in. Returns the views that are new, other or gone, in order, with the objects that made them so."""
        causes: defaultdict[Ref, set[ObjectRef]] = defaultdict(set)
        for ref, change in changes.items():
            for view in self._concerned(change.old):
                causes[view].add(ref)
        self._take_parts(changes)
        self._take_hosts(changes.values())
        for vpc_id in self._link(self._take_vpcs(changes.values())):
            causes[Ref(Kind.VPC, vpc_id)].add(ObjectRef(ObjectKind.VPC, vpc_id))
        for ref, change in changes.items():
            for view in self._concerned(change.new):
                causes[view].add(ref)
        return {view: frozenset(causes[view]) for view in sorted(causes, key=order) if self._renew(view)}

    def _take_parts(self, changes: Changes) -> None:
        for ref, change in changes.items():
            for view in self._made_of(change.old):
                del self._parts[view][ref]
            for view in self._made_of(change.new):
                self._parts[view][ref] = change.new  # type: ignore[assignment]

    def _take_hosts(self, changes: Iterable[Change]) -> None:
        hosts = with_rows(self._hosts, changes, Host)
        if hosts is not self._hosts:
            self._hosts = hosts
            self._vpcs = {vpc_id: replace(view, hosts=hosts) for vpc_id, view in self._vpcs.items()}

    def _take_vpcs(self, changes: Iterable[Change]) -> Set[str]:
        """Returns the VPCs that something changed of."""
        by_vpc: defaultdict[str, list[Change]] = defaultdict(list)
        for change in changes:
            before, after = _vpc_id(change.old), _vpc_id(change.new)
            if before != after:  # As an address does that goes from one VPC to another.
                by_vpc[before].append(replace(change, new=None))
            by_vpc[after].append(replace(change, old=change.old if before == after else None))
        by_vpc.pop("", None)
        for vpc_id, ours in by_vpc.items():
            view = replace(self.vpc(vpc_id), hosts=self._hosts).with_changes(ours)
            self._vpcs[vpc_id] = view
            if view.is_empty:
                del self._vpcs[vpc_id]
        return by_vpc.keys()

    def _link(self, changed: Set[str]) -> list[str]:
        """Have VPCs know of one another's hosts where they peer. Returns those that others have a new part in."""
        found = []
        for vpc_id, view in self._vpcs.items():
            if not changed.isdisjoint((vpc_id, *(peering.vpc_id for peering in view.vpc.peerings))):
                now = linked(view, self._vpcs)
                if now is not view:
                    self._vpcs[vpc_id] = now
                    found.append(vpc_id)
        return found

    def _made_of(self, value: Object | None) -> Iterator[Ref]:
        """The views, but for VPCs, that it is a part of."""
        match value:
            case Volume():
                yield Ref(Kind.VOLUME, value.id)
            case Instance():
                yield Ref(Kind.INSTANCE, value.id)
            case Endpoint(host_id=self._host_id):
                yield Ref(Kind.INSTANCE, value.instance_id)
            case Attachment():
                if value.storage_host_id == self._host_id:
                    yield Ref(Kind.EXPORT, value.id)
                if value.client_host_id == self._host_id and value.attached:
                    yield Ref(Kind.INSTANCE, value.instance_id)

    def _concerned(self, value: Object | None) -> Iterator[Ref]:
        """The views that may be others with it than without it."""
        yield from self._made_of(value)
        match value:
            case Endpoint() | InternetGateway() | NatGateway() | RouteTable():
                yield Ref(Kind.VPC, value.vpc_id)
                yield Ref(Kind.GATEWAY, value.vpc_id)
            case Address():
                yield Ref(Kind.VPC, value.vpc_id)
                yield Ref(Kind.GATEWAY, value.vpc_id)
                if endpoint := self.vpc(value.vpc_id).local.get(value.endpoint_id):
                    yield Ref(Kind.INSTANCE, endpoint.instance_id)
            case NetworkAcl():
                yield Ref(Kind.VPC, value.vpc_id)
            case Vpc() | Subnet() | SecurityGroup():
                yield from self._all_in(_vpc_id(value))
            case Host():
                is_own = value.id == self._host_id
                yield from (view.ref for view in self._vpcs.values() if is_own or view.has_part(value.id))
                yield from (ref for ref in self.by_ref if ref.kind in (Kind.GATEWAY, Kind.INSTANCE))

    def kept_by(self, value: Object) -> Iterator[Ref]:
        """The views that would be others without it, for more than the names in them."""
        yield from self._made_of(value)
        match value:
            case Vpc() | Subnet() | RouteTable() | NetworkAcl() | SecurityGroup() | Endpoint():
                yield Ref(Kind.VPC, value.id if isinstance(value, Vpc) else value.vpc_id)
            case Address() | InternetGateway() | NatGateway():
                yield Ref(Kind.GATEWAY, value.vpc_id)

    def _all_in(self, vpc_id: str) -> Iterator[Ref]:
        yield Ref(Kind.VPC, vpc_id)
        yield Ref(Kind.GATEWAY, vpc_id)
        for endpoint in self.vpc(vpc_id).local.values():
            yield Ref(Kind.INSTANCE, endpoint.instance_id)

    def _renew(self, ref: Ref) -> bool:
        """Put it together anew. Returns whether it is another. Of a VPC's tables one is, else nobody would ask."""
        old, new = self.by_ref.pop(ref, None), self._put_together(ref)
        if new is not None:
            self.by_ref[ref] = new
        return (new or old) is not None and (ref.kind is Kind.VPC or new != old)

    def _put_together(self, ref: Ref) -> View | None:
        parts = self._parts.get(ref) or {}
        if not parts:
            self._parts.pop(ref, None)
        match ref.kind:
            case Kind.VPC:
                view = self.vpc(ref.id)
                return view if view.is_told else None
            case Kind.GATEWAY:
                return self._gateway(self.vpc(ref.id))
            case Kind.INSTANCE:
                instances = _of(Instance, parts.values())
                return self._instance(instances[0], parts.values()) if instances else None
        return next(map(_plain, parts.values()), None)

    def _gateway(self, vpc: VpcView) -> GatewaySpec | None:
        """Nobody outside reaches what has no way out itself."""
        gateway = next((row for row in vpc.gateways.values() if row.host_id == self._host_id), None)
        if gateway is None or not vpc.is_told:
            return None
        mappings = (
            AddressMapping(address.public_ip, address.private_ip or vpc.endpoints[endpoint_id].private_ip)
            for endpoint_id in sorted(vpc.addresses.keys() & vpc.endpoints.keys())
            if vpc.ways.is_public(vpc.endpoints[endpoint_id].subnet_id)
            for address in in_order(vpc.addresses[endpoint_id])
        )
        host_addresses = sorted(host.underlay_address for host in self._hosts.values())
        return GatewaySpec(
            vpc.vpc.id, gateway.epoch, tuple(mappings), tuple(host_addresses), vpc.ways_out, vpc.ways.nats
        )

    def _instance(self, instance: Instance, parts: Iterable[Object]) -> InstanceSpec:
        endpoints = sorted(_of(Endpoint, parts), key=lambda endpoint: (endpoint.device_index, endpoint.id))
        staying = [each for each in endpoints if not each.is_detaching]
        interfaces = (InterfaceSpec(each.id, each.vpc_id, each.mac_address, each.private_ip) for each in staying)
        return InstanceSpec(
            instance_id=instance.id,
            generation=instance.generation,
            power_on=instance.power_on,
            reboot_count=instance.reboot_count,
            stop_timeout_s=instance.stop_timeout_s,
            vcpus=instance.vcpus,
            memory_mib=instance.memory_mib,
            interfaces=tuple(interfaces),
            disks=tuple(self._disk(attachment) for attachment in _disks(_of(Attachment, parts))),
            machine=_machine(instance),
            metadata=self._metadata(instance, staying),
            leaving=tuple(each.id for each in endpoints if each.is_detaching),
        )

    def _disk(self, attachment: Attachment) -> DiskSpec:
        host = self._hosts.get(attachment.storage_host_id)
        address = host.underlay_address if host else ""
        return DiskSpec(
            attachment.volume_id, attachment.id, address, attachment.port, attachment.device_name, attachment.read_only
        )

    def _metadata(self, instance: Instance, endpoints: Sequence[Endpoint]) -> InstanceMetadata:
        interfaces = tuple(map(self._interface_metadata, endpoints))
        first = next((each for each in interfaces if each.host_name), NOT_TOLD)
        private_ip = next((each.private_ip for each in endpoints if each.private_ip), "")
        return InstanceMetadata(
            image_id=instance.image_id,
            instance_type=instance.instance_type,
            zone_name=instance.zone_name,
            region_name=instance.region_name,
            host_name=first.host_name,
            public_ip=next((each.public_ip for each in first.public_ips if each.private_ip == private_ip), ""),
            key_name=instance.key_name,
            public_key=instance.public_key,
            security_groups=first.security_groups,
            user_data=instance.user_data,
            reservation_id=instance.reservation_id,
            launch_index=instance.launch_index,
            subnet_id=first.subnet_id,
            subnet_cidr_block=first.subnet_cidr_block,
            owner_id=instance.owner_id,
            without_token=instance.metadata_without_token,
            is_off=instance.metadata_is_off,
            hop_limit=instance.metadata_hop_limit or 1,
            tags={tag.key: tag.value for tag in instance.tags},
            interfaces=interfaces,
        )

    def _interface_metadata(self, endpoint: Endpoint) -> InterfaceMetadata:
        """Of one whose address became another's, its id alone."""
        if not endpoint.private_ip:
            return replace(NOT_TOLD, interface_id=endpoint.id)
        vpc = self.vpc(endpoint.vpc_id)
        addresses, subnet = in_order(vpc.addresses.get(endpoint.id, {})), vpc.subnets.get(endpoint.subnet_id)
        group_ids = [id for id in endpoint.group_ids if id in vpc.groups]
        public = tuple(AddressMapping(row.public_ip, row.private_ip or endpoint.private_ip) for row in addresses)
        of_first = (vpc.public_name(each.public_ip) for each in public if each.private_ip == endpoint.private_ip)
        return InterfaceMetadata(
            interface_id=endpoint.id,
            device_index=endpoint.device_index,
            host_name=f"{host_name(endpoint.private_ip)}.{vpc.vpc.domain}",
            public_ips=public,
            subnet_id=subnet.id if subnet else "",
            subnet_cidr_block=subnet.cidr_block if subnet else "",
            vpc_cidr_block=vpc.vpc.cidr_block,
            group_ids=tuple(group_ids),
            security_groups=tuple(vpc.groups[id].name for id in group_ids),
            secondary_ips=endpoint.secondary_private_ips,
            public_host_name=next(of_first, ""),
        )


def order(ref: Ref) -> tuple[int, str]:
    """In which resources are brought up."""
    return list(Kind).index(ref.kind), ref.id


def _plain(part: Object) -> View | None:
    match part:
        case Volume():
            return VolumeSpec(part.id, part.size_bytes, part.image, part.is_ready, part.deleted, part.pool)
        case Attachment():
            return ExportSpec(
                part.id, part.volume_id, part.epoch, part.port, (part.client_host_id,), part.limits, part.read_only
            )
    return None


def _machine(instance: Instance) -> Machine:
    """An older control plane says nothing of it."""
    said = {name: value for name in Machine.__slots__ if (value := getattr(instance, name))}
    return Machine(**said)


def _disks(attachments: Iterable[Attachment]) -> list[Attachment]:
    """The root first. Of one volume the latest epoch alone: a storage host opens none that is older."""
    latest: dict[str, Attachment] = {}
    for each in sorted(attachments, key=lambda each: each.epoch):
        latest[each.volume_id] = each
    return sorted(latest.values(), key=lambda each: (each.device_name != ROOT_DEVICE, each.device_name))


def _vpc_id(value: Object | None) -> str:
    """The VPC that it is of; empty where it is of none, as an endpoint whose address became another's."""
    match value:
        case Endpoint(private_ip=""):
            return ""
        case Vpc():
            return value.id
        case Subnet() | SecurityGroup() | InternetGateway() | NatGateway() | NetworkAcl():
            return value.vpc_id
        case Endpoint() | Address() | RouteTable():
            return value.vpc_id
    return ""


def _of(cls: type[T], parts: Iterable[Object]) -> list[T]:
    return [part for part in parts if isinstance(part, cls)]
