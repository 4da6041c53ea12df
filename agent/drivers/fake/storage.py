"""Pretended volumes and exports."""

from collections.abc import Mapping
from dataclasses import replace

from agent.drivers.base import Changed, Permanent, Transient
from agent.drivers.fake.world import Verbs
from agent.model import Capacity, Export, ExportSpec, ImageSource, Kind, VolumeFile, VolumeSpec

_GIB = 1 << 30


class FakeStorageDriver(Verbs):
    kinds = (Kind.VOLUME, Kind.EXPORT)

    async def probe(self) -> Capacity:
        return Capacity(storage_gib=self.settings.storage_gib)

    async def list_volumes(self) -> Mapping[str, VolumeFile]:
        return {id: self._file(spec) for id, spec in self.world.volumes.items()}

    async def look_volume(self, volume_id: str) -> VolumeFile | None:
        spec = self.world.volumes.get(volume_id)
        return self._file(spec) if spec is not None else None

    def _file(self, spec: VolumeSpec) -> VolumeFile:
        epoch, _ = self.world.epochs.get(spec.volume_id, (0, ""))
        return VolumeFile(spec.size_bytes, spec.deleted, epoch)

    async def ensure_volume(self, spec: VolumeSpec, changed: Changed = None) -> None:
        async with self.verb("volume.ensure", spec.volume_id) as call:
            old = self.world.volumes.get(spec.volume_id)
            if old is None and spec.image is not None and not spec.deleted and self.settings.fetch_images:
                await self._fetch(spec.image)
            new = self._trashed(spec, old) if spec.deleted else self._made(spec, old)
            if new is not None and new != old:
                self.world.volumes[spec.volume_id] = new
                self.world.changes.append(call)

    async def _fetch(self, image: ImageSource) -> None:
        upload = self.context.state_dir / image.image_id
        await self.context.images.bring(image, upload, _take)
        upload.unlink(missing_ok=True)

    def _trashed(self, spec: VolumeSpec, old: VolumeSpec | None) -> VolumeSpec | None:
        for export in self.world.exports.values():
            if export.volume_id == spec.volume_id:
                raise Transient(f"{spec.volume_id} is still open as {export.export_name}")
        return old and replace(old, deleted=True)

    def _made(self, spec: VolumeSpec, old: VolumeSpec | None) -> VolumeSpec:
        if old is None and spec.is_ready and not self.settings.keeps_volumes:
            raise Permanent(f"{spec.volume_id} was made once and is gone: restore it from a backup, or delete it")
        size_bytes = max(spec.size_bytes, old.size_bytes if old else 0)
        self._make_room(replace(spec, size_bytes=size_bytes))
        return VolumeSpec(spec.volume_id, size_bytes)

    def _make_room(self, spec: VolumeSpec) -> None:
        """At the cost of the trash, from its oldest on."""
        others = {id: volume for id, volume in self.world.volumes.items() if id != spec.volume_id}
        free_bytes = self.settings.storage_gib * _GIB - sum(volume.size_bytes for volume in others.values())
        for volume in others.values():
            if free_bytes < spec.size_bytes and volume.deleted:
                free_bytes += volume.size_bytes
                self.world.empty_trash(volume.volume_id)
        if free_bytes < spec.size_bytes:
            raise Permanent(f"no room for {spec.volume_id} ({spec.size_bytes} bytes): add storage")

    async def list_exports(self) -> Mapping[str, Export]:
        return {name: Export(spec) for name, spec in self.world.exports.items()}

    async def look_export(self, export_name: str) -> Export | None:
        spec = self.world.exports.get(export_name)
        return Export(spec) if spec is not None else None

    async def ensure_export(self, spec: ExportSpec, changed: Changed = None) -> None:
        async with self.verb("export.ensure", spec.export_name) as call:
            world = self.world
            if spec.volume_id not in world.volumes or world.volumes[spec.volume_id].deleted:
                raise Transient(f"{spec.export_name}: {spec.volume_id} is not there yet")
            self._check_epoch(spec)
            if world.exports.get(spec.export_name) != spec:
                world.epochs[spec.volume_id] = (spec.epoch, world.boot_id)
                for name in [name for name, export in world.exports.items() if export.volume_id == spec.volume_id]:
                    del world.exports[name]
                world.exports[spec.export_name] = spec
                world.changes.append(call)

    def _check_epoch(self, spec: ExportSpec) -> None:
        epoch, boot_id = self.world.epochs.get(spec.volume_id, (0, ""))
        if spec.epoch < epoch:
            raise Permanent(f"{spec.export_name}: epoch {epoch} was open already")
        if spec.epoch == epoch and boot_id != self.world.boot_id and spec.client_host_ids != (self.context.host_id,):
            raise Permanent(f"{spec.export_name} ended when its host went down: it takes a new epoch")

    async def remove_export(self, export_name: str) -> None:
        async with self.verb("export.remove", export_name) as call:
            if self.world.exports.pop(export_name, None):
                self.world.changes.append(call)


async def _take(size_bytes: int) -> None:
    """There is room: nothing is kept."""
