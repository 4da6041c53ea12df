"""Rules of policy routing (ip-rule(8)) of the calling thread's network namespace, IPv4. Blocking: for threads."""

import socket
import struct
from collections.abc import Collection
from dataclasses import dataclass

from agent.host import rtnetlink
from agent.host.entries import MAIN_TABLE
from agent.host.rtnetlink import RTM_NEWRULE, Request, attribute

NO_TABLE = 0

_FRA_IIFNAME, _FRA_PRIORITY, _FRA_FWMARK = 3, 6, 10  # From linux/fib_rules.h.
_TO_TABLE, _BLACKHOLE = 1, 6


@dataclass(frozen=True, slots=True)
class RoutingRule:
    """What comes in by `device` (`lo`: is sent from here) and has the packet mark `mark`, if these are given, goes by
    `table`; with NO_TABLE it is dropped without a word.
    """

    preference: int
    device: str = ""
    mark: int = 0
    table: int = MAIN_TABLE

    def __str__(self) -> str:
        return f"routing rule {self.preference}"


def ensure(wanted: Collection[RoutingRule]) -> list[str]:
    """Have these, besides whatever others there are. Returns those that were missing."""
    now = frozenset(map(_read, rtnetlink.rules()))
    missing = [rule for rule in wanted if rule not in now]
    if missing:
        rtnetlink.carry_out(Request(RTM_NEWRULE, _body(rule)) for rule in missing)
    return list(map(str, missing))


def _read(message: rtnetlink.Message) -> RoutingRule:
    found = message.attributes
    preference, mark = (rtnetlink.number(found.get(kind)) for kind in (_FRA_PRIORITY, _FRA_FWMARK))
    return RoutingRule(preference, rtnetlink.text(found.get(_FRA_IIFNAME)), mark, message.fields[4])


def _body(rule: RoutingRule) -> bytes:
    action = _BLACKHOLE if rule.table == NO_TABLE else _TO_TABLE
    body = rtnetlink.ROUTE.pack(socket.AF_INET, 0, 0, 0, rule.table, 0, 0, action, 0)  # As struct fib_rule_hdr.
    body += attribute(_FRA_PRIORITY, struct.pack("=I", rule.preference))
    body += attribute(_FRA_FWMARK, struct.pack("=I", rule.mark)) if rule.mark else b""
    return body + (attribute(_FRA_IIFNAME, rule.device.encode() + b"\0") if rule.device else b"")
