"""Secondary addresses of interfaces, and interfaces that pass on what is not their own, on two hosts."""

import pytest

from agent.objects import Route, RouteTable
from tests.integration.gateways import FIRST, map_addresses, vpc_with_guests
from tests.integration.netlab import ALL_OUT, Guest, Lab, Vpc, tcp_in

pytestmark = pytest.mark.host

LOCAL = Route("172.31.0.0/16", "local")
SECONDARY, BEYOND = "172.31.0.66", "192.0.2.9"


def test_a_secondary_address_is_its_interfaces_own_on_every_host(hosts: Lab) -> None:
    vpc, (guest, other) = vpc_with_guests(hosts)
    guest.run(f"ip addr add {SECONDARY}/32 dev eth0")
    assert not guest.pings("172.31.0.6", f"-I {SECONDARY}"), "it is nobody's"
    vpc.secondary[guest.port.interface_id] = (SECONDARY,)
    vpc.ensure(hosts)
    assert guest.pings("172.31.0.6", f"-I {SECONDARY}")
    assert other.pings(SECONDARY)
    vpc.rules = {"sg-a": (ALL_OUT, tcp_in(22, "sg-a"))}
    vpc.ensure(hosts)
    other.listen(22)
    with guest.connect("172.31.0.6", 22, SECONDARY) as connection:
        assert connection.recv(64).decode().strip() == SECONDARY, "its groups' rules name it as a member"

    vpc.secondary.clear()
    vpc.ensure(hosts)
    assert not guest.pings("172.31.0.6", f"-I {SECONDARY}")
    assert not other.reaches(SECONDARY, 22)
    assert guest.reaches("172.31.0.6", 22), "the primary one stays"


def test_a_public_address_leads_to_a_secondary_one(hosts: Lab) -> None:
    vpc, (guest, _) = vpc_with_guests(hosts)
    guest.run(f"ip addr add {SECONDARY}/32 dev eth0")
    vpc.secondary[guest.port.interface_id] = (SECONDARY,)
    vpc.tables = (RouteTable("rtb-1", vpc.vpc_id, True, (LOCAL, Route("0.0.0.0/0", vpc.gateway_id)), 1),)
    vpc.ensure(hosts)
    map_addresses(hosts, vpc, (FIRST, SECONDARY))
    guest.listen(22, SECONDARY)
    assert hosts.outside.reaches(FIRST, 22)
    server = hosts.outside.listen(80)
    with guest.connect("198.51.100.1", 80, SECONDARY) as connection:
        assert connection.recv(64).decode().strip() == FIRST
    assert server.accepted == 1
    assert not guest.reaches("198.51.100.1", 80), "the primary one has no public address"


def test_an_interface_without_the_source_check_is_a_router(hosts: Lab) -> None:
    """One of a guest on the last host, that has a network behind it; the first host has the gateway."""
    vpc, (guest, router) = vpc_with_guests(hosts)
    third = vpc.add_port(len(hosts.hosts), 7, "sg-a")
    vpc.ensure(hosts)
    near, place = hosts.hosts[-1].start_guest(third), hosts.hosts[-1].namespace(f"stead-{vpc.vpc_id}")
    router.run(f"ip addr add {BEYOND}/32 dev lo")
    lead_to(vpc, router)
    vpc.ensure(hosts)
    assert [each.pings(BEYOND) for each in (guest, near)] == [False, False], "it is sent what is its own alone"

    vpc.routers.add(router.port.interface_id)
    vpc.ensure(hosts)
    assert [each.pings(BEYOND) for each in (guest, near)] == [True, True]
    assert router.pings("172.31.0.5", f"-I {BEYOND}"), "what it sends for others gets there"
    assert not guest.pings("172.31.0.6", f"-I {BEYOND}"), "others speak for themselves alone"
    assert BEYOND not in place.run("ip neigh"), "nobody learns of it"
    router.run("ip addr add 169.254.7.7/32 dev lo")
    assert not router.pings("172.31.0.5", "-I 169.254.7.7"), "that is nobody's address"

    hosts.hosts[-1].stop_guest(router.port)
    assert "unreachable 192.0.2.0/24 " in place.run("ip route show table all"), "a black hole, and not the way out"
    assert [each.pings(BEYOND) for each in (guest, near)] == [False, False]
    again = hosts.hosts[-1].start_guest(router.port)
    again.run(f"ip addr add {BEYOND}/32 dev lo")
    assert [each.pings(BEYOND) for each in (guest, near)] == [True, True]
    vpc.routers.clear()
    vpc.ensure(hosts)
    assert [each.pings(BEYOND) for each in (guest, near)] == [False, False]


def lead_to(vpc: Vpc, router: Guest) -> None:
    to_router = Route("192.0.2.0/24", router.port.interface_id)
    routes = (LOCAL, Route("0.0.0.0/0", vpc.gateway_id), to_router)
    vpc.tables = (RouteTable("rtb-1", vpc.vpc_id, True, routes, 1),)
