"""Uploaded images on the control plane's disk: received whole and checked, or not there at all."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Container, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

CHUNK_BYTES = 1 << 20
# Reads and writes at once. Fewer: one slow request delays all transfers. More: threads that wait for the same disk.
THREADS = 4
# docs/interop/qcow2.txt of QEMU: magic, version (4), backing file offset (8), size (24), incompatible features (72).
_QCOW2_MAGIC = b"QFI\xfb"
_QCOW2_HEADER_BYTES = 80
_EXTERNAL_DATA_FILE = 1 << 2


class BadUpload(Exception):
    """The bytes are not what was announced. The message says what is wrong."""


class Uploads:
    """One file for each image, named by its id."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._arriving: set[str] = set()
        self._threads = ThreadPoolExecutor(THREADS, "uploads")
        directory.mkdir(parents=True, exist_ok=True)
        for leftover in directory.glob("*.part"):
            leftover.unlink()

    def path(self, image_id: str) -> Path:
        return self._directory / image_id

    @contextmanager
    def arriving(self, image_id: str) -> Iterator[None]:
        """Around `receive` and the image's registration: until then the sweep leaves the file alone."""
        self._arriving.add(image_id)
        try:
            yield
        finally:
            self._arriving.discard(image_id)

    async def receive(
        self, image_id: str, chunks: AsyncIterator[bytes], size_bytes: int, sha256: str, image_format: str
    ) -> int:
        """Store an upload durably; returns the size in bytes of the disk in it. Raises BadUpload, OSError."""
        part = self._directory / f"{image_id}.part"
        try:
            with part.open("xb") as file:
                received, digest = 0, hashlib.sha256()
                async for chunk in chunks:
                    received += len(chunk)
                    if received > size_bytes:
                        raise BadUpload(f"the file is longer than the {size_bytes} bytes that were announced")
                    await self._in_thread(_append, file.fileno(), digest, chunk)
                await self._in_thread(os.fsync, file.fileno())
            if received != size_bytes:
                raise BadUpload(f"{received} bytes came, {size_bytes} were announced; send the file again")
            if digest.hexdigest() != sha256:
                raise BadUpload(f"SHA-256 is {digest.hexdigest()}, {sha256} was announced; send the file again")
            virtual_size_bytes = await self._in_thread(disk_size, part, image_format)
            await self._in_thread(self._keep, part, image_id)
            return virtual_size_bytes
        finally:
            part.unlink(missing_ok=True)

    def _keep(self, part: Path, image_id: str) -> None:
        part.rename(self.path(image_id))
        directory = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def drop(self, image_id: str) -> None:
        self.path(image_id).unlink(missing_ok=True)

    async def drop_unknown(self, known: Container[str]) -> None:
        """Remove files of images that the state does not know: left by a crash, or deregistered."""
        for file in await self._in_thread(self._files):
            if file.suffix != ".part" and file.name not in known and file.name not in self._arriving:
                await self._in_thread(file.unlink, True)

    def _files(self) -> list[Path]:
        return list(self._directory.iterdir())

    async def read(self, image_id: str) -> AsyncIterator[bytes]:
        """The upload in chunks."""
        with self.path(image_id).open("rb") as file:
            while chunk := await self._in_thread(file.read, CHUNK_BYTES):
                yield chunk

    async def _in_thread(self, work: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)


def _append(descriptor: int, digest: "hashlib._Hash", chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(descriptor, view) :]
    digest.update(chunk)


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
