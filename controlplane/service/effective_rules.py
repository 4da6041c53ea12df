"""What guards an instance's interfaces, rules of groups and entries of network ACLs, and what they matched. Pure.

Hosts count what rules say, and know no ids: those of one guard that say the same are counted together.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from controlplane.model.network import NetworkInterface, SecurityGroupRule
from controlplane.model.network_acl import NetworkAclEntry
from controlplane.model.state import State
from controlplane.model.value import value
from controlplane.service.call import Call, find
from controlplane.service.security_group_rules import expanded


@value(frozen=True, slots=True)
class Says:
    """What a rule does in its guard, the group or the ACL."""

    guard_id: str
    is_egress: bool
    is_allowed: bool
    protocol: str
    from_port: int
    to_port: int
    peer: str


@value(frozen=True, slots=True)
class Count:
    """As `Counted` in session.proto."""

    says: Says
    packets: int
    bytes: int


@dataclass(frozen=True, slots=True)
class EffectiveRule:
    """`counted_as`: what hosts make of it, several where it names a prefix list. It has a `rule_id`, of a group, or a
    `rule_number`, of an ACL. None: nothing was counted.
    """

    interface_id: str
    says: Says
    counted_as: frozenset[Says]
    rule_id: str = ""
    rule_number: int = 0
    packets: int | None = None
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Guarded:
    """An instance's rules in the order in which its packets meet them: those that leave first."""

    host_id: str
    interface_ids: Sequence[str]
    rules: Sequence[EffectiveRule]


def of_instance(state: State, call: Call, instance_id: str) -> Guarded:
    instance = find(state.instances, instance_id, call)
    interfaces = state.interfaces.of(instance.id)
    rules = [rule for row in interfaces for way in (True, False) for rule in _of_interface(state, row, is_egress=way)]
    return Guarded(instance.host_id, [row.id for row in interfaces], rules)


def _of_interface(state: State, interface: NetworkInterface, *, is_egress: bool) -> Iterator[EffectiveRule]:
    acl = state.network_acls[state.subnets[interface.subnet_id].network_acl_id]
    for entry in acl.in_order(is_egress=is_egress):
        says = _entry_says(acl.id, entry)
        yield EffectiveRule(interface.id, says, frozenset([says]), rule_number=entry.rule_number)
    for group_id in interface.group_ids:
        for rule in state.rules.group.of(group_id):
            if rule.is_egress is is_egress and not rule.is_ipv6:
                counted_as = frozenset(map(_rule_says, expanded(state, rule)))
                yield EffectiveRule(interface.id, _rule_says(rule), counted_as, rule_id=rule.id)


def _entry_says(acl_id: str, row: NetworkAclEntry) -> Says:
    return Says(acl_id, row.is_egress, row.is_allowed, row.protocol, row.from_port, row.to_port, row.cidr_block)


def _rule_says(row: SecurityGroupRule) -> Says:
    peer = row.cidr_ipv4 or row.source_group_id or row.prefix_list_id
    return Says(row.group_id, row.is_egress, True, row.ip_protocol, row.from_port, row.to_port, peer)


def with_counts(rules: Iterable[EffectiveRule], counts: Iterable[Count]) -> list[EffectiveRule]:
    """Of what an ACL that stops nothing lets by, and of rules that hosts do not have yet, nothing is counted."""
    packets, sizes = defaultdict[Says, int](int), defaultdict[Says, int](int)
    for count in counts:
        packets[count.says] += count.packets
        sizes[count.says] += count.bytes

    def counted(rule: EffectiveRule) -> EffectiveRule:
        known = rule.counted_as & packets.keys()
        if not known:
            return rule
        return replace(rule, packets=sum(packets[each] for each in known), bytes=sum(sizes[each] for each in known))

    return [counted(rule) for rule in rules]
