"""1:1 NAT on real kernels' parts: a gateway host, a compute host, and an outside network."""

import socket
from collections.abc import Iterator

import pytest
from pyroute2.netlink.nfnetlink.nfctsocket import NFCTSocket

from agent.drivers.base import Permanent, Transient
from agent.drivers.gateway_nft import addresses
from agent.model import AddressMapping, GatewaySpec
from tests.integration.netlab import (
    ALL_IN,
    ALL_OUT,
    DROPPED_S,
    OUTSIDE,
    Guest,
    Host,
    Lab,
    Namespace,
    Vpc,
    echoes,
    lab,
    tcp_in,
    without_carrier,
)

pytestmark = pytest.mark.host

FIRST, SECOND = "198.51.100.50", "198.51.100.60"


@pytest.fixture(params=[1, 2], ids=["one host with all roles", "two hosts"])
def hosts(request: pytest.FixtureRequest) -> Iterator[Lab]:
    with lab(request.param) as made:
        yield made


@pytest.fixture
def hosts_2() -> Iterator[Lab]:
    with lab(2) as made:
        yield made


def test_both_ways_and_through_the_hairpin(hosts: Lab) -> None:
    vpc, (first, second) = _vpc_with_guests(hosts)
    _map(hosts, vpc, (FIRST, "172.31.0.5"), (SECOND, "172.31.0.6"))
    for place in (first, second, hosts.outside):
        place.listen(22)
    assert hosts.outside.ask(FIRST, 22) == OUTSIDE
    assert hosts.outside.ask(SECOND, 22) == OUTSIDE
    assert first.ask(OUTSIDE, 22) == FIRST
    assert second.ask(OUTSIDE, 22) == SECOND
    assert first.ask(SECOND, 22) == FIRST, "the public source address, so a group as source does not match"
    assert first.ask("172.31.0.6", 22) == "172.31.0.5", "east-west traffic meets no NAT"
    assert hosts.hosts[0].reaches(FIRST, 22)
    assert hosts.outside.pings(FIRST)


def test_groups_guard_public_addresses(hosts: Lab) -> None:
    vpc, (first, _) = _vpc_with_guests(hosts)
    vpc.rules["sg-a"] = (ALL_OUT, tcp_in(22))
    vpc.ensure(hosts)
    _map(hosts, vpc, (FIRST, "172.31.0.5"))
    first.listen(22)
    first.listen(23)
    assert hosts.outside.reaches(FIRST, 22)
    assert not hosts.outside.reaches(FIRST, 23)


def test_without_a_mapping_there_is_no_internet(hosts: Lab) -> None:
    vpc, (first, second) = _vpc_with_guests(hosts)
    _map(hosts, vpc, (FIRST, "172.31.0.5"))
    outside = hosts.outside.listen(22)
    assert first.reaches(OUTSIDE, 22)
    assert not second.reaches(OUTSIDE, 22)
    assert outside.accepted == 1
    assert not hosts.outside.reaches(SECOND, 22)


def test_taking_a_mapping_away_cuts_its_flows_alone(hosts: Lab) -> None:
    vpc, (first, second) = _vpc_with_guests(hosts)
    _map(hosts, vpc, (FIRST, "172.31.0.5"), (SECOND, "172.31.0.6"))
    for place in (first, second, hosts.outside):
        place.listen(22)
    inward, outward = hosts.outside.connect(SECOND, 22), second.connect(OUTSIDE, 22)
    other = hosts.outside.connect(FIRST, 22)
    with inward, outward, other:
        for connection in (inward, outward, other):
            assert connection.recv(64)
            assert echoes(connection)
        _map(hosts, vpc, (FIRST, "172.31.0.5"))
        assert not echoes(inward)
        assert not echoes(outward)
        assert echoes(other)
        assert "172.31.0.6" not in _tracked(hosts.hosts[0], vpc)


def test_an_address_that_moves_takes_no_old_flow_along(hosts: Lab) -> None:
    vpc, (first, second) = _vpc_with_guests(hosts)
    _map(hosts, vpc, (FIRST, "172.31.0.5"))
    first.listen(22)
    with hosts.outside.connect(FIRST, 22) as connection:
        assert connection.recv(64)
        second.listen(22)
        _map(hosts, vpc, (FIRST, "172.31.0.6"))
        assert not echoes(connection)
    assert hosts.outside.reaches(FIRST, 22)
    assert "172.31.0.5" not in _tracked(hosts.hosts[0], vpc)


def test_guests_do_not_reach_the_underlay_through_the_gateway(hosts_2: Lab) -> None:
    """They are shown to get there without the guard."""
    vpc, (first, _) = _vpc_with_guests(hosts_2)
    _map(hosts_2, vpc, (FIRST, "172.31.0.5"))
    gateway_host, other_host = hosts_2.hosts
    other_host.run("ip route add 198.51.100.50/32 via 10.99.0.1")
    gateway_host.run("sysctl -qw net.ipv4.conf.uplink.forwarding=1")
    other_host.listen(22)
    assert not first.reaches("10.99.0.2", 22)
    gateway_host.run("nft flush chain ip stead only-guests")
    assert first.reaches("10.99.0.2", 22)


def test_guests_reach_no_host_through_the_gateway(hosts: Lab) -> None:
    """Neither the gateway's own host, at any address, nor another. They are shown to get there without the guard."""
    vpc, (first, _) = _vpc_with_guests(hosts)
    _map(hosts, vpc, (FIRST, "172.31.0.5"))
    host = hosts.hosts[0]
    host.listen(22)
    own = host.underlay_address, "198.51.100.11"
    assert not any(first.reaches(address, 22) for address in own)
    assert not first.pings(host.underlay_address)
    first.listen(22)
    assert host.reaches(FIRST, 22), "a host's own connections to guests pass"
    host.run("nft flush chain ip stead guard-host")
    assert all(first.reaches(address, 22) for address in own)
    _map(hosts, vpc, (FIRST, "172.31.0.5"))
    assert not any(first.reaches(address, 22) for address in own)


def test_guests_reach_no_other_host_where_the_underlay_is_outside(hosts_2: Lab) -> None:
    """As where hosts have one interface for all."""
    vpc, (first, _) = _vpc_with_guests(hosts_2)
    other = hosts_2.hosts[1]
    other.listen(22)
    _map(hosts_2, vpc, (FIRST, "172.31.0.5"))
    assert first.reaches("198.51.100.12", 22), "what is no host's address is outside"
    hosts_2.hosts[1].underlay_address = "198.51.100.12"
    _map(hosts_2, vpc, (FIRST, "172.31.0.5"))
    assert not first.reaches("198.51.100.12", 22)


def test_the_outside_does_not_reach_the_underlay_address(hosts_2: Lab) -> None:
    vpc, _ = _vpc_with_guests(hosts_2)
    host = hosts_2.hosts[0]
    host.listen(22)
    hosts_2.outside.run("ip route add 10.99.0.1/32 via 198.51.100.11")
    assert hosts_2.outside.reaches("10.99.0.1", 22)
    _map(hosts_2, vpc, (FIRST, "172.31.0.5"))
    assert not hosts_2.outside.reaches("10.99.0.1", 22)
    assert hosts_2.outside.reaches("198.51.100.11", 22), "ssh is public"
    assert hosts_2.hosts[1].reaches("10.99.0.1", 22)


def test_the_outside_reaches_what_is_public_of_the_gateways_host(hosts_2: Lab) -> None:
    """By IPv4 and IPv6; what the host itself began goes on."""
    vpc, _ = _vpc_with_guests(hosts_2)
    host, outside = hosts_2.hosts[0], hosts_2.outside
    for place, address in ((host, "2001:db8::11/64"), (outside, "2001:db8::1/64")):
        place.run(f"ip addr add {address} dev ext nodad")
    for port in (22, 111, 20000):
        host.listen(port)
        host.listen(port, "2001:db8::11")
    outside.listen(80)
    addresses = "198.51.100.11", "2001:db8::11"
    assert all(outside.reaches(address, 111) for address in addresses)
    _map(hosts_2, vpc, (FIRST, "172.31.0.5"))
    for address in addresses:
        assert outside.reaches(address, 22)
        assert not any(outside.reaches(address, port) for port in (111, 20000))
        assert outside.pings(address)
    assert host.reaches(OUTSIDE, 80)
    assert hosts_2.hosts[1].reaches("10.99.0.1", 20000)


def test_hosts_reach_one_another_where_the_underlay_is_outside(hosts_2: Lab) -> None:
    """As where hosts have one interface for all."""
    vpc, _ = _vpc_with_guests(hosts_2)
    host, other = hosts_2.hosts
    host.run("ip addr del 10.99.0.1/24 dev uplink; ip addr add 10.99.0.1/24 dev ext")
    other.run("ip addr del 10.99.0.2/24 dev uplink; ip addr add 10.99.0.2/24 dev ext")
    host.listen(20000)
    _map(hosts_2, vpc, (FIRST, "172.31.0.5"))
    assert other.reaches("10.99.0.1", 20000)
    assert not hosts_2.outside.reaches("198.51.100.11", 20000)


def test_an_epoch_that_is_over_is_refused_also_by_a_new_agent(hosts_2: Lab) -> None:
    vpc, _ = _vpc_with_guests(hosts_2)
    host = hosts_2.hosts[0]
    host.call("gateway.ensure", GatewaySpec(vpc.vpc_id, 2, (), ()))
    host.call("gateway.remove", vpc.vpc_id)
    host.call("start")
    with pytest.raises(Permanent, match="epoch 1 is over"):
        host.call("gateway.ensure", GatewaySpec(vpc.vpc_id, 1, (), ()))


def test_a_gateway_that_is_cut_off_yields_while_another_answers(hosts_2: Lab) -> None:
    """The control plane has moved the gateway to the second host, and the first can't hear of it."""
    vpc, _ = _vpc_with_guests(hosts_2)
    old, new = hosts_2.hosts
    moved = GatewaySpec(vpc.vpc_id, 2, (AddressMapping(FIRST, "172.31.0.5"),), ())
    _map(hosts_2, vpc, (FIRST, "172.31.0.5"))
    old.call("hear_control_plane", False)
    _map(hosts_2, vpc, (FIRST, "172.31.0.5"))
    assert _answers_for(old) == {FIRST}, "nobody else does"

    vpc.gateway_host = 2
    new.call("network.ensure", vpc.view(2))
    new.call("gateway.ensure", moved)
    assert _answers_for(old) == {FIRST}
    _map(hosts_2, vpc, (FIRST, "172.31.0.5"))
    assert (_answers_for(old), _answers_for(new)) == (set(), {FIRST})
    assert any(f"answers for {FIRST}" in problem for problem in old.call("gateway.probe").problems)
    new.call("hear_control_plane", False)
    new.call("gateway.ensure", moved)
    assert _answers_for(new) == {FIRST}, "the first one does not any more"

    new.call("gateway.remove", vpc.vpc_id)
    _map(hosts_2, vpc, (FIRST, "172.31.0.5"))
    assert _answers_for(old) == {FIRST}
    assert not old.call("gateway.probe").problems


def test_a_router_that_answers_for_others_is_no_other_gateway(hosts_2: Lab) -> None:
    vpc, _ = _vpc_with_guests(hosts_2)
    old, other = hosts_2.hosts
    hosts_2.outside.run(
        "ip link add elsewhere type veth peer name nowhere && ip link set nowhere up && ip link set elsewhere up"
        f" && ip route add {FIRST}/32 dev elsewhere && sysctl -qw"
        " net.ipv4.conf.ext.proxy_arp=1 net.ipv4.conf.ext.forwarding=1 net.ipv4.neigh.ext.proxy_delay=0"
    )
    other.run("ip route del default")
    assert other.inside(lambda: set(addresses.rivals({FIRST}, "ext"))) == {FIRST}, "it does, for who has no router"
    _map(hosts_2, vpc, (FIRST, "172.31.0.5"))
    old.call("hear_control_plane", False)
    _map(hosts_2, vpc, (FIRST, "172.31.0.5"))
    assert _answers_for(old) == {FIRST}
    assert not old.call("gateway.probe").problems


def test_a_gateway_that_hears_the_control_plane_yields_to_nobody(hosts_2: Lab) -> None:
    vpc, _ = _vpc_with_guests(hosts_2)
    hosts_2.outside.run(f"ip addr add {FIRST}/32 dev ext")
    _map(hosts_2, vpc, (FIRST, "172.31.0.5"))
    assert _answers_for(hosts_2.hosts[0]) == {FIRST}


def test_forged_private_sources_from_outside_are_dropped(hosts_2: Lab) -> None:
    vpc, (first, _) = _vpc_with_guests(hosts_2)
    _map(hosts_2, vpc, (FIRST, "172.31.0.5"))
    with first.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as receiver:
        receiver.bind(("0.0.0.0", 5000))
        receiver.settimeout(1)
        hosts_2.outside.run("ip addr add 172.31.0.6/32 dev lo; ip route add 198.51.100.50/32 dev ext")
        for source, arrives in ((OUTSIDE, True), ("172.31.0.6", False)):
            with hosts_2.outside.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
                sender.bind((source, 0))
                sender.sendto(b"hello", (FIRST, 5000))
            if arrives:
                assert receiver.recv(64)
            else:
                with pytest.raises(TimeoutError):
                    receiver.recv(64)


def test_a_new_address_is_announced(hosts: Lab) -> None:
    vpc, _ = _vpc_with_guests(hosts)
    with hosts.outside.inside(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))) as raw:
        raw.bind(("ext", 0x0806))
        raw.settimeout(5)
        _map(hosts, vpc, (FIRST, "172.31.0.5"))
        announced = socket.inet_aton(FIRST)
        while (frame := raw.recv(64))[28:32] != announced:
            pass
        assert frame[38:42] == announced
        assert frame[:6] == b"\xff" * 6
        _map(hosts, vpc, (FIRST, "172.31.0.5"))
        raw.settimeout(DROPPED_S)
        with pytest.raises(TimeoutError):  # Once is enough.
            _next_other_than(raw, OUTSIDE)


def test_ensuring_twice_changes_nothing_and_a_new_agent_disturbs_nothing(hosts: Lab) -> None:
    vpc, (first, _) = _vpc_with_guests(hosts)
    _map(hosts, vpc, (FIRST, "172.31.0.5"))
    host = hosts.hosts[0]
    first.listen(22)
    before, rules = _state(host, vpc), _gateway(host, vpc).run("nft -a list ruleset")
    with hosts.outside.connect(FIRST, 22) as connection:
        assert connection.recv(64)
        _map(hosts, vpc, (FIRST, "172.31.0.5"))
        assert _gateway(host, vpc).run("nft -a list ruleset") == rules
        host.call("start")
        assert host.call("gateway.list") == {vpc.vpc_id}
        _map(hosts, vpc, (FIRST, "172.31.0.5"))
        vpc.ensure(hosts)
        assert _state(host, vpc) == before
        assert echoes(connection)


def test_rules_of_the_host_that_somebody_flushed_come_back(hosts: Lab) -> None:
    vpc, _ = _vpc_with_guests(hosts)
    _map(hosts, vpc, (FIRST, "172.31.0.5"))
    host = hosts.hosts[0]
    before = host.run("nft list chain ip stead only-guests")
    host.run("nft flush ruleset")
    _map(hosts, vpc, (FIRST, "172.31.0.5"))
    assert host.run("nft list chain ip stead only-guests") == before


def test_a_router_made_anew_is_joined_again(hosts: Lab) -> None:
    vpc, (first, second) = _vpc_with_guests(hosts)
    host = hosts.hosts[0]
    _map(hosts, vpc, (FIRST, "172.31.0.5"), (SECOND, "172.31.0.6"))
    for guest in (first, second):
        next(h for h in hosts.hosts if guest.port.interface_id in h.guests).stop_guest(guest.port)
    host.call("network.remove", vpc.vpc_id)
    assert host.call("gateway.list") == {vpc.vpc_id}
    with pytest.raises(Transient, match="no router"):
        _map(hosts, vpc, (FIRST, "172.31.0.5"))
    vpc.ensure(hosts)
    _map(hosts, vpc, (FIRST, "172.31.0.5"))
    guest = host.start_guest(first.port)
    guest.listen(22)
    assert hosts.outside.reaches(FIRST, 22)


def test_every_mtu_follows_from_the_underlays(hosts_2: Lab) -> None:
    vpc, (first, _) = _vpc_with_guests(hosts_2)
    host = hosts_2.hosts[0]
    router, gateway = host.namespace(f"stead-{vpc.vpc_id}"), _gateway(host, vpc)
    tap = host.call("network.tap_name", first.port.interface_id)
    for underlay, guests, gateways in ((1400, 1350, 1350), (9000, 8950, 1500)):
        host.run(f"ip link set uplink mtu {underlay}")
        vpc.ensure(hosts_2)
        _map(hosts_2, vpc, (FIRST, "172.31.0.5"))
        assert f"mtu {guests}" in router.run(f"ip link show {tap}")
        assert f"mtu {gateways}" in router.run("ip link show gateway")
        assert f"mtu {gateways}" in gateway.run("ip link show host")


def test_removal_leaves_nothing(hosts: Lab) -> None:
    vpc, _ = _vpc_with_guests(hosts)
    host, listing = (
        hosts.hosts[0],
        "ip -4 addr; ip link; ip route; ip neigh show proxy; nft list ruleset; ip netns list-id",
    )
    router = host.namespace(f"stead-{vpc.vpc_id}")
    before = host.run(listing), router.run("ip -4 addr; ip link; ip route; ip neigh show nud permanent")
    _map(hosts, vpc, (FIRST, "172.31.0.5"))
    assert FIRST in host.run(listing)
    for _ in range(2):
        host.call("gateway.remove", vpc.vpc_id)
    assert host.run("ip netns").count("stead-gw") == 0
    listed = host.run(listing), router.run("ip -4 addr; ip link; ip route; ip neigh show nud permanent")
    assert [_without_ids(text) for text in listed] == [_without_ids(text) for text in before]


def test_an_address_mapped_twice_is_refused(hosts_2: Lab) -> None:
    vpc, _ = _vpc_with_guests(hosts_2)
    with pytest.raises(Permanent, match="mapped twice"):
        _map(hosts_2, vpc, (FIRST, "172.31.0.5"), (FIRST, "172.31.0.6"))


def _vpc_with_guests(hosts: Lab) -> tuple[Vpc, tuple[Guest, Guest]]:
    """Two open guests, the second on the last host; the first host has the gateway."""
    last = len(hosts.hosts)
    vpc = Vpc(1, gateway_host=1, hosts=tuple(range(1, last + 1)), rules={"sg-a": (ALL_OUT, ALL_IN)})
    ports = vpc.add_port(1, 5, "sg-a"), vpc.add_port(last, 6, "sg-a")
    vpc.ensure(hosts)
    return vpc, (hosts.hosts[0].start_guest(ports[0]), hosts.hosts[last - 1].start_guest(ports[1]))


def _map(hosts: Lab, vpc: Vpc, *pairs: tuple[str, str]) -> None:
    mappings = tuple(AddressMapping(public, private) for public, private in pairs)
    hosts.hosts[0].call(
        "gateway.ensure", GatewaySpec(vpc.vpc_id, 1, mappings, tuple(host.underlay_address for host in hosts.hosts))
    )


def _answers_for(host: Host) -> set[str]:
    return {line.split()[0] for line in host.run("ip neigh show proxy").splitlines()}


def _gateway(host: Host, vpc: Vpc) -> Namespace:
    return host.namespace(f"stead-gw-{vpc.vpc_id}")


def _state(host: Host, vpc: Vpc) -> list[str]:
    listing = "ip -4 addr; ip link; ip route; ip neigh show nud permanent; ip neigh show proxy; nft list ruleset"
    return [
        without_carrier(place.run(listing))
        for place in (host, host.namespace(f"stead-{vpc.vpc_id}"), _gateway(host, vpc))
    ]


def _tracked(host: Host, vpc: Vpc) -> str:
    def dump() -> str:
        with NFCTSocket() as nfct:
            return " ".join(str(message) for message in nfct.dump())

    return _gateway(host, vpc).inside(dump)


def _next_other_than(raw: socket.socket, sender: str) -> bytes:
    while (frame := raw.recv(64))[28:32] == socket.inet_aton(sender):
        pass
    return frame


def _without_ids(listing: str) -> list[str]:
    """Namespaces that devices lead to are numbered as they come."""
    lines = without_carrier(listing).splitlines()
    return [line.split(" link-netns")[0] for line in lines if not line.startswith("nsid")]
