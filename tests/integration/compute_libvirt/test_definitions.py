"""Domains as libvirt has them: ours, edited ones, and those of others."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent import devices
from agent.drivers.base import Permanent
from agent.drivers.compute_libvirt import LibvirtComputeDriver, domain_xml
from agent.drivers.compute_libvirt.device_xml import Backends
from agent.drivers.compute_libvirt.domain_xml import Platform
from agent.model import InstanceSpec, Machine, OffReason, Power
from tests.integration.compute_libvirt.guests import INSTANCE_ID, INTERFACE_ID, TAP, plug, says, shows, traces, unplug
from tests.integration.compute_libvirt.libvirt_host import LibvirtHost


async def test_a_domain_that_somebody_undefined_is_defined_again(
    driver: LibvirtComputeDriver, host: LibvirtHost, guest: InstanceSpec
) -> None:
    host.run("virsh", "-c", "qemu:///system", "undefine", INSTANCE_ID)
    assert (await driver.list())[INSTANCE_ID].is_transient
    await driver.define(INSTANCE_ID)
    await driver.define(INSTANCE_ID)
    await driver.count_reboot(INSTANCE_ID, 1)
    await driver.press_power_button(INSTANCE_ID)
    await shows(driver, lambda domain: domain.off_reason is OffReason.SHUTDOWN)


async def test_a_domain_that_somebody_edited_hides_no_other(
    driver: LibvirtComputeDriver, host: LibvirtHost, started: InstanceSpec
) -> None:
    edited = f"<instance xmlns='{domain_xml.NAMESPACE}' generation='many'/>"
    uri = [*("virsh", "-c", "qemu:///system"), "metadata", INSTANCE_ID, "--uri", domain_xml.NAMESPACE]
    host.run(*uri, "--key", "stead", "--set", edited.replace(f" xmlns='{domain_xml.NAMESPACE}'", ""), "--live")
    found = (await driver.list())[INSTANCE_ID]
    assert found.power is Power.RUNNING
    assert "many" in found.damage
    await driver.remove(INSTANCE_ID)
    assert await driver.list() == {}


def lose_metadata(host: LibvirtHost, *edit: str) -> None:
    argv = ["virsh", "-c", "qemu:///system", "metadata", INSTANCE_ID, "--uri", domain_xml.NAMESPACE]
    host.run(*argv, *edit, "--live", "--config")


@pytest.mark.parametrize("edit", [["--remove"], ["--key", "s", "--set", "<x/>"]], ids=["removed", "replaced"])
async def test_a_domain_whose_metadata_is_gone_goes_on_and_is_made_anew_after_a_stop(
    driver: LibvirtComputeDriver, host: LibvirtHost, started: InstanceSpec, taps: dict[str, str], edit: list[str]
) -> None:
    pid = host.qemu_pid(INSTANCE_ID)
    lose_metadata(host, *edit)
    found = (await driver.list())[INSTANCE_ID]
    assert await driver.look(INSTANCE_ID) == found
    assert (found.power, found.generation, found.devices.keys()) == (Power.RUNNING, 0, devices.digests(started).keys())
    assert "its metadata is" in found.damage
    unplug()
    await driver.start_paused(started, taps)
    assert host.qemu_pid(INSTANCE_ID) == pid
    await driver.destroy(INSTANCE_ID)
    assert not Path(f"/proc/{pid}").exists()  # noqa: ASYNC240
    off = (await driver.list())[INSTANCE_ID]
    assert (off.power, off.generation) == (Power.OFF, 0)
    assert "its metadata is" in off.damage
    await driver.start_paused(started, taps)
    anew = (await driver.list())[INSTANCE_ID]
    assert (anew.power, anew.generation, anew.damage) == (Power.PAUSED, started.generation, "")


@pytest.mark.parametrize("is_off", [False, True])
async def test_a_domain_whose_metadata_is_gone_can_be_removed(
    driver: LibvirtComputeDriver, host: LibvirtHost, started: InstanceSpec, directory: Path, is_off: bool
) -> None:
    pid = host.qemu_pid(INSTANCE_ID)
    lose_metadata(host, "--remove")
    if is_off:
        await driver.destroy(INSTANCE_ID)
    await driver.remove(INSTANCE_ID)
    assert await driver.look(INSTANCE_ID) is None
    assert traces(directory, pid) == []


async def test_remove_leaves_nothing(
    driver: LibvirtComputeDriver, host: LibvirtHost, started: InstanceSpec, directory: Path
) -> None:
    pid = host.qemu_pid(INSTANCE_ID)
    await driver.remove(INSTANCE_ID)
    await driver.remove(INSTANCE_ID)
    assert await driver.list() == {}
    assert await driver.console_tail(INSTANCE_ID, 100) == b""
    assert traces(directory, pid) == []


async def test_libvirts_schema_accepts_the_xml(host: LibvirtHost, spec: InstanceSpec) -> None:
    file = host.directory / "valid.xml"
    platform = Platform("qemu", host.directory / "console.log", Backends({INTERFACE_ID: TAP}, mtu=1450))
    file.write_text(domain_xml.render(spec, platform))
    host.run("virsh", "-c", "qemu:///system", "define", "--validate", str(file))
    host.run("virsh", "-c", "qemu:///system", "undefine", INSTANCE_ID)


@pytest.mark.parametrize("machine", [Machine(architecture="arm64"), Machine(firmware="coreboot")])
async def test_what_it_cannot_do_is_refused(driver: LibvirtComputeDriver, spec: InstanceSpec, machine: Machine) -> None:
    with pytest.raises(Permanent, match=f"{INSTANCE_ID}.*(arm64|coreboot)"):
        await driver.start_paused(replace(spec, machine=machine), {})
    assert await driver.list() == {}


@pytest.mark.deep
async def test_a_guest_boots_by_uefi(
    driver: LibvirtComputeDriver, host: LibvirtHost, spec: InstanceSpec, taps: dict[str, str]
) -> None:
    """Its firmware's variables outlive a stop, and go with it."""
    variables = host.directory / f"var/lib/libvirt/qemu/nvram/{INSTANCE_ID}_VARS.fd"
    uefi = replace(spec, memory_mib=256, machine=Machine(firmware="uefi"))
    await driver.start_paused(uefi, taps)
    plug()
    await driver.note_run(INSTANCE_ID)
    await driver.resume(INSTANCE_ID)
    await says(driver, b"efi: EFI v2")
    await says(driver, b"udhcpc: started")
    await driver.destroy(INSTANCE_ID)
    assert variables.exists()
    await driver.remove(INSTANCE_ID)
    assert not variables.exists()


async def test_the_operators_domains_are_left_alone(
    driver: LibvirtComputeDriver, host: LibvirtHost, spec: InstanceSpec, taps: dict[str, str]
) -> None:
    foreign = host.directory / "foreign.xml"
    foreign.write_text(
        f"<domain type='qemu'><name>{INSTANCE_ID}</name><memory>65536</memory><os><type>hvm</type></os></domain>"
    )
    host.run("virsh", "-c", "qemu:///system", "create", "--paused", str(foreign))
    try:
        assert await driver.list() == {}
        with pytest.raises(Permanent, match="not ours"):
            await driver.start_paused(spec, taps)
        for verb in (driver.destroy, driver.press_power_button, driver.remove):
            await verb(INSTANCE_ID)
        assert host.run("virsh", "-c", "qemu:///system", "domstate", INSTANCE_ID).strip() == "paused"
    finally:
        host.run("virsh", "-c", "qemu:///system", "destroy", INSTANCE_ID)
