"""Stop, start, reboot, a guest's own power-off, and what becomes of addresses and data."""

from collections.abc import Iterator

import pytest

from homelab.cloud import Cloud
from homelab.guest import Guest
from homelab.node import wait_until
from tests.e2e.residents import Launch, Residents


@pytest.fixture
def guest(residents: Residents) -> Iterator[Guest]:
    yield residents.third
    residents.third.wait_for_ssh()


def test_stop_gives_the_public_address_back_and_keeps_the_rest(cloud: Cloud, guest: Guest) -> None:
    private_ip, public_ip = guest.private_ip, guest.public_ip
    guest.ssh("echo kept > /root/note && sync")
    cloud.stead("instance", "stop", guest.instance_id, "--wait")
    stopped = guest.describe()
    assert stopped["state"]["name"] == "stopped"
    assert not stopped.get("public_ip_address")
    assert stopped["private_ip_address"] == private_ip
    assert stopped["state_reason"]["code"] == "Client.UserInitiatedShutdown"

    cloud.stead("instance", "start", guest.instance_id, "--wait")
    guest.wait_for_ssh()
    assert guest.public_ip not in ("", public_ip)
    assert guest.addresses() == private_ip
    assert guest.ssh("cat /root/note").strip() == "kept"


def test_an_elastic_address_stays(cloud: Cloud, guest: Guest) -> None:
    automatic = guest.public_ip
    address = cloud.json("address", "allocate")["address"]
    cloud.stead("address", "associate", address["allocation_id"], guest.instance_id)
    assert guest.public_ip == address["public_ip"] != automatic
    guest.wait_for_ssh()
    assert guest.try_ssh("true", address=automatic).returncode == 255

    cloud.stead("instance", "stop", guest.instance_id, "--wait")
    cloud.stead("instance", "start", guest.instance_id, "--wait")
    guest.wait_for_ssh()
    assert guest.public_ip == address["public_ip"]

    association = cloud.json("address", "list")["addresses"][0]["association_id"]
    cloud.stead("address", "disassociate", association)
    assert guest.public_ip not in ("", address["public_ip"])
    guest.wait_for_ssh()
    cloud.stead("address", "release", address["allocation_id"])
    assert cloud.json("address", "list")["addresses"] == []


def test_reboot_changes_nothing_but_the_boot(cloud: Cloud, guest: Guest) -> None:
    before, boot = guest.describe(), guest.boot_id()
    cloud.stead("instance", "reboot", guest.instance_id)
    wait_until(lambda: guest.boot_id() not in ("", boot), "it rebooted", 90)
    after = guest.describe()
    for name in ("state", "public_ip_address", "private_ip_address", "network_interfaces", "block_devices"):
        assert after[name] == before[name]


def test_a_guest_that_powers_itself_off_is_stopped(cloud: Cloud, guest: Guest) -> None:
    guest.try_ssh("poweroff")
    wait_until(lambda: guest.state == "stopped", "it is stopped", 60)
    assert guest.describe()["state_reason"]["code"] == "Client.InstanceInitiatedShutdown"
    cloud.stead("instance", "start", guest.instance_id, "--wait")


def test_a_guest_that_shall_go_with_its_power_goes(cloud: Cloud, launch: Launch) -> None:
    guest = launch("--shutdown-behavior", "terminate")
    guest.try_ssh("poweroff")
    wait_until(lambda: guest.state == "terminated", "it is terminated", 60)
