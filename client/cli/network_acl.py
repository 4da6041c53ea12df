"""`stead network-acl`: what may cross the borders of subnets."""

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from client.cli import lookup, render
from client.cli.options import Filters, Tags, Timeout, VpcOption, Wait, parse_filters, parse_tags
from client.cli.permissions import ALL, IcmpType, Port, parse_ports, parse_protocol
from client.cli.session import Cli, command
from client.cli.wait import wait_for_acl
from client.errors import SteadError
from stead.v1.network_acls_pb2 import (
    CreateNetworkAclEntryRequest,
    CreateNetworkAclRequest,
    DeleteNetworkAclEntryRequest,
    DeleteNetworkAclRequest,
    DescribeNetworkAclsRequest,
    DescribeNetworkAclsResponse,
    NetworkAclAssociation,
    NetworkAclEntry,
    ReplaceNetworkAclAssociationRequest,
    ReplaceNetworkAclEntryRequest,
)

app = typer.Typer(no_args_is_help=True)

LAST = 32767
_NAMES = {"-1": ALL, "1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}
COLUMNS = {
    "NETWORK ACL": lambda acl: acl.network_acl_id,
    "VPC": lambda acl: acl.vpc_id,
    "DEFAULT": lambda acl: "yes" if acl.is_default else "no",
    "SUBNETS": lambda acl: str(len(acl.associations)),
    "ENTRIES": lambda acl: str(len(acl.entries)),
    "STATUS": lambda acl: acl.status,
    "NAME": lambda acl: acl.tags.get("Name", ""),
}
ENTRY_COLUMNS = {
    "NUMBER": lambda entry: "*" if entry.rule_number == LAST else str(entry.rule_number),
    "DIRECTION": lambda entry: "out, to" if entry.egress else "in, from",
    "CIDR": lambda entry: entry.cidr_block or entry.ipv6_cidr_block,
    "PROTOCOL": lambda entry: _NAMES.get(entry.protocol, entry.protocol),
    "PORTS": lambda entry: _ports(entry),
    "ACTION": lambda entry: entry.rule_action,
}
ASSOCIATION_COLUMNS = {"ASSOCIATION": lambda row: row.association_id, "GUARDS": lambda row: row.subnet_id}
Acl = Annotated[str, typer.Argument(metavar="NETWORK-ACL", help="Id or name.", show_default=False)]
_NUMBER = typer.Argument(
    metavar="NUMBER", min=1, max=LAST - 1, help="The lowest that matches decides.", show_default=False
)
Number = Annotated[int, _NUMBER]
Action = Annotated[str, typer.Argument(metavar="ACTION", help="allow or deny.", show_default=False)]
Egress = Annotated[bool, typer.Option("--egress", help="For what leaves subnets; otherwise for what enters them.")]
Cidr = Annotated[str, typer.Option("--cidr", metavar="CIDR", help="The network at the other end.", show_default=False)]
Protocol = Annotated[
    str, typer.Option(metavar="PROTOCOL", help="tcp, udp, icmp, icmpv6, a number, or all.", show_default="all")
]


@command(app, "list")
async def list_(cli: Cli, filter: Filters = None) -> None:
    """List network ACLs."""
    request = DescribeNetworkAclsRequest(filters=parse_filters(filter))
    reply = await cli.stead.all_pages(cli.stead.vpcs.DescribeNetworkAcls, request)
    cli.table(reply, COLUMNS, reply.network_acls, "No network ACLs.")
    _notes(cli, reply)


@command(app, "describe")
async def describe(cli: Cli, network_acl: Acl) -> None:
    """Show which subnets an ACL guards, and its entries."""
    acl_id = await lookup.network_acl_id(cli.stead, network_acl)
    reply = await cli.stead.vpcs.DescribeNetworkAcls(DescribeNetworkAclsRequest(network_acl_ids=[acl_id]))
    (acl,) = reply.network_acls
    if cli.is_for_people:
        for columns, rows in ((COLUMNS, [acl]), (ASSOCIATION_COLUMNS, acl.associations)):
            if rows:
                render.print_table(columns, rows)
                print()
    cli.table(reply, ENTRY_COLUMNS, acl.entries)
    _notes(cli, reply)
    _note_idle(cli, acl.entries)


def _note_idle(cli: Cli, entries: Iterable[NetworkAclEntry]) -> None:
    idle = [entry for entry in entries if entry.status == "no-effect"]
    cli.notes((str(entry.rule_number), f"has no effect: {entry.status_detail}") for entry in idle)


def _notes(cli: Cli, reply: DescribeNetworkAclsResponse) -> None:
    cli.notes((acl.network_acl_id, acl.status_detail) for acl in reply.network_acls)


def _ports(entry: NetworkAclEntry) -> str:
    """As they are given on the command line."""
    if entry.HasField("icmp_type") and entry.icmp_type != -1:
        return f"{entry.icmp_type}:{entry.icmp_code}" if entry.icmp_code != -1 else str(entry.icmp_type)
    if not entry.HasField("from_port"):
        return ALL
    return str(entry.from_port) if entry.from_port == entry.to_port else f"{entry.from_port}-{entry.to_port}"


@command(app, "create", mutates=True)
async def create(cli: Cli, vpc: VpcOption, tag: Tags = None) -> None:
    """Make an ACL that denies everything.

    It guards no subnet yet.
    """
    request = CreateNetworkAclRequest(**cli.mutation, vpc_id=await lookup.vpc_id(cli.stead, vpc), tags=parse_tags(tag))
    reply = await cli.stead.vpcs.CreateNetworkAcl(request)
    cli.table(reply, COLUMNS, [reply.network_acl])


@command(app, "delete", mutates=True)
async def delete(cli: Cli, network_acl: Acl) -> None:
    """Delete an ACL that guards no subnet."""
    acl_id = await lookup.network_acl_id(cli.stead, network_acl)
    request = DeleteNetworkAclRequest(**cli.mutation, network_acl_id=acl_id)
    cli.say(await cli.stead.vpcs.DeleteNetworkAcl(request), f"Deleted {acl_id}")


@command(app, "create-entry", mutates=True)
async def create_entry(
    cli: Cli,
    network_acl: Acl,
    number: Number,
    action: Action,
    cidr: Cidr,
    protocol: Protocol = "",
    port: Port = "",
    icmp_type: IcmpType = "",
    egress: Egress = False,
    wait: Wait = False,
    timeout_s: Timeout = 60,
) -> None:
    """Add an entry.

    It takes effect at once, for open connections, too. Answers are packets like others: where connections come in, let
    what goes out to ports 1024-65535 by, too.
    """
    entry = await _entry(cli, network_acl, number, action, cidr, protocol, port, icmp_type, egress)
    reply = await cli.stead.vpcs.CreateNetworkAclEntry(CreateNetworkAclEntryRequest(**entry))
    await _show_entry(cli, reply, entry, wait, timeout_s)


@command(app, "replace-entry", mutates=True)
async def replace_entry(
    cli: Cli,
    network_acl: Acl,
    number: Number,
    action: Action,
    cidr: Cidr,
    protocol: Protocol = "",
    port: Port = "",
    icmp_type: IcmpType = "",
    egress: Egress = False,
    wait: Wait = False,
    timeout_s: Timeout = 60,
) -> None:
    """Put an entry in place of the one that has its number."""
    entry = await _entry(cli, network_acl, number, action, cidr, protocol, port, icmp_type, egress)
    reply = await cli.stead.vpcs.ReplaceNetworkAclEntry(ReplaceNetworkAclEntryRequest(**entry))
    await _show_entry(cli, reply, entry, wait, timeout_s)


async def _entry(
    cli: Cli,
    network_acl: str,
    number: int,
    action: str,
    cidr: str,
    protocol: str,
    port: str,
    icmp_type: str,
    egress: bool,
) -> dict[str, Any]:
    protocol = parse_protocol(protocol or ALL)
    first, last = parse_ports(protocol, port, icmp_type)
    names = ("icmp_type", "icmp_code") if protocol in ("icmp", "icmpv6") else ("from_port", "to_port")
    return {
        **cli.mutation,
        "network_acl_id": await lookup.network_acl_id(cli.stead, network_acl),
        "rule_number": number,
        "protocol": protocol.replace("icmpv6", "58"),
        "rule_action": action,
        "egress": egress,
        "ipv6_cidr_block" if ":" in cidr else "cidr_block": cidr,
        **dict(zip(names, (first, last), strict=True)),
    }


async def _show_entry(cli: Cli, reply: Any, asked: dict[str, Any], wait: bool, timeout_s: float) -> None:
    """As it is kept: without the host bits of its network."""
    acl_id, place = asked["network_acl_id"], (asked["rule_number"], asked["egress"])
    if wait:
        await wait_for_acl(cli.stead, acl_id, timeout_s)
    entries = await _entries(cli, acl_id) if cli.is_for_people else []
    kept = [entry for entry in entries if (entry.rule_number, entry.egress) == place]
    cli.table(reply, ENTRY_COLUMNS, kept, f"{acl_id} has no entry {place[0]} any more.")
    _note_idle(cli, kept)


async def _entries(cli: Cli, acl_id: str) -> list[NetworkAclEntry]:
    request = DescribeNetworkAclsRequest(filters=[lookup.exactly("network-acl-id", acl_id)])
    reply = await cli.stead.vpcs.DescribeNetworkAcls(request)
    return [entry for acl in reply.network_acls for entry in acl.entries]


@command(app, "delete-entry", mutates=True)
async def delete_entry(
    cli: Cli, network_acl: Acl, number: Number, egress: Egress = False, wait: Wait = False, timeout_s: Timeout = 60
) -> None:
    """Delete an entry."""
    acl_id = await lookup.network_acl_id(cli.stead, network_acl)
    request = DeleteNetworkAclEntryRequest(**cli.mutation, network_acl_id=acl_id, rule_number=number, egress=egress)
    reply = await cli.stead.vpcs.DeleteNetworkAclEntry(request)
    await _say(cli, reply, acl_id, f"deleted {number}", wait, timeout_s)


async def _say(cli: Cli, reply: Any, acl_id: str, what: str, wait: bool, timeout_s: float) -> None:
    if wait:
        await wait_for_acl(cli.stead, acl_id, timeout_s)
    cli.say(reply, f"{acl_id}: {what}")


@command(app, "replace-association", mutates=True)
async def replace_association(
    cli: Cli,
    network_acl: Acl,
    association: Annotated[
        str, typer.Option(metavar="ASSOCIATION", help="The one that goes, `aclassoc-`...", show_default=False)
    ] = "",
    subnet: Annotated[
        str, typer.Option(metavar="SUBNET", help="The subnet, id or name, in place of it.", show_default=False)
    ] = "",
    wait: Wait = False,
    timeout_s: Timeout = 60,
) -> None:
    """Have an ACL guard a subnet."""
    if bool(association) is bool(subnet):
        raise typer.BadParameter("name the association by its id, or its subnet by --subnet", param_hint="--subnet")
    acl_id = await lookup.network_acl_id(cli.stead, network_acl)
    association = association or await _association_of(cli, await lookup.subnet_id(cli.stead, subnet))
    request = ReplaceNetworkAclAssociationRequest(**cli.mutation, association_id=association, network_acl_id=acl_id)
    reply = await cli.stead.vpcs.ReplaceNetworkAclAssociation(request)
    made = await _association(cli, "association_id", reply.new_association_id) if cli.is_for_people else None
    guarded = made.subnet_id if made else "the subnet"
    await _say(cli, reply, acl_id, f"guards {guarded} ({reply.new_association_id})", wait, timeout_s)


async def _association_of(cli: Cli, subnet_id: str) -> str:
    found = await _association(cli, "subnet_id", subnet_id)
    if not found:
        raise SteadError("InvalidSubnetID.NotFound", f"No subnet is {subnet_id!r}; `stead subnet list` shows them.")
    association_id: str = found.association_id
    return association_id


async def _association(cli: Cli, field: str, value: str) -> NetworkAclAssociation | None:
    """The one of this value; None where another call has replaced it."""
    request = DescribeNetworkAclsRequest(filters=[lookup.exactly(f"association.{field.replace('_', '-')}", value)])
    acls = (await cli.stead.vpcs.DescribeNetworkAcls(request)).network_acls
    return next((row for acl in acls for row in acl.associations if getattr(row, field) == value), None)
