"""Network ACLs: what may cross the borders of subnets, packet by packet, whatever was let through before."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from controlplane.ids import Prefix
from controlplane.model.kind import Kind
from controlplane.model.table import Owned

LAST = 32767  # The entry of each direction that stays, and denies what no other one decides: EC2 shows it as "*".


@dataclass(frozen=True, slots=True)
class NetworkAclEntry:
    """One of `cidr_block` and `ipv6_cidr_block` is set. `protocol` is a number, or "-1" for all.

    `from_port` and `to_port` are ports of tcp and udp, ICMP's type and code, or -1 for all.
    """

    rule_number: int
    is_egress: bool
    protocol: str
    is_allowed: bool
    cidr_block: str
    ipv6_cidr_block: str = ""
    from_port: int = -1
    to_port: int = -1

    @property
    def place(self) -> tuple[bool, int]:
        """What two entries of one ACL may not have in common, in the order of lists: EC2's."""
        return not self.is_egress, self.rule_number

    @property
    def rule_action(self) -> str:
        return "allow" if self.is_allowed else "deny"

    @property
    def is_icmp(self) -> bool:
        return self.protocol == "1" or (self.protocol == "58" and self.is_ipv6)

    @property
    def has_ports(self) -> bool:
        return self.protocol in ("6", "17")

    @property
    def is_ipv6(self) -> bool:
        """Whether it is about IPv6, which VPCs do not have yet."""
        return bool(self.ipv6_cidr_block)

    @property
    def allows_all(self) -> bool:
        return self.is_allowed and self.protocol == "-1" and self.cidr_block == "0.0.0.0/0"


@dataclass(frozen=True, slots=True)
class NetworkAcl:
    """`entries` by their places, with those that stay. `pending_revision` and `generation` are as those of a security
    group, about its entries and the subnets that it guards.
    """

    id: str
    project_id: str
    vpc_id: str
    is_default: bool
    entries: tuple[NetworkAclEntry, ...]
    created_at: datetime
    tags: Mapping[str, str]
    pending_revision: int = 0
    generation: int = 0

    def in_order(self, *, is_egress: bool) -> list[NetworkAclEntry]:
        """Of a direction, those about IPv4, of which the first one that matches decides; IPv6 no VPC has yet."""
        return [row for row in self.entries if row.is_egress is is_egress and not row.is_ipv6]

    @property
    def is_open(self) -> bool:
        """Whether it stops nothing."""
        return all(self.in_order(is_egress=way)[0].allows_all for way in (False, True))


class NetworkAcls(Owned[NetworkAcl]):
    kind = Kind(
        "network-acl",
        Prefix.NETWORK_ACL,
        "InvalidNetworkAclID",
        "DescribeNetworkAcls",
        word="network ACL",
        is_public=True,
    )
    row_type = NetworkAcl
    stored_as = "network_acls"
    filters = {
        "network-acl-id": lambda row: row.id,
        "association.network-acl-id": lambda row: row.id,
        "vpc-id": lambda row: row.vpc_id,
        "owner-id": lambda row: row.project_id,
        "default": lambda row: row.is_default,
        "entry.cidr": lambda row: [entry.cidr_block for entry in row.entries if entry.cidr_block],
        "entry.ipv6-cidr": lambda row: [entry.ipv6_cidr_block for entry in row.entries if entry.ipv6_cidr_block],
        "entry.egress": lambda row: ["true" if entry.is_egress else "false" for entry in row.entries],
        "entry.rule-action": lambda row: [entry.rule_action for entry in row.entries],
        "entry.rule-number": lambda row: [str(entry.rule_number) for entry in row.entries],
        "entry.protocol": lambda row: [name for entry in row.entries for name in protocol_names(entry.protocol)],
        "entry.port-range.from": lambda row: _values(row, "from_port", is_icmp=False),
        "entry.port-range.to": lambda row: _values(row, "to_port", is_icmp=False),
        "entry.icmp.type": lambda row: _values(row, "from_port", is_icmp=True),
        "entry.icmp.code": lambda row: _values(row, "to_port", is_icmp=True),
    }

    def __init__(self) -> None:
        super().__init__()
        self.vpc = self.index(lambda row: row.vpc_id)
        self.pending = self.index(lambda row: True if row.pending_revision else None)


_NAMES = {"1": "icmp", "6": "tcp", "17": "udp"}


def protocol_names(protocol: str) -> list[str]:
    """The number, and EC2's name for it if it has one."""
    return [protocol, *filter(None, [_NAMES.get(protocol)])]


def _values(row: NetworkAcl, name: str, *, is_icmp: bool) -> list[str]:
    """Of ICMP's entries, which have -1 for all, or of those that have ports."""
    found = [(entry.is_icmp, getattr(entry, name)) for entry in row.entries]
    return [str(value) for of_icmp, value in found if of_icmp is is_icmp and (is_icmp or value != -1)]
