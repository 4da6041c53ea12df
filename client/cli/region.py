"""`stead region`: what this control plane serves."""

import typer

from client.cli.session import Cli, command
from stead.v1.regions_pb2 import DescribeRegionsRequest

app = typer.Typer(no_args_is_help=True)

COLUMNS = {"REGION": lambda region: region.region_name}


@command(app, "list")
async def list_(cli: Cli) -> None:
    """List the region."""
    reply = await cli.stead.regions.DescribeRegions(DescribeRegionsRequest())
    cli.table(reply, COLUMNS, reply.regions, "No region.")
