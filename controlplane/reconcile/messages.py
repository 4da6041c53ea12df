"""The messages of the agents' protocol that say what hosts shall have, out of the rows.

What is put into a scope is serialised here, as a *piece*: a whole message by itself. Messages put end to end are one
message with all that they say (protobuf's encoding, "Last One Wins": embedded messages are merged, repeated fields
appended), so that updates are made of pieces which many sessions share.
"""

import hashlib
import zlib
from collections.abc import Iterable
from typing import Any

from controlplane.model.addressing import domain, label, public_domain
from controlplane.model.dhcp_options import DhcpOptions
from controlplane.model.host import Host
from controlplane.model.instance import Attachment, Desired, Instance, Phase, Volume
from controlplane.model.nat_gateway import NatGateway
from controlplane.model.network import NetworkInterface, PublicAddress, SecurityGroup, SecurityGroupRule
from controlplane.model.network_acl import LAST, NetworkAcl, NetworkAclEntry
from controlplane.model.state import State
from controlplane.model.vpc import InternetGateway, RouteTable, Subnet, Vpc
from controlplane.service.security_group_rules import permitted
from stead.agent.v1 import objects_pb2 as pb
from stead.agent.v1.session_pb2 import ControlMessage, ScopeChange, Update

GIB = 1 << 30
# More: a tenth fewer bytes for twice the time, in which all wait.
_LEVEL = 1


def host(state: State, row: Host, region: str) -> pb.Host:
    return pb.Host(id=row.id, number=row.number, underlay_address=row.underlay_address, wireguard_key=row.wireguard_key)


def vpc(state: State, row: Vpc, region: str) -> pb.Vpc:
    told = pb.Vpc(
        id=row.id, vni=row.vni, cidr_block=row.cidr_block, domain=domain(region), dns_is_off=not row.enable_dns_support
    )
    if row.has_public_names:
        told.public_domain = public_domain(region)
    if row.dhcp_options_id:
        told.dhcp_options.CopyFrom(_dhcp_options(state.dhcp_options[row.dhcp_options_id]))
    for peering in sorted(state.vpc_peering_connections.active.of(row.id), key=lambda peering: peering.id):
        peer_id, cidr_block = peering.other_than(row.id)
        told.peerings.add(id=peering.id, vpc_id=peer_id, cidr_block=cidr_block)
    return told


def _dhcp_options(row: DhcpOptions) -> pb.DhcpOptions:
    return pb.DhcpOptions(
        domain_name=row.domain_name,
        domain_name_servers=row.domain_name_servers,
        ntp_servers=row.ntp_servers,
        netbios_name_servers=row.netbios_name_servers,
        netbios_node_type=row.netbios_node_type,
    )


def subnet(state: State, row: Subnet, region: str) -> pb.Subnet:
    return pb.Subnet(
        id=row.id,
        vpc_id=row.vpc_id,
        cidr_block=row.cidr_block,
        route_table_id=row.route_table_id,
        network_acl_id=row.network_acl_id,
    )


def route_table(state: State, row: RouteTable, region: str) -> pb.RouteTable:
    routes = [pb.Route(cidr_block=route.cidr_block, target=route.target) for route in row.routes]
    return pb.RouteTable(id=row.id, vpc_id=row.vpc_id, is_main=row.is_main, routes=routes, number=row.number)


def security_group(state: State, row: SecurityGroup, region: str) -> pb.SecurityGroup:
    rules = [_rule(rule) for rule in permitted(state, row.id)]
    return pb.SecurityGroup(id=row.id, vpc_id=row.vpc_id, name=row.name, rules=rules, drop_revision=row.drop_revision)


def _rule(row: SecurityGroupRule) -> pb.Rule:
    rule = pb.Rule(is_egress=row.is_egress, ip_protocol=row.ip_protocol, from_port=row.from_port, to_port=row.to_port)
    if row.source_group_id:
        rule.group_id = row.source_group_id
    else:
        rule.cidr_ipv4 = row.cidr_ipv4
    return rule


def network_acl(state: State, row: NetworkAcl, region: str) -> pb.NetworkAcl:
    """Without those that stay: they say what is so without them."""
    told = (entry for way in (False, True) for entry in row.in_order(is_egress=way) if entry.rule_number != LAST)
    entries = map(_entry, told)
    return pb.NetworkAcl(id=row.id, vpc_id=row.vpc_id, entries=entries)


def _entry(row: NetworkAclEntry) -> pb.NetworkAclEntry:
    rule = pb.Rule(is_egress=row.is_egress, ip_protocol=row.protocol, from_port=row.from_port, to_port=row.to_port)
    rule.cidr_ipv4 = row.cidr_block
    return pb.NetworkAclEntry(rule=rule, is_allowed=row.is_allowed)


def internet_gateway(state: State, row: InternetGateway, region: str) -> pb.InternetGateway:
    return pb.InternetGateway(id=row.id, vpc_id=row.vpc_id, host_id=row.host_id, epoch=row.epoch)


def nat_gateway(state: State, row: NatGateway, region: str) -> pb.NatGateway:
    return pb.NatGateway(
        id=row.id, vpc_id=row.vpc_id, subnet_id=row.subnet_id, private_ip=row.private_ip, public_ip=row.public_ip
    )


def endpoint(state: State, row: NetworkInterface, region: str) -> pb.Endpoint:
    instance = state.instances[row.instance_id]
    return pb.Endpoint(
        id=row.id,
        vpc_id=row.vpc_id,
        subnet_id=row.subnet_id,
        host_id=instance.host_id,
        instance_id=row.instance_id,
        device_index=row.device_index,
        mac_address=row.mac_address,
        private_ip=row.private_ip,
        group_ids=row.group_ids,
        secondary_private_ips=row.secondary_ips,
        is_detaching=row.is_detaching,
        is_unchecked=not row.source_dest_check,
        name=label(instance.tags.get("Name", "")) if row.device_index == 0 else "",
    )


def address(state: State, row: PublicAddress, region: str) -> pb.Address:
    vpc_id = state.interfaces[row.interface_id].vpc_id
    return pb.Address(
        id=row.id,
        vpc_id=vpc_id,
        endpoint_id=row.interface_id,
        public_ip=row.public_ip,
        private_ip=row.private_ip,
    )


def volume(state: State, row: Volume, region: str) -> pb.Volume:
    """A deleted one's tombstone, until its row goes: no data are ever deleted because nobody speaks of them."""
    volume = pb.Volume(
        id=row.id, size_bytes=row.size_gib * GIB, is_ready=row.is_ready, deleted=row.is_deleted, pool=row.pool
    )
    if row.image_id:
        image = state.images[row.image_id]
        volume.image.image_id, volume.image.format = image.id, image.format
        volume.image.size_bytes, volume.image.sha256 = image.size_bytes, image.sha256
    return volume


def attachment(state: State, row: Attachment, region: str) -> pb.Attachment:
    return pb.Attachment(
        id=row.id,
        volume_id=row.volume_id,
        instance_id=row.instance_id,
        epoch=row.epoch,
        storage_host_id=row.storage_host_id,
        client_host_id=row.client_host_id,
        port=row.port,
        device_name=row.device_name,
        attached=row.phase is Phase.ATTACHED,
    )


_FIRMWARE = {"legacy-bios": "bios", "uefi": "uefi"}


def instance(state: State, row: Instance, region: str) -> pb.Instance:
    return pb.Instance(
        id=row.id,
        generation=row.generation,
        power_on=row.desired is Desired.ON,
        reboot_count=row.reboot_count,
        stop_timeout_s=row.stop_timeout_s,
        vcpus=row.vcpus,
        memory_mib=row.memory_mib,
        image_id=row.image_id,
        instance_type=row.instance_type,
        zone_name=row.zone,
        region_name=region,
        key_name=row.key_name,
        public_key=row.public_key,
        user_data=row.user_data,
        reservation_id=row.reservation_id,
        launch_index=row.launch_index,
        machine_type=row.machine_type,
        firmware=_FIRMWARE[row.boot_mode],
        architecture=row.architecture,
        owner_id=row.project_id,
        metadata_without_token=row.metadata_options.http_tokens == "optional",
        metadata_is_off=row.metadata_options.http_endpoint == "disabled",
        metadata_hop_limit=row.metadata_options.http_put_response_hop_limit,
        tags=_tags(row),
    )


def _tags(row: Instance) -> list[pb.Tag]:
    """In order: of the same tags, the same bytes."""
    shown = row.tags if row.metadata_options.shows_tags else {}
    return [pb.Tag(key=key, value=shown[key]) for key in sorted(shown)]


Object = pb.Object


def named(name: str, body: Any) -> Object:
    """An object; `name` is the field of its kind."""
    return pb.Object(**{name: body})


def put(scope: str, objects: Iterable[Object], *, is_reset: bool = False) -> bytes:
    """A piece with these objects in the scope; with `is_reset` they are all that there is so far."""
    message = ControlMessage()
    message.update.scopes.add(scope=scope, put=objects, reset=is_reset)
    return message.SerializeToString()


def put_packed(scope: str, objects: Iterable[Object], *, is_reset: bool = False) -> bytes:
    """The same for agents that can unpack."""
    change = ScopeChange(scope=scope, put=objects, reset=is_reset)
    return ControlMessage(update=Update(packed=[zlib.compress(change.SerializeToString(), _LEVEL)])).SerializeToString()


def remove(scope: str, name: str, object_id: str) -> bytes:
    """A piece without this object in the scope."""
    message = ControlMessage()
    message.update.scopes.add(scope=scope, remove=[pb.ObjectRef(kind=_NUMBERS[name], id=object_id)])
    return message.SerializeToString()


class Digest:
    """Of a scope's objects, taken in their order; see `KnownScope` in session.proto."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def take(self, objects: Iterable[Object]) -> None:
        for one in objects:
            data = one.SerializeToString(deterministic=True)
            self._hash.update(len(data).to_bytes(4, "big") + data)

    @property
    def value(self) -> bytes:
        return self._hash.digest()


_NUMBERS: dict[str, Any] = {field.name: field.number for field in pb.Object.DESCRIPTOR.fields}
