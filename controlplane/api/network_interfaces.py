"""Network interfaces, those of instances too."""

from controlplane.api import convert
from controlplane.api.caller import Context, Edge
from controlplane.api.describe import describe
from controlplane.model.network import NetworkInterface
from controlplane.model.state import State
from controlplane.service import describing, health, interface_attachments, network_interfaces, private_addresses
from stead.v1 import instances_pb2
from stead.v1 import network_interfaces_pb2 as pb
from stead.v1.network_interfaces_pb2_grpc import NetworkInterfacesServicer


class NetworkInterfaces(NetworkInterfacesServicer):
    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def CreateNetworkInterface(
        self, request: pb.CreateNetworkInterfaceRequest, context: Context
    ) -> pb.CreateNetworkInterfaceResponse:
        asked = convert.to_request(request, network_interfaces.CreateNetworkInterface)
        made, _ = await self._edge.mutate(
            request,
            network_interfaces.create,
            asked,
            lambda state, id: pb.CreateNetworkInterfaceResponse(network_interface=_by_id(state, id)),
        )
        return made

    async def DescribeNetworkInterfaces(
        self, request: pb.DescribeNetworkInterfacesRequest, context: Context
    ) -> pb.DescribeNetworkInterfacesResponse:
        found, page = await describe(
            self._edge,
            request,
            lambda state, call: describing.own(state.interfaces, request.network_interface_ids, call),
            describing.interface_filters,
            lambda state, row, call: to_interface(state, row),
        )
        return pb.DescribeNetworkInterfacesResponse(network_interfaces=found, **page)

    async def ModifyNetworkInterfaceAttribute(
        self, request: pb.ModifyNetworkInterfaceAttributeRequest, context: Context
    ) -> pb.ModifyNetworkInterfaceAttributeResponse:
        asked = convert.to_request(request, network_interfaces.ModifyNetworkInterfaceAttribute)
        done, _ = await self._edge.mutate(
            request,
            network_interfaces.modify,
            asked,
            lambda state, id: pb.ModifyNetworkInterfaceAttributeResponse(network_interface=_by_id(state, id)),
        )
        return done

    async def AttachNetworkInterface(
        self, request: pb.AttachNetworkInterfaceRequest, context: Context
    ) -> pb.AttachNetworkInterfaceResponse:
        asked = convert.to_request(request, interface_attachments.AttachNetworkInterface)
        made, _ = await self._edge.mutate(
            request,
            interface_attachments.attach,
            asked,
            lambda state, id: pb.AttachNetworkInterfaceResponse(attachment=_attachment(state, id)),
        )
        return made

    async def DetachNetworkInterface(
        self, request: pb.DetachNetworkInterfaceRequest, context: Context
    ) -> pb.DetachNetworkInterfaceResponse:
        asked = convert.to_request(request, interface_attachments.DetachNetworkInterface)
        done, _ = await self._edge.mutate(
            request,
            interface_attachments.detach,
            asked,
            lambda state, id: pb.DetachNetworkInterfaceResponse(attachment=_attachment(state, id)),
        )
        return done

    async def DeleteNetworkInterface(
        self, request: pb.DeleteNetworkInterfaceRequest, context: Context
    ) -> pb.DeleteNetworkInterfaceResponse:
        done, _ = await self._edge.mutate(
            request,
            network_interfaces.delete,
            request.network_interface_id,
            lambda state, _: pb.DeleteNetworkInterfaceResponse(),
        )
        return done

    async def AssignPrivateIpAddresses(
        self, request: pb.AssignPrivateIpAddressesRequest, context: Context
    ) -> pb.AssignPrivateIpAddressesResponse:
        asked = convert.to_request(request, private_addresses.AssignPrivateIpAddresses)
        done, _ = await self._edge.mutate(
            request,
            private_addresses.assign,
            asked,
            lambda state, ips: pb.AssignPrivateIpAddressesResponse(
                network_interface_id=asked.network_interface_id, assigned_private_ip_addresses=ips
            ),
        )
        return done

    async def UnassignPrivateIpAddresses(
        self, request: pb.UnassignPrivateIpAddressesRequest, context: Context
    ) -> pb.UnassignPrivateIpAddressesResponse:
        asked = convert.to_request(request, private_addresses.UnassignPrivateIpAddresses)
        done, _ = await self._edge.mutate(
            request,
            private_addresses.unassign,
            asked,
            lambda state, _: pb.UnassignPrivateIpAddressesResponse(),
        )
        return done


def _by_id(state: State, interface_id: str) -> instances_pb2.NetworkInterface:
    """Its id alone, when what a repeated call made is gone."""
    row = state.interfaces.get(interface_id)
    return to_interface(state, row) if row else instances_pb2.NetworkInterface(network_interface_id=interface_id)


def _attachment(state: State, attachment_id: str) -> instances_pb2.NetworkInterfaceAttachment:
    """Detached, when that is over."""
    message = instances_pb2.NetworkInterfaceAttachment(attachment_id=attachment_id, status="detached")
    if row := state.interfaces.attachment.get(attachment_id):
        _show_attachment(state, message, row)
    return message


def to_interface(state: State, row: NetworkInterface) -> instances_pb2.NetworkInterface:
    message = instances_pb2.NetworkInterface()
    show_in_instance(state, message, row)
    _show_rest(state, message, row)
    return message


def show_in_instance(state: State, message: instances_pb2.NetworkInterface, row: NetworkInterface) -> None:
    """What an instance shows of it, which is not all, since a page of them would take half as long again. In its place:
    to copy it there takes as long.
    """
    message.network_interface_id = row.id
    message.device_index = row.device_index
    message.mac_address = row.mac_address
    message.private_ip_address = row.private_ip
    message.subnet_id = row.subnet_id
    for group_id in row.group_ids:
        message.groups.add(group_id=group_id, group_name=state.security_groups[group_id].name)


def _show_rest(state: State, message: instances_pb2.NetworkInterface, row: NetworkInterface) -> None:
    message.status = network_interfaces.status_of(state, row)
    message.interface_type = network_interfaces.type_of(state, row)
    if nat := state.nat_gateways.interface.get(row.id):
        message.nat_gateway_id = nat.id
    message.source_dest_check = row.source_dest_check
    message.description = row.description
    message.vpc_id = row.vpc_id
    message.zone_name = state.subnets[row.subnet_id].zone
    message.owner_id = row.project_id
    message.create_time.CopyFrom(convert.timestamp(row.created_at))
    message.tags.update(row.tags)
    if row.instance_id:
        _show_attachment(state, message.attachment, row)
    _add_private_ips(state, message, row)


def _show_attachment(state: State, message: instances_pb2.NetworkInterfaceAttachment, row: NetworkInterface) -> None:
    message.attachment_id = row.attachment_id
    message.instance_id = row.instance_id
    message.device_index = row.device_index
    message.status, message.status_detail = health.of_interface(state, row)
    message.delete_on_termination = row.delete_on_termination
    if row.attached_at:
        message.attach_time.CopyFrom(convert.timestamp(row.attached_at))


def _add_private_ips(state: State, message: instances_pb2.NetworkInterface, row: NetworkInterface) -> None:
    public = {address.private_ip or row.private_ip: address for address in state.addresses.interface.of(row.id)}
    for private_ip in row.private_ips:
        shown = message.private_ip_addresses.add(private_ip_address=private_ip, primary=private_ip == row.private_ip)
        if address := public.get(private_ip):
            shown.public_ip = address.public_ip
            if address.is_elastic:
                shown.allocation_id, shown.association_id = address.id, address.association_id
