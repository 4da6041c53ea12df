"""Set a pool up, and take it down: `python -m agent.drivers.volume_nbd.pool create|destroy`.

A pool is a directory on XFS or btrfs. Where the host has none, `create` makes an XFS and mounts it there: on a device,
or in the file `<dir>.xfs`, which is thin, so the filesystem below it must have the room. To be run again at each boot,
before the agent and in its mount namespace: it mounts what is there already.
"""
# ruff: noqa: ASYNC240 (nothing else runs on this loop)

import asyncio
import shutil
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated

import typer

from agent.drivers.base import DriverError
from agent.drivers.volume_nbd.files import DIRECTORIES, PoolFiles
from agent.host.process import CommandFailed, run

MAKE_XFS = ("mkfs.xfs", "-q", "-m", "reflink=1")
MAKE_XFS_TIMEOUT_S = 600.0  # A large device is discarded first.
BLKID_NOTHING_FOUND = 2

app = typer.Typer(help=__doc__, no_args_is_help=True)
Directory = Annotated[Path, typer.Option("--dir", help="The pool, e.g. /var/lib/stead/pool.")]


async def create_pool(directory: Path, size_gib: int | None = None, device: Path | None = None) -> None:
    """Make `directory` a pool, or see that it is one. With neither size nor device its own filesystem must do.

    Raises CommandFailed, or Permanent when the filesystem can't clone.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if not directory.is_mount() and device is not None:
        await _mount_device(device, directory)
    elif not directory.is_mount() and size_gib is not None:
        await _mount_file(await _make_file(_backing_file(directory), size_gib), directory)
    PoolFiles(directory, reserve_percent=0).check_clones()
    for name in DIRECTORIES:
        (directory / name).mkdir(exist_ok=True)


async def destroy_pool(directory: Path) -> None:
    """Delete all volumes and images; on a device they stay, unmounted. Success if there is no pool.

    Raises CommandFailed while something in it is open.
    """
    if directory.is_mount():
        await run("umount", directory)
    for name in DIRECTORIES:
        await asyncio.to_thread(shutil.rmtree, directory / name, ignore_errors=True)
    _backing_file(directory).unlink(missing_ok=True)


async def _make_file(path: Path, size_gib: int) -> Path:
    """A thin file with an empty XFS in it. It has its name only when it is whole."""
    if not path.exists():
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        await run("truncate", f"--size={size_gib}G", part)
        await run(*MAKE_XFS, part)
        part.rename(path)
    return path


async def _mount_file(path: Path, directory: Path) -> None:
    """Through a loop device that goes when the mount goes. Direct I/O spares the file a second page cache."""
    try:
        loop = await run("losetup", "--find", "--show", "--direct-io=on", path)
    except CommandFailed:  # A filesystem without O_DIRECT, as tmpfs.
        loop = await run("losetup", "--find", "--show", path)
    try:
        await run("mount", "-t", "xfs", loop.strip(), directory)
    finally:
        await run("losetup", "--detach", loop.strip())  # Takes effect when the mount has gone: losetup(8).


async def _mount_device(device: Path, directory: Path) -> None:
    """Make an XFS on a blank device; mkfs refuses one that holds anything else."""
    if not await _holds_xfs(device):
        await run(*MAKE_XFS, device, timeout_s=MAKE_XFS_TIMEOUT_S)
    await run("mount", "-t", "xfs", device, directory)


async def _holds_xfs(device: Path) -> bool:
    try:
        return (await run("blkid", "--probe", "--match-tag", "TYPE", "--output", "value", device)).strip() == "xfs"
    except CommandFailed as error:
        if error.exit_code == BLKID_NOTHING_FOUND:
            return False
        raise


def _backing_file(directory: Path) -> Path:
    return directory.with_name(f"{directory.name}.xfs")


@app.command()
def create(
    directory: Directory,
    size_gib: Annotated[int | None, typer.Option(min=1, help="Make an XFS of this size in the file <dir>.xfs.")] = None,
    device: Annotated[Path | None, typer.Option(help="Make an XFS on this blank device instead.")] = None,
) -> None:
    """Make a pool, or mount the one that is there."""
    _finish(create_pool(directory, size_gib, device))


@app.command()
def destroy(directory: Directory) -> None:
    """Delete a pool with all its volumes; what is on a device of its own is only unmounted."""
    _finish(destroy_pool(directory))


def _finish(work: Coroutine[None, None, None]) -> None:
    try:
        asyncio.run(work)
    except (CommandFailed, DriverError) as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    app()
