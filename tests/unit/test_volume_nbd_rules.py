"""What the NBD drivers decide without touching anything: which images are refused, and a daemon's command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent.drivers.base import Permanent
from agent.drivers.volume_nbd.images import MAX_VIRTUAL_BYTES, refuse_unsafe
from agent.drivers.volume_nbd.storage_daemon import command_line, read_back
from agent.model import ExportSpec

VOLUME = Path("/pool/volumes/vol-1.raw")
SAFE = {"virtual-size": 1 << 30, "format-specific": {"type": "qcow2", "data": {"compat": "1.1"}}}


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
    program, *options = command_line(spec, VOLUME, Path("/pki"), listening_fd=5, ready_file=Path("/run/ready"))
    assert program == "qemu-storage-daemon"
    assert options[::2] == ["--blockdev", "--object", "--object", "--nbd-server", "--export", "--pidfile"]

    disk, credentials, admission, server, export = map(json.loads, options[1:-1:2])
    assert disk["driver"] == "file"  # Raw bytes: no format to be guessed.
    assert disk["cache"] == {"direct": True}
    assert credentials["verify-peer"] is True
    assert admission["policy"] == "deny"
    assert [rule["match"] for rule in admission["rules"]] == ["O=stead,CN=host-a", "O=stead,CN=host-b"]
    assert server == {
        "addr": {"type": "fd", "str": "5"},
        "tls-creds": "tls",
        "tls-authz": "clients",
        "max-connections": 2,
    }
    assert export["name"] == "vol-1-e7"


@pytest.mark.parametrize("clients", [("host-a",), ("host-a", "host-b")])
def test_a_daemon_without_a_record_is_known_by_its_command_line(clients: tuple[str, ...]) -> None:
    spec = ExportSpec("vol-1-e7", "vol-1", 7, 20913, clients)
    argv = command_line(spec, VOLUME, Path("/pki"), listening_fd=5, ready_file=Path("/run/ready"))
    assert read_back([*argv, ""]) == (spec, VOLUME)


@pytest.mark.parametrize("argv", [[], ["qemu-storage-daemon"], ["qemu-storage-daemon", "--export", '{"type": "nbd"}']])
def test_other_command_lines_are_nobodys(argv: list[str]) -> None:
    assert read_back(argv) is None
