"""Rules of policy routing (ip-rule(8)) of the calling thread's network namespace, IPv4. Blocking: for threads.

Where a table of nftables marks what it lets through, these know no way for anything else. So a namespace from which
somebody has removed the table, and with it whatever dropped packets, is silent and not open.
"""

import socket
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from agent.host import rtnetlink
from agent.host.entries import MAIN_TABLE
from agent.host.rtnetlink import RTM_DELRULE, RTM_NEWRULE, Request, attribute

NO_TABLE = 0
LOCAL_TABLE = 255  # The namespace's own addresses.

EXACTLY = 0xFFFFFFFF
WAYS = 2  # The preference of rules that lead on what the main table has no route for.

# From linux/fib_rules.h.
_FRA_IIFNAME, _FRA_PRIORITY, _FRA_FWMARK, _FRA_TABLE, _FRA_FWMASK = 3, 6, 10, 15, 16
_TO_TABLE, _BLACKHOLE = 1, 6


@dataclass(frozen=True, slots=True)
class RoutingRule:
    """What comes in by `device` (`lo`: is sent from here) and has the packet mark `mark` in the bits of `mask`, where
    these are given, goes by `table`; with NO_TABLE it is dropped without a word.
    """

    preference: int
    device: str = ""
    mark: int = 0
    table: int = MAIN_TABLE
    mask: int = EXACTLY

    def __str__(self) -> str:
        return f"routing rule {self.preference}"


_EVERYBODYS = RoutingRule(0, table=LOCAL_TABLE)  # Every namespace begins with it.


def route_marked_only(mark: int, mask: int = EXACTLY) -> list[str]:
    """Have a way for what the namespace sends itself, and for what comes in with this packet mark in the bits of
    `mask`; for anything else there is none, not even to an address that is here. Other rules stay. Returns what was
    otherwise.
    """
    wanted = [
        RoutingRule(0, device="lo", table=LOCAL_TABLE),
        RoutingRule(0, mark=mark, mask=mask, table=LOCAL_TABLE),
        RoutingRule(1, device="lo"),
        RoutingRule(1, mark=mark, mask=mask),
        RoutingRule(3, table=NO_TABLE),
    ]
    changed = _put(wanted)
    while _EVERYBODYS in _present():
        _carry_out(RTM_DELRULE, [_EVERYBODYS])  # The first at its preference, which may be one of ours.
        _put(wanted)
        changed.append(_EVERYBODYS)
    return list(map(str, changed))


def lead_on(tables: Mapping[int, int]) -> list[str]:
    """Have what the main table has no route for go by these tables, by packet mark, and nothing else. Returns what was
    otherwise.
    """
    wanted = frozenset(RoutingRule(WAYS, mark=mark, table=table) for mark, table in tables.items())
    now = frozenset(rule for rule in _present() if rule.preference == WAYS)
    _carry_out(RTM_NEWRULE, wanted - now)
    _carry_out(RTM_DELRULE, now - wanted)
    return sorted({str(rule) for rule in wanted ^ now})


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
    table = rtnetlink.number(found[_FRA_TABLE]) if _FRA_TABLE in found else message.fields[4]
    mask = rtnetlink.number(found[_FRA_FWMASK]) if _FRA_FWMASK in found else EXACTLY
    return RoutingRule(preference, rtnetlink.text(found.get(_FRA_IIFNAME)), mark, table, mask)


def _body(rule: RoutingRule) -> bytes:
    action = _BLACKHOLE if rule.table == NO_TABLE else _TO_TABLE
    header_table = rule.table if rule.table < 256 else 0  # It has one byte.
    body = rtnetlink.ROUTE.pack(socket.AF_INET, 0, 0, 0, header_table, 0, 0, action, 0)  # As struct fib_rule_hdr.
    numbers = [(_FRA_PRIORITY, rule.preference), (_FRA_TABLE, rule.table)]
    numbers += [(_FRA_FWMARK, rule.mark), (_FRA_FWMASK, rule.mask)] if rule.mark else []
    for kind, number in numbers:
        body += attribute(kind, struct.pack("=I", number))
    return body + (attribute(_FRA_IIFNAME, rule.device.encode() + b"\0") if rule.device else b"")
