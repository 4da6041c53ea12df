"""A pool's trash: deleted volumes, until their time is over or their room is needed. All of it blocks.

    volumes/<volume id>.raw  <--restore--  --bury-->  trash/<volume id>.raw  --empty-->

A volume keeps its size, its epoch and its data there. Moments are Unix seconds.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from agent.drivers.volume_nbd.files import PoolFiles, still_there
from agent.files import fsync_directory

DELETED_AT = "user.stead.deleted_at"


@dataclass(frozen=True, slots=True, order=True)
class Buried:
    deleted_at: float
    size_bytes: int
    path: Path


def bury(pool: PoolFiles, volume_id: str, now: float) -> None:
    """Success if it is there or nowhere. Raises Transient while it is exported."""
    path = pool.volume_path(volume_id)
    if path.exists():
        with pool.lock(volume_id) as volume:
            os.setxattr(volume.fileno(), DELETED_AT, str(now).encode())
            os.fsync(volume.fileno())
            path.rename(pool.trash_path(volume_id))
    fsync_directory(pool.trash_path(volume_id).parent)
    fsync_directory(path.parent)


def restore(pool: PoolFiles, volume_id: str) -> None:
    """Take it out of the trash, if it is there and no volume has its name."""
    path, buried = pool.volume_path(volume_id), pool.trash_path(volume_id)
    if buried.exists() and not path.exists():
        buried.rename(path)
        fsync_directory(path.parent)
        fsync_directory(buried.parent)


def select(pool: PoolFiles) -> list[Buried]:
    """The earliest deleted first."""
    return sorted(still_there(pool.trash_path("x").parent.glob("*.raw"), _buried))


def _buried(path: Path) -> Buried:
    """What an operator put there is as old as its last change."""
    stat = path.stat()
    try:
        deleted_at = float(os.getxattr(path, DELETED_AT))
    except OSError:
        deleted_at = stat.st_mtime
    return Buried(deleted_at, stat.st_size, path)


def outlived(buried: Iterable[Buried], before: float, most_bytes: int) -> list[Buried]:
    """Those deleted before that moment, and the earliest of the rest while all together exceed `most_bytes`."""
    rest = sorted(buried)
    excess_bytes = sum(one.size_bytes for one in rest) - most_bytes
    over = []
    for one in rest:
        if one.deleted_at < before or excess_bytes > 0:
            over.append(one)
            excess_bytes -= one.size_bytes
    return over


def empty(buried: Iterable[Buried]) -> None:
    """For good."""
    for one in buried:
        one.path.unlink(missing_ok=True)
