"""What guests try on one another inside of a VPC: fragments, DHCP in a neighbour's name, addresses that were reused."""

import contextlib
import socket
import struct
from collections.abc import Iterator
from dataclasses import replace

import pytest

from agent.model import AddressMapping, GatewaySpec, RuleSpec
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
    tcp_in,
)

pytestmark = pytest.mark.host

PUBLIC = "198.51.100.50"
UDP_PORT = 5000
SERVER = "172.31.0.7"


def test_a_fragment_does_not_get_into_a_neighbours_datagram(hosts: Lab) -> None:
    """It is first shown to get there without the guard."""
    vpc, host = Vpc(1, rules={"sg-a": (ALL_OUT, ALL_IN)}), hosts.hosts[0]
    ports = vpc.add_port(1, 5, "sg-a"), vpc.add_port(1, 6, "sg-a"), vpc.add_port(2, 7, "sg-a")
    vpc.ensure(hosts)
    forger, victim = (host.start_guest(port) for port in ports[:2])
    server = hosts.hosts[1].start_guest(ports[2])
    with _udp(server, SERVER, UDP_PORT) as receiver:
        router = host.namespace(f"stead-{vpc.vpc_id}")
        router.run("nft delete table netdev stead; nft flush chain inet stead check-source; ip rule del pref 3")
        assert _joined(victim, forger, receiver, 1) == b"first...forged.."

        vpc.ensure(hosts)
        assert _joined(victim, forger, receiver, 2) is None
        assert _joined(victim, victim, receiver, 3) == b"first...forged..", "one's own fragments pass"


def test_nobody_gives_back_or_declines_a_neighbours_address(hosts: Lab) -> None:
    vpc, host = Vpc(1, rules={"sg-a": (ALL_OUT, ALL_IN)}), hosts.hosts[0]
    ports = vpc.add_port(1, 5, "sg-a"), vpc.add_port(1, 6, "sg-a")
    vpc.ensure(hosts)
    forger, victim = host.start_guest(ports[0]), host.start_guest(ports[1], is_configured=False)
    for message_type in (4, 7):  # DHCPDECLINE, DHCPRELEASE
        _lease(victim)
        with _udp(forger, "172.31.0.5", 68) as sender:
            sender.sendto(_dhcp(victim, message_type), ("172.31.0.1", 67))
    _lease(victim)
    assert "172.31.0.6" in _leases(host)
    assert "DHCPDECLINE" not in host.run("cat /run/stead/network-*/log")


def test_who_gets_a_used_address_gets_none_of_its_connections(hosts: Lab) -> None:
    """Also on another host, which sees the address stay where it is."""
    from_members = RuleSpec(False, "udp", UDP_PORT, UDP_PORT, group_id="sg-a")
    vpc = Vpc(1, rules={"sg-a": (ALL_OUT,), "sg-b": (ALL_OUT, from_members), "sg-c": (ALL_OUT,)})
    member, server_port = vpc.add_port(1, 5, "sg-a"), vpc.add_port(2, 7, "sg-b")
    vpc.ensure(hosts)
    first, server = hosts.hosts[0].start_guest(member), hosts.hosts[1].start_guest(server_port)
    with _udp(server, SERVER, UDP_PORT) as receiver:
        with _udp(first, "172.31.0.5", 4000) as sender:
            assert _asks(sender, receiver)
            vpc.ensure(hosts)
            assert _asks(sender, receiver), "a pass over the same owner forgets nothing"
        hosts.hosts[0].stop_guest(member)
        del vpc.ports[member]
        stranger = replace(member, interface_id="eni-00000000000019999", group_ids=("sg-c",))
        vpc.ports[stranger] = 1
        vpc.ensure(hosts)
        second = hosts.hosts[0].start_guest(stranger)
        with _udp(second, "172.31.0.5", 4000) as sender:
            sender.sendto(b"stranger", (SERVER, UDP_PORT))
            assert _received(receiver) is None


@contextlib.contextmanager
def _udp(place: Namespace, address: str, port: int) -> Iterator[socket.socket]:
    with place.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as made:
        made.bind((address, port))
        made.settimeout(DROPPED_S)
        yield made


def _received(receiver: socket.socket) -> bytes | None:
    try:
        return receiver.recv(64)
    except TimeoutError:
        return None


def _asks(sender: socket.socket, receiver: socket.socket) -> bool:
    """Both ways, so that the connection is an established one."""
    sender.sendto(b"question", (SERVER, UDP_PORT))
    question, who = receiver.recvfrom(64)
    receiver.sendto(b"answer", who)
    return question == b"question" and sender.recv(64) == b"answer"


def _joined(first: Guest, second: Guest, receiver: socket.socket, identification: int) -> bytes | None:
    """What the server gets of a datagram in two fragments that both claim to come from the victim."""
    header = struct.pack("!HHHH", 4000, UDP_PORT, 8 + 16, 0)
    _send_fragment(first, identification, 0, header + b"first...", is_last=False)
    _send_fragment(second, identification, 16, b"forged..", is_last=True)
    return _received(receiver)


def _send_fragment(guest: Guest, identification: int, offset: int, payload: bytes, is_last: bool) -> None:
    place = offset // 8 | (0 if is_last else 0x2000)
    addresses = socket.inet_aton("172.31.0.6") + socket.inet_aton(SERVER)
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), identification, place, 64, socket.IPPROTO_UDP, 0)
    with guest.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)) as raw:
        raw.sendto(header + addresses + payload, (SERVER, 0))


def _lease(guest: Guest) -> None:
    guest.run("ip addr flush dev eth0; busybox udhcpc -i eth0 -n -q -f -t 5 -T 1 -s /run/udhcpc -O mtu -O hostname")


def _leases(host: Host) -> str:
    return host.run("cat /run/stead/network-*/leases")


def _dhcp(victim: Guest, message_type: int) -> bytes:
    """As the victim would send it: RFC 2131, figure 1."""
    address, nobody = socket.inet_aton(victim.port.private_ip), bytes(4)
    own = bytes.fromhex(victim.port.mac_address.replace(":", ""))
    client = address if message_type == 7 else nobody
    requested = b"\x32\x04" + address if message_type == 4 else b""
    options = bytes([53, 1, message_type]) + requested + b"\x36\x04" + socket.inet_aton("172.31.0.1") + b"\xff"
    fixed = struct.pack("!BBBBIHH4s4s4s4s16s", 1, 1, 6, 0, 0x1234, 0, 0, client, nobody, nobody, nobody, own)
    return fixed + bytes(64 + 128) + b"\x63\x82\x53\x63" + options


@pytest.mark.parametrize("damage", ["nft flush ruleset", "nft delete table inet stead"])
def test_without_its_rules_a_router_is_silent(hosts: Lab, damage: str) -> None:
    vpc, host = Vpc(1, gateway_host=1, rules={"sg-a": (ALL_OUT, tcp_in(80))}), hosts.hosts[0]
    ports = vpc.add_port(1, 5, "sg-a"), vpc.add_port(1, 6, "sg-a"), vpc.add_port(2, 7, "sg-a")
    vpc.ensure(hosts)
    host.call("gateway.ensure", GatewaySpec(vpc.vpc_id, 1, (AddressMapping(PUBLIC, "172.31.0.5"),), ("10.99.0.1",)))
    guest, neighbour = (host.start_guest(port) for port in ports[:2])
    elsewhere = hosts.hosts[1].start_guest(ports[2])
    servers = [place.listen(port) for place in (guest, neighbour, elsewhere, hosts.outside) for port in (80, 81)]
    ways: list[tuple[Namespace, str]] = [(neighbour, "172.31.0.5"), (elsewhere, "172.31.0.5"), (hosts.outside, PUBLIC)]
    ways += [(guest, "172.31.0.6"), (guest, SERVER), (guest, OUTSIDE)]
    resolver = "172.31.0.2"
    connection = neighbour.connect("172.31.0.5", 80)
    connection.recv(64)
    assert [place.reaches(address, 80) for place, address in ways] == [True] * 6
    assert echoes(connection)
    assert guest.pings(resolver)

    host.namespace(f"stead-{vpc.vpc_id}").run(damage)
    assert not guest.pings(resolver), "nor is the router itself to be reached, by an address that is checked by nobody"
    accepted = [server.accepted for server in servers]
    assert not any(place.reaches(address, port) for place, address in ways for port in (80, 81))
    assert not echoes(connection)
    assert [server.accepted for server in servers] == accepted, "what nobody answered did not arrive, either"

    vpc.ensure(hosts)
    assert [place.reaches(address, 80) for place, address in ways] == [True] * 6
    assert not any(place.reaches(address, 81) for place, address in ways if address != OUTSIDE)


def test_without_its_rules_a_gateway_is_silent(hosts: Lab) -> None:
    """Untranslated, guests would be outside with their private addresses, and within reach of the host."""
    vpc, host = Vpc(1, gateway_host=1, rules={"sg-a": (ALL_OUT, ALL_IN)}), hosts.hosts[0]
    port = vpc.add_port(1, 5, "sg-a")
    vpc.ensure(hosts)
    mapping = GatewaySpec(vpc.vpc_id, 1, (AddressMapping(PUBLIC, "172.31.0.5"),), ("10.99.0.1",))
    host.call("gateway.ensure", mapping)
    guest = host.start_guest(port)
    for place in (guest, hosts.outside, host):
        place.listen(80)
    hosts.outside.run("ip route add 172.31.0.0/16 via 198.51.100.11")
    host.run("ip route add 172.31.0.0/16 via 169.254.128.4 dev stg000000000001 onlink")
    ways: list[tuple[Namespace, str]] = [(hosts.outside, PUBLIC), (guest, OUTSIDE)]
    leaks: list[tuple[Namespace, str]] = [(guest, "198.51.100.11"), (guest, "10.99.0.1"), (hosts.outside, "172.31.0.5")]
    assert [place.reaches(address, 80) for place, address in (*ways, *leaks)] == [True] * 2 + [False] * 3

    host.namespace(f"stead-gw-{vpc.vpc_id}").run("nft flush ruleset")
    assert not any(place.reaches(address, 80) for place, address in (*ways, *leaks))

    host.namespace(f"stead-gw-{vpc.vpc_id}").run("ip rule del pref 3")
    host.run("nft flush chain ip stead guard-host")
    assert guest.reaches("198.51.100.11", 80), "it is the routing rules that keep it away"

    host.call("gateway.ensure", mapping)
    assert [place.reaches(address, 80) for place, address in (*ways, *leaks)] == [True] * 2 + [False] * 3
