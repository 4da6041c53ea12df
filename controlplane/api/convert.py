"""Messages to requests, rows to messages."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, get_args, get_type_hints

from google.protobuf.timestamp_pb2 import Timestamp

from controlplane.model import host, image, instance, network, project
from controlplane.model.instance import ROOT_DEVICE
from controlplane.model.lifecycle import InstanceState
from controlplane.model.project import Role
from controlplane.model.state import State
from controlplane.service import health
from controlplane.service import volumes as volume_service
from controlplane.service.admission import current_state
from controlplane.service.listing import Filter
from controlplane.sessions import Sessions
from stead.v1 import (
    addresses_pb2,
    common_pb2,
    hosts_pb2,
    images_pb2,
    instance_types_pb2,
    instances_pb2,
    key_pairs_pb2,
    projects_pb2,
    regions_pb2,
    security_groups_pb2,
    volumes_pb2,
    vpcs_pb2,
)

T = TypeVar("T")


@cache
def _nested(request_type: Any) -> Mapping[str, type]:
    """Fields that hold sequences of other requests."""
    hints = get_type_hints(request_type)
    return {
        name: get_args(hint)[0] for name, hint in hints.items() if get_args(hint) and _is_request(get_args(hint)[0])
    }


def _is_request(candidate: Any) -> bool:
    return hasattr(candidate, "__dataclass_fields__")


def to_request(message: Any, request_type: type[T], **given: Any) -> T:
    """A use case's request out of a message with fields of the same names; `given` are those that it does not have."""
    nested: Mapping[str, type] = _nested(request_type)  # type: ignore[arg-type]
    values = dict(given)
    for spec in fields(request_type):  # type: ignore[arg-type]
        if spec.name not in given:
            values[spec.name] = _value(message, spec.name, nested.get(spec.name))
    return request_type(**values)


def _value(message: Any, name: str, nested: type | None) -> Any:
    value, descriptor = getattr(message, name), message.DESCRIPTOR.fields_by_name[name]
    if nested is not None:
        return tuple(to_request(part, nested) for part in value)
    if descriptor.message_type is not None and descriptor.message_type.GetOptions().map_entry:
        return dict(value)
    if descriptor.is_repeated:
        return tuple(value)
    is_unset = descriptor.has_presence and descriptor.containing_oneof is not None and not message.HasField(name)
    is_optional = descriptor.has_presence and len(descriptor.containing_oneof.fields) == 1
    return None if is_unset and is_optional else value


def to_filters(filters: Iterable[common_pb2.Filter]) -> tuple[Filter, ...]:
    return tuple(Filter(row.name, tuple(row.values)) for row in filters)


def timestamp(at: datetime) -> Timestamp:
    result = Timestamp()
    result.FromDatetime(at)
    return result


def maybe(at: datetime | None) -> Timestamp | None:
    return timestamp(at) if at else None


def region(name: str) -> regions_pb2.Region:
    return regions_pb2.Region(region_name=name)


def to_project(row: project.Project) -> projects_pb2.Project:
    return projects_pb2.Project(project_id=row.id, name=row.name, create_time=timestamp(row.created_at))


def to_token(row: project.Token, now: datetime) -> projects_pb2.Token:
    return projects_pb2.Token(
        token_id=row.id,
        project_id=row.project_id,
        role=f"ROLE_{row.role.name}",
        state=row.state(now),
        create_time=timestamp(row.created_at),
        expire_time=maybe(row.expires_at),
        revoke_time=maybe(row.revoked_at),
    )


def to_instance_type(row: image.InstanceType) -> instance_types_pb2.InstanceType:
    return instance_types_pb2.InstanceType(instance_type=row.id, vcpus=row.vcpus, memory_mib=row.memory_mib)


def to_image(row: image.Image, project_id: str) -> images_pb2.Image:
    return images_pb2.Image(
        image_id=row.id,
        name=row.name,
        description=row.description,
        format=row.format,
        size_bytes=row.size_bytes,
        virtual_size_bytes=row.virtual_size_bytes,
        sha256=row.sha256,
        create_time=timestamp(row.created_at),
        tags=row.tags,
        state="available",
        owner_id=row.project_id,
        owner_alias="self" if row.project_id == project_id else "",
        is_public=row.is_public,
        launch_permissions=row.launch_permissions,
    )


def to_key_pair(row: image.KeyPair) -> key_pairs_pb2.KeyPair:
    return key_pairs_pb2.KeyPair(
        key_pair_id=row.id,
        key_name=row.name,
        key_type=f"KEY_TYPE_{row.key_type.upper()}",
        key_fingerprint=row.fingerprint,
        public_key=row.public_key,
        create_time=timestamp(row.created_at),
        tags=row.tags,
    )


def to_host(state: State, sessions: Sessions, row: host.Host) -> hosts_pb2.Host:
    known, used = sessions.presence(row.id), state.used(row.id)
    return hosts_pb2.Host(
        host_id=row.id,
        host_name=row.name,
        zone_name=row.zone,
        roles=[hosts_pb2.HostRole.Name(role) for role in row.roles],
        underlay_address=row.underlay_address,
        status=known.status.value,
        status_since=timestamp(known.since),
        status_detail=known.cause,
        last_seen_time=maybe(known.last_seen_at),
        vcpus=row.vcpus,
        vcpus_used=used.vcpus,
        memory_mib=row.memory_mib,
        memory_mib_used=used.memory_mib,
        storage_gib=row.storage_gib,
        storage_gib_used=used.storage_gib,
        join_time=timestamp(row.created_at),
        agent_version=row.agent_version,
        problems=row.problems,
    )


def to_vpc(row: network.Vpc) -> vpcs_pb2.Vpc:
    return vpcs_pb2.Vpc(
        vpc_id=row.id, cidr_block=row.cidr_block, is_default=row.is_default, state="available", tags=row.tags
    )


def to_subnet(state: State, row: network.Subnet) -> vpcs_pb2.Subnet:
    return vpcs_pb2.Subnet(
        subnet_id=row.id,
        vpc_id=row.vpc_id,
        cidr_block=row.cidr_block,
        zone_name=row.zone,
        map_public_ip_on_launch=row.map_public_ip_on_launch,
        default_for_az=row.default_for_az,
        available_ip_address_count=network.usable_count(row.network) - state.interfaces.count("subnet", row.id),
        state="available",
        tags=row.tags,
    )


def to_internet_gateway(row: network.InternetGateway) -> vpcs_pb2.InternetGateway:
    return vpcs_pb2.InternetGateway(internet_gateway_id=row.id, vpc_id=row.vpc_id, tags=row.tags)


def to_route_table(state: State, row: network.RouteTable) -> vpcs_pb2.RouteTable:
    return vpcs_pb2.RouteTable(
        route_table_id=row.id,
        vpc_id=row.vpc_id,
        is_main=row.is_main,
        routes=[
            vpcs_pb2.Route(
                destination_cidr_block=route.cidr_block,
                target_id=route.target,
                state="active" if route.target == "local" or route.target in state.internet_gateways else "blackhole",
            )
            for route in row.routes
        ],
        tags=row.tags,
    )


def to_security_group(state: State, row: network.SecurityGroup) -> security_groups_pb2.SecurityGroup:
    return security_groups_pb2.SecurityGroup(
        group_id=row.id,
        group_name=row.name,
        description=row.description,
        vpc_id=row.vpc_id,
        rules=[to_rule(rule) for rule in state.rules.by("group", row.id)],
        tags=row.tags,
    )


def to_rule(row: network.SecurityGroupRule) -> security_groups_pb2.SecurityGroupRule:
    permission = security_groups_pb2.IpPermission(
        ip_protocol=row.ip_protocol, from_port=row.from_port, to_port=row.to_port, description=row.description
    )
    if row.source_group_id:
        permission.group_id = row.source_group_id
    else:
        permission.cidr_ipv4 = row.cidr_ipv4
    return security_groups_pb2.SecurityGroupRule(rule_id=row.id, is_egress=row.is_egress, permission=permission)


def to_instance_state(state: InstanceState) -> instances_pb2.InstanceState:
    return instances_pb2.InstanceState(code=state.code, name=state.label)


def to_state_change(change: Iterable[Any]) -> instances_pb2.InstanceStateChange:
    instance_id, before, after = change
    states = {row.code: row for row in InstanceState}
    return instances_pb2.InstanceStateChange(
        instance_id=instance_id,
        previous_state=to_instance_state(states[before]),
        current_state=to_instance_state(states[after]),
    )


def to_instance(state: State, sessions: Sessions, row: instance.Instance, role: Role) -> instances_pb2.Instance:
    interfaces = [to_interface(state, interface) for interface in state.interfaces.by("instance", row.id)]
    current = current_state(state, row)
    seen = health.of_instance(state, sessions.presence, row)
    message = instances_pb2.Instance(
        instance_id=row.id,
        reservation_id=row.reservation_id,
        launch_index=row.launch_index,
        image_id=row.image_id,
        instance_type=row.instance_type,
        state=to_instance_state(current),
        status=seen.status,
        status_detail=_shown(state, seen.cause, role),
        status_since=maybe(seen.since),
        last_seen_time=maybe(seen.last_seen_at),
        is_status_permanent=seen.is_permanent,
        zone_name=row.zone,
        host_id=row.host_id if role is Role.ADMIN else "",
        key_name=row.key_name,
        network_interfaces=interfaces,
        block_devices=_block_devices(state, row, sessions.now()),
        root_device_name=ROOT_DEVICE,
        launch_time=timestamp(row.launched_at),
        instance_initiated_shutdown_behavior=row.shutdown_behavior,
        disable_api_termination=row.disable_api_termination,
        tags=row.tags,
    )
    if row.state_reason:
        message.state_reason.code = row.state_reason.code
        message.state_reason.message = row.state_reason.message
    if interfaces:
        _add_first_interface(state, message)
    return message


def _add_first_interface(state: State, message: instances_pb2.Instance) -> None:
    first = message.network_interfaces[0]
    public = state.addresses.one("interface", first.network_interface_id)
    message.vpc_id = state.interfaces[first.network_interface_id].vpc_id
    message.subnet_id = first.subnet_id
    message.private_ip_address = first.private_ip_address
    message.public_ip_address = public.public_ip if public else ""
    message.security_groups.extend(first.groups)


def to_interface(state: State, row: network.NetworkInterface) -> instances_pb2.NetworkInterface:
    return instances_pb2.NetworkInterface(
        network_interface_id=row.id,
        device_index=row.device_index,
        mac_address=row.mac_address,
        private_ip_address=row.private_ip,
        subnet_id=row.subnet_id,
        groups=[
            instances_pb2.GroupIdentifier(group_id=group_id, group_name=state.security_groups[group_id].name)
            for group_id in row.group_ids
        ],
    )


_IPV4 = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")


def _shown(state: State, cause: str, role: Role) -> str:
    """What a host said, without the addresses of hosts where the caller is no admin."""
    if role is Role.ADMIN or not _IPV4.search(cause):
        return cause
    hosts = {host.underlay_address for host in state.hosts}
    return _IPV4.sub(lambda found: "a host" if found[0] in hosts else found[0], cause)


def _block_devices(state: State, row: instance.Instance, now: datetime) -> list[instances_pb2.InstanceBlockDevice]:
    held = sorted(
        state.attachments.by("instance", row.id), key=lambda bond: (bond.device_name != ROOT_DEVICE, bond.device_name)
    )
    return [_block_device(state, bond, now) for bond in held]


def _block_device(state: State, bond: instance.Attachment, now: datetime) -> instances_pb2.InstanceBlockDevice:
    status, detail = health.of_attachment(state, bond, now)
    return instances_pb2.InstanceBlockDevice(
        device_name=bond.device_name,
        volume_id=bond.volume_id,
        status=status,
        status_detail=detail,
        delete_on_termination=bond.delete_on_termination,
    )


def to_attachment(state: State, row: instance.Attachment, now: datetime) -> volumes_pb2.VolumeAttachment:
    status, detail = health.of_attachment(state, row, now)
    return volumes_pb2.VolumeAttachment(
        volume_id=row.volume_id,
        instance_id=row.instance_id,
        device_name=row.device_name,
        state=status,
        state_detail=detail,
        delete_on_termination=row.delete_on_termination,
        attach_time=timestamp(row.created_at),
    )


def to_volume(state: State, sessions: Sessions, row: instance.Volume, role: Role) -> volumes_pb2.Volume:
    seen, now = health.of_volume(state, sessions.presence, row), sessions.now()
    return volumes_pb2.Volume(
        volume_id=row.id,
        size_gib=row.size_gib,
        state=volume_service.state_of(state, row).value,
        state_detail=_shown(state, seen.cause, role),
        status=seen.status,
        status_since=maybe(seen.since),
        last_seen_time=maybe(seen.last_seen_at),
        zone_name=row.zone,
        host_id=row.host_id if role is Role.ADMIN else "",
        volume_type=row.volume_type,
        image_id=row.image_id,
        attachments=[to_attachment(state, bond, now) for bond in state.attachments.by("volume", row.id)],
        create_time=timestamp(row.created_at),
        tags=row.tags,
    )


def to_recycled_volume(row: instance.Volume) -> volumes_pb2.RecycledVolume:
    return volumes_pb2.RecycledVolume(
        volume_id=row.id,
        size_gib=row.size_gib,
        zone_name=row.zone,
        volume_type=row.volume_type,
        image_id=row.image_id,
        create_time=timestamp(row.created_at),
        recycle_bin_enter_time=timestamp(row.recycled_at) if row.recycled_at else None,
    )


def to_address(state: State, row: network.PublicAddress) -> addresses_pb2.Address:
    message = addresses_pb2.Address(
        allocation_id=row.id, public_ip=row.public_ip, association_id=row.association_id, tags=row.tags
    )
    if row.interface_id:
        interface = state.interfaces[row.interface_id]
        message.network_interface_id = interface.id
        message.instance_id = interface.instance_id
        message.private_ip_address = interface.private_ip
    return message
