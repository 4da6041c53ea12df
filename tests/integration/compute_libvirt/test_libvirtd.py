"""A libvirtd that hangs, ends or forgets, and what it has read of its configuration."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.drivers.base import Stuck, Transient
from agent.drivers.compute_libvirt import LibvirtComputeDriver
from agent.model import InstanceSpec, Kind, OffReason, Power, Ref
from tests.integration.compute_libvirt.guests import BOOT_S, INSTANCE_ID, eventually, shows, unplug
from tests.integration.compute_libvirt.libvirt_host import LibvirtHost

HANG_S = 15.0


async def test_no_second_qemu_runs_where_libvirtd_lost_its_record(
    driver: LibvirtComputeDriver, host: LibvirtHost, started: InstanceSpec, taps: dict[str, str]
) -> None:
    first = host.qemu_pid(INSTANCE_ID)
    host.stop_libvirtd()
    host.run("sh", "-c", "rm -f /run/libvirt/qemu/*.xml /run/libvirt/qemu/*.pid")
    host.start_libvirtd()
    assert (await driver.list())[INSTANCE_ID].power is Power.OFF
    unplug()
    await driver.start_paused(started, taps)
    assert not Path(f"/proc/{first}").exists()  # noqa: ASYNC240
    assert host.qemu_pid(INSTANCE_ID) != first
    assert (await driver.list())[INSTANCE_ID].power is Power.PAUSED


async def test_remove_also_ends_a_qemu_that_libvirtd_does_not_know(
    driver: LibvirtComputeDriver, host: LibvirtHost, started: InstanceSpec
) -> None:
    first = host.qemu_pid(INSTANCE_ID)
    host.stop_libvirtd()
    host.run("sh", "-c", "rm -f /run/libvirt/qemu/*.xml /run/libvirt/qemu/*.pid")
    host.start_libvirtd()
    await driver.remove(INSTANCE_ID)
    assert not Path(f"/proc/{first}").exists()  # noqa: ASYNC240


async def test_a_libvirtd_that_hangs_is_told_of(
    driver: LibvirtComputeDriver,
    new_driver: Callable[[], LibvirtComputeDriver],
    host: LibvirtHost,
    started: InstanceSpec,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agent.drivers.compute_libvirt.hypervisor.LOOK_DEADLINE_S", 1.0)
    connected, late = new_driver(), new_driver()
    await connected.list()
    libvirtd = host.libvirtd_pid()
    os.kill(libvirtd, signal.SIGSTOP)
    try:
        for hung in (connected, late):
            async with asyncio.timeout(HANG_S):
                with pytest.raises(Transient, match="libvirtd"):
                    await hung.list()
                assert [problem for problem in (await hung.probe()).problems if "libvirtd" in problem]
    finally:
        os.kill(libvirtd, signal.SIGCONT)

    async def is_seen() -> bool:
        try:
            return (await late.list())[INSTANCE_ID].power is Power.RUNNING
        except Transient:
            return False

    await eventually(is_seen, late.probe)


async def test_a_libvirtd_that_hangs_ends_the_events(
    new_driver: Callable[[], LibvirtComputeDriver], host: LibvirtHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else is asked of it, and its socket stays open."""
    for name in ("LOOK_DEADLINE_S", "PING_S"):
        monkeypatch.setattr(f"agent.drivers.compute_libvirt.hypervisor.{name}", 1.0)
    driver = new_driver()
    await driver.list()
    libvirtd = host.libvirtd_pid()
    os.kill(libvirtd, signal.SIGSTOP)
    try:
        async with asyncio.timeout(HANG_S):
            with pytest.raises(Stuck):
                await anext(driver.events())
    finally:
        os.kill(libvirtd, signal.SIGCONT)


async def test_the_end_of_the_connection_ends_the_events(
    driver: LibvirtComputeDriver, host: LibvirtHost, started: InstanceSpec
) -> None:
    async def follow() -> None:
        async for _ in driver.events():
            pass

    following = asyncio.create_task(follow())
    await asyncio.sleep(0)
    host.stop_libvirtd()
    with pytest.raises(Transient, match="was lost"):
        await asyncio.wait_for(following, BOOT_S)
    host.start_libvirtd()


async def test_libvirtd_restarts_under_a_running_guest(
    driver: LibvirtComputeDriver, host: LibvirtHost, guest: InstanceSpec
) -> None:
    host.stop_libvirtd()
    with pytest.raises(Transient, match="libvirtd does not answer"):
        await driver.list()
    assert any("libvirtd does not answer" in problem for problem in (await driver.probe()).problems)
    host.start_libvirtd()
    assert (await driver.list())[INSTANCE_ID].power is Power.RUNNING
    events = driver.events()
    await driver.press_power_button(INSTANCE_ID)
    async with asyncio.timeout(BOOT_S):
        assert await anext(events) == Ref(Kind.INSTANCE, INSTANCE_ID)
    await shows(driver, lambda domain: domain.off_reason is OffReason.SHUTDOWN)


async def test_probe_tells_of_settings_that_libvirtd_has_not_read(
    driver: LibvirtComputeDriver, host: LibvirtHost
) -> None:
    capacity = await driver.probe()
    assert capacity.vcpus >= 4
    assert capacity.memory_mib > 0
    assert [problem for problem in capacity.problems if "KVM" not in problem] == []
    os.utime(host.directory / "etc/libvirt/qemu.conf", (time.time() + 5, time.time() + 5))
    assert any("restart" in problem for problem in (await driver.probe()).problems)
