"""Subnets."""

from controlplane.api import convert
from controlplane.api.caller import Context, Edge
from controlplane.api.describe import describe
from controlplane.model.state import State
from controlplane.model.vpc import Subnet
from controlplane.service import default_vpcs, subnets
from controlplane.service.describing import free_addresses, own, subnet_filters
from stead.v1 import subnets_pb2 as pb


class SubnetCalls:
    """A part of the servicer of VPCs."""

    _edge: Edge

    async def CreateSubnet(self, request: pb.CreateSubnetRequest, context: Context) -> pb.CreateSubnetResponse:
        asked = convert.to_request(request, subnets.CreateSubnet)
        made, _ = await self._edge.mutate(
            request,
            subnets.create,
            asked,
            lambda state, subnet_id: pb.CreateSubnetResponse(subnet=_subnet(state, subnet_id)),
        )
        return made

    async def CreateDefaultSubnet(
        self, request: pb.CreateDefaultSubnetRequest, context: Context
    ) -> pb.CreateDefaultSubnetResponse:
        made, _ = await self._edge.mutate(
            request,
            default_vpcs.create_subnet,
            request.zone_name,
            lambda state, subnet_id: pb.CreateDefaultSubnetResponse(subnet=_subnet(state, subnet_id)),
        )
        return made

    async def DescribeSubnets(self, request: pb.DescribeSubnetsRequest, context: Context) -> pb.DescribeSubnetsResponse:
        found, page = await describe(
            self._edge,
            request,
            lambda state, call: own(state.subnets, request.subnet_ids, call),
            subnet_filters,
            lambda state, row, call: to_subnet(state, row),
        )
        return pb.DescribeSubnetsResponse(subnets=found, **page)

    async def ModifySubnetAttribute(
        self, request: pb.ModifySubnetAttributeRequest, context: Context
    ) -> pb.ModifySubnetAttributeResponse:
        asked = convert.to_request(request, subnets.ModifySubnetAttribute)
        done, _ = await self._edge.mutate(
            request,
            subnets.modify,
            asked,
            lambda state, _: pb.ModifySubnetAttributeResponse(subnet=_subnet(state, asked.subnet_id)),
        )
        return done

    async def DeleteSubnet(self, request: pb.DeleteSubnetRequest, context: Context) -> pb.DeleteSubnetResponse:
        done, _ = await self._edge.mutate(
            request, subnets.delete, request.subnet_id, lambda state, _: pb.DeleteSubnetResponse()
        )
        return done


def _subnet(state: State, subnet_id: str) -> pb.Subnet:
    """Empty but for the id when what a repeated call made or changed is gone."""
    row = state.subnets.get(subnet_id)
    return to_subnet(state, row) if row else pb.Subnet(subnet_id=subnet_id)


def to_subnet(state: State, row: Subnet) -> pb.Subnet:
    return pb.Subnet(
        subnet_id=row.id,
        vpc_id=row.vpc_id,
        cidr_block=row.cidr_block,
        zone_name=row.zone,
        map_public_ip_on_launch=row.map_public_ip_on_launch,
        default_for_az=row.default_for_az,
        available_ip_address_count=free_addresses(state, row),
        state="available",
        tags=row.tags,
        owner_id=row.project_id,
    )
