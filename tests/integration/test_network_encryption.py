"""WireGuard between hosts, for real: by `wireguard-go`, where the kernel has none."""

import socket
from typing import Literal

import pytest

from agent.drivers.base import Transient
from tests.integration.netlab import ALL_IN, ALL_OUT, DROPPED_S, Guest, Lab, Vpc, wait_until

pytestmark = pytest.mark.host

SECRET = b"what nobody on the underlay may read"


def test_nothing_of_what_guests_say_is_seen_on_the_underlay(hosts: Lab) -> None:
    _, (first, second) = _vpc_with_guests(hosts, "wireguard", "wireguard")
    second.listen(22)
    with _overhearing(hosts) as underlay, first.connect("172.31.0.6", 22) as connection:
        assert connection.recv(64) == b"172.31.0.5\n"
        connection.sendall(SECRET)
        assert connection.recv(64) == SECRET
        heard = _heard(underlay)
    assert heard
    assert not any(SECRET in frame for frame in heard)
    assert all(_udp_port(frame) == 51820 for frame in heard if b"\xac\x1f\x00" in frame or _is_udp(frame))
    assert first.pings("172.31.0.6", "-M do -s 1362"), "1390 bytes go through"
    key = hosts.hosts[0].run("stat -c %a /run/stead/wireguard.key").strip()
    assert key == "600"


def test_a_tunnel_that_somebody_breaks_is_put_right_and_a_new_agent_disturbs_nothing(hosts: Lab) -> None:
    vpc, (first, second) = _vpc_with_guests(hosts, "wireguard", "wireguard")
    second.listen(22)
    host = hosts.hosts[0]
    with first.connect("172.31.0.6", 22) as connection:
        assert connection.recv(64)
        host.call("start", "wireguard")
        vpc.ensure(hosts)
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"
    for damage in (f"wg set stead-wg peer {vpc.keys[2]} remove", "ip link delete stead-wg"):
        host.run(damage)
        wait_until(lambda: _is_ensured(vpc, hosts), f"made anew after: {damage}")
        wait_until(lambda: first.reaches("172.31.0.6", 22), f"healed of: {damage}")
        assert any("stead-wg" in problem for problem in host.call("network.probe").problems)


def test_hosts_that_differ_do_not_talk_and_say_so(hosts: Lab) -> None:
    _, (first, second) = _vpc_with_guests(hosts, "wireguard", "none")
    second.listen(22)
    first.listen(22)
    with _overhearing(hosts) as underlay:
        assert not first.reaches("172.31.0.6", 22)
        assert not second.reaches("172.31.0.5", 22)
        assert not [frame for frame in _heard(underlay) if _is_udp(frame)]
    for host, does in zip(
        hosts.hosts, ("does not encrypt and this host does", "encrypts and this host does not"), strict=True
    ):
        assert any(does in problem for problem in host.call("network.probe").problems)


def test_the_device_goes_when_encryption_is_switched_off_and_no_vpc_needs_it(hosts: Lab) -> None:
    vpc, (first, second) = _vpc_with_guests(hosts, "wireguard", "wireguard")
    second.listen(22)
    vpc.keys.clear()
    for host in hosts.hosts:
        host.call("start", "none")
        host.call("network.list")
        assert "stead-wg" in host.run("ip link"), "its VPC's VXLAN still goes by it"
    vpc.ensure(hosts)
    for host in hosts.hosts:
        host.call("network.list")
        assert "stead-wg" not in host.run("ip link")
    assert first.reaches("172.31.0.6", 22)


def test_a_host_that_cannot_encrypt_sends_nothing_and_says_so(hosts: Lab) -> None:
    vpc, host = Vpc(1), hosts.hosts[0]
    host.run("mount --bind /dev/null $(command -v wg)")
    host.call("start", "wireguard")
    vpc.keys[2] = host.call("network.probe").wireguard_key
    with pytest.raises(Transient, match="install wireguard-tools"):
        host.call("network.ensure", vpc.view(1))
    assert any("`encryption` is wireguard" in problem for problem in host.call("network.probe").problems)
    assert "stx" not in host.run("ip link")


def _vpc_with_guests(hosts: Lab, *encryption: Literal["none", "wireguard"]) -> tuple[Vpc, tuple[Guest, Guest]]:
    """Open guests, one on each host."""
    vpc = Vpc(1, rules={"sg-a": (ALL_OUT, ALL_IN)})
    for number, (host, how) in enumerate(zip(hosts.hosts, encryption, strict=True), 1):
        host.call("start", how)
        vpc.keys[number] = host.call("network.probe").wireguard_key
    ports = vpc.add_port(1, 5, "sg-a"), vpc.add_port(2, 6, "sg-a")
    vpc.ensure(hosts)
    guests = hosts.hosts[0].start_guest(ports[0]), hosts.hosts[1].start_guest(ports[1])
    for guest in guests:
        guest.run("ip link set eth0 mtu 1390")
    return vpc, guests


def _overhearing(hosts: Lab) -> socket.socket:
    """Hears all that crosses the underlay."""
    raw = hosts.fabric.inside(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)))
    raw.bind(("br-under", 3))
    hosts.fabric.run("ip link set br-under promisc on")
    raw.settimeout(DROPPED_S)
    return raw


def _heard(underlay: socket.socket) -> list[bytes]:
    frames = []
    try:
        while True:
            frames.append(underlay.recv(2048))
    except TimeoutError:
        return frames


def _is_udp(frame: bytes) -> bool:
    return frame[12:14] == b"\x08\x00" and frame[23] == 17


def _udp_port(frame: bytes) -> int:
    return int.from_bytes(frame[36:38], "big")


def _is_ensured(vpc: Vpc, hosts: Lab) -> bool:
    """A device that goes in the same moment is the next try's."""
    try:
        vpc.ensure(hosts)
    except Transient:
        return False
    return True
