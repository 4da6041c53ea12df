"""`stead prefix-list`: networks under one name, which rules of security groups can name."""

from collections.abc import Sequence
from typing import Annotated

import typer

from client.cli import lookup
from client.cli.options import Filters, Tags, Timeout, Wait, parse_filters, parse_tags
from client.cli.session import Cli, command
from client.cli.wait import wait_for_rules
from stead.v1.common_pb2 import Filter
from stead.v1.prefix_lists_pb2 import (
    CreateManagedPrefixListRequest,
    DeleteManagedPrefixListRequest,
    DescribeManagedPrefixListsRequest,
    GetManagedPrefixListEntriesRequest,
    ModifyManagedPrefixListRequest,
    PrefixListEntry,
)
from stead.v1.security_groups_pb2 import DescribeSecurityGroupsRequest

app = typer.Typer(no_args_is_help=True)

COLUMNS = {
    "PREFIX LIST": lambda found: found.prefix_list_id,
    "NAME": lambda found: found.prefix_list_name,
    "STATE": lambda found: found.state,
    "VERSION": lambda found: str(found.version),
    "MAX ENTRIES": lambda found: str(found.max_entries),
}
ENTRY_COLUMNS = {
    "CIDR": lambda entry: entry.cidr,
    "DESCRIPTION": lambda entry: entry.description,
}
PrefixList = Annotated[str, typer.Argument(metavar="PREFIX-LIST", help="Id or name.", show_default=False)]
_ENTRY = "CIDR[=DESCRIPTION]"


@command(app, "list")
async def list_(cli: Cli, filter: Filters = None) -> None:
    """List prefix lists."""
    request = DescribeManagedPrefixListsRequest(filters=parse_filters(filter))
    reply = await cli.stead.all_pages(cli.stead.prefix_lists.DescribeManagedPrefixLists, request)
    cli.table(reply, COLUMNS, reply.prefix_lists, "No prefix lists.")


@command(app, "describe")
async def describe(cli: Cli, prefix_list: PrefixList) -> None:
    """Show the entries of a prefix list."""
    list_id = await lookup.prefix_list_id(cli.stead, prefix_list)
    reply = await cli.stead.prefix_lists.GetManagedPrefixListEntries(
        GetManagedPrefixListEntriesRequest(prefix_list_id=list_id)
    )
    cli.table(reply, ENTRY_COLUMNS, reply.entries, "No entries.")


@command(app, "create", mutates=True)
async def create(
    cli: Cli,
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    max_entries: Annotated[
        int, typer.Option(metavar="N", help="How many there may be. A rule that names the list counts as so many.")
    ],
    entry: Annotated[list[str] | None, typer.Option(metavar=_ENTRY, help="A network. May be repeated.")] = None,
    tag: Tags = None,
) -> None:
    """Make a prefix list."""
    request = CreateManagedPrefixListRequest(
        **cli.mutation,
        prefix_list_name=name,
        max_entries=max_entries,
        entries=_parse_entries(entry),
        tags=parse_tags(tag),
    )
    reply = await cli.stead.prefix_lists.CreateManagedPrefixList(request)
    cli.table(reply, COLUMNS, [reply.prefix_list])


@command(app, "modify", mutates=True)
async def modify(
    cli: Cli,
    prefix_list: PrefixList,
    add: Annotated[list[str] | None, typer.Option(metavar=_ENTRY, help="A network more. May be repeated.")] = None,
    remove: Annotated[list[str] | None, typer.Option(metavar="CIDR", help="A network less. May be repeated.")] = None,
    name: Annotated[str, typer.Option(metavar="NAME", help="A new name.", show_default=False)] = "",
    max_entries: Annotated[
        int | None, typer.Option(metavar="N", help="How many there may be. Not together with --add or --remove.", min=1)
    ] = None,
    version: Annotated[
        int | None, typer.Option(metavar="N", help="Only if this is still the list's version.", min=1)
    ] = None,
    wait: Wait = False,
    timeout_s: Timeout = 60,
) -> None:
    """Change its entries, its name or its size. Rules that name it follow at once."""
    request = ModifyManagedPrefixListRequest(
        **cli.mutation,
        prefix_list_id=await lookup.prefix_list_id(cli.stead, prefix_list),
        current_version=version or 0,
        prefix_list_name=name,
        max_entries=max_entries or 0,
        add_entries=_parse_entries(add),
        remove_entries=_parse_entries(remove),
    )
    reply = await cli.stead.prefix_lists.ModifyManagedPrefixList(request)
    try:
        if wait and (groups := await _named_by(cli, request.prefix_list_id)):
            await wait_for_rules(cli.stead, groups, timeout_s)
    finally:  # Whatever becomes of the wait, it is changed.
        cli.table(reply, COLUMNS, [reply.prefix_list])


async def _named_by(cli: Cli, list_id: str) -> list[str]:
    """The security groups of whose rules one names the list."""
    found: dict[str, None] = {}
    for name in ("ip-permission.prefix-list-id", "egress.ip-permission.prefix-list-id"):
        request = DescribeSecurityGroupsRequest(filters=[Filter(name=name, values=[list_id])])
        reply = await cli.stead.all_pages(cli.stead.security_groups.DescribeSecurityGroups, request)
        found |= {group.group_id: None for group in reply.security_groups}
    return list(found)


@command(app, "delete", mutates=True)
async def delete(cli: Cli, prefix_list: PrefixList) -> None:
    """Delete a prefix list that no rule names."""
    list_id = await lookup.prefix_list_id(cli.stead, prefix_list)
    reply = await cli.stead.prefix_lists.DeleteManagedPrefixList(
        DeleteManagedPrefixListRequest(**cli.mutation, prefix_list_id=list_id)
    )
    cli.say(reply, f"Deleted {list_id}")


def _parse_entries(texts: Sequence[str] | None) -> list[PrefixListEntry]:
    pairs = (text.partition("=") for text in texts or ())
    return [PrefixListEntry(cidr=cidr, description=description) for cidr, _, description in pairs]
