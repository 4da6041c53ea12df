"""Connections that end with a rule. Pure: rules and connections in, those out that have no right to go on.

Most don't end: what is established passes, whatever becomes of the rule that let it in. Those end, as in EC2, that are
*untracked* there: of tcp and udp, let in by a rule for everybody while another one let all answers to everybody out.
The ruleset notes that in a connection's mark when it is opened, once for the sender's side and once for the receiver's.
And all end that no rule allows any more, where a group's `drop_revision` says so.

What is dropped is not taken up again: in the middle of a tcp connection nobody opens another (see `ruleset`).
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network
from socket import inet_aton
from typing import NamedTuple

from agent.drivers.network_vxlan.matches import is_open
from agent.drivers.network_vxlan.ruleset import RECEIVER_UNTRACKED, SENDER_UNTRACKED
from agent.host.flows import Flow
from agent.model import GroupSpec, RuleSpec, VpcSpec

_NUMBERS = {"icmp": 1, "tcp": 6, "udp": 17}
_ICMP, _WITH_PORTS = 1, (6, 17)
_ALL = (-1, 0xFFFF)


class _Permit(NamedTuple):
    """A rule: numbers as `_number` makes them, and either a network or a group's members."""

    first: int
    last: int
    network: int = 0
    mask: int = 0
    members: Collection[str] | None = None


_Permits = Mapping[int, Sequence[_Permit]]


class Guard:
    """A port, by its addresses, with all rules of its groups. Made once, for many connections."""

    def __init__(
        self, addresses: Iterable[str], rules: Collection[RuleSpec], members: Callable[[str], Collection[str]]
    ) -> None:
        """`members`: addresses in a group."""
        self.addresses = frozenset(addresses)
        self._egress = _permits([rule for rule in rules if rule.is_egress], members)
        self._ingress = _permits([rule for rule in rules if not rule.is_egress], members)

    def opens(self, flow: Flow) -> bool:
        """Whether the port's rules allow the first packet."""
        if flow.source in self.addresses:
            return _is_allowed(self._egress, flow, flow.destination, flow.port)
        return _is_allowed(self._ingress, flow, flow.source, flow.port)

    def answers(self, flow: Flow) -> bool:
        """Whether the rules of the other direction allow the answers to it, as if nothing were known of it."""
        if flow.source in self.addresses:
            return _is_allowed(self._ingress, flow, flow.destination, flow.source_port)
        return _is_allowed(self._egress, flow, flow.source, flow.source_port)


def _permits(rules: Iterable[RuleSpec], members: Callable[[str], Collection[str]]) -> _Permits:
    """By protocol. Those for all are with each, and alone at -1."""
    found: defaultdict[int, list[_Permit]] = defaultdict(list)
    for rule in rules:
        protocol = _protocol(rule)
        found[protocol].append(_permit(rule, protocol, members))
    return {protocol: permits + (found[-1] if protocol != -1 else []) for protocol, permits in [*found.items()]}


def _permit(rule: RuleSpec, protocol: int, members: Callable[[str], Collection[str]]) -> _Permit:
    first, last = _numbers(rule, protocol)
    if rule.group_id:
        return _Permit(first, last, members=members(rule.group_id))
    network = IPv4Network(rule.cidr_ipv4 or "", strict=False)
    return _Permit(first, last, int(network.network_address), int(network.netmask))


def _protocol(rule: RuleSpec) -> int:
    return _NUMBERS.get(rule.ip_protocol) or int(rule.ip_protocol)


def _numbers(rule: RuleSpec, protocol: int) -> tuple[int, int]:
    """First and last."""
    if rule.from_port == -1 or protocol not in (_ICMP, *_WITH_PORTS):
        return _ALL
    if protocol != _ICMP:
        return rule.from_port, rule.to_port
    of_type = rule.from_port << 8
    return (of_type, of_type | 0xFF) if rule.to_port == -1 else (of_type | rule.to_port, of_type | rule.to_port)


def _number(flow: Flow, port: int) -> int:
    """What rules are about: a port, or ICMP's type and code; -1 where the protocol has neither."""
    return flow.icmp_type << 8 | flow.icmp_code if flow.protocol == _ICMP else port


def _is_allowed(permits: _Permits, flow: Flow, peer: str, port: int) -> bool:
    number, address = _number(flow, port), int.from_bytes(inet_aton(peer), "big")
    for first, last, network, mask, members in permits.get(flow.protocol) or permits.get(-1, ()):
        if first <= number <= last and (address & mask == network if members is None else peer in members):
            return True
    return False


def stale(flows: Iterable[Flow], guards: Iterable[Guard], *, are_tracked_too: bool = False) -> Iterator[Flow]:
    """Those that end, at whichever of their ends one of these ports is."""
    by_address = {address: guard for guard in guards for address in guard.addresses}
    for flow in flows:
        sender, receiver = by_address.get(flow.source), by_address.get(flow.destination)
        ends = ((sender, SENDER_UNTRACKED), (receiver, RECEIVER_UNTRACKED))
        if any(guard and _ends(flow, guard, bits, are_tracked_too) for guard, bits in ends):
            yield flow


def _ends(flow: Flow, guard: Guard, bits: int, are_tracked_too: bool) -> bool:
    is_untracked = flow.protocol in _WITH_PORTS and flow.mark & bits == bits
    if is_untracked and not (guard.opens(flow) and guard.answers(flow)):
        return True
    return are_tracked_too and not guard.opens(flow)


def narrowed(old: VpcSpec, new: VpcSpec, members: Callable[[str], Collection[str]]) -> frozenset[str]:
    """Ports, by interface id, that lost a rule by which connections may be untracked.

    `old` and `new` are the whole or a part that changed, and `members` this host's interfaces in a group.
    """
    before, after = _open_rules(old.groups), _open_rules(new.groups)
    poorer = {group_id for group_id, rules in before.items() if rules - after.get(group_id, frozenset())}
    groups = {port.interface_id: set(port.group_ids) for port in new.ports}
    left = {
        port.interface_id
        for port in old.ports
        if any(before.get(group_id) for group_id in set(port.group_ids) - groups.get(port.interface_id, set()))
    }
    return frozenset(left.union(*map(members, poorer)))


def _open_rules(groups: Iterable[GroupSpec]) -> dict[str, frozenset[RuleSpec]]:
    return {group.group_id: frozenset(filter(is_open, group.rules)) for group in groups}
