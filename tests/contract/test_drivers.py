"""What every driver must do, fake or real: see `agent/drivers/base.py`.

A host's `Maker` has one maker for each kind of driver: each call makes another driver object for the same host, as
after a restart of the agent. To run a class on other real drivers, give `on_fakes_and` a context manager like `fakes`,
with the markers that it needs.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent import devices
from agent.drivers.base import (
    ComputeDriver,
    HostContext,
    Permanent,
    Transient,
)
from agent.drivers.fake import (
    FakeComputeDriver,
    FakeGatewayDriver,
    FakeNetworkDriver,
    FakeSettings,
    FakeStorageDriver,
    FakeWorld,
)
from agent.drivers.storages import Storages
from agent.images import Images
from agent.model import (
    AddressMapping,
    DiskSpec,
    Export,
    ExportSpec,
    GatewaySpec,
    GroupSpec,
    InstanceMetadata,
    InstanceSpec,
    InterfaceSpec,
    Limits,
    OffReason,
    PortSpec,
    PortState,
    Power,
    Ref,
    RuleSpec,
    SubnetSpec,
    VolumeFile,
    VolumeSpec,
    VpcSpec,
)
from tests.contract import real_drivers
from tests.contract.real_drivers import ADDRESS, Maker
from tests.networks import view_of

GIB = 1 << 30
VOLUME = VolumeSpec("vol-0c0ffee1", GIB)
TOMBSTONE = replace(VOLUME, deleted=True)
EXPORT = ExportSpec("vol-0c0ffee1-e3", "vol-0c0ffee1", 3, 20913, ("host-1",))
DISK = DiskSpec("vol-0c0ffee1", "vol-0c0ffee1-e3", ADDRESS, 20913, "/dev/sda1")
DATA = VolumeSpec("vol-0c0ffee2", GIB)
DATA_EXPORT = ExportSpec("vol-0c0ffee2-e1", "vol-0c0ffee2", 1, 20914, ("host-1",))
DATA_DISK = DiskSpec("vol-0c0ffee2", "vol-0c0ffee2-e1", ADDRESS, 20914, "/dev/sdf")
NIC = InterfaceSpec("eni-0c0ffee1", "vpc-0c0ffee1", "02:c0:ff:ee:00:01", "172.31.0.5")
INTERFACE_IDS = "eni-0c0ffee1", "eni-0c0ffee2"
PORT = PortSpec(
    "eni-0c0ffee1", "i-0c0ffee1", NIC.mac_address, NIC.private_ip, "subnet-0c0ffee1", ("sg-0c0ffee1",), "ip-172-31-0-5"
)
SECOND_NIC = InterfaceSpec("eni-0c0ffee2", "vpc-0c0ffee1", "02:c0:ff:ee:00:02", "172.31.0.6")
SECOND_PORT = replace(PORT, interface_id="eni-0c0ffee2", mac_address=SECOND_NIC.mac_address, private_ip="172.31.0.6")
VPC = VpcSpec(
    vpc_id="vpc-0c0ffee1",
    vni=4242,
    cidr_block="172.31.0.0/16",
    subnets=(SubnetSpec("subnet-0c0ffee1", "172.31.0.0/20"),),
    ports=(PORT,),
    peers=(),
    host_number=1,
    gateway_host_number=1,
    groups=(GroupSpec("sg-0c0ffee1", (RuleSpec(False, "tcp", 22, 22, cidr_ipv4="0.0.0.0/0"),)),),
    group_members=(),
)
GATEWAY = GatewaySpec("vpc-0c0ffee1", 1, (AddressMapping("198.51.100.7", NIC.private_ip),), ("10.99.0.1",))
METADATA = InstanceMetadata(
    *("ami-1", "t3.nano", "home-1a", "home-1", "ip-172-31-0-5", "", "", "", ("default",), b"", "r-1", 0),
    *("subnet-0c0ffee1", "172.31.0.0/20"),
)
INSTANCE = InstanceSpec("i-0c0ffee1", 1, True, 0, 10, 1, 128, (NIC,), (DISK,), METADATA)


@contextmanager
def fakes(directory: Path) -> Iterator[Maker]:
    context = HostContext("host-1", ADDRESS, directory, directory / "run", directory / "pki", Images(_no_images))

    def make(driver: Callable[[FakeSettings, HostContext], Any]) -> Callable[[], Any]:
        return lambda: driver(FakeSettings(storage_gib=100), context)

    yield Maker(
        make(FakeStorageDriver),
        make(FakeNetworkDriver),
        make(FakeGatewayDriver),
        make(FakeComputeDriver),
        empty_trash=FakeWorld.of(context).empty_trash,
    )
    assert FakeWorld.of(context).violations == []
    FakeWorld.forget(directory)


async def empty(host: Maker) -> None:
    """Of exports and volumes."""
    await real_drivers.close_all(host.storage())
    for volume_id, file in (await host.storage().list_volumes()).items():
        await host.storage().ensure_volume(VolumeSpec(volume_id, file.size_bytes, deleted=True))
    host.empty_trash()


async def _no_images(image: object, target: Path) -> None:
    raise AssertionError("no volume here is made from an image")


def on_fakes_and(real: Callable[[Path], AbstractContextManager[Maker]], *marks: pytest.MarkDecorator) -> Any:
    """Run each test of a class on two hosts, which its tests share and leave empty."""
    hosts = [pytest.param(fakes, id="fake"), pytest.param(real, id="real", marks=marks)]
    return pytest.mark.parametrize("host", hosts, indirect=True)


@pytest.fixture(scope="class")
def host(request: pytest.FixtureRequest) -> Iterator[Maker]:
    with tempfile.TemporaryDirectory(prefix="stead-contract-") as directory:
        Path(directory).chmod(0o755)  # For libvirt-qemu, to which pytest's own are closed.
        with request.param(Path(directory)) as maker:
            yield maker


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
        context = HostContext("host-1", ADDRESS, tmp_path, tmp_path / "run", tmp_path / "pki", Images(_no_images))
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


@on_fakes_and(real_drivers.network, pytest.mark.host)
class TestNetwork:
    @pytest.fixture
    async def make(self, host: Maker) -> AsyncIterator[Maker]:
        yield host
        for interface_id in await host.network().list_ports():
            await host.network().unplug(interface_id)
        await host.network().remove(VPC.vpc_id)

    async def test_ensure_and_remove_may_be_repeated(self, make: Maker) -> None:
        for _ in range(2):
            await make.network().ensure(view_of(VPC))
        assert await make.network().list() == {VPC.vpc_id}
        for _ in range(2):
            await make.network().remove(VPC.vpc_id)
        assert await make.network().list() == frozenset()

    async def test_a_tap_is_made_and_deleted_any_number_of_times(self, make: Maker) -> None:
        for _ in range(2):
            await make.network().create_tap(PORT)
        assert await make.network().list_ports() == {PORT.interface_id: PortState.CREATED}
        assert await make.network().look_ports(INTERFACE_IDS) == {PORT.interface_id: PortState.CREATED}
        for _ in range(2):
            await make.network().unplug(PORT.interface_id)
        assert await make.network().list_ports() == {}
        assert await make.network().look_ports(INTERFACE_IDS) == {}

    async def test_a_tap_is_plugged_and_stays_so(self, make: Maker) -> None:
        await make.network().create_tap(PORT)
        network = make.network()
        await network.ensure(view_of(VPC))
        for _ in range(2):
            await network.plug(PORT)
        await make.network().create_tap(PORT)
        await make.network().ensure(view_of(VPC))
        for looking in (network, make.network()):
            assert await looking.list_ports() == {PORT.interface_id: PortState.PLUGGED}
            assert await looking.look_ports(INTERFACE_IDS) == {PORT.interface_id: PortState.PLUGGED}
            assert await looking.look_ports(INTERFACE_IDS[1:]) == {}
        await make.network().unplug(PORT.interface_id)
        assert await make.network().list_ports() == {}

    async def test_no_tap_is_plugged_before_its_rules_stand(self, make: Maker) -> None:
        await make.network().create_tap(PORT)
        with pytest.raises(Transient, match=PORT.interface_id):
            await make.network().plug(PORT)
        await make.network().ensure(view_of(replace(VPC, ports=())))
        with pytest.raises(Transient, match=PORT.interface_id):
            await make.network().plug(PORT)

    async def test_without_a_tap_nothing_is_plugged(self, make: Maker) -> None:
        await make.network().ensure(view_of(VPC))
        with pytest.raises(Transient, match=PORT.interface_id):
            await make.network().plug(PORT)

    async def test_probe(self, make: Maker) -> None:
        assert (await make.network().probe()).problems == ()

    def test_names(self, make: Maker) -> None:
        name = make.network().tap_name("eni-" + "0123456789abcdef0")
        assert len(name) <= 15
        assert name == make.network().tap_name("eni-" + "0123456789abcdef0")
        assert name != make.network().tap_name("eni-" + "0123456789abcdef1")


@on_fakes_and(real_drivers.network, pytest.mark.host)
class TestGateway:
    @pytest.fixture
    async def make(self, host: Maker) -> AsyncIterator[Maker]:
        yield host
        await host.gateway().remove(VPC.vpc_id)
        await host.network().remove(VPC.vpc_id)

    async def test_ensure_and_remove_may_be_repeated(self, make: Maker) -> None:
        await make.network().ensure(view_of(VPC))
        for mappings in (GATEWAY.mappings, GATEWAY.mappings, ()):
            await make.gateway().ensure(replace(GATEWAY, mappings=mappings))
        assert await make.gateway().list() == {VPC.vpc_id}
        for _ in range(2):
            await make.gateway().remove(VPC.vpc_id)
        assert await make.gateway().list() == frozenset()

    async def test_it_waits_for_its_vpc(self, make: Maker) -> None:
        with pytest.raises(Transient, match=VPC.vpc_id):
            await make.gateway().ensure(GATEWAY)

    async def test_probe(self, make: Maker) -> None:
        assert (await make.gateway().probe()).problems == ()


@on_fakes_and(real_drivers.compute, pytest.mark.host, pytest.mark.vm)
class TestCompute:
    @pytest.fixture
    async def make(self, host: Maker) -> AsyncIterator[Maker]:
        for volume, export in ((VOLUME, EXPORT), (DATA, DATA_EXPORT)):
            await host.storage().ensure_volume(replace(volume, image=host.image))
            await host.storage().ensure_export(export)
        await host.network().ensure(view_of(VPC))
        yield host
        await host.compute().remove(INSTANCE.instance_id)
        for port in (PORT, SECOND_PORT):
            await host.network().unplug(port.interface_id)
        await host.network().remove(VPC.vpc_id)
        await empty(host)

    async def start(self, make: Maker) -> ComputeDriver:
        await self.start_paused(make)
        await self.plug(make)
        await make.compute().resume(INSTANCE.instance_id)
        return make.compute()

    async def plug(self, make: Maker) -> None:
        network = make.network()
        await network.ensure(view_of(VPC))
        await network.plug(PORT)

    async def start_paused(self, make: Maker, spec: InstanceSpec = INSTANCE) -> None:
        await make.network().create_tap(PORT)
        await make.compute().start_paused(spec, {PORT.interface_id: make.network().tap_name(PORT.interface_id)})

    async def test_a_life(self, make: Maker) -> None:
        await self.start_paused(make)
        paused = (await make.compute().list())[INSTANCE.instance_id]
        assert (paused.power, paused.generation, paused.has_run) == (Power.PAUSED, 1, False)
        assert paused.export_names == (DISK.export_name,)
        assert paused.devices == devices.digests(INSTANCE)
        await self.plug(make)
        for _ in range(2):
            await make.compute().resume(INSTANCE.instance_id)
        running = (await make.compute().list())[INSTANCE.instance_id]
        assert (running.power, running.has_run) == (Power.RUNNING, True)
        for _ in range(2):
            await make.compute().destroy(INSTANCE.instance_id)
        off = (await make.compute().list())[INSTANCE.instance_id]
        assert (off.power, off.off_reason, off.generation) == (Power.OFF, OffReason.DESTROYED, 1)
        for _ in range(2):
            await make.compute().remove(INSTANCE.instance_id)
        assert await make.compute().list() == {}
        assert await make.compute().look(INSTANCE.instance_id) is None

    async def test_one_looks_as_in_the_list(self, make: Maker) -> None:
        async def look() -> Power:
            one = await compute.look(INSTANCE.instance_id)
            assert one is not None
            assert await compute.list() == {INSTANCE.instance_id: one}
            return one.power

        await self.start_paused(make)
        compute = make.compute()
        assert await look() is Power.PAUSED
        await self.plug(make)
        await compute.resume(INSTANCE.instance_id)
        assert await look() is Power.RUNNING
        await compute.destroy(INSTANCE.instance_id)
        assert await look() is Power.OFF

    async def test_it_starts_again_with_a_new_generation(self, make: Maker) -> None:
        compute = await self.start(make)
        await compute.destroy(INSTANCE.instance_id)
        await make.network().unplug(PORT.interface_id)
        await self.start_paused(make, replace(INSTANCE, generation=2))
        again = (await make.compute().list())[INSTANCE.instance_id]
        assert (again.power, again.generation, again.has_run) == (Power.PAUSED, 2, False)

    async def test_without_a_tap_or_an_export_it_waits(self, make: Maker) -> None:
        taps = {PORT.interface_id: make.network().tap_name(PORT.interface_id)}
        with pytest.raises(Transient, match=INSTANCE.instance_id):
            await make.compute().start_paused(INSTANCE, taps)
        await make.compute().reach(INSTANCE.disks)
        await make.storage().remove_export(EXPORT.export_name)
        with pytest.raises(Transient, match=EXPORT.export_name):
            await make.compute().reach(INSTANCE.disks)
        with pytest.raises(Transient):
            await self.start_paused(make)

    async def test_a_reboot_is_remembered(self, make: Maker) -> None:
        compute = await self.start(make)
        await compute.reset(INSTANCE.instance_id)
        for _ in range(2):
            await compute.count_reboot(INSTANCE.instance_id, 1)
        found = (await make.compute().list())[INSTANCE.instance_id]
        assert (found.power, found.reboot_count) == (Power.RUNNING, 1)

    async def test_disks_come_and_go(self, make: Maker) -> None:
        compute = await self.start(make)
        for _ in range(2):
            await compute.attach_device(INSTANCE.instance_id, DATA_DISK, {})
        both = {DISK.export_name, DATA_DISK.export_name}
        assert set((await make.compute().list())[INSTANCE.instance_id].export_names) == both
        async with asyncio.timeout(60):
            while set((await compute.list())[INSTANCE.instance_id].export_names) == both:
                await compute.detach_device(INSTANCE.instance_id, devices.alias(DATA_DISK))
                await asyncio.sleep(0.1)  # Between two requests: a guest that boots hears none.
        await compute.detach_device(INSTANCE.instance_id, devices.alias(DATA_DISK))

    async def test_interfaces_come_and_go(self, make: Maker) -> None:
        compute = await self.start(make)
        taps = {SECOND_PORT.interface_id: make.network().tap_name(SECOND_PORT.interface_id)}
        await make.network().create_tap(SECOND_PORT)
        for _ in range(2):
            await compute.attach_device(INSTANCE.instance_id, SECOND_NIC, taps)
        both = devices.digests(replace(INSTANCE, interfaces=(NIC, SECOND_NIC)))
        assert (await make.compute().list())[INSTANCE.instance_id].devices == both
        async with asyncio.timeout(60):
            while (await compute.list())[INSTANCE.instance_id].devices == both:
                await compute.detach_device(INSTANCE.instance_id, devices.alias(SECOND_NIC))
                await asyncio.sleep(0.1)  # As above.
        assert (await make.compute().list())[INSTANCE.instance_id].devices == devices.digests(INSTANCE)
        await compute.detach_device(INSTANCE.instance_id, devices.alias(SECOND_NIC))
        await make.network().unplug(SECOND_PORT.interface_id)

    async def test_nothing_is_done_to_what_is_not_there(self, make: Maker) -> None:
        compute = make.compute()
        await compute.press_power_button(INSTANCE.instance_id)
        await compute.destroy(INSTANCE.instance_id)
        await compute.remove(INSTANCE.instance_id)
        assert await compute.console_tail(INSTANCE.instance_id, 100) == b""

    async def test_events_hint(self, make: Maker) -> None:
        compute = make.compute()
        await compute.list()  # Hints may begin with the first look.
        events = compute.events()
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            first: asyncio.Task[Ref] = tasks.create_task(anext(events))  # type: ignore[arg-type]
            await asyncio.sleep(0)
            await self.start_paused(make)
            assert await first == INSTANCE.ref
        await events.aclose()  # type: ignore[attr-defined]

    async def test_it_has_capacity(self, make: Maker) -> None:
        capacity = await make.compute().probe()
        assert capacity.vcpus > 0
        assert capacity.memory_mib > 0
