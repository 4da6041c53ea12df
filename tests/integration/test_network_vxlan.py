"""VPC networks on real kernels' parts: namespaces, VXLAN, nftables, taps and dnsmasq."""

import contextlib
import socket
import struct
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from agent.drivers.base import Transient
from agent.drivers.network_vxlan import names
from agent.model import PortState
from agent.objects import ObjectKind, ObjectRef
from tests.integration.netlab import (
    ALL_IN,
    ALL_OUT,
    DROPPED_S,
    Guest,
    Host,
    Lab,
    Namespace,
    Vpc,
    echoes,
    tcp_in,
    without_carrier,
)

pytestmark = pytest.mark.host

UDP_PORT = 5000


def test_hosts_reach_each_other_by_a_rule_with_a_group_as_source(hosts: Lab) -> None:
    vpc = Vpc(1, rules={"sg-a": (ALL_OUT,), "sg-b": (ALL_OUT, tcp_in(22, "sg-a"))})
    member, stranger, server = (vpc.add_port(1, 5, "sg-a"), vpc.add_port(1, 6, "sg-b"), vpc.add_port(2, 7, "sg-b"))
    vpc.ensure(hosts)
    member_guest, stranger_guest = (hosts.hosts[0].start_guest(port) for port in (member, stranger))
    server_guest = hosts.hosts[1].start_guest(server)
    server_guest.listen(22)
    server_guest.listen(23)
    assert member_guest.ask("172.31.0.7", 22) == "172.31.0.5"
    assert not member_guest.reaches("172.31.0.7", 23)
    assert not stranger_guest.reaches("172.31.0.7", 22)

    late = vpc.add_port(1, 8, "sg-a")
    vpc.ensure(hosts)
    assert hosts.hosts[0].start_guest(late).ask("172.31.0.7", 22) == "172.31.0.8"


def test_a_port_is_opened_and_closed_on_running_guests(hosts: Lab) -> None:
    vpc = Vpc(1, rules={"sg-a": (ALL_OUT,)})
    client, server = (
        hosts.hosts[host - 1].start_guest(port)
        for host, port in [(1, _ensured(vpc, hosts, 1, 5)), (2, _ensured(vpc, hosts, 2, 6))]
    )
    server.listen(22)
    assert not client.reaches("172.31.0.6", 22)
    vpc.rules["sg-a"] = (ALL_OUT, replace(tcp_in(22), cidr_ipv4="172.31.0.0/16"))
    vpc.ensure(hosts)
    with client.connect("172.31.0.6", 22) as connection:
        assert connection.recv(64)
        vpc.rules["sg-a"] = (ALL_OUT,)
        vpc.ensure(hosts)
        assert not client.reaches("172.31.0.6", 22)
        assert echoes(connection), "a tracked flow lives on"


@pytest.mark.parametrize(
    ("sender_rules", "receiver_rules", "is_open"),
    [((ALL_OUT,), (ALL_IN,), True), ((), (ALL_IN,), False), ((ALL_OUT,), (), False)],
    ids=["both", "no egress", "no ingress"],
)
def test_on_one_host_egress_and_ingress_must_both_agree(
    hosts: Lab, sender_rules: tuple[object, ...], receiver_rules: tuple[object, ...], is_open: bool
) -> None:
    vpc = Vpc(1, hosts=(1,), rules={"sg-a": sender_rules, "sg-b": receiver_rules})  # type: ignore[dict-item]
    ports = vpc.add_port(1, 5, "sg-a"), vpc.add_port(1, 6, "sg-b")
    vpc.ensure(hosts)
    sender, receiver = (hosts.hosts[0].start_guest(port) for port in ports)
    receiver.listen(22)
    assert sender.reaches("172.31.0.6", 22) == is_open


def test_forged_addresses_are_dropped(hosts: Lab) -> None:
    """Each is first shown to get through without the guard."""
    vpc, (host, *_) = _open_vpc(hosts), hosts.hosts
    forger, victim = (host.start_guest(port) for port in vpc.ports)
    forger.run("ip addr add 172.31.0.9/32 dev eth0")
    with _udp_receiver(victim) as receiver:
        _drop_guards(host, vpc)
        assert _sends(forger, receiver, source="172.31.0.9")
        assert _arp_is_believed(host, vpc, forger, "172.31.0.10")
        with _other_mac(forger):
            assert _sends(forger, receiver)

        _restore_guards(hosts, host, vpc)
        assert not _sends(forger, receiver, source="172.31.0.9")
        assert not _arp_is_believed(host, vpc, forger, "172.31.0.11")
        with _other_mac(forger):
            assert not _sends(forger, receiver)
        assert _sends(forger, receiver), "what is not forged passes"


def test_a_guest_gets_its_lease_and_names(hosts: Lab) -> None:
    vpc = _open_vpc(hosts)
    remote = vpc.add_port(2, 7, "sg-a")
    vpc.ensure(hosts)
    guest = hosts.hosts[0].start_guest(next(iter(vpc.ports)), is_configured=False)
    guest.run("busybox udhcpc -i eth0 -n -q -f -t 5 -T 1 -s /run/udhcpc -O mtu -O hostname")
    assert guest.run("cat /run/lease-eth0").split() == [
        *("172.31.0.5", "20", "172.31.0.1", "1450", "172.31.0.2", "ip-172-31-0-5"),
    ]
    assert remote.private_ip in guest.run("busybox nslookup ip-172-31-0-7.lab.internal 172.31.0.2", check=False)
    assert remote.host_name in guest.run("busybox nslookup 172.31.0.7 169.254.169.253")


def test_a_new_port_gets_its_lease_without_a_restart_of_dnsmasq(hosts: Lab) -> None:
    vpc, (host, *_) = _open_vpc(hosts), hosts.hosts
    before = _dnsmasq(host)
    port = vpc.add_port(1, 20, "sg-a")
    vpc.ensure(hosts)
    guest = host.start_guest(port, is_configured=False)
    guest.run("busybox udhcpc -i eth0 -n -q -f -t 5 -T 1 -s /run/udhcpc -O mtu -O hostname")
    assert _dnsmasq(host) == before != ""


def test_a_guest_reaches_the_routers_services_and_nothing_else_of_it(hosts: Lab) -> None:
    vpc, (host, *_) = _open_vpc(hosts), hosts.hosts
    guest = host.start_guest(next(iter(vpc.ports)))
    router = _router(host, vpc)
    for port in (80, 22):
        router.listen(port)
    assert guest.ask("169.254.169.254", 80) == "172.31.0.5"
    assert not guest.reaches("172.31.0.1", 80)
    assert not guest.reaches("172.31.0.1", 22)
    assert not guest.reaches("169.254.169.254", 22)
    assert guest.pings("172.31.0.1")


def test_two_vpcs_with_the_same_addresses_do_not_meet(hosts: Lab) -> None:
    guests = []
    for number in (1, 2):
        vpc = Vpc(number, rules={"sg-a": (ALL_OUT, ALL_IN)})
        ports = vpc.add_port(1, 5, "sg-a"), vpc.add_port(2, 6, "sg-a")
        vpc.ensure(hosts)
        guests.append([host.start_guest(port) for host, port in zip(hosts.hosts, ports, strict=True)])
    (_, first_server), (second_client, second_server) = guests
    served = first_server.listen(22)
    assert not second_client.reaches("172.31.0.6", 22)
    second_server.listen(22)
    assert second_client.reaches("172.31.0.6", 22)
    assert served.accepted == 0


def test_vxlan_is_admitted_from_peers_only(hosts: Lab) -> None:
    """The stranger is first shown to get through without the guard."""
    vpc, (host, *_) = _open_vpc(hosts), hosts.hosts
    vpc.add_port(2, 7, "sg-a")
    vpc.ensure(hosts)
    guest = host.start_guest(next(iter(vpc.ports)))
    hosts.fabric.run("ip addr add 10.99.0.99/24 dev br-under")
    with _udp_receiver(guest) as receiver:
        assert not _injects(hosts.fabric, vpc, receiver)
        host.run("nft flush chain inet stead admit-vxlan")
        assert _injects(hosts.fabric, vpc, receiver)


def test_ensuring_twice_changes_nothing(hosts: Lab) -> None:
    vpc, (host, *_) = _open_vpc(hosts), hosts.hosts
    host.start_guest(next(iter(vpc.ports)))
    before = _state(host, vpc, "nft -s -a list ruleset"), _dnsmasq(host)
    vpc.ensure(hosts)
    assert (_state(host, vpc, "nft -s -a list ruleset"), _dnsmasq(host)) == before


def test_a_member_elsewhere_leaves_what_a_look_at_everything_leaves(hosts: Lab) -> None:
    vpc, (host, *_) = _open_vpc(hosts), hosts.hosts
    vpc.rules = {"sg-a": (ALL_OUT, tcp_in(22, "sg-b")), "sg-b": ()}
    vpc.add_port(2, 7, "sg-b")
    vpc.ensure(hosts)
    before, new = vpc.view(1), vpc.add_port(2, 8, "sg-a", "sg-b")
    changed = frozenset({ObjectRef(ObjectKind.ENDPOINT, new.interface_id)})
    with_it = vpc.view(1)
    for view, is_there in ((with_it, True), (before, False)):
        host.call("network.ensure", view, changed)
        seen = _state(host, vpc, "nft -s -a list ruleset")
        assert seen[1].count(new.private_ip) == (2 if is_there else 0), "a route and an element"
        host.call("network.ensure", view)
        assert _state(host, vpc, "nft -s -a list ruleset") == seen
    assert host.call("network.probe").problems == (), "nothing had to be repaired"


def test_a_new_agent_takes_over_without_a_trace(hosts: Lab) -> None:
    vpc, (host, *_) = _open_vpc(hosts), hosts.hosts
    client, server = (host.start_guest(port) for port in vpc.ports)
    server.listen(22)
    before = _state(host, vpc, "nft -s list ruleset"), _dnsmasq(host)
    with client.connect("172.31.0.6", 22) as connection:
        assert connection.recv(64)
        host.call("start")
        assert host.call("network.list") == {vpc.vpc_id}
        assert set(host.call("network.list_ports").values()) == {PortState.PLUGGED}
        vpc.ensure(hosts)
        host.call("network.plug", client.port)
        assert echoes(connection)
    assert (_state(host, vpc, "nft -s list ruleset"), _dnsmasq(host)) == before


def test_a_new_agent_removes_what_it_was_not_told_of(hosts: Lab) -> None:
    vpc, (host, *_) = _open_vpc(hosts), hosts.hosts
    vpc.rules["sg-old"] = (tcp_in(22, "sg-a"),)
    old = vpc.add_port(1, 9, "sg-old")
    vpc.ensure(hosts)
    assert "sg-old" in _router(host, vpc).run("nft -s list ruleset")
    del vpc.rules["sg-old"]
    del vpc.ports[old]
    host.call("start")
    vpc.ensure(hosts)
    ruleset = _router(host, vpc).run("nft -s list ruleset")
    assert "sg-old" not in ruleset
    assert old.private_ip not in ruleset


def test_a_tap_waits_for_its_rules(hosts: Lab) -> None:
    vpc, (host, *_) = _open_vpc(hosts), hosts.hosts
    known, unknown = next(iter(vpc.ports)), vpc.add_port(1, 9, "sg-a")
    with pytest.raises(Transient, match="no tap"):
        host.call("network.plug", known)
    for _ in range(2):
        host.call("network.create_tap", unknown)
    assert host.call("network.list_ports") == {unknown.interface_id: PortState.CREATED}
    with pytest.raises(Transient, match="no rules"):
        host.call("network.plug", unknown)
    vpc.ensure(hosts)
    for _ in range(2):
        host.call("network.plug", unknown)
        host.call("network.create_tap", unknown)
    assert host.call("network.list_ports") == {unknown.interface_id: PortState.PLUGGED}
    for _ in range(2):
        host.call("network.unplug", unknown.interface_id)
    assert host.call("network.list_ports") == {}


def test_a_half_plugged_tap_is_made_anew_for_the_next_qemu(hosts: Lab) -> None:
    """An agent died after it had moved the tap, and then QEMU did."""
    vpc, (host, *_) = _open_vpc(hosts), hosts.hosts
    port = next(iter(vpc.ports))
    host.call("network.create_tap", port)
    host.run(f"ip link set {names.tap_name(port.interface_id)} netns stead-{vpc.vpc_id}")
    assert host.call("network.list_ports") == {port.interface_id: PortState.CREATED}
    host.call("network.create_tap", port)
    assert names.tap_name(port.interface_id) in host.run("ip link")
    assert names.tap_name(port.interface_id) not in _router(host, vpc).run("ip link")


def test_rules_of_the_host_that_somebody_flushed_come_back(hosts: Lab) -> None:
    """As `systemctl reload nftables` does."""
    vpc, (host, *_) = _open_vpc(hosts), hosts.hosts
    vpc.add_port(2, 7, "sg-a")
    vpc.ensure(hosts)
    before = host.run("nft -s list ruleset")
    host.run("nft flush ruleset")
    vpc.ensure(hosts)
    assert host.run("nft -s list ruleset") == before


def test_removal_leaves_nothing(hosts: Lab) -> None:
    host = hosts.hosts[0]
    everything = "ip -4 addr; ip link; ip route; nft -s list ruleset; ip netns; ls -A /run/stead"
    before = host.run(everything)
    assert _dnsmasq(host) == ""
    vpc = _open_vpc(hosts)
    port = next(iter(vpc.ports))
    host.start_guest(port)
    assert _dnsmasq(host)
    host.stop_guest(port)
    for _ in range(2):
        host.call("network.remove", vpc.vpc_id)
    assert host.run(everything) == before
    assert _dnsmasq(host) == ""
    assert host.call("network.list") == frozenset()


def test_a_host_without_its_underlay_address_says_so(hosts: Lab) -> None:
    host = hosts.hosts[0]
    assert host.call("network.probe").problems == ()
    host.run("ip addr flush dev uplink")
    assert "10.99.0.1" in host.call("network.probe").problems[0]
    with pytest.raises(Transient, match=r"no interface has 10\.99\.0\.1"):
        host.call("network.ensure", Vpc(1).view(1))


def _open_vpc(hosts: Lab) -> Vpc:
    """Two ports on host 1, in a group that lets everything through."""
    vpc = Vpc(1, rules={"sg-a": (ALL_OUT, ALL_IN)})
    vpc.add_port(1, 5, "sg-a")
    vpc.add_port(1, 6, "sg-a")
    vpc.ensure(hosts)
    return vpc


def _ensured(vpc: Vpc, hosts: Lab, host: int, last_byte: int):  # type: ignore[no-untyped-def]
    port = vpc.add_port(host, last_byte, "sg-a")
    vpc.ensure(hosts)
    return port


def _router(host: Host, vpc: Vpc) -> Namespace:
    return host.namespace(f"stead-{vpc.vpc_id}")


def _state(host: Host, vpc: Vpc, list_rules: str) -> tuple[str, str]:
    listing = f"ip -4 addr; ip link; ip route; bridge fdb; ip neigh show nud permanent; {list_rules}"
    return without_carrier(host.run(listing)), without_carrier(_router(host, vpc).run(listing))


def _dnsmasq(host: Host) -> str:
    """The processes' /proc entries; a zombie has no command line."""
    return host.run("grep -ls ^dnsmasq /proc/[0-9]*/cmdline || true")


@contextlib.contextmanager
def _udp_receiver(place: Namespace) -> Iterator[socket.socket]:
    with place.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as receiver:
        receiver.bind(("0.0.0.0", UDP_PORT))
        receiver.settimeout(DROPPED_S)
        yield receiver


def _received(receiver: socket.socket) -> bool:
    try:
        return bool(receiver.recv(64))
    except TimeoutError:
        return False


def _sends(guest: Guest, receiver: socket.socket, source: str = "172.31.0.5") -> bool:
    with guest.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
        sender.bind((source, 0))
        sender.sendto(b"hello", ("172.31.0.6", UDP_PORT))
        return _received(receiver)


@contextlib.contextmanager
def _other_mac(guest: Guest) -> Iterator[None]:
    router = names.TAP_MAC
    guest.run(f"ip neigh replace 172.31.0.6 lladdr {router} dev eth0 nud permanent")  # Else it would need ARP first.
    guest.run("ip link set eth0 address 02:00:00:00:99:99")
    yield
    guest.run(f"ip link set eth0 address {guest.port.mac_address}; ip neigh flush dev eth0 nud permanent")


def _arp_is_believed(host: Host, vpc: Vpc, guest: Guest, forged: str) -> bool:
    """Ask for the router as somebody else: a kernel that answers also learns who asked."""
    mac = bytes.fromhex(guest.port.mac_address.replace(":", ""))
    question = IPv4Address(forged).packed + bytes(6) + IPv4Address("172.31.0.1").packed
    frame = b"\xff" * 6 + mac + b"\x08\x06" + struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac + question
    with guest.inside(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))) as raw:
        raw.bind(("eth0", 0x0806))
        raw.settimeout(DROPPED_S)
        raw.send(frame)
        with contextlib.suppress(TimeoutError):
            while True:
                answer = raw.recv(64)
                if answer[20:22] == b"\x00\x02" and answer[38:42] == IPv4Address(forged).packed:
                    return forged in _router(host, vpc).run("ip neigh")
    return forged in _router(host, vpc).run("ip neigh")


def _drop_guards(host: Host, vpc: Vpc) -> None:
    rules = "nft flush chain inet stead check-source; nft delete table netdev stead"
    _router(host, vpc).run(f"{rules}; ip rule add pref 0 table local; ip rule del pref 3")


def _restore_guards(hosts: Lab, host: Host, vpc: Vpc) -> None:
    host.call("start")
    vpc.ensure(hosts)


def _injects(attacker: Namespace, vpc: Vpc, receiver: socket.socket) -> bool:
    """Send a packet of a VPC's other host in VXLAN, from an address that is no peer's."""
    udp = struct.pack("!HHHH", 1234, UDP_PORT, 8 + 5, 0) + b"hello"
    addresses = IPv4Address("172.31.0.7").packed + IPv4Address("172.31.0.5").packed
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + addresses
    checksum = sum(struct.unpack("!10H", header))
    checksum = ~((checksum & 0xFFFF) + (checksum >> 16)) & 0xFFFF
    header = header[:10] + struct.pack("!H", checksum) + header[12:]
    frame = bytes.fromhex((names.vxlan_mac(1) + names.vxlan_mac(2)).replace(":", "")) + b"\x08\x00" + header + udp
    with attacker.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
        sender.sendto(struct.pack("!II", 0x08000000, vpc.number << 8) + frame, ("10.99.0.1", 4789))
    return _received(receiver)
