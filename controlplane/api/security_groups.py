"""Security groups and their rules."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from controlplane.api import convert
from controlplane.api.caller import Context, Edge
from controlplane.api.describe import describe, describe_own
from controlplane.model.network import SecurityGroup, SecurityGroupRule
from controlplane.model.project import Role
from controlplane.model.state import State
from controlplane.service import describing, health, security_group_rules, security_groups
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
            group = to_security_group(state, late, row, Role.MEMBER) if row else pb.SecurityGroup(group_id=group_id)
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
        found, page = await describe(
            self._edge,
            request,
            lambda state, call: describing.own(state.security_groups, request.group_ids, call),
            describing.group_filters,
            lambda state, row, call: to_security_group(state, self._edge.sessions.late, row, call.role),
        )
        return pb.DescribeSecurityGroupsResponse(security_groups=found, **page)

    async def DescribeSecurityGroupRules(
        self, request: pb.DescribeSecurityGroupRulesRequest, context: Context
    ) -> pb.DescribeSecurityGroupRulesResponse:
        found, page = await describe_own(
            self._edge, request, lambda state: state.rules, request.rule_ids, lambda state, row, call: to_rule(row)
        )
        return pb.DescribeSecurityGroupRulesResponse(rules=found, **page)

    async def ModifySecurityGroupRules(
        self, request: pb.ModifySecurityGroupRulesRequest, context: Context
    ) -> pb.ModifySecurityGroupRulesResponse:
        asked = convert.to_request(request, security_group_rules.ModifyRules)

        def reply(state: State, rule_ids: Sequence[str]) -> pb.ModifySecurityGroupRulesResponse:
            return pb.ModifySecurityGroupRulesResponse(rules=_rules(state, rule_ids))

        made, _ = await self._edge.mutate(request, security_group_rules.modify, asked, reply)
        return made

    async def UpdateSecurityGroupRuleDescriptionsIngress(
        self, request: pb.UpdateSecurityGroupRuleDescriptionsIngressRequest, context: Context
    ) -> pb.UpdateSecurityGroupRuleDescriptionsIngressResponse:
        return await self._describe(request, False, pb.UpdateSecurityGroupRuleDescriptionsIngressResponse)

    async def UpdateSecurityGroupRuleDescriptionsEgress(
        self, request: pb.UpdateSecurityGroupRuleDescriptionsEgressRequest, context: Context
    ) -> pb.UpdateSecurityGroupRuleDescriptionsEgressResponse:
        return await self._describe(request, True, pb.UpdateSecurityGroupRuleDescriptionsEgressResponse)

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
        asked = convert.to_request(request, security_group_rules.Authorize, is_egress=is_egress)

        def reply(state: State, rule_ids: Sequence[str]) -> M:
            return response(rules=_rules(state, rule_ids))

        made, _ = await self._edge.mutate(request, security_group_rules.authorize, asked, reply)
        return made

    async def _revoke(self, request: Any, is_egress: bool, response: Callable[..., M]) -> M:
        asked = convert.to_request(request, security_group_rules.Revoke, is_egress=is_egress)

        def reply(state: State, result: Mapping[str, Any] | None) -> M:
            if result is None:  # Of a control plane of before, whose record this is.
                return response()
            unknown = [request.permissions[number] for number in result["unknown"]]
            return response(unknown_permissions=unknown, revoked_rule_ids=result["revoked"])

        done, _ = await self._edge.mutate(request, security_group_rules.revoke, asked, reply)
        return done

    async def _describe(self, request: Any, is_egress: bool, response: Callable[[], M]) -> M:
        asked = convert.to_request(request, security_group_rules.DescribeRules, is_egress=is_egress)
        done, _ = await self._edge.mutate(
            request, security_group_rules.update_descriptions, asked, lambda state, _: response()
        )
        return done


def _rules(state: State, rule_ids: Sequence[str]) -> list[pb.SecurityGroupRule]:
    """Those that there still are: a repeated call may be answered when they are gone."""
    return [to_rule(state.rules[rule_id]) for rule_id in rule_ids if rule_id in state.rules]


def to_security_group(state: State, late: health.Late, row: SecurityGroup, role: Role) -> pb.SecurityGroup:
    """With the hosts, for an admin."""
    status, detail = health.of_rules(row, late, role)
    return pb.SecurityGroup(
        group_id=row.id,
        group_name=row.name,
        description=row.description,
        vpc_id=row.vpc_id,
        rules=[to_rule(rule) for rule in state.rules.group.of(row.id)],
        tags=row.tags,
        status=status,
        status_detail=detail,
        owner_id=row.project_id,
        generation=row.generation,
        late_hosts=to_late_hosts(late, row.id, role),
    )


def to_late_hosts(late: health.Late, resource_id: str, role: Role) -> list[pb.LateHost]:
    """Of a group or an ACL, for an admin."""
    hosts = late(resource_id) if role is Role.ADMIN else ()
    return [pb.LateHost(host_id=host.id, generation=host.generation) for host in hosts]


def to_rule(row: SecurityGroupRule) -> pb.SecurityGroupRule:
    permission = pb.IpPermission(
        ip_protocol=row.ip_protocol, from_port=row.from_port, to_port=row.to_port, description=row.description
    )
    if row.source_group_id:
        permission.group_id = row.source_group_id
    elif row.prefix_list_id:
        permission.prefix_list_id = row.prefix_list_id
    elif row.cidr_ipv6:
        permission.cidr_ipv6 = row.cidr_ipv6
    else:
        permission.cidr_ipv4 = row.cidr_ipv4
    status, detail = health.of_rule(row)
    return pb.SecurityGroupRule(
        rule_id=row.id,
        is_egress=row.is_egress,
        permission=permission,
        group_id=row.group_id,
        tags=row.tags,
        status=status,
        status_detail=detail,
    )
