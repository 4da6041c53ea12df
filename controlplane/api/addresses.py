"""Elastic IP addresses."""

from controlplane.api import convert
from controlplane.api.caller import Context, Edge
from controlplane.api.describe import describe
from controlplane.model.network import PublicAddress
from controlplane.model.state import State
from controlplane.service import addresses, describing
from stead.v1 import addresses_pb2 as pb
from stead.v1.addresses_pb2_grpc import AddressesServicer


class Addresses(AddressesServicer):
    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def AllocateAddress(self, request: pb.AllocateAddressRequest, context: Context) -> pb.AllocateAddressResponse:
        asked = convert.to_request(request, addresses.AllocateAddress)

        def reply(state: State, allocation_id: str) -> pb.AllocateAddressResponse:
            row = state.addresses.get(allocation_id)
            message = to_address(state, row) if row else pb.Address(allocation_id=allocation_id)
            return pb.AllocateAddressResponse(address=message)

        made, _ = await self._edge.mutate(request, addresses.allocate, asked, reply)
        return made

    async def AssociateAddress(
        self, request: pb.AssociateAddressRequest, context: Context
    ) -> pb.AssociateAddressResponse:
        asked = convert.to_request(request, addresses.AssociateAddress)
        made, _ = await self._edge.mutate(
            request,
            addresses.associate,
            asked,
            lambda state, association_id: pb.AssociateAddressResponse(association_id=association_id),
        )
        return made

    async def DisassociateAddress(
        self, request: pb.DisassociateAddressRequest, context: Context
    ) -> pb.DisassociateAddressResponse:
        done, _ = await self._edge.mutate(
            request,
            addresses.disassociate,
            request.association_id,
            lambda state, _: pb.DisassociateAddressResponse(),
        )
        return done

    async def ReleaseAddress(self, request: pb.ReleaseAddressRequest, context: Context) -> pb.ReleaseAddressResponse:
        done, _ = await self._edge.mutate(
            request,
            addresses.release,
            request.allocation_id,
            lambda state, _: pb.ReleaseAddressResponse(),
        )
        return done

    async def DescribeAddresses(
        self, request: pb.DescribeAddressesRequest, context: Context
    ) -> pb.DescribeAddressesResponse:
        found, page = await describe(
            self._edge,
            request,
            lambda state, call: describing.own(state.addresses, request.allocation_ids, call),
            describing.address_filters,
            lambda state, row, call: to_address(state, row),
        )
        return pb.DescribeAddressesResponse(addresses=found, **page)


def to_address(state: State, row: PublicAddress) -> pb.Address:
    message = pb.Address(
        allocation_id=row.id, public_ip=row.public_ip, association_id=row.association_id, tags=row.tags
    )
    if row.interface_id:
        interface = state.interfaces[row.interface_id]
        message.network_interface_id = interface.id
        message.instance_id = interface.instance_id
        message.private_ip_address = row.private_ip or interface.private_ip
    return message
