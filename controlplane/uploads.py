"""Uploaded images on the control plane's disk: received whole and checked, or not there at all.

    arriving/<project>.<sha256>.<image> --complete--> <image>
                 |
                 +--breaks off--> kept/<project>.<sha256>, from which the same file may be continued for a while

The database may live on the same disk: uploads never take the last `free_space_floor_bytes` of it.
"""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator, Callable, Container
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import FileIO
from itertools import takewhile
from pathlib import Path
from typing import TypeVar

from controlplane.errors import NoCapacity, Unavailable
from controlplane.model.bounds import Positive

T = TypeVar("T")

CHUNK_BYTES = 1 << 20
# Reads and writes at once. Fewer: one slow request delays all transfers. More: threads that wait for the same disk.
THREADS = 4
# What must arrive within the idle timeout. More: slow lines are cut off. Less: a place is held by a byte a minute.
PACE_BYTES = 1 << 18
# Broken-off uploads that a project may continue. Fewer: two at once can't both. More: disk that nobody asked for.
KEPT_PER_PROJECT = 2
# docs/interop/qcow2.txt of QEMU: magic, version (4), backing file offset (8), size (24), incompatible features (72).
_QCOW2_MAGIC = b"QFI\xfb"
_QCOW2_HEADER_BYTES = 80
_EXTERNAL_DATA_FILE = 1 << 2


class BadUpload(Exception):
    """The bytes are not what was announced. The message says what is wrong."""


@dataclass(frozen=True, slots=True)
class UploadRules:
    """What the operator allows: a section of the configuration."""

    # Images being uploaded in the whole region. More: each is slower, since they share a disk and a line.
    at_once: Positive = 32
    # Of one project. As many as `at_once`: one project can keep all others waiting.
    at_once_per_project: Positive = 8
    # An upload that brings less than 256 KiB in so long is broken off. Shorter: slow lines. Longer: held places.
    idle_timeout_s: Positive = 60
    # How long the beginning of a broken-off upload is kept, so that `stead image import` can go on from there.
    kept_s: int = 86400
    # What uploads leave free of their disk, which is the database's, too. Less: logs or backups of yours may fill it,
    # and a database without room ends the control plane.
    free_space_floor_mib: int = 1024

    @property
    def free_space_floor_bytes(self) -> int:
        return self.free_space_floor_mib << 20


@dataclass(frozen=True, slots=True)
class Announced:
    """A file as its sender describes it; `sha256` is hexadecimal. The first byte to come is the one at `offset`."""

    project_id: str
    sha256: str
    size_bytes: int
    image_format: str
    offset: int = 0

    @property
    def kept_name(self) -> str:
        return f"{self.project_id}.{self.sha256}"


@dataclass(slots=True)
class _Arrival:
    """An upload in progress: how much of it is here, and how long its sender may be silent."""

    announced: Announced
    received: int
    digest: "hashlib._Hash"
    patience: asyncio.Timeout | None = None

    @property
    def missing_bytes(self) -> int:
        return self.announced.size_bytes - self.received


class Uploads:
    """One file for each image, named by its id."""

    def __init__(self, directory: Path, rules: UploadRules | None = None) -> None:
        self._directory = directory
        self._kept = directory / "kept"
        self._arriving = directory / "arriving"
        self._rules = rules or UploadRules()
        self._arrivals: dict[str, _Arrival] = {}
        self._is_closing = False
        self._threads = ThreadPoolExecutor(THREADS, "uploads")
        for folder in (self._kept, self._arriving):
            folder.mkdir(parents=True, exist_ok=True)
        for leftover in self._arriving.iterdir():
            self._set_aside(leftover)

    def path(self, image_id: str) -> Path:
        return self._directory / image_id

    def arriving_bytes(self, project_id: str) -> int:
        """What the project's uploads in progress will take."""
        return sum(row.announced.size_bytes for row in self._of(project_id))

    def _of(self, project_id: str) -> list[_Arrival]:
        return [row for row in self._arrivals.values() if row.announced.project_id == project_id]

    async def kept_bytes(self, announced: Announced) -> int:
        """How much of a file is here from an upload that broke off."""
        return await self._in_thread(_size, self._kept / announced.kept_name)

    def expect(self, image_id: str, announced: Announced) -> None:
        """Give an upload its place, before anything else may happen. `done` must follow in any case.

        Raises NoCapacity when too many come at once.
        """
        own, limit = len(self._of(announced.project_id)), self._rules.at_once_per_project
        if self._is_closing:
            raise Unavailable("Unavailable", "The control plane is restarting; try again")
        if own >= limit or len(self._arrivals) >= self._rules.at_once:
            raise NoCapacity(
                "ResourceLimitExceeded",
                f"{own} uploads of the project are in progress, of {limit} allowed, and {len(self._arrivals)} in the"
                f" region, of {self._rules.at_once}; wait until one is done",
            )
        self._arrivals[image_id] = _Arrival(announced, announced.offset, hashlib.sha256())

    async def receive(self, image_id: str, chunks: AsyncIterator[bytes]) -> int:
        """Store an upload that is expected, durably; returns the size in bytes of the disk in it.

        Raises BadUpload; NoCapacity when the disk is full; Unavailable when it broke off and may be continued in
        another call.
        """
        arrival = self._arrivals[image_id]
        announced = arrival.announced
        await self._check_room(arrival)
        part = self._arriving / f"{announced.kept_name}.{image_id}"
        try:
            if announced.offset:
                await self._continue(part, arrival)
            await self._write(part, arrival, chunks)
            size = await self._in_thread(disk_size, part, announced.image_format)
            await self._in_thread(self._publish, part, image_id)
        except BadUpload:
            await self._in_thread(part.unlink, True)
            raise
        except BaseException:
            await self._in_thread(self._set_aside, part)
            raise
        return size

    async def done(self, image_id: str, *, is_known: bool) -> None:
        """The image is registered, or will never be."""
        if not is_known:
            await self._in_thread(self.path(image_id).unlink, True)
        self._arrivals.pop(image_id, None)

    async def _check_room(self, arrival: _Arrival) -> None:
        """Whether it fits beside those that were expected before it. Raises NoCapacity."""
        free = await self._in_thread(_free_bytes, self._directory)
        earlier = takewhile(lambda row: row is not arrival, self._arrivals.values())
        promised = sum(row.missing_bytes for row in earlier)
        room = free - promised - self._rules.free_space_floor_bytes
        if arrival.missing_bytes > room:
            raise _no_room(f"{arrival.missing_bytes} bytes are to come, and there is room for {max(room, 0)}")

    async def _continue(self, part: Path, arrival: _Arrival) -> None:
        """Make a kept file the caller's own, up to its offset; of two callers one gets it."""
        kept, offset = self._kept / arrival.announced.kept_name, arrival.announced.offset
        if await self._in_thread(_size, kept) < offset:
            raise BadUpload(
                f"less than {offset} bytes of it are here; ask again how much, or send it from the beginning"
            )
        await self._in_thread(kept.rename, part)
        await self._in_thread(os.truncate, part, offset)
        async for chunk in self._read(part):
            await self._in_thread(arrival.digest.update, chunk)

    async def _write(self, part: Path, arrival: _Arrival, chunks: AsyncIterator[bytes]) -> None:
        """Take the file in, to its end. It is then whole, on disk, and what was announced."""
        announced = arrival.announced
        with FileIO(part, "ab") as file:
            try:
                async with asyncio.timeout(self._rules.idle_timeout_s) as arrival.patience:
                    await self._take_in(file, arrival, chunks)
            except TimeoutError:
                reason = "the control plane is restarting" if self._is_closing else "its sender was silent for too long"
                raise Unavailable("Unavailable", f"The upload broke off, since {reason}; it can be continued") from None
            await self._in_thread(os.fsync, file.fileno())
        if arrival.received != announced.size_bytes:
            raise BadUpload(
                f"{arrival.received} bytes came, {announced.size_bytes} were announced; send the file again"
            )
        if arrival.digest.hexdigest() != announced.sha256:
            raise BadUpload(
                f"SHA-256 is {arrival.digest.hexdigest()}, {announced.sha256} was announced; send the file again"
            )

    async def _take_in(self, file: FileIO, arrival: _Arrival, chunks: AsyncIterator[bytes]) -> None:
        pace = 0
        async for chunk in chunks:
            arrival.received += len(chunk)
            if arrival.received > arrival.announced.size_bytes:
                size = arrival.announced.size_bytes
                raise BadUpload(f"the file is longer than the {size} bytes that were announced")
            await self._in_thread(self._append, file, arrival.digest, chunk)
            pace += len(chunk)
            if pace >= PACE_BYTES and not self._is_closing and arrival.patience:
                pace = 0
                arrival.patience.reschedule(asyncio.get_running_loop().time() + self._rules.idle_timeout_s)

    def _append(self, file: FileIO, digest: "hashlib._Hash", chunk: bytes) -> None:
        if _free_bytes(self._directory) - len(chunk) < self._rules.free_space_floor_bytes:
            raise _no_room("something else has filled its disk")
        view = memoryview(chunk)
        while view:
            view = view[file.write(view) :]
        digest.update(chunk)

    def close(self) -> None:
        """Break all uploads off: the process is about to end, and the next one takes the rest."""
        self._is_closing = True
        for arrival in self._arrivals.values():
            if arrival.patience:
                arrival.patience.reschedule(0)

    def _publish(self, part: Path, image_id: str) -> None:
        part.rename(self.path(image_id))
        directory = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _set_aside(self, part: Path) -> None:
        """Keep what came of a file, so that it may be continued."""
        if part.exists():
            part.rename(self._kept / part.stem)
            own = self._kept.glob(f"{part.name.partition('.')[0]}.*")
            for surplus in sorted(own, key=_changed_at)[:-KEPT_PER_PROJECT]:
                surplus.unlink()

    async def sweep(self, known: Container[str]) -> None:
        """Remove what nobody has continued, and files of images that the state does not know."""
        for file in await self._in_thread(self._files):
            is_stale = file.parent == self._kept and _changed_at(file) + self._rules.kept_s < time.time()
            is_unknown = file.parent == self._directory and file.name not in known and file.name not in self._arrivals
            if is_stale or is_unknown:
                await self._in_thread(file.unlink, True)

    def _files(self) -> list[Path]:
        return [*(path for path in self._directory.iterdir() if path.is_file()), *self._kept.iterdir()]

    async def read(self, image_id: str) -> AsyncIterator[bytes]:
        """The upload in chunks."""
        async for chunk in self._read(self.path(image_id)):
            yield chunk

    async def _read(self, path: Path) -> AsyncIterator[bytes]:
        with path.open("rb") as file:
            while chunk := await self._in_thread(file.read, CHUNK_BYTES):
                yield chunk

    async def _in_thread(self, work: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)


def _no_room(reason: str) -> NoCapacity:
    return NoCapacity("InsufficientVolumeCapacity", f"The control plane's disk has no room for the image: {reason}")


def _free_bytes(directory: Path) -> int:
    space = os.statvfs(directory)
    return space.f_bavail * space.f_frsize


def _size(path: Path) -> int:
    """0 for what is not there."""
    return path.stat().st_size if path.exists() else 0


def _changed_at(path: Path) -> float:
    return path.stat().st_mtime if path.exists() else 0


def disk_size(path: Path, image_format: str) -> int:
    """Size of the disk in an image, bytes. Raises BadUpload for what can't be one, or needs other files."""
    with path.open("rb") as file:
        header = file.read(_QCOW2_HEADER_BYTES)
    if image_format == "raw":
        if header.startswith(_QCOW2_MAGIC):
            raise BadUpload("the file is a qcow2 image; import it with format qcow2")
        return path.stat().st_size
    if not header.startswith(_QCOW2_MAGIC) or len(header) < _QCOW2_HEADER_BYTES:
        raise BadUpload("the file is not a qcow2 image")
    if int.from_bytes(header[8:16], "big"):
        raise BadUpload("the qcow2 image needs a backing file; make one that stands alone with `qemu-img convert`")
    if header[7] >= 3 and int.from_bytes(header[72:80], "big") & _EXTERNAL_DATA_FILE:
        raise BadUpload(
            "the qcow2 image keeps its data in another file; make one that stands alone with `qemu-img convert`"
        )
    return int.from_bytes(header[24:32], "big")
