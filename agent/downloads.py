"""Brings images from the control plane to this host, as they were uploaded: the `Fetch` of `agent.images`."""

import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

import grpc

from agent.channel import OldAgents, agents, is_unknown, open_channel
from agent.drivers.base import Permanent, Transient
from agent.host.threads import Threads
from agent.identity import IdentityStore
from agent.model import ImageSource
from stead.agent.v1 import session_pb2 as pb

# To take a chunk, or to bring the whole to disk, which may be many GiB. Shorter gives up on a slow disk, longer hides
# that it hangs.
_DEADLINE_S = 300.0


class Downloads:
    """One chunk is in memory at a time: the next is read from the stream when the last is in the file."""

    def __init__(self, identities: IdentityStore) -> None:
        self._identities = identities
        self._threads = Threads("the pool's disk", 4, _DEADLINE_S)

    async def __call__(self, image: ImageSource, target: Path) -> None:
        """Write the upload to `target`, which must not exist; it is on disk, and checked, on return."""
        file = target.open("xb")
        try:
            with file:
                await self._download(image, file)
        except grpc.aio.AioRpcError as error:
            _discard(target)
            kind = Permanent if error.code() is grpc.StatusCode.NOT_FOUND else Transient
            raise kind(f"cannot fetch image {image.image_id}: {error.details()} ({error.code().name})") from error
        except BaseException:
            _discard(target)
            raise

    async def _download(self, image: ImageSource, file: BinaryIO) -> None:
        sha256, size_bytes = hashlib.sha256(), 0
        identity = await self._threads.run("identity", self._identities.load)
        async with open_channel(identity) as channel:
            async for chunk in _chunks(channel, image.image_id):
                await self._threads.run(image.image_id, _take, file, sha256, chunk)
                size_bytes += len(chunk)
        await self._threads.run(image.image_id, _sync, file)
        _check(image, sha256.hexdigest(), size_bytes)


async def _chunks(channel: grpc.aio.Channel, image_id: str) -> AsyncIterator[bytes]:
    asked = pb.FetchImageRequest(image_id=image_id)
    try:
        async for reply in agents(channel).FetchImage(asked):
            yield reply.chunk
    except grpc.aio.AioRpcError as error:
        if not is_unknown(error):
            raise
        async for reply in OldAgents(channel).FetchImage(asked):
            yield reply.chunk


def _take(file: BinaryIO, sha256: "hashlib._Hash", chunk: bytes) -> None:
    file.write(chunk)
    sha256.update(chunk)


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _discard(target: Path) -> None:
    target.unlink(missing_ok=True)


def _check(image: ImageSource, digest: str, size_bytes: int) -> None:
    if size_bytes != image.size_bytes:
        raise Transient(f"image {image.image_id} came as {size_bytes} bytes instead of {image.size_bytes}")
    if digest != image.sha256:
        raise Transient(f"image {image.image_id} came with SHA-256 {digest} instead of {image.sha256}")
