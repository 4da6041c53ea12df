"""Exports: who may connect, and what becomes of their daemons."""

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.drivers.base import Transient
from agent.drivers.volume_nbd import NbdStorageDriver, aio, exports, storage_daemon
from agent.host.process import CommandFailed, is_stopped, run
from agent.model import Export, ExportSpec
from tests.integration.volume_nbd.host import ADDRESS, MIB, VOLUME, Host, client, connected_writer, kill_daemon, qemu_io

pytestmark = pytest.mark.host


async def test_the_right_host_reads_and_writes(host: Host, export: ExportSpec) -> None:
    await host.storage().ensure_volume(VOLUME)
    await host.storage().ensure_export(export)
    assert await host.storage().list_exports() == {export.export_name: Export(export)}
    await qemu_io(host, export, "write -P 0x5a 1M 64k", "flush", "read -P 0x5a 1M 64k", "read -P 0 0 1M")
    assert (host.pool / "volumes" / "vol-0a.raw").read_bytes()[MIB : MIB + 65536] == b"\x5a" * 65536


async def test_everyone_else_is_refused(host: Host, export: ExportSpec, pki: Path) -> None:
    await host.storage().ensure_volume(VOLUME)
    await host.storage().ensure_export(export)
    other_export = replace(export, export_name="vol-0a-e9")
    strangers = {
        client(pki / "host-2", export): "Cannot read from TLS channel",  # Cut off without a word.
        client(pki / "host-1", export, tls=False): "TLS",
        client(pki / "host-1", other_export): "export 'vol-0a-e9' not present",
    }
    for arguments, reason in strangers.items():
        with pytest.raises(CommandFailed, match=reason):
            await run("qemu-io", "-c", "read 0 4k", *arguments, timeout_s=20)
    await qemu_io(host, export, "read -P 0 0 4k")


async def test_two_hosts_may_share_an_epoch(host: Host, export: ExportSpec, pki: Path) -> None:
    """For the duration of a live migration."""
    await host.storage().ensure_volume(VOLUME)
    both = replace(export, client_host_ids=("host-1", "host-2"))
    for spec, may_second in ((export, False), (both, True), (export, False)):
        await host.storage().ensure_export(spec)
        await qemu_io(host, spec, "read 0 4k")
        with contextlib.nullcontext() if may_second else pytest.raises(CommandFailed):
            await run("qemu-io", "-c", "read 0 4k", *client(pki / "host-2", spec), timeout_s=20)


async def test_sockets_have_tcp_nodelay(host: Host, export: ExportSpec) -> None:
    """QEMU doesn't set it; without it, reads of 4 KiB are a hundred times slower."""
    await host.storage().ensure_volume(VOLUME)
    await host.storage().ensure_export(export)
    daemon = host.daemon(export.export_name)
    assert daemon
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection(ADDRESS, export.port)
        await reader.readexactly(8)
    try:
        sockets = [sock for sock in _sockets_of(daemon.pid) if sock.getsockname()[1] == export.port]
        assert len(sockets) == 2  # One listens, one has accepted.
        for sock in sockets:
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            sock.close()
    finally:
        writer.close()


def _sockets_of(pid: int) -> Iterator[socket.socket]:
    """Duplicates of another process's TCP sockets: pidfd_getfd(2), which Python doesn't have."""
    pidfd = os.pidfd_open(pid)
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        if os.readlink(entry).startswith("socket:"):
            fd = ctypes.CDLL(None, use_errno=True).syscall(438, pidfd, int(entry.name), 0)
            if fd < 0:
                raise OSError(ctypes.get_errno(), f"pidfd_getfd is refused: {os.strerror(ctypes.get_errno())}")
            yield socket.socket(fileno=fd)
    os.close(pidfd)


async def test_as_many_can_be_open_as_there_are_volumes(
    host: Host, export: ExportSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel has room for 64 storage daemons where nobody says more."""
    await host.storage().ensure_volume(VOLUME)
    aio.LIMIT.write_text(aio.LIMIT.with_name("aio-nr").read_text())
    await host.storage().ensure_export(export)
    assert int(aio.LIMIT.read_text()) == aio.WANTED
    monkeypatch.setattr(aio, "LIMIT", Path("/proc/sys/kernel/ngroups_max"))  # 65536, and nobody may write it.
    (problem,) = (await host.storage().probe()).problems
    assert "ngroups_max = 65536 lets 64 volumes be open at once, and can't be raised (Permission denied)" in problem


async def test_an_export_that_is_open_stays_as_it_is(host: Host, export: ExportSpec) -> None:
    await host.storage().ensure_volume(VOLUME)
    await host.storage().ensure_export(export)
    daemon = host.daemon(export.export_name)
    await host.storage().ensure_export(export)
    assert daemon == host.daemon(export.export_name)


async def test_a_killed_daemon_comes_back_with_its_data(host: Host, export: ExportSpec) -> None:
    await host.storage().ensure_volume(VOLUME)
    await host.storage().ensure_export(export)
    await qemu_io(host, export, "write -P 0x77 0 1M")
    await kill_daemon(host, export)
    assert await host.storage().list_exports() == {}
    assert not any("run/exports" in name for name in host.files())
    await host.storage().ensure_export(export)
    await qemu_io(host, export, "read -P 0x77 0 1M")


async def test_a_daemon_that_stands_still_is_told_and_left_as_it_is(host: Host, export: ExportSpec) -> None:
    await host.storage().ensure_volume(VOLUME)
    await host.storage().ensure_export(export)
    daemon = host.daemon(export.export_name)
    assert daemon
    os.kill(daemon.pid, signal.SIGSTOP)
    await _until(lambda: is_stopped(daemon.pid))
    with pytest.raises(Transient, match=rf"storage daemon of vol-0a is stopped.* `kill -CONT {daemon.pid}`"):
        await host.storage().ensure_export(export)
    told = await host.storage().look_export(export.export_name)
    assert told
    assert (told.spec, "is stopped" in told.problem) == (export, True)
    os.kill(daemon.pid, signal.SIGCONT)
    await _until(lambda: not is_stopped(daemon.pid))
    await host.storage().ensure_export(export)
    assert host.daemon(export.export_name) == daemon
    await qemu_io(host, export, "read -P 0 0 4k")


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 (nothing tells)
            await asyncio.sleep(0.01)


async def test_the_end_of_a_daemon_is_told_at_once_also_of_an_adopted_one(host: Host, export: ExportSpec) -> None:
    await host.storage().ensure_volume(VOLUME)
    await host.storage().ensure_export(export)
    later = host.storage()  # As after a restart of the agent.
    await later.list_exports()
    await kill_daemon(host, export)
    async with asyncio.timeout(5):
        assert await anext(later.events()) == export.ref


async def test_a_third_connection_waits(host: Host, export: ExportSpec) -> None:
    """One is a guest's, the other that of the host to which it moves."""
    await host.storage().ensure_volume(VOLUME)
    await host.storage().ensure_export(export)
    first, second = [await connected_writer(host, export) for _ in range(2)]
    with pytest.raises(CommandFailed, match="still running"):
        await run("qemu-io", "-c", "write -P 2 0 4k", *client(host.context.pki_dir, export), timeout_s=2)
    output, _ = await asyncio.wait_for(first.communicate(b"write -P 3 0 4k\nquit\n"), 20)
    assert b"wrote 4096/4096" in output
    await qemu_io(host, export, "read -P 3 0 4k")
    second.kill()
    await second.communicate()


async def test_an_export_that_is_read_only_refuses_writes(host: Host, export: ExportSpec) -> None:
    await host.storage().ensure_volume(VOLUME)
    await host.storage().ensure_export(export)
    await qemu_io(host, export, "write -P 0x33 0 4k")
    closed = replace(export, read_only=True)
    await host.storage().ensure_export(closed)
    with pytest.raises(CommandFailed, match="Permission denied"):
        await qemu_io(host, export, "write -P 0x44 0 4k")
    await qemu_io(host, closed, "read -P 0x33 0 4k")
    await host.storage().ensure_export(export)
    await qemu_io(host, export, "write -P 0x44 0 4k")


async def test_an_export_waits_for_its_volume(host: Host, export: ExportSpec) -> None:
    with pytest.raises(Transient, match="not in pool"):
        await host.storage().ensure_export(export)
    assert host.files() == []


async def test_what_keeps_an_export_from_opening_is_said(host: Host, export: ExportSpec, tmp_path: Path) -> None:
    await host.storage().ensure_volume(VOLUME)
    with (
        socket.create_server((ADDRESS, export.port)),
        pytest.raises(Transient, match=r"vol-0a-e1 .* port \d+: .*in use"),
    ):
        await host.storage().ensure_export(export)
    empty = replace(host.context, state_dir=tmp_path / "empty")
    empty.server_pki_dir.mkdir(parents=True)
    driver = NbdStorageDriver(host.settings, empty)
    assert len((await driver.probe()).problems) == 3
    with pytest.raises(Transient, match=r"ca-cert\.pem"):
        await driver.ensure_export(export)
    assert [Path(name).name for name in host.files()] == ["vol-0a.raw"]
    await host.storage().ensure_export(export)


def ends_early(
    spec: ExportSpec, volume: Path, pki_dir: Path | None, sockets: storage_daemon.Sockets, ready_file: Path
) -> list[str]:
    """As QEMU's, where it makes the file and then can't write it."""
    return ["sh", "-c", ': >"$0"; sleep 0.2; exit 1', str(ready_file)]


async def test_a_daemon_that_ends_before_it_says_that_it_serves_never_did(
    host: Host, export: ExportSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    await host.storage().ensure_volume(VOLUME)
    with monkeypatch.context() as broken:
        broken.setattr(exports, "command_line", ends_early)
        with pytest.raises(Transient, match="the daemon ended"):
            await host.storage().ensure_export(export)
    await host.storage().ensure_export(export)
    assert await host.storage().list_exports() == {export.export_name: Export(export)}


AGENT = """
import asyncio, os, signal
from pathlib import Path
from agent.drivers.base import HostContext
from agent.drivers.volume_nbd import NbdStorageDriver, aio
from agent.drivers.volume_nbd.settings import NbdSettings
from agent.model import ExportSpec, Limits

async def main():
    context = HostContext("host-0", {address!r}, Path({state!r}), Path({run!r}), Path("/"), None)
    await NbdStorageDriver(NbdSettings(pool_dir=Path({pool!r})), context).ensure_export({spec!r})
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_an_export_outlives_its_agent_and_is_adopted(host: Host, export: ExportSpec) -> None:
    await host.storage().ensure_volume(VOLUME)
    context = host.context
    script = AGENT.format(
        address=ADDRESS, run=str(context.run_dir), state=str(context.state_dir), pool=str(host.pool), spec=export
    )
    with pytest.raises(CommandFailed) as killed:
        await run(sys.executable, "-c", script)
    assert killed.value.exit_code == -signal.SIGKILL
    daemon = host.daemon(export.export_name)
    assert await host.storage().list_exports() == {export.export_name: Export(export)}
    await host.storage().ensure_export(export)
    assert host.daemon(export.export_name) == daemon
    await qemu_io(host, export, "write -P 1 0 4k")
