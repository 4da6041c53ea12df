"""Volumes that come and go while instances run, and what is refused."""

import pytest

from homelab.cloud import Cloud, CommandFailed
from tests.e2e.residents import Residents, on_each_layout


@pytest.fixture
def volume(cloud: Cloud, zones: list[str]) -> str:
    reply = cloud.json("volume", "create", "--az", zones[0], "--size", "1", "--wait")
    return str(reply["volume"]["volume_id"])


@on_each_layout
def test_data_move_with_the_volume(cloud: Cloud, residents: Residents, volume: str) -> None:
    first, second = residents.first, residents.second
    cloud.stead("volume", "attach", volume, first.instance_id, "--wait")
    disk = first.disk(volume)
    first.ssh(f"mkfs.ext4 -q {disk} && mount {disk} /mnt && echo moved > /mnt/note && umount /mnt && sync")
    with pytest.raises(CommandFailed, match="VolumeInUse"):
        cloud.stead("volume", "attach", volume, second.instance_id)
    with pytest.raises(CommandFailed, match="VolumeInUse"):
        cloud.stead("volume", "delete", volume)
    cloud.stead("volume", "detach", volume, "--wait")
    with pytest.raises(RuntimeError):
        first.disk(volume, tries=1)

    cloud.stead("volume", "attach", volume, second.instance_id, "--wait")
    assert second.ssh(f"mount {second.disk(volume)} /mnt && cat /mnt/note").strip() == "moved"
    second.ssh("umount /mnt")
    cloud.stead("volume", "detach", volume, "--wait")
    cloud.stead("volume", "delete", volume, "--wait")
    with pytest.raises(CommandFailed, match=r"InvalidVolume\.NotFound"):
        cloud.stead("volume", "describe", volume)


def test_a_volume_attached_while_stopped_is_there_after_start(cloud: Cloud, residents: Residents, volume: str) -> None:
    guest = residents.second
    cloud.stead("instance", "stop", guest.instance_id, "--wait")
    cloud.stead("volume", "attach", volume, guest.instance_id, "--wait")
    cloud.stead("instance", "start", guest.instance_id, "--wait")
    guest.wait_for_ssh()
    assert guest.disk(volume)
    cloud.stead("volume", "detach", volume, "--wait")
    cloud.stead("volume", "delete", volume, "--wait")


def test_a_volume_stays_in_its_zone(cloud: Cloud, zones: list[str], residents: Residents, volume: str) -> None:
    if len(zones) > 1:
        with pytest.raises(CommandFailed, match=r"InvalidVolume\.ZoneMismatch"):
            cloud.stead("volume", "attach", volume, residents.third.instance_id)
    cloud.stead("volume", "delete", volume, "--wait")
