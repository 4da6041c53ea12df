"""Names of the outside in a VPC that has no way out: asked of the host's resolvers, and of nothing else on the host."""

import struct
import subprocess
import time
from collections.abc import Iterator

import pytest

from agent.host.services import YOUNG_S
from tests.integration.netlab import Guest, Host, Lab, Vpc, lab, wait_until

pytestmark = pytest.mark.host

STUB, OTHER, DEAD = "127.0.0.53", "127.0.0.54", "127.0.0.55"
VPC_RESOLVER = "172.31.0.2"


@pytest.fixture
def hosts() -> Iterator[Lab]:
    with lab(1) as made:
        yield made


def test_a_guest_learns_names_from_the_hosts_resolvers_as_they_change(hosts: Lab) -> None:
    host, guest = _host_and_guest(hosts, STUB)
    text = ",".join(["x" * 250] * 8)
    _serve(host, STUB, "--host-record=first.example,198.51.100.7", f"--txt-record=long.example,{text}")
    _serve(host, OTHER, "--host-record=second.example,198.51.100.8")
    assert _ask(guest, "first.example") == "198.51.100.7"
    assert len(_ask_over_tcp(guest, "long.example")) > 2000

    _set_resolvers(host, DEAD, OTHER)
    assert _ask(guest, "second.example") == "198.51.100.8", "the first one does not answer"
    assert _ask(guest, "unheard.example") == ""


def test_names_and_addresses_of_the_inside_are_asked_of_nobody(hosts: Lab) -> None:
    host, guest = _host_and_guest(hosts, STUB)
    _serve(host, STUB, "--log-queries", "--log-facility=/run/asked", "--host-record=first.example,198.51.100.7")
    for name in ("gone.lab.internal", "192.168.1.1", "plain"):
        guest.run(f"busybox nslookup {name} {VPC_RESOLVER}", check=False)
    _ask(guest, "first.example")
    asked = {line.split()[-3] for line in host.run("cat /run/asked").splitlines() if "query[" in line}
    assert asked == {"first.example"}


def test_a_host_without_resolvers_says_so_at_once(hosts: Lab) -> None:
    _, guest = _host_and_guest(hosts, DEAD)
    assert "SERVFAIL" in guest.run(f"busybox nslookup first.example {VPC_RESOLVER}", check=False)


def test_nothing_else_of_the_host_can_be_reached_by_it(hosts: Lab) -> None:
    host, guest = _host_and_guest(hosts, STUB)
    host.listen(22)
    for address, port in [("127.0.0.1", 5300), (VPC_RESOLVER, 5300), (STUB, 22), (host.underlay_address, 22)]:
        guest.run(f"ip route replace {address} via 172.31.0.1", check=False)
        assert not guest.reaches(address, port)
    status = host.run(f"cat /proc/{_forwarder(host)}/status")
    assert _field(status, "CapEff") == "0" * 16
    assert _field(status, "Uid") == host.run("id -u dnsmasq").strip()


def test_it_outlives_the_agent_and_goes_with_the_vpc(hosts: Lab) -> None:
    host, guest = _host_and_guest(hosts, STUB)
    _serve(host, STUB, "--host-record=first.example,198.51.100.7")
    before, vpc = _forwarder(host), _vpc()
    vpc.ports = {guest.port: 1}
    host.call("start")
    vpc.ensure(hosts)
    assert _forwarder(host) == before != ""

    _run_among_its_processes(host, "kill", "-9", before)
    wait_until(lambda: _forwarder(host) == "", "it is dead")
    vpc.ensure(hosts)
    assert _ask(guest, "first.example") == "198.51.100.7"
    host.stop_guest(guest.port)
    host.call("network.remove", vpc.vpc_id)
    assert _forwarder(host) == ""


def test_daemons_whose_records_are_lost_are_found(hosts: Lab) -> None:
    host, guest = _host_and_guest(hosts, STUB)
    _serve(host, STUB, "--host-record=first.example,198.51.100.7")
    before, vpc = _forwarder(host), _vpc()
    vpc.ports = {guest.port: 1}
    host.run("rm -r /run/stead/*")
    for _ in range(2):
        vpc.ensure(hosts)
        assert _forwarder(host) == before
        assert _ask(guest, "first.example") == "198.51.100.7"


@pytest.mark.parametrize("program", ["dnsmasq", "the forwarder of DNS"])
def test_one_that_stands_still_is_told_of_and_one_that_ends_is_started_at_once(hosts: Lab, program: str) -> None:
    host, guest = _host_and_guest(hosts, STUB)
    begun, vpc = time.monotonic(), _vpc()
    _serve(host, STUB, "--host-record=first.example,198.51.100.7")
    vpc.ports = {guest.port: 1}
    pid = _forwarder(host) if program != "dnsmasq" else host.run("pgrep -f keep-in-foreground").strip()
    _run_among_its_processes(host, "kill", "-STOP", pid)
    wait_until(lambda: _stopped(host) == [f"{program} of {vpc.vpc_id} is stopped"], "it is told of")
    _run_among_its_processes(host, "kill", "-CONT", pid)
    wait_until(lambda: _stopped(host) == [], "it goes on")
    wait_until(lambda: time.monotonic() - begun > YOUNG_S, "it is old enough to be started at once")
    with host.following_events("network", vpc.view(1)):
        _run_among_its_processes(host, "kill", "-9", pid)
        wait_until(lambda: _ask(guest, "first.example") == "198.51.100.7", "it is started again")


def _stopped(host: Host) -> list[str]:
    problems = host.call("network.probe").problems
    return [problem.partition(" and serves")[0] for problem in problems if " is stopped and " in problem]


def _vpc() -> Vpc:
    return Vpc(1, hosts=(1,))


def _host_and_guest(hosts: Lab, resolver: str) -> tuple[Host, Guest]:
    (host,), vpc = hosts.hosts, _vpc()
    _set_resolvers(host, resolver)
    port = vpc.add_port(1, 5, "sg-a")
    vpc.ensure(hosts)
    return host, host.start_guest(port)


def _set_resolvers(host: Host, *addresses: str) -> None:
    """In the host's own /etc/resolv.conf, which lies over the machine's."""
    lines = "".join(f"nameserver {address}\\n" for address in addresses)
    host.run(f"printf '{lines}' >/run/resolv.conf")
    host.run("mountpoint -q /etc/resolv.conf || mount --bind /run/resolv.conf /etc/resolv.conf")


def _serve(host: Host, address: str, *options: str) -> None:
    """Another dnsmasq plays the host's resolver."""
    quiet = ("--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file", "--bind-interfaces")
    _run_among_its_processes(host, "dnsmasq", *quiet, f"--listen-address={address}", *options)


def _run_among_its_processes(host: Host, *command: str) -> None:
    """So that what it starts ends with the host."""
    spaces = (f"--net={host.net}", f"--mount=/proc/{host.pid}/ns/mnt", f"--pid=/proc/{host.pid}/ns/pid_for_children")
    subprocess.run(["nsenter", *spaces, *command], check=True)


def _ask(guest: Guest, name: str) -> str:
    """The address, as the guest's resolver gets it; empty for none."""
    told = guest.run(f"busybox nslookup -type=a {name} {VPC_RESOLVER}", check=False).partition(f"Name:\t{name}")[2]
    return told.rpartition("Address: ")[2].strip()


def _ask_over_tcp(guest: Guest, name: str) -> bytes:
    """The whole reply to a query for TXT: RFC 1035, 4.2.2."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", 16, 1)
    with guest.connect(VPC_RESOLVER, 53) as connection:
        connection.sendall(struct.pack("!H", len(query)) + query)
        stream = connection.makefile("rb")
        return stream.read(struct.unpack("!H", stream.read(2))[0])


def _forwarder(host: Host) -> str:
    """Its process id; empty where there is none."""
    return host.run("pgrep -f network_vxlan/forwarder.py || true").strip()


def _field(status: str, name: str) -> str:
    """The first value of a field of proc_pid_status(5)."""
    return next(line.split()[1] for line in status.splitlines() if line.startswith(f"{name}:"))
