"""What seems stuck has a way out: a guest without a system, a root that was taken away, a host that is lost."""

from typing import Any

import pytest

from homelab.cloud import Cloud, CommandFailed
from homelab.node import wait_until
from tests.e2e.residents import Launch, Residents
from tests.e2e.test_survival import host_of, status_of


def attachment(cloud: Cloud, volume: str) -> dict[str, Any]:
    found: dict[str, Any] = cloud.json("volume", "describe", volume)["volumes"][0]["attachments"][0]
    return found


def test_a_guest_without_a_system_does_not_hold_a_volume_for_ever(
    cloud: Cloud, zones: list[str], residents: Residents, without_system: str
) -> None:
    volume = str(cloud.json("volume", "create", "--az", zones[0], "--size", "1", "--wait")["volume"]["volume_id"])
    cloud.stead("volume", "attach", volume, without_system, "--wait")
    cloud.stead("volume", "detach", volume)
    wait_until(lambda: attachment(cloud, volume)["state"] == "busy", "the guest holds the volume", 60)
    assert "detach it by force" in attachment(cloud, volume)["state_detail"]

    cloud.stead("volume", "detach", volume, "--force", "--wait")
    cloud.stead("volume", "attach", volume, residents.first.instance_id, "--wait")
    residents.first.ssh(f"mkfs.ext4 -q {residents.first.disk(volume)}")
    cloud.stead("volume", "detach", volume, "--wait")
    cloud.stead("volume", "delete", volume, "--wait")


def test_a_root_goes_and_comes_back(cloud: Cloud, residents: Residents) -> None:
    guest = residents.second
    guest.ssh("echo kept > /root/note && sync")
    root = next(disk["volume_id"] for disk in guest.describe()["block_devices"] if disk["device_name"] == "/dev/sda1")
    cloud.stead("instance", "stop", guest.instance_id, "--wait")
    cloud.stead("volume", "detach", root, "--wait")
    with pytest.raises(CommandFailed, match="IncorrectInstanceState"):
        cloud.stead("instance", "start", guest.instance_id)
    cloud.stead("volume", "attach", root, guest.instance_id, "--device", "/dev/sda1", "--wait")
    cloud.stead("instance", "modify", guest.instance_id, "--delete-on-termination", "/dev/sda1")
    cloud.stead("instance", "start", guest.instance_id, "--wait")
    guest.wait_for_ssh()
    assert guest.ssh("cat /root/note").strip() == "kept"


def test_nothing_waits_for_a_host_that_is_lost_and_it_cleans_up_when_it_is_back(
    cloud: Cloud, residents: Residents, launch: Launch
) -> None:
    guest = launch()
    host, host_id = host_of(cloud, guest), str(guest.describe()["host_id"])
    cloud.kill_agent(host)
    with pytest.raises(CommandFailed, match="IncorrectState"):
        cloud.stead("host", "lost", host_id)
    wait_until(lambda: status_of(cloud, host_id) == "unreachable", "its host is unreachable", 60)
    assert guest.describe()["status"] == "unreachable"
    cloud.stead("host", "lost", host_id)
    with pytest.raises(CommandFailed, match="DependencyViolation"):
        cloud.stead("host", "remove", host_id)
    cloud.stead("instance", "terminate", guest.instance_id, "--wait", "--timeout", "60")
    node = cloud.lab.node(host)
    qemu = f"^/usr/bin/qemu-system.*{guest.instance_id}"
    assert node.run("pgrep", "-f", qemu, check=False).stdout, "it is lost to us, not dead"

    cloud.start_agent(host)
    wait_until(lambda: status_of(cloud, host_id) == "connected", "its host is back", 60)
    wait_until(lambda: not node.run("pgrep", "-f", qemu, check=False).stdout, "the guest is gone", 60)
    residents.wait()
    wait_until(lambda: residents.first.describe()["status"] == "ok", "the others are well", 60)
