"""1:1 NAT on real kernels' parts: a gateway host, a compute host, and an outside network."""

import contextlib
import socket
from collections.abc import Iterator

import pytest
from pyroute2.netlink.nfnetlink.nfctsocket import NFCTSocket

from agent.drivers.base import Transient
from tests.integration.gateways import FIRST, SECOND, gateway_of, map_addresses, vpc_with_guests
from tests.integration.netlab import (
    ALL_OUT,
    DROPPED_S,
    OUTSIDE,
    Host,
    Lab,
    Vpc,
    echoes,
    lab,
    tcp_in,
    without_carrier,
)

pytestmark = pytest.mark.host


@pytest.fixture(params=[1, 2], ids=["one host with all roles", "two hosts"])
def hosts(request: pytest.FixtureRequest) -> Iterator[Lab]:
    with lab(request.param) as made:
        yield made


def test_both_ways_and_through_the_hairpin(hosts: Lab) -> None:
    vpc, (first, second) = vpc_with_guests(hosts)
    map_addresses(hosts, vpc, (FIRST, "172.31.0.5"), (SECOND, "172.31.0.6"))
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
    vpc, (first, _) = vpc_with_guests(hosts)
    vpc.rules["sg-a"] = (ALL_OUT, tcp_in(22))
    vpc.ensure(hosts)
    map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
    first.listen(22)
    first.listen(23)
    assert hosts.outside.reaches(FIRST, 22)
    assert not hosts.outside.reaches(FIRST, 23)


def test_without_a_mapping_there_is_no_internet(hosts: Lab) -> None:
    vpc, (first, second) = vpc_with_guests(hosts)
    map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
    outside = hosts.outside.listen(22)
    assert first.reaches(OUTSIDE, 22)
    assert not second.reaches(OUTSIDE, 22)
    assert outside.accepted == 1
    assert not hosts.outside.reaches(SECOND, 22)


def test_nothing_gets_out_untranslated_while_a_gateway_comes_up(hosts: Lab) -> None:
    """For a second, where its host does not hear the control plane: somebody else may answer for its addresses."""
    vpc, (first, _) = vpc_with_guests(hosts)
    hosts.outside.run(
        "nft add table ip seen && nft 'add chain ip seen private { type filter hook prerouting priority raw; }'"
        " && nft add rule ip seen private ip saddr 172.31.0.0/16 counter"
    )
    hosts.hosts[0].call("hear_control_plane", False)
    first.run(f"ping -q -i 0.01 -w 4 {OUTSIDE} >/dev/null 2>&1 &")
    map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
    assert first.pings(OUTSIDE)
    assert "counter packets 0 " in hosts.outside.run("nft list chain ip seen private")


def test_taking_a_mapping_away_cuts_its_flows_alone(hosts: Lab) -> None:
    vpc, (first, second) = vpc_with_guests(hosts)
    map_addresses(hosts, vpc, (FIRST, "172.31.0.5"), (SECOND, "172.31.0.6"))
    for place in (first, second, hosts.outside):
        place.listen(22)
    inward, outward = hosts.outside.connect(SECOND, 22), second.connect(OUTSIDE, 22)
    other = hosts.outside.connect(FIRST, 22)
    with inward, outward, other:
        for connection in (inward, outward, other):
            assert connection.recv(64)
            assert echoes(connection)
        map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
        assert not echoes(inward)
        assert not echoes(outward)
        assert echoes(other)
        assert "172.31.0.6" not in _tracked(hosts.hosts[0], vpc)


def test_an_address_that_moves_takes_no_old_flow_along(hosts: Lab) -> None:
    vpc, (first, second) = vpc_with_guests(hosts)
    map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
    first.listen(22)
    with hosts.outside.connect(FIRST, 22) as connection:
        assert connection.recv(64)
        second.listen(22)
        map_addresses(hosts, vpc, (FIRST, "172.31.0.6"))
        assert not echoes(connection)
    assert hosts.outside.reaches(FIRST, 22)
    assert "172.31.0.5" not in _tracked(hosts.hosts[0], vpc)


def test_guests_reach_no_host_through_the_gateway(hosts: Lab) -> None:
    """Neither the gateway's own host, at any address, nor another. They are shown to get there without the guards, of
    which either will do: the host's own rules go for a moment whenever somebody loads others.
    """
    vpc, (first, _) = vpc_with_guests(hosts)
    map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
    host = hosts.hosts[0]
    host.listen(22)
    own = host.underlay_address, "198.51.100.11"
    assert not any(first.reaches(address, 22) for address in own)
    assert not first.pings(host.underlay_address)
    first.listen(22)
    assert host.reaches(FIRST, 22), "a host's own connections to guests pass"
    host.run("nft flush ruleset")
    assert not any(first.reaches(address, 22) for address in own)
    assert host.reaches(FIRST, 22)
    gateway_of(host, vpc).run("nft flush chain ip stead check-forward")
    assert all(first.reaches(address, 22) for address in own)
    map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
    assert not any(first.reaches(address, 22) for address in own)


def test_a_new_address_is_announced(hosts: Lab) -> None:
    vpc, _ = vpc_with_guests(hosts)
    with hosts.outside.inside(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))) as raw:
        raw.bind(("ext", 0x0806))
        raw.settimeout(5)
        map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
        announced = socket.inet_aton(FIRST)
        while (frame := raw.recv(64))[28:32] != announced:
            pass
        assert frame[38:42] == announced
        assert frame[:6] == b"\xff" * 6
        _senders(raw)
        map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
        assert announced in _senders(raw), "each pass says it again"
        hosts.hosts[0].call("hear_control_plane", False)
        map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
        assert announced not in _senders(raw), "who is cut off asks who else has it"


def test_ensuring_twice_changes_nothing_and_a_new_agent_disturbs_nothing(hosts: Lab) -> None:
    vpc, (first, _) = vpc_with_guests(hosts)
    map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
    host = hosts.hosts[0]
    first.listen(22)
    before, rules = _state(host, vpc), gateway_of(host, vpc).run("nft -s -a list ruleset")
    with hosts.outside.connect(FIRST, 22) as connection:
        assert connection.recv(64)
        map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
        assert gateway_of(host, vpc).run("nft -s -a list ruleset") == rules
        host.call("start")
        assert host.call("gateway.list") == {vpc.vpc_id}
        map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
        vpc.ensure(hosts)
        assert _state(host, vpc) == before
        assert echoes(connection)


def test_rules_of_the_host_that_somebody_flushed_come_back(hosts: Lab) -> None:
    vpc, _ = vpc_with_guests(hosts)
    map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
    host = hosts.hosts[0]
    before = host.run("nft list chain ip stead only-guests")
    host.run("nft flush ruleset")
    map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
    assert host.run("nft list chain ip stead only-guests") == before


def test_a_router_made_anew_is_joined_again(hosts: Lab) -> None:
    vpc, (first, second) = vpc_with_guests(hosts)
    host = hosts.hosts[0]
    map_addresses(hosts, vpc, (FIRST, "172.31.0.5"), (SECOND, "172.31.0.6"))
    for guest in (first, second):
        next(h for h in hosts.hosts if guest.port.interface_id in h.guests).stop_guest(guest.port)
    host.call("network.remove", vpc.vpc_id)
    assert host.call("gateway.list") == {vpc.vpc_id}
    with pytest.raises(Transient, match="no router"):
        map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
    vpc.ensure(hosts)
    map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
    guest = host.start_guest(first.port)
    guest.listen(22)
    assert hosts.outside.reaches(FIRST, 22)


def test_removal_leaves_nothing(hosts: Lab) -> None:
    vpc, _ = vpc_with_guests(hosts)
    host, listing = (
        hosts.hosts[0],
        "ip -4 addr; ip link; ip route; ip neigh show proxy; nft -s list ruleset; ip netns list-id",
    )
    router = host.namespace(f"stead-{vpc.vpc_id}")
    before = host.run(listing), router.run("ip -4 addr; ip link; ip route; ip neigh show nud permanent")
    map_addresses(hosts, vpc, (FIRST, "172.31.0.5"))
    assert FIRST in host.run(listing)
    for _ in range(2):
        host.call("gateway.remove", vpc.vpc_id)
    assert host.run("ip netns").count("stead-gw") == 0
    listed = host.run(listing), router.run("ip -4 addr; ip link; ip route; ip neigh show nud permanent")
    assert [_without_ids(text) for text in listed] == [_without_ids(text) for text in before]


def _state(host: Host, vpc: Vpc) -> list[str]:
    listing = "ip -4 addr; ip link; ip route; ip neigh show nud permanent; ip neigh show proxy; nft -s list ruleset"
    return [
        without_carrier(place.run(listing))
        for place in (host, host.namespace(f"stead-{vpc.vpc_id}"), gateway_of(host, vpc))
    ]


def _tracked(host: Host, vpc: Vpc) -> str:
    def dump() -> str:
        with NFCTSocket() as nfct:
            return " ".join(str(message) for message in nfct.dump())

    return gateway_of(host, vpc).inside(dump)


def _senders(raw: socket.socket) -> set[bytes]:
    """Of all that comes until nothing does."""
    raw.settimeout(DROPPED_S)
    found: set[bytes] = set()
    with contextlib.suppress(TimeoutError):
        while frame := raw.recv(64):
            found.add(frame[28:32])
    return found


def _without_ids(listing: str) -> list[str]:
    """Namespaces that devices lead to are numbered as they come."""
    lines = without_carrier(listing).splitlines()
    return [line.split(" link-netns")[0] for line in lines if not line.startswith("nsid")]
