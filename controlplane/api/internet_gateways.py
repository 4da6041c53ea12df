"""Internet gateways."""

from controlplane.api import convert
from controlplane.api.caller import Context, Edge
from controlplane.api.describe import describe_own
from controlplane.model.state import State
from controlplane.model.vpc import InternetGateway
from controlplane.service import internet_gateways
from stead.v1 import internet_gateways_pb2 as pb


class InternetGatewayCalls:
    """A part of the servicer of VPCs."""

    _edge: Edge

    async def CreateInternetGateway(
        self, request: pb.CreateInternetGatewayRequest, context: Context
    ) -> pb.CreateInternetGatewayResponse:
        asked = convert.to_request(request, internet_gateways.CreateInternetGateway)

        def reply(state: State, gateway_id: str) -> pb.CreateInternetGatewayResponse:
            row = state.internet_gateways.get(gateway_id)
            gateway = to_internet_gateway(row) if row else pb.InternetGateway(internet_gateway_id=gateway_id)
            return pb.CreateInternetGatewayResponse(internet_gateway=gateway)

        made, _ = await self._edge.mutate(request, internet_gateways.create, asked, reply)
        return made

    async def AttachInternetGateway(
        self, request: pb.AttachInternetGatewayRequest, context: Context
    ) -> pb.AttachInternetGatewayResponse:
        asked = convert.to_request(request, internet_gateways.AttachInternetGateway)
        done, _ = await self._edge.mutate(
            request, internet_gateways.attach, asked, lambda state, _: pb.AttachInternetGatewayResponse()
        )
        return done

    async def DetachInternetGateway(
        self, request: pb.DetachInternetGatewayRequest, context: Context
    ) -> pb.DetachInternetGatewayResponse:
        asked = convert.to_request(request, internet_gateways.AttachInternetGateway)
        done, _ = await self._edge.mutate(
            request, internet_gateways.detach, asked, lambda state, _: pb.DetachInternetGatewayResponse()
        )
        return done

    async def DeleteInternetGateway(
        self, request: pb.DeleteInternetGatewayRequest, context: Context
    ) -> pb.DeleteInternetGatewayResponse:
        done, _ = await self._edge.mutate(
            request,
            internet_gateways.delete,
            request.internet_gateway_id,
            lambda state, _: pb.DeleteInternetGatewayResponse(),
        )
        return done

    async def DescribeInternetGateways(
        self, request: pb.DescribeInternetGatewaysRequest, context: Context
    ) -> pb.DescribeInternetGatewaysResponse:
        found, page = await describe_own(
            self._edge,
            request,
            lambda state: state.internet_gateways,
            request.internet_gateway_ids,
            lambda state, row, call: to_internet_gateway(row),
        )
        return pb.DescribeInternetGatewaysResponse(internet_gateways=found, **page)


def to_internet_gateway(row: InternetGateway) -> pb.InternetGateway:
    return pb.InternetGateway(internet_gateway_id=row.id, vpc_id=row.vpc_id, tags=row.tags, owner_id=row.project_id)
