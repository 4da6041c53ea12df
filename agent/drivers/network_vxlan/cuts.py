"""Connections that end with a rule. Pure: rules and connections in, those out that have no right to go on.

Most don't end: what is established passes, whatever becomes of the rule that let it in. Those end, as in EC2, that are
*untracked* there: of tcp and udp, let in by a rule for everybody while another one let all answers to everybody out.
The ruleset notes that in a connection's mark when it is opened, once for the sender's side and once for the receiver's.
And all end that no rule allows any more, where a group's `drop_revision` says so.

What is dropped is not taken up again: in the middle of a tcp connection nobody opens another (see `ruleset`).
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network

from agent.drivers.network_vxlan.ruleset import RECEIVER_UNTRACKED, SENDER_UNTRACKED, is_open
from agent.host.flows import Flow
from agent.model import GroupSpec, PortSpec, RuleSpec, VpcSpec

_NUMBERS = {"icmp": "1", "tcp": "6", "udp": "17"}
_WITH_PORTS = ("6", "17")


@dataclass(frozen=True)
class Guard:
    """A port, with all rules of its groups; `is_member` tells of a group and an address."""

    port: PortSpec
    rules: tuple[RuleSpec, ...]
    is_member: Callable[[str, str], bool]

    @cached_property
    def addresses(self) -> frozenset[str]:
        return frozenset(self.port.private_ips)

    def opens(self, flow: Flow) -> bool:
        """Whether the port's rules allow the first packet."""
        is_egress = flow.source in self.addresses
        peer = flow.destination if is_egress else flow.source
        return any(self._permits(rule, flow, peer, flow.port) for rule in self._rules(is_egress=is_egress))

    def answers(self, flow: Flow) -> bool:
        """Whether the rules of the other direction allow the answers to it, as if nothing were known of it."""
        is_egress = flow.source not in self.addresses
        peer = flow.source if is_egress else flow.destination
        return any(self._permits(rule, flow, peer, flow.source_port) for rule in self._rules(is_egress=is_egress))

    def _rules(self, *, is_egress: bool) -> Iterator[RuleSpec]:
        return (rule for rule in self.rules if rule.is_egress is is_egress)

    def _permits(self, rule: RuleSpec, flow: Flow, peer: str, port: int) -> bool:
        return _is_of_protocol(rule, flow, port) and self._is_peer(rule, peer)

    def _is_peer(self, rule: RuleSpec, peer: str) -> bool:
        if rule.group_id:
            return self.is_member(rule.group_id, peer)
        return IPv4Address(peer) in IPv4Network(rule.cidr_ipv4 or "", strict=False)


def _is_of_protocol(rule: RuleSpec, flow: Flow, port: int) -> bool:
    protocol = _NUMBERS.get(rule.ip_protocol, rule.ip_protocol)
    if protocol == "-1":
        return True
    if protocol != str(flow.protocol):
        return False
    if protocol in _WITH_PORTS:
        return rule.from_port == -1 or rule.from_port <= port <= rule.to_port
    if protocol == "1":
        return rule.from_port in (-1, flow.icmp_type) and rule.to_port in (-1, flow.icmp_code)
    return True


def stale(flows: Iterable[Flow], guards: Iterable[Guard], *, are_tracked_too: bool = False) -> Iterator[Flow]:
    """Those that end, at whichever of their ends one of these ports is."""
    by_address = {address: guard for guard in guards for address in guard.addresses}
    for flow in flows:
        sender, receiver = by_address.get(flow.source), by_address.get(flow.destination)
        ends = ((sender, SENDER_UNTRACKED), (receiver, RECEIVER_UNTRACKED))
        if any(guard and _ends(flow, guard, bits, are_tracked_too) for guard, bits in ends):
            yield flow


def _ends(flow: Flow, guard: Guard, bits: int, are_tracked_too: bool) -> bool:
    is_untracked = str(flow.protocol) in _WITH_PORTS and flow.mark & bits == bits
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
