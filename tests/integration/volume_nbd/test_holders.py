"""Storage daemons whose records are lost: found by the files that they have open."""

import shutil

import pytest

from agent.drivers.base import Transient
from agent.drivers.volume_nbd import exports
from agent.host.process import Daemon
from agent.model import Export, ExportSpec, VolumeSpec
from tests.integration.volume_nbd import previous
from tests.integration.volume_nbd.host import MIB, TOMBSTONE, VOLUME, Host, next_epoch, qemu_io

pytestmark = pytest.mark.host


@pytest.fixture
async def stray(host: Host, export: ExportSpec) -> Daemon:
    """The daemon of an export, whose record is lost."""
    await host.storage().ensure_volume(VOLUME)
    await host.storage().ensure_export(export)
    daemon = host.daemon(export.export_name)
    assert daemon
    shutil.rmtree(host.context.run_dir / "exports")
    return daemon


async def test_a_daemon_without_a_record_is_found_and_opened_anew(
    host: Host, export: ExportSpec, stray: Daemon
) -> None:
    """In its epoch, for a monitor at which it can be changed; and with all data."""
    await qemu_io(host, export, "write -P 0x42 0 4k")
    found = (await host.storage().list_exports())[export.export_name]
    assert found.spec == export
    assert "vol-0a-e1.qmp was deleted" in found.problem
    assert host.daemon(export.export_name) == stray
    await host.storage().ensure_export(export)
    assert not stray.is_alive
    assert await host.storage().list_exports() == {export.export_name: Export(export)}
    await qemu_io(host, export, "read -P 0x42 0 4k")


@pytest.mark.parametrize("is_recorded", [True, False])
async def test_a_daemon_of_the_first_version_survives_the_upgrade_of_its_agent(
    host: Host, export: ExportSpec, monkeypatch: pytest.MonkeyPatch, is_recorded: bool
) -> None:
    """It did not say its port: without a record it makes way for a new one, in the same epoch, with all its data."""
    await host.storage().ensure_volume(VOLUME)
    with monkeypatch.context() as first_version:
        first_version.setattr(exports, "command_line", previous.first_command_line)
        await host.storage().ensure_export(export)
    await qemu_io(host, export, "write -P 0x42 0 4k")
    old = host.daemon(export.export_name)
    if not is_recorded:
        shutil.rmtree(host.context.run_dir / "exports")
    assert set(await host.storage().list_exports()) == {export.export_name}
    assert host.daemon(export.export_name) == old
    await host.storage().ensure_export(export)
    assert (host.daemon(export.export_name) == old) is is_recorded
    assert await host.storage().list_exports() == {export.export_name: Export(export)}
    await qemu_io(host, export, "read -P 0x42 0 4k")


async def test_it_is_killed_when_it_is_not_wanted(host: Host, export: ExportSpec, stray: Daemon) -> None:
    await host.storage().remove_export(export.export_name)
    assert not stray.is_alive
    await host.storage().ensure_volume(TOMBSTONE)


async def test_it_gives_way_to_a_newer_epoch(host: Host, export: ExportSpec, stray: Daemon) -> None:
    new = next_epoch(export)
    await host.storage().ensure_export(new)
    assert not stray.is_alive
    assert await host.storage().list_exports() == {new.export_name: Export(new)}


async def test_it_keeps_its_port_no_longer_than_until_it_is_found(
    host: Host, export: ExportSpec, stray: Daemon
) -> None:
    other = ExportSpec("vol-0b-e1", "vol-0b", 1, export.port, ("host-1",))
    await host.storage().ensure_volume(VolumeSpec("vol-0b", 64 * MIB))
    with pytest.raises(Transient, match="in use"):
        await host.storage().ensure_export(other)
    for export_name in await host.storage().list_exports():  # As the engine does with what is not wanted.
        await host.storage().remove_export(export_name)
    await host.storage().ensure_export(other)


async def test_a_host_of_another_pool_at_the_same_path_is_left_alone(
    host: Host, export: ExportSpec, stray: Daemon
) -> None:
    """As in a lab, where each host has a mount namespace of its own."""
    path = host.pool / "volumes" / "vol-0a.raw"
    path.rename(path.with_suffix(".elsewhere"))
    await host.storage().ensure_volume(VOLUME)
    assert await host.storage().list_exports() == {}
    path.with_suffix(".elsewhere").rename(path)
    assert stray.is_alive
