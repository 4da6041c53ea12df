"""VPCs, subnets, internet gateways and route tables."""

from controlplane.api import convert
from controlplane.api.caller import Context, Edge
from controlplane.api.describe import describe_own
from controlplane.model.addressing import usable_count
from controlplane.model.state import State
from controlplane.model.vpc import InternetGateway, RouteTable, Subnet, Vpc
from controlplane.service import vpcs
from stead.v1 import vpcs_pb2
from stead.v1.vpcs_pb2_grpc import VpcsServicer


class Vpcs(VpcsServicer):
    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def DescribeVpcs(
        self, request: vpcs_pb2.DescribeVpcsRequest, context: Context
    ) -> vpcs_pb2.DescribeVpcsResponse:
        found, page = await describe_own(
            self._edge, request, lambda state: state.vpcs, request.vpc_ids, lambda state, row, call: to_vpc(row)
        )
        return vpcs_pb2.DescribeVpcsResponse(vpcs=found, **page)

    async def DescribeSubnets(
        self, request: vpcs_pb2.DescribeSubnetsRequest, context: Context
    ) -> vpcs_pb2.DescribeSubnetsResponse:
        found, page = await describe_own(
            self._edge,
            request,
            lambda state: state.subnets,
            request.subnet_ids,
            lambda state, row, call: to_subnet(state, row),
        )
        return vpcs_pb2.DescribeSubnetsResponse(subnets=found, **page)

    async def ModifySubnetAttribute(
        self, request: vpcs_pb2.ModifySubnetAttributeRequest, context: Context
    ) -> vpcs_pb2.ModifySubnetAttributeResponse:
        asked = convert.to_request(request, vpcs.ModifySubnetAttribute)

        def reply(state: State, _: None) -> vpcs_pb2.ModifySubnetAttributeResponse:
            return vpcs_pb2.ModifySubnetAttributeResponse(subnet=to_subnet(state, state.subnets[asked.subnet_id]))

        done, _ = await self._edge.mutate(request, vpcs.modify_subnet, asked, reply)
        return done

    async def DescribeInternetGateways(
        self, request: vpcs_pb2.DescribeInternetGatewaysRequest, context: Context
    ) -> vpcs_pb2.DescribeInternetGatewaysResponse:
        found, page = await describe_own(
            self._edge,
            request,
            lambda state: state.internet_gateways,
            request.internet_gateway_ids,
            lambda state, row, call: to_internet_gateway(row),
        )
        return vpcs_pb2.DescribeInternetGatewaysResponse(internet_gateways=found, **page)

    async def DescribeRouteTables(
        self, request: vpcs_pb2.DescribeRouteTablesRequest, context: Context
    ) -> vpcs_pb2.DescribeRouteTablesResponse:
        found, page = await describe_own(
            self._edge,
            request,
            lambda state: state.route_tables,
            request.route_table_ids,
            lambda state, row, call: to_route_table(state, row),
        )
        return vpcs_pb2.DescribeRouteTablesResponse(route_tables=found, **page)


def to_vpc(row: Vpc) -> vpcs_pb2.Vpc:
    return vpcs_pb2.Vpc(
        vpc_id=row.id, cidr_block=row.cidr_block, is_default=row.is_default, state="available", tags=row.tags
    )


def to_subnet(state: State, row: Subnet) -> vpcs_pb2.Subnet:
    return vpcs_pb2.Subnet(
        subnet_id=row.id,
        vpc_id=row.vpc_id,
        cidr_block=row.cidr_block,
        zone_name=row.zone,
        map_public_ip_on_launch=row.map_public_ip_on_launch,
        default_for_az=row.default_for_az,
        available_ip_address_count=usable_count(row.network) - state.interfaces.subnet.count(row.id),
        state="available",
        tags=row.tags,
    )


def to_internet_gateway(row: InternetGateway) -> vpcs_pb2.InternetGateway:
    return vpcs_pb2.InternetGateway(internet_gateway_id=row.id, vpc_id=row.vpc_id, tags=row.tags)


def to_route_table(state: State, row: RouteTable) -> vpcs_pb2.RouteTable:
    return vpcs_pb2.RouteTable(
        route_table_id=row.id,
        vpc_id=row.vpc_id,
        is_main=row.is_main,
        routes=[
            vpcs_pb2.Route(
                destination_cidr_block=route.cidr_block,
                target_id=route.target,
                state="active" if route.target == "local" or route.target in state.internet_gateways else "blackhole",
            )
            for route in row.routes
        ],
        tags=row.tags,
    )
