"""`stead instance-type`: the catalogue of sizes."""

from typing import Annotated

import typer

from client.cli.options import Filters, parse_filters
from client.cli.session import Cli, command
from stead.v1.instance_types_pb2 import (
    CreateInstanceTypeRequest,
    DeleteInstanceTypeRequest,
    DescribeInstanceTypesRequest,
    InstanceType,
)

app = typer.Typer(no_args_is_help=True)

COLUMNS = {
    "TYPE": lambda size: size.instance_type,
    "VCPUS": lambda size: str(size.vcpus),
    "MEMORY MIB": lambda size: str(size.memory_mib),
}
Name = Annotated[str, typer.Argument(metavar="NAME", help="Family and size, e.g. lab.huge.", show_default=False)]


@command(app, "list")
async def list_(cli: Cli, filter: Filters = None) -> None:
    """List the catalogue, smallest first."""
    request = DescribeInstanceTypesRequest(filters=parse_filters(filter))
    reply = await cli.stead.all_pages(cli.stead.instance_types.DescribeInstanceTypes, request)
    cli.table(reply, COLUMNS, reply.instance_types, "No instance types.")


@command(app, "create", mutates=True)
async def create(
    cli: Cli,
    name: Name,
    vcpus: Annotated[int, typer.Option(metavar="N", min=1, help="Virtual CPUs.", show_default=False)],
    memory: Annotated[int, typer.Option(min=1, metavar="MIB", help="Memory, MiB.", show_default=False)],
) -> None:
    """Add a size. For admins."""
    size = InstanceType(instance_type=name, vcpus=vcpus, memory_mib=memory)
    request = CreateInstanceTypeRequest(**cli.mutation, instance_type=size)
    reply = await cli.stead.instance_types.CreateInstanceType(request)
    cli.table(reply, COLUMNS, [reply.instance_type])


@command(app, "delete", mutates=True)
async def delete(cli: Cli, name: Name) -> None:
    """Remove a size; instances of it are not touched. For admins."""
    request = DeleteInstanceTypeRequest(**cli.mutation, instance_type=name)
    cli.say(await cli.stead.instance_types.DeleteInstanceType(request), f"Deleted {name}")
