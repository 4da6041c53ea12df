"""Volumes and the images that they are made from."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.drivers.base import Permanent, Transient
from agent.drivers.volume_nbd import NbdStorageDriver
from agent.drivers.volume_nbd.pool import create_pool, destroy_pool
from agent.drivers.volume_nbd.settings import NbdSettings
from agent.host.process import run
from agent.model import ImageSource, Kind, Ref, VolumeFile, VolumeSpec
from tests.integration.volume_nbd.host import MIB, TOMBSTONE, VOLUME, Host

pytestmark = pytest.mark.host


async def test_a_blank_volume_is_sparse_and_zero_and_grows_but_never_shrinks(host: Host) -> None:
    await host.storage().ensure_volume(VOLUME)
    path = host.pool / "volumes" / "vol-0a.raw"
    assert path.stat().st_blocks == 0
    path.write_bytes(b"data" + path.read_bytes()[4:])

    await host.storage().ensure_volume(replace(VOLUME, size_bytes=128 * MIB))
    assert await host.storage().list_volumes() == {"vol-0a": VolumeFile(128 * MIB)}
    assert path.read_bytes()[:8] == b"data\0\0\0\0"
    await host.storage().ensure_volume(VOLUME)
    assert path.stat().st_size == 128 * MIB


async def test_a_volume_is_an_independent_clone_of_its_image(host: Host, raw_image: ImageSource) -> None:
    driver = host.storage()
    await driver.ensure_volume(replace(VOLUME, image=raw_image))
    path = host.pool / "volumes" / "vol-0a.raw"
    with path.open("r+b") as volume:
        assert volume.read(4 * MIB) == b"\xab" * (4 * MIB)
        assert not any(volume.read())
        volume.seek(0)
        volume.write(b"changed")
    await driver.ensure_volume(VolumeSpec("vol-0b", 64 * MIB, raw_image))
    assert (host.pool / "volumes" / "vol-0b.raw").read_bytes().startswith(b"\xab" * 7)

    await driver.ensure_volume(replace(VOLUME, image=raw_image))  # Never refilled.
    assert path.read_bytes().startswith(b"changed")


async def test_volumes_of_one_image_fetch_it_once(host: Host, raw_image: ImageSource) -> None:
    driver = host.storage()
    async with asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(driver.ensure_volume(VolumeSpec(f"vol-{number}", 8 * MIB, raw_image)))
    assert host.uploads.count == 1
    assert len(await driver.list_volumes()) == 4


async def test_a_qcow2_image_is_converted(host: Host, tmp_path: Path) -> None:
    path = tmp_path / "image.qcow2"
    await run("qemu-img", "create", "-q", "-f", "qcow2", path, "8M")
    await run("qemu-io", "-f", "qcow2", "-c", "write -P 0xcd 1M 1M", path)
    image = host.uploads.add("ami-2", path, "qcow2")
    await host.storage().ensure_volume(replace(VOLUME, image=image))
    data = (host.pool / "volumes" / "vol-0a.raw").read_bytes()
    assert data[MIB : 2 * MIB] == b"\xcd" * MIB
    assert not any(data[:MIB])
    assert len(data) == 64 * MIB


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("-b", "/etc/passwd", "-F", "raw"), "backing file"),
        (("-o", "data_file={tmp}/data"), "external file"),
        (("-o", "size=32T"), "virtual size"),
    ],
)
async def test_an_unsafe_qcow2_image_is_refused(
    host: Host, tmp_path: Path, options: tuple[str, ...], reason: str
) -> None:
    path = tmp_path / "image.qcow2"
    options = tuple(option.format(tmp=tmp_path) for option in options)
    size = () if "-b" in options or "size" in options[1] else ("8M",)
    await run("qemu-img", "create", "-q", "-f", "qcow2", *options, path, *size)
    image = host.uploads.add("ami-2", path, "qcow2")
    with pytest.raises(Permanent, match=reason):
        await host.storage().ensure_volume(replace(VOLUME, image=image))
    assert host.files() == []


@pytest.mark.parametrize("format", ["qcow2", "vmdk"])
async def test_what_is_no_image_of_its_format_is_refused(host: Host, raw_image: ImageSource, format: str) -> None:
    with pytest.raises(Permanent, match="ami-1"):
        await host.storage().ensure_volume(replace(VOLUME, image=replace(raw_image, format=format)))
    assert host.files() == []


async def test_a_volume_smaller_than_its_image_is_refused(host: Host, raw_image: ImageSource) -> None:
    with pytest.raises(Permanent, match="does not fit"):
        await host.storage().ensure_volume(VolumeSpec("vol-0a", MIB, raw_image))
    assert await host.storage().list_volumes() == {}


async def test_what_a_crash_left_of_an_image_is_swept(host: Host, raw_image: ImageSource) -> None:
    images = host.pool / "images"
    for name in ("ami-1.upload.part", "ami-1.raw.part", "ami-9.upload.part"):
        (images / name).write_bytes(b"half")
    await host.storage().ensure_volume(replace(VOLUME, image=raw_image))
    assert (images / "ami-1.raw").stat().st_size == 4 * MIB
    await host.storage().list_volumes()
    assert [path.name for path in images.iterdir()] == ["ami-1.raw"]


async def test_a_volume_that_was_lost_is_never_made_anew(host: Host) -> None:
    await host.storage().ensure_volume(VOLUME)
    (host.pool / "volumes" / "vol-0a.raw").unlink()
    with pytest.raises(Permanent, match=r"vol-0a is lost: .*volumes/vol-0a\.raw is gone"):
        await host.storage().ensure_volume(replace(VOLUME, is_ready=True))
    assert host.files() == []


async def _following(driver: NbdStorageDriver) -> tuple[AsyncIterator[Ref], "asyncio.Task[Ref]"]:
    """Its events, and the first of them."""
    events = driver.events()
    first: asyncio.Task[Ref] = asyncio.create_task(anext(events))  # type: ignore[arg-type]
    async with asyncio.timeout(20):
        while not driver._volumes._inotify:  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.01)
    return events, first


async def test_a_file_that_comes_or_goes_by_another_hand_is_told(host: Host) -> None:
    driver, told = host.storage(), Ref(Kind.VOLUME, "vol-0b")
    events, first = await _following(driver)
    async with asyncio.timeout(20):
        await driver.ensure_volume(VOLUME)
        path = host.pool / "volumes" / "vol-0b.raw"
        path.touch()
        assert await first == told, "and nothing of what the driver itself has made"
        path.unlink()
        assert await anext(events) == told
        await driver.ensure_volume(TOMBSTONE)
        (host.pool / "trash" / "vol-0a.raw").unlink()
        assert await anext(events) == VOLUME.ref
    await events.aclose()  # type: ignore[attr-defined]


async def test_events_end_where_the_pool_goes(host: Host, tmp_path: Path) -> None:
    other = replace(host, settings=NbdSettings(pool_dir=tmp_path / "pool"))
    with pytest.raises(Transient, match="No such file"):
        await anext(other.storage().events())
    await create_pool(other.pool, size_gib=1)
    _, first = await _following(other.storage())
    await destroy_pool(other.pool)
    with pytest.raises(Transient, match="is it mounted"):
        async with asyncio.timeout(20):
            await first
