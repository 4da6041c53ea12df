"""`stead subnet`: a VPC's addresses, zone by zone."""

from typing import Annotated

import typer

from client.cli import lookup
from client.cli.options import Filters, parse_filters
from client.cli.session import Cli, command
from stead.v1.vpcs_pb2 import DescribeSubnetsRequest, ModifySubnetAttributeRequest

app = typer.Typer(no_args_is_help=True)

COLUMNS = {
    "SUBNET": lambda subnet: subnet.subnet_id,
    "CIDR": lambda subnet: subnet.cidr_block,
    "ZONE": lambda subnet: subnet.zone_name,
    "FREE": lambda subnet: str(subnet.available_ip_address_count),
    "DEFAULT": lambda subnet: "yes" if subnet.default_for_az else "no",
    "PUBLIC IP": lambda subnet: "yes" if subnet.map_public_ip_on_launch else "no",
    "VPC": lambda subnet: subnet.vpc_id,
    "NAME": lambda subnet: subnet.tags.get("Name", ""),
}


@command(app, "list")
async def list_(cli: Cli, filter: Filters = None) -> None:
    """List subnets."""
    request = DescribeSubnetsRequest(filters=parse_filters(filter))
    reply = await cli.stead.all_pages(cli.stead.vpcs.DescribeSubnets, request)
    cli.table(reply, COLUMNS, reply.subnets, "No subnets.")


@command(app, "modify", mutates=True)
async def modify(
    cli: Cli,
    subnet: Annotated[str, typer.Argument(metavar="SUBNET", help="Id or name.", show_default=False)],
    public_ip: Annotated[bool | None, typer.Option(help="Instances that do not say get a public address.")] = None,
) -> None:
    """Change what later launches in a subnet do."""
    request = ModifySubnetAttributeRequest(
        **cli.mutation, subnet_id=await lookup.subnet_id(cli.stead, subnet), map_public_ip_on_launch=public_ip
    )
    reply = await cli.stead.vpcs.ModifySubnetAttribute(request)
    cli.table(reply, COLUMNS, [reply.subnet])
