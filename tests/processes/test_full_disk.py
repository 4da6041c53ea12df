"""The disk of the control plane's machine is full: nothing that was acknowledged is lost, and room is all it takes."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path

import grpc
import pytest
import pytest_asyncio

from tests.contract.control_plane import Refused
from tests.processes.programs import Daemon, Host
from tests.processes.region import Region, until

pytestmark = pytest.mark.host

DISK_BYTES, FLOOR_BYTES = 48 << 20, 8 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own, of a kind that databases stand on."""
    image, directory = tmp_path / "disk.img", tmp_path / "disk"
    directory.mkdir()
    subprocess.run(["truncate", f"--size={DISK_BYTES}", image], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, directory], check=True)
    yield directory
    subprocess.run(["umount", directory], check=True)


@pytest_asyncio.fixture
async def daemon(disk: Path, tmp_path: Path) -> Daemon:
    daemon = Daemon(disk)
    daemon.log = tmp_path / "log"  # As the journal, not on that disk.
    with daemon.config.open("a") as config:
        config.write(f"[uploads]\nfree_space_floor_mib = {FLOOR_BYTES >> 20}\n")
    await daemon.init()
    return daemon


@asynccontextmanager
async def unit(daemon: Daemon) -> AsyncIterator[list[int]]:
    """Starts it again whenever it ends, as its unit does; what it ended with."""
    ends: list[int] = []

    async def restart() -> None:
        while True:
            async with daemon.running() as process:
                ends.append(await process.wait())
            await asyncio.sleep(0.2)

    task = asyncio.create_task(restart())
    try:
        yield ends
    finally:
        task.cancel()
        await asyncio.wait([task])


def fill(disk: Path, but_bytes: int = 0) -> None:
    """Something else takes all there is, but so much."""
    with (disk / "filling").open("ab", buffering=0) as file, suppress(OSError):
        while True:
            space = os.statvfs(disk)
            file.write(bytes(min(1 << 20, max(512, space.f_bavail * space.f_frsize - but_bytes))))
            if space.f_bavail * space.f_frsize <= but_bytes:
                break


async def refused(region: Region, made: list[str]) -> str:
    """Makes projects until one is refused; its name. Those of which the reply came are added to `made`."""
    for number in count():
        name = f"p{number}"
        try:
            await region.ask("CreateProject", name=name, client_token=name)
        except Refused as error:
            if error.status is not grpc.StatusCode.UNAVAILABLE:
                raise
            return name
        made.append(name)
    raise AssertionError


async def projects(region: Region) -> list[str]:
    return [row.name for row in (await region.ask("DescribeProjects")).projects]


async def test_nothing_acknowledged_is_lost_and_room_is_all_it_takes(
    daemon: Daemon, disk: Path, tmp_path: Path
) -> None:
    host, made = Host(tmp_path / "host"), list[str]()
    async with daemon.channel() as channel, unit(daemon) as ends:
        region = Region(daemon, channel)
        await region.import_image()
        await host.join(await region.token())
        async with host.running():
            await region.wait_for_host()
            first = await region.run("first")
            fill(disk, FLOOR_BYTES - (1 << 20))
            with pytest.raises(grpc.aio.AioRpcError, match="has no room for the image"):
                await region.import_image("another")
            await region.run("second")

            fill(disk, but_bytes=256 << 10)
            doubtful = await refused(region, made)
            await until(lambda: bool(ends), "the process has ended")
            assert set(ends) == {1}
            assert made
            assert "database or disk is full" in daemon.log.read_text()

            (disk / "filling").unlink()
            assert set(made) <= set(await projects(region))
            await region.ask("CreateProject", name=doubtful, client_token=doubtful)
            assert (await projects(region)).count(doubtful) == 1
            await region.wait_for_host()
            await region.wait_for_instance(first)
            await region.run("third")
            await region.import_image("another")
