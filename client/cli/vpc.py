"""`stead vpc`: private networks."""

import typer

from client.cli.options import Filters, parse_filters
from client.cli.session import Cli, command
from stead.v1.vpcs_pb2 import DescribeVpcsRequest

app = typer.Typer(no_args_is_help=True)

COLUMNS = {
    "VPC": lambda vpc: vpc.vpc_id,
    "CIDR": lambda vpc: vpc.cidr_block,
    "STATE": lambda vpc: vpc.state,
    "DEFAULT": lambda vpc: "yes" if vpc.is_default else "no",
    "NAME": lambda vpc: vpc.tags.get("Name", ""),
}


@command(app, "list")
async def list_(cli: Cli, filter: Filters = None) -> None:
    """List VPCs."""
    request = DescribeVpcsRequest(filters=parse_filters(filter))
    reply = await cli.stead.all_pages(cli.stead.vpcs.DescribeVpcs, request)
    cli.table(reply, COLUMNS, reply.vpcs, "No VPCs.")
