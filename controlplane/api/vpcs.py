"""VPCs and security groups."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from controlplane.api import convert
from controlplane.api.caller import Context, Edge
from controlplane.api.describe import describe_own
from controlplane.model.addressing import usable_count
from controlplane.model.network import InternetGateway, RouteTable, SecurityGroup, SecurityGroupRule, Subnet, Vpc
from controlplane.model.state import State
from controlplane.service import health, security_groups, vpcs
from stead.v1 import security_groups_pb2 as pb
from stead.v1 import vpcs_pb2
from stead.v1.security_groups_pb2_grpc import SecurityGroupsServicer
from stead.v1.vpcs_pb2_grpc import VpcsServicer

M = TypeVar("M")


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


class SecurityGroups(SecurityGroupsServicer):
    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def CreateSecurityGroup(
        self, request: pb.CreateSecurityGroupRequest, context: Context
    ) -> pb.CreateSecurityGroupResponse:
        asked = convert.to_request(request, security_groups.CreateSecurityGroup)

        def reply(state: State, group_id: str) -> pb.CreateSecurityGroupResponse:
            row, late = state.security_groups.get(group_id), self._edge.sessions.late
            group = to_security_group(state, late, row) if row else pb.SecurityGroup(group_id=group_id)
            return pb.CreateSecurityGroupResponse(security_group=group)

        made, _ = await self._edge.mutate(request, security_groups.create, asked, reply)
        return made

    async def DeleteSecurityGroup(
        self, request: pb.DeleteSecurityGroupRequest, context: Context
    ) -> pb.DeleteSecurityGroupResponse:
        done, _ = await self._edge.mutate(
            request,
            security_groups.delete,
            request.group_id,
            lambda state, _: pb.DeleteSecurityGroupResponse(),
        )
        return done

    async def DescribeSecurityGroups(
        self, request: pb.DescribeSecurityGroupsRequest, context: Context
    ) -> pb.DescribeSecurityGroupsResponse:
        found, page = await describe_own(
            self._edge,
            request,
            lambda state: state.security_groups,
            request.group_ids,
            lambda state, row, call: to_security_group(state, self._edge.sessions.late, row),
        )
        return pb.DescribeSecurityGroupsResponse(security_groups=found, **page)

    async def AuthorizeSecurityGroupIngress(
        self, request: pb.AuthorizeSecurityGroupIngressRequest, context: Context
    ) -> pb.AuthorizeSecurityGroupIngressResponse:
        return await self._authorize(request, False, pb.AuthorizeSecurityGroupIngressResponse)

    async def AuthorizeSecurityGroupEgress(
        self, request: pb.AuthorizeSecurityGroupEgressRequest, context: Context
    ) -> pb.AuthorizeSecurityGroupEgressResponse:
        return await self._authorize(request, True, pb.AuthorizeSecurityGroupEgressResponse)

    async def RevokeSecurityGroupIngress(
        self, request: pb.RevokeSecurityGroupIngressRequest, context: Context
    ) -> pb.RevokeSecurityGroupIngressResponse:
        return await self._revoke(request, False, pb.RevokeSecurityGroupIngressResponse)

    async def RevokeSecurityGroupEgress(
        self, request: pb.RevokeSecurityGroupEgressRequest, context: Context
    ) -> pb.RevokeSecurityGroupEgressResponse:
        return await self._revoke(request, True, pb.RevokeSecurityGroupEgressResponse)

    async def _authorize(self, request: Any, is_egress: bool, response: Callable[..., M]) -> M:
        asked = convert.to_request(request, security_groups.Authorize, is_egress=is_egress)

        def reply(state: State, rule_ids: Sequence[str]) -> M:
            rules = [to_rule(state.rules[rule_id]) for rule_id in rule_ids if rule_id in state.rules]
            return response(rules=rules)

        made, _ = await self._edge.mutate(request, security_groups.authorize, asked, reply)
        return made

    async def _revoke(self, request: Any, is_egress: bool, response: Callable[[], M]) -> M:
        asked = convert.to_request(request, security_groups.Revoke, is_egress=is_egress)
        done, _ = await self._edge.mutate(request, security_groups.revoke, asked, lambda state, _: response())
        return done


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


def to_security_group(state: State, late: health.Late, row: SecurityGroup) -> pb.SecurityGroup:
    status, detail = health.of_group(row, late)
    return pb.SecurityGroup(
        group_id=row.id,
        group_name=row.name,
        description=row.description,
        vpc_id=row.vpc_id,
        rules=[to_rule(rule) for rule in state.rules.group.of(row.id)],
        tags=row.tags,
        status=status,
        status_detail=detail,
    )


def to_rule(row: SecurityGroupRule) -> pb.SecurityGroupRule:
    permission = pb.IpPermission(
        ip_protocol=row.ip_protocol, from_port=row.from_port, to_port=row.to_port, description=row.description
    )
    if row.source_group_id:
        permission.group_id = row.source_group_id
    elif row.prefix_list_id:
        permission.prefix_list_id = row.prefix_list_id
    else:
        permission.cidr_ipv4 = row.cidr_ipv4
    return pb.SecurityGroupRule(rule_id=row.id, is_egress=row.is_egress, permission=permission, group_id=row.group_id)
