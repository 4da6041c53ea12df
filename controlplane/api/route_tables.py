"""Route tables, their associations and their routes."""

from controlplane.api import convert
from controlplane.api.caller import Context, Edge
from controlplane.api.describe import describe
from controlplane.model.state import State
from controlplane.model.vpc import RouteTable
from controlplane.service import route_tables
from controlplane.service.describing import own, route_table_filters
from stead.v1 import route_tables_pb2 as pb


class RouteTableCalls:
    """A part of the servicer of VPCs."""

    _edge: Edge

    async def CreateRouteTable(
        self, request: pb.CreateRouteTableRequest, context: Context
    ) -> pb.CreateRouteTableResponse:
        asked = convert.to_request(request, route_tables.CreateRouteTable)

        def reply(state: State, table_id: str) -> pb.CreateRouteTableResponse:
            row = state.route_tables.get(table_id)
            table = to_route_table(state, row) if row else pb.RouteTable(route_table_id=table_id)
            return pb.CreateRouteTableResponse(route_table=table)

        made, _ = await self._edge.mutate(request, route_tables.create, asked, reply)
        return made

    async def DeleteRouteTable(
        self, request: pb.DeleteRouteTableRequest, context: Context
    ) -> pb.DeleteRouteTableResponse:
        done, _ = await self._edge.mutate(
            request, route_tables.delete, request.route_table_id, lambda state, _: pb.DeleteRouteTableResponse()
        )
        return done

    async def AssociateRouteTable(
        self, request: pb.AssociateRouteTableRequest, context: Context
    ) -> pb.AssociateRouteTableResponse:
        asked = convert.to_request(request, route_tables.AssociateRouteTable)
        done, _ = await self._edge.mutate(
            request,
            route_tables.associate,
            asked,
            lambda state, id: pb.AssociateRouteTableResponse(route_table_association_id=id),
        )
        return done

    async def DisassociateRouteTable(
        self, request: pb.DisassociateRouteTableRequest, context: Context
    ) -> pb.DisassociateRouteTableResponse:
        done, _ = await self._edge.mutate(
            request,
            route_tables.disassociate,
            request.route_table_association_id,
            lambda state, _: pb.DisassociateRouteTableResponse(),
        )
        return done

    async def ReplaceRouteTableAssociation(
        self, request: pb.ReplaceRouteTableAssociationRequest, context: Context
    ) -> pb.ReplaceRouteTableAssociationResponse:
        asked = convert.to_request(request, route_tables.ReplaceRouteTableAssociation)
        done, _ = await self._edge.mutate(
            request,
            route_tables.replace_association,
            asked,
            lambda state, id: pb.ReplaceRouteTableAssociationResponse(route_table_association_id=id),
        )
        return done

    async def CreateRoute(self, request: pb.CreateRouteRequest, context: Context) -> pb.CreateRouteResponse:
        asked = convert.to_request(request, route_tables.CreateRoute)
        done, _ = await self._edge.mutate(
            request, route_tables.create_route, asked, lambda state, _: pb.CreateRouteResponse()
        )
        return done

    async def ReplaceRoute(self, request: pb.ReplaceRouteRequest, context: Context) -> pb.ReplaceRouteResponse:
        asked = convert.to_request(request, route_tables.CreateRoute)
        done, _ = await self._edge.mutate(
            request, route_tables.replace_route, asked, lambda state, _: pb.ReplaceRouteResponse()
        )
        return done

    async def DeleteRoute(self, request: pb.DeleteRouteRequest, context: Context) -> pb.DeleteRouteResponse:
        asked = convert.to_request(request, route_tables.DeleteRoute)
        done, _ = await self._edge.mutate(
            request, route_tables.delete_route, asked, lambda state, _: pb.DeleteRouteResponse()
        )
        return done

    async def DescribeRouteTables(
        self, request: pb.DescribeRouteTablesRequest, context: Context
    ) -> pb.DescribeRouteTablesResponse:
        found, page = await describe(
            self._edge,
            request,
            lambda state, call: own(state.route_tables, request.route_table_ids, call),
            route_table_filters,
            lambda state, row, call: to_route_table(state, row),
        )
        return pb.DescribeRouteTablesResponse(route_tables=found, **page)


def to_route_table(state: State, row: RouteTable) -> pb.RouteTable:
    return pb.RouteTable(
        route_table_id=row.id,
        vpc_id=row.vpc_id,
        is_main=row.is_main,
        routes=[
            pb.Route(
                destination_cidr_block=route.cidr_block,
                target_id=route.target,
                state=route_tables.state_of(state, row, route),
                origin=route.origin,
            )
            for route in row.routes
        ],
        associations=_associations(state, row),
        tags=row.tags,
        owner_id=row.project_id,
    )


def _associations(state: State, row: RouteTable) -> list[pb.RouteTableAssociation]:
    """The main table's own first."""
    held = [(row.main_association_id, "")] if row.is_main else []
    held += [(subnet.association_id, subnet.id) for subnet in state.subnets.route_table.of(row.id)]
    return [
        pb.RouteTableAssociation(
            route_table_association_id=association_id,
            route_table_id=row.id,
            subnet_id=subnet_id,
            main=not subnet_id,
            state="associated",
        )
        for association_id, subnet_id in held
    ]
