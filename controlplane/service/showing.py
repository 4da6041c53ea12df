"""Which resources users are shown otherwise because a row changed that is not theirs, or a part of them. Pure.

An instance shows its attachments, interfaces and addresses; and with a volume or an attachment it shows what hosts see
of it, and whether they are there: see `service/health.py`. An attachment shows whether the guest has it, and a volume
what its attachments show.
"""

from collections.abc import Callable, Iterator

from controlplane.history import Changed
from controlplane.ids import Prefix
from controlplane.model.instance import Attachment, Instance, ObservedKind, Volume, volume_of
from controlplane.model.nat_gateway import NatGateway
from controlplane.model.network import NetworkInterface, PublicAddress, SecurityGroup
from controlplane.model.network_acl import NetworkAcl
from controlplane.model.state import State
from controlplane.model.vpc import RouteTable, Subnet

Shown = (
    Instance
    | Volume
    | Attachment
    | NetworkInterface
    | PublicAddress
    | NatGateway
    | SecurityGroup
    | Subnet
    | RouteTable
    | NetworkAcl
)


def shown_with(state: State, changed: Changed) -> Iterator[Shown]:
    """Resources that show something of the changed row, besides itself; each perhaps more than once."""
    find = _FINDERS.get(changed.kind)
    return find(state, changed) if find else iter(())


def _with_host(state: State, changed: Changed) -> Iterator[Shown]:
    """It went away, or came back."""
    yield from state.instances.host.of(changed.id)
    for volume in state.volumes.host.of(changed.id):
        yield volume
        yield from _holders(state, state.attachments.volume.of(volume.id))
    for gateway in state.internet_gateways.host.of(changed.id):
        yield from state.nat_gateways.vpc.of(gateway.vpc_id)


def _with_instance(state: State, changed: Changed) -> Iterator[Shown]:
    """Routes that lead to its interfaces show whether it is on."""
    for interface in state.interfaces.instance.of(changed.id):
        yield from state.route_tables.interface.of(interface.id)


def _with_attachment(state: State, changed: Changed) -> Iterator[Shown]:
    row = state.attachments.get(changed.id)
    if volume := state.volumes.get(volume_of(changed.id)):
        yield volume
    if instance := state.instances.get(row.instance_id if row else changed.part_of):
        yield instance


def _with_interface(state: State, changed: Changed) -> Iterator[Shown]:
    row = state.interfaces.get(changed.id)
    if instance := state.instances.get(row.instance_id if row else changed.part_of):
        yield instance
    # An elastic address shows the instance that it leads to, a route whether there is one.
    yield from state.addresses.interface.of(changed.id)
    yield from state.route_tables.interface.of(changed.id)
    # A subnet shows how many addresses are free; of which one it was is not known when it is gone.
    yield from [state.subnets[row.subnet_id]] if row else state.subnets.project.of(changed.project_id)


def _with_address(state: State, changed: Changed) -> Iterator[Shown]:
    """The interface that has it, and the one that had it, with their instances."""
    row = state.addresses.get(changed.id)
    for interface_id in (changed.part_of, row.interface_id if row else ""):
        if interface := state.interfaces.get(interface_id):
            yield interface
            yield from filter(None, [state.instances.get(interface.instance_id)])


def _with_vpc(state: State, changed: Changed) -> Iterator[Shown]:
    """Instances show whether it has public names, and nothing else of it."""
    members = (state.instances.get(row.instance_id) for row in state.interfaces.vpc.of(changed.part_of))
    return filter(None, members)


def _with_subnet(state: State, changed: Changed) -> Iterator[Shown]:
    """The route table that it names, and the one that it named; its network ACL, or of one that is gone all."""
    row = state.subnets.get(changed.id)
    yield from [state.network_acls[row.network_acl_id]] if row else state.network_acls.project.of(changed.project_id)
    for table_id in (changed.part_of, row.route_table_id if row else ""):
        if table := state.route_tables.get(table_id):
            yield table
            yield from state.nat_gateways.vpc.of(table.vpc_id)


def _with_gateway(state: State, changed: Changed) -> Iterator[Shown]:
    """Route tables show whether their targets are there."""
    row = state.internet_gateways.get(changed.id) or state.nat_gateways.get(changed.id)
    for vpc_id in (changed.part_of, row.vpc_id if row else ""):
        yield from state.route_tables.vpc.of(vpc_id)
        yield from state.nat_gateways.vpc.of(vpc_id)


def _with_route_table(state: State, changed: Changed) -> Iterator[Shown]:
    """NAT gateways show whether their subnets lead out."""
    if row := state.route_tables.get(changed.id):
        yield from state.nat_gateways.vpc.of(row.vpc_id)


def _with_peering(state: State, changed: Changed) -> Iterator[Shown]:
    """Route tables show whether their targets are there. One that goes was over before."""
    if row := state.vpc_peering_connections.get(changed.id):
        for vpc_id in row.vpc_ids:
            yield from state.route_tables.vpc.of(vpc_id)


def _with_rule(state: State, changed: Changed) -> Iterator[Shown]:
    row = state.rules.get(changed.id)
    if group := state.security_groups.get(row.group_id if row else changed.part_of):
        yield group


def _with_observation(state: State, changed: Changed) -> Iterator[Shown]:
    host_id, kind, resource_id = changed.id.split("/")
    if kind == ObservedKind.VPC.value:
        instance_ids = [row.instance_id for row in state.interfaces.vpc.of(resource_id)]
        yield from (row for row in map(state.instances.get, instance_ids) if row and row.host_id == host_id)
    elif kind == ObservedKind.GATEWAY.value:
        yield from state.nat_gateways.vpc.of(resource_id)
    elif kind == ObservedKind.INSTANCE.value and (instance := state.instances.get(resource_id)):
        yield instance
        yield from _with_devices(state, instance, changed.part_of.split())
    elif kind == ObservedKind.VOLUME.value and (volume := state.volumes.get(resource_id)):
        yield volume
        yield from _holders(state, state.attachments.volume.of(volume.id))
    elif kind == ObservedKind.EXPORT.value and (attachment := state.attachments.get(resource_id)):
        yield attachment
        yield state.volumes[attachment.volume_id]
        yield from _holders(state, [attachment])


def _with_devices(state: State, instance: Instance, came_or_went: list[str]) -> Iterator[Shown]:
    """An interface may show that the guest has another, where it was not known before which it has."""
    if any(device.startswith(f"{Prefix.NETWORK_INTERFACE}-") for device in came_or_went):
        yield from state.interfaces.instance.of(instance.id)
    for held in filter(None, map(state.attachments.get, came_or_went)):
        yield from (held, state.volumes[held.volume_id])


def _holders(state: State, attachments: list[Attachment]) -> Iterator[Instance]:
    return (state.instances[attachment.instance_id] for attachment in attachments)


_FINDERS: dict[str, Callable[[State, Changed], Iterator[Shown]]] = {
    "host": _with_host,
    "instance": _with_instance,
    "attachment": _with_attachment,
    "network-interface": _with_interface,
    "address": _with_address,
    "vpc": _with_vpc,
    "subnet": _with_subnet,
    "internet-gateway": _with_gateway,
    "nat-gateway": _with_gateway,
    "vpc-peering-connection": _with_peering,
    "route-table": _with_route_table,
    "security-group-rule": _with_rule,
    "observation": _with_observation,
}
