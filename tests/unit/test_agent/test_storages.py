"""Several pools as one driver: where a volume goes, and what may be said while one of them can't be seen."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent import bugs
from agent.drivers import storages
from agent.drivers.base import HostContext, Permanent, Transient, Unseen
from agent.drivers.fake import FakeSettings, FakeStorageDriver, FakeWorld
from agent.drivers.registry import Drivers
from agent.drivers.storages import Storages
from agent.model import Capacity, Export, ExportSpec, Kind, Pool, VolumeFile, VolumeSpec

from .host import Host, until

VOLUME = VolumeSpec("vol-1", 1 << 30)
OTHER = VolumeSpec("vol-2", 1 << 30, pool="hdd")
EXPORT = ExportSpec("vol-1-e1", "vol-1", 1, 20001, ("host-1",))
OTHER_EXPORT = ExportSpec("vol-2-e1", "vol-2", 1, 20002, ("host-1",))
AWAY = Permanent("/srv/hdd is not mounted")


class Pools(Storages):
    """Two fakes, of which the second can be away."""

    def __init__(self, directory: Path) -> None:
        context = HostContext("host-1", "192.0.2.1", directory, directory, directory, None)  # type: ignore[arg-type]
        contexts = {name: replace(context, instance=name) for name in ("ssd", "hdd")}
        self.drivers = {name: FakeStorageDriver(FakeSettings(storage_gib=10), each) for name, each in contexts.items()}
        self.worlds = {name: driver.world for name, driver in self.drivers.items()}
        super().__init__(self.drivers)

    def lose(self, error: Exception | None = AWAY) -> None:
        """The second. None: it hangs."""

        async def fail(*_: object) -> None:
            if error is not None:
                raise error
            await asyncio.Event().wait()

        verbs = ("probe", "list_volumes", "look_volume", "ensure_volume", "list_exports", "look_export")
        for verb in (*verbs, "ensure_export", "remove_export"):
            setattr(self.drivers["hdd"], verb, fail)


@pytest.fixture
def pools(tmp_path: Path) -> Iterator[Pools]:
    yield Pools(tmp_path)
    for name in ("ssd", "hdd"):
        FakeWorld.forget(tmp_path / name)
    bugs.told.clear()


async def stock(pools: Pools) -> None:
    """A volume in each, opened."""
    for spec in (VOLUME, OTHER):
        await pools.ensure_volume(spec)
    for export in (EXPORT, OTHER_EXPORT):
        await pools.ensure_export(export)


async def test_a_volume_goes_where_it_shall_and_its_export_where_it_is(pools: Pools) -> None:
    await stock(pools)
    assert {name: set(world.volumes) for name, world in pools.worlds.items()} == {"ssd": {"vol-1"}, "hdd": {"vol-2"}}
    assert set(pools.worlds["hdd"].exports) == {OTHER_EXPORT.export_name}
    assert {id: file.pool for id, file in (await pools.list_volumes()).items()} == {"vol-1": "ssd", "vol-2": "hdd"}
    assert await pools.look_volume("vol-2") == VolumeFile(1 << 30, epoch=1)
    assert await pools.list_exports() == {spec.export_name: Export(spec) for spec in (EXPORT, OTHER_EXPORT)}
    assert await pools.look_export(OTHER_EXPORT.export_name) == Export(OTHER_EXPORT)
    await pools.remove_export(OTHER_EXPORT.export_name)
    assert await pools.look_export(OTHER_EXPORT.export_name) is None


async def test_a_volume_stays_where_it_is_found_also_in_the_trash(pools: Pools) -> None:
    await pools.ensure_volume(OTHER)
    for spec in (replace(OTHER, pool="ssd", size_bytes=2 << 30), replace(OTHER, pool="", deleted=True), OTHER):
        await pools.ensure_volume(spec)
    assert pools.worlds["ssd"].volumes == {}
    assert await pools.list_volumes() == {"vol-2": VolumeFile(2 << 30)}


async def test_a_pool_that_the_host_does_not_have_is_named(pools: Pools) -> None:
    with pytest.raises(Permanent, match=r"vol-1 shall be in pool nvme, .*: there are ssd, hdd"):
        await pools.ensure_volume(replace(VOLUME, pool="nvme"))


async def test_a_volume_that_two_pools_have_is_left_alone(pools: Pools) -> None:
    for driver in pools.drivers.values():
        await driver.ensure_volume(VOLUME)
    for attempt in (pools.ensure_volume(VOLUME), pools.ensure_export(EXPORT)):
        with pytest.raises(Permanent, match="vol-1 is in the pools ssd and hdd"):
            await attempt


async def test_each_pool_is_told(pools: Pools) -> None:
    assert await pools.probe() == Capacity(storage_gib=20, pools=(Pool("ssd", 10), Pool("hdd", 10)))
    pools.lose()
    told = Capacity(storage_gib=10, problems=(str(AWAY),), pools=(Pool("ssd", 10), Pool("hdd", 0)))
    assert await pools.probe() == told


@pytest.mark.parametrize("error", [AWAY, None, OSError("bug")], ids=["away", "hung", "bug"])
async def test_a_pool_that_is_away_hides_its_own_alone(
    pools: Pools, error: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storages, "_LOOK_DEADLINE_S", 0.01)
    await stock(pools)
    pools.lose(error)
    with pytest.raises(Unseen) as seen:
        await pools.list_volumes()
    assert set(seen.value.found) == {"vol-1"}
    with pytest.raises(Unseen) as seen:
        await pools.list_exports()
    assert set(seen.value.found) == {EXPORT.export_name}
    await pools.remove_export(EXPORT.export_name)
    await pools.ensure_export(replace(EXPORT, export_name="vol-1-e2", epoch=2))
    await pools.ensure_volume(replace(VOLUME, size_bytes=2 << 30))
    await pools.ensure_volume(VolumeSpec("vol-3", 1 << 30, pool="ssd"))
    assert set(pools.worlds["ssd"].volumes) == {"vol-1", "vol-3"}


async def test_what_may_be_in_a_pool_that_is_away_is_neither_gone_nor_made_anew(pools: Pools) -> None:
    await stock(pools)
    pools.lose()
    unnamed = replace(OTHER, pool="")
    for attempt in (
        pools.look_volume("vol-2"),
        pools.look_export(OTHER_EXPORT.export_name),
        pools.remove_export(OTHER_EXPORT.export_name),
        pools.ensure_export(OTHER_EXPORT),
        *(pools.ensure_volume(spec) for spec in (OTHER, unnamed, replace(unnamed, deleted=True))),
    ):
        with pytest.raises(Permanent, match="not mounted"):
            await attempt
    assert set(pools.worlds["ssd"].volumes) == {"vol-1"}


async def test_an_export_waits_for_a_volume_that_is_nowhere(pools: Pools) -> None:
    with pytest.raises(Transient, match="waits for vol-1"):
        await pools.ensure_export(EXPORT)


async def test_a_host_with_a_pool_away_speaks_of_the_others_and_of_none_as_gone(
    pools: Pools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.converge.watch._FIRST_PASS_AGAIN_S", 0.01)
    monkeypatch.setattr("agent.converge.observations._FIRST_REPORT_S", 0.01)
    await stock(pools)
    pools.lose()
    host = Host(tmp_path)
    host.make_drivers = lambda: Drivers(storage=pools, pools=list(pools.drivers.values()))  # type: ignore[method-assign]
    async with host.agent() as engine:
        seen = engine.observations
        await host.want(OTHER, OTHER_EXPORT)
        await until(lambda: seen[VOLUME.ref].file == VolumeFile(1 << 30, epoch=1), host.describe)
        await until(lambda: EXPORT.export_name not in pools.worlds["ssd"].exports, host.describe)
        await until(lambda: "not mounted" in seen[OTHER.ref].error, host.describe)
        assert "cannot list volumes: /srv/hdd is not mounted" in engine.problems
        assert not {Kind.VOLUME, Kind.EXPORT} & set((await seen.full(1)).kinds)
