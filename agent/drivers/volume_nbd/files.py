"""A pool's files: volumes, images, and the epoch that each volume has come to. Owns what is below `pool_dir`.

    volumes/<volume id>.raw    sparse; the extended attribute EPOCH: the latest epoch ever opened, and its boot
    images/<image id>.raw      never written again once it has this name
    trash/<volume id>.raw      a deleted volume, see `trash`

All of it blocks: callers use `PoolFiles.call`. A file has its name only when it is whole and durable, so a crash
leaves nothing half made. The epoch is part of the volume's inode: it can't be lost, or left behind, without the volume.

An exclusive flock(2) on a volume's file is the right to export it or to delete it. The storage daemon inherits the
descriptor, so that the right ends with the last process that could write, whoever else lives or dies.
"""

import errno
import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, ParamSpec, TypeVar

from agent.drivers.base import Permanent, Transient
from agent.drivers.volume_nbd.extents import taken_bytes
from agent.drivers.volume_nbd.identity import Identity, hint
from agent.files import fsync_directory
from agent.host.threads import Threads
from agent.model import VolumeFile, export_name

P = ParamSpec("P")
T = TypeVar("T")

FICLONE = 0x40049409  # ioctl_ficlone(2)
EPOCH = "user.stead.epoch"
# Calls into the pool at once. Fewer: one volume's fsync holds up others. More: nothing gained on one disk.
WORKERS = 16
DEADLINE_S = 30.0  # Lower: an fsync on a busy disk counts as stuck. Higher: a hung disk shows up later.
DIRECTORIES = ("volumes", "images", "trash")


@dataclass(frozen=True, slots=True)
class Opening:
    """An epoch that is to be opened, and this boot of the machine. `outlives_boot`: it may go on after another boot, as
    all who had it open have not outlived that one either.
    """

    epoch: int
    boot_id: str
    outlives_boot: bool = False


@dataclass(frozen=True, slots=True)
class PoolFiles:
    directory: Path
    known_id: Path
    reserve_percent: int = 0
    trash_percent: int = 0
    threads: Threads = field(default_factory=lambda: Threads("the pool's disk", WORKERS, DEADLINE_S))

    def volume_path(self, volume_id: str) -> Path:
        return self.directory / "volumes" / f"{volume_id}.raw"

    def trash_path(self, volume_id: str) -> Path:
        return self.directory / "trash" / f"{volume_id}.raw"

    def image_path(self, image_id: str) -> Path:
        return self.directory / "images" / f"{image_id}.raw"

    def check(self) -> None:
        """Raises Transient unless this is the host's pool, and Permanent where it can't clone.

        Nothing is ever made here: where a pool is not mounted, volumes would silently start from nothing.
        """
        self.check_identity()
        check_clones(self.directory)

    def check_identity(self) -> None:
        Identity(self.directory, self.known_id).check()

    def whole_bytes(self) -> int:
        stat = os.statvfs(self.directory)
        return stat.f_blocks * stat.f_frsize

    def capacity_bytes(self) -> int:
        """What volumes may fill, all together, where nobody else has taken it."""
        return self.whole_bytes() * (100 - self.reserve_percent) // 100

    def foreign_bytes(self) -> int:
        """What is taken of the filesystem, but by none of ours: its own needs, too. Reads the extents of all files."""
        ours = (path for name in DIRECTORIES for path in (self.directory / name).iterdir())
        return max(0, self.whole_bytes() - self.unwritten_bytes() - taken_bytes(ours))

    def trash_bytes(self) -> int:
        """The most that the trash may keep."""
        return self.whole_bytes() * self.trash_percent // 100

    def unwritten_bytes(self) -> int:
        """What the filesystem has left. Volumes are sparse: most of it may be promised already."""
        stat = os.statvfs(self.directory)
        return stat.f_bavail * stat.f_frsize

    def volume_files(self) -> dict[str, VolumeFile]:
        """By volume id."""
        return dict(still_there((self.directory / "volumes").glob("*.raw"), lambda path: (path.stem, describe(path))))

    def volume_size(self, volume_id: str) -> int:
        """In bytes; 0 where there is none."""
        path = self.volume_path(volume_id)
        return path.stat().st_size if path.exists() else 0

    def volume_sizes(self) -> dict[str, int]:
        """Size in bytes by volume id."""
        volumes = (self.directory / "volumes").glob("*.raw")
        return dict(still_there(volumes, lambda path: (path.stem, path.stat().st_size)))

    def create_volume(self, volume_id: str, size_bytes: int, image: Path | None) -> None:
        """As a clone of `image`, or of zeros. Leaves nothing behind on failure."""
        path = self.volume_path(volume_id)
        with _unnamed_file(path.parent) as volume:
            if image is not None:
                _clone(image, volume, size_bytes)
            os.ftruncate(volume, size_bytes)
            os.fsync(volume)
            with _open_directory(path.parent) as directory:
                os.link(f"/proc/self/fd/{volume}", path.name, dst_dir_fd=directory, follow_symlinks=True)
                os.fsync(directory)

    def grow_volume(self, volume_id: str, size_bytes: int) -> None:
        with self.volume_path(volume_id).open("r+b") as volume:
            volume.truncate(size_bytes)
            os.fsync(volume.fileno())

    def claim(self, volume_id: str, opening: Opening) -> BinaryIO:
        """The right to export the volume, for as long as this file, or a process that inherited it, is open.

        The epoch is durable when this returns. Raises as `check_epoch`, and Transient when somebody has the right.
        """
        self.check_identity()
        claim = self.lock(volume_id)
        try:
            self.check_epoch(volume_id, opening)
            _note_epoch(claim, opening)
        except BaseException:
            claim.close()
            raise
        return claim

    def lock(self, volume_id: str) -> BinaryIO:
        """The right to export or delete the volume, as long as this file is open."""
        path = self.volume_path(volume_id)
        try:
            file = path.open("rb")
        except FileNotFoundError as error:
            raise Transient(f"volume {volume_id} is not in pool {self.directory} yet") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.close()
            raise Transient(f"volume {volume_id} is still exported: `fuser {path}` tells by whom") from error
        return file

    def is_held(self, volume_id: str) -> bool:
        """Whether somebody may have it open. Nobody can tell of a volume whose file is gone."""
        try:
            self.lock(volume_id).close()
        except Transient:
            return True
        return False

    def is_undated(self, volume_id: str, opening: Opening) -> bool:
        """Whether the epoch was opened by a version that noted no boot."""
        return self._latest_epoch(volume_id) == (opening.epoch, "")

    def date(self, volume_id: str, opening: Opening) -> None:
        """Note the boot of an epoch that is open, where the version that opened it did not."""
        if self.is_undated(volume_id, opening):
            with self.volume_path(volume_id).open("rb") as volume:
                _note_epoch(volume, opening)

    def check_epoch(self, volume_id: str, opening: Opening) -> None:
        """Raises Permanent when a later epoch was opened, or this one in another boot; Transient without a volume."""
        latest, boot_id = self._latest_epoch(volume_id)
        if opening.epoch < latest:
            name = export_name(volume_id, opening.epoch)
            raise Permanent(f"{name} is over for good: {volume_id} was opened in epoch {latest}")
        if opening.epoch == latest and boot_id not in ("", opening.boot_id) and not opening.outlives_boot:
            raise Permanent(
                f"{export_name(volume_id, latest)} ended when its storage host went down, since what was not flushed "
                "may be lost; its instance goes on in a new epoch, after a power cycle"
            )

    def _latest_epoch(self, volume_id: str) -> tuple[int, str]:
        """And the boot in which it was opened; empty where an earlier version did not say."""
        try:
            return _read_epoch(self.volume_path(volume_id))
        except FileNotFoundError as error:
            raise Transient(f"volume {volume_id} is not in pool {self.directory} yet") from error

    def publish_image(self, part: Path, image: Path) -> None:
        """Give a whole image its name, durably."""
        part.rename(image)
        fsync_directory(image.parent)

    def require(self, what: str, needed_bytes: int, free_bytes: int) -> None:
        """Raises Permanent when the pool has too little for `what`."""
        if needed_bytes > free_bytes:
            raise self._full(what, needed_bytes, free_bytes)

    async def call(self, what: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do blocking work on `what` in a thread, with `errors`."""
        with self.errors(what):
            return await self.threads.run(what, work, *args, **kwargs)

    @contextmanager
    def errors(self, what: str, needed_bytes: int = 0) -> Iterator[None]:
        """What the filesystem refuses, in the two errors that a driver may raise."""
        try:
            yield
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise self._full(what, needed_bytes, self.unwritten_bytes()) from error
            raise Transient(f"{what} in pool {self.directory}: {error}; the kernel's log may say more") from error

    def _full(self, what: str, needed_bytes: int, free_bytes: int) -> Permanent:
        return Permanent(
            f"pool {self.directory} is full: {what} needs {needed_bytes} bytes, {max(0, free_bytes)} are free; "
            "delete volumes or enlarge its filesystem"
        )


def still_there(paths: Iterable[Path], look: Callable[[Path], T]) -> Iterator[T]:
    """What `look` sees of each; what went since it was listed is left out."""
    for path in paths:
        try:
            seen = look(path)
        except FileNotFoundError:
            continue
        yield seen


def describe(path: Path) -> VolumeFile:
    """A volume's file, or one in the trash, without telling which."""
    stat, (epoch, _) = path.stat(), _read_epoch(path)
    return VolumeFile(stat.st_size, epoch=epoch, changed_at=int(stat.st_mtime))


def _read_epoch(path: Path) -> tuple[int, str]:
    """The latest that was opened, and its boot. Raises FileNotFoundError."""
    try:
        epoch, _, boot_id = os.getxattr(path, EPOCH).decode().partition(" ")
        return int(epoch), boot_id
    except OSError as error:
        if error.errno != errno.ENODATA:
            raise
        return 0, ""


def _note_epoch(volume: BinaryIO, opening: Opening) -> None:
    os.setxattr(volume.fileno(), EPOCH, f"{opening.epoch} {opening.boot_id}".encode())
    os.fsync(volume.fileno())


def check_clones(directory: Path) -> None:
    """Raises Permanent unless the filesystem can clone files."""
    try:
        with _unnamed_file(directory) as source, _unnamed_file(directory) as target:
            fcntl.ioctl(target, FICLONE, source)
    except OSError as error:
        raise Permanent(
            f"the filesystem of {directory} cannot clone files ({error.strerror}); it takes XFS or btrfs: "
            + hint(directory)
        ) from error


def _clone(image: Path, volume: int, size_bytes: int) -> None:
    with image.open("rb") as source:
        image_bytes = os.fstat(source.fileno()).st_size
        if image_bytes > size_bytes:
            raise Permanent(f"image {image.stem} has {image_bytes} bytes and does not fit a volume of {size_bytes}")
        fcntl.ioctl(volume, FICLONE, source.fileno())


@contextmanager
def _unnamed_file(directory: Path) -> Iterator[int]:
    """A file that is gone when closed, or after a crash, unless it was linked to a name."""
    fd = os.open(directory, os.O_TMPFILE | os.O_RDWR, 0o600)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _open_directory(directory: Path) -> Iterator[int]:
    fd = os.open(directory, os.O_DIRECTORY)
    try:
        yield fd
    finally:
        os.close(fd)
