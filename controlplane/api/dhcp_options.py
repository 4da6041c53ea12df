"""Sets of DHCP options."""

from controlplane.api import convert
from controlplane.api.caller import Context, Edge
from controlplane.api.describe import describe_own
from controlplane.model.dhcp_options import DhcpOptions
from controlplane.model.state import State
from controlplane.service import dhcp_options
from stead.v1 import dhcp_options_pb2 as pb


class DhcpOptionsCalls:
    """A part of the servicer of VPCs."""

    _edge: Edge

    async def CreateDhcpOptions(
        self, request: pb.CreateDhcpOptionsRequest, context: Context
    ) -> pb.CreateDhcpOptionsResponse:
        asked = convert.to_request(request, dhcp_options.CreateDhcpOptions)

        def reply(state: State, options_id: str) -> pb.CreateDhcpOptionsResponse:
            row = state.dhcp_options.get(options_id)
            told = to_dhcp_options(row) if row else pb.DhcpOptions(dhcp_options_id=options_id)
            return pb.CreateDhcpOptionsResponse(dhcp_options=told)

        made, _ = await self._edge.mutate(request, dhcp_options.create, asked, reply)
        return made

    async def AssociateDhcpOptions(
        self, request: pb.AssociateDhcpOptionsRequest, context: Context
    ) -> pb.AssociateDhcpOptionsResponse:
        asked = convert.to_request(request, dhcp_options.AssociateDhcpOptions)
        done, _ = await self._edge.mutate(
            request, dhcp_options.associate, asked, lambda state, _: pb.AssociateDhcpOptionsResponse()
        )
        return done

    async def DeleteDhcpOptions(
        self, request: pb.DeleteDhcpOptionsRequest, context: Context
    ) -> pb.DeleteDhcpOptionsResponse:
        done, _ = await self._edge.mutate(
            request, dhcp_options.delete, request.dhcp_options_id, lambda state, _: pb.DeleteDhcpOptionsResponse()
        )
        return done

    async def DescribeDhcpOptions(
        self, request: pb.DescribeDhcpOptionsRequest, context: Context
    ) -> pb.DescribeDhcpOptionsResponse:
        found, page = await describe_own(
            self._edge,
            request,
            lambda state: state.dhcp_options,
            request.dhcp_options_ids,
            lambda state, row, call: to_dhcp_options(row),
        )
        return pb.DescribeDhcpOptionsResponse(dhcp_options=found, **page)


def to_dhcp_options(row: DhcpOptions) -> pb.DhcpOptions:
    configurations = [pb.DhcpConfiguration(key=key, values=values) for key, values in row.configurations.items()]
    return pb.DhcpOptions(
        dhcp_options_id=row.id, dhcp_configurations=configurations, tags=row.tags, owner_id=row.project_id
    )
