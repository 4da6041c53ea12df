"""VPCs, and the servicer of all that gives them their shape."""

from controlplane.api import convert
from controlplane.api.caller import Context, Edge
from controlplane.api.describe import describe_own
from controlplane.api.dhcp_options import DhcpOptionsCalls
from controlplane.api.internet_gateways import InternetGatewayCalls
from controlplane.api.nat_gateways import NatGatewayCalls
from controlplane.api.network_acls import NetworkAclCalls
from controlplane.api.paths import PathCalls
from controlplane.api.route_tables import RouteTableCalls
from controlplane.api.subnets import SubnetCalls
from controlplane.api.vpc_peerings import VpcPeeringCalls
from controlplane.model.dhcp_options import DEFAULT_ID
from controlplane.model.state import State
from controlplane.model.vpc import Vpc
from controlplane.service import default_vpcs, vpcs
from stead.v1 import vpcs_pb2 as pb
from stead.v1.vpcs_pb2_grpc import VpcsServicer


class Vpcs(
    SubnetCalls,
    InternetGatewayCalls,
    NatGatewayCalls,
    RouteTableCalls,
    NetworkAclCalls,
    PathCalls,
    DhcpOptionsCalls,
    VpcPeeringCalls,
    VpcsServicer,
):
    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def CreateVpc(self, request: pb.CreateVpcRequest, context: Context) -> pb.CreateVpcResponse:
        asked = convert.to_request(request, vpcs.CreateVpc)
        made, _ = await self._edge.mutate(
            request, vpcs.create, asked, lambda state, vpc_id: pb.CreateVpcResponse(vpc=_vpc(state, vpc_id))
        )
        return made

    async def CreateDefaultVpc(
        self, request: pb.CreateDefaultVpcRequest, context: Context
    ) -> pb.CreateDefaultVpcResponse:
        made, _ = await self._edge.mutate(
            request,
            default_vpcs.create,
            None,
            lambda state, vpc_id: pb.CreateDefaultVpcResponse(vpc=_vpc(state, vpc_id)),
        )
        return made

    async def DescribeVpcs(self, request: pb.DescribeVpcsRequest, context: Context) -> pb.DescribeVpcsResponse:
        found, page = await describe_own(
            self._edge, request, lambda state: state.vpcs, request.vpc_ids, lambda state, row, call: to_vpc(row)
        )
        return pb.DescribeVpcsResponse(vpcs=found, **page)

    async def ModifyVpcAttribute(
        self, request: pb.ModifyVpcAttributeRequest, context: Context
    ) -> pb.ModifyVpcAttributeResponse:
        asked = convert.to_request(request, vpcs.ModifyVpcAttribute)
        done, _ = await self._edge.mutate(
            request, vpcs.modify, asked, lambda state, vpc_id: pb.ModifyVpcAttributeResponse(vpc=_vpc(state, vpc_id))
        )
        return done

    async def DeleteVpc(self, request: pb.DeleteVpcRequest, context: Context) -> pb.DeleteVpcResponse:
        done, _ = await self._edge.mutate(request, vpcs.delete, request.vpc_id, lambda state, _: pb.DeleteVpcResponse())
        return done


def _vpc(state: State, vpc_id: str) -> pb.Vpc:
    """Empty but for the id when what a repeated call made is gone."""
    row = state.vpcs.get(vpc_id)
    return to_vpc(row) if row else pb.Vpc(vpc_id=vpc_id)


def to_vpc(row: Vpc) -> pb.Vpc:
    return pb.Vpc(
        vpc_id=row.id,
        cidr_block=row.cidr_block,
        is_default=row.is_default,
        state="available",
        tags=row.tags,
        enable_dns_support=row.enable_dns_support,
        enable_dns_hostnames=row.enable_dns_hostnames,
        dhcp_options_id=row.dhcp_options_id or DEFAULT_ID,
        owner_id=row.project_id,
    )
