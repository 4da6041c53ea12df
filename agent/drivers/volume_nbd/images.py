"""The pool's cache of images, as raw files that volumes are cloned from. Has each brought once.

An image stays until its room is needed: see `room`.
"""

import asyncio
import os
from collections import defaultdict
from pathlib import Path

from agent.drivers.base import ImageService
from agent.drivers.volume_nbd.files import PoolFiles
from agent.drivers.volume_nbd.room import Room
from agent.model import ImageSource


class ImageCache:
    def __init__(self, pool: PoolFiles, room: Room, images: ImageService) -> None:
        self._pool = pool
        self._room = room
        self._images = images
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
        for part in self._pool.image_path("x").parent.glob("*.part*"):
            if not self._locks[part.name.split(".")[0]].locked():
                part.unlink(missing_ok=True)

    async def _bring(self, what: str, image: ImageSource, path: Path) -> None:
        part = path.with_suffix(".part")
        try:
            await self._images.bring(image, part, lambda size: self._pool.call(what, self._room.claim, what, size))
            await self._pool.call(what, self._publish, what, part, path)
        finally:
            await self._pool.call(what, self._give_up, what, part)

    def _publish(self, what: str, part: Path, path: Path) -> None:
        with self._room.settling(what):
            self._pool.publish_image(part, path)

    def _give_up(self, what: str, part: Path) -> None:
        """What is left of an image that is here by now, or not to be had."""
        part.unlink(missing_ok=True)
        self._room.give_up(what)


def _use(path: Path) -> bool:
    """Note the use of an image; whether there is one."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True
