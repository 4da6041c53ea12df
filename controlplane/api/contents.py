"""The kinds of resources that users may watch, and what each of them shows."""

from collections.abc import Callable, Mapping
from typing import Any

from controlplane.api.addresses import to_address
from controlplane.api.dhcp_options import to_dhcp_options
from controlplane.api.images import to_image
from controlplane.api.instances import to_instance
from controlplane.api.internet_gateways import to_internet_gateway
from controlplane.api.key_pairs import to_key_pair
from controlplane.api.nat_gateways import to_nat_gateway
from controlplane.api.network_acls import to_network_acl
from controlplane.api.network_interfaces import to_interface
from controlplane.api.prefix_lists import to_prefix_list
from controlplane.api.route_tables import to_route_table
from controlplane.api.security_groups import to_rule, to_security_group
from controlplane.api.subnets import to_subnet
from controlplane.api.volumes import to_attachment, to_volume
from controlplane.api.vpc_peerings import to_vpc_peering
from controlplane.api.vpcs import to_vpc
from controlplane.model.state import State
from controlplane.service.call import Call
from controlplane.sessions import Sessions

Show = Callable[[State, Sessions, Any, Call], Any]

PUBLIC = tuple(table.kind.name for table in State().tables.values() if table.kind.is_public)

_SHOW: Mapping[str, Show] = {
    "instance": lambda state, sessions, row, call: to_instance(state, sessions, row, call.role),
    "volume": lambda state, sessions, row, call: to_volume(state, sessions, row, call.role),
    "attachment": lambda state, sessions, row, call: to_attachment(state, row, sessions.now()),
    "network-interface": lambda state, sessions, row, call: to_interface(state, row),
    "address": lambda state, sessions, row, call: to_address(state, row),
    "image": lambda state, sessions, row, call: to_image(row, call.project_id),
    "key-pair": lambda state, sessions, row, call: to_key_pair(row),
    "vpc": lambda state, sessions, row, call: to_vpc(row),
    "dhcp-options": lambda state, sessions, row, call: to_dhcp_options(row),
    "subnet": lambda state, sessions, row, call: to_subnet(state, row),
    "internet-gateway": lambda state, sessions, row, call: to_internet_gateway(row),
    "nat-gateway": lambda state, sessions, row, call: to_nat_gateway(state, sessions, row, call.role),
    "vpc-peering-connection": lambda state, sessions, row, call: to_vpc_peering(row),
    "route-table": lambda state, sessions, row, call: to_route_table(state, row),
    "network-acl": lambda state, sessions, row, call: to_network_acl(state, sessions.late, row, call.role),
    "security-group": lambda state, sessions, row, call: to_security_group(state, sessions.late, row, call.role),
    "security-group-rule": lambda state, sessions, row, call: to_rule(row),
    "prefix-list": lambda state, sessions, row, call: to_prefix_list(row),
}


def to_contents(kind: str, state: State, sessions: Sessions, row: Any, call: Call) -> Any:
    """The row as the message of a Describe."""
    return _SHOW[kind](state, sessions, row, call)
