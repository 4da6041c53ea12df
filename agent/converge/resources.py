"""The kinds of resources that need no plan: one `ensure` and one `remove` do it."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Protocol

from agent.drivers.base import Changed, NetworkDriver, Permanent, StorageDriver
from agent.drivers.registry import Drivers
from agent.model import Export, ExportSpec, Kind, Ref, VolumeFile, VolumeSpec
from agent.vpc import VpcView


class MetadataServer(Protocol):
    """Answers guests at 169.254.169.254, in each VPC's namespace. Every verb may be repeated."""

    def tell(self, vpc_id: str) -> None:
        """Have the VPC's guests told what is desired by now. Raises Transient when it can't."""

    async def ensure(self, vpc_id: str) -> None:
        """Listen in the VPC's namespace, which exists. Raises Transient when it can't."""

    async def remove(self, vpc_id: str) -> None: ...

    def problems(self) -> tuple[str, ...]:
        """For people."""

    def events(self) -> AsyncIterator[Ref]:
        """VPCs that need `ensure`: hints."""

    async def run(self) -> None:
        """What it does besides, for ever."""


class Driver(Protocol):
    """What the drivers have in common, as far as the engine is concerned."""

    async def list(self) -> Iterable[str]: ...
    async def ensure(self, view: Any, changed: Changed, /) -> None: ...
    async def remove(self, id: str, /) -> None: ...


class VolumeDriver:
    """What no spec names is left alone: deleting data takes a tombstone."""

    def __init__(self, storage: StorageDriver) -> None:
        self._storage = storage

    async def list(self) -> Mapping[str, VolumeFile]:
        return await self._storage.list_volumes()

    async def ensure(self, spec: VolumeSpec, changed: Changed) -> None:
        await self._storage.ensure_volume(spec, changed)

    async def is_gone(self, volume_id: str) -> bool:
        """Whether not even the trash has it."""
        return await self._storage.look_volume(volume_id) is None

    async def remove(self, volume_id: str) -> None:
        """Success if it is gone; deletes nothing."""
        if not await self.is_gone(volume_id):
            raise Permanent(
                f"orphan: the control plane never asked for volume {volume_id}; it is left alone, "
                "and an admin decides (`stead host orphans`)"
            )


class ExportDriver:
    def __init__(self, storage: StorageDriver) -> None:
        self._storage = storage

    async def list(self) -> Mapping[str, Export]:
        return await self._storage.list_exports()

    async def ensure(self, spec: ExportSpec, changed: Changed) -> None:
        await self._storage.ensure_export(spec, changed)

    async def remove(self, export_name: str) -> None:
        await self._storage.remove_export(export_name)


class VpcDriver:
    """A VPC's router and, inside of it, the metadata service."""

    def __init__(self, network: NetworkDriver, metadata: MetadataServer | None) -> None:
        self._network = network
        self._metadata = metadata

    async def list(self) -> Iterable[str]:
        return await self._network.list()

    async def ensure(self, view: VpcView, changed: Changed) -> None:
        vpc_id = view.vpc.id
        if self._metadata is not None:
            self._metadata.tell(vpc_id)  # Before an address works for its next owner.
        await self._network.ensure(view, changed)
        if self._metadata is not None and changed is None:
            await self._metadata.ensure(vpc_id)

    async def end_connections(self, vpc_id: str) -> None:
        """See `NetworkDriver`."""
        await self._network.end_connections(vpc_id)

    async def remove(self, vpc_id: str) -> None:
        if self._metadata is not None:
            await self._metadata.remove(vpc_id)
        await self._network.remove(vpc_id)


def drivers_by_kind(drivers: Drivers) -> dict[Kind, Sequence[object]]:
    """Who tells of each kind: of volumes each pool. Instances take two drivers."""
    storage: Sequence[object] = drivers.pools or [drivers.storage]
    found: dict[Kind, Sequence[object]] = {
        Kind.VOLUME: storage,
        Kind.EXPORT: storage,
        Kind.VPC: [drivers.network],
        Kind.GATEWAY: [drivers.gateway],
        Kind.INSTANCE: [drivers.compute if drivers.network is not None else None],
    }
    return {kind: known for kind, known in found.items() if None not in known}


def plain_drivers(drivers: Drivers, metadata: MetadataServer | None) -> dict[Kind, Driver]:
    storage = drivers.storage
    vpcs = VpcDriver(drivers.network, metadata) if drivers.network is not None else None
    found: dict[Kind, Driver | None] = {
        Kind.VOLUME: VolumeDriver(storage) if storage is not None else None,
        Kind.EXPORT: ExportDriver(storage) if storage is not None else None,
        Kind.VPC: vpcs,
        Kind.GATEWAY: drivers.gateway,
    }
    return {kind: driver for kind, driver in found.items() if driver is not None}
