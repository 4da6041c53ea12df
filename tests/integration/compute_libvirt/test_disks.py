"""Disks that come and go, and storage that is full or away."""

import asyncio
from dataclasses import replace

import pytest

from agent import devices
from agent.drivers.base import Transient
from agent.drivers.compute_libvirt import LibvirtComputeDriver
from agent.model import InstanceSpec, Kind, OffReason, Power, Ref, Stall
from tests.integration.compute_libvirt.guests import (
    BOOT_S,
    INSTANCE_ID,
    Storage,
    eventually,
    free_port,
    plug,
    says,
    shows,
)


async def test_a_guest_whose_pool_is_full_is_stalled_and_goes_on(
    driver: LibvirtComputeDriver, spec: InstanceSpec, storage: Storage, taps: dict[str, str]
) -> None:
    """The storage daemon has no room: QEMU pauses the guest at its next write."""
    server = storage.servers[spec.disks[0].volume_id]
    server.restart(is_full=True)
    await driver.start_paused(spec, taps)
    plug()
    await driver.note_run(INSTANCE_ID)
    await driver.resume(INSTANCE_ID)
    await shows(driver, lambda domain: domain.stall is Stall.NO_SPACE)
    server.restart(is_full=False)

    async def boots_when_resumed() -> bool:
        await driver.resume(INSTANCE_ID)
        return b"udhcpc: started" in await driver.console_tail(INSTANCE_ID, 65536)

    await eventually(boots_when_resumed, driver.list)


async def test_disks_come_and_go_while_it_runs(
    driver: LibvirtComputeDriver, guest: InstanceSpec, storage: Storage
) -> None:
    root, disk, closed = guest.disks[0], storage.export(2), storage.export(3, read_only=True)
    await driver.attach_device(INSTANCE_ID, disk, {})
    await driver.attach_device(INSTANCE_ID, disk, {})
    await says(driver, b"[vdb]")
    assert (await driver.list())[INSTANCE_ID].export_names == (root.export_name, disk.export_name)
    await driver.attach_device(INSTANCE_ID, closed, {})
    await says(driver, b"[vdc]")
    await driver.detach_device(INSTANCE_ID, devices.alias(closed))
    await shows(driver, lambda domain: domain.export_names == (root.export_name, disk.export_name))
    events = driver.events()
    await driver.detach_device(INSTANCE_ID, devices.alias(disk))
    async with asyncio.timeout(BOOT_S):
        assert await anext(events) == Ref(Kind.INSTANCE, INSTANCE_ID)
    await shows(driver, lambda domain: domain.export_names == (root.export_name,))
    await driver.detach_device(INSTANCE_ID, devices.alias(disk))


async def test_a_guest_outlives_its_storage_daemon(
    driver: LibvirtComputeDriver, guest: InstanceSpec, storage: Storage
) -> None:
    server = storage.servers[guest.disks[0].volume_id]
    server.stop()
    await driver.reboot(INSTANCE_ID)  # Its firmware must read the disk.
    await shows(driver, lambda domain: domain.power is Power.PAUSED)
    with pytest.raises(Transient, match=guest.disks[0].export_name):
        await driver.reach(guest.disks)
    server.start()
    await driver.reach(guest.disks)

    async def boots_when_resumed() -> bool:
        await driver.resume(INSTANCE_ID)  # More than once: the first request still meets the dead connection.
        return (await driver.console_tail(INSTANCE_ID, 65536)).count(b"udhcpc: started") == 2

    await eventually(boots_when_resumed, driver.list)


async def test_an_export_that_is_not_there_is_transient(
    driver: LibvirtComputeDriver, spec: InstanceSpec, storage: Storage, taps: dict[str, str]
) -> None:
    closed = replace(spec.disks[0], port=free_port())
    with pytest.raises(Transient, match=closed.export_name):
        await driver.reach([closed])
    other = replace(spec.disks[0], export_name="vol-00000000000000001-e2")
    with pytest.raises(Transient):
        await driver.start_paused(replace(spec, disks=(other,)), taps)
    domain = (await driver.list())[INSTANCE_ID]
    assert (domain.power, domain.off_reason) == (Power.OFF, OffReason.NEVER_STARTED)
