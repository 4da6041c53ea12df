"""What changes of an export while it is open: by its daemon's monitor, or else by a restart."""

import asyncio
import stat
import subprocess
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.drivers.base import Transient
from agent.drivers.volume_nbd import exports, qmp
from agent.drivers.volume_nbd.driver import NbdStorageDriver
from agent.drivers.volume_nbd.pulses import Pulses
from agent.drivers.volume_nbd.records import ExportRecords, Record
from agent.host.process import CommandFailed, Daemon, run
from agent.model import NO_LIMITS, Export, ExportSpec, Limits
from tests.integration.volume_nbd import previous
from tests.integration.volume_nbd.host import MIB, VOLUME, Host, client, connected_writer, next_epoch, qemu_io

pytestmark = pytest.mark.host

GROWN = replace(VOLUME, size_bytes=2 * VOLUME.size_bytes)
ONE_A_SECOND = Limits(iops=1)


@pytest.fixture
async def storage(host: Host, export: ExportSpec) -> NbdStorageDriver:
    """With the export open."""
    storage = host.storage()
    await storage.ensure_volume(VOLUME)
    await storage.ensure_export(export)
    return storage


@pytest.fixture
def daemon(host: Host, export: ExportSpec, storage: NbdStorageDriver) -> Daemon:
    daemon = host.daemon(export.export_name)
    assert daemon
    return daemon


@pytest.fixture
def both(export: ExportSpec) -> ExportSpec:
    """Another host is admitted, too."""
    return replace(export, client_host_ids=(*export.client_host_ids, "host-2"))


@pytest.fixture
async def guest(host: Host, export: ExportSpec, daemon: Daemon) -> AsyncIterator[Process]:
    guest = await connected_writer(host, export)
    yield guest
    if guest.returncode is None:
        guest.kill()
        await guest.communicate()


def restarted(host: Host, storage: NbdStorageDriver, export: ExportSpec) -> NbdStorageDriver:
    """Another agent's, after the end of the first and of its connections."""
    storage._exports._pulses.forget(export.export_name)
    return host.storage()


async def says(guest: Process, command: str, reply: str) -> bool:
    """Whether the guest's next command ends like this."""
    assert guest.stdin
    assert guest.stdout
    guest.stdin.write(f"{command}\n".encode())
    async with asyncio.timeout(20):
        while line := await guest.stdout.readline():
            if b"4096/4096" in line or b"failed" in line:
                return reply.encode() in line
    return False


async def test_the_monitor_is_roots_alone(host: Host, export: ExportSpec, daemon: Daemon) -> None:
    found = (host.context.run_dir / "exports" / f"{export.export_name}.qmp").stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (0, 0o600)


async def test_another_host_is_admitted_and_nobody_notices(
    host: Host, storage: NbdStorageDriver, both: ExportSpec, daemon: Daemon, guest: Process, pki: Path
) -> None:
    await storage.ensure_export(both)
    assert await storage.list_exports() == {both.export_name: Export(both)}
    assert await says(guest, "write -P 0x22 4k 4k", "wrote")
    await run("qemu-io", "-c", "read -P 0x22 4k 4k", *client(pki / "host-2", both), timeout_s=20)
    assert host.daemon(both.export_name) == daemon


async def test_a_host_that_is_no_longer_admitted_is_cut_off_and_the_other_comes_back(
    host: Host, storage: NbdStorageDriver, export: ExportSpec, both: ExportSpec, daemon: Daemon, guest: Process
) -> None:
    await storage.ensure_export(both)
    await storage.ensure_export(replace(export, client_host_ids=("host-2",)))
    assert await says(guest, "write -P 0x22 4k 4k", "failed")
    assert not daemon.is_alive
    with pytest.raises(CommandFailed):
        await qemu_io(host, export, "read 0 4k")
    await storage.ensure_export(export)
    await qemu_io(host, export, "read -P 0x11 0 4k", "read -P 0 4k 4k")


async def test_who_was_admitted_under_way_is_known_when_the_record_is_lost(
    host: Host, storage: NbdStorageDriver, export: ExportSpec, both: ExportSpec, daemon: Daemon, pki: Path
) -> None:
    """By the daemon alone: its command line is of before."""
    await storage.ensure_export(both)
    elsewhere = replace(host, context=replace(host.context, pki_dir=pki / "host-2"))
    stranger = await connected_writer(elsewhere, both)
    for ending in ("json", "pid"):
        (host.context.run_dir / "exports" / f"{export.export_name}.{ending}").unlink()
    later = restarted(host, storage, export)
    found = await later.list_exports()
    assert found[export.export_name].problem
    await later.ensure_export(export)
    assert await says(stranger, "write -P 0x22 4k 4k", "failed")
    assert not daemon.is_alive
    stranger.kill()
    await stranger.communicate()


async def test_a_daemon_whose_record_was_lost_goes_on_where_it_is_right(
    host: Host, storage: NbdStorageDriver, both: ExportSpec, daemon: Daemon
) -> None:
    await storage.ensure_export(both)
    for ending in ("json", "pid"):
        (host.context.run_dir / "exports" / f"{both.export_name}.{ending}").unlink()
    later = restarted(host, storage, both)
    assert set(await later.list_exports()) == {both.export_name}
    await later.ensure_export(both)
    assert await later.list_exports() == {both.export_name: Export(both)}
    assert host.daemon(both.export_name) == daemon


async def test_limits_change_under_way(
    host: Host, storage: NbdStorageDriver, export: ExportSpec, daemon: Daemon, guest: Process
) -> None:
    """A hundred requests take long at one a second, and no time when the limit has gone."""
    limited = replace(export, limits=ONE_A_SECOND)
    await storage.ensure_export(limited)
    assert await storage.list_exports() == {export.export_name: Export(limited)}
    many = asyncio.create_task(_write(guest, 100))
    done, _ = await asyncio.wait({many}, timeout=2)
    assert not done
    await storage.ensure_export(replace(export, limits=NO_LIMITS))
    async with asyncio.timeout(50):
        assert await many == 100
    assert host.daemon(export.export_name) == daemon


async def _write(guest: Process, count: int) -> int:
    """One after the other; how many went well."""
    return sum([await says(guest, f"write -P 0x22 {4 * index}k 4k", "wrote") for index in range(count)])


async def test_bytes_are_limited_from_the_start(host: Host, storage: NbdStorageDriver, export: ExportSpec) -> None:
    limited = next_epoch(replace(export, limits=Limits(bytes_per_s=4096)))
    await storage.ensure_export(limited)
    with pytest.raises(CommandFailed, match="still running"):
        await run(
            "qemu-io", "-c", "write 0 1M", "-c", "write 0 1M", *client(host.context.pki_dir, limited), timeout_s=2
        )


async def test_a_volume_that_grows_is_served_whole(
    host: Host, storage: NbdStorageDriver, export: ExportSpec, daemon: Daemon
) -> None:
    """A guest that has it open is cut off, and free to come back at once."""
    guest = await _patient_guest(host, export)
    await storage.ensure_volume(GROWN)
    assert (await anext(storage.events())) == export.ref
    found = await storage.look_export(export.export_name)
    assert found
    assert found.problem
    await storage.ensure_export(export)
    assert await storage.list_exports() == {export.export_name: Export(export)}
    assert await says(guest, "write -P 0x22 4k 4k", "wrote")
    await qemu_io(host, export, "read -P 0x22 4k 4k", f"write -P 0x33 {GROWN.size_bytes - MIB} 1M")
    assert host.daemon(export.export_name) == daemon
    guest.kill()
    await guest.communicate()


async def _patient_guest(host: Host, export: ExportSpec) -> Process:
    """One that reconnects, as guests do."""
    *options, target = client(host.context.pki_dir, export)
    guest = await asyncio.create_subprocess_exec(
        "qemu-io", *options, f"{target},reconnect-delay=20", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert await says(guest, "write -P 0x11 0 4k", "wrote")
    return guest


async def test_a_read_only_export_of_a_volume_that_grows_is_opened_anew(
    host: Host, storage: NbdStorageDriver, export: ExportSpec
) -> None:
    closed = replace(export, read_only=True)
    await storage.ensure_export(closed)
    await storage.ensure_volume(GROWN)
    await storage.ensure_export(closed)
    assert await storage.list_exports() == {export.export_name: Export(closed)}
    await qemu_io(host, closed, f"read -P 0 {GROWN.size_bytes - MIB} 1M")


class Death(BaseException):
    """Of the agent."""


async def test_a_change_that_broke_off_is_begun_again(
    host: Host, storage: NbdStorageDriver, export: ExportSpec, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the agent dies between any two of its steps; here, when nothing is exported."""
    await storage.ensure_volume(GROWN)
    limited, ask = replace(export, limits=ONE_A_SECOND), qmp._ask

    async def ask_and_die(daemon: object, command: str, **arguments: object) -> object:
        if command == "block-export-add":
            raise Death
        return await ask(daemon, command, **arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as dying:
        dying.setattr(qmp, "_ask", ask_and_die)
        with pytest.raises(Death):
            await storage.ensure_export(limited)
    later = host.storage()
    found = await later.list_exports()
    assert found[export.export_name].problem
    await later.ensure_export(export)
    assert await later.list_exports() == {export.export_name: Export(export)}
    await qemu_io(host, export, f"write -P 0x33 {GROWN.size_bytes - MIB} 1M")
    assert host.daemon(export.export_name) == daemon


async def test_a_daemon_whose_monitor_was_deleted_is_opened_anew(
    host: Host, storage: NbdStorageDriver, export: ExportSpec, daemon: Daemon
) -> None:
    (host.context.run_dir / "exports" / f"{export.export_name}.qmp").unlink()
    assert "was deleted" in (await storage.list_exports())[export.export_name].problem
    await storage.ensure_export(export)
    assert not daemon.is_alive
    assert await storage.list_exports() == {export.export_name: Export(export)}
    await qemu_io(host, export, "read 0 4k")


async def test_a_daemon_of_the_previous_version_goes_on_until_it_has_to_change(
    host: Host, export: ExportSpec, both: ExportSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = host.storage()
    await storage.ensure_volume(VOLUME)
    with monkeypatch.context() as before:
        before.setattr(exports, "command_line", previous.command_line)
        await storage.ensure_export(export)
    records = ExportRecords(host.context.run_dir / "exports", host.context.export_socket)
    records.write(Record(export, None))
    records.monitor(export.export_name).unlink()
    old = host.daemon(export.export_name)
    await storage.ensure_export(export)
    assert await storage.list_exports() == {export.export_name: Export(export)}
    assert host.daemon(export.export_name) == old
    await storage.ensure_export(both)
    assert host.daemon(export.export_name) != old
    assert await storage.list_exports() == {export.export_name: Export(both)}


async def test_a_daemon_that_hangs_is_told_after_a_minute(
    host: Host, storage: NbdStorageDriver, export: ExportSpec, daemon: Daemon, guest: Process
) -> None:
    """Its disk stands still, and with it its main thread, in a write."""
    now = 0.0
    storage._exports._pulses = Pulses(lambda: now)

    async def problem() -> str:
        return (await storage.list_exports())[export.export_name].problem

    assert await problem() == ""
    await run("fsfreeze", "--freeze", host.pool)
    try:
        assert guest.stdin
        guest.stdin.write(b"write -P 0x22 4k 4k\n")
        async with asyncio.timeout(20):
            while "answers no more" not in await problem():
                now += 10.0 if _hangs(daemon) else 0.0
                await asyncio.sleep(0.01)
        with pytest.raises(Transient, match=f"storage daemon of vol-0a answers no more.* `kill -9 {daemon.pid}`"):
            await storage.ensure_export(export)
    finally:
        await run("fsfreeze", "--unfreeze", host.pool)
    async with asyncio.timeout(20):
        while await problem():  # noqa: ASYNC110 (nothing tells)
            await asyncio.sleep(0.01)
    await storage.ensure_export(export)
    assert host.daemon(export.export_name) == daemon


def _hangs(daemon: Daemon) -> bool:
    """Whether its main thread waits for a disk."""
    return Path(f"/proc/{daemon.pid}/stat").read_text().rpartition(")")[2].split()[0] == "D"
