"""What every storage driver must do, fake or real: see `agent/drivers/base.py`."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.drivers.base import HostContext, Permanent, Transient
from agent.drivers.fake import FakeSettings, FakeStorageDriver, FakeWorld
from agent.drivers.storages import Storages
from agent.images import Images
from agent.model import Export, Limits, VolumeFile, VolumeSpec
from tests.contract import real_drivers
from tests.contract.drivers import DATA, DATA_EXPORT, EXPORT, GIB, TOMBSTONE, VOLUME, empty, no_images, on_fakes_and
from tests.contract.real_drivers import ADDRESS, Maker


class StorageContract:
    """What every storage driver must do."""

    @pytest.fixture
    async def stocked(self, make: Maker) -> Maker:
        """With a volume."""
        await make.storage().ensure_volume(VOLUME)
        return make

    async def test_everything_may_be_repeated(self, make: Maker) -> None:
        for _ in range(2):
            await make.storage().ensure_volume(VOLUME)
        assert await make.storage().list_volumes() == {VOLUME.volume_id: VolumeFile(GIB)}
        for _ in range(2):
            await make.storage().ensure_volume(TOMBSTONE)
        assert await make.storage().list_volumes() == {VOLUME.volume_id: VolumeFile(GIB, deleted=True)}
        for _ in range(2):
            await make.storage().ensure_volume(replace(VOLUME, is_ready=True))
        assert await make.storage().list_volumes() == {VOLUME.volume_id: VolumeFile(GIB)}

    async def test_a_tombstone_of_nothing_is_no_error(self, make: Maker) -> None:
        await make.storage().ensure_volume(replace(TOMBSTONE, volume_id="vol-0c0ffee9"))
        assert "vol-0c0ffee9" not in await make.storage().list_volumes()

    async def test_one_that_was_ready_is_never_made_anew(self, make: Maker) -> None:
        with pytest.raises(Permanent, match="vol-0c0ffee9"):
            await make.storage().ensure_volume(VolumeSpec("vol-0c0ffee9", GIB, is_ready=True))
        assert "vol-0c0ffee9" not in await make.storage().list_volumes()

    async def test_the_trash_gives_way(self, make: Maker) -> None:
        size_bytes = (await make.storage().probe()).storage_gib * GIB
        await make.storage().ensure_volume(VOLUME)
        await make.storage().ensure_volume(TOMBSTONE)
        await make.storage().ensure_volume(replace(DATA, size_bytes=size_bytes))
        assert set(await make.storage().list_volumes()) == {DATA.volume_id}

    async def test_it_grows_and_never_shrinks(self, make: Maker) -> None:
        for size_bytes in (GIB, 2 * GIB, GIB):
            await make.storage().ensure_volume(replace(VOLUME, size_bytes=size_bytes))
        found = await make.storage().list_volumes()
        assert found[VOLUME.volume_id].size_bytes == 2 * GIB

    async def test_a_full_pool_is_permanent(self, make: Maker) -> None:
        with pytest.raises(Permanent, match=VOLUME.volume_id):
            await make.storage().ensure_volume(replace(VOLUME, size_bytes=1 << 60))

    async def test_it_has_capacity(self, make: Maker) -> None:
        capacity = await make.storage().probe()
        assert (capacity.storage_gib > 0, capacity.problems) == (True, ())

    async def test_opening_and_closing_may_be_repeated(self, stocked: Maker) -> None:
        for _ in range(2):
            await stocked.storage().ensure_export(EXPORT)
        assert await stocked.storage().list_exports() == {EXPORT.export_name: Export(EXPORT)}
        for _ in range(2):
            await stocked.storage().remove_export(EXPORT.export_name)
        assert await stocked.storage().list_exports() == {}

    async def test_clients_limits_and_the_right_to_write_may_change(self, stocked: Maker) -> None:
        storage, closed = stocked.storage(), replace(EXPORT, read_only=True)
        more = replace(EXPORT, client_host_ids=("host-2", "host-3"))
        for spec in (
            EXPORT,
            replace(EXPORT, limits=Limits(100, GIB)),
            closed,
            replace(closed, limits=Limits(7)),
            more,
            EXPORT,
        ):
            await storage.ensure_export(spec)
            assert await storage.list_exports() == {EXPORT.export_name: Export(spec)}

    async def test_a_newer_epoch_ends_the_older(self, stocked: Maker) -> None:
        newer = replace(EXPORT, export_name="vol-0c0ffee1-e4", epoch=4, port=20915)
        await stocked.storage().ensure_export(EXPORT)
        await stocked.storage().ensure_export(newer)
        assert await stocked.storage().list_exports() == {newer.export_name: Export(newer)}

    async def test_an_older_epoch_never_opens_again(self, stocked: Maker) -> None:
        await stocked.storage().ensure_export(EXPORT)
        await stocked.storage().remove_export(EXPORT.export_name)
        older = replace(EXPORT, export_name="vol-0c0ffee1-e2", epoch=2, port=20916)
        with pytest.raises(Permanent, match="e2"):
            await stocked.storage().ensure_export(older)
        assert await stocked.storage().list_exports() == {}
        await stocked.storage().ensure_export(EXPORT)

    async def test_it_waits_for_its_volume(self, stocked: Maker) -> None:
        with pytest.raises(Transient, match="vol-0c0ffee2"):
            await stocked.storage().ensure_export(DATA_EXPORT)

    async def test_an_open_volume_is_not_removed(self, stocked: Maker) -> None:
        await stocked.storage().ensure_export(EXPORT)
        with pytest.raises(Transient, match=VOLUME.volume_id):
            await stocked.storage().ensure_volume(TOMBSTONE)
        assert await stocked.storage().list_volumes() == {VOLUME.volume_id: VolumeFile(GIB, epoch=EXPORT.epoch)}

    async def test_a_volume_in_the_trash_does_not_open(self, stocked: Maker) -> None:
        await stocked.storage().ensure_volume(TOMBSTONE)
        with pytest.raises(Transient, match=VOLUME.volume_id):
            await stocked.storage().ensure_export(EXPORT)

    async def test_epochs_survive_the_trash(self, stocked: Maker) -> None:
        await stocked.storage().ensure_export(EXPORT)
        await stocked.storage().remove_export(EXPORT.export_name)
        await stocked.storage().ensure_volume(TOMBSTONE)
        await stocked.storage().ensure_volume(VOLUME)
        with pytest.raises(Permanent, match="e2"):
            await stocked.storage().ensure_export(replace(EXPORT, export_name="vol-0c0ffee1-e2", epoch=2, port=20916))

    async def test_one_is_looked_at_as_in_a_list(self, stocked: Maker) -> None:
        storage = stocked.storage()
        assert await storage.look_export(EXPORT.export_name) is None
        await storage.ensure_export(EXPORT)
        for spec in (DATA, replace(DATA, deleted=True)):
            await storage.ensure_volume(spec)
            volumes, exports = await storage.list_volumes(), await storage.list_exports()
            for volume_id in (VOLUME.volume_id, DATA.volume_id, "vol-0c0ffee9"):
                assert await storage.look_volume(volume_id) == volumes.get(volume_id)
            for export_name in (EXPORT.export_name, DATA_EXPORT.export_name):
                assert await storage.look_export(export_name) == exports.get(export_name)


@on_fakes_and(real_drivers.storage, pytest.mark.host, pytest.mark.pool)
class TestStorage(StorageContract):
    """Of one pool."""

    @pytest.fixture
    async def make(self, host: Maker) -> AsyncIterator[Maker]:
        yield host
        await empty(host)


class TestPools(StorageContract):
    """Of two, of which the second has no room."""

    @pytest.fixture
    async def make(self, tmp_path: Path) -> AsyncIterator[Maker]:
        context = HostContext("host-1", ADDRESS, tmp_path, tmp_path / "run", tmp_path / "pki", Images(no_images))
        rooms = {replace(context, instance="ssd"): 100, replace(context, instance="hdd"): 0}
        worlds = [FakeWorld.of(pool) for pool in rooms]

        def storage() -> Storages:
            drivers = (FakeStorageDriver(FakeSettings(storage_gib=gib), pool) for pool, gib in rooms.items())
            return Storages(dict(zip(("ssd", "hdd"), drivers, strict=True)))

        def empty_trash() -> None:
            for world in worlds:
                world.empty_trash()

        host = Maker(storage, empty_trash=empty_trash)
        yield host
        await empty(host)
        assert [world.volumes for world in worlds] == [{}, {}]
        for pool in rooms:
            FakeWorld.forget(pool.state_dir / pool.instance)
