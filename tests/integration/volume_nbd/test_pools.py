"""Two pools on one host, each a driver of its own: nothing of theirs clashes, and one does without the other."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.drivers.base import Transient, Unseen
from agent.drivers.storages import Storages
from agent.drivers.volume_nbd import NbdStorageDriver
from agent.drivers.volume_nbd.identity import NAME
from agent.drivers.volume_nbd.pool import create_pool, destroy_pool
from agent.drivers.volume_nbd.settings import NbdSettings
from agent.model import Export, ExportSpec, Pool, VolumeFile
from tests.integration.volume_nbd.host import MIB, VOLUME, Host, free_port, next_epoch, qemu_io

pytestmark = pytest.mark.host

OTHER = replace(VOLUME, volume_id="vol-0b", pool="hdd")


@pytest.fixture
def other_export(host: Host) -> ExportSpec:
    """To this very host."""
    return ExportSpec("vol-0b-e1", "vol-0b", 1, free_port(), (host.context.host_id,))


@pytest.fixture
async def hdd(host: Host, tmp_path: Path) -> AsyncIterator[Host]:
    settings = NbdSettings(pool_dir=tmp_path / "hdd")
    other = replace(host, context=replace(host.context, instance="hdd"), settings=settings)
    await create_pool(other.pool, size_gib=1)
    yield other
    for export_name in await other.storage().list_exports():
        await other.storage().remove_export(export_name)
    await destroy_pool(other.pool)


@pytest.fixture
def pools(host: Host, hdd: Host) -> Storages:
    return Storages({"nbd": host.storage(), "hdd": hdd.storage()})


@pytest.fixture
async def stocked(pools: Storages, export: ExportSpec, other_export: ExportSpec) -> None:
    """An open volume in each."""
    for spec in (VOLUME, OTHER):
        await pools.ensure_volume(spec)
    for export_spec in (export, other_export):
        await pools.ensure_export(export_spec)


@pytest.mark.usefixtures("stocked")
async def test_each_has_its_volumes_exports_and_records(
    host: Host, hdd: Host, pools: Storages, export: ExportSpec, other_export: ExportSpec
) -> None:
    for export_spec in (export, other_export):
        await qemu_io(host, export_spec, "write -P 0x42 0 4k", "read -P 0x42 0 4k")
    assert await host.storage().list_volumes() == {"vol-0a": VolumeFile(64 * MIB, epoch=1)}
    assert await hdd.storage().list_volumes() == {"vol-0b": VolumeFile(64 * MIB, epoch=1)}
    assert await host.storage().list_exports() == {export.export_name: Export(export)}
    assert await hdd.storage().list_exports() == {other_export.export_name: Export(other_export)}
    ids = [(host.context.state_dir / name).read_text() for name in (NAME, f"{NAME}-hdd")]
    assert ids == [(each.pool / NAME).read_text() for each in (host, hdd)]
    assert [pool.name for pool in (await pools.probe()).pools if pool.storage_gib] == ["nbd"], "1 GiB is not free"
    await pools.remove_export(other_export.export_name)
    assert not host.context.export_socket(other_export.export_name).exists()
    assert await pools.list_exports() == {export.export_name: Export(export)}


@pytest.mark.usefixtures("stocked")
async def test_exports_of_both_are_found_again_without_their_records(
    host: Host, hdd: Host, pools: Storages, export: ExportSpec, other_export: ExportSpec
) -> None:
    for record in host.context.run_dir.rglob("*.json"):
        record.unlink()
    assert set(await hdd.storage().list_exports()) == {other_export.export_name}
    assert set(await pools.list_exports()) == {export.export_name, other_export.export_name}


@pytest.mark.usefixtures("stocked")
async def test_one_goes_on_while_the_other_is_away(
    host: Host, hdd: Host, pools: Storages, export: ExportSpec, other_export: ExportSpec
) -> None:
    away = hdd.pool / "away"
    (hdd.pool / NAME).rename(away)  # As where its disk is not mounted.
    try:
        with pytest.raises(Unseen) as unseen:
            await pools.list_volumes()
        assert set(unseen.value.found) == {"vol-0a"}
        assert set(await pools.list_exports()) == {export.export_name, other_export.export_name}, "what is open serves"
        await pools.ensure_volume(replace(VOLUME, size_bytes=128 * MIB))
        new = next_epoch(export)
        await pools.ensure_export(new)
        await pools.remove_export(new.export_name)
        for attempt in (pools.look_volume("vol-0b"), pools.ensure_volume(replace(OTHER, pool=""))):
            with pytest.raises(Transient, match="is not a pool, or not mounted"):
                await attempt
        assert (await pools.probe()).pools[1] == Pool("hdd", 0)
    finally:
        away.rename(hdd.pool / NAME)
    assert set(await pools.list_volumes()) == {"vol-0a", "vol-0b"}
    assert await host.storage().look_volume("vol-0b") is None


async def test_two_at_work_at_once(pools: Storages, export: ExportSpec, other_export: ExportSpec) -> None:
    await asyncio.gather(*(pools.ensure_volume(spec) for spec in (VOLUME, OTHER)))
    await asyncio.gather(*(pools.ensure_export(each) for each in (export, other_export)))
    assert set(await pools.list_exports()) == {export.export_name, other_export.export_name}


async def test_a_pool_has_one_name_for_ever(host: Host, hdd: Host, pools: Storages) -> None:
    await pools.list_volumes()
    for pool, name in ((host.pool, "nbd"), (hdd.pool, "hdd")):
        again = NbdStorageDriver(NbdSettings(pool_dir=pool), replace(host.context, instance="again"))
        with pytest.raises(Transient, match=f"the pool that this host calls {name}: a pool's name is for ever"):
            await again.list_volumes()
        assert (await again.probe()).storage_gib == 0
