"""Ids as EC2 writes them: a prefix, a dash, and 17 lower-case hexadecimal digits (`i-0123456789abcdef0`).

Owns the prefixes and the shape. Whether an id names anything is not known here.
"""

import re
import secrets
from collections.abc import Callable
from enum import StrEnum

_SHAPE = re.compile(r"([a-z]+(?:-[a-z]+)?)-([0-9a-f]{17})", re.ASCII)


class Prefix(StrEnum):
    """What an id names."""

    INSTANCE = "i"
    RESERVATION = "r"
    REQUEST = "req"
    IMAGE = "ami"
    VOLUME = "vol"
    SECURITY_GROUP = "sg"
    SECURITY_GROUP_RULE = "sgr"
    SUBNET = "subnet"
    VPC = "vpc"
    INTERNET_GATEWAY = "igw"
    NAT_GATEWAY = "nat"
    VPC_PEERING_CONNECTION = "pcx"
    ROUTE_TABLE = "rtb"
    ROUTE_TABLE_ASSOCIATION = "rtbassoc"
    DHCP_OPTIONS = "dopt"
    NETWORK_ACL = "acl"
    NETWORK_ACL_ASSOCIATION = "aclassoc"
    NETWORK_INTERFACE = "eni"
    NETWORK_INTERFACE_ATTACHMENT = "eni-attach"
    ADDRESS_ALLOCATION = "eipalloc"
    ADDRESS_ASSOCIATION = "eipassoc"
    KEY_PAIR = "key"
    PREFIX_LIST = "pl"
    HOST = "host"
    INCARNATION = "inc"
    PROJECT = "proj"
    TOKEN = "tok"  # noqa: S105 - not a secret
    HOST_TOKEN = "htok"  # noqa: S105 - not a secret


def mint(prefix: Prefix, random: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """A new id. `random(n)` returns n bytes; 68 bits of them are used, so that nobody needs to look for a clash."""
    return f"{prefix}-{random(9).hex()[:17]}"


def parse(text: str) -> tuple[Prefix, str]:
    """Prefix and digits. Raises ValueError when `text` is not an id, or its prefix is none of ours."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an id: expected a prefix, a dash and 17 lower-case hexadecimal digits")
    return Prefix(match[1]), match[2]


def is_valid(prefix: str, text: str) -> bool:
    """Whether `text` is well formed and of this kind."""
    match = _SHAPE.fullmatch(text)
    return match is not None and match[1] == prefix
