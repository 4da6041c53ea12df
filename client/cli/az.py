"""`stead az`: availability zones, hosts that fail together."""

import typer

from client.cli.options import Filters, parse_filters
from client.cli.session import Cli, command
from stead.v1.regions_pb2 import DescribeAvailabilityZonesRequest

app = typer.Typer(no_args_is_help=True)

COLUMNS = {
    "ZONE": lambda zone: zone.zone_name,
    "STATE": lambda zone: zone.state,
    "REGION": lambda zone: zone.region_name,
}


@command(app, "list")
async def list_(cli: Cli, filter: Filters = None) -> None:
    """List availability zones."""
    request = DescribeAvailabilityZonesRequest(filters=parse_filters(filter))
    reply = await cli.stead.all_pages(cli.stead.regions.DescribeAvailabilityZones, request)
    cli.table(reply, COLUMNS, reply.availability_zones, "No zones.")
