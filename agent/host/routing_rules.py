"""Rules of policy routing (ip-rule(8)) of the calling thread's network namespace, IPv4. Blocking: for threads.

Where a table of nftables marks what it lets through, these know no way for anything else. So a namespace from which
somebody has removed the table, and with it whatever dropped packets, is silent and not open.
"""

import socket
import struct
from collections.abc import Collection
from dataclasses import dataclass

from agent.host import rtnetlink
from agent.host.entries import MAIN_TABLE
from agent.host.rtnetlink import RTM_DELRULE, RTM_NEWRULE, Request, attribute

NO_TABLE = 0
LOCAL_TABLE = 255  # The namespace's own addresses.

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


_EVERYBODYS = RoutingRule(0, table=LOCAL_TABLE)  # Every namespace begins with it.


def route_marked_only(mark: int) -> list[str]:
    """Have a way for what the namespace sends itself, and for what comes in with this packet mark; for anything else
    there is none, not even to an address that is here. Other rules stay. Returns what was otherwise.
    """
    wanted = [
        RoutingRule(0, device="lo", table=LOCAL_TABLE),
        RoutingRule(0, mark=mark, table=LOCAL_TABLE),
        RoutingRule(1, device="lo"),
        RoutingRule(2, mark=mark),
        RoutingRule(3, table=NO_TABLE),
    ]
    changed = _put(wanted)
    while _EVERYBODYS in _present():
        _carry_out(RTM_DELRULE, [_EVERYBODYS])  # The first at its preference, which may be one of ours.
        _put(wanted)
        changed.append(_EVERYBODYS)
    return list(map(str, changed))


def _put(wanted: Collection[RoutingRule]) -> list[RoutingRule]:
    """Returns those that were missing."""
    now = _present()
    missing = [rule for rule in wanted if rule not in now]
    _carry_out(RTM_NEWRULE, missing)
    return missing


def _present() -> frozenset[RoutingRule]:
    return frozenset(map(_read, rtnetlink.rules()))


def _carry_out(kind: int, rules: Collection[RoutingRule]) -> None:
    if rules:
        rtnetlink.carry_out(Request(kind, _body(rule)) for rule in rules)


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
