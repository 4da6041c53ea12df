"""The storage driver: its two halves share a pool, and nothing else. A lock on a volume's file tells either that the
other is at it.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

from agent.drivers.base import Changed, DriverError, HostContext
from agent.drivers.volume_nbd.exports import Exports
from agent.drivers.volume_nbd.files import DEADLINE_S, WORKERS, PoolFiles
from agent.drivers.volume_nbd.identity import NAME
from agent.drivers.volume_nbd.settings import NbdSettings
from agent.drivers.volume_nbd.volumes import Volumes
from agent.host.threads import Threads
from agent.model import Capacity, Export, ExportSpec, Ref, VolumeFile, VolumeSpec


class NbdStorageDriver:
    """See StorageDriver."""

    def __init__(self, settings: NbdSettings, context: HostContext) -> None:
        pool = PoolFiles(
            settings.pool_dir,
            context.state_dir / "-".join(filter(None, (NAME, context.instance))),
            reserve_percent=settings.reserve_percent,
            trash_percent=settings.trash_percent,
            threads=Threads(f"the disk of pool {settings.pool_dir}", WORKERS, DEADLINE_S),
        )
        self._hints: asyncio.Queue[Ref | DriverError] = asyncio.Queue()
        self._volumes = Volumes(pool, settings, context.images, self._hints.put_nowait)
        self._exports = Exports(pool, context, self._hints.put_nowait)

    async def probe(self) -> Capacity:
        problems = await self._exports.problems()
        found = await self._volumes.probe()
        return replace(found, problems=(*found.problems, *problems))

    async def list_volumes(self) -> Mapping[str, VolumeFile]:
        return await self._volumes.list()

    async def look_volume(self, volume_id: str) -> VolumeFile | None:
        return await self._volumes.look(volume_id)

    async def ensure_volume(self, spec: VolumeSpec, changed: Changed = None) -> None:
        if await self._volumes.ensure(spec):
            self._exports.look_again(spec.volume_id)

    async def list_exports(self) -> Mapping[str, Export]:
        return await self._exports.list()

    async def look_export(self, export_name: str) -> Export | None:
        return await self._exports.look(export_name)

    async def ensure_export(self, spec: ExportSpec, changed: Changed = None) -> None:
        await self._exports.ensure(spec)

    async def remove_export(self, export_name: str) -> None:
        await self._exports.remove(export_name)

    async def events(self) -> AsyncIterator[Ref]:
        """As in Eventful."""
        async with self._volumes.watched():
            while True:
                hint = await self._hints.get()
                if isinstance(hint, DriverError):
                    raise hint
                yield hint
