"""Guests go on and off: by their own will, by the agent's, and by mishap."""

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import replace

from agent import devices
from agent.drivers.compute_libvirt import LibvirtComputeDriver
from agent.guests import shut_down
from agent.model import Domain, InstanceSpec, Kind, OffReason, Power, Ref
from tests.integration.compute_libvirt.guests import BOOT_S, INSTANCE_ID, plug, says, shows, unplug
from tests.integration.compute_libvirt.libvirt_host import LibvirtHost


async def test_a_guest_lives_from_resume_on(
    driver: LibvirtComputeDriver,
    host: LibvirtHost,
    new_driver: Callable[[], LibvirtComputeDriver],
    spec: InstanceSpec,
    taps: dict[str, str],
) -> None:
    await driver.start_paused(spec, taps)
    await driver.start_paused(spec, taps)
    assert "<mtu size='1390'/>" in host.run("virsh", "-c", "qemu:///system", "dumpxml", INSTANCE_ID), "the tap's"
    export, has = spec.disks[0].export_name, devices.digests(spec)
    assert await driver.list() == {INSTANCE_ID: Domain(INSTANCE_ID, Power.PAUSED, 3, False, 0, (export,), devices=has)}
    plug()
    assert await driver.console_tail(INSTANCE_ID, 65536) == b""

    await driver.note_run(INSTANCE_ID)
    await driver.resume(INSTANCE_ID)
    await driver.resume(INSTANCE_ID)
    assert await new_driver().list() == {
        INSTANCE_ID: Domain(INSTANCE_ID, Power.RUNNING, 3, True, 0, (export,), devices=has)
    }
    await says(driver, b"udhcpc: started")
    assert len(await driver.console_tail(INSTANCE_ID, 100)) == 100


async def test_links_go_and_come_back(
    driver: LibvirtComputeDriver,
    host: LibvirtHost,
    new_driver: Callable[[], LibvirtComputeDriver],
    guest: InstanceSpec,
) -> None:
    for is_up in (False, False, True, True, False):
        await driver.set_links(INSTANCE_ID, is_up)
        found = (await driver.list())[INSTANCE_ID]
        assert (found.has_links_down, found.power) == (not is_up, Power.RUNNING)
    assert (await new_driver().list())[INSTANCE_ID].has_links_down, "another agent sees it"
    await driver.set_links(INSTANCE_ID, True)
    host.run("virsh", "-c", "qemu:///system", "suspend", INSTANCE_ID)
    await driver.set_links(INSTANCE_ID, False)
    paused = (await driver.list())[INSTANCE_ID]
    assert (paused.has_links_down, paused.power) == (True, Power.PAUSED)
    await driver.resume(INSTANCE_ID)
    await driver.set_links(INSTANCE_ID, True)
    await driver.destroy(INSTANCE_ID)
    await driver.set_links(INSTANCE_ID, False)
    await driver.set_links("i-00000000000000099", False)
    assert not (await driver.list())[INSTANCE_ID].has_links_down


async def test_power_button_and_another_start(
    driver: LibvirtComputeDriver,
    new_driver: Callable[[], LibvirtComputeDriver],
    guest: InstanceSpec,
    taps: dict[str, str],
) -> None:
    events = driver.events()
    await driver.press_power_button(INSTANCE_ID)
    async with asyncio.timeout(BOOT_S):
        assert await anext(events) == Ref(Kind.INSTANCE, INSTANCE_ID)
    await shows(driver, lambda domain: domain.power is Power.OFF)
    off = (await driver.list())[INSTANCE_ID]
    assert (off.off_reason, off.has_run, off.export_names) == (OffReason.SHUTDOWN, True, ())
    assert (await new_driver().list())[INSTANCE_ID].off_reason is OffReason.UNPROVEN, (
        "an agent that was away saw nothing"
    )
    await driver.press_power_button(INSTANCE_ID)

    unplug()
    await driver.start_paused(replace(guest, generation=4, reboot_count=2), taps)
    again = (await driver.list())[INSTANCE_ID]
    assert (again.power, again.generation, again.has_run, again.reboot_count) == (Power.PAUSED, 4, False, 2)


async def test_destroy_and_crash_tell_apart(
    driver: LibvirtComputeDriver, host: LibvirtHost, started: InstanceSpec, taps: dict[str, str]
) -> None:
    os.kill(host.qemu_pid(INSTANCE_ID), signal.SIGKILL)
    await shows(driver, lambda domain: domain.off_reason is OffReason.CRASHED)
    unplug()
    await driver.start_paused(started, taps)
    await driver.note_run(INSTANCE_ID)
    await driver.resume(INSTANCE_ID)
    await driver.destroy(INSTANCE_ID)
    await driver.destroy(INSTANCE_ID)
    off = (await driver.list())[INSTANCE_ID]
    assert (off.power, off.off_reason) == (Power.OFF, OffReason.DESTROYED)


async def test_a_signal_to_qemu_is_not_the_guests_will(
    driver: LibvirtComputeDriver, host: LibvirtHost, started: InstanceSpec
) -> None:
    """libvirt has the same reason for both; only the event, while somebody listens, tells them apart."""
    os.kill(host.qemu_pid(INSTANCE_ID), signal.SIGTERM)
    await shows(driver, lambda domain: domain.power is Power.OFF)
    assert (await driver.list())[INSTANCE_ID].off_reason is OffReason.UNPROVEN


async def test_a_qemu_that_is_stopped_is_told_of(
    driver: LibvirtComputeDriver, host: LibvirtHost, started: InstanceSpec
) -> None:
    qemu = host.qemu_pid(INSTANCE_ID)
    os.kill(qemu, signal.SIGSTOP)
    await shows(driver, lambda domain: (domain.power, domain.is_stopped) == (Power.RUNNING, True))
    os.kill(qemu, signal.SIGCONT)
    await shows(driver, lambda domain: not domain.is_stopped)


async def test_guests_are_shut_down_before_their_machine(driver: LibvirtComputeDriver, guest: InstanceSpec) -> None:
    assert await shut_down(driver, BOOT_S) == ()
    assert b"reboot: Power down" in await driver.console_tail(INSTANCE_ID, 65536)


async def test_a_reboot_is_seen_and_counted_once(driver: LibvirtComputeDriver, guest: InstanceSpec) -> None:
    await driver.reboot(INSTANCE_ID)
    await says(driver, b"reboot: Power down")
    await shows(driver, lambda domain: domain.has_rebooted)
    for _ in range(2):
        await driver.count_reboot(INSTANCE_ID, 1)
    await says(driver, b"udhcpc: started", times=2)
    domain = (await driver.list())[INSTANCE_ID]
    assert (domain.power, domain.reboot_count, domain.generation) == (Power.RUNNING, 1, 3)
