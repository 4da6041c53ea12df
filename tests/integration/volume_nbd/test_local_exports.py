"""Exports to the storage host itself: by a UNIX socket, without certificates."""

import asyncio
import grp
import stat
from dataclasses import replace

import pytest

from agent.files import QEMU_GROUP
from agent.host.process import CommandFailed, run
from agent.model import Export, ExportSpec
from tests.integration.volume_nbd.host import VOLUME, Host, client, connected_writer, kill_daemon, next_epoch, qemu_io

pytestmark = pytest.mark.host


@pytest.fixture
def here(host: Host, export: ExportSpec) -> ExportSpec:
    return replace(export, client_host_ids=(host.context.host_id,))


async def test_it_is_open_on_its_socket_alone(host: Host, here: ExportSpec) -> None:
    await host.storage().ensure_volume(VOLUME)
    await host.storage().ensure_export(here)
    assert await host.storage().list_exports() == {here.export_name: Export(here)}
    await qemu_io(host, here, "write -P 0x5a 1M 64k", "flush", "read -P 0x5a 1M 64k")
    with pytest.raises(CommandFailed, match="Connection refused"):
        await run("qemu-io", "-c", "read 0 4k", *client(host.context.pki_dir, here), timeout_s=20)


async def test_only_the_user_of_qemu_may_open_it(host: Host, here: ExportSpec) -> None:
    await host.storage().ensure_volume(VOLUME)
    await host.storage().ensure_export(here)
    found = host.context.export_socket(here.export_name).stat()
    assert (found.st_uid, found.st_gid) == (0, grp.getgrnam(QEMU_GROUP).gr_gid)
    assert stat.S_IMODE(found.st_mode) == 0o660


async def test_its_data_and_its_socket_come_back_with_its_daemon(host: Host, here: ExportSpec) -> None:
    await host.storage().ensure_volume(VOLUME)
    await host.storage().ensure_export(here)
    await qemu_io(host, here, "write -P 0x77 0 1M")
    await kill_daemon(host, here)
    await host.storage().ensure_export(here)
    await qemu_io(host, here, "read -P 0x77 0 1M")


async def test_the_next_epoch_takes_its_place_and_leaves_no_socket(host: Host, here: ExportSpec) -> None:
    await host.storage().ensure_volume(VOLUME)
    await host.storage().ensure_export(here)
    new = next_epoch(here)
    await host.storage().ensure_export(new)
    assert not host.context.export_socket(here.export_name).exists()
    await qemu_io(host, new, "read -P 0 0 4k")
    await host.storage().remove_export(new.export_name)
    assert not host.context.export_socket(new.export_name).exists()


async def test_a_daemon_without_its_record_is_adopted(host: Host, here: ExportSpec) -> None:
    await host.storage().ensure_volume(VOLUME)
    await host.storage().ensure_export(here)
    daemon = host.daemon(here.export_name)
    for ending in ("json", "pid"):
        (host.context.run_dir / "exports" / f"{here.export_name}.{ending}").unlink()
    assert (await host.storage().list_exports())[here.export_name].spec == here
    await host.storage().ensure_export(here)
    assert await host.storage().list_exports() == {here.export_name: Export(here)}
    assert host.daemon(here.export_name) == daemon
    await qemu_io(host, here, "read -P 0 0 4k")


async def test_one_client_at_a_time(host: Host, here: ExportSpec) -> None:
    """A second QEMU of the same host waits until the first has gone."""
    await host.storage().ensure_volume(VOLUME)
    await host.storage().ensure_export(here)
    first = await connected_writer(host, here)
    second = asyncio.create_task(qemu_io(host, here, "read -P 0x11 0 4k"))
    done, _ = await asyncio.wait({second}, timeout=1)
    assert not done
    first.kill()
    await first.communicate()
    await second
