"""What agents of the version before are told: specs, nested, one for each resource of a host.

Specs are nested dicts in the shape of `Resource` in agent.proto, whose comments say what each field means; the gRPC
edge turns them into messages. Such an agent's host is looked at anew as a whole whenever one of its scopes changes. It
goes with the version after.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controlplane.model.addressing import domain, host_name
from controlplane.model.instance import ROOT_DEVICE, Attachment, Desired, Instance, ObservedKind, Phase, Volume
from controlplane.model.network import NetworkInterface, SecurityGroupRule
from controlplane.model.state import State
from controlplane.reconcile.feed import Feed
from controlplane.reconcile.share import Takers
from controlplane.service.security_group_rules import permitted

Spec = Mapping[str, Any]
Key = tuple[ObservedKind, str]
GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class SpecNews:
    """What brings a host to a revision; see `Update` in agent.proto."""

    revision: int
    is_snapshot: bool
    put: Sequence[tuple[ObservedKind, Spec]]
    remove: Sequence[Key]

    def __bool__(self) -> bool:
        return bool(self.is_snapshot or self.put or self.remove)


class Difference:
    """What one host was told, and what differs from that now."""

    def __init__(self, feed: Feed, takers: Takers, host_id: str) -> None:
        self._feed = feed
        self._takers = takers
        self._host_id = host_id
        self._sent: dict[Key, Spec] | None = None  # None: nothing yet.

    def start_over(self) -> None:
        """The next news are a snapshot."""
        self._sent = None

    async def news(self) -> SpecNews:
        """What happened since the last."""
        self._takers.scopes(self._host_id)  # Whoever has asked is woken when they change.
        sent, self._sent = self._sent, render_all(self._feed.state, self._host_id, self._feed.region)
        put = [(key[0], spec) for key, spec in self._sent.items() if sent is None or sent.get(key) != spec]
        remove = [key for key in sent or () if key not in self._sent]
        return SpecNews(self._feed.revision, sent is None, put, remove)


def render_all(state: State, host_id: str, region: str) -> dict[Key, Spec]:
    """Everything that the host shall have."""
    specs = ((key, render(state, host_id, key, region)) for key in in_order(_keys(state, host_id)))
    return {key: spec for key, spec in specs if spec is not None}


def in_order(keys: Iterable[Key]) -> list[Key]:
    """Always the same, so that a run can be repeated."""
    return sorted(keys, key=lambda key: (key[0].value, key[1]))


def render(state: State, host_id: str, key: Key, region: str) -> Spec | None:
    """One resource as the host shall have it; None when it shall not."""
    kind, resource_id = key
    match kind:
        case ObservedKind.VOLUME:
            volume = state.volumes.get(resource_id)
            return _volume(state, volume) if volume and volume.host_id == host_id else None
        case ObservedKind.EXPORT:
            row = state.attachments.get(resource_id)
            is_open = row and row.storage_host_id == host_id and row.phase is not Phase.RELEASED
            return _export(row) if row and is_open else None
        case ObservedKind.INSTANCE:
            instance = state.instances.get(resource_id)
            if instance is None or instance.host_id != host_id or instance.desired is Desired.ABSENT:
                return None
            return _instance(state, instance, region)
        case ObservedKind.VPC:
            members = _members(state, resource_id)
            return _vpc(state, resource_id, host_id, members, region) if host_id in members else None
        case ObservedKind.GATEWAY:
            gateway = state.internet_gateways.vpc.first(resource_id)
            is_here = gateway and gateway.host_id == host_id and state.interfaces.vpc.count(resource_id)
            return _gateway(state, resource_id, gateway.epoch) if gateway and is_here else None


def _keys(state: State, host_id: str) -> set[Key]:
    """Every resource that may be on the host."""
    keys: set[Key] = {(ObservedKind.VOLUME, row.id) for row in state.volumes.host.of(host_id)}
    keys |= {(ObservedKind.EXPORT, row.id) for row in state.attachments.storage_host.of(host_id)}
    vpc_ids = {row.vpc_id for row in state.internet_gateways.host.of(host_id)}
    for instance in state.instances.host.of(host_id):
        keys.add((ObservedKind.INSTANCE, instance.id))
        vpc_ids |= {row.vpc_id for row in state.interfaces.instance.of(instance.id)}
    return keys | {(kind, vpc_id) for vpc_id in vpc_ids for kind in (ObservedKind.VPC, ObservedKind.GATEWAY)}


def _members(state: State, vpc_id: str) -> dict[str, list[NetworkInterface]]:
    """Hosts that take part in a VPC: those of its interfaces, with them, and its gateway's while there are any.

    In one pass and without calls: a VPC may have thousands of interfaces, and is rendered for each of its hosts.
    """
    members: dict[str, list[NetworkInterface]] = {}
    for interface in state.interfaces.vpc.of(vpc_id):
        members.setdefault(state.instances[interface.instance_id].host_id, []).append(interface)
    for gateway in state.internet_gateways.vpc.of(vpc_id) if members else ():
        if gateway.host_id:
            members.setdefault(gateway.host_id, [])
    return members


def _volume(state: State, volume: Volume) -> Spec:
    """A deleted one's tombstone, until its row goes: no data are ever deleted because nobody speaks of them."""
    spec: dict[str, Any] = {
        "volume_id": volume.id,
        "size_bytes": volume.size_gib * GIB,
        "is_ready": volume.is_ready,
        "deleted": volume.is_deleted,
    }
    if volume.image_id:
        image = state.images[volume.image_id]
        spec["image"] = {
            "image_id": image.id,
            "format": image.format,
            "size_bytes": image.size_bytes,
            "sha256": image.sha256,
        }
    return spec


def _export(attachment: Attachment) -> Spec:
    return {
        "export_name": attachment.id,
        "volume_id": attachment.volume_id,
        "epoch": attachment.epoch,
        "port": attachment.port,
        "client_host_ids": [attachment.client_host_id],
    }


def _instance(state: State, instance: Instance, region: str) -> Spec:
    return {
        "instance_id": instance.id,
        "generation": instance.generation,
        "power_on": instance.desired is Desired.ON,
        "reboot_count": instance.reboot_count,
        "stop_timeout_s": instance.stop_timeout_s,
        "vcpus": instance.vcpus,
        "memory_mib": instance.memory_mib,
        "interfaces": [
            {
                "interface_id": row.id,
                "vpc_id": row.vpc_id,
                "mac_address": row.mac_address,
                "private_ip": row.private_ip,
            }
            for row in state.interfaces.of(instance.id)
        ],
        "disks": [_disk(state, row) for row in _disks(state, instance)],
        "metadata": _metadata(state, instance, region),
    }


def _disks(state: State, instance: Instance) -> list[Attachment]:
    held = [row for row in state.attachments.instance.of(instance.id) if row.phase is Phase.ATTACHED]
    return sorted(held, key=lambda row: (row.device_name != ROOT_DEVICE, row.device_name))


def _disk(state: State, attachment: Attachment) -> Spec:
    return {
        "volume_id": attachment.volume_id,
        "export_name": attachment.id,
        "address": state.hosts[attachment.storage_host_id].underlay_address,
        "port": attachment.port,
        "device_name": attachment.device_name,
    }


def _metadata(state: State, instance: Instance, region: str) -> Spec:
    interface = state.interfaces.primary(instance.id)
    subnet = state.subnets[interface.subnet_id]
    public = state.addresses.primary(interface.id)
    return {
        "image_id": instance.image_id,
        "instance_type": instance.instance_type,
        "zone_name": instance.zone,
        "region_name": region,
        "host_name": f"{host_name(interface.private_ip)}.{domain(region)}",
        "public_ip": public.public_ip if public else "",
        "key_name": instance.key_name,
        "public_key": instance.public_key,
        "security_groups": [state.security_groups[group_id].name for group_id in interface.group_ids],
        "user_data": instance.user_data,
        "reservation_id": instance.reservation_id,
        "launch_index": instance.launch_index,
        "subnet_id": subnet.id,
        "subnet_cidr_block": subnet.cidr_block,
    }


def _vpc(
    state: State, vpc_id: str, host_id: str, members: Mapping[str, Sequence[NetworkInterface]], region: str
) -> Spec:
    vpc = state.vpcs[vpc_id]
    ports = members[host_id]
    group_ids = sorted({group_id for port in ports for group_id in port.group_ids})
    rules = {group_id: permitted(state, group_id) for group_id in group_ids}
    sources = sorted({rule.source_group_id for held in rules.values() for rule in held if rule.source_group_id})
    gateway = state.internet_gateways.vpc.first(vpc_id)
    return {
        "vpc_id": vpc.id,
        "vni": vpc.vni,
        "cidr_block": vpc.cidr_block,
        "subnets": [{"subnet_id": row.id, "cidr_block": row.cidr_block} for row in state.subnets.vpc.of(vpc_id)],
        "ports": [_port(row) for row in ports],
        "peers": _peers(state, host_id, members),
        "host_number": state.hosts[host_id].number,
        "gateway_host_number": state.hosts[gateway.host_id].number if gateway and gateway.host_id else 0,
        "groups": [{"group_id": group_id, "rules": [_rule(rule) for rule in held]} for group_id, held in rules.items()],
        "group_members": [{"group_id": group_id, "private_ips": _member_ips(state, group_id)} for group_id in sources],
        "domain": domain(region),
    }


def _member_ips(state: State, group_id: str) -> list[str]:
    return [row.private_ip for row in state.interfaces.group.of(group_id) if row.instance_id]


def _port(interface: NetworkInterface) -> Spec:
    return {
        "interface_id": interface.id,
        "instance_id": interface.instance_id,
        "mac_address": interface.mac_address,
        "private_ip": interface.private_ip,
        "subnet_id": interface.subnet_id,
        "group_ids": list(interface.group_ids),
        "host_name": host_name(interface.private_ip),
    }


def _peers(state: State, host_id: str, members: Mapping[str, Sequence[NetworkInterface]]) -> list[Spec]:
    """The other hosts of a VPC, in order of number."""
    hosts = sorted((state.hosts[peer_id] for peer_id in members if peer_id != host_id), key=lambda host: host.number)
    return [
        {
            "host_number": host.number,
            "underlay_address": host.underlay_address,
            "private_ips": [interface.private_ip for interface in members[host.id]],
            "interface_ids": [interface.id for interface in members[host.id]],
            "wireguard_key": host.wireguard_key,
        }
        for host in hosts
    ]


def _rule(rule: SecurityGroupRule) -> Spec:
    peer = {"group_id": rule.source_group_id} if rule.source_group_id else {"cidr_ipv4": rule.cidr_ipv4}
    return {
        "is_egress": rule.is_egress,
        "ip_protocol": rule.ip_protocol,
        "from_port": rule.from_port,
        "to_port": rule.to_port,
        **peer,
    }


def _gateway(state: State, vpc_id: str, epoch: int) -> Spec:
    mappings = [
        {"public_ip": address.public_ip, "private_ip": address.private_ip or interface.private_ip}
        for interface in state.interfaces.vpc.of(vpc_id)
        for address in state.addresses.interface.of(interface.id)
    ]
    hosts = sorted(host.underlay_address for host in state.hosts)
    return {"vpc_id": vpc_id, "epoch": epoch, "mappings": mappings, "host_addresses": hosts}
