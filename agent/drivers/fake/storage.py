"""Pretended volumes and exports."""

from collections.abc import Mapping
from dataclasses import replace

from agent.drivers.base import Permanent, Transient
from agent.drivers.fake.world import Verbs
from agent.model import Capacity, ExportSpec, VolumeSpec

_GIB = 1 << 30


class FakeVolumeDriver(Verbs):
    async def probe(self) -> Capacity:
        return Capacity(storage_gib=self.settings.storage_gib)

    async def list(self) -> Mapping[str, VolumeSpec]:
        return dict(self.world.volumes)

    async def ensure(self, spec: VolumeSpec) -> None:
        async with self.verb("volume.ensure", spec.volume_id) as call:
            volumes = self.world.volumes
            others = sum(volume.size_bytes for id, volume in volumes.items() if id != spec.volume_id)
            if others + spec.size_bytes > self.settings.storage_gib * _GIB:
                raise Permanent(f"no room for {spec.volume_id} ({spec.size_bytes} bytes): add storage")
            old = volumes.get(spec.volume_id)
            if old is None or old.size_bytes < spec.size_bytes:
                volumes[spec.volume_id] = replace(spec, image=None)
                self.world.changes.append(call)

    async def remove(self, volume_id: str) -> None:
        async with self.verb("volume.remove", volume_id) as call:
            for export in self.world.exports.values():
                if export.volume_id == volume_id:
                    raise Transient(f"{volume_id} is still open as {export.export_name}")
            if self.world.volumes.pop(volume_id, None):
                self.world.epochs.pop(volume_id, None)
                self.world.changes.append(call)


class FakeExportDriver(Verbs):
    async def probe(self) -> Capacity:
        return Capacity()

    async def list(self) -> Mapping[str, ExportSpec]:
        return dict(self.world.exports)

    async def ensure(self, spec: ExportSpec) -> None:
        async with self.verb("export.ensure", spec.export_name) as call:
            world = self.world
            if spec.volume_id not in world.volumes:
                raise Transient(f"{spec.export_name}: {spec.volume_id} is not there yet")
            if spec.epoch < world.epochs.get(spec.volume_id, 0):
                raise Permanent(f"{spec.export_name}: epoch {world.epochs[spec.volume_id]} was open already")
            if world.exports.get(spec.export_name) != spec:
                world.epochs[spec.volume_id] = spec.epoch
                for name in [name for name, export in world.exports.items() if export.volume_id == spec.volume_id]:
                    del world.exports[name]
                world.exports[spec.export_name] = spec
                world.changes.append(call)

    async def remove(self, export_name: str) -> None:
        async with self.verb("export.remove", export_name) as call:
            if self.world.exports.pop(export_name, None):
                self.world.changes.append(call)
