"""VPCs of one's own: made from nothing and led outside by a route, and two tenants with the same addresses."""

import json
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from homelab.cloud import Cloud
from homelab.guest import Guest
from homelab.layout import OUTSIDE_ADDRESS
from homelab.node import wait_until
from tests.e2e.residents import Launch, pings
from tests.e2e.tenants import ANYWHERE, NETWORK, Own, tenant

PINGS_OUT = ("--egress", "--protocol", "icmp")
# Prints what a lease has, in place of making the guest so.
TELL_LEASE = """#!/bin/sh
[ "$1" != bound ] || echo "$domain|$dns|$ntpsrv|$wins"
"""


@pytest.fixture(scope="module")
def projects(cloud: Cloud, zones: list[str]) -> Iterator[list[Own]]:
    """Two projects, each with a VPC of the same addresses."""
    cloud.stead("image", "modify", "tiny", "--public")
    made = [tenant(cloud, name, zones) for name in ("left", "right")]
    yield made
    for own in made:
        own.remove()


@pytest.fixture
def tenants(projects: list[Own]) -> Iterator[list[Own]]:
    """These two, who leave no instance behind."""
    yield projects
    for own in projects:
        own.empty()


def test_a_vpc_from_nothing_is_public_as_long_as_its_route_is_there(tenants: list[Own], zones: list[str]) -> None:
    own = tenants[0]
    guest = own.launch(zones[0], "10.7.0.20")
    guest.wait_for_ssh()
    address = guest.public_ip
    assert pings(guest, OUTSIDE_ADDRESS)

    own.close()
    wait_until(lambda: guest.try_ssh("true", address).returncode != 0, "nobody reaches it", 10)
    routes = own.cloud.json("route-table", "describe", own.table_id)["route_tables"][0]["routes"]
    assert [route["destination_cidr_block"] for route in routes] == [NETWORK]
    own.open()
    wait_until(lambda: guest.try_ssh("true", address).returncode == 0, "it is reached again", 10)
    assert pings(guest, OUTSIDE_ADDRESS)


def dropped_while(cloud: Cloud, instance_id: str, happens: Callable[[], object]) -> list[dict[str, Any]]:
    """What is streamed of it for some seconds, in which something happens."""
    line = ("--output", "json", "network", "drops", instance_id)
    with ThreadPoolExecutor(max_workers=1) as pool:
        streamed = pool.submit(cloud.stead, *line, timeout_s=15)
        while not streamed.done():
            happens()
    with pytest.raises(subprocess.TimeoutExpired) as ended:
        streamed.result()
    return [json.loads(each) for each in (ended.value.stdout or b"").splitlines()]


def test_a_network_acl_obeys_its_entries_as_soon_as_they_are_told_to_be_in_force(
    tenants: list[Own], zones: list[str]
) -> None:
    own, cloud = tenants[0], tenants[0].cloud
    guest = own.launch(zones[0], "10.7.0.40")
    guest.wait_for_ssh()
    acl = cloud.json("network-acl", "create", "--vpc", own.vpc_id)["network_acl"]["network_acl_id"]
    for number, action, what in ((100, "allow", ()), (100, "allow", ("--egress",)), (90, "deny", PINGS_OUT)):
        cloud.stead("network-acl", "create-entry", acl, str(number), action, "--cidr", ANYWHERE, *what)
    assert pings(guest, OUTSIDE_ADDRESS), "it guards nothing yet"
    try:
        cloud.stead("network-acl", "replace-association", acl, "--subnet", f"left-{zones[0]}", "--wait")
        dropped = dropped_while(cloud, guest.instance_id, lambda: pings(guest, OUTSIDE_ADDRESS))
        assert {(row["guard"], row["destination"]) for row in dropped} == {("acl-out", OUTSIDE_ADDRESS)}
        assert guest.try_ssh("true").returncode == 0
        rules = cloud.json("instance", "rules", guest.instance_id)["rules"]
        entries = [row for row in rules if 0 < row["rule_number"] < 200]
        counted = {(row["rule_action"], row["is_egress"]): row["packets"] for row in entries}
        assert min(counted["deny", True], counted["allow", True], counted["allow", False]) > 0
        cloud.stead("network-acl", "delete-entry", acl, "90", "--egress", "--wait")
        assert pings(guest, OUTSIDE_ADDRESS)
        cloud.stead("network-acl", "delete-entry", acl, "100", "--wait")
        assert guest.try_ssh("true").returncode != 0, "connections are no longer let in"
    finally:
        inside = ("--filter", f"vpc-id={own.vpc_id}", "--filter", "default=true")
        (default,) = cloud.json("network-acl", "list", *inside)["network_acls"]
        where = ("--subnet", f"left-{zones[0]}", "--wait")
        cloud.stead("network-acl", "replace-association", default["network_acl_id"], *where)
        cloud.stead("network-acl", "delete", acl)
    assert guest.try_ssh("true").returncode == 0


def test_the_same_addresses_on_the_same_hosts_do_not_meet(tenants: list[Own], zones: list[str]) -> None:
    first, last = "10.7.0.10", f"10.7.{len(set(zones)) - 1}.11"
    guests = [(own.launch(zones[0], first), own.launch(zones[-1], last)) for own in tenants]
    for here, there in guests:
        here.wait_for_ssh()
        there.wait_for_ssh()
        assert pings(here, last)
        assert pings(there, first)
        assert here.addresses() == first
    left, right = guests
    tenants[1].cloud.stead("instance", "stop", right[1].instance_id, "--wait")
    assert pings(left[0], last), "the other project's guest is off"
    assert not pings(right[0], last), "nobody else answers in its place"


def test_an_instance_of_the_default_vpc_is_no_part_of_it(launch: Launch, tenants: list[Own], zones: list[str]) -> None:
    stranger, guest = launch(), tenants[0].launch(zones[0], "10.7.0.30")
    guest.wait_for_ssh()
    assert not pings(stranger, "10.7.0.30")
    assert pings(stranger, guest.public_ip), "but by way of the outside"


def test_names_of_a_vpc_are_known_on_all_of_its_hosts_and_in_no_other(tenants: list[Own], zones: list[str]) -> None:
    """One is known by its tag, which comes when it runs already, the other by its address."""
    here, there = "10.7.0.40", f"10.7.{len(set(zones)) - 1}.41"
    guests = [(own.launch(zones[0], here), own.launch(zones[-1], there)) for own in tenants]
    domain = guests[0][0].describe()["private_dns_name"].partition(".")[2]
    for own, (asking, asked) in zip(tenants, guests, strict=True):
        own.cloud.stead("vpc", "modify", own.name, "--public-names")
        own.cloud.stead("tag", "create", asked.instance_id, "--tag", f"Name=Of-{own.name}")
        asking.wait_for_ssh()
        wait_until(partial(is_told, asking, f"of-{own.name}.{domain}", there), f"{own.name} is told", 30)
        assert is_told(asking, there, f"of-{own.name}.{domain}")
        assert is_told(asking, f"ip-{here.replace('.', '-')}.{domain}", here)
        assert is_told(asking, here, f"ip-{here.replace('.', '-')}.{domain}")
        assert is_told(asking, asked.describe()["public_dns_name"], there)
    for own, (asking, _), (_, others) in zip(tenants, guests, guests[::-1], strict=True):
        theirs = next(other for other in tenants if other is not own)
        for name in (f"of-{theirs.name}.{domain}", others.describe()["public_dns_name"]):
            assert asking.try_ssh(f"nslookup -type=a {name}").returncode != 0, name


def test_a_guest_is_told_its_vpcs_dhcp_options_with_its_next_lease(tenants: list[Own], zones: list[str]) -> None:
    own = tenants[0]
    guest = own.launch(zones[0], "10.7.0.50")
    guest.wait_for_ssh()
    guest.ssh(f"printf '%s' '{TELL_LEASE}' >/tmp/tell; chmod 755 /tmp/tell")
    domain = guest.describe()["private_dns_name"].partition(".")[2]
    assert lease(guest) == [domain, "10.7.0.2", "169.254.169.123", ""]

    given = ("--domain-name", "corp.example", "--dns", "10.7.0.53,AmazonProvidedDNS", "--netbios", "10.7.0.54")
    own.cloud.stead("dhcp-options", "create", *given, "--tag", "Name=corp")
    own.cloud.stead("dhcp-options", "associate", "corp", "--vpc", own.name)
    told = ["corp.example", "10.7.0.53 10.7.0.2", "169.254.169.123", "10.7.0.54"]
    wait_until(lambda: lease(guest) == told, "they are told", 30)
    own.cloud.stead("dhcp-options", "associate", "default", "--vpc", own.name)
    wait_until(lambda: lease(guest) == [domain, "10.7.0.2", "169.254.169.123", ""], "the region's are told again", 30)
    own.cloud.stead("dhcp-options", "delete", "corp")


def is_told(guest: Guest, question: str, answer: str) -> bool:
    """Whether the guest's resolver says so, of a name or of an address."""
    told = guest.try_ssh(f"nslookup {question}").stdout.partition("Address:")[2].partition("\n")[2]
    return answer in told.split()


def lease(guest: Guest) -> list[str]:
    """Domain, resolvers, time servers and name servers of NetBIOS that the guest would have with a new one."""
    told = guest.ssh("udhcpc -i eth0 -n -q -f -t 5 -T 1 -s /tmp/tell -O ntpsrv -O wins 2>/dev/null")
    return told.strip().split("|")
