"""`stead route-table`: where packets that leave a subnet go."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from client.cli import lookup, render
from client.cli.options import Filters, Tags, VpcOption, parse_filters, parse_tags
from client.cli.session import Cli, command
from client.errors import SteadError
from stead.v1.route_tables_pb2 import (
    AssociateRouteTableRequest,
    CreateRouteRequest,
    CreateRouteTableRequest,
    DeleteRouteRequest,
    DeleteRouteTableRequest,
    DescribeRouteTablesRequest,
    DisassociateRouteTableRequest,
    ReplaceRouteRequest,
    ReplaceRouteTableAssociationRequest,
)

app = typer.Typer(no_args_is_help=True)

COLUMNS = {
    "ROUTE TABLE": lambda table: table.route_table_id,
    "VPC": lambda table: table.vpc_id,
    "MAIN": lambda table: "yes" if table.is_main else "no",
    "SUBNETS": lambda table: str(sum(not row.main for row in table.associations)),
    "ROUTES": lambda table: str(len(table.routes)),
    "NAME": lambda table: table.tags.get("Name", ""),
}
ROUTE_COLUMNS = {
    "DESTINATION": lambda route: route.destination_cidr_block,
    "TARGET": lambda route: route.target_id,
    "STATE": lambda route: route.state,
}
ASSOCIATION_COLUMNS = {
    "ASSOCIATION": lambda row: row.route_table_association_id,
    "SERVES": lambda row: row.subnet_id or "subnets that name no table",
}
Table = Annotated[str, typer.Argument(metavar="ROUTE-TABLE", help="Id or name.", show_default=False)]
_ASSOCIATION = typer.Argument(metavar="ASSOCIATION", help="Its id, `rtbassoc-`...", show_default=False)
Association = Annotated[str, _ASSOCIATION]
Destination = Annotated[str, typer.Argument(metavar="CIDR", help="Where to, such as 0.0.0.0/0.", show_default=False)]
Gateway = Annotated[
    str, typer.Option("--igw", metavar="IGW", help="The VPC's internet gateway, id or name.", show_default=False)
]
NatGateway = Annotated[
    str, typer.Option("--nat-gateway", metavar="NAT-GATEWAY", help="Or a NAT gateway, id or name.", show_default=False)
]
Peering = Annotated[
    str, typer.Option("--peering", metavar="PEERING", help="Or a VPC peering, id or name.", show_default=False)
]
Interface = Annotated[
    str,
    typer.Option(metavar="INTERFACE", help="Or a network interface, id or name, of a router.", show_default=False),
]
Instance = Annotated[
    str, typer.Option(metavar="INSTANCE", help="Or the instance that has it, id or name.", show_default=False)
]
_TARGETS = {
    "gateway_id": lookup.internet_gateway_id,
    "nat_gateway_id": lookup.nat_gateway_id,
    "vpc_peering_connection_id": lookup.vpc_peering_id,
    "network_interface_id": lookup.interface_id,
    "instance_id": lookup.instance_id,
}


@command(app, "list")
async def list_(cli: Cli, filter: Filters = None) -> None:
    """List route tables."""
    request = DescribeRouteTablesRequest(filters=parse_filters(filter))
    reply = await cli.stead.all_pages(cli.stead.vpcs.DescribeRouteTables, request)
    cli.table(reply, COLUMNS, reply.route_tables, "No route tables.")


@command(app, "describe")
async def describe(cli: Cli, route_table: Table) -> None:
    """Show what a table serves, and its routes."""
    table_id = await lookup.route_table_id(cli.stead, route_table)
    reply = await cli.stead.vpcs.DescribeRouteTables(DescribeRouteTablesRequest(route_table_ids=[table_id]))
    (table,) = reply.route_tables
    if cli.is_for_people:
        for columns, rows in ((COLUMNS, [table]), (ASSOCIATION_COLUMNS, table.associations)):
            if rows:
                render.print_table(columns, rows)
                print()
    cli.table(reply, ROUTE_COLUMNS, table.routes)


@command(app, "create", mutates=True)
async def create(cli: Cli, vpc: VpcOption, tag: Tags = None) -> None:
    """Make a table with the local route alone."""
    request = CreateRouteTableRequest(**cli.mutation, vpc_id=await lookup.vpc_id(cli.stead, vpc), tags=parse_tags(tag))
    reply = await cli.stead.vpcs.CreateRouteTable(request)
    cli.table(reply, COLUMNS, [reply.route_table])


@command(app, "delete", mutates=True)
async def delete(cli: Cli, route_table: Table) -> None:
    """Delete a table that serves nothing."""
    table_id = await lookup.route_table_id(cli.stead, route_table)
    request = DeleteRouteTableRequest(**cli.mutation, route_table_id=table_id)
    cli.say(await cli.stead.vpcs.DeleteRouteTable(request), f"Deleted {table_id}")


@command(app, "associate", mutates=True)
async def associate(
    cli: Cli,
    route_table: Table,
    subnet: Annotated[str, typer.Option(metavar="SUBNET", help="Id or name.", show_default=False)],
) -> None:
    """Have a table serve a subnet instead of the main one."""
    table_id = await lookup.route_table_id(cli.stead, route_table)
    subnet_id = await lookup.subnet_id(cli.stead, subnet)
    request = AssociateRouteTableRequest(**cli.mutation, route_table_id=table_id, subnet_id=subnet_id)
    reply = await cli.stead.vpcs.AssociateRouteTable(request)
    cli.say(reply, f"{table_id} serves {subnet_id} ({reply.route_table_association_id})")


@command(app, "disassociate", mutates=True)
async def disassociate(
    cli: Cli,
    association: Annotated[str, _ASSOCIATION] = "",
    subnet: Annotated[
        str, typer.Option(metavar="SUBNET", help="The subnet, id or name, in place of the id.", show_default=False)
    ] = "",
) -> None:
    """Have the main table serve the subnet again."""
    if bool(association) is bool(subnet):
        raise typer.BadParameter("name the association by its id, or the subnet by --subnet", param_hint="ASSOCIATION")
    association = association or await _association_of(cli, await lookup.subnet_id(cli.stead, subnet))
    request = DisassociateRouteTableRequest(**cli.mutation, route_table_association_id=association)
    cli.say(await cli.stead.vpcs.DisassociateRouteTable(request), f"Disassociated {association}")


async def _association_of(cli: Cli, subnet_id: str) -> str:
    """Raises SteadError where it has none of its own."""
    request = DescribeRouteTablesRequest(filters=[lookup.exactly("association.subnet-id", subnet_id)])
    tables = (await cli.stead.vpcs.DescribeRouteTables(request)).route_tables
    rows = [row for table in tables for row in table.associations if row.subnet_id == subnet_id]
    if not rows:
        message = f"{subnet_id} names no route table, so its VPC's main one serves it; nothing was changed."
        raise SteadError("InvalidAssociationID.NotFound", message)
    association_id: str = rows[0].route_table_association_id
    return association_id


@command(app, "replace-association", mutates=True)
async def replace_association(cli: Cli, association: Association, route_table: Table) -> None:
    """Have another table serve a subnet, or be main."""
    table_id = await lookup.route_table_id(cli.stead, route_table)
    request = ReplaceRouteTableAssociationRequest(
        **cli.mutation, route_table_association_id=association, route_table_id=table_id
    )
    reply = await cli.stead.vpcs.ReplaceRouteTableAssociation(request)
    cli.say(reply, f"{table_id} serves in its place ({reply.route_table_association_id})")


@command(app, "create-route", mutates=True)
async def create_route(
    cli: Cli,
    route_table: Table,
    cidr: Destination,
    igw: Gateway = "",
    nat_gateway: NatGateway = "",
    peering: Peering = "",
    interface: Interface = "",
    instance: Instance = "",
) -> None:
    """Add a route; the longest prefix that matches wins."""
    request = CreateRouteRequest(
        **cli.mutation, **await _route(cli, route_table, cidr, (igw, nat_gateway, peering, interface, instance))
    )
    cli.say(await cli.stead.vpcs.CreateRoute(request), _led(request))


@command(app, "replace-route", mutates=True)
async def replace_route(
    cli: Cli,
    route_table: Table,
    cidr: Destination,
    igw: Gateway = "",
    nat_gateway: NatGateway = "",
    peering: Peering = "",
    interface: Interface = "",
    instance: Instance = "",
) -> None:
    """Give a route another target."""
    request = ReplaceRouteRequest(
        **cli.mutation, **await _route(cli, route_table, cidr, (igw, nat_gateway, peering, interface, instance))
    )
    cli.say(await cli.stead.vpcs.ReplaceRoute(request), _led(request))


async def _route(cli: Cli, route_table: str, cidr: str, targets: Sequence[str]) -> dict[str, Any]:
    """`targets` in the order of `_TARGETS`."""
    given = [(field, find, target) for (field, find), target in zip(_TARGETS.items(), targets, strict=True) if target]
    if len(given) != 1:
        message = "name one target, by --igw, --nat-gateway, --peering, --interface or --instance"
        raise typer.BadParameter(message, param_hint="--igw")
    ((field, find, target),) = given
    return {
        "route_table_id": await lookup.route_table_id(cli.stead, route_table),
        "destination_cidr_block": cidr,
        field: await find(cli.stead, target),
    }


def _led(request: CreateRouteRequest | ReplaceRouteRequest) -> str:
    target = next(filter(None, (getattr(request, field) for field in _TARGETS)))
    return f"{request.route_table_id}: {request.destination_cidr_block} to {target}"


@command(app, "delete-route", mutates=True)
async def delete_route(cli: Cli, route_table: Table, cidr: Destination) -> None:
    """Delete a route."""
    table_id = await lookup.route_table_id(cli.stead, route_table)
    request = DeleteRouteRequest(**cli.mutation, route_table_id=table_id, destination_cidr_block=cidr)
    cli.say(await cli.stead.vpcs.DeleteRoute(request), f"Deleted {cidr} of {table_id}")
