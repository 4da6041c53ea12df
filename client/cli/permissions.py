"""What a rule of a security group permits, as it is said on the command line and shown there."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from client.cli import lookup
from stead.v1.security_groups_pb2 import IpPermission, SecurityGroupRule

if TYPE_CHECKING:
    from client.connection import Stead

ALL = "all"
_NAMES = {ALL: "-1", "1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}
_ICMP = ("icmp", "icmpv6")
_WITH_PORTS = ("tcp", "udp")
_PROTOCOLS = {ALL, "-1", "tcp", "udp", *_ICMP, *map(str, range(256))}
_PORT = re.compile(r"(0|[1-9][0-9]{0,4})(?:-(0|[1-9][0-9]{0,4}))?")
_ICMP_TYPE = re.compile(r"(-1|0|[1-9][0-9]{0,2})(?::(-1|0|[1-9][0-9]{0,2}))?")

RULE_COLUMNS = {
    "RULE": lambda rule: rule.rule_id,
    "DIRECTION": lambda rule: "out, to" if rule.is_egress else "in, from",
    "PEER": lambda rule: show_peer(rule.permission),
    "PROTOCOL": lambda rule: ALL if rule.permission.ip_protocol == "-1" else rule.permission.ip_protocol,
    "PORTS": lambda rule: show_ports(rule.permission),
    "DESCRIPTION": lambda rule: rule.permission.description,
}
Protocol = Annotated[
    str, typer.Option(metavar="PROTOCOL", help="tcp, udp, icmp, icmpv6, a number, or all.", show_default="tcp")
]
Port = Annotated[str, typer.Option(metavar="PORT[-PORT]", help="For tcp and udp, e.g. 22 or 8000-8010.")]
IcmpType = Annotated[
    str,
    typer.Option(
        metavar="TYPE[:CODE]", help="For icmp and icmpv6, e.g. 8:0 for pings. Default: all.", show_default=False
    ),
]
Cidrs = Annotated[
    list[str] | None,
    typer.Option(metavar="CIDR", help="A network at the other end, with its length. May be repeated."),
]
SourceGroups = Annotated[
    list[str] | None,
    typer.Option(metavar="GROUP", help="A group, id or name, at the other end. May be repeated.", show_default=False),
]
SourcePrefixLists = Annotated[
    list[str] | None,
    typer.Option(metavar="PREFIX-LIST", help="A prefix list, id or name, at the other end. May be repeated."),
]
Description = Annotated[str, typer.Option(metavar="TEXT", help="Free text.", show_default=False)]
Egress = Annotated[bool, typer.Option("--egress", help="For what goes out; otherwise for what comes in.")]
DropEstablished = Annotated[
    bool, typer.Option("--drop-established", help="End connections, too, that no rule allows any more.")
]


async def permissions(
    stead: "Stead",
    protocol: str,
    port: str,
    icmp_type: str,
    peers: tuple[Sequence[str] | None, Sequence[str] | None, Sequence[str] | None],
    description: str = "",
) -> list[IpPermission]:
    """One for each of the `peers`: networks, groups, prefix lists."""
    protocol = parse_protocol(protocol or "tcp")
    first, last = parse_ports(protocol, port, icmp_type)
    common: dict[str, Any] = {"ip_protocol": protocol, "from_port": first, "to_port": last, "description": description}
    return [IpPermission(**common, **peer) for peer in await _peers(stead, *(names or () for names in peers))]


async def _peers(
    stead: "Stead", cidrs: Sequence[str], groups: Sequence[str], prefix_lists: Sequence[str]
) -> list[dict[str, Any]]:
    """Who is at the other end, each as the field of a permission."""
    if not cidrs and not groups and not prefix_lists:
        asked = "say who is at the other end: --cidr, --source-group or --prefix-list"
        raise typer.BadParameter(asked, param_hint="--cidr")
    return [
        *({"cidr_ipv6" if ":" in cidr else "cidr_ipv4": cidr} for cidr in cidrs),
        *[{"group_id": await lookup.group_id(stead, group)} for group in groups],
        *[{"prefix_list_id": await lookup.prefix_list_id(stead, name)} for name in prefix_lists],
    ]


def parse_protocol(text: str) -> str:
    """As the API names it."""
    if text not in _PROTOCOLS:
        means = "tcp, udp, icmp, icmpv6, a number from 0 to 255, or all"
        raise typer.BadParameter(f"{text!r} is not {means}", param_hint="--protocol")
    return _NAMES.get(text, text)


def parse_ports(protocol: str, port: str, icmp_type: str) -> tuple[int | None, int | None]:
    """First and last port, or ICMP's type and code, -1 for all; none where the protocol has neither."""
    name = ALL if protocol == "-1" else protocol
    if port and protocol not in _WITH_PORTS:
        raise typer.BadParameter(f"{name} has no ports", param_hint="--port")
    if icmp_type and protocol not in _ICMP:
        raise typer.BadParameter(f"is for --protocol icmp, not {name}", param_hint="--icmp-type")
    if protocol in _ICMP:
        first, last = _numbers(
            _ICMP_TYPE, icmp_type or "-1", "--icmp-type", "an ICMP type such as 8, or with its code 8:0"
        )
        return first, -1 if last is None else last
    if protocol not in _WITH_PORTS:
        return None, None
    if not port:
        raise typer.BadParameter(f"{protocol} needs one, e.g. 22 or 8000-8010", param_hint="--port")
    first, last = _numbers(_PORT, port, "--port", "a port, or a range such as 8000-8010")
    return first, first if last is None else last


def _numbers(grammar: re.Pattern[str], text: str, hint: str, expected: str) -> tuple[int, int | None]:
    found = grammar.fullmatch(text)
    if not found:
        raise typer.BadParameter(f"{text!r} is not {expected}", param_hint=hint)
    return int(found[1]), None if found[2] is None else int(found[2])


def show_peer(permission: IpPermission) -> str:
    peer: str = getattr(permission, permission.WhichOneof("peer") or "cidr_ipv4")
    return peer


def show_ports(permission: IpPermission) -> str:
    """As they are given on the command line."""
    if permission.from_port == -1:
        return ALL
    if permission.ip_protocol in _ICMP:
        return f"{permission.from_port}:{permission.to_port}" if permission.to_port != -1 else str(permission.from_port)
    if permission.from_port == permission.to_port:
        return str(permission.from_port)
    return f"{permission.from_port}-{permission.to_port}"


def show(permission: IpPermission) -> str:
    """In a line of text."""
    return f"{permission.ip_protocol.replace('-1', ALL)} {show_ports(permission)}, {show_peer(permission)}"


def no_effect(rules: Sequence[SecurityGroupRule]) -> list[tuple[str, str]]:
    """Rules that have none, by id, with the reason."""
    return [(rule.rule_id, f"has no effect: {rule.status_detail}") for rule in rules if rule.status == "no-effect"]
