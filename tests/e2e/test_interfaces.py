"""Network interfaces under running guests: they come and go, each with groups, addresses and public ones of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from homelab.cloud import Cloud
from homelab.guest import Guest
from homelab.node import wait_until
from tests.e2e.residents import Residents, metadata, pings

# What docs/cli.md says of the tiny image, which finds an interface moments after it is attached.
CONFIGURE = """set -e
for i in $(seq 30); do [ ! -e /sys/class/net/eth1 ] || break; sleep 1; done
udhcpc -i eth1 -n -q -t 10 -T 1 >/dev/null
"""


@dataclass
class Side:
    """An interface in a resident's subnet, in the groups `ssh`, `default` and one that lets echo requests in."""

    cloud: Cloud
    interface_id: str
    private_ip: str
    mac_address: str

    def describe(self) -> dict[str, Any]:
        found: dict[str, Any] = self.cloud.json("interface", "describe", self.interface_id)["network_interfaces"][0]
        return found

    def attach(self, guest: Guest) -> None:
        """With what its user does in the guest."""
        self.cloud.stead("interface", "attach", self.interface_id, guest.instance_id, "--wait")
        guest.ssh(CONFIGURE)

    def detach(self, *options: str) -> None:
        if self.describe()["status"] != "available":
            self.cloud.stead("interface", "detach", self.interface_id, *options, "--wait")


@pytest.fixture
def side(cloud: Cloud, residents: Residents) -> Iterator[Side]:
    cloud.stead("sg", "create", "echo", "--description", "answers pings")
    cloud.stead("sg", "authorize", "echo", "--protocol", "icmp", "--cidr", "0.0.0.0/0")
    subnet = str(residents.first.describe()["subnet_id"])
    groups = [word for name in ("ssh", "default", "echo") for word in ("--sg", name)]
    made = cloud.json("interface", "create", "--subnet", subnet, *groups, "--count", "1")["network_interface"]
    side = Side(cloud, made["network_interface_id"], made["private_ip_address"], made["mac_address"])
    yield side
    side.detach()
    cloud.stead("interface", "delete", side.interface_id)
    cloud.stead("sg", "delete", "echo")


def cards(guest: Guest) -> set[str]:
    """Hardware addresses of its network cards."""
    return set(guest.ssh("cat /sys/class/net/eth*/address").split())


def test_an_interface_comes_and_goes_under_a_running_guest(residents: Residents, side: Side) -> None:
    guest, other = residents.first, residents.third
    at_boot = cards(guest)
    side.attach(guest)
    assert cards(guest) == at_boot | {side.mac_address}
    assert side.private_ip in guest.ssh("ip -4 -o addr show dev eth1")
    wait_until(lambda: pings(other, side.private_ip), "its own groups let that in", 10)
    assert not pings(other, guest.private_ip), "those of the first interface do not"
    assert pings(guest, other.private_ip, side.private_ip), "it is a member of its own groups"
    assert not pings(guest, other.private_ip)
    macs = metadata(guest, "meta-data/network/interfaces/macs/").split()
    assert sorted(macs) == sorted(f"{mac}/" for mac in cards(guest))
    assert metadata(guest, f"meta-data/network/interfaces/macs/{side.mac_address}/device-number") == "1"

    side.detach()
    assert cards(guest) == at_boot
    assert not pings(other, side.private_ip)
    side.attach(guest)
    wait_until(lambda: pings(other, side.private_ip), "it has come again", 10)


def test_each_private_address_is_reached_and_each_may_have_a_public_one(
    cloud: Cloud, residents: Residents, side: Side
) -> None:
    guest, other = residents.first, residents.third
    secondary = str(side.describe()["private_ip_addresses"][1]["private_ip_address"])
    side.attach(guest)
    guest.ssh(f"ip addr add {secondary}/32 dev eth1 && ip rule add from {secondary} table 1")
    wait_until(lambda: pings(other, secondary), "its other address is reached, too", 10)
    assert pings(guest, other.private_ip, secondary), "it is a member of the interface's groups"

    public = [cloud.json("address", "allocate")["address"]["public_ip"] for _ in range(2)]
    for address, private_ip in zip(public, (side.private_ip, secondary), strict=True):
        cloud.stead("address", "associate", address, "--interface", side.interface_id, "--private-ip", private_ip)
    wait_until(
        lambda: all(guest.boot_id(address) == guest.boot_id() != "" for address in public), "they lead there", 30
    )

    cloud.stead("interface", "unassign", side.interface_id, "--address", secondary)
    wait_until(lambda: not pings(other, secondary), "nobody reaches it", 10)
    assert not pings(guest, other.private_ip, secondary), "nor does it reach anybody"
    assert guest.boot_id(public[0]), "the other one stays"
    assert not guest.boot_id(public[1])
    for address in public:
        cloud.stead("address", "release", address)


def test_a_guest_that_lets_go_of_nothing_loses_it_by_force(
    cloud: Cloud, residents: Residents, side: Side, without_system: str
) -> None:
    cloud.stead("interface", "attach", side.interface_id, without_system, "--wait")
    cloud.stead("interface", "detach", side.interface_id)
    wait_until(lambda: "by force" in side.describe()["attachment"].get("status_detail", ""), "the guest holds it", 30)
    side.detach("--force")
    side.attach(residents.first)
    wait_until(lambda: pings(residents.third, side.private_ip), "it is there for another guest", 10)


@pytest.fixture
def router(cloud: Cloud, residents: Residents) -> Iterator[Guest]:
    """A resident with a network behind it, to which the main route table leads."""
    guest = residents.second
    guest.ssh("ip addr add 192.0.2.9/32 dev lo")
    vpc_id = guest.describe()["vpc_id"]
    where = ("--filter", f"vpc-id={vpc_id}", "--filter", "association.main=true")
    table = cloud.json("route-table", "list", *where)["route_tables"][0]["route_table_id"]
    cloud.stead("route-table", "create-route", table, "192.0.2.0/24", "--instance", guest.instance_id)
    yield guest
    cloud.stead("route-table", "delete-route", table, "192.0.2.0/24")
    guest.ssh("ip addr del 192.0.2.9/32 dev lo")


def test_a_guest_is_a_router_without_the_source_check(cloud: Cloud, residents: Residents, router: Guest) -> None:
    far = residents.third
    interface = router.describe()["network_interfaces"][0]["network_interface_id"]
    assert not pings(far, "192.0.2.9"), "it is sent what is its own"
    cloud.stead("interface", "modify", interface, "--no-source-dest-check")
    wait_until(lambda: pings(far, "192.0.2.9"), "the network behind it is reached", 10)
    cloud.stead("interface", "modify", interface, "--source-dest-check")
    wait_until(lambda: not pings(far, "192.0.2.9"), "it is not any more", 10)
