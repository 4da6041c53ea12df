"""What a NAT gateway carries out, and what it does not: on the gateway's host and from another."""

import contextlib
import socket
import struct
from collections.abc import Callable
from functools import partial

import pytest

from agent.drivers.network_vxlan.ruleset import SEEN
from agent.objects import NatGateway, Route, RouteTable
from tests.integration.gateways import FIRST, SECOND, gateway_of, map_addresses
from tests.integration.netlab import (
    ALL_IN,
    ALL_OUT,
    DROPPED_S,
    OUTSIDE,
    Guest,
    Lab,
    Vpc,
    echoes,
)

pytestmark = pytest.mark.host

LOCAL = Route("172.31.0.0/16", "local")
ANYWHERE = "0.0.0.0/0"
NAT, OTHER_NAT = "198.51.100.70", "198.51.100.80"
PUBLIC, PRIVATE = "rtb-1", "rtb-2"


def nat(vpc: Vpc, address: str, id: str = "nat-1") -> NatGateway:
    return NatGateway(id, vpc.vpc_id, "subnet-2", "172.31.16.9", address)


def routed(hosts: Lab, vpc: Vpc, *private: Route, public: tuple[Route, ...] | None = None) -> None:
    """The first subnet has these routes; the second one, if nothing else is said, leads out."""
    ways = (Route(ANYWHERE, vpc.gateway_id),) if public is None else public
    vpc.table_id = PRIVATE
    vpc.tables = (
        RouteTable(PUBLIC, vpc.vpc_id, True, (LOCAL, *ways), 1),
        RouteTable(PRIVATE, vpc.vpc_id, False, (LOCAL, *private), 2),
    )
    vpc.ensure(hosts)
    map_addresses(hosts, vpc, (FIRST, "172.31.16.7"))


def vpc_with_nat(hosts: Lab) -> tuple[Vpc, tuple[Guest, Guest], Guest]:
    """Two private guests, on the gateway's host and on another, and one with a public address."""
    vpc = Vpc(1, gateway_host=1, rules={"sg-a": (ALL_OUT, ALL_IN)})
    ports = vpc.add_port(1, 5, "sg-a"), vpc.add_port(2, 6, "sg-a"), vpc.add_port(2, 7, "sg-a", subnet=2)
    vpc.nat_gateways = (nat(vpc, NAT),)
    routed(hosts, vpc, Route(ANYWHERE, "nat-1"))
    here, there = hosts.hosts
    return vpc, (here.start_guest(ports[0]), there.start_guest(ports[1])), there.start_guest(ports[2])


def seen_as(address: str, *guests: Guest) -> list[str | None]:
    return [guest.ask(address, 80) for guest in guests]


def test_private_guests_get_out_behind_its_address_and_nobody_gets_in(hosts: Lab) -> None:
    _, private, public = vpc_with_nat(hosts)
    hosts.outside.listen(80)
    for guest in private:
        guest.listen(22)
    assert seen_as(OUTSIDE, *private, public) == [NAT, NAT, FIRST]
    assert not hosts.outside.reaches(NAT, 22)
    assert not hosts.outside.pings(NAT)
    assert not public.reaches(NAT, 22)
    assert not private[0].reaches(NAT, 22)
    assert all(guest.pings("172.31.16.7") for guest in private), "the VPC's own addresses are there all the same"


def test_pings_fragments_and_errors_come_through(hosts: Lab) -> None:
    _, private, _ = vpc_with_nat(hosts)
    for guest in private:
        assert guest.pings(OUTSIDE)
        assert guest.pings(OUTSIDE, "-s 4000")
        assert guest.inside(refused_by(OUTSIDE)), "the outside's ICMP error finds the guest"


def refused_by(address: str) -> Callable[[], bool]:
    def ask() -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(DROPPED_S)
            udp.connect((address, 9))
            udp.send(b"?")
            try:
                udp.recv(1)
            except ConnectionRefusedError:
                return True
            except TimeoutError:
                return False
        return False

    return ask


def test_a_private_guest_reaches_anothers_public_address(hosts: Lab) -> None:
    _, private, public = vpc_with_nat(hosts)
    public.listen(80)
    assert seen_as(FIRST, *private) == [NAT, NAT]


def test_two_guests_that_send_from_one_port_are_told_apart(hosts: Lab) -> None:
    _, private, _ = vpc_with_nat(hosts)
    hosts.outside.listen(80)
    with contextlib.ExitStack() as opened:
        for guest in private:
            connection = opened.enter_context(guest.connect(OUTSIDE, 80, source=guest.port.private_ip))
            assert connection.recv(64)
        first, second = [guest.inside(bound_to(40000)) for guest in private]
        for each in (first, second):
            opened.enter_context(each)
            each.settimeout(DROPPED_S)
            each.connect((OUTSIDE, 80))
            assert each.recv(64).decode().strip() == NAT
        assert echoes(first)
        assert echoes(second)


def bound_to(port: int) -> Callable[[], socket.socket]:
    def bind() -> socket.socket:
        made = socket.socket()
        made.bind(("0.0.0.0", port))
        return made

    return bind


def test_when_it_goes_its_connections_end_and_nothing_gets_out(hosts: Lab) -> None:
    vpc, private, public = vpc_with_nat(hosts)
    hosts.outside.listen(80)
    with contextlib.ExitStack() as opened:
        cut = [opened.enter_context(guest.connect(OUTSIDE, 80)) for guest in private]
        kept = opened.enter_context(public.connect(OUTSIDE, 80))
        for each in (*cut, kept):
            assert each.recv(64)
        vpc.nat_gateways = ()
        routed(hosts, vpc, Route(ANYWHERE, "nat-1"))
        assert [echoes(each) for each in cut] == [False, False]
        assert echoes(kept)
        assert seen_as(OUTSIDE, *private, public) == [None, None, FIRST]
    vpc.nat_gateways = (nat(vpc, OTHER_NAT),)
    routed(hosts, vpc, Route(ANYWHERE, "nat-1"))
    assert seen_as(OUTSIDE, *private) == [OTHER_NAT, OTHER_NAT]
    assert NAT not in hosts.hosts[0].run("ip route; ip neigh show proxy")


def test_other_routes_and_addresses_come_and_go_without_its_connections(hosts: Lab) -> None:
    vpc, private, _ = vpc_with_nat(hosts)
    hosts.outside.listen(80)
    with private[0].connect(OUTSIDE, 80) as first, private[1].connect(OUTSIDE, 80) as second:
        assert first.recv(64)
        assert second.recv(64)
        routed(hosts, vpc, Route(ANYWHERE, "nat-1"), Route("203.0.113.0/24", vpc.gateway_id))
        map_addresses(hosts, vpc, (FIRST, "172.31.16.7"), (SECOND, "172.31.16.8"))
        map_addresses(hosts, vpc)
        assert echoes(first)
        assert echoes(second)


def test_the_longest_prefix_decides_between_it_and_the_internet_gateway(hosts: Lab) -> None:
    vpc, private, _ = vpc_with_nat(hosts)
    hosts.outside.listen(80)
    mapped = (SECOND, "172.31.0.6")
    routed(hosts, vpc, Route(ANYWHERE, "nat-1"), Route(f"{OUTSIDE}/32", vpc.gateway_id))
    map_addresses(hosts, vpc, mapped)
    assert seen_as(OUTSIDE, *private) == [None, SECOND], "by the internet gateway, who has an address"
    routed(hosts, vpc, Route(ANYWHERE, vpc.gateway_id), Route("198.51.100.0/30", "nat-1"))
    map_addresses(hosts, vpc, mapped)
    assert seen_as(OUTSIDE, *private) == [NAT, NAT]


def test_its_own_subnet_has_to_lead_out(hosts: Lab) -> None:
    vpc, private, _ = vpc_with_nat(hosts)
    hosts.outside.listen(80)
    routed(hosts, vpc, Route(ANYWHERE, "nat-1"), public=())
    assert seen_as(OUTSIDE, *private) == [None, None]
    routed(hosts, vpc, Route(ANYWHERE, "nat-1"), public=(Route(f"{OUTSIDE}/32", vpc.gateway_id),))
    assert seen_as(OUTSIDE, *private) == [NAT, NAT]
    routed(hosts, vpc, Route(ANYWHERE, "nat-1"), public=(Route("203.0.113.0/24", vpc.gateway_id),))
    assert seen_as(OUTSIDE, *private) == [None, None]


def test_ensuring_twice_changes_nothing_and_a_new_agent_disturbs_nothing(hosts: Lab) -> None:
    vpc, private, _ = vpc_with_nat(hosts)
    hosts.outside.listen(80)
    place = gateway_of(hosts.hosts[0], vpc)
    with private[1].connect(OUTSIDE, 80) as connection:
        assert connection.recv(64)
        before = place.run("nft -s list ruleset; ip route; ip rule")
        for again in (lambda: None, lambda: hosts.hosts[0].call("start")):
            again()
            routed(hosts, vpc, Route(ANYWHERE, "nat-1"))
            assert place.run("nft -s list ruleset; ip route; ip rule") == before
            assert echoes(connection)
        assert hosts.hosts[0].call("gateway.probe").problems == ()
    place.run("nft flush chain ip stead private-to-public; nft flush set ip stead ways-by-nat")
    assert seen_as(OUTSIDE, *private) == [None, None]
    routed(hosts, vpc, Route(ANYWHERE, "nat-1"))
    assert seen_as(OUTSIDE, *private) == [NAT, NAT]


def test_connections_are_counted_and_those_for_which_no_port_is_left(hosts: Lab) -> None:
    vpc, private, public = vpc_with_nat(hosts)

    def use() -> tuple[int, int]:
        (found,) = hosts.hosts[0].call("gateway.probe").nat_gateways
        assert found.nat_gateway_id == "nat-1"
        return found.active_connections, found.refused_connections

    assert use() == (0, 0)
    assert public.pings(OUTSIDE), "this is not its own"
    assert private[1].pings(OUTSIDE)
    assert use() == (1, 0)
    router = hosts.hosts[0].namespace(f"stead-{vpc.vpc_id}")
    gateway_of(hosts.hosts[0], vpc).run("sysctl -qw net.netfilter.nf_conntrack_udp_timeout=600")
    first, second = (guest.port.private_ip for guest in private)
    router.inside(partial(flood, first, range(1024, 65536)))
    active, refused = use()
    assert active > 60_000
    assert refused == 0
    router.inside(partial(flood, second, range(1024, 3000)))
    assert use()[1] > 0


def flood(source: str, ports: range) -> None:
    """A connection from each of these ports to one port outside, as fast as the router takes what guests send."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, SEEN)
        ends = socket.inet_aton(source) + socket.inet_aton(OUTSIDE)
        header = struct.pack("!BBHHHBBH", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_UDP, 0) + ends
        for port in ports:
            raw.sendto(header + struct.pack("!HHHH", port, 9, 8, 0), (OUTSIDE, 0))
