"""The time that a VPC's guests are told, by a server in the host's namespace with a socket in the VPC's."""

import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agent.drivers.network_vxlan import time_server
from tests.integration.netlab import DROPPED_S, Guest, Host, Lab, Vpc, lab, wait_until

pytestmark = pytest.mark.host

QUERY = struct.pack("!B39xQ", 0x23, 0x1122334455667788)  # Version 4, a client: RFC 5905, 7.3.
LIMIT = 1024  # Packets a second, and at once.


@pytest.fixture
def hosts() -> Iterator[Lab]:
    with lab(1) as made:
        yield made


def test_guests_of_two_vpcs_are_told_the_hosts_time_and_whether_anybody_keeps_it(hosts: Lab) -> None:
    (host,) = hosts.hosts
    for number in (1, 2):
        guest = _guest(hosts, Vpc(number, hosts=(1,)))
        before = time.time()
        first, stratum, origin, told = _ask(guest)
        assert before - 1 < told - 2_208_988_800 < time.time() + 1
        assert origin == 0x1122334455667788
        is_kept = time_server.read_clock().leap != 3
        assert (first & 7, first >> 6 != 3, stratum) == (4, is_kept, 4 if is_kept else 0)
    status = host.run(f"cat /proc/{_servers(host)[0]}/status")
    assert "CapEff:\t0000000000000000" in status
    assert f"Uid:\t{host.run('id -u dnsmasq').strip()}\t" in status


def test_it_outlives_the_agent_is_missed_and_goes_with_the_vpc(hosts: Lab) -> None:
    (host,), vpc = hosts.hosts, Vpc(1, hosts=(1,))
    guest, before = _guest(hosts, vpc), _servers(host)
    host.call("start")
    vpc.ensure(hosts)
    assert _servers(host) == before
    _run_among_its_processes(host, "kill", "-STOP", *before)
    wait_until(lambda: any("the time server" in text for text in host.call("network.probe").problems), "it is told of")
    _run_among_its_processes(host, "kill", "-CONT", *before)
    host.run("rm -r /run/stead/*")
    vpc.ensure(hosts)
    assert _servers(host) == before, "it is found by its command line"
    _run_among_its_processes(host, "kill", "-9", *before)
    wait_until(lambda: not _servers(host), "it is dead")
    vpc.ensure(hosts)
    assert _ask(guest)
    host.stop_guest(guest.port)
    host.call("network.remove", vpc.vpc_id)
    assert _servers(host) == []


@pytest.mark.parametrize("address", ["172.31.0.2", "169.254.169.253", "169.254.169.123"])
def test_what_one_guest_asks_is_limited_and_counted_and_others_are_answered(hosts: Lab, address: str) -> None:
    """By one socket, whose first packet makes a connection of all others."""
    (host,), vpc = hosts.hosts, Vpc(1, hosts=(1,))
    flooding, other = _guest(hosts, vpc), _guest(hosts, vpc, 6)
    port = 123 if address == time_server.ADDRESS else 53
    with _asking(flooding, address, port) as asking:

        def ask(count: int) -> None:
            for _ in range(count):
                asking.send(b"\0" * 12)

        def is_too_much() -> bool:
            ask(LIMIT)
            return _dropped(host, vpc, flooding) > LIMIT

        ask(LIMIT // 4)
        assert _dropped(host, vpc, flooding) == 0
        wait_until(is_too_much, "the flood is dropped")
    assert _ask(other)
    assert _dropped(host, vpc, other) == 0
    vpc.ensure(hosts)
    host.run(f"ip netns exec stead-{vpc.vpc_id} nft add table inet other")
    vpc.ensure(hosts)
    assert host.call("network.probe").problems == (), "what the rules counted is no change of them"


def _guest(hosts: Lab, vpc: Vpc, last_byte: int = 5) -> Guest:
    port = vpc.add_port(1, last_byte, "sg-a")
    vpc.ensure(hosts)
    return hosts.hosts[0].start_guest(port)


@contextmanager
def _asking(guest: Guest, address: str, port: int) -> Iterator[socket.socket]:
    with guest.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as asking:
        asking.settimeout(DROPPED_S)
        asking.connect((address, port))
        yield asking


def _ask(guest: Guest) -> tuple[int, int, int, float]:
    """First byte, stratum, origin and, in NTP's seconds, the time of the answer."""
    with _asking(guest, time_server.ADDRESS, time_server.PORT) as asking:
        asking.send(QUERY)
        first, stratum, origin, sent = struct.unpack("!BB22xQ8xQ", asking.recv(512))
    return first, stratum, origin, sent / (1 << 32)


def _dropped(host: Host, vpc: Vpc, guest: Guest) -> int:
    """Packets, as the rules count them."""
    chain = f"inet stead {guest.port.interface_id}.questions"
    listed = host.run(f"ip netns exec stead-{vpc.vpc_id} nft list chain {chain}")
    return int(listed.partition("counter packets ")[2].split()[0])


def _servers(host: Host) -> list[str]:
    """Their process ids."""
    return host.run("pgrep -f network_vxlan/time_server.py || true").split()


def _run_among_its_processes(host: Host, *command: str) -> None:
    spaces = (f"--net={host.net}", f"--mount=/proc/{host.pid}/ns/mnt", f"--pid=/proc/{host.pid}/ns/pid_for_children")
    subprocess.run(["nsenter", *spaces, *command], check=True)
