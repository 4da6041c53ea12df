"""Several hosts on one machine, for tests of the network and gateway drivers.

    outside 198.51.100.1 ── br-out ── ext │ host 1 │ uplink ── br-under ── uplink │ host 2 │ ext ── br-out
                                          └ VPC namespaces, taps ── guests

A host is a process with network, mount and PID namespaces of its own and an empty /run, in which the drivers run; the
test talks to them over a pipe. A guest is a namespace whose eth0 a small process joins to the tap, as QEMU would: it
holds the tap open from the host's namespace on, while the driver moves it. Nothing has a name on the machine itself,
and all of it ends with the processes.
"""

import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, TypeVar

from pyroute2 import netns

from agent.model import DhcpOptions, GroupMembers, GroupSpec, PeerSpec, PortSpec, RuleSpec, SubnetSpec, VpcSpec
from agent.objects import (
    Address,
    Change,
    Endpoint,
    InternetGateway,
    NatGateway,
    NetworkAcl,
    ObjectRef,
    Peering,
    RouteTable,
)
from agent.vpc import VpcView, linked
from tests.integration import nethost
from tests.networks import view_of

ROOT = Path(__file__).parents[2]
OUTSIDE = "198.51.100.1"
DEADLINE_S = 30.0
DROPPED_S = 1.0  # How long to wait before a packet counts as dropped; the lab's round trip is below 5 ms.

_THIRD_BYTES = {1: 0, 2: 16}  # Of a VPC's addresses, by subnet.
_UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")

T = TypeVar("T")


def wait_until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"still not so after {DEADLINE_S} s: {what}"
        time.sleep(0.02)


def without_carrier(listing: str) -> str:
    """Of `ip link`, what does not change by itself: the kernel tells of a carrier some time after it came."""
    return re.sub(r"NO-CARRIER,|,LOWER_UP|,M-DOWN| state \S+", "", listing)


@dataclass
class Vpc:
    """A VPC as the control plane has it: who is where, and the specs that follow."""

    number: int
    gateway_host: int = 0
    hosts: tuple[int, ...] = (1, 2)
    ports: dict[PortSpec, int] = field(default_factory=dict)
    keys: dict[int, str] = field(default_factory=dict)  # Of hosts that encrypt, by number.
    tables: tuple[RouteTable, ...] = ()
    table_id: str = ""  # The one that the first subnet names.
    nat_gateways: tuple[NatGateway, ...] = ()  # In the second one.
    acls: tuple[NetworkAcl, ...] = ()
    acl_id: str = ""  # The one that the second subnet names.
    rules: dict[str, tuple[RuleSpec, ...]] = field(default_factory=lambda: {"sg-a": (), "sg-b": ()})
    drops: dict[str, int] = field(default_factory=dict)  # A group's `drop_revision`.
    dhcp_options: DhcpOptions | None = None
    names: dict[PortSpec, str] = field(default_factory=dict)
    public_domain: str = ""
    addresses: tuple[Address, ...] = ()
    base: str = "172.31"  # Of its addresses.
    peered: "list[Vpc]" = field(default_factory=list)
    secondary: dict[str, tuple[str, ...]] = field(default_factory=dict)  # Addresses, by interface.
    routers: set[str] = field(default_factory=set)  # Interfaces without the source check.

    @property
    def vpc_id(self) -> str:
        return f"vpc-{self.number:017x}"

    @property
    def cidr_block(self) -> str:
        return f"{self.base}.0.0/16"

    @property
    def gateway_id(self) -> str:
        return f"igw-of-{self.vpc_id}"

    def add_port(self, host: int, last_byte: int, *group_ids: str, subnet: int = 1) -> PortSpec:
        tail = f"{self.number:013x}{last_byte:04x}"
        ip = f"{self.base}.{_THIRD_BYTES[subnet]}.{last_byte}"
        mac = f"02:00:00:00:{self.number:02x}:{last_byte:02x}"
        name = "ip-" + ip.replace(".", "-")
        port = PortSpec(f"eni-{tail}", f"i-{tail}", mac, ip, f"subnet-{subnet}", group_ids, name)
        self.ports[port] = host
        return port

    def drop_port(self, last_byte: int) -> PortSpec:
        port = self._port(last_byte)
        del self.ports[port]
        return port

    def change_port(self, last_byte: int, *group_ids: str) -> PortSpec:
        port = self._port(last_byte)
        changed = replace(port, group_ids=group_ids)
        self.ports = {changed if each is port else each: host for each, host in self.ports.items()}
        return changed

    def _port(self, last_byte: int) -> PortSpec:
        return next(port for port in self.ports if port.private_ip == f"{self.base}.0.{last_byte}")

    def spec(self, host: int) -> VpcSpec:
        return VpcSpec(
            vpc_id=self.vpc_id,
            vni=self.number,
            cidr_block=self.cidr_block,
            subnets=tuple(SubnetSpec(f"subnet-{n}", f"{self.base}.{byte}.0/20") for n, byte in _THIRD_BYTES.items()),
            ports=tuple(port for port, there in self.ports.items() if there == host),
            peers=tuple(self._peer(n) for n in self.hosts if n != host),
            host_number=host,
            gateway_host_number=self.gateway_host,
            groups=tuple(GroupSpec(group, rules, self.drops.get(group, 0)) for group, rules in self.rules.items()),
            group_members=tuple(GroupMembers(group, self._members(group)) for group in self.rules),
            domain="lab.internal",
        )

    def peering_id(self, other: "Vpc") -> str:
        return f"pcx-{10 * min(self.number, other.number) + max(self.number, other.number):017x}"

    def view(self, host: int) -> VpcView:
        """With what the host knows of the VPCs that it peers with."""
        return linked(self._view(host), {other.vpc_id: other._view(host) for other in self.peered})

    def _view(self, host: int) -> VpcView:
        view = view_of(self.spec(host), f"host-{host}", f"10.99.0.{host}")
        first, second = view.subnets["subnet-1"], view.subnets["subnet-2"]
        subnets = [
            Change(first, replace(first, route_table_id=self.table_id)),
            Change(second, replace(second, network_acl_id=self.acl_id)),
        ]
        gateway = InternetGateway(self.gateway_id, self.vpc_id, f"host-{self.gateway_host}", 1)
        gateways = [Change(None, gateway)] if host == self.gateway_host else []
        tables = [Change(None, table) for table in self.tables]
        acls = [Change(None, acl) for acl in self.acls]
        nat_gateways = [Change(None, nat) for nat in self.nat_gateways]
        peerings = [Peering(self.peering_id(other), other.vpc_id, other.cidr_block) for other in self.peered]
        said = {"dhcp_options": self.dhcp_options, "public_domain": self.public_domain}
        vpc = replace(view.vpc, **said, peerings=tuple(peerings))  # type: ignore[arg-type]
        told = [Change(view.vpc, vpc), *(Change(None, address) for address in self.addresses)]
        told += [Change(row, self._furnished(row)) for row in view.endpoints.values()]
        return view.with_changes([*told, *subnets, *gateways, *tables, *nat_gateways, *acls])

    def _furnished(self, row: Endpoint) -> Endpoint:
        names = {port.interface_id: name for port, name in self.names.items()}
        return replace(
            row,
            name=names.get(row.id, ""),
            secondary_private_ips=self.secondary.get(row.id, ()),
            is_unchecked=row.id in self.routers,
        )

    def ensure(self, lab: "Lab") -> None:
        for number in self.hosts:
            lab.hosts[number - 1].ensure(self.view(number))

    def _peer(self, host: int) -> PeerSpec:
        ports = [port for port, there in self.ports.items() if there == host]
        addresses, interfaces = (tuple(port.private_ip for port in ports), tuple(port.interface_id for port in ports))
        return PeerSpec(host, f"10.99.0.{host}", addresses, interfaces, self.keys.get(host, ""))

    def _members(self, group: str) -> tuple[str, ...]:
        return tuple(port.private_ip for port in self.ports if group in port.group_ids)


ALL_OUT = RuleSpec(True, "-1", -1, -1, cidr_ipv4="0.0.0.0/0")
ALL_IN = RuleSpec(False, "-1", -1, -1, cidr_ipv4="0.0.0.0/0")


def tcp_in(port: int, group_id: str | None = None) -> RuleSpec:
    """From a group, or from everywhere."""
    return RuleSpec(False, "tcp", port, port, None if group_id else "0.0.0.0/0", group_id)


@dataclass
class Namespace:
    """A place to run commands and open sockets in: a network namespace, by path, and the mounts of a process."""

    net: str
    pid: int

    def run(self, command: str, check: bool = True) -> str:
        argv = ["nsenter", f"--net={self.net}", f"--mount=/proc/{self.pid}/ns/mnt", "sh", "-ec", command]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def inside(self, function: Callable[[], T]) -> T:
        def enter() -> T:
            netns.setns(self.net, flags=0)
            return function()

        with ThreadPoolExecutor(max_workers=1) as thread:
            return thread.submit(enter).result()

    def listen(self, port: int, address: str = "0.0.0.0") -> "Server":
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return Server(self.inside(lambda: socket.create_server((address, port), family=family)))

    def connect(self, address: str, port: int, source: str = "") -> socket.socket:
        bind = (source, 0) if source else None
        return self.inside(lambda: socket.create_connection((address, port), DROPPED_S, bind))

    def ask(self, address: str, port: int) -> str | None:
        """Who the server there says we are; None when there is no way to it."""
        try:
            with self.connect(address, port) as connection:
                return connection.recv(64).decode().strip()
        except OSError:
            return None

    def reaches(self, address: str, port: int) -> bool:
        return self.ask(address, port) is not None

    def pings(self, address: str, options: str = "") -> bool:
        return " 0% packet loss" in self.run(f"ping -c1 -W1 {options} {address}", check=False)


@dataclass
class Server:
    """Tells each client its address, then echoes."""

    listener: socket.socket
    accepted: int = 0

    def __post_init__(self) -> None:
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, peer = self.listener.accept()
                self.accepted += 1
                connection.sendall(peer[0].encode() + b"\n")
                threading.Thread(target=_echo, args=(connection,), daemon=True).start()


def echoes(connection: socket.socket) -> bool:
    """Whether an open connection to a Server still carries data both ways."""
    connection.settimeout(DROPPED_S)
    try:
        connection.sendall(b"x")
        return connection.recv(1) == b"x"
    except OSError:
        return False


def _echo(connection: socket.socket) -> None:
    with contextlib.suppress(OSError), connection:
        while data := connection.recv(4096):
            connection.sendall(data)


@dataclass
class Guest(Namespace):
    port: PortSpec

    def configure(self) -> None:
        """By hand, as a lease would."""
        self.run(f"ip addr add {self.port.private_ip}/20 dev eth0; ip link set eth0 mtu 1450")
        self.run(f"ip route add default via {self.port.private_ip.rpartition('.')[0]}.1")


@dataclass
class Host(Namespace):
    """A host's namespace, and the drivers in it."""

    pipe: Connection | None = None
    underlay_address: str = ""
    guests: dict[str, Guest] = field(default_factory=dict)

    def call(self, what: str, *args: Any) -> Any:
        """E.g. `call("network.ensure", spec)`. Raises what the driver raised."""
        assert self.pipe is not None
        self.pipe.send((what, args))
        assert self.pipe.poll(60), f"{what} still runs"
        result = self.pipe.recv()
        if isinstance(result, BaseException):
            raise result
        return result

    def ensure(self, view: VpcView, changed: frozenset[ObjectRef] | None = None) -> None:
        """With what follows from the rules."""
        self.call("network.ensure", view, changed)
        self.call("network.end_connections", view.vpc.id)

    @contextlib.contextmanager
    def following_events(self, target: str, *specs: Any) -> Iterator[None]:
        """The driver's events alone bring passes about here."""
        assert self.pipe is not None
        self.pipe.send(("follow_events", (target, *specs)))
        assert self.pipe.poll(DEADLINE_S)
        assert self.pipe.recv() == "following"
        try:
            yield
        finally:
            self.call("stop")

    def namespace(self, name: str) -> Namespace:
        return Namespace(self._path(name), self.pid)

    def start_guest(self, port: PortSpec, is_configured: bool = True) -> Guest:
        """Create the tap, hold it open as QEMU does, plug it; give eth0 its address by hand, unless told otherwise."""
        self.call("network.create_tap", port)
        name = f"guest-{port.interface_id}"
        self.call("start_guest", self.call("network.tap_name", port.interface_id), name, port.mac_address)
        guest = Guest(self._path(name), self.pid, port)
        self.guests[port.interface_id] = guest
        wait_until(lambda: guest.run("ip -o link show up dev eth0", check=False), f"{name} has its eth0 up")
        self.call("network.plug", port)
        if is_configured:
            guest.configure()
        return guest

    def stop_guest(self, port: PortSpec) -> None:
        self.call("stop_guest", f"guest-{port.interface_id}")
        self.call("network.unplug", port.interface_id)
        del self.guests[port.interface_id]

    def _path(self, namespace: str) -> str:
        return f"/proc/{self.pid}/root/run/netns/{namespace}"


class Lab:
    """Hosts with underlay addresses 10.99.0.<number>, and an outside network that they all touch."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []
        self.hosts: list[Host] = []

    def start(self, host_count: int) -> None:
        self.fabric, self.outside = self._start_place(), self._start_place()
        self.fabric.run("for b in br-under br-out; do ip link add $b type bridge; ip link set $b up; done")
        self._join(self.outside.pid, "br-out", "ext", f"{OUTSIDE}/24", self.outside)
        self.hosts += [self._start_host(number) for number in range(1, host_count + 1)]

    def close(self) -> None:
        """Return when everything is gone: a PID namespace ends with its first process, after all others."""
        firsts = [first for process in self._processes for first in _children(process.pid)]
        for process in self._processes:
            process.kill()
            process.wait()
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in firsts), "the hosts have ended")

    def _start_place(self) -> Namespace:
        process = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        self._processes.append(process)
        _wait_for_namespace(process)
        return Namespace(f"/proc/{process.pid}/ns/net", process.pid)

    def _start_host(self, number: int) -> Host:
        ours, theirs = Pipe()
        process = subprocess.Popen(
            [*_UNSHARE, sys.executable, nethost.__file__, "host", str(theirs.fileno()), str(number)],
            pass_fds=[theirs.fileno()],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self._processes.append(process)
        theirs.close()
        _wait_for_namespace(process)
        host = Host(f"/proc/{process.pid}/ns/net", process.pid, ours, f"10.99.0.{number}")
        self._join(process.pid, "br-under", "uplink", f"10.99.0.{number}/24", host)
        self._join(process.pid, "br-out", "ext", f"198.51.100.{10 + number}/24", host)
        host.run(f"ip link set lo up; ip route add default via {OUTSIDE}")
        host.call("start")
        return host

    def _join(self, pid: int, bridge: str, device: str, address: str, place: Namespace) -> None:
        port = f"p{pid % 100000}{device}"
        self.fabric.run(f"ip link add {port} type veth peer name {device} netns {pid}")
        self.fabric.run(f"ip link set {port} master {bridge} up")
        place.run(f"ip addr add {address} dev {device}; ip link set {device} up")


@contextlib.contextmanager
def lab(host_count: int) -> Iterator[Lab]:
    made = Lab()
    try:
        made.start(host_count)
        yield made
    finally:
        made.close()


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def _wait_for_namespace(process: "subprocess.Popen[bytes]") -> None:
    ours = os.readlink("/proc/self/ns/net")
    wait_until(lambda: os.readlink(f"/proc/{process.pid}/ns/net") != ours, "the namespace is there")
