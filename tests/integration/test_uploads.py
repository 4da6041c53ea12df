"""Uploads and the database on one small disk: whatever users send, the database can go on."""

import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.contract.control_plane import RPCS, ControlPlane, Refused, until, upload
from tests.contract.test_api_images import Sender, arrived, rules

pytestmark = pytest.mark.host

DISK_BYTES, FLOOR_BYTES = 64 << 20, 16 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "stead-test", tmp_path], check=True)
    yield tmp_path
    subprocess.run(["umount", "--lazy", tmp_path], check=True)


@pytest_asyncio.fixture
async def cloud(disk: Path) -> AsyncIterator[ControlPlane]:
    async with ControlPlane.serving(disk, image_gib=1 << 20) as serving:
        rules(serving, free_space_floor_mib=FLOOR_BYTES >> 20)
        yield serving


def chunks(count: int) -> list[Any]:
    return [RPCS["ImportImage"].request(chunk=bytes(1 << 20)) for _ in range(count)]


async def test_an_upload_that_would_fill_the_disk_is_refused_before_its_first_byte(cloud: ControlPlane) -> None:
    with pytest.raises(Refused, match="InsufficientVolumeCapacity"):
        await cloud.import_image(size_bytes=DISK_BYTES)


async def test_uploads_that_stop_just_short_of_full_leave_the_database_its_room(
    cloud: ControlPlane, disk: Path
) -> None:
    """Something else fills the disk while they come; they hold what they have, and ask for ever more."""
    header = upload(size_bytes=40 << 20)[0]
    sender = Sender(cloud, [header, *chunks(20)])
    await until(lambda: arrived(cloud) == 20 << 20)
    (disk / "backup").write_bytes(bytes(28 << 20))
    sender.send(*chunks(1))
    refusal = await sender.refusal()
    assert refusal.code == "InsufficientVolumeCapacity"
    for number in range(200):
        await cloud.ask("CreateProject", name=f"p{number}")
    (disk / "backup").unlink()
    await cloud.import_image("another")
