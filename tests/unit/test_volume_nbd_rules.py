"""What the NBD drivers decide without touching anything: which images are refused, and a daemon's command line."""

import asyncio
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from agent.drivers.base import HostContext, Permanent
from agent.drivers.volume_nbd import NbdStorageDriver, identity
from agent.drivers.volume_nbd.dh_params import FFDHE2048, ensure_dh_params
from agent.drivers.volume_nbd.exports import Exports
from agent.drivers.volume_nbd.files import EPOCH
from agent.drivers.volume_nbd.records import ExportRecords, Record
from agent.drivers.volume_nbd.settings import NbdSettings
from agent.drivers.volume_nbd.storage_daemon import (
    PROGRAM,
    Sockets,
    can_become,
    command_line,
    has_monitor,
    options,
    read_back,
)
from agent.host.process import Daemon, find_processes, start_daemon, stop_daemon
from agent.images import MAX_VIRTUAL_BYTES, refuse_unsafe
from agent.model import NO_LIMITS, Export, ExportSpec, Limits
from tests.integration.volume_nbd import previous

SOCKETS, READY = Sockets(clients=5, monitor=6), Path("/run/ready")
VOLUME = Path("/pool/volumes/vol-1.raw")
SAFE = {"virtual-size": 1 << 30, "format-specific": {"type": "qcow2", "data": {"compat": "1.1"}}}


@pytest.mark.parametrize("left", [None, b"", FFDHE2048[:100], FFDHE2048])
def test_parameters_that_a_power_cut_left_cut_short_are_written_again(tmp_path: Path, left: bytes | None) -> None:
    path = tmp_path / "dh-params.pem"
    if left is not None:
        path.write_bytes(left)
    ensure_dh_params(tmp_path)
    assert path.read_bytes() == FFDHE2048
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("finding", "reason"),
    [
        ({"backing-filename": "/etc/shadow"}, "backing file '/etc/shadow'"),
        ({"format-specific": {"data": {"data-file": "/dev/vda"}}}, "external file"),
        ({"encrypted": True}, "encrypted"),
        ({"virtual-size": MAX_VIRTUAL_BYTES + 1}, "virtual size"),
    ],
)
def test_unsafe_images_are_refused(finding: dict[str, Any], reason: str) -> None:
    with pytest.raises(Permanent, match=f"ami-1 .*{reason}"):
        refuse_unsafe("ami-1", SAFE | finding)


def test_a_plain_image_is_accepted() -> None:
    refuse_unsafe("ami-1", SAFE)


def test_a_daemon_serves_one_volume_to_its_clients_over_tls() -> None:
    spec = ExportSpec("vol-1-e7", "vol-1", 7, 10809, ("host-a", "host-b"))
    program, *given = command_line(spec, VOLUME, Path("/pki"), SOCKETS, READY)
    assert program == "qemu-storage-daemon"
    assert given[:4] == ["--chardev", "socket,id=monitor,fd=6,server=on,wait=off", "--monitor", "chardev=monitor"]
    named = ("throttle-group", "blockdev", "tls-creds-x509", "authz-list", "nbd-server", "export")
    assert tuple(options(given)) == named, "in the order in which they need each other"
    limits, disk, credentials, admission, server, export = options(given).values()
    assert limits["limits"] == {"iops-total": 0, "bps-total": 0}
    assert disk["file"]["driver"] == "file"  # Raw bytes: no format to be guessed.
    assert disk["file"]["cache"] == {"direct": True}
    assert credentials["verify-peer"] is True
    assert admission["policy"] == "deny"
    assert [rule["match"] for rule in admission["rules"]] == ["O=stead,CN=host-a", "O=stead,CN=host-b"]
    assert server == {
        "addr": {"type": "fd", "str": "5"},
        "tls-creds": "tls",
        "tls-authz": "clients",
        "max-connections": 2,
    }
    assert (export["name"], export["writable"]) == ("vol-1-e7", True)


@pytest.mark.parametrize("clients", [("host-a",), ("host-a", "host-b")])
@pytest.mark.parametrize("limits", [NO_LIMITS, Limits(500, 1 << 20)], ids=["free", "limited"])
@pytest.mark.parametrize("read_only", [False, True], ids=["rw", "ro"])
def test_a_daemon_without_a_record_is_known_by_its_command_line(
    clients: tuple[str, ...], limits: Limits, read_only: bool
) -> None:
    spec = ExportSpec("vol-1-e7", "vol-1", 7, 20913, clients, limits, read_only)
    assert read_back([*command_line(spec, VOLUME, Path("/pki"), SOCKETS, READY), ""]) == (spec, VOLUME)


def test_daemons_of_earlier_versions_are_known_that_of_the_first_but_for_its_port() -> None:
    spec = ExportSpec("vol-1-e7", "vol-1", 7, 20913, ("host-a",))
    argv = previous.command_line(spec, VOLUME, Path("/pki"), SOCKETS, READY)
    assert read_back(argv) == (spec, VOLUME)
    first = previous.first_command_line(spec, VOLUME, Path("/pki"), SOCKETS, READY)
    assert read_back(first) == (replace(spec, port=0), VOLUME)
    assert not has_monitor(argv)
    assert has_monitor(command_line(spec, VOLUME, Path("/pki"), SOCKETS, READY))


def test_a_daemon_can_be_changed_as_long_as_nobody_loses_it() -> None:
    spec = ExportSpec("vol-1-e7", "vol-1", 7, 20913, ("host-a",))
    both = replace(spec, client_host_ids=("host-b", "host-a"))
    for before, after in ((spec, spec), (spec, both), (spec, replace(spec, limits=Limits(5))), (both, both)):
        assert can_become(before, after)
    three = replace(both, client_host_ids=("host-a", "host-b", "host-c"))
    for before, after in (
        (both, spec),
        (both, three),
        (spec, replace(spec, read_only=True)),
        (spec, replace(spec, port=1)),
    ):
        assert not can_become(before, after)


@pytest.mark.parametrize(
    "argv",
    [
        [],
        [PROGRAM],
        [PROGRAM, "--export", '{"type": "nbd"}'],
        [PROGRAM, "--export", "{", ""],
        [PROGRAM, "--export", '{"name": 7}', "--blockdev", '{"filename": "/x"}'],
        [PROGRAM, "--export", '{"name": "vol-1-e1"}', "--blockdev", '{"filename": null}'],
    ],
)
def test_other_command_lines_are_nobodys(argv: list[str]) -> None:
    assert read_back(argv) is None


async def test_an_epoch_that_an_earlier_version_opened_ends_with_this_boot_too(tmp_path: Path) -> None:
    """It noted no boot; while the export is open, it can only be this one."""
    spec = ExportSpec("vol-1-e7", "vol-1", 7, 20913, ("host-2",))
    volume = tmp_path / "volumes" / "vol-1.raw"
    volume.parent.mkdir()
    volume.touch()
    os.setxattr(volume, EPOCH, b"7")
    context = HostContext("host-1", "192.0.2.1", tmp_path, tmp_path, tmp_path, None, boot_id="b-1")  # type: ignore[arg-type]
    records = ExportRecords(tmp_path / "exports", context.export_socket)
    records.write(Record(spec, None))
    pid_file = records.pid_file(spec.export_name)
    await start_daemon("sleep", "60", pid_file=pid_file, log_file=records.log_file(spec.export_name))
    driver = NbdStorageDriver(NbdSettings(pool_dir=tmp_path), context)
    assert "opened by an earlier version" in (await driver.list_exports())[spec.export_name].problem
    for _ in range(2):
        await driver.ensure_export(spec)
        assert os.getxattr(volume, EPOCH) == b"7 b-1"
    assert await driver.list_exports() == {spec.export_name: Export(spec)}
    await stop_daemon(pid_file)
    with pytest.raises(Permanent, match="ended when its storage host went down"):
        await NbdStorageDriver(NbdSettings(pool_dir=tmp_path), replace(context, boot_id="b-2")).ensure_export(spec)


@pytest.mark.parametrize("pki_dir", [None, Path("/pki")], ids=["socket", "tcp"])
async def test_a_local_export_whose_socket_was_deleted_is_opened_anew(tmp_path: Path, pki_dir: Path | None) -> None:
    """One that an earlier agent opened has none: its guest comes by TCP."""
    spec = ExportSpec("vol-1-e7", "vol-1", 7, 20913, ("host-1",))
    volume = tmp_path / "volumes" / "vol-1.raw"
    volume.parent.mkdir()
    volume.touch()
    identity.ensure(tmp_path)
    context = HostContext("host-1", "192.0.2.1", tmp_path, tmp_path, tmp_path, None, boot_id="b-1")  # type: ignore[arg-type]
    records = ExportRecords(tmp_path / "exports", context.export_socket)
    records.write(Record(spec, None))
    socket, pid_file = context.export_socket(spec.export_name), records.pid_file(spec.export_name)
    socket.touch()
    program = tmp_path / PROGRAM
    program.symlink_to(sys.executable)
    argv = command_line(spec, volume, pki_dir, SOCKETS, tmp_path / "ready")
    sleeping = (str(program), "-c", "import time; time.sleep(60)", *argv[1:])
    daemon = await start_daemon(*sleeping, pid_file=pid_file, log_file=records.log_file(spec.export_name))
    async with asyncio.timeout(30):
        while daemon not in [found for found, _ in find_processes(PROGRAM)]:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    driver = NbdStorageDriver(NbdSettings(pool_dir=tmp_path), context)
    with patch.object(Exports, "_open") as opened:
        await driver.ensure_export(spec)
        assert (opened.called, daemon.is_alive) == (False, True)
        socket.unlink()
        told = (await driver.list_exports())[spec.export_name]
        assert ("was deleted" in told.problem) == (pki_dir is None)
        await driver.ensure_export(spec)
        assert (opened.called, daemon.is_alive) == (pki_dir is None, pki_dir is not None)
    await stop_daemon(pid_file)


async def test_an_export_that_opens_while_all_are_listed_keeps_its_record(tmp_path: Path) -> None:
    spec = ExportSpec("vol-1-e7", "vol-1", 7, 20913, ("host-2",))
    context = HostContext("host-1", "192.0.2.1", tmp_path, tmp_path, tmp_path, None, boot_id="b-1")  # type: ignore[arg-type]
    records, elsewhere = ExportRecords(tmp_path / "exports", context.export_socket), tmp_path / "elsewhere"
    records.write(Record(spec, None))
    await start_daemon("sleep", "60", pid_file=elsewhere, log_file=records.log_file(spec.export_name))

    def open_it(*_: object) -> dict[Record, Daemon | None]:
        elsewhere.rename(records.pid_file(spec.export_name))
        return {Record(spec, None): None}

    driver = NbdStorageDriver(NbdSettings(pool_dir=tmp_path), context)
    with patch.object(Exports, "_read", open_it):
        assert await driver.list_exports() == {}
    assert spec.export_name in await driver.list_exports()
    await stop_daemon(records.pid_file(spec.export_name))


def test_a_record_of_a_later_version_is_read(tmp_path: Path) -> None:
    spec, records = ExportSpec("vol-1-e7", "vol-1", 7, 20913, ("host-2",)), ExportRecords(tmp_path, tmp_path.joinpath)
    records.write(Record(spec, None))
    path = tmp_path / "vol-1-e7.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"later": 1, "limits": {"iops": 7, "later": 1}}))
    assert list(records.select()) == [Record(replace(spec, limits=Limits(iops=7)), None)]


def test_a_record_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    """Its daemon has no monitor."""
    spec, records = ExportSpec("vol-1-e7", "vol-1", 7, 20913, ("host-2",)), ExportRecords(tmp_path, tmp_path.joinpath)
    records.write(Record(spec, 1 << 20))
    assert records.find("vol-1-e7") == Record(spec, 1 << 20)
    path = tmp_path / "vol-1-e7.json"
    had = ("export_name", "volume_id", "epoch", "port", "client_host_ids")
    path.write_text(json.dumps({name: json.loads(path.read_text())[name] for name in had}))
    assert list(records.select()) == [Record(spec, None)]


@pytest.mark.parametrize("damaged", [b"", b'{"export_na', b"\xff", b"[]", b"7", b'{"volume_id": "vol-2"}'])
def test_a_damaged_record_is_as_good_as_lost_and_hides_no_other(tmp_path: Path, damaged: bytes) -> None:
    """The daemon is then found by its open files."""
    spec, records = ExportSpec("vol-1-e7", "vol-1", 7, 20913, ("host-2",)), ExportRecords(tmp_path, tmp_path.joinpath)
    records.write(Record(spec, None))
    for suffix in ("json", "pid"):
        (tmp_path / f"vol-2-e1.{suffix}").write_bytes(damaged)
    assert list(records.select()) == [Record(spec, None)]
    assert not list(tmp_path.glob("vol-2-*"))
