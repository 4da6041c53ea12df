"""Security groups and anti-spoofing as nftables rules. Pure: a spec in, tables out.

    a frame from a tap:    <interface>.tap  (MAC, address, ARP and DHCP are its own)  -> marked, or dropped
    routed or received:    check-source     (what came from a tap unmarked is dropped, before it is tracked)
    routed at all:         what check-source marked (by routing rules, so without these tables nothing is)
    forwarded:             check-forward    (the sender's groups, then the receiver's groups)
    for the router itself: check-input      (DHCP, DNS, time, metadata, ping)

A tap's own chain sits at its ingress, since connection tracking joins fragments before any later hook sees them: one
guest's fragment must never become part of another's datagram. A tap without that chain is silent.

That the tables stand is seen outside of them: `check-source` marks what it lets through, and routing rules know no way
on for what bears no mark. An ARP request takes that way, too, before the proxy answers for what is there.

With both ends on one host, both must agree: what the sender's groups allow they mark, and go on; an `accept` is the
receiver's. Traffic from other hosts has passed its sender's rules there. Everything starts at drop. A packet meets the
same number of lookups whatever the number of ports: maps by tap lead to the port's chain, which lists its groups'
chains. What most packets are comes first in every chain, and is over in its first rule: one of an established
connection meets three rules on its way.

Network ACLs look at every packet, so they come before that: maps lead from the taps of a subnet that one guards to the
subnet's chain, which packets within the subnet leave by its first rule. A VPC in which none stops anything has no rule
of theirs.

What is dropped goes by a chain that is named after the guard, and logs some of it there, for whoever listens.

Each rule of a group and each entry of an ACL has a counter: of packets that open something, and of those that cross a
border.
"""

import re
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network
from zlib import crc32

from agent.drivers.network_vxlan import names
from agent.drivers.network_vxlan.matches import NAMED_PROTOCOLS, is_open, match_peer, match_protocol
from agent.host.nft import Chain, Device, Set, Table
from agent.host.routing_rules import EXACTLY
from agent.model import AclEntry, AclSpec, Counted, GroupSpec, PortSpec, RuleSpec, SubnetSpec, VpcSpec

FILTER = "inet stead"
INGRESS = "netdev stead"
OBSOLETE = "arp stead"  # Of agents up to 0.1: what it checked, the ingress chains do.

_TAPS = f'"{names.TAP_PREFIX}*"'
_VXLANS = f'"{names.VXLAN_PREFIX}*"'
_PEERINGS = f'"{names.PEERING_PREFIX}*"'
# Packet marks, above the number of the route table that serves the sender: between a tap's own chain and
# `check-source`, and from there to `check-forward`, which takes it off: without, no way on.
_CHECKED, _ROUTED, _NUMBER = 0x73760000, 0x73750000, 0xFFFF
ROUTED = (_ROUTED, EXACTLY ^ _NUMBER)  # With the bits that count, for all tables.
SEEN = _ROUTED | _NUMBER  # Of what comes from no tap, in place of the latter.
_ALLOWED = "0x73740003"  # Packet mark within `check-forward`: by one of the sender's groups.
# Connection marks: a rule for everybody let it through, and all answers would pass by rules alone. Of what is both, EC2
# says that it is untracked. The sender's rules have bits of their own, since both ends may be here.
SENDER_OPEN, SENDER_ANSWERED, RECEIVER_OPEN, RECEIVER_ANSWERED = 0x1, 0x2, 0x4, 0x8
SENDER_UNTRACKED, RECEIVER_UNTRACKED = SENDER_OPEN | SENDER_ANSWERED, RECEIVER_OPEN | RECEIVER_ANSWERED
# What one interface may ask of the resolver and the time server together, in packets: EC2's limit. Lower: guests that
# look up much wait. Higher: one of them can take so much of both that others do.
_QUESTIONS = "limit rate over 1024/second burst 1024 packets counter drop"
_HARDWARE_ADDRESS = "@th,288,48"  # `chaddr` of a DHCP message: RFC 2131, figure 1, after the UDP header.
# Of each guard. Fewer: of a flood, others see nothing. More: work for packets that nobody wants.
_LOGGED = "limit rate 10/second burst 20 packets"
LOG_GROUP = 5  # Of nflog, of the namespace's.
# Guards, by the chains that say who they are, which the log's prefixes are as well.
SPOOFED, INVALID, UNOPENED = "spoofed-source", "invalid-packet", "unopened-tcp"
ACL_OUT, ACL_IN, GROUP_OUT, GROUP_IN = "acl-out", "acl-in", "group-out", "group-in"

# This network, loopback, link-local, multicast, reserved (RFC 6890).
_NOT_FOR_HOSTS = "{ 0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16, 224.0.0.0/3 }"
_MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")


def render(spec: VpcSpec, taps: Mapping[str, Device]) -> tuple[Table, Table]:
    """The whole ruleset of a VPC's namespace; `taps` are those that are in it, by interface id."""
    return _filter_table(spec), _ingress_table(spec, taps)


def routed(number: int) -> int:
    """The packet mark of what is routed by this route table."""
    return _ROUTED | number


def egress_chain(resource_id: str) -> str:
    return f"{resource_id}.out"


def ingress_chain(resource_id: str) -> str:
    return f"{resource_id}.in"


def questions_chain(interface_id: str) -> str:
    return f"{interface_id}.questions"


def tap_chain(interface_id: str) -> str:
    return f"{interface_id}.tap"


def _filter_table(spec: VpcSpec) -> Table:
    chains = {
        "check-source": _check_source(spec),
        "check-forward": _check_forward(spec),
        "check-input": _check_input(spec),
        **{guard: _dropped(guard) for guard in (INVALID, UNOPENED, ACL_OUT, ACL_IN, GROUP_OUT, GROUP_IN)},
    }
    for group in sorted(spec.groups, key=lambda group: group.group_id):
        chains[egress_chain(group.group_id)] = _group_chain(group, is_egress=True)
        chains[ingress_chain(group.group_id)] = _group_chain(group, is_egress=False)
        chains[_answered(egress_chain(group.group_id))] = _answered_chain(group, is_egress=True)
        chains[_answered(ingress_chain(group.group_id))] = _answered_chain(group, is_egress=False)
    for subnet in spec.subnets:
        if subnet.acl_id:
            chains[egress_chain(subnet.subnet_id)] = _border(subnet, "ip daddr", egress_chain)
            chains[ingress_chain(subnet.subnet_id)] = _border(subnet, "ip saddr", ingress_chain)
    for acl in spec.acls:
        chains[egress_chain(acl.acl_id)] = _acl_chain(acl, is_egress=True)
        chains[ingress_chain(acl.acl_id)] = _acl_chain(acl, is_egress=False)
    for port in sorted(spec.ports, key=lambda port: port.interface_id):
        chains[egress_chain(port.interface_id)] = _port_chain(egress_chain, port)
        chains[ingress_chain(port.interface_id)] = _port_chain(ingress_chain, port)
        chains[questions_chain(port.interface_id)] = Chain((_QUESTIONS,))
    return Table(FILTER, _port_sets(spec) | _border_sets(spec) | _member_sets(spec), chains)


def _ingress_table(spec: VpcSpec, taps: Mapping[str, Device]) -> Table:
    present = (port for port in spec.ports if port.interface_id in taps)
    chains = {tap_chain(p.interface_id): _tap_chain(p, taps[p.interface_id], spec) for p in present}
    return Table(INGRESS, {}, {SPOOFED: _dropped(SPOOFED), **chains})


def _dropped(guard: str) -> Chain:
    return Chain((f'{_LOGGED} log prefix "{guard}" group {LOG_GROUP}', "drop"))


def _tap_chain(port: PortSpec, tap: Device, spec: VpcSpec) -> Chain:
    """A guest speaks for itself only. (ARP from 0.0.0.0, a probe for duplicates, gets no answer: nobody has it.)

    The first rule spares most packets the others, which come to the same. The last one leaves to the policy what has no
    Ethernet header: what the router itself sends by broadcast, as some DHCP answers, comes back to it here.
    """
    mac, own, checked = _mac(port), _own_addresses(port), f"{_CHECKED | port.route_table:#x}"
    dhcp = f"udp dport 67 {_HARDWARE_ADDRESS} 0x{mac.replace(':', '')}"
    rules = (
        f"ether saddr {mac} ip saddr {own} th dport != 67 meta mark set {checked} accept",
        f"ether saddr != {mac} goto {SPOOFED}",
        f"arp saddr ether {mac} arp saddr ip {own} meta mark set {SEEN:#x} accept",
        f"ip saddr {{ 0.0.0.0, {', '.join(map(str, map(IPv4Address, port.private_ips)))} }} {dhcp} "
        f"meta mark set {checked} accept",
        f"udp dport 67 goto {SPOOFED}",  # It would give a neighbour's address back, or decline it.
        f"ip saddr {own} meta mark set {checked} accept",
        *(_of_others(port, checked, spec) if port.is_unchecked else ()),
        f"ether saddr {mac} goto {SPOOFED}",
    )
    return Chain(rules, hook='type filter hook ingress device "{device}" priority filter; policy drop;', device=tap)


def _own_addresses(port: PortSpec) -> str:
    """One, or a set of them."""
    texts = [str(IPv4Address(ip)) for ip in port.private_ips]
    return f"{{ {', '.join(sorted(texts))} }}" if len(texts) > 1 else texts[0]


def _of_others(port: PortSpec, checked: str, spec: VpcSpec) -> tuple[str, ...]:
    """What an interface passes on without the source check. DNS and metadata know who asks by the address, and the
    router answers to it: whatever is here itself is asked in the interface's own name.

    Linux looks for a neighbour in the name of whom it has a packet from, if that is an address of its own on any device
    (`arp_announce`). The answer is the same when it asks in its interface's, by which the kernel here learns nobody.
    """
    return (
        f"arp operation request arp saddr ether {_mac(port)} arp saddr ip != {_NOT_FOR_HOSTS} "
        f"arp daddr ip {IPv4Network(spec.cidr_block)} arp saddr ip set {IPv4Address(port.private_ip)} "
        f"meta mark set {SEEN:#x} accept",
        f"ip daddr {{ {', '.join(_of_router(spec))} }} goto {SPOOFED}",
        f"ip saddr != {_NOT_FOR_HOSTS} meta mark set {checked} accept",
    )


def _of_router(spec: VpcSpec) -> list[str]:
    """All addresses that a VPC's router has."""
    routers = sorted({names.router_address(subnet.cidr_block) for subnet in spec.subnets})
    return [names.LINK_LOCAL, names.vpc_resolver(spec.cidr_block), *routers]


def _check_source(spec: VpcSpec) -> Chain:
    rules = (
        f"meta mark & {ROUTED[1]:#x} == {_CHECKED:#x} meta mark set meta mark ^ {_CHECKED ^ _ROUTED:#x} accept",
        f"iifname {_TAPS} drop",
        *_by_source(spec),
        f"meta mark set {SEEN:#x}",
        f'iifname "{names.GATEWAY_DEVICE}" ip saddr {{ {IPv4Network(spec.cidr_block)}, {names.LINK_LOCAL} }} drop',
        *_of_peers(spec),
    )
    return Chain(rules, hook="type filter hook prerouting priority raw; policy accept;")


def _by_source(spec: VpcSpec) -> tuple[str, ...]:
    """What another host has led to an interface here goes by the same table here."""
    numbers = [(source, routed(table.number)) for table in spec.route_tables for source in table.sources]
    pairs = ", ".join(f"{IPv4Network(source)} : {mark:#x}" for source, mark in sorted(numbers))
    return (f"iifname {_VXLANS} meta mark set ip saddr map {{ {pairs} }} accept",) if numbers else ()


def _of_peers(spec: VpcSpec) -> Iterator[str]:
    """From a peered VPC comes what is its own, for this one alone: it is no way to a third, nor to the outside."""
    for each in spec.peerings:
        name = names.peering_name(each.peering_id)
        yield f'iifname "{name}" ip saddr != {IPv4Network(each.cidr_block)} drop'
    if spec.peerings:
        yield f"iifname {_PEERINGS} ip daddr != {IPv4Network(spec.cidr_block)} drop"


def _check_forward(spec: VpcSpec) -> Chain:
    """Of a connection that a peering leads on to another host, one direction alone is seen here."""
    rules = (
        *(_AT_BORDERS if any(subnet.acl_id for subnet in spec.subnets) else ()),
        "ct state established,related meta mark set 0 accept",
        *([f"iifname {_PEERINGS} oifname {_VXLANS} meta mark set 0 accept"] if spec.peerings else []),
        f"ct state invalid goto {INVALID}",
        f"iifname {_VXLANS} oifname {_VXLANS} drop",  # Somebody's routes are out of date; else it would go in circles.
        "iifname vmap @egress-by-tap",
        f"iifname {_TAPS} meta mark != {_ALLOWED} goto {GROUP_OUT}",
        "meta mark set 0",
        "oifname vmap @ingress-by-tap",
        f"oifname != {_TAPS} accept",
        f"goto {GROUP_IN}",
    )
    return Chain(rules, hook="type filter hook forward priority filter; policy drop;")


def _check_input(spec: VpcSpec) -> Chain:
    resolvers = f"{names.vpc_resolver(spec.cidr_block)}, {names.RESOLVER_ADDRESS}"
    dns = f"iifname {_TAPS} ip daddr {{ {resolvers} }} meta l4proto {{ tcp, udp }} th dport 53"
    rules = (
        'iifname "lo" accept',
        *([f"{dns} drop"] if spec.dns_is_off else []),  # Who asked before has an established connection.
        f"ip daddr {{ {resolvers}, {names.TIME_ADDRESS} }} iifname vmap @questions-by-tap",
        "ct state established,related accept",
        f"iifname {_TAPS} udp dport 67 accept",
        *([] if spec.dns_is_off else [f"{dns} accept"]),
        f"iifname {_TAPS} ip daddr {names.TIME_ADDRESS} udp dport 123 accept",
        f"iifname {_TAPS} ip daddr {names.METADATA_ADDRESS} tcp dport 80 accept",
        f"iifname {_TAPS} icmp type echo-request accept",
    )
    return Chain(rules, hook="type filter hook input priority filter; policy drop;")


_AT_BORDERS = ("iifname vmap @leaving-subnet", "oifname vmap @entering-subnet")


def _border_sets(spec: VpcSpec) -> dict[str, Set]:
    guarded = {subnet.subnet_id for subnet in spec.subnets if subnet.acl_id}
    ports = [port for port in spec.ports if port.subnet_id in guarded]
    sets = {
        "leaving-subnet": _by_tap((port, egress_chain(port.subnet_id)) for port in ports),
        "entering-subnet": _by_tap((port, ingress_chain(port.subnet_id)) for port in ports),
    }
    return sets if guarded else {}


def _border(subnet: SubnetSpec, peer: str, chain: Callable[[str], str]) -> Chain:
    return Chain((f"{peer} {IPv4Network(subnet.cidr_block)} return", f"goto {chain(subnet.acl_id)}"))


def _acl_chain(acl: AclSpec, *, is_egress: bool) -> Chain:
    """What is allowed goes on behind the border."""
    chain, rest = (egress_chain if is_egress else ingress_chain)(acl.acl_id), AclEntry(_ALL[is_egress], False)
    entries = (entry for entry in (*acl.entries, rest) if entry.rule.is_egress is is_egress)
    return Chain(tuple(_counted(chain, *_decide(entry)) for entry in entries))


_ALL = {way: RuleSpec(way, "-1", -1, -1, cidr_ipv4="0.0.0.0/0") for way in (False, True)}


def _counted(chain: str, match: str, then: str) -> str:
    return " ".join(filter(None, (match, f'counter name "{_counter(chain, match, then)}"', then)))


def _counter(chain: str, match: str, then: str) -> str:
    """Rules that say the same have one."""
    return f"{chain}.{crc32(f'{match} {then}'.encode()):08x}"


def counters(spec: VpcSpec) -> dict[str, Counted]:
    """What the rules of its groups and ACLs are counted by: by the counter's name, which of them it is."""
    found = {}
    for group in spec.groups:
        for rule in group.rules:
            chain = (egress_chain if rule.is_egress else ingress_chain)(group.group_id)
            found[_counter(chain, *_permit(rule))] = Counted(group.group_id, rule, is_allowed=True)
    for acl in spec.acls:
        for entry in (*acl.entries, *(AclEntry(rule, is_allowed=False) for rule in _ALL.values())):
            chain = (egress_chain if entry.rule.is_egress else ingress_chain)(acl.acl_id)
            found[_counter(chain, *_decide(entry))] = Counted(acl.acl_id, entry.rule, entry.is_allowed)
    return found


@lru_cache(maxsize=4096)
def _decide(entry: AclEntry) -> tuple[str, str]:
    """As `_permit`."""
    match = " ".join(filter(None, (match_peer(entry.rule), match_protocol(entry.rule))))
    denied = ACL_OUT if entry.rule.is_egress else ACL_IN
    return match, "return" if entry.is_allowed else f"goto {denied}"


def _port_sets(spec: VpcSpec) -> dict[str, Set]:
    return {
        "egress-by-tap": _by_tap((port, egress_chain(port.interface_id)) for port in spec.ports),
        "ingress-by-tap": _by_tap((port, ingress_chain(port.interface_id)) for port in spec.ports),
        "questions-by-tap": _by_tap((port, questions_chain(port.interface_id)) for port in spec.ports),
    }


def _by_tap(chains: Iterable[tuple[PortSpec, str]]) -> Set:
    elements = (f'"{names.tap_name(port.interface_id)}" : jump {chain}' for port, chain in chains)
    return Set("type ifname : verdict", frozenset(elements))


def _member_sets(spec: VpcSpec) -> dict[str, Set]:
    """One set for each group that a rule names, whether it has members or not."""
    return {
        group.group_id: Set("type ipv4_addr", frozenset(map(_address, group.private_ips)))
        for group in spec.group_members
    }


def _port_chain(chain: Callable[[str], str], port: PortSpec) -> Chain:
    """For what begins. In the middle of a connection that was dropped, or that nobody here has seen, none does."""
    groups = [chain(group_id) for group_id in sorted(port.group_ids)]
    jumps = (f"jump {name}" for name in (*map(_answered, groups), *groups))
    return Chain((f"tcp flags & (fin | syn | rst | ack) != syn goto {UNOPENED}", *jumps))


def _answered(chain: str) -> str:
    return f"{chain}.answered"


def _answered_chain(group: GroupSpec, is_egress: bool) -> Chain:
    """Notes of which protocols all that goes in a direction can be answered by the group's rules of the other one."""
    answers = [rule for rule in group.rules if rule.is_egress is not is_egress]
    note = _note(SENDER_ANSWERED if is_egress else RECEIVER_ANSWERED)
    if any(_is_all_of(rule, "-1") for rule in answers):
        return Chain((note,))
    protocols = (name for name in ("tcp", "udp") if any(_is_all_of(rule, name) for rule in answers))
    return Chain(tuple(f"meta l4proto {name} {note}" for name in protocols))


def _is_all_of(rule: RuleSpec, protocol: str) -> bool:
    named = NAMED_PROTOCOLS.get(rule.ip_protocol, rule.ip_protocol)
    return is_open(rule) and named == protocol and (rule.from_port, rule.to_port) in ((-1, -1), (0, 65535))


def _note(bits: int) -> str:
    return f"ct mark set ct mark or {bits:#x}"


def _group_chain(group: GroupSpec, is_egress: bool) -> Chain:
    chain = (egress_chain if is_egress else ingress_chain)(group.group_id)
    rules = (_permit(rule) for rule in group.rules if rule.is_egress == is_egress)
    return Chain(tuple(_counted(chain, *rule) for rule in sorted(set(rules))))


@lru_cache(maxsize=4096)  # Groups say the same again and again, and so does every pass.
def _permit(rule: RuleSpec) -> tuple[str, str]:
    """What it matches, and what is done then."""
    verdict = f"meta mark set {_ALLOWED} return" if rule.is_egress else "accept"
    note = _note(SENDER_OPEN if rule.is_egress else RECEIVER_OPEN) if is_open(rule) else ""
    match = " ".join(filter(None, (match_peer(rule), match_protocol(rule))))
    return match, " ".join(filter(None, (note, verdict)))


def _address(text: str) -> str:
    """A tenth of what `IPv4Address` takes; there are thousands."""
    try:
        socket.inet_pton(socket.AF_INET, text)
    except OSError as error:
        raise ValueError(f"{text!r} is not an IPv4 address") from error
    return text


def _mac(port: PortSpec) -> str:
    if not _MAC.fullmatch(port.mac_address):
        raise ValueError(f"{port.interface_id}: {port.mac_address!r} is not a MAC address in lower case")
    return port.mac_address
