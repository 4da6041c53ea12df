"""Two projects' VPCs peer: their guests, in two zones, reach one another, and nobody else does by way of them."""

from collections.abc import Iterator

import pytest

from homelab.cloud import Cloud
from homelab.guest import Guest
from homelab.node import wait_until
from tests.e2e.residents import Launch, pings
from tests.e2e.tenants import NETWORK, Own, tenant

DEFAULT = "172.31.0.0/16"


@pytest.fixture
def neighbour(cloud: Cloud, zones: list[str]) -> Iterator[Own]:
    cloud.stead("image", "modify", "tiny", "--public")
    own = tenant(cloud, "neighbour", zones)
    yield own
    own.empty()
    own.remove()


def main_table(cloud: Cloud, vpc_id: str) -> str:
    wanted = ("--filter", f"vpc-id={vpc_id}", "--filter", "association.main=true")
    return str(cloud.json("route-table", "list", *wanted)["route_tables"][0]["route_table_id"])


def answers(guest: Guest, address: str) -> bool:
    """Whether the ssh server there says its name."""
    return "SSH-2.0" in guest.try_ssh(f"nc -w 2 {address} 22 </dev/null | head -c 32").stdout


def test_guests_of_two_projects_meet_while_both_want_it(
    cloud: Cloud, launch: Launch, neighbour: Own, zones: list[str]
) -> None:
    ours = launch("--az", zones[0])
    theirs = neighbour.launch(zones[-1], f"10.7.{len(set(zones)) - 1}.40")
    theirs.wait_for_ssh()
    assert not pings(ours, theirs.private_ip)
    own_id = str(ours.describe()["vpc_id"])
    (vpc,) = neighbour.cloud.json("vpc", "list", "--filter", f"vpc-id={neighbour.vpc_id}")["vpcs"]
    asked = ("--vpc", own_id, "--peer", neighbour.vpc_id, "--owner", vpc["owner_id"])
    peering_id = cloud.json("vpc-peering", "create", *asked)["vpc_peering_connection"]["vpc_peering_connection_id"]
    table_id = main_table(cloud, own_id)
    cloud.stead("route-table", "create-route", table_id, NETWORK, "--peering", peering_id)
    neighbour.cloud.stead("route-table", "create-route", neighbour.table_id, DEFAULT, "--peering", peering_id)
    assert not pings(ours, theirs.private_ip), "it is not accepted yet"

    neighbour.cloud.stead("vpc-peering", "accept", peering_id)
    wait_until(lambda: pings(ours, theirs.private_ip), "a guest of one VPC reaches one of the other", 20)
    assert answers(ours, theirs.private_ip)
    assert answers(theirs, ours.private_ip)
    assert not pings(theirs, ours.private_ip), "its group lets ssh in alone"
    assert not pings(ours, "10.7.0.1"), "the router of another VPC"

    neighbour.cloud.stead("vpc-peering", "delete", peering_id)
    wait_until(lambda: not pings(ours, theirs.private_ip), "they are apart again", 20)
    routes = cloud.json("route-table", "describe", table_id)["route_tables"][0]["routes"]
    assert [route["state"] for route in routes if route["destination_cidr_block"] == NETWORK] == ["blackhole"]
    cloud.stead("route-table", "delete-route", table_id, NETWORK)
    assert ours.boot_id()
    assert theirs.boot_id()
