"""Epochs: each ends with the next, and with the boot that it was opened in."""

import asyncio
import fcntl
from dataclasses import replace
from pathlib import Path

import pytest

from agent.drivers.base import Permanent, Transient
from agent.drivers.volume_nbd import NbdStorageDriver, exports
from agent.host.process import CommandFailed, Daemon, start_daemon
from agent.model import Export, ExportSpec
from tests.integration.volume_nbd.host import (
    VOLUME,
    Host,
    connected_writer,
    free_port,
    kill_daemon,
    next_epoch,
    qemu_io,
)

pytestmark = pytest.mark.host


async def test_a_new_epoch_opens_only_when_the_old_daemon_is_gone(
    host: Host, export: ExportSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    await host.storage().ensure_volume(VOLUME)
    await host.storage().ensure_export(export)
    old = host.daemon(export.export_name)
    assert old
    writer = await connected_writer(host, export)

    async def start_after_the_old_is_gone(*argv: str, **options: object) -> Daemon:
        assert not old.is_alive
        return await start_daemon(*argv, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(exports, "start_daemon", start_after_the_old_is_gone)
    new = next_epoch(export)
    await host.storage().ensure_export(new)
    assert await host.storage().list_exports() == {new.export_name: Export(new)}
    output, _ = await asyncio.wait_for(writer.communicate(b"write -P 0x66 0 4k\n"), 20)
    assert b"failed" in output
    await qemu_io(host, new, "read -P 0x11 0 4k")
    with pytest.raises(CommandFailed):
        await qemu_io(host, replace(export, port=new.port), "read 0 4k")


async def test_an_old_epoch_never_opens_again(host: Host, export: ExportSpec) -> None:
    await host.storage().ensure_volume(VOLUME)
    new = next_epoch(export)
    await host.storage().ensure_export(new)
    with pytest.raises(Permanent, match="e1 is over for good"):
        await host.storage().ensure_export(export)
    assert host.daemon(new.export_name)

    await host.storage().remove_export(new.export_name)
    with pytest.raises(Permanent, match="e1 is over for good"):
        await host.storage().ensure_export(export)  # A new driver, as after a restart, with no export open.
    await host.storage().ensure_export(new)


async def test_an_epoch_ends_with_the_boot_it_was_opened_in(host: Host, export: ExportSpec) -> None:
    """A guest elsewhere goes on writing after a power cut, and must not be told that what it lost is safe."""
    await host.storage().ensure_volume(VOLUME)
    await host.storage().ensure_export(export)
    await kill_daemon(host, export)
    await host.storage().ensure_export(export)
    await kill_daemon(host, export)

    rebooted = NbdStorageDriver(host.settings, replace(host.context, boot_id="another"))
    with pytest.raises(Permanent, match="vol-0a-e1 ended when its storage host went down"):
        await rebooted.ensure_export(export)
    assert await rebooted.list_exports() == {}
    new = next_epoch(export)
    await rebooted.ensure_export(new)
    assert await rebooted.list_exports() == {new.export_name: Export(new)}


async def test_an_epoch_of_a_guest_on_this_host_outlives_the_boot_that_ended_both(
    host: Host, export: ExportSpec
) -> None:
    here = replace(export, client_host_ids=(host.context.host_id,))
    await host.storage().ensure_volume(VOLUME)
    await host.storage().ensure_export(here)
    await kill_daemon(host, here)
    rebooted = NbdStorageDriver(host.settings, replace(host.context, boot_id="another"))
    await rebooted.ensure_export(here)
    assert await rebooted.list_exports() == {here.export_name: Export(here)}


async def test_two_epochs_at_once_end_with_the_later(host: Host, export: ExportSpec) -> None:
    await host.storage().ensure_volume(VOLUME)
    driver, new = host.storage(), next_epoch(export)
    await asyncio.gather(driver.ensure_export(new), driver.ensure_export(export), return_exceptions=True)
    assert await driver.list_exports() == {new.export_name: Export(new)}


async def test_two_agents_never_export_one_volume_at_once(host: Host, export: ExportSpec, tmp_path: Path) -> None:
    await host.storage().ensure_volume(VOLUME)
    await host.storage().ensure_export(export)
    daemon = host.daemon(export.export_name)
    second = NbdStorageDriver(host.settings, replace(host.context, run_dir=tmp_path / "other"))
    other = replace(export, port=free_port())
    await second.ensure_export(other)
    assert daemon
    assert not daemon.is_alive
    await second.remove_export(other.export_name)


async def test_a_volume_that_somebody_else_has_open_is_not_exported(host: Host, export: ExportSpec) -> None:
    await host.storage().ensure_volume(VOLUME)
    with (host.pool / "volumes" / "vol-0a.raw").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(Transient, match=r"still exported: `fuser .*vol-0a\.raw`"):
            await host.storage().ensure_export(export)
    await host.storage().ensure_export(export)
