"""What every compute driver must do, fake or real: see `agent/drivers/base.py`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

import pytest

from agent import devices
from agent.drivers.base import ComputeDriver, Transient
from agent.model import InstanceSpec, OffReason, Power, Ref
from tests.contract import real_drivers
from tests.contract.drivers import (
    DATA,
    DATA_DISK,
    DATA_EXPORT,
    DISK,
    EXPORT,
    INSTANCE,
    NIC,
    PORT,
    SECOND_NIC,
    SECOND_PORT,
    VOLUME,
    VPC,
    empty,
    on_fakes_and,
)
from tests.contract.real_drivers import Maker
from tests.networks import view_of


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
        await self.resume(make.compute())
        return make.compute()

    async def resume(self, compute: ComputeDriver) -> None:
        await compute.note_run(INSTANCE.instance_id)
        await compute.resume(INSTANCE.instance_id)

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
            await make.compute().note_run(INSTANCE.instance_id)
        noted = (await make.compute().list())[INSTANCE.instance_id]
        assert (noted.power, noted.has_run) == (Power.PAUSED, True)
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
        await self.resume(compute)
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
                with suppress(Transient):  # As the engine does: the guest may let go at this very moment.
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
                with suppress(Transient):  # As above.
                    await compute.detach_device(INSTANCE.instance_id, devices.alias(SECOND_NIC))
                await asyncio.sleep(0.1)
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
