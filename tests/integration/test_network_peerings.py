"""VPCs that peer: packets between guests of two VPCs, on one host and on two, and what stays apart."""

from dataclasses import replace
from itertools import pairwise
from socket import AF_INET, SOCK_DGRAM, socket

import pytest

from agent.drivers.base import Transient
from agent.model import RuleSpec
from agent.objects import Route, RouteTable
from tests.integration.netlab import ALL_IN, ALL_OUT, DROPPED_S, Guest, Lab, Vpc, echoes, tcp_in

pytestmark = pytest.mark.host

ONE, TWO, THREE = "10.1", "10.2", "10.3"
PORT = 5000  # UDP.


def peer(*vpcs: Vpc) -> None:
    """Each with the one that follows."""
    for here, there in pairwise(vpcs):
        here.peered.append(there)
        there.peered.append(here)


def lead(vpc: Vpc, *others: Vpc) -> None:
    """Routes to these, whether the VPC peers with them or by way of the first."""
    local = Route(vpc.cidr_block, "local")
    routes = [Route(other.cidr_block, vpc.peering_id(other if other in vpc.peered else others[0])) for other in others]
    vpc.tables = (RouteTable(f"rtb-{vpc.number}", vpc.vpc_id, True, (local, *routes), 1),)


def ensure(lab: Lab, *vpcs: Vpc) -> None:
    """As an agent's workers do: one whose peer is not there yet is tried again."""
    for _ in range(2):
        for vpc in vpcs:
            for number in vpc.hosts:
                try:
                    lab.hosts[number - 1].ensure(vpc.view(number))
                except Transient as error:
                    assert "waits for the other end of pcx-" in str(error)  # noqa: PT017 (the second time it is there)
    for vpc in vpcs:
        vpc.ensure(lab)


def start(lab: Lab, vpc: Vpc) -> dict[str, Guest]:
    return {port.private_ip: lab.hosts[host - 1].start_guest(port) for port, host in vpc.ports.items()}


@pytest.fixture
def two(hosts: Lab) -> tuple[Vpc, Vpc]:
    """Each with a guest on either host."""
    one, other = Vpc(1, base=ONE), Vpc(2, base=TWO)
    for vpc in (one, other):
        vpc.rules = {"sg-a": (ALL_OUT, ALL_IN), "sg-b": (ALL_OUT, tcp_in(80))}
        vpc.add_port(1, 5, "sg-a")
        vpc.add_port(2, 6, "sg-a")
    peer(one, other)
    lead(one, other)
    lead(other, one)
    return one, other


def test_guests_of_two_vpcs_meet_on_one_host_and_on_two(hosts: Lab, two: tuple[Vpc, Vpc]) -> None:
    ensure(hosts, *two)
    ours, theirs = (start(hosts, vpc) for vpc in two)
    for guest in (*ours.values(), *theirs.values()):
        guest.listen(80)
    for from_ip, guest in ours.items():
        for to_ip, other in theirs.items():
            assert guest.ask(to_ip, 80) == from_ip, (from_ip, to_ip)
            assert other.ask(from_ip, 80) == to_ip, (to_ip, from_ip)
            assert guest.pings(to_ip)
            assert guest.pings(to_ip, "-s 4000"), "in fragments"


def test_where_no_guest_of_the_other_is(hosts: Lab) -> None:
    """Each host is a relay for the other's guests, of which it sees one direction of each connection."""
    one, other = Vpc(1, base=ONE), Vpc(2, base=TWO)
    for vpc, host in ((one, 1), (other, 2)):
        vpc.rules = {"sg-a": (ALL_OUT, ALL_IN)}
        vpc.add_port(host, 5, "sg-a")
    peer(one, other)
    lead(one, other)
    lead(other, one)
    ensure(hosts, one, other)
    (ours,), (theirs,) = start(hosts, one).values(), start(hosts, other).values()
    theirs.listen(80)
    with ours.connect("10.2.0.5", 80) as connection:
        assert connection.recv(64) == b"10.1.0.5\n"
        assert all(echoes(connection) for _ in range(20))
    assert theirs.pings("10.1.0.5")


def test_groups_of_both_ends_guard(hosts: Lab, two: tuple[Vpc, Vpc]) -> None:
    one, other = two
    for last_byte in (5, 6):
        other.change_port(last_byte, "sg-b")
    ensure(hosts, *two)
    ours, theirs = (start(hosts, vpc) for vpc in two)
    for guest in theirs.values():
        guest.listen(80)
        guest.listen(81)
    for guest in ours.values():
        assert [guest.reaches(to_ip, port) for to_ip in theirs for port in (80, 81)] == [True, False] * 2
        assert not guest.pings("10.2.0.5")
    one.rules = {"sg-a": (ALL_IN,)}
    one.ensure(hosts)
    assert not any(guest.reaches(to_ip, 80) for guest in ours.values() for to_ip in theirs)


def test_without_a_route_at_one_end_nothing_passes(hosts: Lab, two: tuple[Vpc, Vpc]) -> None:
    one, other = two
    ensure(hosts, *two)
    ours, theirs = (start(hosts, vpc) for vpc in two)
    theirs["10.2.0.6"].listen(80)
    with ours["10.1.0.5"].connect("10.2.0.6", 80) as connection:
        assert echoes_after_greeting(connection)
        for vpc in two:
            lead(vpc)
            vpc.ensure(hosts)
            assert not echoes(connection)
            assert not ours["10.1.0.5"].reaches("10.2.0.6", 80)
            lead(vpc, one if vpc is other else other)
            vpc.ensure(hosts)
            assert ours["10.1.0.5"].reaches("10.2.0.6", 80)


def test_a_peering_that_ends_takes_all_of_it_along(hosts: Lab, two: tuple[Vpc, Vpc]) -> None:
    one, other = two
    ensure(hosts, *two)
    ours, theirs = (start(hosts, vpc) for vpc in two)
    theirs["10.2.0.5"].listen(80)
    assert ours["10.1.0.5"].reaches("10.2.0.5", 80)
    one.peered, other.peered = [], []
    ensure(hosts, *two)
    assert not ours["10.1.0.5"].reaches("10.2.0.5", 80)
    for host in hosts.hosts:
        for vpc in two:
            place = host.namespace(f"stead-{vpc.vpc_id}")
            assert "stp" not in place.run("ip link; ip route show table all; ip neigh; nft -s list ruleset")
            assert place.run(f"cat /proc/sys/net/ipv4/conf/stx{vpc.vpc_id[-12:]}/rp_filter").strip() == "1"


def test_no_way_leads_through_a_vpc_to_a_third(hosts: Lab) -> None:
    """Nor to its gateway, nor to the router itself. What is said of one's own address is checked at the other end."""
    one, middle, third = Vpc(1, base=ONE), Vpc(2, base=TWO), Vpc(3, base=THREE)
    for vpc in (one, middle, third):
        vpc.rules = {"sg-a": (ALL_OUT, ALL_IN)}
        vpc.add_port(1, 5, "sg-a")
        vpc.add_port(2, 6, "sg-a")
    peer(one, middle, third)
    lead(one, middle, third)
    lead(middle, one, third)
    lead(third, middle, one)
    ensure(hosts, one, middle, third)
    ours, between, theirs = (start(hosts, vpc) for vpc in (one, middle, third))
    for guest in (*between.values(), *theirs.values()):
        guest.listen(80)
    for guest in ours.values():
        assert [guest.reaches(ip, 80) for ip in (*between, *theirs)] == [True, True, False, False]
        assert not guest.pings("10.2.0.1"), "the router of another VPC"
        assert not guest.pings("10.2.0.2")
    forged = ours["10.1.0.5"]
    forged.run("ip addr add 10.3.0.5/32 dev lo")
    assert not forged.pings("10.2.0.5", "-I 10.3.0.5")


def test_vpcs_with_the_same_addresses_do_not_meet_by_their_peers(hosts: Lab) -> None:
    """Two with 10.1.0.0/16, each of which peers with one of its own."""
    pairs = [(Vpc(1, base=ONE), Vpc(2, base=TWO)), (Vpc(3, base=ONE), Vpc(4, base=TWO))]
    guests = []
    for pair in pairs:
        for vpc in pair:
            vpc.rules = {"sg-a": (ALL_OUT, ALL_IN)}
            vpc.add_port(1, 5, "sg-a")
            vpc.add_port(2, 6, "sg-a")
        peer(*pair)
        lead(*pair)
        lead(*reversed(pair))
        ensure(hosts, *pair)
        guests.append([start(hosts, vpc) for vpc in pair])
    (ours, theirs), (_, others) = guests
    servers = [guest.listen(80) for guest in theirs.values()]
    foreign = [guest.listen(80) for guest in others.values()]
    assert all(guest.reaches(ip, 80) for guest in ours.values() for ip in theirs)
    assert [server.accepted for server in servers] == [2, 2]
    assert [server.accepted for server in foreign] == [0, 0]


def test_what_somebody_takes_away_comes_back(hosts: Lab, two: tuple[Vpc, Vpc]) -> None:
    one, other = two
    ensure(hosts, *two)
    ours, theirs = (start(hosts, vpc) for vpc in two)
    theirs["10.2.0.6"].listen(80)
    device = f"stp{one.peering_id(other)[-12:]}"
    place = hosts.hosts[0].namespace(f"stead-{one.vpc_id}")
    for damage in (f"ip link del {device}", f"ip link set {device} down", f"ip route flush dev {device} table 1001"):
        place.run(damage)
        assert not ours["10.1.0.5"].reaches("10.2.0.6", 80), damage
        for vpc in (one, other):
            hosts.hosts[0].ensure(vpc.view(1))
        assert ours["10.1.0.5"].reaches("10.2.0.6", 80), damage
    assert "repaired" in str(hosts.hosts[0].call("network.probe").problems)


def echoes_after_greeting(connection: socket) -> bool:
    return bool(connection.recv(64)) and echoes(connection)


def test_who_gets_a_used_address_gets_none_of_its_connections_with_peers(hosts: Lab, two: tuple[Vpc, Vpc]) -> None:
    """A peer's host knows the connection, and lets it go on although no rule allows it any more, to its owner alone."""
    one, other = two
    from_one = RuleSpec(False, "udp", PORT, PORT, cidr_ipv4="10.1.0.5/32")
    other.rules = {"sg-a": (ALL_OUT, from_one)}
    ensure(hosts, *two)
    ours, theirs = (start(hosts, vpc) for vpc in two)
    receiver = udp(theirs["10.2.0.6"], PORT)
    with udp(ours["10.1.0.5"], 4000) as sender:
        assert asks(sender, receiver)
        other.rules = {"sg-a": (ALL_OUT,)}
        other.ensure(hosts)
        assert asks(sender, receiver), "it is tracked"
    with receiver:
        first = one.drop_port(5)
        hosts.hosts[0].stop_guest(first)
        stranger = replace(first, interface_id="eni-00000000000019999")
        one.ports[stranger] = 1
        ensure(hosts, *two)
        with udp(hosts.hosts[0].start_guest(stranger), 4000) as sender:
            assert not asks(sender, receiver)


def udp(guest: Guest, port: int) -> socket:
    made = guest.inside(lambda: socket(AF_INET, SOCK_DGRAM))
    guest.inside(lambda: made.bind((guest.port.private_ip, port)))
    made.settimeout(DROPPED_S)
    return made


def asks(sender: socket, receiver: socket) -> bool:
    """Both ways, so that the connection is an established one."""
    sender.sendto(b"question", ("10.2.0.6", PORT))
    try:
        _, who = receiver.recvfrom(64)
        receiver.sendto(b"answer", who)
        return sender.recv(64) == b"answer"
    except TimeoutError:
        return False
