"""Volumes: the driver's verbs for them. Files, room, trash and images are with the modules of these names."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from agent.drivers.base import DriverError, ImageService, Permanent, Transient
from agent.drivers.volume_nbd import trash
from agent.drivers.volume_nbd.files import PoolFiles, describe, still_there
from agent.drivers.volume_nbd.images import ImageCache
from agent.drivers.volume_nbd.room import Room
from agent.drivers.volume_nbd.settings import NbdSettings
from agent.host.inotify import Inotify, Lost
from agent.model import Capacity, Kind, Ref, VolumeFile, VolumeSpec

GIB = 1 << 30
HOUR_S = 3600

Tell = Callable[[Ref | DriverError], None]


class Volumes:
    """Clones of cached images, with no backing chains; a pool is never overcommitted."""

    def __init__(self, pool: PoolFiles, settings: NbdSettings, images: ImageService, tell: Tell) -> None:
        """`tell` hears of volumes whose file came or went by another's hand, and of what ends that."""
        self._pool = pool
        self._tell = tell
        self._inotify: Inotify | None = None
        self._busy: set[str] = set()
        self._trash_s = settings.trash_hours * HOUR_S
        self._began = time.time() - time.monotonic()  # A clock that is set forwards by mistake ends nobody's time.
        self._room = Room(self._pool)
        self._images = ImageCache(self._pool, self._room, images)

    async def probe(self) -> Capacity:
        return await self._pool.call("capacity", self._probe)

    def _probe(self) -> Capacity:
        try:
            self._pool.check()
        except DriverError as error:
            return Capacity(problems=(str(error),))
        return Capacity(storage_gib=self._room.capacity_bytes() // GIB)

    async def list(self) -> Mapping[str, VolumeFile]:
        """Raises Transient where there is no pool, since volumes that can't be seen may still exist."""
        return await self._pool.call("volumes", self._list)

    def _list(self) -> Mapping[str, VolumeFile]:
        self._pool.check()
        self._images.sweep()
        self._room.sweep_trash(before=min(time.time(), self._began + time.monotonic()) - self._trash_s)
        buried = (one.path for one in trash.select(self._pool))
        deleted = still_there(buried, lambda path: (path.stem, replace(describe(path), deleted=True)))
        return dict(deleted) | self._pool.volume_files()

    async def look(self, volume_id: str) -> VolumeFile | None:
        """As in `list`, of one."""
        return await self._pool.call(f"volume {volume_id}", self._look, volume_id)

    def _look(self, volume_id: str) -> VolumeFile | None:
        self._pool.check_identity()
        path, buried = self._pool.volume_path(volume_id), self._pool.trash_path(volume_id)
        if path.exists():
            return describe(path)
        return replace(describe(buried), deleted=True) if buried.exists() else None

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Raises Transient where there is no pool."""
        directories = self._pool.volume_path("x").parent, self._pool.trash_path("x").parent
        inotify = self._inotify = await self._pool.call("its directories", Inotify, *directories)
        loop = asyncio.get_running_loop()
        loop.add_reader(inotify.descriptor, self._hear)
        try:
            yield
        finally:
            loop.remove_reader(inotify.descriptor)
            inotify.close()
            self._inotify = None

    def _hear(self) -> None:
        """What this driver itself is at is no news."""
        try:
            for name in self._inotify.read() if self._inotify else ():
                volume_id, _, suffix = name.rpartition(".")
                if suffix == "raw" and volume_id not in self._busy:
                    self._tell(Ref(Kind.VOLUME, volume_id))
        except Lost:
            self._inotify = None  # It is told once.
            self._tell(Transient(f"some changes in pool {self._pool.directory} were not told: is it mounted?"))

    async def ensure(self, spec: VolumeSpec) -> bool:
        """Returns whether one that was here has grown."""
        self._busy.add(spec.volume_id)
        try:
            return await self._ensure(spec)
        finally:
            self._hear()
            self._busy.discard(spec.volume_id)

    async def _ensure(self, spec: VolumeSpec) -> bool:
        what = f"volume {spec.volume_id}"
        if spec.deleted:
            await self._pool.call(what, self._bury, spec.volume_id)
            return False
        found_bytes = await self._pool.call(what, self._find, spec)
        if found_bytes >= spec.size_bytes:
            return False
        image = await self._images.ensure(spec.image) if spec.image and not found_bytes else None
        await self._pool.call(what, self._make, spec, image)
        return found_bytes > 0

    def _bury(self, volume_id: str) -> None:
        self._pool.check()
        trash.bury(self._pool, volume_id, time.time())

    def _find(self, spec: VolumeSpec) -> int:
        """Its size in bytes, by now no longer in the trash; 0 where it is not here."""
        self._pool.check()
        trash.restore(self._pool, spec.volume_id)
        path = self._pool.volume_path(spec.volume_id)
        if spec.is_ready and not path.exists():
            raise Permanent(
                f"volume {spec.volume_id} is lost: it was made once, and {path} is gone; "
                "put the file back from a backup, or delete the volume"
            )
        return self._pool.volume_size(spec.volume_id)

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
