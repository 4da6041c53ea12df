"""Volumes: the driver's verbs for them. Files, room, trash and images are with the modules of these names."""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from agent.drivers.base import ImageService, Permanent
from agent.drivers.volume_nbd import trash
from agent.drivers.volume_nbd.files import PoolFiles, describe
from agent.drivers.volume_nbd.images import ImageCache
from agent.drivers.volume_nbd.room import Room
from agent.drivers.volume_nbd.settings import NbdSettings
from agent.model import Capacity, VolumeFile, VolumeSpec

GIB = 1 << 30
HOUR_S = 3600


class Volumes:
    """Clones of cached images, with no backing chains; a pool is never overcommitted."""

    def __init__(self, pool: PoolFiles, settings: NbdSettings, images: ImageService) -> None:
        self._pool = pool
        self._trash_s = settings.trash_hours * HOUR_S
        self._began = time.time() - time.monotonic()  # A clock that is set forwards by mistake ends nobody's time.
        self._room = Room(self._pool)
        self._images = ImageCache(self._pool, self._room, images)

    async def probe(self) -> Capacity:
        return await self._pool.call("capacity", self._probe)

    def _probe(self) -> Capacity:
        try:
            self._pool.check()
        except Permanent as error:
            return Capacity(problems=(str(error),))
        return Capacity(storage_gib=self._room.capacity_bytes() // GIB)

    async def list(self) -> Mapping[str, VolumeFile]:
        """Raises Permanent where there is no pool, since volumes that can't be seen may still exist."""
        return await self._pool.call("volumes", self._list)

    def _list(self) -> Mapping[str, VolumeFile]:
        self._pool.check()
        self._images.sweep()
        self._room.sweep_trash(before=min(time.time(), self._began + time.monotonic()) - self._trash_s)
        buried = (one.path for one in trash.select(self._pool))
        return {path.stem: replace(describe(path), deleted=True) for path in buried} | self._pool.volume_files()

    async def look(self, volume_id: str) -> VolumeFile | None:
        """As in `list`, of one."""
        return await self._pool.call(f"volume {volume_id}", self._look, volume_id)

    def _look(self, volume_id: str) -> VolumeFile | None:
        self._pool.check_identity()
        path, buried = self._pool.volume_path(volume_id), self._pool.trash_path(volume_id)
        if path.exists():
            return describe(path)
        return replace(describe(buried), deleted=True) if buried.exists() else None

    async def ensure(self, spec: VolumeSpec) -> None:
        what = f"volume {spec.volume_id}"
        if spec.deleted:
            await self._pool.call(what, self._bury, spec.volume_id)
            return
        is_here = await self._pool.call(what, self._find, spec)
        image = await self._images.ensure(spec.image) if spec.image and not is_here else None
        await self._pool.call(what, self._make, spec, image)

    def _bury(self, volume_id: str) -> None:
        self._pool.check()
        trash.bury(self._pool, volume_id, time.time())

    def _find(self, spec: VolumeSpec) -> bool:
        """Whether it is here, by now no longer in the trash."""
        self._pool.check()
        trash.restore(self._pool, spec.volume_id)
        path = self._pool.volume_path(spec.volume_id)
        if spec.is_ready and not path.exists():
            raise Permanent(
                f"volume {spec.volume_id} is lost: it was made once, and {path} is gone; "
                "put the file back from a backup, or delete the volume"
            )
        return path.exists()

    def _make(self, spec: VolumeSpec, image: Path | None) -> None:
        """Make it or grow it."""
        what, size_bytes = f"volume {spec.volume_id}", self._pool.volume_size(spec.volume_id)
        missing_bytes = spec.size_bytes - size_bytes
        if missing_bytes <= 0:
            return
        with self._room.for_volume(what, missing_bytes, image), self._pool.errors(what, missing_bytes):
            if size_bytes:
                self._pool.grow_volume(spec.volume_id, spec.size_bytes)
            else:
                self._pool.create_volume(spec.volume_id, spec.size_bytes, image)
