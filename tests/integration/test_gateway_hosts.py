"""A gateway among other hosts: what it keeps apart, and to whom it yields."""

import socket
from contextlib import ExitStack
from functools import partial

import pytest

from agent.drivers.base import Permanent
from agent.drivers.gateway_nft import addresses
from agent.model import AddressMapping, GatewaySpec
from tests.integration.gateways import FIRST, gateway_of, map_addresses, vpc_with_guests
from tests.integration.netlab import OUTSIDE, Host, Lab, echoes, lab, wait_until

pytestmark = pytest.mark.host


def test_guests_do_not_reach_the_underlay_through_the_gateway(hosts: Lab) -> None:
    """They are shown to get there without the guards, of which either will do."""
    vpc, (first, _) = vpc_with_guests(hosts)
    map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
    gateway_host, other_host = hosts.hosts
    other_host.run("ip route add 198.51.100.50/32 via 10.99.0.1")
    gateway_host.run("sysctl -qw net.ipv4.conf.uplink.forwarding=1")
    other_host.listen(22)
    assert not first.reaches("10.99.0.2", 22)
    gateway_host.run("nft flush chain ip stead only-guests")
    assert not first.reaches("10.99.0.2", 22)
    gateway_of(gateway_host, vpc).run("nft flush chain ip stead check-forward")
    assert first.reaches("10.99.0.2", 22)


def test_guests_reach_no_other_host_where_the_underlay_is_outside(hosts: Lab) -> None:
    """As where hosts have one interface for all."""
    vpc, (first, _) = vpc_with_guests(hosts)
    other = hosts.hosts[1]
    other.listen(22)
    map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
    assert first.reaches("198.51.100.12", 22), "what is no host's address is outside"
    hosts.hosts[1].underlay_address = "198.51.100.12"
    map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
    assert not first.reaches("198.51.100.12", 22)


def test_the_outside_does_not_reach_the_underlay_address(hosts: Lab) -> None:
    vpc, _ = vpc_with_guests(hosts)
    host = hosts.hosts[0]
    host.listen(22)
    hosts.outside.run("ip route add 10.99.0.1/32 via 198.51.100.11")
    assert hosts.outside.reaches("10.99.0.1", 22)
    map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
    assert not hosts.outside.reaches("10.99.0.1", 22)
    assert hosts.outside.reaches("198.51.100.11", 22), "ssh is public"
    assert hosts.hosts[1].reaches("10.99.0.1", 22)


def test_the_outside_reaches_what_is_public_of_the_gateways_host(hosts: Lab) -> None:
    """By IPv4 and IPv6; what the host itself began goes on."""
    vpc, _ = vpc_with_guests(hosts)
    host, outside = hosts.hosts[0], hosts.outside
    for place, address in ((host, "2001:db8::11/64"), (outside, "2001:db8::1/64")):
        place.run(f"ip addr add {address} dev ext nodad")
    for port in (22, 111, 20000):
        host.listen(port)
        host.listen(port, "2001:db8::11")
    outside.listen(80)
    addresses = "198.51.100.11", "2001:db8::11"
    assert all(outside.reaches(address, 111) for address in addresses)
    map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
    for address in addresses:
        assert outside.reaches(address, 22)
        assert not any(outside.reaches(address, port) for port in (111, 20000))
        assert outside.pings(address)
    assert host.reaches(OUTSIDE, 80)
    assert hosts.hosts[1].reaches("10.99.0.1", 20000)


def test_hosts_reach_one_another_where_the_underlay_is_outside(hosts: Lab) -> None:
    """As where hosts have one interface for all."""
    vpc, _ = vpc_with_guests(hosts)
    host, other = hosts.hosts
    host.run("ip addr del 10.99.0.1/24 dev uplink; ip addr add 10.99.0.1/24 dev ext")
    other.run("ip addr del 10.99.0.2/24 dev uplink; ip addr add 10.99.0.2/24 dev ext")
    host.listen(20000)
    map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
    assert other.reaches("10.99.0.1", 20000)
    assert not hosts.outside.reaches("198.51.100.11", 20000)


def test_an_epoch_that_is_over_is_refused_also_by_a_new_agent(hosts: Lab) -> None:
    vpc, _ = vpc_with_guests(hosts)
    host = hosts.hosts[0]
    host.call("gateway.ensure", GatewaySpec(vpc.vpc_id, 2, (), ()))
    host.call("gateway.remove", vpc.vpc_id)
    host.call("start")
    with pytest.raises(Permanent, match="epoch 1 is over"):
        host.call("gateway.ensure", GatewaySpec(vpc.vpc_id, 1, (), ()))


def test_a_gateway_that_is_cut_off_yields_while_another_answers(hosts: Lab) -> None:
    """The control plane has moved the gateway to the second host, and the first can't hear of it."""
    vpc, _ = vpc_with_guests(hosts)
    old, new = hosts.hosts
    moved = GatewaySpec(vpc.vpc_id, 2, (AddressMapping(FIRST, "172.31.0.5"),), ())
    map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
    old.call("hear_control_plane", False)
    map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
    assert _answers_for(old) == {FIRST}, "nobody else does"

    vpc.gateway_host = 2
    new.call("network.ensure", vpc.view(2))
    new.call("gateway.ensure", moved)
    assert _answers_for(old) == {FIRST}
    map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
    assert (_answers_for(old), _answers_for(new)) == (set(), {FIRST})
    assert any(f"answers for {FIRST}" in problem for problem in old.call("gateway.probe").problems)
    new.call("hear_control_plane", False)
    new.call("gateway.ensure", moved)
    assert _answers_for(new) == {FIRST}, "the first one does not any more"

    new.call("gateway.remove", vpc.vpc_id)
    map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
    assert _answers_for(old) == {FIRST}
    assert not old.call("gateway.probe").problems


def test_connections_that_are_mapped_one_to_one_go_on_when_the_gateway_moves() -> None:
    """Its host loses power. One guest is on the host that it moves to, one on a third; both ways."""
    with lab(3) as hosts:
        vpc, (_, third) = vpc_with_guests(hosts)
        port = vpc.add_port(2, 7, "sg-a")
        vpc.ensure(hosts)
        guests = (hosts.hosts[1].start_guest(port), third)
        mappings = tuple(zip((FIRST, "198.51.100.51"), ("172.31.0.7", "172.31.0.6"), strict=True))
        map_addresses(hosts, vpc, *mappings)
        hosts.outside.listen(80)
        with ExitStack() as stack:
            open_ones = []
            for guest, (public, _) in zip(guests, mappings, strict=True):
                guest.listen(22)
                out, inward = guest.connect(OUTSIDE, 80), hosts.outside.connect(public, 22)
                open_ones += [stack.enter_context(each) for each in (out, inward)]
                assert out.recv(64).decode().strip() == public
                assert inward.recv(64).decode().strip() == OUTSIDE
            assert [echoes(each) for each in open_ones] == [True] * 4
            hosts.hosts[0].run("ip link set ext down; ip link set uplink down")
            assert [echoes(each) for each in open_ones] == [False] * 4

            vpc.gateway_host = 2
            for number in (2, 3):
                hosts.hosts[number - 1].ensure(vpc.view(number))
            moved = tuple(AddressMapping(public, private) for public, private in mappings)
            hosts.hosts[1].call("gateway.ensure", GatewaySpec(vpc.vpc_id, 2, moved, ()))
            for each in open_ones:
                wait_until(partial(echoes, each), "what is sent again gets there")
            assert hosts.outside.reaches(FIRST, 22)


def test_a_router_that_answers_for_others_is_no_other_gateway(hosts: Lab) -> None:
    vpc, _ = vpc_with_guests(hosts)
    old, other = hosts.hosts
    hosts.outside.run(
        "ip link add elsewhere type veth peer name nowhere && ip link set nowhere up && ip link set elsewhere up"
        f" && ip route add {FIRST}/32 dev elsewhere && sysctl -qw"
        " net.ipv4.conf.ext.proxy_arp=1 net.ipv4.conf.ext.forwarding=1 net.ipv4.neigh.ext.proxy_delay=0"
    )
    other.run("ip route del default")
    assert other.inside(lambda: set(addresses.rivals({FIRST}, "ext"))) == {FIRST}, "it does, for who has no router"
    map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
    old.call("hear_control_plane", False)
    map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
    assert _answers_for(old) == {FIRST}
    assert not old.call("gateway.probe").problems


def test_a_gateway_that_hears_the_control_plane_yields_to_nobody(hosts: Lab) -> None:
    vpc, _ = vpc_with_guests(hosts)
    hosts.outside.run(f"ip addr add {FIRST}/32 dev ext")
    map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
    assert _answers_for(hosts.hosts[0]) == {FIRST}


def test_forged_private_sources_from_outside_are_dropped(hosts: Lab) -> None:
    vpc, (first, _) = vpc_with_guests(hosts)
    map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
    with first.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as receiver:
        receiver.bind(("0.0.0.0", 5000))
        receiver.settimeout(1)
        hosts.outside.run("ip addr add 172.31.0.6/32 dev lo; ip route add 198.51.100.50/32 dev ext")
        for source, arrives in ((OUTSIDE, True), ("172.31.0.6", False)):
            with hosts.outside.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
                sender.bind((source, 0))
                sender.sendto(b"hello", (FIRST, 5000))
            if arrives:
                assert receiver.recv(64)
            else:
                with pytest.raises(TimeoutError):
                    receiver.recv(64)


def test_every_mtu_follows_from_the_underlays(hosts: Lab) -> None:
    vpc, (first, _) = vpc_with_guests(hosts)
    host = hosts.hosts[0]
    router, gateway = host.namespace(f"stead-{vpc.vpc_id}"), gateway_of(host, vpc)
    tap = host.call("network.tap_name", first.port.interface_id)
    for underlay, guests, gateways in ((1400, 1350, 1350), (9000, 8950, 1500)):
        host.run(f"ip link set uplink mtu {underlay}")
        vpc.ensure(hosts)
        map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
        assert f"mtu {guests}" in router.run(f"ip link show {tap}")
        assert f"mtu {gateways}" in router.run("ip link show gateway")
        assert f"mtu {gateways}" in gateway.run("ip link show host")


def test_an_address_mapped_twice_is_refused(hosts: Lab) -> None:
    vpc, _ = vpc_with_guests(hosts)
    with pytest.raises(Permanent, match="mapped twice"):
        map_addresses(hosts, vpc, (FIRST, "172.31.0.5"), (FIRST, "172.31.0.6"))


def _answers_for(host: Host) -> set[str]:
    return {line.split()[0] for line in host.run("ip neigh show proxy").splitlines()}
