"""What rules permit: read as EC2 has it, into the one form that is kept. Whoever compares rules compares that. Pure."""

import re
from dataclasses import dataclass
from typing import Any

from controlplane.errors import Invalid, Parameter, missing, shown
from controlplane.model.cidr import ipv4_network, ipv6_network
from controlplane.model.network import SecurityGroupRule
from controlplane.service.call import check_text

TEXT = r"[A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}"
TEXT_MEANS = "1 to 255 of letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*"
_NUMBER = re.compile(r"0|[1-9][0-9]{0,2}")
_NUMBERS = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}
_ICMP = ("icmp", "icmpv6")
_OR_ELSE = ", or a group or prefix list id"


@dataclass(frozen=True, slots=True)
class Permission:
    """As `IpPermission` in security_groups.proto; exactly one of the peers is not empty. None: a port is not set."""

    ip_protocol: str
    from_port: int | None
    to_port: int | None
    cidr_ipv4: str
    group_id: str
    description: str
    prefix_list_id: str = ""
    cidr_ipv6: str = ""


def fields_of(asked: Permission) -> dict[str, Any]:
    """The fields of a rule that permits it; whether its group or prefix list exists is for others to say.

    Raises `InvalidPermission.Malformed`, `InvalidParameterValue`, `MissingParameter`.
    """
    protocol, from_port, to_port = _protocol_and_ports(asked)
    check_description(asked.description)
    return {
        "ip_protocol": protocol,
        "from_port": from_port,
        "to_port": to_port,
        "cidr_ipv4": _ipv4(asked),
        "cidr_ipv6": str(ipv6_network("cidr_ipv6", asked.cidr_ipv6)) if asked.cidr_ipv6 else "",
        "source_group_id": asked.group_id,
        "prefix_list_id": asked.prefix_list_id,
        "description": asked.description,
    }


def check_description(text: str) -> None:
    if text:
        check_text("description", text, TEXT, f"at most 255 {TEXT_MEANS.removeprefix('1 to 255 ')}")


def described(rule: SecurityGroupRule) -> str:
    """What it permits, for people."""
    peer = rule.cidr_ipv4 or rule.cidr_ipv6 or rule.source_group_id or rule.prefix_list_id
    protocol = "all protocols" if rule.ip_protocol == "-1" else rule.ip_protocol
    ports = "" if rule.from_port == -1 else f" {rule.from_port}-{rule.to_port}"
    return f"{protocol}{ports}, {peer}"


def _ipv4(asked: Permission) -> str:
    if asked.group_id or asked.prefix_list_id or asked.cidr_ipv6:
        return ""
    return str(ipv4_network("cidr_ipv4", asked.cidr_ipv4, "" if asked.cidr_ipv4 else _OR_ELSE))


def _protocol_and_ports(asked: Permission) -> tuple[str, int, int]:
    """Names for tcp, udp, icmp and icmpv6, -1 for ports where there are none."""
    protocol = _NUMBERS.get(asked.ip_protocol, asked.ip_protocol)
    if protocol in ("tcp", "udp"):
        return protocol, *_ports(asked)
    if protocol in _ICMP:
        return protocol, *_type_and_code(asked, protocol)
    if protocol != "-1" and not (_NUMBER.fullmatch(protocol) and int(protocol) <= 255):
        means = "tcp, udp, icmp, icmpv6, a number 0 to 255, or -1 for everything"
        message = f"ip_protocol: {shown(asked.ip_protocol)} is not valid; expected {means}"
        raise Invalid("InvalidPermission.Malformed", message, parameter=Parameter("ip_protocol", asked.ip_protocol))
    return protocol, -1, -1


def _ports(asked: Permission) -> tuple[int, int]:
    first, last = _given(asked, "a port from 0 to 65535", "a port from 0 to 65535")
    if not 0 <= first <= last <= 65535:
        name = "to_port" if 0 <= first <= 65535 else "from_port"
        raise _malformed(asked, name, "ports are 0 to 65535, the first not above the last")
    return first, last


def _type_and_code(asked: Permission, protocol: str) -> tuple[int, int]:
    if protocol == "icmpv6" and asked.from_port is asked.to_port is None:
        return -1, -1
    kind, code = _given(asked, "an ICMP type, or -1 for all", "an ICMP code, or -1 for all")
    if not (-1 <= kind <= 255 and -1 <= code <= 255):
        name = "to_port" if -1 <= kind <= 255 else "from_port"
        raise _malformed(asked, name, "an ICMP type and code are 0 to 255, or -1 for all")
    if kind == -1 and code != -1:
        raise _malformed(asked, "from_port", "an ICMP code needs a type")
    return kind, code


def _given(asked: Permission, first: str, last: str) -> tuple[int, int]:
    """Both ports, which this protocol has. Raises `MissingParameter`, with what is expected."""
    if asked.from_port is None:
        raise missing("from_port", first)
    if asked.to_port is None:
        raise missing("to_port", last)
    return asked.from_port, asked.to_port


def _malformed(asked: Permission, name: str, why: str) -> Invalid:
    message = f"protocol {shown(asked.ip_protocol)}, {_ports_as_asked(asked)}: {why}"
    return Invalid("InvalidPermission.Malformed", message, parameter=Parameter(name, getattr(asked, name)))


def _ports_as_asked(asked: Permission) -> str:
    """Both are there."""
    if _NUMBERS.get(asked.ip_protocol, asked.ip_protocol) in _ICMP:
        return f"type {asked.from_port}, code {asked.to_port}"
    return f"ports {asked.from_port} to {asked.to_port}"
