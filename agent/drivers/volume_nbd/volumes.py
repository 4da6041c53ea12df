"""The volume driver: answers the engine, leaves the files to `files` and the images to `images`."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from agent.drivers.base import HostContext, Permanent
from agent.drivers.volume_nbd.files import PoolFiles
from agent.drivers.volume_nbd.images import ImageCache
from agent.drivers.volume_nbd.settings import NbdSettings
from agent.model import Capacity, VolumeSpec

GIB = 1 << 30


class NbdVolumeDriver:
    """See VolumeDriver. Volumes are clones of cached images, with no backing chains; a pool is never overcommitted."""

    Settings = NbdSettings

    def __init__(self, settings: NbdSettings, context: HostContext) -> None:
        self._pool = PoolFiles(Path(settings.pool_dir), settings.reserve_percent)
        self._images = ImageCache(self._pool, context.fetch_image)

    async def probe(self) -> Capacity:
        return await asyncio.to_thread(self._probe)

    def _probe(self) -> Capacity:
        try:
            self._pool.check()
        except Permanent as error:
            return Capacity(problems=(str(error),))
        return Capacity(storage_gib=self._pool.capacity_bytes() // GIB)

    async def list(self) -> Mapping[str, VolumeSpec]:
        """Raises Permanent where there is no pool, since volumes that can't be seen may still exist."""
        return await self._pool.call("volumes", self._list)

    def _list(self) -> Mapping[str, VolumeSpec]:
        self._pool.check()
        self._images.sweep()
        return {id_: VolumeSpec(id_, size_bytes) for id_, size_bytes in self._pool.volume_sizes().items()}

    async def ensure(self, spec: VolumeSpec) -> None:
        what, path = f"volume {spec.volume_id}", self._pool.volume_path(spec.volume_id)
        await self._pool.call(what, self._pool.check)
        is_new = not await self._pool.call(what, path.exists)
        image = await self._images.ensure(spec.image) if spec.image and is_new else None
        await self._pool.call(what, self._pool.ensure_volume, spec.volume_id, spec.size_bytes, image)

    async def remove(self, volume_id: str) -> None:
        what = f"volume {volume_id}"
        await self._pool.call(what, self._pool.check)
        await self._pool.call(what, self._pool.remove_volume, volume_id)
