"""`stead subnet`: a VPC's addresses, zone by zone."""

from typing import Annotated

import typer

from client.cli import lookup
from client.cli.options import Filters, Tags, VpcOption, parse_filters, parse_tags
from client.cli.session import Cli, command
from stead.v1.subnets_pb2 import (
    CreateDefaultSubnetRequest,
    CreateSubnetRequest,
    DeleteSubnetRequest,
    DescribeSubnetsRequest,
    ModifySubnetAttributeRequest,
)

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
Subnet = Annotated[str, typer.Argument(metavar="SUBNET", help="Id or name.", show_default=False)]


@command(app, "list")
async def list_(cli: Cli, filter: Filters = None) -> None:
    """List subnets."""
    request = DescribeSubnetsRequest(filters=parse_filters(filter))
    reply = await cli.stead.all_pages(cli.stead.vpcs.DescribeSubnets, request)
    cli.table(reply, COLUMNS, reply.subnets, "No subnets.")


@command(app, "create", mutates=True)
async def create(
    cli: Cli,
    cidr: Annotated[
        str, typer.Argument(metavar="CIDR", help="A /16 to /28 of the VPC's, such as 10.0.1.0/24.", show_default=False)
    ],
    vpc: VpcOption,
    az: Annotated[
        str, typer.Option(metavar="ZONE", help="Default: the one with the fewest of the VPC's.", show_default=False)
    ] = "",
    tag: Tags = None,
) -> None:
    """Make a subnet in a zone."""
    request = CreateSubnetRequest(
        **cli.mutation,
        vpc_id=await lookup.vpc_id(cli.stead, vpc),
        cidr_block=cidr,
        zone_name=az,
        tags=parse_tags(tag),
    )
    reply = await cli.stead.vpcs.CreateSubnet(request)
    cli.table(reply, COLUMNS, [reply.subnet])


@command(app, "create-default", mutates=True)
async def create_default(
    cli: Cli, az: Annotated[str, typer.Option(metavar="ZONE", help="The zone.", show_default=False)]
) -> None:
    """Make a zone's default subnet again."""
    reply = await cli.stead.vpcs.CreateDefaultSubnet(CreateDefaultSubnetRequest(**cli.mutation, zone_name=az))
    cli.table(reply, COLUMNS, [reply.subnet])


@command(app, "modify", mutates=True)
async def modify(
    cli: Cli,
    subnet: Subnet,
    public_ip: Annotated[bool | None, typer.Option(help="Instances that do not say get a public address.")] = None,
) -> None:
    """Change what later launches in a subnet do."""
    request = ModifySubnetAttributeRequest(
        **cli.mutation, subnet_id=await lookup.subnet_id(cli.stead, subnet), map_public_ip_on_launch=public_ip
    )
    reply = await cli.stead.vpcs.ModifySubnetAttribute(request)
    cli.table(reply, COLUMNS, [reply.subnet])


@command(app, "delete", mutates=True)
async def delete(cli: Cli, subnet: Subnet) -> None:
    """Delete a subnet without instances."""
    subnet_id = await lookup.subnet_id(cli.stead, subnet)
    reply = await cli.stead.vpcs.DeleteSubnet(DeleteSubnetRequest(**cli.mutation, subnet_id=subnet_id))
    cli.say(reply, f"Deleted {subnet_id}")
