"""`stead vpc`: private networks."""

from typing import Annotated

import typer

from client.cli import lookup
from client.cli.options import Filters, Tags, parse_filters, parse_tags
from client.cli.session import Cli, command
from stead.v1.vpcs_pb2 import (
    CreateDefaultVpcRequest,
    CreateVpcRequest,
    DeleteVpcRequest,
    DescribeVpcsRequest,
    ModifyVpcAttributeRequest,
)

app = typer.Typer(no_args_is_help=True)

COLUMNS = {
    "VPC": lambda vpc: vpc.vpc_id,
    "CIDR": lambda vpc: vpc.cidr_block,
    "STATE": lambda vpc: vpc.state,
    "DEFAULT": lambda vpc: "yes" if vpc.is_default else "no",
    "DNS": lambda vpc: "yes" if vpc.enable_dns_support else "no",
    "PUBLIC NAMES": lambda vpc: "yes" if vpc.enable_dns_hostnames else "no",
    "DHCP OPTIONS": lambda vpc: vpc.dhcp_options_id,
    "NAME": lambda vpc: vpc.tags.get("Name", ""),
}
Vpc = Annotated[str, typer.Argument(metavar="VPC", help="Id or name.", show_default=False)]


@command(app, "list")
async def list_(cli: Cli, filter: Filters = None) -> None:
    """List VPCs."""
    request = DescribeVpcsRequest(filters=parse_filters(filter))
    reply = await cli.stead.all_pages(cli.stead.vpcs.DescribeVpcs, request)
    cli.table(reply, COLUMNS, reply.vpcs, "No VPCs.")


@command(app, "create", mutates=True)
async def create(
    cli: Cli,
    cidr: Annotated[str, typer.Argument(metavar="CIDR", help="A /16 to /28, such as 10.0.0.0/16.", show_default=False)],
    tag: Tags = None,
) -> None:
    """Make a VPC, which has no way out yet."""
    reply = await cli.stead.vpcs.CreateVpc(CreateVpcRequest(**cli.mutation, cidr_block=cidr, tags=parse_tags(tag)))
    cli.table(reply, COLUMNS, [reply.vpc])


@command(app, "create-default", mutates=True)
async def create_default(cli: Cli) -> None:
    """Make the default VPC again, where it was deleted."""
    reply = await cli.stead.vpcs.CreateDefaultVpc(CreateDefaultVpcRequest(**cli.mutation))
    cli.table(reply, COLUMNS, [reply.vpc])


@command(app, "modify", mutates=True)
async def modify(
    cli: Cli,
    vpc: Vpc,
    dns: Annotated[bool | None, typer.Option(help="Whether the VPC's resolver answers.")] = None,
    public_names: Annotated[bool | None, typer.Option(help="Public DNS names for public addresses.")] = None,
) -> None:
    """Change what a VPC offers its instances."""
    request = ModifyVpcAttributeRequest(
        **cli.mutation,
        vpc_id=await lookup.vpc_id(cli.stead, vpc),
        enable_dns_support=dns,
        enable_dns_hostnames=public_names,
    )
    reply = await cli.stead.vpcs.ModifyVpcAttribute(request)
    cli.table(reply, COLUMNS, [reply.vpc])


@command(app, "delete", mutates=True)
async def delete(cli: Cli, vpc: Vpc) -> None:
    """Delete a VPC in which nothing is."""
    vpc_id = await lookup.vpc_id(cli.stead, vpc)
    reply = await cli.stead.vpcs.DeleteVpc(DeleteVpcRequest(**cli.mutation, vpc_id=vpc_id))
    cli.say(reply, f"Deleted {vpc_id}")
