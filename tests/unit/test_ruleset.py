"""Security groups and NAT as rules, and the difference between two rulesets."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from agent.drivers.gateway_nft import ruleset as nat
from agent.drivers.network_vxlan import names
from agent.drivers.network_vxlan import ruleset as groups
from agent.host import nft, rules
from agent.host.conntrack import Connection
from agent.host.nft import Chain, Device, Set, Table
from agent.model import (
    AclEntry,
    AclSpec,
    AddressMapping,
    GroupMembers,
    GroupSpec,
    HopSpec,
    NatSpec,
    NatWay,
    PeeringSpec,
    PeerSpec,
    PortSpec,
    RouteSpec,
    RouteTableSpec,
    RuleSpec,
    SubnetSpec,
    VpcSpec,
)

GOLDEN = Path(__file__).parents[1] / "golden"

WEB, DATABASE = "sg-0123456789abcdef0", "sg-0fedcba9876543210"
PORTS = (
    PortSpec("eni-0a1b2c3d4e5f60001", "i-1", "0a:00:00:00:00:01", "172.31.0.5", "subnet-1", (WEB,), "ip-172-31-0-5"),
    PortSpec(
        "eni-0a1b2c3d4e5f60002",
        "i-2",
        "0a:00:00:00:00:02",
        "172.31.0.6",
        "subnet-1",
        (DATABASE, WEB),
        "ip-172-31-0-6",
        2,
    ),
)
ALLOW_OUT = "meta mark set 0x73740003 return"
ALL_OUT = RuleSpec(True, "-1", -1, -1, cidr_ipv4="0.0.0.0/0")
SPEC = VpcSpec(
    vpc_id="vpc-0123456789abcdef0",
    vni=7,
    cidr_block="172.31.0.0/16",
    subnets=(SubnetSpec("subnet-1", "172.31.0.0/20"),),
    ports=PORTS,
    peers=(PeerSpec(2, "10.99.0.2", ("172.31.0.7",), ("eni-0a1b2c3d4e5f60003",)),),
    host_number=1,
    gateway_host_number=2,
    groups=(
        GroupSpec(WEB, (ALL_OUT, RuleSpec(False, "tcp", 443, 443, cidr_ipv4="0.0.0.0/0"))),
        GroupSpec(DATABASE, (ALL_OUT, RuleSpec(False, "tcp", 5432, 5432, group_id=WEB))),
    ),
    group_members=(GroupMembers(WEB, ("172.31.0.5", "172.31.0.6", "172.31.0.7")),),
)
TAPS = {
    port.interface_id: Device(names.tap_name(port.interface_id), number) for number, port in enumerate(PORTS, start=3)
}


def text(*tables: Table) -> str:
    return "".join(map(nft.whole, tables))


def change(old: VpcSpec, new: VpcSpec) -> list[str]:
    pairs = zip(groups.render(old, TAPS), groups.render(new, TAPS), strict=True)
    return [line for pair in pairs for line in nft.delta(*pair).splitlines()]


def uncounted(rule: str) -> str:
    return re.sub(r'counter name "[^"]+" ', "", rule)


def test_a_vpcs_ruleset_is_as_it_was_reviewed() -> None:
    assert text(*groups.render(SPEC, TAPS)) == (GOLDEN / "ruleset_vpc.nft").read_text()


def test_a_ruleset_with_several_addresses_and_a_router_is_as_it_was_reviewed() -> None:
    """Routes of the second port's table lead to the first port."""
    ports = (
        replace(PORTS[0], secondary_ips=("172.31.0.8", "172.31.0.9"), is_unchecked=True),
        PORTS[1],
    )
    way = RouteSpec("192.0.2.0/24", leads_out=False, hop=HopSpec(ports[0].interface_id, "172.31.0.5", 1))
    tables = (RouteTableSpec(2, (way,), sources=("172.31.0.0/20", "172.31.16.0/20")),)
    tables_of_it = groups.render(replace(SPEC, ports=ports, route_tables=tables, passes_on=True), TAPS)
    assert text(*tables_of_it) == (GOLDEN / "ruleset_router.nft").read_text()


ACL = AclSpec(
    "acl-0123456789abcdef0",
    (
        AclEntry(RuleSpec(False, "-1", -1, -1, cidr_ipv4="203.0.113.0/24"), is_allowed=False),
        AclEntry(RuleSpec(False, "6", 443, 443, cidr_ipv4="0.0.0.0/0"), is_allowed=True),
        AclEntry(RuleSpec(False, "1", 8, -1, cidr_ipv4="10.0.0.0/8"), is_allowed=True),
        AclEntry(RuleSpec(False, "50", -1, -1, cidr_ipv4="0.0.0.0/0"), is_allowed=True),
        AclEntry(RuleSpec(True, "6", 1024, 65535, cidr_ipv4="0.0.0.0/0"), is_allowed=True),
    ),
)


def test_a_ruleset_with_a_network_acl_is_as_it_was_reviewed() -> None:
    """Of two subnets, one of which it guards."""
    subnets = (SubnetSpec("subnet-1", "172.31.0.0/20", ACL.acl_id), SubnetSpec("subnet-2", "172.31.16.0/20"))
    ports = (PORTS[0], replace(PORTS[1], subnet_id="subnet-2"))
    table, _ = groups.render(replace(SPEC, subnets=subnets, ports=ports, acls=(ACL,)), TAPS)
    assert text(table) == (GOLDEN / "ruleset_acl.nft").read_text()


def test_a_gateways_ruleset_is_as_it_was_reviewed() -> None:
    mapped = {"198.51.100.50": "172.31.0.5", "198.51.100.60": "172.31.0.6"}
    ways = NatWay("172.31.16.0/20", "0.0.0.0", "172.30.255.255"), NatWay("172.31.32.0/20", "192.0.2.1", "192.0.2.1")
    table = nat.render(mapped, [NatSpec("nat-1", "198.51.100.70", ways)], ("10.99.0.1", "198.51.100.11"), (7443,))
    assert text(table) == (GOLDEN / "ruleset_gateway.nft").read_text()


def test_a_resolver_that_is_off_answers_nobody_who_asked_before_either() -> None:
    table, _ = groups.render(replace(SPEC, dns_is_off=True), TAPS)
    rules = table.chains["check-input"].rules
    (dropped,) = [rule for rule in rules if "dport 53" in rule]
    assert dropped.endswith(" drop")
    assert rules.index(dropped) < rules.index("ct state established,related accept")


def test_what_one_interface_asks_is_limited_whether_or_not_it_asked_before() -> None:
    table, _ = groups.render(SPEC, TAPS)
    rules = table.chains["check-input"].rules
    (limited,) = [rule for rule in rules if rule.endswith("vmap @questions-by-tap")]
    assert rules.index(limited) < rules.index("ct state established,related accept")
    assert len(table.sets["questions-by-tap"].elements) == len(PORTS)
    assert [table.chains[groups.questions_chain(port.interface_id)].rules for port in PORTS] == [
        ("limit rate over 1024/second burst 1024 packets counter drop",)
    ] * len(PORTS)


def test_each_rule_and_entry_has_a_counter_of_its_own_that_says_which_it_is() -> None:
    subnets = (SubnetSpec("subnet-1", "172.31.0.0/20", ACL.acl_id),)
    spec = replace(SPEC, subnets=subnets, acls=(ACL,))
    table, _ = groups.render(spec, TAPS)
    rules_of_all = [rule for chain in table.chains.values() for rule in chain.rules]
    named = [name for rule in rules_of_all for name in re.findall('counter name "(.+?)"', rule)]
    counted = groups.counters(spec)
    assert sorted(named) == sorted(counted)
    assert {(row.guard_id, row.rule) for row in counted.values()} >= {
        (group.group_id, rule) for group in SPEC.groups for rule in group.rules
    } | {(ACL.acl_id, entry.rule) for entry in ACL.entries}
    denied = [row.rule.is_egress for row in counted.values() if row.rule.ip_protocol == "-1" and not row.is_allowed]
    assert sorted(denied) == [False, False, True], "one of a network, and what is left of either direction"


def test_what_was_counted_is_no_difference() -> None:
    before, after = (f"table inet t {{\n\tcounter c {{\n\t\tpackets {n} bytes 9\n\t}}\n}}\n" for n in (1, 2))
    assert rules.things(before) == rules.things(after) != rules.things("table inet t {\n}\n")


def test_the_same_spec_is_no_change() -> None:
    assert change(SPEC, SPEC) == []


def test_a_new_member_is_one_element() -> None:
    more = replace(SPEC, group_members=(GroupMembers(WEB, ("172.31.0.5", "172.31.0.6", "172.31.0.7", "172.31.0.8")),))
    assert change(SPEC, more) == [f"add element inet stead {WEB} {{ 172.31.0.8 }}"]
    assert change(more, SPEC) == [f"delete element inet stead {WEB} {{ 172.31.0.8 }}"]


def test_a_new_rule_refills_its_groups_chain_alone() -> None:
    ssh = RuleSpec(False, "tcp", 22, 22, cidr_ipv4="10.0.0.0/8")
    more = replace(SPEC, groups=(replace(SPEC.groups[0], rules=(*SPEC.groups[0].rules, ssh)), SPEC.groups[1]))
    lines = change(SPEC, more)
    assert lines[0].startswith(f"add counter inet stead {WEB}.in.")
    assert [uncounted(line) for line in lines[1:]] == [
        f"flush chain inet stead {WEB}.in",
        f"add rule inet stead {WEB}.in ip saddr 10.0.0.0/8 tcp dport 22 accept",
        f"add rule inet stead {WEB}.in tcp dport 443 ct mark set ct mark or 0x4 accept",
    ]


def test_nothing_is_deleted_while_something_names_it() -> None:
    lines = change(SPEC, replace(SPEC, ports=PORTS[:1], groups=SPEC.groups[:1], group_members=()))
    lines = [line for line in lines if "netdev stead" not in line]
    deletions = [line for line in lines if line.startswith(("delete chain", "delete set", "delete counter"))]
    assert lines[-len(deletions) :] == deletions
    assert f"delete set inet stead {WEB}" in deletions
    assert f"delete chain inet stead {PORTS[1].interface_id}.in" in deletions


@pytest.mark.parametrize(
    "old",
    [
        Table("inet stead", {"sg-1": Set("type ifname")}, {"check": Chain((), "type filter hook input priority 0;")}),
        Table(
            "inet stead", {"sg-1": Set("type ipv4_addr")}, {"check": Chain((), "type filter hook input priority 5;")}
        ),
        Table("inet stead", {}, {"check": Chain((), "type filter hook input priority 0;", Device("stt1", 3))}),
    ],
    ids=["type", "hook", "device"],
)
def test_what_the_kernel_cannot_change_is_made_anew(old: Table) -> None:
    chain = Chain(("accept",), "type filter hook input priority 0;")
    new = Table("inet stead", {"sg-1": Set("type ipv4_addr", frozenset({"10.0.0.1"}))}, {"check": chain})
    assert nft.delta(old, new) == nft.whole(new)
    assert nft.whole(new).splitlines() == [
        "add table inet stead",
        "delete table inet stead",
        "add table inet stead",
        "add set inet stead sg-1 { type ipv4_addr; }",
        "add chain inet stead check { type filter hook input priority 0; }",
        "add element inet stead sg-1 { 10.0.0.1 }",
        "add rule inet stead check accept",
    ]


def test_a_taps_chain_goes_whether_its_device_took_it_along_or_not() -> None:
    chain = Chain(("accept",), "type filter hook ingress device {device} priority 0;", Device("stt1", 3))
    old, new = Table("netdev stead", {}, {"eni-1.tap": chain}), Table("netdev stead")
    assert nft.delta(old, new).splitlines() == [
        "add chain netdev stead eni-1.tap",
        "flush chain netdev stead eni-1.tap",
        "delete chain netdev stead eni-1.tap",
    ]


def test_a_hosts_own_rules_are_as_they_were_reviewed() -> None:
    hosts = "10.99.0.1", "10.99.0.2"
    surroundings = nat.Surroundings("ext", "10.99.0.1", False, hosts, (7443,), (22, 7443, 7444), (51820,))
    assert text(*nat.host_tables(surroundings)) == (GOLDEN / "ruleset_host.nft").read_text()


ALL_TCP_OUT = replace(ALL_OUT, ip_protocol="tcp", from_port=0, to_port=65535)


@pytest.mark.parametrize(
    ("rules", "notes"),
    [
        ((ALL_OUT,), ("ct mark set ct mark or 0x8",)),
        ((ALL_TCP_OUT,), ("meta l4proto tcp ct mark set ct mark or 0x8",)),
        ((replace(ALL_TCP_OUT, to_port=65534),), ()),
        ((replace(ALL_OUT, cidr_ipv4="0.0.0.0/1"),), ()),
        ((replace(ALL_OUT, ip_protocol="icmp"),), ()),
        ((replace(ALL_OUT, is_egress=False),), ()),
    ],
)
def test_what_can_be_answered_by_rules_alone_is_noted(rules: tuple[RuleSpec, ...], notes: tuple[str, ...]) -> None:
    chains = groups.render(replace(SPEC, ports=(), groups=(GroupSpec("sg-1", rules),)), TAPS)[0].chains
    assert chains["sg-1.in.answered"].rules == notes


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (RuleSpec(False, "-1", -1, -1, cidr_ipv4="0.0.0.0/0"), "ct mark set ct mark or 0x4 accept"),
        (RuleSpec(True, "-1", -1, -1, cidr_ipv4="10.0.0.0/8"), f"ip daddr 10.0.0.0/8 {ALLOW_OUT}"),
        (RuleSpec(True, "-1", -1, -1, cidr_ipv4="0.0.0.0/0"), f"ct mark set ct mark or 0x1 {ALLOW_OUT}"),
        (
            RuleSpec(False, "tcp", 0, 65535, cidr_ipv4="0.0.0.0/0"),
            "tcp dport 0-65535 ct mark set ct mark or 0x4 accept",
        ),
        (RuleSpec(False, "6", 80, 81, cidr_ipv4="1.2.3.4/32"), "ip saddr 1.2.3.4/32 tcp dport 80-81 accept"),
        (RuleSpec(False, "udp", -1, -1, cidr_ipv4="0.0.0.0/0"), "meta l4proto udp ct mark set ct mark or 0x4 accept"),
        (RuleSpec(False, "icmp", -1, -1, cidr_ipv4="0.0.0.0/0"), "meta l4proto icmp accept"),
        (RuleSpec(False, "icmp", 8, -1, cidr_ipv4="0.0.0.0/0"), "icmp type 8 accept"),
        (RuleSpec(False, "1", 3, 4, cidr_ipv4="0.0.0.0/0"), "icmp type 3 icmp code 4 accept"),
        (RuleSpec(False, "50", -1, -1, cidr_ipv4="0.0.0.0/0"), "meta l4proto 50 accept"),
        (RuleSpec(True, "17", 53, 53, group_id="sg-2"), f"ip daddr @sg-2 udp dport 53 {ALLOW_OUT}"),
    ],
)
def test_a_rule_permits_what_it_says(rule: RuleSpec, expected: str) -> None:
    spec = replace(SPEC, ports=(), groups=(GroupSpec("sg-1", (rule,)),))
    chain = groups.egress_chain("sg-1") if rule.is_egress else groups.ingress_chain("sg-1")
    assert tuple(map(uncounted, groups.render(spec, TAPS)[0].chains[chain].rules)) == (expected,)


@pytest.mark.parametrize(
    "spec",
    [
        replace(SPEC, groups=(GroupSpec("sg-1; flush ruleset", ()),)),
        replace(SPEC, groups=(GroupSpec("sg-1", (RuleSpec(False, "tcp; x", 1, 1, cidr_ipv4="0.0.0.0/0"),)),)),
        replace(SPEC, groups=(GroupSpec("sg-1", (RuleSpec(False, "tcp", 1, 1, cidr_ipv4="0.0.0.0/0 accept"),)),)),
        replace(SPEC, ports=(replace(PORTS[0], mac_address="0a:00:00:00:00:01 }"),)),
        replace(SPEC, group_members=(GroupMembers(WEB, ("10.0.0.1, 10.0.0.2",)),)),
    ],
    ids=["group id", "protocol", "network", "MAC", "member"],
)
def test_what_is_not_an_id_or_address_never_reaches_a_rule(spec: VpcSpec) -> None:
    with pytest.raises(ValueError, match=r".+"):
        text(*groups.render(spec, TAPS))


def test_a_mapping_is_one_to_one() -> None:
    assert nat.mapping((AddressMapping("198.51.100.50", "172.31.0.5"),)) == {"198.51.100.50": "172.31.0.5"}
    with pytest.raises(ValueError, match="mapped twice"):
        nat.mapping((AddressMapping("198.51.100.50", "172.31.0.5"), AddressMapping("198.51.100.60", "172.31.0.5")))


@pytest.mark.parametrize(
    ("connection", "is_stale"),
    [
        (Connection("8.8.8.8", "198.51.100.50", "172.31.0.5", "8.8.8.8"), False),
        (Connection("8.8.8.8", "198.51.100.50", "172.31.0.9", "8.8.8.8"), True),
        (Connection("172.31.0.5", "8.8.8.8", "8.8.8.8", "198.51.100.50"), False),
        (Connection("172.31.0.5", "8.8.8.8", "8.8.8.8", "198.51.100.99"), True),
        (Connection("172.31.0.5", "198.51.100.50", "172.31.0.5", "198.51.100.50"), False),
        (Connection("172.31.0.6", "8.8.8.8", "8.8.8.8", "198.51.100.60"), True),
    ],
    ids=["in", "in, of another", "out", "out, by another", "hairpin", "unmapped"],
)
def test_a_connection_is_stale_when_it_is_translated_otherwise(connection: Connection, is_stale: bool) -> None:
    assert nat.staleness({"198.51.100.50": "172.31.0.5"})(connection) == is_stale


@pytest.mark.parametrize(
    ("connection", "is_stale"),
    [
        (Connection("172.31.16.5", "192.0.2.1", "192.0.2.1", "198.51.100.70"), False),
        (Connection("172.31.16.5", "192.0.2.1", "192.0.2.1", "198.51.100.71"), True),
        (Connection("172.31.16.5", "198.51.100.50", "172.31.0.5", "198.51.100.70"), False),
        (Connection("172.31.16.5", "10.0.0.1", "10.0.0.1", "198.51.100.70"), True),
        (Connection("172.31.32.5", "192.0.2.1", "192.0.2.1", "198.51.100.70"), True),
        (Connection("172.31.0.5", "10.0.0.1", "10.0.0.1", "198.51.100.50"), False),
        (Connection("172.31.0.5", "192.0.2.1", "192.0.2.1", "198.51.100.50"), True),
    ],
    ids=["by nat", "by another", "hairpin", "beyond its way", "of no way", "mapped, beyond", "mapped, by a way"],
)
def test_a_nat_gateways_connection_is_stale_where_no_way_says_so(connection: Connection, is_stale: bool) -> None:
    ways = tuple(NatWay(source, "192.0.2.0", "198.51.100.255") for source in ("172.31.16.0/20", "172.31.0.5/32"))
    told = nat.staleness({"198.51.100.50": "172.31.0.5"}, [NatSpec("nat-1", "198.51.100.70", ways)])
    assert told(connection) == is_stale


def test_of_many_ways_the_one_between_whose_ends_it_is_counts() -> None:
    """Two NAT gateways take turns, of each of some subnets, with a gap of one address after each way."""
    subnets = ("172.31.0.0/24", "172.31.1.0/24", "172.31.4.0/22")
    publics = ("198.51.100.70", "198.51.100.71")
    ranges = [(f"203.0.113.{first}", f"203.0.113.{first + 2}", first // 4 % 2) for first in range(0, 252, 4)]
    gateways = [
        NatSpec(
            f"nat-{which}", public, tuple(NatWay(s, a, b) for s in subnets for a, b, whose in ranges if whose == which)
        )
        for which, public in enumerate(publics)
    ]
    is_stale = nat.staleness({}, gateways)
    for source in ("172.31.0.0", "172.31.0.255", "172.31.1.9", "172.31.4.0", "172.31.7.255"):
        for number in range(252):
            there = f"203.0.113.{number}"
            told = [public for public in publics if not is_stale(Connection(source, there, there, public))]
            assert told == ([] if number % 4 == 3 else [publics[number // 4 % 2]]), (source, there)
    for source in ("172.30.255.255", "172.31.2.0", "172.31.3.255", "172.31.8.0"):
        assert not is_stale(Connection(source, "203.0.113.1", "203.0.113.1", source)), "none of its ways"


def test_names_and_addresses_follow_from_ids_and_numbers() -> None:
    assert names.tap_name("eni-0a1b2c3d4e5f60001") == "sttc3d4e5f60001"
    assert len(names.vxlan_name("vpc-0123456789abcdef0")) == 15
    assert (names.transit_address(1), names.transit_address(32766)) == ("169.254.0.1", "169.254.127.254")
    assert names.vxlan_mac(258) == "02:73:74:00:01:02"
    with pytest.raises(ValueError, match="32767"):
        names.transit_address(32767)


LISTED = """table inet stead {
	set sg-1 {
		type ipv4_addr
		elements = { 172.31.0.5, 172.31.0.6,
				172.31.0.7 }
	}

	chain eni-1.tap {
		type filter hook ingress device "stt1" priority filter; policy drop;
		ip saddr 172.31.0.5 accept
		udp dport 67 drop
	}
}
"""


def test_what_is_listed_is_the_same_in_whatever_order_sets_have_it() -> None:
    other = LISTED.replace("172.31.0.5, 172.31.0.6", "172.31.0.6, 172.31.0.5").replace("stt1", "lo")
    assert rules.things(other) != rules.things(LISTED)
    assert rules.things(other, {"eni-1.tap": Device("stt1", 3)}) == rules.things(LISTED)


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("172.31.0.6,", ""),
        ("172.31.0.7", "172.31.0.8"),
        ("policy drop", "policy accept"),
        ("\t\tudp dport 67 drop\n", ""),
        ("\t\tudp dport 67 drop\n", "\t\tudp dport 67 drop\n\t\taccept\n"),
        ("\tset sg-1", "\tflags dormant\n\n\tset sg-1"),
        ("\tchain eni-1.tap", "\tchain other {\n\t}\n\n\tchain eni-1.tap"),
    ],
)
def test_whatever_is_other_in_a_listing_is_seen(here: str, there: str) -> None:
    assert rules.things(LISTED.replace(here, there)) != rules.things(LISTED)


def test_the_order_of_rules_counts() -> None:
    first, second = "\t\tip saddr 172.31.0.5 accept\n", "\t\tudp dport 67 drop\n"
    assert rules.things(LISTED.replace(first + second, second + first)) != rules.things(LISTED)


def test_what_comes_from_a_peer_is_its_own_and_for_this_vpc() -> None:
    peered = replace(SPEC, peerings=(PeeringSpec("pcx-0123456789abcdef0", "vpc-2", "10.2.0.0/16"),))
    (table, _), (alone, _) = groups.render(peered, {}), groups.render(SPEC, {})
    new = [rule for rule in table.chains["check-source"].rules if rule not in alone.chains["check-source"].rules]
    assert new == [
        'iifname "stp56789abcdef0" ip saddr != 10.2.0.0/16 drop',
        'iifname "stp*" ip daddr != 172.31.0.0/16 drop',
    ]
    forward = table.chains["check-forward"].rules
    relay = forward.index('iifname "stp*" oifname "stx*" meta mark set 0 accept')
    assert forward[relay - 1].startswith("ct state established")
    assert forward[relay + 1].startswith("ct state invalid")
    assert [rule for rule in forward if "stp" not in rule] == list(alone.chains["check-forward"].rules)
