"""Two gateway hosts: when the one that carries a VPC loses power, the other takes over its addresses and NAT."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from homelab.cloud import Cloud
from homelab.guest import Guest
from homelab.layout import OUTSIDE_ADDRESS
from homelab.node import wait_until
from tests.e2e.conftest import a_cloud
from tests.e2e.tenants import ANYWHERE, Own
from tests.e2e.test_nat_gateways import Hidden, reaches
from tests.e2e.test_nat_gateways import teller as teller

DOORS = ("gw1", "gw2")


@pytest.fixture(scope="module")
def cloud(image: Path) -> Iterator[Cloud]:
    with a_cloud("doors", image) as cloud:
        yield cloud


def holders(cloud: Cloud, address: str) -> list[str]:
    """The hosts that are on and answer for a public address."""
    nodes = ((name, cloud.lab.node(name)) for name in DOORS)
    on = [(name, node) for name, node in nodes if node.pid is not None]
    return [name for name, node in on if address in node.run("ip", "neigh", "show", "proxy").stdout]


def status_of(cloud: Cloud, name: str) -> str:
    rows = cloud.json("host", "list")["hosts"]
    return next(str(row["status"]) for row in rows if row["host_name"] == name)


@pytest.mark.usefixtures("teller")
def test_addresses_and_nat_move_and_the_host_that_comes_back_yields(cloud: Cloud) -> None:
    own = Own(cloud, "nat")
    cloud.stead("key", "create", "nat", "--output-file", str(cloud.directory / "nat.pem"))
    own.make(["home-1a"])
    own.open()
    inside = ("--vpc", own.vpc_id, "--tag", "Name=nat-private")
    cloud.stead("subnet", "create", "10.7.64.0/24", "--az", "home-1a", *inside)
    cloud.stead("route-table", "create", *inside)
    cloud.stead("route-table", "associate", "nat-private", "--subnet", "nat-private")
    behind = cloud.json("address", "allocate")["address"]["public_ip"]
    cloud.stead("nat-gateway", "create", "--subnet", "nat-home-1a", "--address", behind, "--tag", "Name=nat", "--wait")
    cloud.stead("route-table", "create-route", "nat-private", ANYWHERE, "--nat-gateway", "nat")
    door = own.launch("home-1a", "10.7.0.20")
    key, where = cloud.directory / "nat.pem", ("--subnet", "nat-private", "--private-ip", "10.7.64.20")
    hidden = Hidden(Guest.launch(cloud, key, *where, groups=("nat",), image="tiny", key_name="nat"), door)
    door.wait_for_ssh()
    wait_until(lambda: hidden.seen_as() == behind, "the private guest gets out", 180)
    address = door.public_ip
    (lost,) = holders(cloud, behind)
    (other,) = set(DOORS) - {lost}
    assert holders(cloud, address) == [lost]

    cloud.lab.power_cut(lost)
    assert not reaches(cloud, address)
    wait_until(lambda: status_of(cloud, lost) == "unreachable", "its loss is noticed", 60)
    wait_until(lambda: reaches(cloud, address), "the public guest is reached", 60)
    wait_until(lambda: hidden.seen_as() == behind, "the private guest gets out again", 20)
    assert hidden.pings(OUTSIDE_ADDRESS)
    assert holders(cloud, address) == holders(cloud, behind) == [other]
    assert cloud.json("nat-gateway", "list")["nat_gateways"][0]["state"] == "available"

    cloud.lab.power_on(lost)
    cloud.start_agent(lost)
    wait_until(lambda: status_of(cloud, lost) == "connected", "it is back", 60)
    until = time.monotonic() + 5
    while time.monotonic() < until:
        assert holders(cloud, address) == holders(cloud, behind) == [other]
        time.sleep(0.5)
    assert reaches(cloud, address)
    assert hidden.seen_as() == behind
