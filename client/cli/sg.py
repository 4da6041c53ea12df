"""`stead sg`: security groups, what may reach an instance and what it may reach."""

from typing import Annotated

import typer

from client.cli import lookup, permissions, render, sg_rules
from client.cli.options import Filters, Tags, parse_filters, parse_tags
from client.cli.permissions import RULE_COLUMNS
from client.cli.session import Cli, command
from client.cli.sg_rules import Group
from stead.v1.security_groups_pb2 import (
    CreateSecurityGroupRequest,
    DeleteSecurityGroupRequest,
    DescribeSecurityGroupsRequest,
    DescribeSecurityGroupsResponse,
)

app = typer.Typer(no_args_is_help=True)


COLUMNS = {
    "GROUP": lambda group: group.group_id,
    "NAME": lambda group: group.group_name,
    "VPC": lambda group: group.vpc_id,
    "RULES": lambda group: str(len(group.rules)),
    "STATUS": lambda group: group.status,
    "DESCRIPTION": lambda group: group.description,
}


@command(app, "list")
async def list_(cli: Cli, filter: Filters = None) -> None:
    """List security groups."""
    request = DescribeSecurityGroupsRequest(filters=parse_filters(filter))
    reply = await cli.stead.all_pages(cli.stead.security_groups.DescribeSecurityGroups, request)
    cli.table(reply, COLUMNS, reply.security_groups, "No security groups.")
    _notes(cli, reply)


@command(app, "describe")
async def describe(cli: Cli, group: Group) -> None:
    """Show a group and its rules."""
    request = DescribeSecurityGroupsRequest(group_ids=[await lookup.group_id(cli.stead, group)])
    reply = await cli.stead.all_pages(cli.stead.security_groups.DescribeSecurityGroups, request)
    if cli.is_for_people:
        for found in reply.security_groups:
            render.print_table(COLUMNS, [found])
            print()
    rules = [rule for found in reply.security_groups for rule in found.rules]
    cli.table(reply, RULE_COLUMNS, rules, "No rules.")
    _notes(cli, reply)
    cli.notes(permissions.no_effect(rules))


def _notes(cli: Cli, reply: DescribeSecurityGroupsResponse) -> None:
    cli.notes((group.group_id, group.status_detail) for group in reply.security_groups)


@command(app, "create", mutates=True)
async def create(
    cli: Cli,
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    description: Annotated[str, typer.Option(metavar="TEXT", help="Default: the name.", show_default=False)] = "",
    vpc: Annotated[
        str, typer.Option(metavar="VPC", help="Id or name. Default: the default VPC.", show_default=False)
    ] = "",
    tag: Tags = None,
) -> None:
    """Make a group that lets nothing in and everything out."""
    request = CreateSecurityGroupRequest(
        **cli.mutation,
        group_name=name,
        description=description or name,
        vpc_id=await lookup.vpc_id(cli.stead, vpc) if vpc else "",
        tags=parse_tags(tag),
    )
    reply = await cli.stead.security_groups.CreateSecurityGroup(request)
    cli.table(reply, COLUMNS, [reply.security_group])


@command(app, "delete", mutates=True)
async def delete(cli: Cli, group: Group) -> None:
    """Delete a group that nothing uses."""
    group_id = await lookup.group_id(cli.stead, group)
    reply = await cli.stead.security_groups.DeleteSecurityGroup(
        DeleteSecurityGroupRequest(**cli.mutation, group_id=group_id)
    )
    cli.say(reply, f"Deleted {group_id}")


sg_rules.register(app)
