"""A private subnet reaches the outside behind a NAT gateway's address, and nobody reaches it."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from homelab.cloud import Cloud
from homelab.guest import Guest
from homelab.layout import OUTSIDE_ADDRESS
from homelab.node import wait_until
from tests.e2e.tenants import ANYWHERE, Own

PORT = "8099"
# Tells whoever connects by which address.
TELL = f"""
import socketserver
class Tell(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(self.client_address[0].encode())
socketserver.TCPServer.allow_reuse_address = True
socketserver.TCPServer(("0.0.0.0", {PORT}), Tell).serve_forever()
"""


@dataclass
class Hidden:
    """A guest without a public address, which is reached by way of another of its VPC."""

    guest: Guest
    door: Guest

    def run(self, command: str) -> str:
        """What it prints; empty where it fails."""
        way = f"ProxyCommand={' '.join(self.door.ssh_command(f'nc {self.guest.private_ip} 22'))}"
        ssh, *arguments = self.guest.ssh_command(command, address=self.guest.private_ip)
        done = self.door.cloud.lab.node("outside").run(ssh, "-o", way, *arguments, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    def seen_as(self) -> str:
        return self.run(f"nc -w 3 {OUTSIDE_ADDRESS} {PORT}")

    def pings(self, address: str) -> bool:
        return self.run(f"ping -c 1 -W 1 {address} >&2 && echo yes") == "yes"


@pytest.fixture
def own(cloud: Cloud, zones: list[str]) -> Iterator[Own]:
    """A VPC whose first subnet is public; another one, in the last zone, has a table of its own."""
    made = Own(cloud, "nat")
    cloud.stead("key", "create", "nat", "--output-file", str(cloud.directory / "nat.pem"))
    made.make(zones[:1])
    made.open()
    inside = ("--vpc", made.vpc_id, "--tag", "Name=nat-private")
    cloud.stead("subnet", "create", "10.7.64.0/24", "--az", zones[-1], *inside)
    cloud.stead("route-table", "create", *inside)
    cloud.stead("route-table", "associate", "nat-private", "--subnet", "nat-private")
    yield made
    made.empty()
    cloud.stead("route-table", "disassociate", "--subnet", "nat-private")
    cloud.stead("route-table", "delete", "nat-private")
    made.remove()
    cloud.stead("key", "delete", "nat")


@pytest.fixture
def teller(cloud: Cloud, tmp_path: Path) -> Iterator[None]:
    outside = cloud.lab.node("outside")
    outside.spawn([sys.executable, "-c", TELL], tmp_path / "log")
    yield
    outside.kill(f"TCPServer.*{PORT}")


def reaches(cloud: Cloud, address: str) -> bool:
    """Whether the outside does, on ssh's port."""
    knock = f"import socket; socket.create_connection(({address!r}, 22), 2)"
    return cloud.lab.node("outside").run(sys.executable, "-c", knock, check=False).returncode == 0


@pytest.mark.usefixtures("teller")
def test_a_private_guest_gets_out_and_nobody_in(cloud: Cloud, own: Own, zones: list[str]) -> None:
    door = own.launch(zones[0], "10.7.0.20")
    where = ("--subnet", "nat-private", "--private-ip", "10.7.64.20")
    key = cloud.directory / "nat.pem"
    hidden = Hidden(Guest.launch(cloud, key, *where, groups=("nat",), image="tiny", key_name="nat"), door)
    door.wait_for_ssh()
    wait_until(lambda: hidden.run("echo here") == "here", "the private guest answers its neighbour", 180)
    assert not hidden.seen_as()

    address = cloud.json("address", "allocate")["address"]
    made = cloud.json(
        *("nat-gateway", "create", "--subnet", f"nat-{zones[0]}", "--address", address["public_ip"]),
        *("--tag", "Name=nat", "--wait"),
    )["nat_gateway"]
    assert made["state"] == "available"
    cloud.stead("route-table", "create-route", "nat-private", ANYWHERE, "--nat-gateway", "nat")
    wait_until(lambda: hidden.seen_as() == address["public_ip"], "it is seen behind the gateway's address", 20)
    assert hidden.pings(OUTSIDE_ADDRESS)
    assert hidden.pings(door.public_ip), "by way of the outside"
    assert reaches(cloud, door.public_ip)
    assert not reaches(cloud, address["public_ip"])

    cloud.stead("nat-gateway", "delete", "nat", "--wait")
    (table,) = cloud.json("route-table", "describe", "nat-private")["route_tables"]
    assert [route["state"] for route in table["routes"]] == ["active", "blackhole"]
    wait_until(lambda: not hidden.seen_as(), "it gets out no more", 20)
    assert not hidden.pings(OUTSIDE_ADDRESS)
    assert hidden.run("echo here") == "here"
    cloud.stead("address", "release", address["public_ip"])
