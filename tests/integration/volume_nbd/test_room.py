"""The pool's room: promised, kept by the trash, given up by images."""

import asyncio
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from agent.drivers.base import Permanent, Transient
from agent.drivers.volume_nbd import NbdStorageDriver, trash
from agent.host.process import run
from agent.images import Images
from agent.model import ExportSpec, ImageSource, VolumeFile, VolumeSpec
from tests.integration.volume_nbd.host import GIB, MIB, TOMBSTONE, VOLUME, Host, qemu_io

pytestmark = pytest.mark.host


async def test_a_pool_promises_no_more_than_it_has(host: Host) -> None:
    driver = host.storage()
    await driver.ensure_volume(VolumeSpec("vol-0a", GIB))
    for spec in (VolumeSpec("vol-0b", GIB), VolumeSpec("vol-0a", 2 * GIB)):
        with pytest.raises(Permanent, match=r"full: volume vol-0\w needs 1073741824 bytes, \d+ are free"):
            await driver.ensure_volume(spec)
    assert await driver.list_volumes() == {"vol-0a": VolumeFile(GIB)}


async def test_what_others_wrote_into_the_pool_is_not_promised(host: Host, tmp_path: Path) -> None:
    """A pool of clones, which share their blocks. A new driver measures at once."""
    path = tmp_path / "image.raw"
    path.write_bytes(b"x" * (100 * MIB))
    image = host.uploads.add("ami-1", path)
    for number in range(4):
        await host.storage().ensure_volume(VolumeSpec(f"vol-{number}", 128 * MIB, image))
    filler = host.pool / "filler"
    await run("fallocate", f"--length={GIB}", filler)
    try:
        driver = host.storage()
        assert (await driver.probe()).storage_gib == 0
        with pytest.raises(Transient, match=r"full: volume vol-9 .* \d{10} are taken by what is not Stead's"):
            await driver.ensure_volume(VolumeSpec("vol-9", 512 * MIB))
        await driver.ensure_volume(VolumeSpec("vol-8", 256 * MIB))
    finally:
        filler.unlink()
    async with asyncio.timeout(20):
        while (await host.storage().probe()).storage_gib != 1:  # noqa: ASYNC110  XFS frees a file's blocks later.
            await asyncio.sleep(0.1)
    await host.storage().ensure_volume(VolumeSpec("vol-9", 512 * MIB))


@pytest.mark.parametrize(("is_announced", "error"), [(True, Transient), (False, Permanent)])
async def test_an_image_that_a_full_filesystem_does_not_take_leaves_nothing(
    host: Host, tmp_path: Path, is_announced: bool, error: type[Exception]
) -> None:
    path = tmp_path / "image.raw"
    path.write_bytes(b"x" * (100 * MIB))
    image = host.uploads.add("ami-1", path)
    filler = host.pool / "filler"
    unwritten = os.statvfs(host.pool).f_bavail * os.statvfs(host.pool).f_bsize
    await run("fallocate", f"--length={unwritten - 50 * MIB}", filler)
    try:
        with pytest.raises(error, match=r"full: image ami-1 needs \d+ bytes, \d+ are free"):
            await _ensure_from(host, image if is_announced else replace(image, size_bytes=0))
    finally:
        filler.unlink()
    assert host.files() == []


async def _ensure_from(host: Host, image: ImageSource) -> None:
    async def fetch(image: ImageSource, target: Path) -> None:
        await asyncio.to_thread(target.write_bytes, host.uploads.files[image.image_id].read_bytes())

    driver = NbdStorageDriver(host.settings, replace(host.context, images=Images(fetch)))
    await driver.ensure_volume(replace(VOLUME, image=image))


async def test_a_deleted_volume_lies_in_the_trash_with_its_data(host: Host, export: ExportSpec) -> None:
    await host.storage().ensure_volume(VOLUME)
    await host.storage().ensure_export(export)
    await qemu_io(host, export, "write -P 0x42 0 1M", "flush")
    with pytest.raises(Transient, match="still exported"):
        await host.storage().ensure_volume(TOMBSTONE)
    await host.storage().remove_export(export.export_name)
    await host.storage().remove_export(export.export_name)
    for _ in range(2):
        await host.storage().ensure_volume(TOMBSTONE)
    assert host.files() == [str(host.pool / "trash" / "vol-0a.raw")]
    assert await host.storage().list_volumes() == {"vol-0a": VolumeFile(64 * MIB, deleted=True, epoch=1)}

    await host.storage().ensure_volume(replace(VOLUME, is_ready=True))
    assert await host.storage().list_volumes() == {"vol-0a": VolumeFile(64 * MIB, epoch=1)}
    await host.storage().ensure_export(export)
    await qemu_io(host, export, "read -P 0x42 0 1M")


async def test_the_trash_is_emptied_when_its_time_is_over(host: Host) -> None:
    for volume_id in ("vol-0a", "vol-0b"):
        await host.storage().ensure_volume(VolumeSpec(volume_id, 64 * MIB))
        await host.storage().ensure_volume(VolumeSpec(volume_id, 64 * MIB, deleted=True))
    yesterday = str(time.time() - 25 * 3600).encode()
    os.setxattr(host.pool / "trash" / "vol-0a.raw", trash.DELETED_AT, yesterday)
    assert set(await host.storage().list_volumes()) == {"vol-0b"}
    assert host.files() == [str(host.pool / "trash" / "vol-0b.raw")]


async def test_a_clock_that_is_set_forwards_ends_no_volumes_time(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    driver, now = host.storage(), time.time()
    await driver.ensure_volume(VolumeSpec("vol-0a", 64 * MIB))
    await driver.ensure_volume(VolumeSpec("vol-0a", 64 * MIB, deleted=True))
    monkeypatch.setattr(time, "time", lambda: now + 1000 * 3600)
    assert set(await driver.list_volumes()) == {"vol-0a"}


async def test_the_trash_gives_way_from_its_earliest_on_and_never_in_vain(host: Host) -> None:
    """Of 1.8 GiB, volumes and trash have 1.2."""
    driver = host.storage()
    for volume_id in ("vol-2", "vol-1"):
        await driver.ensure_volume(VolumeSpec(volume_id, 400 * MIB))
        await driver.ensure_volume(VolumeSpec(volume_id, 400 * MIB, deleted=True))
    await driver.ensure_volume(VolumeSpec("vol-3", 400 * MIB))
    with pytest.raises(Permanent, match="full"):
        await driver.ensure_volume(VolumeSpec("vol-4", 2 * GIB))
    assert set(await driver.list_volumes()) == {"vol-1", "vol-2", "vol-3"}
    await driver.ensure_volume(VolumeSpec("vol-4", 800 * MIB))
    assert set(await driver.list_volumes()) == {"vol-1", "vol-3", "vol-4"}


async def test_the_trash_has_its_share_of_the_pool(host: Host) -> None:
    driver = NbdStorageDriver(replace(host.settings, trash_percent=30), host.context)
    for volume_id in ("vol-2", "vol-1"):
        await driver.ensure_volume(VolumeSpec(volume_id, GIB // 2))
        await driver.ensure_volume(VolumeSpec(volume_id, GIB // 2, deleted=True))
    assert set(await driver.list_volumes()) == {"vol-1"}


async def test_volumes_made_at_once_share_what_there_is(host: Host) -> None:
    driver = host.storage()
    wanted = [driver.ensure_volume(VolumeSpec(f"vol-{number}", GIB)) for number in range(6)]
    ends = await asyncio.gather(*wanted, return_exceptions=True)
    assert sum(end is None for end in ends) == 1
    assert sum(isinstance(end, Permanent) for end in ends) == 5
    assert len(await driver.list_volumes()) == 1


async def test_images_give_way_to_volumes_the_longest_unused_first(host: Host, tmp_path: Path) -> None:
    driver = host.storage()
    for number in (1, 2, 3):
        path = tmp_path / f"image-{number}.raw"
        path.write_bytes(bytes([number]) * (200 * MIB))
        image = host.uploads.add(f"ami-{number}", path)
        await driver.ensure_volume(VolumeSpec(f"vol-{number}", 200 * MIB, image))
    os.utime(host.pool / "images" / "ami-1.raw")
    await driver.ensure_volume(VolumeSpec("vol-4", 800 * MIB))
    assert [path.name for path in sorted((host.pool / "images").iterdir())] == ["ami-1.raw", "ami-3.raw"]
    await driver.ensure_volume(VolumeSpec("vol-5", 450 * MIB))
    assert list((host.pool / "images").iterdir()) == []
    assert (host.pool / "volumes" / "vol-2.raw").read_bytes() == b"\2" * (200 * MIB)


async def test_an_image_fits_where_its_volume_does(host: Host, tmp_path: Path) -> None:
    """What the host offers holds for a volume made from an image, too; the image then goes."""
    path = tmp_path / "image.raw"
    path.write_bytes(b"x" * (900 * MIB))
    image = host.uploads.add("ami-1", path)
    size_bytes = (await host.storage().probe()).storage_gib * GIB
    await host.storage().ensure_volume(VolumeSpec("vol-0a", size_bytes, image))
    assert await host.storage().list_volumes() == {"vol-0a": VolumeFile(size_bytes)}
    assert list((host.pool / "images").iterdir()) == []
