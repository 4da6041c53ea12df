"""Secondary addresses of interfaces, and interfaces that pass on what is not their own, on two hosts."""

import contextlib
import socket
import time

import pytest

from agent.objects import Route, RouteTable
from tests.integration.gateways import FIRST, map_addresses, vpc_with_guests
from tests.integration.netlab import ALL_OUT, DEADLINE_S, DROPPED_S, Guest, Host, Lab, Vpc, tcp_in

pytestmark = pytest.mark.host

LOCAL = Route("172.31.0.0/16", "local")
SECONDARY, BEYOND = "172.31.0.66", "192.0.2.9"
RESOLVERS, METADATA, TIME = ("172.31.0.2", "169.254.169.253"), "169.254.169.254", "169.254.169.123"
ROUTERS = ("172.31.0.1", "172.31.16.1")  # Of both subnets.


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


def test_a_router_guest_asks_the_vpcs_router_in_its_own_name_alone(hosts: Lab) -> None:
    """Neither in a neighbour's, who would be sent the answers, nor in the name of who is behind it."""
    vpc, (_, guest) = vpc_with_guests(hosts)
    vpc.routers.add(guest.port.interface_id)
    lead_to(vpc, guest)
    vpc.ensure(hosts)
    host = hosts.hosts[-1]
    metadata = host.namespace(f"stead-{vpc.vpc_id}").listen(80, METADATA)
    guest.run(f"ip addr add {BEYOND}/32 dev lo; ip addr add {SECONDARY}/32 dev lo")
    after, _ = host.call("network.drops", (guest.port.interface_id,), 0, 0.1)
    for source in (BEYOND, SECONDARY):
        asked = _ask_the_router(guest, source)
        assert asked <= _dropped(host, guest, after, source, asked)
    assert metadata.accepted == 0

    told = guest.port.private_ip
    for resolver in RESOLVERS:
        assert "172.31.0.5" in guest.run(f"busybox nslookup -type=a ip-172-31-0-5.lab.internal {resolver}")
        guest.connect(resolver, 53, told).close()
    assert guest.ask(METADATA, 80) == told
    assert _tells_the_time(guest, told)
    assert [guest.pings(address, f"-I {told}") for address in (*ROUTERS, *RESOLVERS)] == [True] * 4
    guest.run("busybox udhcpc -i eth0 -n -q -f -t 5 -T 1 -s /run/udhcpc -O mtu -O hostname")


Asked = tuple[int, str, int]  # Protocol, address, and port or type.


def _ask_the_router(guest: Guest, source: str) -> set[Asked]:
    """Everything that it answers, and nothing is answered. Returns what was sent."""
    datagrams = [(RESOLVERS[0], 53), (RESOLVERS[1], 53), (TIME, 123), (ROUTERS[0], 67)]
    with guest.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as asking:
        asking.bind((source, 0))
        for address, port in datagrams:
            asking.sendto(bytes([0x23, *bytes(47)]), (address, port))
    streams = [(RESOLVERS[0], 53), (RESOLVERS[1], 53), (METADATA, 80)]
    for address, port in streams:
        with contextlib.suppress(OSError), guest.connect(address, port, source):
            pytest.fail(f"{address} answers {source} at {port}")
    for address in (*ROUTERS, *RESOLVERS):
        assert not guest.pings(address, f"-I {source}")
    pings = {(1, address, 0) for address in (*ROUTERS, *RESOLVERS)}
    return {(17, *datagram) for datagram in datagrams} | {(6, *stream) for stream in streams} | pings


def _dropped(host: Host, guest: Guest, after: int, source: str, expected: set[Asked]) -> set[Asked]:
    """What is told as dropped at the tap, from a source; waits for what is expected."""
    deadline, found = time.monotonic() + DEADLINE_S, set[Asked]()
    while time.monotonic() < deadline and not expected <= found:
        after, rows = host.call("network.drops", (guest.port.interface_id,), after, DROPPED_S)
        ours = [row for row in rows if row.guard == "spoofed-source" and row.source == source]
        found |= {(row.protocol, row.destination, 0 if row.protocol == 1 else row.destination_port) for row in ours}
    return found


def _tells_the_time(guest: Guest, source: str) -> bool:
    with guest.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as asking:
        asking.settimeout(DROPPED_S)
        asking.bind((source, 0))
        asking.sendto(bytes([0x23, *bytes(47)]), (TIME, 123))
        return len(asking.recv(512)) == 48


def lead_to(vpc: Vpc, router: Guest) -> None:
    to_router = Route("192.0.2.0/24", router.port.interface_id)
    routes = (LOCAL, Route("0.0.0.0/0", vpc.gateway_id), to_router)
    vpc.tables = (RouteTable("rtb-1", vpc.vpc_id, True, routes, 1),)
