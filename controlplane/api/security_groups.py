"""Security groups."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from controlplane.api import convert
from controlplane.api.caller import Context, Edge
from controlplane.api.describe import describe_own
from controlplane.model.network import SecurityGroup, SecurityGroupRule
from controlplane.model.state import State
from controlplane.service import health, security_groups
from stead.v1 import security_groups_pb2 as pb
from stead.v1.security_groups_pb2_grpc import SecurityGroupsServicer

M = TypeVar("M")


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
