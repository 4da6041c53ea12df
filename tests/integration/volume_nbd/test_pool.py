"""Pools: made once, mounted at each boot, and told from others."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.drivers.base import Permanent, Transient
from agent.drivers.volume_nbd import NbdStorageDriver, identity
from agent.drivers.volume_nbd.files import DIRECTORIES
from agent.drivers.volume_nbd.identity import NAME
from agent.drivers.volume_nbd.pool import create_pool, destroy_pool, mount_pool
from agent.drivers.volume_nbd.settings import NbdSettings
from agent.host.process import run
from agent.model import ExportSpec
from tests.integration.volume_nbd.host import GIB, MIB, VOLUME, Host

pytestmark = pytest.mark.host


async def test_probe_reports_what_volumes_may_fill(host: Host) -> None:
    capacity = await host.storage().probe()
    assert capacity.storage_gib == 1  # 2 GiB, less 5 % and the filesystem's own.
    assert capacity.problems == ()


async def test_a_filesystem_that_cannot_clone_is_a_problem_and_a_permanent_error(host: Host, tmp_path: Path) -> None:
    shared_memory = Path("/dev/shm") / tmp_path.name  # tmpfs
    identity.ensure(shared_memory)
    for name in DIRECTORIES:
        (shared_memory / name).mkdir(parents=True)
    try:
        driver = NbdStorageDriver(NbdSettings(pool_dir=shared_memory), host.context)
        (problem,) = (await driver.probe()).problems
        assert f"{shared_memory} cannot clone" in problem
        with pytest.raises(Permanent, match=r"cannot clone .*pool create"):
            await driver.ensure_volume(VOLUME)
    finally:
        await destroy_pool(shared_memory)
        shared_memory.rmdir()


async def test_an_unmounted_pool_is_not_mistaken_for_an_empty_one(host: Host, tmp_path: Path) -> None:
    driver = NbdStorageDriver(NbdSettings(pool_dir=tmp_path), host.context)
    with pytest.raises(Transient, match="not mounted"):
        await driver.list_volumes()
    with pytest.raises(Transient, match="not mounted"):
        await driver.ensure_volume(VOLUME)
    assert (await driver.probe()).problems


async def test_creating_a_pool_again_keeps_its_volumes(host: Host) -> None:
    await host.storage().ensure_volume(VOLUME)
    await create_pool(host.pool, size_gib=2)
    for again in (create_pool(host.pool, size_gib=2), mount_pool(host.pool)):
        await run("umount", host.pool)  # As after a reboot.
        await again
        assert set(await host.storage().list_volumes()) == {"vol-0a"}


async def test_a_size_is_for_a_pool_that_is_made_alone(device: Path, tmp_path: Path) -> None:
    """What is mounted already is the pool; no file of that size is made beside it."""
    pool = tmp_path / "pool"
    await create_pool(pool, device=device)
    await create_pool(pool, size_gib=1)
    assert not pool.with_name("pool.xfs").exists()
    await run("umount", pool)


async def test_mounting_makes_no_pool(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match=r"no pool at .*`create` makes a new one"):
        await mount_pool(tmp_path / "pool")
    assert list((tmp_path / "pool").iterdir()) == []


async def test_a_pool_of_an_earlier_version_is_completed(host: Host) -> None:
    (host.pool / NAME).unlink()
    (host.pool / "trash").rmdir()
    with pytest.raises(Transient, match="not a pool"):
        await host.storage().list_volumes()
    await mount_pool(host.pool)
    assert await host.storage().list_volumes() == {}


async def test_the_room_of_a_pool_in_a_file_is_its_own_from_the_start(host: Host) -> None:
    file = host.pool.with_name("pool.xfs").stat()
    assert file.st_blocks * 512 >= file.st_size == 2 * GIB


async def test_another_pool_in_its_place_is_refused(host: Host, export: ExportSpec, tmp_path: Path) -> None:
    await host.storage().ensure_volume(VOLUME)
    other = replace(host, settings=NbdSettings(pool_dir=tmp_path / "pool"))
    await create_pool(other.pool, size_gib=1)
    try:
        shutil.copy(host.pool / "volumes" / "vol-0a.raw", other.pool / "volumes")
        storage = other.storage()
        for attempt in (storage.list_volumes(), storage.ensure_volume(VOLUME), storage.ensure_export(export)):
            with pytest.raises(Transient, match=r"the volumes of this host are in pool .*: mount the disk"):
                await attempt
        assert "mount the disk" in (await other.storage().probe()).problems[0]
    finally:
        await destroy_pool(other.pool)
    assert set(await host.storage().list_volumes()) == {"vol-0a"}


@pytest.fixture
async def device(tmp_path: Path) -> AsyncIterator[Path]:
    """A blank one of 512 MiB."""
    file = tmp_path / "device"
    await run("truncate", "--size=512M", file)
    loop = (await run("losetup", "--find", "--show", file)).strip()
    yield Path(loop)
    await run("losetup", "--detach", loop)


@pytest.mark.parametrize("offset", [0, 300 * MIB, 512 * MIB - 4096])
async def test_no_pool_is_made_on_a_device_with_anything_on_it(device: Path, tmp_path: Path, offset: int) -> None:
    """blkid(8) knows nothing of it."""
    with device.open("r+b") as file:
        file.seek(offset)
        file.write(b"somebody's data")
    with pytest.raises(Permanent, match=rf"{device} is not blank"):
        await create_pool(tmp_path / "pool", device=device)
    with device.open("rb") as file:
        file.seek(offset)
        assert file.read(15) == b"somebody's data"


async def test_a_pool_on_a_blank_device_is_made_once(device: Path, tmp_path: Path) -> None:
    pool = tmp_path / "pool"
    await create_pool(pool, device=device)
    (pool / "volumes" / "vol-0a.raw").write_bytes(b"data")
    for again in (create_pool(pool, device=device), mount_pool(pool, device)):
        await run("umount", pool)
        await again
        assert (pool / "volumes" / "vol-0a.raw").read_bytes() == b"data"
    await run("umount", pool)
