"""Set a pool up, mount it, and take it down: `python -m agent.drivers.volume_nbd.pool create|mount|destroy`.

A pool is a directory on XFS or btrfs. Where the host has none, `create` makes an XFS and mounts it there: on a blank
device, or in the file `<dir>.xfs`, which has all its room from the start, so that nothing else fills it. That is done
once. At each boot `mount`, before the agent and in its mount namespace, mounts what is there, and makes nothing: a pool
that is missing is never replaced by an empty one.
"""
# ruff: noqa: ASYNC240 (nothing else runs on this loop)

import asyncio
import shutil
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated

import typer

from agent import once
from agent.drivers.base import DriverError, Permanent
from agent.drivers.volume_nbd import blank, identity
from agent.drivers.volume_nbd.files import DIRECTORIES, check_clones
from agent.files import fsync_directory
from agent.host.process import CommandFailed, run

MAKE_XFS = ("mkfs.xfs", "-q", "-m", "reflink=1")
MAKE_XFS_TIMEOUT_S = 600.0  # A large device is discarded first.
BLKID_NOTHING_FOUND = 2

app = typer.Typer(help=__doc__, no_args_is_help=True)
Directory = Annotated[Path, typer.Option("--dir", help="The pool, e.g. /var/lib/stead/pool.")]


async def create_pool(directory: Path, size_gib: int | None = None, device: Path | None = None) -> None:
    """Make `directory` a pool, or see that it is one. With neither size nor device its own filesystem must do.

    Raises CommandFailed, OSError, or Permanent when the device is not blank or the filesystem can't clone.
    """
    if not await _mount(directory, device):
        if device is not None:
            blank.check(device)
            await run(*MAKE_XFS, device, timeout_s=MAKE_XFS_TIMEOUT_S)
        elif size_gib is not None:
            await _make_file(_backing_file(directory), size_gib)
        await _mount(directory, device)
    check_clones(directory)
    _complete(directory)


async def mount_pool(directory: Path, device: Path | None = None) -> None:
    """Mount the pool that was made there. Raises CommandFailed, or Permanent when there is none."""
    await _mount(directory, device)
    if not (directory / "volumes").is_dir():
        where = device or _backing_file(directory)
        raise Permanent(
            f"there is no pool at {directory}, nor in {where}: is its disk missing? `create` makes a new one"
        )
    _complete(directory)


async def _mount(directory: Path, device: Path | None) -> bool:
    """Mount what is there; whether anything is."""
    directory.mkdir(parents=True, exist_ok=True)
    if directory.is_mount():
        return True
    if device is not None:
        if not await _holds_xfs(device):
            return False
        await run("mount", "-t", "xfs", device, directory)
        return True
    if not _backing_file(directory).exists():
        return False
    await _mount_file(_backing_file(directory), directory)
    return True


def _complete(directory: Path) -> None:
    """What pools of earlier versions lack, too."""
    for name in DIRECTORIES:
        (directory / name).mkdir(exist_ok=True)
    identity.ensure(directory)


async def destroy_pool(directory: Path) -> None:
    """Delete all volumes and images; on a device they stay, unmounted. Success if there is no pool.

    Raises CommandFailed while something in it is open.
    """
    if directory.is_mount():
        await run("umount", directory)
    for name in DIRECTORIES:
        shutil.rmtree(directory / name, ignore_errors=True)
    (directory / identity.NAME).unlink(missing_ok=True)
    _backing_file(directory).unlink(missing_ok=True)


async def _make_file(path: Path, size_gib: int) -> None:
    """A file with an empty XFS in it, which has its name only when it is whole. It has all its room at once: else the
    pool would offer what the filesystem below it may give to others.
    """
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    try:
        await run("fallocate", f"--length={size_gib}GiB", part)
        await run(*MAKE_XFS, "-K", part)  # Without discarding, which would give the room back.
        await run("sync", part)
        part.rename(path)
        fsync_directory(path.parent)
    finally:
        part.unlink(missing_ok=True)


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


async def _holds_xfs(device: Path) -> bool:
    try:
        return (await run("blkid", "--probe", "--match-tag", "TYPE", "--output", "value", device)).strip() == "xfs"
    except CommandFailed as error:
        if error.exit_code == BLKID_NOTHING_FOUND:
            return False
        raise


def _backing_file(directory: Path) -> Path:
    return directory.with_name(f"{directory.name}.xfs")


@app.command(cls=once.Command)
def create(
    directory: Directory,
    size_gib: Annotated[int | None, typer.Option(min=1, help="Make an XFS of this size in the file <dir>.xfs.")] = None,
    device: Annotated[Path | None, typer.Option(help="Make an XFS on this blank device instead.")] = None,
) -> None:
    """Make a pool, once. One that is there stays as it is, and is mounted."""
    _finish(create_pool(directory, size_gib, device))


@app.command(cls=once.Command)
def mount(
    directory: Directory,
    device: Annotated[Path | None, typer.Option(help="The device that it was made on, if any.")] = None,
) -> None:
    """Mount the pool that was made there, as at each boot. Makes nothing."""
    _finish(mount_pool(directory, device))


@app.command(cls=once.Command)
def destroy(directory: Directory) -> None:
    """Delete a pool with all its volumes; what is on a device of its own is only unmounted."""
    _finish(destroy_pool(directory))


def _finish(work: Coroutine[None, None, None]) -> None:
    try:
        asyncio.run(work)
    except (CommandFailed, DriverError, OSError) as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    app()
