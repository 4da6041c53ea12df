"""Network ACLs, their entries and the subnets that they guard."""

from collections.abc import Callable
from typing import Any, TypeVar

from controlplane.api import convert
from controlplane.api.caller import Context, Edge
from controlplane.api.describe import describe
from controlplane.api.security_groups import to_late_hosts
from controlplane.model.network_acl import NetworkAcl, NetworkAclEntry
from controlplane.model.project import Role
from controlplane.model.state import State
from controlplane.service import health, network_acls
from controlplane.service.describing import network_acl_filters, own
from stead.v1 import network_acls_pb2 as pb

M = TypeVar("M")


class NetworkAclCalls:
    """A part of the servicer of VPCs."""

    _edge: Edge

    async def CreateNetworkAcl(
        self, request: pb.CreateNetworkAclRequest, context: Context
    ) -> pb.CreateNetworkAclResponse:
        asked = convert.to_request(request, network_acls.CreateNetworkAcl)

        def reply(state: State, acl_id: str) -> pb.CreateNetworkAclResponse:
            row, late = state.network_acls.get(acl_id), self._edge.sessions.late
            acl = to_network_acl(state, late, row, Role.MEMBER) if row else pb.NetworkAcl(network_acl_id=acl_id)
            return pb.CreateNetworkAclResponse(network_acl=acl)

        made, _ = await self._edge.mutate(request, network_acls.create, asked, reply)
        return made

    async def DeleteNetworkAcl(
        self, request: pb.DeleteNetworkAclRequest, context: Context
    ) -> pb.DeleteNetworkAclResponse:
        done, _ = await self._edge.mutate(
            request, network_acls.delete, request.network_acl_id, lambda state, _: pb.DeleteNetworkAclResponse()
        )
        return done

    async def CreateNetworkAclEntry(
        self, request: pb.CreateNetworkAclEntryRequest, context: Context
    ) -> pb.CreateNetworkAclEntryResponse:
        return await self._put_entry(request, network_acls.create_entry, pb.CreateNetworkAclEntryResponse)

    async def ReplaceNetworkAclEntry(
        self, request: pb.ReplaceNetworkAclEntryRequest, context: Context
    ) -> pb.ReplaceNetworkAclEntryResponse:
        return await self._put_entry(request, network_acls.replace_entry, pb.ReplaceNetworkAclEntryResponse)

    async def _put_entry(self, request: Any, use_case: Any, response: Callable[[], M]) -> M:
        asked = convert.to_request(request, network_acls.CreateNetworkAclEntry)
        done, _ = await self._edge.mutate(request, use_case, asked, lambda state, _: response())
        return done

    async def DeleteNetworkAclEntry(
        self, request: pb.DeleteNetworkAclEntryRequest, context: Context
    ) -> pb.DeleteNetworkAclEntryResponse:
        asked = convert.to_request(request, network_acls.DeleteNetworkAclEntry)
        done, _ = await self._edge.mutate(
            request, network_acls.delete_entry, asked, lambda state, _: pb.DeleteNetworkAclEntryResponse()
        )
        return done

    async def ReplaceNetworkAclAssociation(
        self, request: pb.ReplaceNetworkAclAssociationRequest, context: Context
    ) -> pb.ReplaceNetworkAclAssociationResponse:
        asked = convert.to_request(request, network_acls.ReplaceNetworkAclAssociation)
        done, _ = await self._edge.mutate(
            request,
            network_acls.replace_association,
            asked,
            lambda state, id: pb.ReplaceNetworkAclAssociationResponse(new_association_id=id),
        )
        return done

    async def DescribeNetworkAcls(
        self, request: pb.DescribeNetworkAclsRequest, context: Context
    ) -> pb.DescribeNetworkAclsResponse:
        found, page = await describe(
            self._edge,
            request,
            lambda state, call: own(state.network_acls, request.network_acl_ids, call),
            network_acl_filters,
            lambda state, row, call: to_network_acl(state, self._edge.sessions.late, row, call.role),
        )
        return pb.DescribeNetworkAclsResponse(network_acls=found, **page)


def to_network_acl(state: State, late: health.Late, row: NetworkAcl, role: Role) -> pb.NetworkAcl:
    """With the hosts, for an admin."""
    status, detail = health.of_rules(row, late, role)
    guarded = state.subnets.network_acl.of(row.id)
    return pb.NetworkAcl(
        network_acl_id=row.id,
        vpc_id=row.vpc_id,
        is_default=row.is_default,
        entries=map(_entry, row.entries),
        associations=[
            pb.NetworkAclAssociation(
                association_id=subnet.network_acl_association_id, network_acl_id=row.id, subnet_id=subnet.id
            )
            for subnet in guarded
        ],
        tags=row.tags,
        owner_id=row.project_id,
        status=status,
        status_detail=detail,
        generation=row.generation,
        late_hosts=to_late_hosts(late, row.id, role),
    )


def _entry(row: NetworkAclEntry) -> pb.NetworkAclEntry:
    status, detail = health.of_rule(row)
    entry = pb.NetworkAclEntry(
        rule_number=row.rule_number,
        protocol=row.protocol,
        rule_action=row.rule_action,
        egress=row.is_egress,
        cidr_block=row.cidr_block,
        ipv6_cidr_block=row.ipv6_cidr_block,
        status=status,
        status_detail=detail,
    )
    if row.is_icmp:
        entry.icmp_type, entry.icmp_code = row.from_port, row.to_port
    elif row.has_ports:
        entry.from_port, entry.to_port = row.from_port, row.to_port
    return entry
