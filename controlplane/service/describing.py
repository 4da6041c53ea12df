"""What a Describe call lists for its caller, and what its filters read that no row has as a field of its own. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from controlplane.model.addressing import usable_count
from controlplane.model.host import HostRole
from controlplane.model.image import Image, InstanceType, KeyPair
from controlplane.model.instance import Attachment, Instance, Volume
from controlplane.model.network import NetworkInterface, PublicAddress, SecurityGroup, SecurityGroupRule
from controlplane.model.network_acl import NetworkAcl
from controlplane.model.project import Project, Role, Token
from controlplane.model.state import State
from controlplane.model.table import Owned, OwnedRow, Row, Table
from controlplane.model.vpc import RouteTable, Subnet
from controlplane.service import catalogue, health, nat_gateways, network_interfaces, route_tables, volumes
from controlplane.service.admission import current_state
from controlplane.service.call import Call, find, find_zone, not_found
from controlplane.service.dns_names import private_dns_name, public_dns_name
from controlplane.service.images import select as select_images
from controlplane.service.key_pairs import find_by_name
from controlplane.service.projects import find_token

R = TypeVar("R", bound=Row)
P = TypeVar("P", bound=OwnedRow)
Filters = Any  # Listing's attributes, by the filter's name.


def own(table: Owned[P], ids: Sequence[str], call: Call) -> list[P]:
    """The caller's rows: those named, or all."""
    rows = [find(table, row_id, call) for row_id in dict.fromkeys(ids)] or table.project.of(call.project_id)
    return [row for row in rows if table.lists(row)]


def named(table: Table[R], ids: Sequence[str], call: Call) -> list[R]:
    """The rows named, or all there are: of resources that belong to no project."""
    return [find(table, row_id, call) for row_id in dict.fromkeys(ids)] or list(table)


def images(state: State, call: Call, ids: Sequence[str]) -> list[Image]:
    """The images that the caller can launch, those named or all, with what is for their owners' eyes left out."""
    found = select_images(state, call, ids)
    return [row if row.project_id == call.project_id else replace(row, tags={}, launch_permissions=()) for row in found]


def projects(state: State, call: Call, ids: Sequence[str]) -> list[Project]:
    """All for an admin; for others there is their own alone."""
    rows = named(state.projects, ids, call)
    if call.role is Role.ADMIN:
        return rows
    if hidden := set(ids) - {call.project_id}:
        raise not_found(state.projects.kind, min(hidden))
    return [row for row in rows if row.id == call.project_id]


def tokens(state: State, ids: Sequence[str]) -> list[Token]:
    """Of all projects: only admins ask."""
    return [find_token(state, token_id) for token_id in dict.fromkeys(ids)] or list(state.tokens)


def key_pairs(state: State, call: Call, names: Sequence[str], ids: Sequence[str]) -> Iterable[KeyPair]:
    """Those named in either way, each once; or all."""
    by_name = [find_by_name(state, call, name) for name in names]
    by_id = own(state.key_pairs, ids, call) if ids or not names else []
    return {row.id: row for row in (*by_name, *by_id)}.values()


@dataclass(frozen=True, slots=True)
class NamedPlace:
    """A region or a zone. A zone is "available" while one of its compute hosts answers, else "impaired"."""

    id: str
    state: str = ""


def zones(state: State, call: Call, names: Sequence[str]) -> list[NamedPlace]:
    for name in names:
        find_zone(state, name)
    wanted = dict.fromkeys(names or [zone.id for zone in state.zones])
    return [NamedPlace(name, _zone_state(state, call, name)) for name in wanted]


def _zone_state(state: State, call: Call, zone: str) -> str:
    computes = [host for host in state.hosts.zone.of(zone) if HostRole.COMPUTE in host.roles]
    return "available" if any(host.id in call.reachable for host in computes) else "impaired"


@dataclass(frozen=True, slots=True)
class Size:
    """An instance type whose order is by size."""

    row: InstanceType

    @property
    def id(self) -> str:
        return f"{self.row.memory_mib:012}/{self.row.vcpus:04}/{self.row.id}"


def sizes(state: State, names: Sequence[str]) -> list[Size]:
    rows = [catalogue.find_type(state, name) for name in names] or state.instance_types
    return [Size(row) for row in rows]


def instance_filters(state: State, role: Role) -> Filters:
    """With the host, for an admin."""

    def interfaces(row: Instance) -> list[NetworkInterface]:
        return state.interfaces.instance.of(row.id)

    def public(row: Instance) -> list[tuple[str, str]]:
        """Addresses, with the VPC of each."""
        return [
            (each.vpc_id, held.public_ip) for each in interfaces(row) for held in state.addresses.interface.of(each.id)
        ]

    def groups(row: Instance) -> list[str]:
        return [group_id for each in interfaces(row) for group_id in each.group_ids]

    return {
        **state.instances.attributes,
        **({"host-id": lambda row: row.host_id} if role is Role.ADMIN else {}),
        "instance-state-name": lambda row: current_state(state, row).label,
        "instance-state-code": lambda row: str(current_state(state, row).code),
        "vpc-id": lambda row: [each.vpc_id for each in interfaces(row)],
        "subnet-id": lambda row: [each.subnet_id for each in interfaces(row)],
        "private-ip-address": lambda row: [each.private_ip for each in interfaces(row)],
        "private-dns-name": lambda row: [private_dns_name(state, each.private_ip) for each in interfaces(row)],
        "ip-address": lambda row: [public_ip for _, public_ip in public(row)],
        "dns-name": lambda row: [name for held in public(row) if (name := public_dns_name(state, *held))],
        "instance.group-id": groups,
        "instance.group-name": lambda row: [state.security_groups[group_id].name for group_id in groups(row)],
    }


def interface_filters(state: State) -> Filters:
    def public(row: NetworkInterface) -> list[PublicAddress]:
        return state.addresses.interface.of(row.id)

    def primary(row: NetworkInterface) -> list[PublicAddress]:
        return [address for address in public(row) if not address.private_ip]

    return {
        **state.interfaces.attributes,
        "status": lambda row: network_interfaces.status_of(state, row),
        "interface-type": lambda row: network_interfaces.type_of(state, row),
        "availability-zone": lambda row: state.subnets[row.subnet_id].zone,
        "group-name": lambda row: [state.security_groups[group_id].name for group_id in row.group_ids],
        "attachment.status": lambda row: health.of_interface(state, row)[0] or (),
        "addresses.primary": lambda row: ["true", "false"][: len(row.private_ips)],
        "addresses.association.public-ip": lambda row: [address.public_ip for address in public(row)],
        "association.public-ip": lambda row: [address.public_ip for address in primary(row)],
        "association.allocation-id": lambda row: [address.id for address in primary(row) if address.is_elastic],
        "association.association-id": lambda row: [
            address.association_id for address in primary(row) if address.is_elastic
        ],
    }


def volume_filters(state: State, now: datetime) -> Filters:
    def attachments(row: Volume) -> list[Attachment]:
        return state.attachments.volume.of(row.id)

    return {
        **state.volumes.attributes,
        "status": lambda row: volumes.state_of(state, row).value,
        "attachment.instance-id": lambda row: [held.instance_id for held in attachments(row)],
        "attachment.device": lambda row: [held.device_name for held in attachments(row)],
        "attachment.status": lambda row: [health.of_attachment(state, held, now)[0] for held in attachments(row)],
    }


def group_filters(state: State) -> Filters:
    """With EC2's of what any of a group's rules permits: `ip-permission.cidr`, and for what goes out
    `egress.ip-permission.cidr`.
    """

    def name(rule: SecurityGroupRule) -> str:
        return state.security_groups[rule.source_group_id].name if rule.source_group_id else ""

    read: dict[str, Callable[[SecurityGroupRule], str]] = {
        "cidr": lambda rule: rule.cidr_ipv4,
        "ipv6-cidr": lambda rule: rule.cidr_ipv6,
        "from-port": lambda rule: str(rule.from_port),
        "to-port": lambda rule: str(rule.to_port),
        "protocol": lambda rule: rule.ip_protocol,
        "group-id": lambda rule: rule.source_group_id,
        "group-name": name,
        "prefix-list-id": lambda rule: rule.prefix_list_id,
    }

    def of_rules(value: Callable[[SecurityGroupRule], str], is_egress: bool) -> Callable[[SecurityGroup], list[str]]:
        return lambda group: [
            found for rule in state.rules.group.of(group.id) if rule.is_egress is is_egress and (found := value(rule))
        ]

    return {
        **state.security_groups.attributes,
        **{f"ip-permission.{name}": of_rules(value, False) for name, value in read.items()},
        **{f"egress.ip-permission.{name}": of_rules(value, True) for name, value in read.items()},
    }


def subnet_filters(state: State) -> Filters:
    return {
        **state.subnets.attributes,
        "available-ip-address-count": lambda row: str(free_addresses(state, row)),
    }


def free_addresses(state: State, row: Subnet) -> int:
    """Of a subnet: those that nobody holds."""
    return usable_count(row.network) - state.interfaces.held.of(row.id)


def route_table_filters(state: State) -> Filters:
    def served(row: RouteTable) -> list[Subnet]:
        return state.subnets.route_table.of(row.id)

    return {
        **state.route_tables.attributes,
        "association.route-table-association-id": lambda row: [
            id for id in (row.main_association_id, *(subnet.association_id for subnet in served(row))) if id
        ],
        "association.subnet-id": lambda row: [subnet.id for subnet in served(row)],
        "route.instance-id": lambda row: [
            interface.instance_id
            for route in row.routes
            if (interface := state.interfaces.get(route.target)) and interface.instance_id
        ],
        "route.state": lambda row: [route_tables.state_of(state, row, route) for route in row.routes],
    }


def nat_gateway_filters(state: State) -> Filters:
    return {**state.nat_gateways.attributes, "state": lambda row: nat_gateways.state_of(state, row)}


def network_acl_filters(state: State) -> Filters:
    def guarded(row: NetworkAcl) -> list[Subnet]:
        return state.subnets.network_acl.of(row.id)

    return {
        **state.network_acls.attributes,
        "association.association-id": lambda row: [subnet.network_acl_association_id for subnet in guarded(row)],
        "association.subnet-id": lambda row: [subnet.id for subnet in guarded(row)],
    }


def address_filters(state: State) -> Filters:
    def instance(row: PublicAddress) -> str | tuple[()]:
        return (row.interface_id and state.interfaces[row.interface_id].instance_id) or ()

    def private_ip(row: PublicAddress) -> str | tuple[()]:
        return row.private_ip or (row.interface_id and state.interfaces[row.interface_id].private_ip) or ()

    return {
        **state.addresses.attributes,
        "instance-id": instance,
        "private-ip-address": private_ip,
    }
