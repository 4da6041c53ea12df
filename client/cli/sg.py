"""`stead sg`: security groups, what may reach an instance and what it may reach."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from client.cli import lookup, render
from client.cli.options import Filters, Tags, Timeout, Wait, parse_filters, parse_tags
from client.cli.session import Cli, command
from client.cli.wait import wait_for_rules
from stead.v1.security_groups_pb2 import (
    AuthorizeSecurityGroupEgressRequest,
    AuthorizeSecurityGroupIngressRequest,
    CreateSecurityGroupRequest,
    DeleteSecurityGroupRequest,
    DescribeSecurityGroupsRequest,
    DescribeSecurityGroupsResponse,
    IpPermission,
    RevokeSecurityGroupEgressRequest,
    RevokeSecurityGroupIngressRequest,
)

app = typer.Typer(no_args_is_help=True)


class Protocol(StrEnum):
    """What a rule is about."""

    TCP = "tcp"
    UDP = "udp"
    ICMP = "icmp"
    ALL = "all"


COLUMNS = {
    "GROUP": lambda group: group.group_id,
    "NAME": lambda group: group.group_name,
    "VPC": lambda group: group.vpc_id,
    "RULES": lambda group: str(len(group.rules)),
    "STATUS": lambda group: group.status,
    "DESCRIPTION": lambda group: group.description,
}
RULE_COLUMNS = {
    "RULE": lambda rule: rule.rule_id,
    "DIRECTION": lambda rule: "out, to" if rule.is_egress else "in, from",
    "PEER": lambda rule: rule.permission.cidr_ipv4 or rule.permission.group_id or rule.permission.prefix_list_id,
    "PROTOCOL": lambda rule: rule.permission.ip_protocol.replace("-1", Protocol.ALL),
    "PORTS": lambda rule: show_ports(rule.permission),
    "DESCRIPTION": lambda rule: rule.permission.description,
}
Group = Annotated[str, typer.Argument(metavar="GROUP", help="Id or name.", show_default=False)]
ProtocolOption = Annotated[Protocol, typer.Option(help="What the rule is about.")]
Port = Annotated[str, typer.Option(metavar="PORT[-PORT]", help="For tcp and udp, e.g. 22 or 8000-8010.")]
IcmpType = Annotated[
    str, typer.Option(metavar="TYPE[:CODE]", help="For icmp, e.g. 8:0 for pings. Default: all.", show_default=False)
]
Cidrs = Annotated[list[str] | None, typer.Option(metavar="CIDR", help="A network at the other end. May be repeated.")]
SourceGroups = Annotated[
    list[str] | None,
    typer.Option(metavar="GROUP", help="A group, id or name, at the other end. May be repeated.", show_default=False),
]
SourcePrefixLists = Annotated[
    list[str] | None,
    typer.Option(metavar="PREFIX-LIST", help="A prefix list, id or name, at the other end. May be repeated."),
]
Egress = Annotated[bool, typer.Option("--egress", help="For what goes out; otherwise for what comes in.")]


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
    cli.table(reply, RULE_COLUMNS, [rule for found in reply.security_groups for rule in found.rules], "No rules.")
    _notes(cli, reply)


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


@command(app, "authorize", mutates=True)
async def authorize(
    cli: Cli,
    group: Group,
    protocol: ProtocolOption = Protocol.TCP,
    port: Port = "",
    icmp_type: IcmpType = "",
    cidr: Cidrs = None,
    source_group: SourceGroups = None,
    prefix_list: SourcePrefixLists = None,
    description: Annotated[str, typer.Option(metavar="TEXT", help="Free text.", show_default=False)] = "",
    egress: Egress = False,
    wait: Wait = False,
    timeout_s: Timeout = 60,
) -> None:
    """Add rules, which take effect on running instances at once."""
    ports = parse_ports(protocol, port, icmp_type)
    peers = await _peers(cli, cidr or (), source_group or (), prefix_list or ())
    permissions = _permissions(protocol, ports, peers, description)
    fields = cli.mutation | {"group_id": await lookup.group_id(cli.stead, group), "permissions": permissions}
    groups = cli.stead.security_groups
    if egress:
        reply = await groups.AuthorizeSecurityGroupEgress(AuthorizeSecurityGroupEgressRequest(**fields))
    else:
        reply = await groups.AuthorizeSecurityGroupIngress(AuthorizeSecurityGroupIngressRequest(**fields))
    try:
        if wait:
            await wait_for_rules(cli.stead, fields["group_id"], timeout_s)
    finally:  # Whatever becomes of the wait, there are rules now, and this tells their ids.
        cli.table(reply, RULE_COLUMNS, reply.rules)


@command(app, "revoke", mutates=True)
async def revoke(
    cli: Cli,
    group: Group,
    rule: Annotated[list[str] | None, typer.Option(metavar="RULE", help="A rule's id, instead of the rest.")] = None,
    protocol: Annotated[Protocol | None, typer.Option(help="What the rule is about. Default: tcp.")] = None,
    port: Port = "",
    icmp_type: IcmpType = "",
    cidr: Cidrs = None,
    source_group: SourceGroups = None,
    prefix_list: SourcePrefixLists = None,
    egress: Egress = False,
    wait: Wait = False,
    timeout_s: Timeout = 60,
) -> None:
    """Remove rules, by id or by what they permit. New connections stop at once."""
    permissions = []
    if rule and any((protocol, port, icmp_type, cidr, source_group, prefix_list)):
        raise typer.BadParameter("names the rules; leave out what they permit", param_hint="--rule")
    if not rule:
        protocol = protocol or Protocol.TCP
        ports = parse_ports(protocol, port, icmp_type)
        peers = await _peers(cli, cidr or (), source_group or (), prefix_list or ())
        permissions = _permissions(protocol, ports, peers)
    group_id = await lookup.group_id(cli.stead, group)
    fields = cli.mutation | {"group_id": group_id, "permissions": permissions, "rule_ids": rule or ()}
    groups = cli.stead.security_groups
    if egress:
        reply = await groups.RevokeSecurityGroupEgress(RevokeSecurityGroupEgressRequest(**fields))
    else:
        reply = await groups.RevokeSecurityGroupIngress(RevokeSecurityGroupIngressRequest(**fields))
    if wait:
        await wait_for_rules(cli.stead, group_id, timeout_s)
    count = len(permissions or rule or ())
    cli.say(reply, f"Revoked {count} {'rule' if count == 1 else 'rules'} of {group_id}")


async def _peers(
    cli: Cli, cidrs: Sequence[str], groups: Sequence[str], prefix_lists: Sequence[str]
) -> list[dict[str, Any]]:
    """Who is at the other end, each as the field of a permission."""
    if not cidrs and not groups and not prefix_lists:
        asked = "say who is at the other end: --cidr, --source-group or --prefix-list"
        raise typer.BadParameter(asked, param_hint="--cidr")
    return [
        *({"cidr_ipv4": cidr} for cidr in cidrs),
        *[{"group_id": await lookup.group_id(cli.stead, group)} for group in groups],
        *[{"prefix_list_id": await lookup.prefix_list_id(cli.stead, name)} for name in prefix_lists],
    ]


def _permissions(
    protocol: Protocol,
    ports: tuple[int | None, int | None],
    peers: Sequence[dict[str, Any]],
    description: str = "",
) -> list[IpPermission]:
    """One permission for each peer."""
    common: dict[str, Any] = {
        "ip_protocol": "-1" if protocol is Protocol.ALL else protocol.value,
        "from_port": ports[0],
        "to_port": ports[1],
        "description": description,
    }
    return [IpPermission(**common, **peer) for peer in peers]


def parse_ports(protocol: Protocol, port: str, icmp_type: str) -> tuple[int | None, int | None]:
    """First and last port, or ICMP's type and code, -1 for all; none where the protocol has neither."""
    if port and protocol in (Protocol.ICMP, Protocol.ALL):
        raise typer.BadParameter(f"{protocol} has no ports", param_hint="--port")
    if icmp_type and protocol is not Protocol.ICMP:
        raise typer.BadParameter(f"is for --protocol icmp, not {protocol}", param_hint="--icmp-type")
    if protocol is Protocol.ALL:
        return None, None
    if protocol is Protocol.ICMP:
        return _pair(icmp_type or "-1:-1", ":", "-1", "an ICMP type such as 8, or a type and a code such as 8:0")
    if not port:
        raise typer.BadParameter(f"{protocol} needs one, e.g. 22 or 8000-8010", param_hint="--port")
    return _pair(port, "-", port, "a port, or a range such as 8000-8010")


def _pair(text: str, separator: str, second: str, expected: str) -> tuple[int, int]:
    """Two numbers; `second` stands for the other one where there is one only."""
    first, _, last = text.partition(separator)
    try:
        return int(first), int(last or second)
    except ValueError:
        hint = "--port" if separator == "-" else "--icmp-type"
        raise typer.BadParameter(f"{text!r} is not {expected}", param_hint=hint) from None


def show_ports(permission: IpPermission) -> str:
    """As they are given on the command line."""
    if permission.from_port == -1:
        return Protocol.ALL
    if permission.ip_protocol == Protocol.ICMP:
        return f"{permission.from_port}:{permission.to_port}" if permission.to_port != -1 else str(permission.from_port)
    if permission.from_port == permission.to_port:
        return str(permission.from_port)
    return f"{permission.from_port}-{permission.to_port}"
