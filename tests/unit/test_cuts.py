"""Which connections end with rules: what is allowed, what was untracked, and what of it a change concerns."""

from dataclasses import replace

import pytest

from agent.drivers.network_vxlan.cuts import Guard, narrowed, stale
from agent.drivers.network_vxlan.ruleset import RECEIVER_OPEN, RECEIVER_UNTRACKED, SENDER_UNTRACKED
from agent.host.flows import Flow
from agent.model import GroupSpec, PortSpec, RuleSpec, VpcSpec

PORT = PortSpec("eni-1", "i-1", "02:00:00:00:00:05", "172.31.0.5", "subnet-1", ("sg-1",), "ip-172-31-0-5")
ANYWHERE = "0.0.0.0/0"
SSH = RuleSpec(False, "tcp", 22, 22, cidr_ipv4=ANYWHERE)
ALL_OUT = RuleSpec(True, "-1", -1, -1, cidr_ipv4=ANYWHERE)
IN = Flow(6, "203.0.113.9", "172.31.0.5", source_port=40000, port=22, mark=RECEIVER_UNTRACKED)
OUT = Flow(6, "172.31.0.5", "203.0.113.9", source_port=40000, port=22, mark=SENDER_UNTRACKED)
PING = Flow(1, "203.0.113.9", "172.31.0.5", icmp_type=8, icmp_code=0, mark=RECEIVER_UNTRACKED)


def guard(*rules: RuleSpec) -> Guard:
    members = {"sg-2": {"203.0.113.9"}}
    return Guard(PORT.private_ips, rules, lambda group_id: members.get(group_id, set()))


def ends(flow: Flow, *rules: RuleSpec, are_tracked_too: bool = False) -> bool:
    return list(stale([flow], [guard(*rules)], are_tracked_too=are_tracked_too)) == [flow]


@pytest.mark.parametrize(
    ("flow", "rule", "is_open"),
    [
        (IN, SSH, True),
        (IN, replace(SSH, ip_protocol="6"), True),
        (IN, replace(SSH, ip_protocol="udp"), False),
        (IN, replace(SSH, ip_protocol="-1", from_port=-1, to_port=-1), True),
        (IN, replace(SSH, from_port=23, to_port=65535), False),
        (IN, replace(SSH, from_port=-1, to_port=-1), True),
        (IN, replace(SSH, cidr_ipv4="203.0.113.8/31"), True),
        (IN, replace(SSH, cidr_ipv4="203.0.113.8/32"), False),
        (IN, RuleSpec(False, "tcp", 22, 22, group_id="sg-2"), True),
        (IN, RuleSpec(False, "tcp", 22, 22, group_id="sg-3"), False),
        (IN, replace(SSH, is_egress=True), False),
        (OUT, replace(SSH, is_egress=True), True),
        (OUT, SSH, False),
        (PING, RuleSpec(False, "icmp", 8, 0, cidr_ipv4=ANYWHERE), True),
        (PING, RuleSpec(False, "icmp", 8, -1, cidr_ipv4=ANYWHERE), True),
        (PING, RuleSpec(False, "1", -1, -1, cidr_ipv4=ANYWHERE), True),
        (PING, RuleSpec(False, "icmp", 8, 1, cidr_ipv4=ANYWHERE), False),
        (PING, RuleSpec(False, "icmp", 0, -1, cidr_ipv4=ANYWHERE), False),
        (replace(PING, protocol=50), RuleSpec(False, "50", -1, -1, cidr_ipv4=ANYWHERE), True),
        (replace(PING, protocol=50), RuleSpec(False, "51", -1, -1, cidr_ipv4=ANYWHERE), False),
    ],
)
def test_what_a_rule_allows(flow: Flow, rule: RuleSpec, is_open: bool) -> None:
    assert guard(rule).opens(flow) is is_open
    assert ends(replace(flow, mark=0), rule, are_tracked_too=True) is not is_open


def test_what_was_untracked_needs_both_rules() -> None:
    assert not ends(IN, SSH, ALL_OUT)
    assert ends(IN, ALL_OUT)
    assert ends(IN, SSH)
    assert not ends(IN, SSH, RuleSpec(True, "tcp", 40000, 40000, cidr_ipv4=ANYWHERE)), "that lets the answers out"
    assert ends(IN, SSH, RuleSpec(True, "tcp", 1, 39999, cidr_ipv4=ANYWHERE))


@pytest.mark.parametrize("mark", [0, RECEIVER_OPEN, SENDER_UNTRACKED])
def test_what_was_tracked_ends_only_where_that_is_wanted(mark: int) -> None:
    tracked = replace(IN, mark=mark)
    assert not ends(tracked)
    assert ends(tracked, are_tracked_too=True)
    assert not ends(tracked, SSH, are_tracked_too=True), "its answers need no rule"


def test_pings_are_always_tracked() -> None:
    assert not ends(PING)


def test_others_connections_are_left_alone() -> None:
    for flow in (IN, OUT):
        far = replace(flow, source="203.0.113.1", destination="203.0.113.2")
        assert not ends(far, are_tracked_too=True)


def spec(*groups: GroupSpec, of_port: tuple[str, ...] = ("sg-1", "sg-2")) -> VpcSpec:
    ports = (replace(PORT, group_ids=of_port),)
    return VpcSpec("vpc-1", 1, "172.31.0.0/16", (), ports, (), 1, 0, groups, ())


BOTH = GroupSpec("sg-1", (SSH, ALL_OUT))
NARROW = GroupSpec("sg-2", (replace(SSH, cidr_ipv4="10.0.0.0/8"),))


@pytest.mark.parametrize(
    ("new", "found"),
    [
        (spec(BOTH, NARROW), set()),
        (spec(replace(BOTH, rules=(*BOTH.rules, replace(SSH, to_port=23))), NARROW), set()),
        (spec(BOTH, replace(NARROW, rules=())), set()),
        (spec(replace(BOTH, rules=(SSH,)), NARROW), {"sg-1's"}),
        (spec(replace(BOTH, rules=(ALL_OUT,)), NARROW), {"sg-1's"}),
        (spec(BOTH, NARROW, of_port=("sg-1",)), set()),
        (spec(BOTH, NARROW, of_port=("sg-2",)), {"eni-1"}),
    ],
)
def test_what_a_change_takes_away(new: VpcSpec, found: set[str]) -> None:
    assert narrowed(spec(BOTH, NARROW), new, lambda group_id: [f"{group_id}'s"]) == found
