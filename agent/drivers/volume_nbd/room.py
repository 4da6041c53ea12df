"""The pool's room: what is taken of it, and what gives way to what is needed. All of it blocks.

Volumes are promised their whole size from the start, and keep the claim in the trash; images take what they take. What
others have written into the filesystem can't be promised. Room is found among images, the longest unused first, since
they can be fetched again; then in the trash, the earliest deleted first. What is under way counts: whoever makes a
volume holds the lock, and an image that comes has a claim.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.drivers.base import Transient
from agent.drivers.volume_nbd import trash
from agent.drivers.volume_nbd.files import PoolFiles

BLOCK_BYTES = 512  # Unit of st_blocks: inode(7).
# How many times as long as measuring takes its result counts. Fewer: a host of many volumes is busy with it. More: what
# others write into the pool is noticed later.
MEASURING_PAUSE = 50


@dataclass(frozen=True, slots=True)
class _Spare:
    """A file that may go."""

    path: Path
    size_bytes: int


class Room:
    """One for all who put anything into a pool."""

    def __init__(self, pool: PoolFiles) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        self._claims: dict[str, int] = {}
        self._foreign, self._measured_until = 0, 0.0

    def capacity_bytes(self) -> int:
        """What volumes may fill, all together."""
        return max(0, min(self._pool.capacity_bytes(), self._left_bytes()))

    def _left_bytes(self) -> int:
        return self._pool.whole_bytes() - self._foreign_bytes()

    def _foreign_bytes(self) -> int:
        """What others have taken; measured again after so long that it costs a part of the time that nobody notices."""
        began = time.monotonic()
        if began >= self._measured_until:
            self._foreign = self._pool.foreign_bytes()
            now = time.monotonic()
            self._measured_until = now + MEASURING_PAUSE * (now - began)
        return self._foreign

    @contextmanager
    def for_volume(self, what: str, needed_bytes: int, source: Path | None) -> Iterator[None]:
        """Make the volume in here, from the image `source` if any, which gives way at the end at the latest.

        Raises Permanent when the pool is too full, Transient when that is by others' files.
        """
        with self._lock:
            self._find(what, needed_bytes, self._pool.capacity_bytes(), source)
            yield
            self._find("images", 0, self._pool.capacity_bytes(), None, must_fit=False)

    def claim(self, what: str, needed_bytes: int) -> None:
        """So much more room for an image on its way. Raises Permanent when the pool is too full."""
        with self._lock:
            self._find(what, needed_bytes, self._pool.whole_bytes(), None)
            self._pool.require(what, needed_bytes, self._pool.unwritten_bytes())
            self._claims[what] = self._claims.get(what, 0) + needed_bytes

    @contextmanager
    def settling(self, what: str) -> Iterator[None]:
        """Give the image its name in here; it then counts instead of its claim."""
        with self._lock:
            yield
            self._claims.pop(what, None)

    def give_up(self, what: str) -> None:
        with self._lock:
            self._claims.pop(what, None)

    def sweep_trash(self, before: float) -> None:
        """Empty it of what was deleted before that moment, and of what exceeds its share."""
        with self._lock:
            trash.empty(trash.outlived(trash.select(self._pool), before, self._pool.trash_bytes()))

    def _find(
        self, what: str, needed_bytes: int, limit_bytes: int, source: Path | None, *, must_fit: bool = True
    ) -> None:
        """Nothing is given up in vain: what can't fit at all is refused before."""
        images = [image for image in self._images() if image.path != source]
        buried = [_Spare(one.path, one.size_bytes) for one in trash.select(self._pool)]
        fixed_bytes = sum(self._pool.volume_sizes().values()) + sum(self._claims.values())
        if must_fit:
            self._pool.require(what, needed_bytes, limit_bytes - fixed_bytes)
            self._require_of_others(what, needed_bytes, self._left_bytes() - fixed_bytes)
        free_bytes = (
            min(limit_bytes, self._left_bytes()) - fixed_bytes - sum(one.size_bytes for one in (*images, *buried))
        )
        for one in (*images, *buried):
            if free_bytes >= needed_bytes:
                break
            one.path.unlink(missing_ok=True)
            free_bytes += one.size_bytes

    def _require_of_others(self, what: str, needed_bytes: int, left_bytes: int) -> None:
        """Raises Transient: what isn't ours may go without our being told."""
        if needed_bytes > left_bytes:
            raise Transient(
                f"pool {self._pool.directory} is full: {what} needs {needed_bytes} bytes, {max(0, left_bytes)} are "
                f"free and {self._foreign_bytes()} are taken by what is not Stead's; move it away"
            )

    def _images(self) -> list[_Spare]:
        """The longest unused first."""
        stats = {path: path.stat() for path in self._pool.image_path("x").parent.glob("*.raw")}
        by_use = sorted(stats, key=lambda path: stats[path].st_mtime)
        return [_Spare(path, stats[path].st_blocks * BLOCK_BYTES) for path in by_use]
