"""Peerings of VPCs."""

from controlplane.api import convert
from controlplane.api.caller import Context, Edge
from controlplane.api.describe import describe
from controlplane.model.state import State
from controlplane.model.vpc_peering import PeeringStatus, VpcPeeringConnection
from controlplane.service import vpc_peerings
from stead.v1 import vpc_peering_connections_pb2 as pb


class VpcPeeringCalls:
    """A part of the servicer of VPCs."""

    _edge: Edge

    async def CreateVpcPeeringConnection(
        self, request: pb.CreateVpcPeeringConnectionRequest, context: Context
    ) -> pb.CreateVpcPeeringConnectionResponse:
        asked = convert.to_request(request, vpc_peerings.CreateVpcPeeringConnection)
        made, _ = await self._edge.mutate(
            request,
            vpc_peerings.create,
            asked,
            lambda state, id: pb.CreateVpcPeeringConnectionResponse(vpc_peering_connection=_peering(state, id)),
        )
        return made

    async def AcceptVpcPeeringConnection(
        self, request: pb.AcceptVpcPeeringConnectionRequest, context: Context
    ) -> pb.AcceptVpcPeeringConnectionResponse:
        done, _ = await self._edge.mutate(
            request,
            vpc_peerings.accept,
            request.vpc_peering_connection_id,
            lambda state, id: pb.AcceptVpcPeeringConnectionResponse(vpc_peering_connection=_peering(state, id)),
        )
        return done

    async def RejectVpcPeeringConnection(
        self, request: pb.RejectVpcPeeringConnectionRequest, context: Context
    ) -> pb.RejectVpcPeeringConnectionResponse:
        done, _ = await self._edge.mutate(
            request,
            vpc_peerings.reject,
            request.vpc_peering_connection_id,
            lambda state, _: pb.RejectVpcPeeringConnectionResponse(),
        )
        return done

    async def DeleteVpcPeeringConnection(
        self, request: pb.DeleteVpcPeeringConnectionRequest, context: Context
    ) -> pb.DeleteVpcPeeringConnectionResponse:
        done, _ = await self._edge.mutate(
            request,
            vpc_peerings.delete,
            request.vpc_peering_connection_id,
            lambda state, _: pb.DeleteVpcPeeringConnectionResponse(),
        )
        return done

    async def DescribeVpcPeeringConnections(
        self, request: pb.DescribeVpcPeeringConnectionsRequest, context: Context
    ) -> pb.DescribeVpcPeeringConnectionsResponse:
        found, page = await describe(
            self._edge,
            request,
            lambda state, call: vpc_peerings.select(state, call, request.vpc_peering_connection_ids),
            lambda state: state.vpc_peering_connections.attributes,
            lambda state, row, call: to_vpc_peering(row),
        )
        return pb.DescribeVpcPeeringConnectionsResponse(vpc_peering_connections=found, **page)


def _peering(state: State, peering_id: str) -> pb.VpcPeeringConnection:
    row = state.vpc_peering_connections.get(peering_id)
    return to_vpc_peering(row) if row else pb.VpcPeeringConnection(vpc_peering_connection_id=peering_id)


def to_vpc_peering(row: VpcPeeringConnection) -> pb.VpcPeeringConnection:
    is_open = row.status is PeeringStatus.PENDING
    return pb.VpcPeeringConnection(
        vpc_peering_connection_id=row.id,
        requester_vpc_info=_vpc_info(row.vpc_id, row.project_id, row.cidr_block),
        accepter_vpc_info=_vpc_info(row.peer_vpc_id, row.peer_project_id, row.accepter_cidr_block),
        status=pb.VpcPeeringConnectionStateReason(code=row.status.value, message=row.message),
        expiration_time=convert.timestamp(row.expires_at) if is_open else None,
        tags=row.tags,
    )


def _vpc_info(vpc_id: str, owner_id: str, cidr_block: str) -> pb.VpcPeeringConnectionVpcInfo:
    return pb.VpcPeeringConnectionVpcInfo(vpc_id=vpc_id, owner_id=owner_id, cidr_block=cidr_block)
