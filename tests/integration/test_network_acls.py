"""Network ACLs at the borders of subnets: on one host and between two, to the outside, and what they leave alone."""

import time
from dataclasses import replace

import pytest

from agent.model import AclEntry, Dropped, RuleSpec
from agent.objects import NetworkAcl, ObjectKind, ObjectRef
from tests.integration.gateways import FIRST, map_addresses
from tests.integration.netlab import (
    ALL_IN,
    ALL_OUT,
    DEADLINE_S,
    DROPPED_S,
    OUTSIDE,
    Guest,
    Lab,
    Vpc,
    echoes,
    wait_until,
)

pytestmark = pytest.mark.host

NEAR, FAR = "172.31.16.6", "172.31.16.7"  # Both in the second subnet, on the first host and on the other.


def decide(is_allowed: bool, protocol: str = "-1", first: int = -1, last: int = -1, **where: object) -> AclEntry:
    """For what comes in, unless `is_egress`; about everybody, unless there is a `cidr`."""
    rule = RuleSpec(bool(where.get("is_egress")), protocol, first, last, str(where.get("cidr", "0.0.0.0/0")))
    return AclEntry(rule, is_allowed)


def allow(protocol: str = "-1", first: int = -1, last: int = -1, **where: object) -> AclEntry:
    return decide(True, protocol, first, last, **where)


def deny(protocol: str = "-1", first: int = -1, last: int = -1, **where: object) -> AclEntry:
    return decide(False, protocol, first, last, **where)


ALL_LEAVES = allow(is_egress=True)


class Border:
    """A guest in an open subnet, and two in one with an ACL; their groups let everything by."""

    def __init__(self, hosts: Lab) -> None:
        self.hosts = hosts
        self.vpc = Vpc(1, gateway_host=1, rules={"sg-a": (ALL_OUT, ALL_IN)}, acl_id="acl-2")
        ports = [
            (1, self.vpc.add_port(1, 5, "sg-a")),
            (1, self.vpc.add_port(1, 6, "sg-a", subnet=2)),
            (2, self.vpc.add_port(2, 7, "sg-a", subnet=2)),
        ]
        self.have(allow(), ALL_LEAVES)
        self.outer, self.near, self.far = (hosts.hosts[host - 1].start_guest(port) for host, port in ports)
        for guest in self.guests:
            guest.listen(22)
            guest.listen(23)

    @property
    def guests(self) -> tuple[Guest, Guest, Guest]:
        return self.outer, self.near, self.far

    def have(self, *entries: AclEntry) -> None:
        """By a look at everything."""
        self.vpc.acls = (NetworkAcl("acl-2", self.vpc.vpc_id, entries),)
        self.vpc.ensure(self.hosts)

    def come_to_have(self, *entries: AclEntry) -> None:
        """By what changed alone."""
        self.vpc.acls = (NetworkAcl("acl-2", self.vpc.vpc_id, entries),)
        changed = frozenset([ObjectRef(ObjectKind.NETWORK_ACL, "acl-2")])
        for number, host in enumerate(self.hosts.hosts, start=1):
            host.ensure(self.vpc.view(number), changed)

    def reached(self, port: int) -> list[bool]:
        """Those of the guarded subnet, from the other one."""
        return [self.outer.reaches(address, port) for address in (NEAR, FAR)]


@pytest.fixture
def border(hosts: Lab) -> Border:
    return Border(hosts)


def test_what_enters_is_decided_by_the_first_entry_that_matches(border: Border) -> None:
    assert border.reached(22) == border.reached(23) == [True, True]
    border.have(deny("6", 23, 23), allow("6", 20, 30), ALL_LEAVES)
    assert border.reached(22) == [True, True]
    assert border.reached(23) == [False, False]
    border.have(deny(cidr="172.31.0.5/32"), allow("6", 20, 30), ALL_LEAVES)
    assert border.reached(22) == [False, False]
    border.have(allow("6", 20, 30, cidr="172.31.0.4/30"), deny("6"), ALL_LEAVES)
    assert border.reached(23) == [True, True]


def test_answers_are_packets_like_others(border: Border) -> None:
    """Both ways have to be open, whoever began."""
    border.have(allow("6", 22, 22))
    assert border.reached(22) == [False, False], "no answer leaves"
    border.have(allow("6", 22, 22), allow("6", 1024, 65535, is_egress=True))
    assert border.reached(22) == [True, True]
    for guest in (border.near, border.far):
        assert not guest.reaches("172.31.0.5", 22), "nothing leaves to a low port"
    border.have(allow("6", 1024, 65535), allow("6", 22, 22, is_egress=True))
    for guest in (border.near, border.far):
        assert guest.reaches("172.31.0.5", 22)
    assert border.reached(22) == [False, False]


def test_open_connections_obey_at_once(border: Border) -> None:
    for address in (NEAR, FAR):
        with border.outer.connect(address, 22) as connection:
            assert connection.recv(64)
            border.come_to_have(deny("6", 22, 22), allow(), ALL_LEAVES)
            assert not echoes(connection)
            border.come_to_have(allow(), ALL_LEAVES)
            assert echoes(connection), "it was only stopped"


def test_within_the_subnet_nothing_is_stopped(border: Border) -> None:
    border.have()
    assert border.near.reaches(FAR, 22)
    assert border.far.reaches(NEAR, 22)
    assert border.near.pings(FAR)
    assert border.reached(22) == [False, False]
    assert not border.near.reaches("172.31.0.5", 22)


def test_dhcp_the_resolver_metadata_and_the_router_are_left_alone(border: Border) -> None:
    border.have()
    for host, guest in zip(border.hosts.hosts, (border.near, border.far), strict=True):
        assert guest.pings("172.31.16.1")
        told = guest.run("busybox nslookup -type=a ip-172-31-0-5.lab.internal 172.31.0.2")
        assert "Address: 172.31.0.5" in told
        guest.run("busybox udhcpc -i eth0 -n -q -f -t 5 -T 1 -s /run/udhcpc -O mtu -O hostname")
        router = host.namespace(f"stead-{border.vpc.vpc_id}")
        router.listen(80, "169.254.169.254")
        assert guest.ask("169.254.169.254", 80) == guest.port.private_ip


def test_pings_have_a_type_and_a_code(border: Border) -> None:
    border.have(allow("1", 8, 0), allow("1", 0, -1, is_egress=True))
    assert border.outer.pings(NEAR)
    assert border.outer.pings(FAR)
    assert not border.near.pings("172.31.0.5")
    border.have(allow("1", 8, 1), allow("1", -1, -1, is_egress=True))
    assert not border.outer.pings(NEAR)


def test_the_outside_is_beyond_the_border_too(border: Border) -> None:
    private = {FIRST: FAR}
    border.hosts.outside.listen(80)
    map_addresses(border.hosts, border.vpc, *private.items())
    assert border.far.reaches(OUTSIDE, 80)
    assert border.hosts.outside.reaches(FIRST, 22)
    border.have(deny(cidr=f"{OUTSIDE}/32"), allow(), ALL_LEAVES)
    assert not border.hosts.outside.reaches(FIRST, 22)
    assert not border.far.reaches(OUTSIDE, 80), "the answer does not enter"
    assert border.reached(22) == [True, True]


def test_an_acl_that_is_not_known_lets_nothing_by(border: Border) -> None:
    border.vpc.acls = ()
    border.vpc.ensure(border.hosts)
    assert border.reached(22) == [False, False]


def test_without_an_acl_that_stops_anything_there_is_no_rule_of_it(border: Border) -> None:
    for host in border.hosts.hosts:
        place = host.namespace(f"stead-{border.vpc.vpc_id}")
        assert "subnet" not in place.run("nft -s list ruleset")
        before = place.run("nft -s list ruleset")
        border.come_to_have(allow("6", 22, 22), ALL_LEAVES)
        assert "vmap @leaving-subnet" in place.run("nft -s list ruleset")
        border.come_to_have(allow(), ALL_LEAVES)
        assert sorted(place.run("nft -s list ruleset").splitlines()) == sorted(before.splitlines())


def test_a_guest_that_comes_later_is_behind_the_border_from_its_first_packet(border: Border) -> None:
    border.have(allow("6", 22, 22), ALL_LEAVES)
    port = border.vpc.add_port(1, 8, "sg-a", subnet=2)
    changed = frozenset([ObjectRef(ObjectKind.ENDPOINT, port.interface_id)])
    for number, host in enumerate(border.hosts.hosts, start=1):
        host.ensure(border.vpc.view(number), changed)
    guest = border.hosts.hosts[0].start_guest(port)
    for number in (22, 23):
        guest.listen(number)
    assert [border.outer.reaches(port.private_ip, number) for number in (22, 23)] == [True, False]


def test_a_chain_of_it_that_somebody_empties_is_put_back(border: Border) -> None:
    border.have(deny("6", 23, 23), allow(), ALL_LEAVES)
    place = border.hosts.hosts[1].namespace(f"stead-{border.vpc.vpc_id}")
    place.run("nft flush chain inet stead subnet-2.in")
    assert border.reached(23) == [False, True]
    border.vpc.ensure(border.hosts)
    wait_until(lambda: border.reached(23) == [False, False], "the border is back")


def test_a_subnet_that_is_given_another_acl_obeys_that_one(border: Border) -> None:
    border.have(deny(), ALL_LEAVES)
    assert border.reached(22) == [False, False]
    other = NetworkAcl("acl-3", border.vpc.vpc_id, (allow(), ALL_LEAVES))
    border.vpc.acls = (*border.vpc.acls, other)
    border.vpc.acl_id = "acl-3"
    border.vpc.ensure(border.hosts)
    assert border.reached(22) == [True, True]


def test_what_rules_and_entries_matched_is_counted_across_changes(border: Border) -> None:
    def counted(guard_id: str, guest: Guest, port: int | None = None) -> int:
        host = border.hosts.hosts[guest is border.far]
        rows = [row for row in host.call("network.count", (guest.port.interface_id,)) if row.guard_id == guard_id]
        assert rows
        return sum(row.packets for row in rows if port in (None, row.rule.from_port))

    border.have(allow("6", 22, 22), allow("6", 23, 23), ALL_LEAVES)
    assert [counted("acl-2", guest) for guest in (border.near, border.far)] == [0, 0]
    assert border.reached(22) == [True, True]
    first = [counted("acl-2", guest, 22) for guest in (border.near, border.far)]
    assert min(first) > 3, "each packet of a connection"
    assert counted("acl-2", border.near, 23) == 0
    opened = counted("sg-a", border.near)
    border.come_to_have(deny("6", 24, 24), allow("6", 22, 22), allow("6", 23, 23), ALL_LEAVES)
    assert [counted("acl-2", guest, 22) for guest in (border.near, border.far)] == first, "a change forgets nothing"
    assert border.reached(22) == [True, True]
    assert counted("acl-2", border.near, 22) > first[0]
    assert counted("sg-a", border.near) == opened + 3, "its two senders and the receiver here, once each"
    assert border.reached(25) == [False, False]
    assert counted("acl-2", border.near, -1) > 0, "what no entry lets by"


def test_who_listens_is_told_what_is_dropped_and_by_which_guard(border: Border) -> None:
    def dropped(guest: Guest, after: int, wait_s: float = DROPPED_S) -> tuple[int, list[Dropped]]:
        host = border.hosts.hosts[guest is border.far]
        number, rows = host.call("network.drops", (guest.port.interface_id,), after, wait_s)
        return number, list(rows)

    def told(guest: Guest, after: int, *expected: object) -> bool:
        """Sooner or later: what nobody answers is sent again, and told again."""
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            after, rows = dropped(guest, after)
            if expected in [(row.guard, row.is_egress, row.destination, row.destination_port) for row in rows]:
                return True
        return False

    since = {guest.port.interface_id: dropped(guest, 0, 0.1)[0] for guest in border.guests}
    border.have(deny("6", 23, 23), allow(), deny("6", 81, 81, is_egress=True), ALL_LEAVES)
    assert border.reached(23) == [False, False]
    for guest, address in ((border.near, NEAR), (border.far, FAR)):
        assert told(guest, since[guest.port.interface_id], "acl-in", False, address, 23)
    assert dropped(border.outer, since[border.outer.port.interface_id])[1] == [], "it is the receiver's"

    after, _ = dropped(border.far, since[border.far.port.interface_id])
    assert not border.far.reaches("172.31.0.5", 81)
    assert told(border.far, after, "acl-out", True, "172.31.0.5", 81)

    after, _ = dropped(border.near, since[border.near.port.interface_id])
    assert border.near.pings("172.31.16.1"), "it knows its router: as another it could not ask for it"
    border.near.run("ip addr add 172.31.16.99/20 dev eth0")
    border.near.run("ping -c1 -W1 -I 172.31.16.99 172.31.0.5", check=False)
    assert told(border.near, after, "spoofed-source", True, "172.31.0.5", 0)

    border.vpc.rules["sg-a"] = (ALL_OUT, replace(ALL_IN, cidr_ipv4=f"{FAR}/32"))
    border.vpc.ensure(border.hosts)
    assert not border.outer.reaches(NEAR, 22)
    assert told(border.near, after, "group-in", False, NEAR, 22)
    border.vpc.rules["sg-a"] = (replace(ALL_OUT, cidr_ipv4=f"{FAR}/32"), ALL_IN)
    border.vpc.ensure(border.hosts)
    assert not border.outer.reaches(NEAR, 22)
    assert told(border.outer, since[border.outer.port.interface_id], "group-out", True, NEAR, 22)
