"""NAT gateways."""

from controlplane.api import convert
from controlplane.api.caller import Context, Edge
from controlplane.api.describe import describe
from controlplane.model.nat_gateway import NatGateway
from controlplane.model.project import Role
from controlplane.model.state import State
from controlplane.service import health, nat_gateways
from controlplane.service.describing import nat_gateway_filters, own
from controlplane.sessions import Sessions
from stead.v1 import nat_gateways_pb2 as pb


class NatGatewayCalls:
    """A part of the servicer of VPCs."""

    _edge: Edge

    async def CreateNatGateway(
        self, request: pb.CreateNatGatewayRequest, context: Context
    ) -> pb.CreateNatGatewayResponse:
        asked = convert.to_request(request, nat_gateways.CreateNatGateway)
        role = self._edge.call().role

        def reply(state: State, nat_gateway_id: str) -> pb.CreateNatGatewayResponse:
            row = state.nat_gateways.get(nat_gateway_id)
            made = pb.NatGateway(nat_gateway_id=nat_gateway_id)
            return pb.CreateNatGatewayResponse(
                nat_gateway=to_nat_gateway(state, self._edge.sessions, row, role) if row else made
            )

        made, _ = await self._edge.mutate(request, nat_gateways.create, asked, reply)
        return made

    async def DeleteNatGateway(
        self, request: pb.DeleteNatGatewayRequest, context: Context
    ) -> pb.DeleteNatGatewayResponse:
        done, _ = await self._edge.mutate(
            request,
            nat_gateways.delete,
            request.nat_gateway_id,
            lambda state, id: pb.DeleteNatGatewayResponse(nat_gateway_id=id),
        )
        return done

    async def DescribeNatGateways(
        self, request: pb.DescribeNatGatewaysRequest, context: Context
    ) -> pb.DescribeNatGatewaysResponse:
        found, page = await describe(
            self._edge,
            request,
            lambda state, call: own(state.nat_gateways, request.nat_gateway_ids, call),
            nat_gateway_filters,
            lambda state, row, call: to_nat_gateway(state, self._edge.sessions, row, call.role),
        )
        return pb.DescribeNatGatewaysResponse(nat_gateways=found, **page)


def to_nat_gateway(state: State, sessions: Sessions, row: NatGateway, role: Role) -> pb.NatGateway:
    use = sessions.nat_uses.of(row.id)
    shown = nat_gateways.state_of(state, row)
    detail = "; ".join(nat_gateways.problems(state, sessions.presence, row, use, sessions.now()))
    address = pb.NatGatewayAddress(
        allocation_id=row.allocation_id,
        network_interface_id="" if row.deleted_at else row.interface_id,
        private_ip=row.private_ip,
        public_ip=row.public_ip,
    )
    return pb.NatGateway(
        nat_gateway_id=row.id,
        vpc_id=row.vpc_id,
        subnet_id=row.subnet_id,
        state=shown,
        create_time=convert.timestamp(row.created_at),
        delete_time=convert.maybe(row.deleted_at),
        failure_code="InternalError" if shown == "failed" else "",
        failure_message=health.shown_cause(state, nat_gateways.failure(state, row), role),
        nat_gateway_addresses=[address],
        tags=row.tags,
        state_detail=health.shown_cause(state, detail, role),
        active_connection_count=use.active_connections if use else 0,
        error_port_allocation=use.refused_connections if use else 0,
        owner_id=row.project_id,
    )
