"""The libvirt compute driver against a libvirtd of its own, with real guests, NBD disks over mutual TLS, and taps."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from agent.drivers.base import HostContext, Permanent, Stuck, Transient
from agent.drivers.compute_libvirt import LibvirtComputeDriver, Settings, domain_xml, qemu_conf
from agent.drivers.compute_libvirt.domain_xml import Platform
from agent.guests import shut_down
from agent.model import (
    DiskSpec,
    Domain,
    ImageSource,
    InstanceMetadata,
    InstanceSpec,
    InterfaceSpec,
    OffReason,
    Power,
    Stall,
)
from tests.integration.libvirt_host import LibvirtHost, NbdServer, libvirt_host, make_pki

pytestmark = [pytest.mark.host, pytest.mark.vm]

REPOSITORY = Path(__file__).parents[2]
INSTANCE_ID = "i-0123456789abcdef0"
INTERFACE_ID = "eni-0123456789abcdef0"
TAP = "stvirt0"
NAMESPACE = "stead-test-virt"
BOOT_S = 180.0  # Half a minute under emulation, where nobody else needs the cores.
HANG_S = 15.0
METADATA = InstanceMetadata("", "", "", "", "", "", "", "", (), b"", "", 0, "", "")


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """Readable by libvirt-qemu, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="stead-virt-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def image(directory: Path) -> Path:
    path = directory / "image.raw"
    subprocess.run([REPOSITORY / "scripts/build-image", path], check=True)
    return path


@pytest.fixture(scope="module")
def host(directory: Path) -> Iterator[LibvirtHost]:
    configuration = directory / "qemu.conf"
    configuration.write_text("cgroup_controllers = []\n")
    assert qemu_conf.ensure(configuration, make_pki(directory / "pki"))
    with libvirt_host(directory / "host", configuration.read_text()) as running:
        yield running


@pytest.fixture
def new_driver(host: LibvirtHost, directory: Path) -> Callable[[], LibvirtComputeDriver]:
    async def fetch_image(image: ImageSource, target: Path) -> None:
        raise Transient("no images here")

    context = HostContext("host-1", "127.0.0.1", directory / "state", directory / "run", directory / "pki", fetch_image)
    settings = Settings(
        uri=host.uri,
        qemu_conf=host.directory / "etc/libvirt/qemu.conf",
        libvirtd_pid_file=host.root / "run/libvirtd.pid",
    )
    return lambda: LibvirtComputeDriver(settings, context)


@pytest.fixture
async def driver(new_driver: Callable[[], LibvirtComputeDriver]) -> AsyncIterator[LibvirtComputeDriver]:
    driver = new_driver()
    yield driver
    for instance_id in await driver.list():
        await driver.remove(instance_id)


@dataclass
class Storage:
    """Exports for one test."""

    directory: Path
    stack: ExitStack
    servers: dict[str, NbdServer] = field(default_factory=dict)

    def export(self, number: int, source: Path | None = None) -> DiskSpec:
        volume_id = f"vol-{number:017x}"
        file, port = self.directory / f"{volume_id}.raw", free_port()
        shutil.copyfile(source, file) if source else file.write_bytes(bytes(2**20))
        server = self.servers[volume_id] = NbdServer(file, f"{volume_id}-e1", port, self.directory / "pki")
        self.stack.callback(server.stop)
        return DiskSpec(volume_id, f"{volume_id}-e1", "127.0.0.1", port, "/dev/sda1")


@pytest.fixture
def storage(directory: Path) -> Iterator[Storage]:
    with ExitStack() as stack:
        yield Storage(directory, stack)


@pytest.fixture
def taps() -> Iterator[dict[str, str]]:
    """A tap in the host's namespace and a namespace to move it to."""
    ip("netns", "add", NAMESPACE)
    ip("tuntap", "add", "dev", TAP, "mode", "tap")
    ip("link", "set", TAP, "mtu", "1390")
    yield {INTERFACE_ID: TAP}
    subprocess.run(["ip", "link", "delete", TAP], capture_output=True)
    subprocess.run(["ip", "-n", NAMESPACE, "link", "delete", TAP], capture_output=True)
    ip("netns", "delete", NAMESPACE)


@pytest.fixture
def spec(storage: Storage, image: Path) -> InstanceSpec:
    interface = InterfaceSpec(INTERFACE_ID, "vpc-0123456789abcdef0", "02:00:00:00:00:01", "172.31.0.5")
    return InstanceSpec(INSTANCE_ID, 3, True, 0, 120, 1, 128, (interface,), (storage.export(1, image),), METADATA)


@pytest.fixture
async def guest(driver: LibvirtComputeDriver, spec: InstanceSpec, taps: dict[str, str]) -> InstanceSpec:
    """Booted as far as user space."""
    await driver.start_paused(spec, taps)
    plug()
    await driver.resume(spec.instance_id)
    await says(driver, b"udhcpc: started")
    return spec


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
    export = spec.disks[0].export_name
    assert await driver.list() == {INSTANCE_ID: Domain(INSTANCE_ID, Power.PAUSED, 3, False, 0, (export,))}
    plug()
    assert await driver.console_tail(INSTANCE_ID, 65536) == b""

    await driver.resume(INSTANCE_ID)
    await driver.resume(INSTANCE_ID)
    assert await new_driver().list() == {INSTANCE_ID: Domain(INSTANCE_ID, Power.RUNNING, 3, True, 0, (export,))}
    await says(driver, b"udhcpc: started")
    assert len(await driver.console_tail(INSTANCE_ID, 100)) == 100


async def test_power_button_and_another_start(
    driver: LibvirtComputeDriver, guest: InstanceSpec, taps: dict[str, str]
) -> None:
    events = driver.events()
    await driver.press_power_button(INSTANCE_ID)
    async with asyncio.timeout(BOOT_S):
        assert await anext(events) == INSTANCE_ID
    await shows(driver, lambda domain: domain.power is Power.OFF)
    off = (await driver.list())[INSTANCE_ID]
    assert (off.off_reason, off.has_run, off.export_names) == (OffReason.SHUTDOWN, True, ())
    await driver.press_power_button(INSTANCE_ID)

    ip("-n", NAMESPACE, "link", "set", TAP, "netns", str(os.getpid()))
    await driver.start_paused(replace(guest, generation=4, reboot_count=2), taps)
    again = (await driver.list())[INSTANCE_ID]
    assert (again.power, again.generation, again.has_run, again.reboot_count) == (Power.PAUSED, 4, False, 2)


async def test_destroy_and_crash_tell_apart(
    driver: LibvirtComputeDriver, host: LibvirtHost, guest: InstanceSpec, taps: dict[str, str]
) -> None:
    os.kill(host.qemu_pid(INSTANCE_ID), signal.SIGKILL)
    await shows(driver, lambda domain: domain.off_reason is OffReason.CRASHED)
    ip("-n", NAMESPACE, "link", "set", TAP, "netns", str(os.getpid()))
    await driver.start_paused(guest, taps)
    await driver.resume(INSTANCE_ID)
    await driver.destroy(INSTANCE_ID)
    await driver.destroy(INSTANCE_ID)
    off = (await driver.list())[INSTANCE_ID]
    assert (off.power, off.off_reason) == (Power.OFF, OffReason.DESTROYED)


async def test_a_signal_to_qemu_is_not_the_guests_will(
    driver: LibvirtComputeDriver, host: LibvirtHost, guest: InstanceSpec
) -> None:
    """libvirt has the same reason for both; only the event, while somebody listens, tells them apart."""
    os.kill(host.qemu_pid(INSTANCE_ID), signal.SIGTERM)
    await shows(driver, lambda domain: domain.power is Power.OFF)
    assert (await driver.list())[INSTANCE_ID].off_reason is OffReason.UNPROVEN


async def test_a_power_off_that_nobody_saw_is_not_proven(
    driver: LibvirtComputeDriver, new_driver: Callable[[], LibvirtComputeDriver], guest: InstanceSpec
) -> None:
    await driver.press_power_button(INSTANCE_ID)
    await shows(driver, lambda domain: domain.off_reason is OffReason.SHUTDOWN)
    assert (await new_driver().list())[INSTANCE_ID].off_reason is OffReason.UNPROVEN, "an agent that was away"


async def test_no_second_qemu_runs_where_libvirtd_lost_its_record(
    driver: LibvirtComputeDriver, host: LibvirtHost, guest: InstanceSpec, taps: dict[str, str]
) -> None:
    first = host.qemu_pid(INSTANCE_ID)
    host.stop_libvirtd()
    host.run("sh", "-c", "rm -f /run/libvirt/qemu/*.xml /run/libvirt/qemu/*.pid")
    host.start_libvirtd()
    assert (await driver.list())[INSTANCE_ID].power is Power.OFF
    ip("-n", NAMESPACE, "link", "set", TAP, "netns", str(os.getpid()))
    await driver.start_paused(guest, taps)
    assert not Path(f"/proc/{first}").exists()  # noqa: ASYNC240
    assert host.qemu_pid(INSTANCE_ID) != first
    assert (await driver.list())[INSTANCE_ID].power is Power.PAUSED


async def test_remove_also_ends_a_qemu_that_libvirtd_does_not_know(
    driver: LibvirtComputeDriver, host: LibvirtHost, guest: InstanceSpec
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
    guest: InstanceSpec,
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


async def test_a_qemu_that_is_stopped_is_told_of(
    driver: LibvirtComputeDriver, host: LibvirtHost, guest: InstanceSpec
) -> None:
    qemu = host.qemu_pid(INSTANCE_ID)
    os.kill(qemu, signal.SIGSTOP)
    await shows(driver, lambda domain: (domain.power, domain.is_stopped) == (Power.RUNNING, True))
    os.kill(qemu, signal.SIGCONT)
    await shows(driver, lambda domain: not domain.is_stopped)


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
    driver: LibvirtComputeDriver, host: LibvirtHost, guest: InstanceSpec
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
    driver: LibvirtComputeDriver, host: LibvirtHost, guest: InstanceSpec
) -> None:
    edited = f"<instance xmlns='{domain_xml.NAMESPACE}' generation='many'/>"
    uri = [*("virsh", "-c", "qemu:///system"), "metadata", INSTANCE_ID, "--uri", domain_xml.NAMESPACE]
    host.run(*uri, "--key", "stead", "--set", edited.replace(f" xmlns='{domain_xml.NAMESPACE}'", ""), "--live")
    found = (await driver.list())[INSTANCE_ID]
    assert found.power is Power.RUNNING
    assert "many" in found.damage
    await driver.remove(INSTANCE_ID)
    assert await driver.list() == {}


async def test_a_guest_whose_pool_is_full_is_stalled_and_goes_on(
    driver: LibvirtComputeDriver, spec: InstanceSpec, storage: Storage, taps: dict[str, str]
) -> None:
    """The storage daemon has no room: QEMU pauses the guest at its next write."""
    server = storage.servers[spec.disks[0].volume_id]
    server.restart(is_full=True)
    await driver.start_paused(spec, taps)
    plug()
    await driver.resume(INSTANCE_ID)
    await shows(driver, lambda domain: domain.stall is Stall.NO_SPACE)
    server.restart(is_full=False)

    async def boots_when_resumed() -> bool:
        await driver.resume(INSTANCE_ID)
        return b"udhcpc: started" in await driver.console_tail(INSTANCE_ID, 65536)

    await eventually(boots_when_resumed, driver.list)


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


async def test_disks_come_and_go_while_it_runs(
    driver: LibvirtComputeDriver, guest: InstanceSpec, storage: Storage
) -> None:
    disk = storage.export(2)
    await driver.attach_disk(INSTANCE_ID, disk)
    await driver.attach_disk(INSTANCE_ID, disk)
    await says(driver, b"[vdb]")
    assert (await driver.list())[INSTANCE_ID].export_names == (guest.disks[0].export_name, disk.export_name)
    events = driver.events()
    await driver.detach_disk(INSTANCE_ID, disk.export_name)
    async with asyncio.timeout(BOOT_S):
        assert await anext(events) == INSTANCE_ID
    await shows(driver, lambda domain: domain.export_names == (guest.disks[0].export_name,))
    await driver.detach_disk(INSTANCE_ID, disk.export_name)


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
        assert await anext(events) == INSTANCE_ID
    await shows(driver, lambda domain: domain.off_reason is OffReason.SHUTDOWN)


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


async def test_remove_leaves_nothing(
    driver: LibvirtComputeDriver, host: LibvirtHost, guest: InstanceSpec, directory: Path
) -> None:
    pid = host.qemu_pid(INSTANCE_ID)
    await driver.remove(INSTANCE_ID)
    await driver.remove(INSTANCE_ID)
    assert await driver.list() == {}
    assert await driver.console_tail(INSTANCE_ID, 100) == b""
    assert traces(directory, pid) == []


async def test_libvirts_schema_accepts_the_xml(host: LibvirtHost, spec: InstanceSpec) -> None:
    file = host.directory / "valid.xml"
    platform = Platform("qemu", 1450, host.directory / "console.log")
    file.write_text(domain_xml.render(spec, {INTERFACE_ID: TAP}, platform))
    host.run("virsh", "-c", "qemu:///system", "define", "--validate", str(file))
    host.run("virsh", "-c", "qemu:///system", "undefine", INSTANCE_ID)


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


async def test_probe_tells_of_settings_that_libvirtd_has_not_read(
    driver: LibvirtComputeDriver, host: LibvirtHost
) -> None:
    capacity = await driver.probe()
    assert capacity.vcpus >= 4
    assert capacity.memory_mib > 0
    assert [problem for problem in capacity.problems if "KVM" not in problem] == []
    os.utime(host.directory / "etc/libvirt/qemu.conf", (time.time() + 5, time.time() + 5))
    assert any("restart" in problem for problem in (await driver.probe()).problems)


def traces(directory: Path, pid: int) -> list[Path]:
    """What is left of the instance, but for libvirt's own log of its QEMU, which belongs to the host."""
    files = [path for path in directory.rglob("*") if INSTANCE_ID in path.name and "log/libvirt" not in str(path)]
    return [path for path in (*files, Path(f"/proc/{pid}")) if path.exists()]


def ip(*argv: str) -> None:
    subprocess.run(["ip", *argv], check=True, capture_output=True)


def plug() -> None:
    """As the network driver does: QEMU holds the tap open meanwhile."""
    ip("link", "set", TAP, "netns", NAMESPACE)
    ip("-n", NAMESPACE, "link", "set", TAP, "up")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def eventually(holds: Callable[[], Awaitable[bool]], what: Callable[[], Awaitable[object]]) -> None:
    end = time.monotonic() + BOOT_S
    while not await holds():
        assert time.monotonic() < end, await what()
        await asyncio.sleep(0.05)


async def says(driver: LibvirtComputeDriver, text: bytes, times: int = 1) -> None:
    async def holds() -> bool:
        return (await driver.console_tail(INSTANCE_ID, 65536)).count(text) >= times

    await eventually(holds, lambda: driver.console_tail(INSTANCE_ID, 65536))


async def shows(driver: LibvirtComputeDriver, holds: Callable[[Domain], bool]) -> None:
    async def listed() -> bool:
        return holds((await driver.list())[INSTANCE_ID])

    await eventually(listed, driver.list)
