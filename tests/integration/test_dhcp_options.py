"""What guests are told by DHCP besides their address."""

import socket
from collections.abc import Iterator, Mapping

import pytest

from agent.model import DhcpOptions
from tests.integration.netlab import DROPPED_S, Guest, Host, Lab, Vpc, lab

pytestmark = pytest.mark.host

OWN = DhcpOptions("corp.example", ("172.31.0.53", "AmazonProvidedDNS"), ("172.31.0.123",), ("172.31.0.9",), "2")

SERVER, EVERYBODY = "169.254.169.253", "255.255.255.255"


@pytest.fixture
def hosts() -> Iterator[Lab]:
    with lab(1) as made:
        yield made


def test_options_of_a_vpcs_own_are_told_with_the_next_lease_and_taken_back(hosts: Lab) -> None:
    (host,), vpc = hosts.hosts, Vpc(1, hosts=(1,))
    port = vpc.add_port(1, 5, "sg-a")
    vpc.ensure(hosts)
    guest, before = host.start_guest(port, is_configured=False), _dnsmasq(host)
    default = _lease(guest)
    assert (default["domain"], default["dns"]) == ("lab.internal", "172.31.0.2")

    vpc.dhcp_options = OWN
    vpc.ensure(hosts)
    assert (
        _lease(guest).items()
        >= {
            "domain": "corp.example",
            "dns": "172.31.0.53 172.31.0.2",
            "ntpsrv": "172.31.0.123",
            "wins": "172.31.0.9",
            "opt46": "02",
        }.items()
    )

    vpc.dhcp_options = DhcpOptions(ntp_servers=("172.31.0.123",))
    vpc.ensure(hosts)
    assert _lease(guest).keys().isdisjoint({"domain", "dns", "wins", "opt46"})
    vpc.dhcp_options = None
    vpc.ensure(hosts)
    assert _told(_lease(guest)) == _told(default)
    assert _dnsmasq(host) == before != ""


def test_an_answer_by_broadcast_is_not_told_as_one_of_the_guests_that_asked(hosts: Lab) -> None:
    """As firmware asks for it. What a guest sends by broadcast in the server's name is told."""
    (host,), vpc = hosts.hosts, Vpc(1, hosts=(1,))
    port = vpc.add_port(1, 5, "sg-a")
    vpc.ensure(hosts)
    guest = host.start_guest(port, is_configured=False)
    after, _ = host.call("network.drops", (port.interface_id,), 0, 0.1)
    assert _lease(guest, "-B")["ip"] == "172.31.0.5"
    guest.run(f"ip addr add {SERVER}/32 dev eth0")
    with guest.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as forger:
        forger.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        forger.bind((SERVER, 67))
        forger.sendto(b"forged", (EVERYBODY, 69))
    _, rows = host.call("network.drops", (port.interface_id,), after, DROPPED_S)
    assert [(row.guard, row.source, row.destination_port) for row in rows if row.destination == EVERYBODY] == [
        ("spoofed-source", SERVER, 69)
    ]


def _told(lease: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in lease.items() if name in ("ip", "mtu", "domain", "dns", "ntpsrv", "wins")}


def _lease(guest: Guest, *more: str) -> Mapping[str, str]:
    """What busybox's client gives its script."""
    guest.run("ip addr flush dev eth0")
    options = " ".join(("-O mtu -O domain -O ntpsrv -O wins -O 46", *more))
    guest.run(f"busybox udhcpc -i eth0 -n -q -f -t 5 -T 1 -s /run/udhcpc {options}")
    return dict(line.split("=", 1) for line in guest.run("cat /run/options-eth0").splitlines() if "=" in line)


def _dnsmasq(host: Host) -> str:
    """Its process id."""
    return host.run("pgrep -f keep-in-foreground").strip()
