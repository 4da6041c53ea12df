"""The pool's cache of images, as raw files that volumes are cloned from. Fetches each once, trusts none.

An image stays until its room is needed: see `room`.
"""

import asyncio
import json
import os
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.drivers.base import ImageFetcher, Permanent
from agent.drivers.volume_nbd.files import PoolFiles
from agent.drivers.volume_nbd.room import Room
from agent.host.process import CommandFailed, run
from agent.model import ImageSource

MAX_VIRTUAL_BYTES = 16 << 40  # EC2's largest gp3 volume; a header may claim anything.
CONVERT_TIMEOUT_S = 3600.0  # Lower: a large image on a slow disk never gets in. Higher: a hung disk shows up later.
# A crafted header can make qemu-img take all memory and time there is (CVE-2015-5162).
INSPECT = ("prlimit", f"--as={1 << 30}", "--cpu=30", "qemu-img")


class ImageCache:
    def __init__(self, pool: PoolFiles, room: Room, fetch: ImageFetcher) -> None:
        self._pool = pool
        self._room = room
        self._fetch = fetch
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def ensure(self, image: ImageSource) -> Path:
        """Path of the raw image, which counts as used now. Whoever asks for one that is on its way waits for it."""
        path, what = self._pool.image_path(image.image_id), f"image {image.image_id}"
        async with self._locks[image.image_id]:
            with self._pool.errors(what, image.size_bytes):
                if not await self._pool.call(what, _use, path):
                    await self._bring(what, image, path)
        return path

    def sweep(self) -> None:
        """Delete what a crash left of images on their way. Blocks."""
        for part in self._pool.image_path("x").parent.glob("*.part"):
            if not self._locks[part.name.split(".")[0]].locked():
                part.unlink(missing_ok=True)

    async def _bring(self, what: str, image: ImageSource, path: Path) -> None:
        upload, raw = path.with_suffix(".upload.part"), path.with_suffix(".raw.part")
        await self._pool.call(what, _unlink, upload, raw)
        try:
            await self._pool.call(what, self._room.claim, what, image.size_bytes)
            await self._fetch(image, upload)
            whole = upload if image.format == "raw" else await self._convert(what, image, upload, raw)
            await self._pool.call(what, self._publish, what, whole, path)
        finally:
            await self._pool.call(what, self._give_up, what, upload, raw)

    def _publish(self, what: str, whole: Path, path: Path) -> None:
        with self._room.settling(what):
            self._pool.publish_image(whole, path)

    def _give_up(self, what: str, *parts: Path) -> None:
        """What is left of an image that is here by now, or not to be had."""
        _unlink(*parts)
        self._room.give_up(what)

    async def _convert(self, what: str, image: ImageSource, upload: Path, raw: Path) -> Path:
        if image.format != "qcow2":
            raise Permanent(f"image {image.image_id} has format {image.format!r}; use raw or qcow2")
        try:
            info = json.loads(await run(*INSPECT, "info", "-f", "qcow2", "--output=json", upload))
            refuse_unsafe(image.image_id, info)
            size = json.loads(await run(*INSPECT, "measure", "-f", "qcow2", "-O", "raw", "--output=json", upload))
            await self._pool.call(what, self._room.claim, what, size["required"])
            await run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", upload, raw, timeout_s=CONVERT_TIMEOUT_S)
        except CommandFailed as error:
            raise Permanent(f"image {image.image_id} cannot be converted from qcow2: {error.stderr}") from error
        return raw


def refuse_unsafe(image_id: str, info: Mapping[str, Any]) -> None:
    """Judge the output of `qemu-img info`: an image must not lead to other files of the host, or to absurd sizes."""
    reason = None
    if info.get("backing-filename"):
        reason = f"has a backing file {info['backing-filename']!r}; flatten it with `qemu-img convert`"
    elif info.get("format-specific", {}).get("data", {}).get("data-file"):
        reason = "keeps its data in an external file; flatten it with `qemu-img convert`"
    elif info.get("encrypted"):
        reason = "is encrypted; decrypt it with `qemu-img convert`"
    elif info["virtual-size"] > MAX_VIRTUAL_BYTES:
        reason = f"has a virtual size of {info['virtual-size']} bytes; {MAX_VIRTUAL_BYTES} is the limit"
    if reason:
        raise Permanent(f"image {image_id} {reason}")


def _use(path: Path) -> bool:
    """Note the use of an image; whether there is one."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _unlink(*paths: Path) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
