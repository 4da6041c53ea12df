"""What is explained out of the control plane's state is what the rules do that hosts make of the same."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from ipaddress import IPv4Address, IPv4Network
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from agent.convert import object_from_bytes
from agent.drivers.network_vxlan import names, ruleset
from agent.host.nft import Table
from agent.objects import Objects, ScopeChange
from agent.views import Views
from controlplane.model.network import NetworkInterface, SecurityGroup, SecurityGroupRule
from controlplane.model.network_acl import LAST, NetworkAcl, NetworkAclEntry
from controlplane.model.state import Change, State
from controlplane.reconcile import messages
from controlplane.reconcile.objects import KINDS, REGION
from controlplane.service import network_acls, paths, security_groups, subnets
from controlplane.service.network_acls import CreateNetworkAcl, ReplaceNetworkAclAssociation
from controlplane.service.paths import ExplainPath
from controlplane.service.security_groups import CreateSecurityGroup
from controlplane.service.subnets import CreateSubnet
from tests.unit.region import NAME, NOW, ZONES, Region

NUMBERS = {"icmp": 1, "tcp": 6, "udp": 17}


@dataclass(frozen=True)
class Packet:
    source: str
    destination: str
    protocol: str
    source_port: int  # Of ICMP, its type is in place of the port, and its code is 0.
    port: int
    is_answer: bool = False

    @property
    def answer(self) -> "Packet":
        is_icmp = self.protocol == "icmp"
        first, last = (0, 0) if is_icmp else (self.port, self.source_port)
        return Packet(self.destination, self.source, self.protocol, first, last, is_answer=True)


class Forwarding:
    """What `check-forward` does with a packet from one tap to another: nft(8), as far as these rules go."""

    def __init__(self, table: Table, packet: Packet, iif: str, oif: str) -> None:
        self._table, self._packet = table, packet
        self._devices = {"iifname": iif, "oifname": oif}
        self._mark = 0

    def passes(self) -> bool:
        return self._run("check-forward") == "accept"

    def _run(self, chain: str) -> str:
        """The verdict; empty where the chain ends, or returns."""
        for rule in self._table.chains[chain].rules:
            verdict, _, target = self._rule(rule).partition(" ")
            if verdict == "return":
                return ""
            if verdict in ("jump", "goto"):
                inner = self._run(target)
                if inner or verdict == "goto":
                    return inner
            elif verdict:
                return verdict
        return ""

    def _rule(self, rule: str) -> str:
        """What it says, of a packet that it is about; empty otherwise."""
        rest = rule
        while rest:
            for pattern, meaning in self._meanings():
                if found := re.match(rf"{pattern}(?: |$)", rest):
                    said = meaning(found)
                    rest = rest[found.end() :]
                    break
            else:
                raise AssertionError(f"{rest!r} of {rule!r}")
            if said is False:
                return ""
            if isinstance(said, str):
                return said
        return ""

    def _meanings(self) -> Iterator[tuple[str, Callable[[re.Match[str]], str | bool | None]]]:
        packet = self._packet
        yield from (
            (r"(accept|drop|return|(?:jump|goto) \S+)", lambda m: m[1]),
            (r"([io]ifname) vmap @(\S+)", lambda m: self._lookup(m[2], self._devices[m[1]])),
            (r'([io]ifname) (!= )?"(\w+)\*"', lambda m: self._devices[m[1]].startswith(m[3]) is not bool(m[2])),
            (r"ct state established,related", lambda m: packet.is_answer),
            (r"ct state invalid", lambda m: False),
            (r"ct mark set ct mark or \S+", lambda m: True),
            (r"meta mark set (\S+)", lambda m: self._set_mark(m[1])),
            (r"meta mark != (\S+)", lambda m: self._mark != int(m[1], 0)),
            (r"tcp flags & \(fin \| syn \| rst \| ack\) != syn", lambda m: False),  # It opens something.
            (r'counter name "\S+"', lambda m: True),
            (r'limit rate \S+ burst 20 packets log prefix "\S+" group 5', lambda m: False),
            (r"ip ([sd])addr (\S+)", lambda m: self._is_at(packet.source if m[1] == "s" else packet.destination, m[2])),
            (r"meta l4proto (\w+)", lambda m: str(NUMBERS.get(m[1], m[1])) == str(NUMBERS[packet.protocol])),
            (
                r"(tcp|udp) dport (\d+)(?:-(\d+))?",
                lambda m: packet.protocol == m[1] and _is_in(packet.port, m[2], m[3]),
            ),
            (r"icmp type (\d+)", lambda m: packet.protocol == "icmp" and packet.port == int(m[1])),
            (r"icmp code (\d+)", lambda m: packet.protocol == "icmp" and int(m[1]) == 0),
        )

    def _lookup(self, name: str, key: str) -> str | None:
        return dict(each.replace('"', "").split(" : ") for each in self._table.sets[name].elements).get(key)

    def _set_mark(self, text: str) -> bool:
        self._mark = int(text, 0)
        return True

    def _is_at(self, address: str, where: str) -> bool:
        if where.startswith("@"):
            return address in self._table.sets[where[1:]].elements
        return IPv4Address(address) in IPv4Network(where)


def _is_in(port: int, first: str, last: str | None) -> bool:
    return int(first) <= port <= int(last or first)


@dataclass
class Ends:
    """Two instances on one host, in subnets of their own, each with a group and an ACL of its own."""

    region: Region
    interfaces: Sequence[NetworkInterface]
    groups: Sequence[str]
    acls: Sequence[str]


@cache
def made() -> Ends:
    region = Region()
    region.add_host()
    vpc_id = next(iter(region.state.vpcs)).id
    interfaces, groups, acls = [], [], []
    for number in (8, 9):
        subnet_id = region.do(subnets.create, CreateSubnet(vpc_id, f"172.31.{number * 16}.0/20", ZONES[0]))
        groups.append(region.do(security_groups.create, CreateSecurityGroup(f"group {number}", "x")))
        acls.append(region.do(network_acls.create, CreateNetworkAcl(vpc_id)))
        association_id = region.state.subnets[subnet_id].network_acl_association_id
        region.do(network_acls.replace_association, ReplaceNetworkAclAssociation(association_id, acls[-1]))
        instance_id = region.launch(subnet_id=subnet_id, security_group_ids=[groups[-1]])
        interfaces.append(region.interface(instance_id))
    return Ends(region, interfaces, groups, acls)


def ruled(state: State, group: SecurityGroup, rules: Sequence[SecurityGroupRule]) -> Change:
    change = Change()
    change.delete(*state.rules.group.of(group.id))
    change.put(*(replace(rule, group_id=group.id, project_id=group.project_id) for rule in rules))
    return change


def entered(acl: NetworkAcl, entries: Sequence[NetworkAclEntry]) -> Change:
    last = [NetworkAclEntry(LAST, way, "-1", False, "0.0.0.0/0") for way in (True, False)]
    numbered = [replace(entry, rule_number=number) for number, entry in enumerate(entries, start=1)]
    change = Change()
    change.put(replace(acl, entries=tuple(sorted([*numbered, *last], key=lambda row: row.place))))
    return change


def rendered(state: State, vpc_id: str, host_id: str) -> Table:
    """What the host makes of what it is told."""
    scopes = []
    for scope in (REGION, host_id, vpc_id):
        rows = [(kind, row) for kind in KINDS.values() for row in kind.rows(state, scope)]
        told = [messages.named(kind.name, kind.make(state, row, NAME)) for kind, row in rows]
        put = (object_from_bytes(each.SerializeToString()) for each in told)
        scopes.append(ScopeChange(scope, reset=True, put=tuple(filter(None, put))))
    views = Views(host_id)
    views.apply(Objects().apply(scopes))
    return ruleset.render(views.vpc(vpc_id).spec, {})[0]


some_networks = st.sampled_from(("0.0.0.0/0", "172.31.128.0/20", "172.31.144.0/20", "10.0.0.0/8"))
some_protocols = st.sampled_from(
    (("-1", -1, -1), ("tcp", 22, 22), ("tcp", 1024, 65535), ("udp", 0, 65535), ("icmp", 8, 0), ("icmp", -1, -1))
)
ids = count(1)


def a_rule(is_egress: bool, said: tuple[str, int, int], cidr: str, source: int | None) -> SecurityGroupRule:
    protocol, first, last = said
    return SecurityGroupRule(
        id=f"sgr-{next(ids)}",
        project_id="",
        group_id="",
        is_egress=is_egress,
        ip_protocol=protocol,
        from_port=first,
        to_port=last,
        cidr_ipv4=cidr if source is None else "",
        source_group_id="" if source is None else made().groups[source],
        description="",
        created_at=NOW,
    )


def an_entry(is_egress: bool, said: tuple[str, int, int], is_allowed: bool, cidr: str) -> NetworkAclEntry:
    protocol, first, last = said
    number = str(NUMBERS.get(protocol, protocol))
    return NetworkAclEntry(0, is_egress, number, is_allowed, cidr, from_port=first, to_port=last)


ALL, WAYS = ("-1", -1, -1), (False, True)
ALL_RULES = [a_rule(way, ALL, "0.0.0.0/0", None) for way in WAYS]
ALL_ENTRIES = [an_entry(way, ALL, True, "0.0.0.0/0") for way in WAYS]
some_rules = st.lists(
    st.builds(a_rule, st.booleans(), some_protocols, some_networks, st.none() | st.integers(0, 1)), max_size=4
)
some_entries = st.lists(st.builds(an_entry, st.booleans(), some_protocols, st.booleans(), some_networks), max_size=2)
# Mostly with something that lets by what is left: else hardly anything would pass six lists of them.
rules = st.one_of(st.just(ALL_RULES), some_rules.map(lambda rows: [*rows, *ALL_RULES]), some_rules)
entries = st.one_of(st.just(ALL_ENTRIES), *[some_entries.map(lambda rows: [*rows, *ALL_ENTRIES])] * 2, some_entries)
flows = st.sampled_from((("tcp", 22), ("tcp", 8080), ("udp", 53), ("icmp", 8)))


@given(rules, rules, entries, entries, flows, st.sampled_from((1000, 50000)))
def test_a_path_is_explained_as_rules_have_it(
    first_rules: list[SecurityGroupRule],
    second_rules: list[SecurityGroupRule],
    first_entries: list[NetworkAclEntry],
    second_entries: list[NetworkAclEntry],
    flow: tuple[str, int],
    source_port: int,
) -> None:
    ends, state = made(), made().region.state
    for group_id, ruling in zip(ends.groups, (first_rules, second_rules), strict=True):
        state.apply(ruled(state, state.security_groups[group_id], ruling))
    for acl_id, entering in zip(ends.acls, (first_entries, second_entries), strict=True):
        state.apply(entered(state.network_acls[acl_id], entering))
    sender, receiver = ends.interfaces
    asked = ExplainPath(sender.id, receiver.id, *flow, source_port)
    steps = paths.explain(state, ends.region.call(), asked)

    table = rendered(state, sender.vpc_id, next(iter(state.hosts)).id)
    taps = [names.tap_name(row.id) for row in ends.interfaces]
    packet = Packet(sender.private_ip, receiver.private_ip, flow[0], source_port, flow[1])
    gets_there = Forwarding(table, packet, *taps).passes()
    is_answered = Forwarding(table, packet.answer, *reversed(taps)).passes()
    assert all(step.allows for step in steps) == (gets_there and is_answered), steps
