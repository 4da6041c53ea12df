"""`stead vpc-peering`: by which two VPCs reach one another."""

from typing import Annotated

import typer

from client.cli import lookup
from client.cli.options import Filters, Tags, parse_filters, parse_tags
from client.cli.session import Cli, command
from stead.v1.vpc_peering_connections_pb2 import (
    AcceptVpcPeeringConnectionRequest,
    CreateVpcPeeringConnectionRequest,
    DeleteVpcPeeringConnectionRequest,
    DescribeVpcPeeringConnectionsRequest,
    RejectVpcPeeringConnectionRequest,
)

app = typer.Typer(no_args_is_help=True)

COLUMNS = {
    "PEERING": lambda peering: peering.vpc_peering_connection_id,
    "STATUS": lambda peering: peering.status.code,
    "REQUESTER": lambda peering: peering.requester_vpc_info.vpc_id,
    "ITS CIDR": lambda peering: peering.requester_vpc_info.cidr_block,
    "ACCEPTER": lambda peering: peering.accepter_vpc_info.vpc_id,
    "CIDR": lambda peering: peering.accepter_vpc_info.cidr_block,
    "NAME": lambda peering: peering.tags.get("Name", ""),
}
Peering = Annotated[str, typer.Argument(metavar="PEERING", help="Id or name.", show_default=False)]


@command(app, "list")
async def list_(cli: Cli, filter: Filters = None) -> None:
    """List peerings that the project asked for, or was asked for."""
    request = DescribeVpcPeeringConnectionsRequest(filters=parse_filters(filter))
    reply = await cli.stead.all_pages(cli.stead.vpcs.DescribeVpcPeeringConnections, request)
    cli.table(reply, COLUMNS, reply.vpc_peering_connections, "No VPC peerings.")


@command(app, "describe")
async def describe(cli: Cli, peering: Peering) -> None:
    """Show one in full, with whose the two VPCs are."""
    request = DescribeVpcPeeringConnectionsRequest(
        vpc_peering_connection_ids=[await lookup.vpc_peering_id(cli.stead, peering)]
    )
    reply = await cli.stead.vpcs.DescribeVpcPeeringConnections(request)
    cli.details(reply, reply.vpc_peering_connections)


@command(app, "create", mutates=True)
async def create(
    cli: Cli,
    vpc: Annotated[str, typer.Option(metavar="VPC", help="The project's own, id or name.", show_default=False)],
    peer: Annotated[str, typer.Option(metavar="VPC", help="The other; by id if it is another project's.")],
    owner: Annotated[str, typer.Option(metavar="PROJECT", help="Whose the other is, by id. Default: one's own.")] = "",
    tag: Tags = None,
) -> None:
    """Ask for a peering with another VPC, which its project accepts."""
    request = CreateVpcPeeringConnectionRequest(
        **cli.mutation,
        vpc_id=await lookup.vpc_id(cli.stead, vpc),
        peer_vpc_id=peer if owner else await lookup.vpc_id(cli.stead, peer),
        peer_owner_id=owner,
        tags=parse_tags(tag),
    )
    reply = await cli.stead.vpcs.CreateVpcPeeringConnection(request)
    cli.table(reply, COLUMNS, [reply.vpc_peering_connection])


@command(app, "accept", mutates=True)
async def accept(cli: Cli, peering: Peering) -> None:
    """Accept one; routes to it lead to the other VPC."""
    peering_id = await lookup.vpc_peering_id(cli.stead, peering)
    request = AcceptVpcPeeringConnectionRequest(**cli.mutation, vpc_peering_connection_id=peering_id)
    reply = await cli.stead.vpcs.AcceptVpcPeeringConnection(request)
    cli.table(reply, COLUMNS, [reply.vpc_peering_connection])


@command(app, "reject", mutates=True)
async def reject(cli: Cli, peering: Peering) -> None:
    """Reject one."""
    peering_id = await lookup.vpc_peering_id(cli.stead, peering, or_gone=cli.may_repeat)
    request = RejectVpcPeeringConnectionRequest(**cli.mutation, vpc_peering_connection_id=peering_id)
    cli.say(await cli.stead.vpcs.RejectVpcPeeringConnection(request), f"Rejected {peering_id}")


@command(app, "delete", mutates=True)
async def delete(cli: Cli, peering: Peering) -> None:
    """End one; routes to it become black holes."""
    peering_id = await lookup.vpc_peering_id(cli.stead, peering, or_gone=cli.may_repeat)
    request = DeleteVpcPeeringConnectionRequest(**cli.mutation, vpc_peering_connection_id=peering_id)
    cli.say(await cli.stead.vpcs.DeleteVpcPeeringConnection(request), f"Deleted {peering_id}")
