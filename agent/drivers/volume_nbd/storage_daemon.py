"""The command line of one qemu-storage-daemon(1), which exports one volume to the hosts that may have it. Pure.

It says all there is to know of the export, and can be read back from a daemon that runs, whatever became of its record.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from agent.model import ExportSpec, parse_export_name

_SUBJECT = "O=stead,CN="
_PORT = "port-"
_UNTOLD = "export"

PROGRAM = "qemu-storage-daemon"
CREDENTIALS = "tls-creds-x509"


def command_line(
    spec: ExportSpec, volume: Path, pki_dir: Path | None, listening_fd: int, ready_file: Path
) -> list[str]:
    """Arguments are JSON, in which nothing needs escaping. The daemon makes `ready_file` when it serves.

    Without a `pki_dir` whoever can open the socket is admitted.

    `driver: file` serves the bytes as they are: no format is ever guessed from what a guest wrote into its disk.
    """
    return [
        PROGRAM,
        *_option("blockdev", _file(volume)),
        *(_option("object", _credentials(pki_dir)) if pki_dir else ()),
        *_option("object", _admission(spec.client_host_ids)),
        *_option("nbd-server", _server(listening_fd, len(spec.client_host_ids), is_secured=pki_dir is not None)),
        *_option("export", _export(spec)),
        *("--pidfile", str(ready_file)),
    ]


def read_back(argv: Sequence[str]) -> tuple[ExportSpec, Path] | None:
    """The export and the volume's file, of a command line of ours; None of any other."""
    try:
        told = options(argv)
        name, volume = told["export"]["name"], Path(told["blockdev"]["filename"])
        volume_id, epoch = parse_export_name(name)
        hosts = tuple(rule["match"].removeprefix(_SUBJECT) for rule in told["authz-list"]["rules"])
        return ExportSpec(name, volume_id, epoch, _port_of(told["export"]["id"]), hosts), volume
    except (KeyError, ValueError, TypeError, AttributeError):  # Somebody else's, in another shape.
        return None


def _port_of(export_id: str) -> int:
    """0 where the first version did not say: the export is then opened anew, in its epoch, where its port is wanted."""
    return 0 if export_id == _UNTOLD else int(export_id.removeprefix(_PORT))


def options(argv: Sequence[str]) -> dict[str, dict[str, Any]]:
    """By name, or by type for objects. Raises ValueError, AttributeError for a command line in another shape."""
    return dict(_json_options(argv))


def _json_options(argv: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, value in pairwise(argv):
        if name.startswith("--") and value.startswith("{"):
            option = json.loads(value)
            yield option.get("qom-type", name.removeprefix("--")), option


def _option(name: str, value: dict[str, object]) -> tuple[str, str]:
    return f"--{name}", json.dumps(value)


def _file(volume: Path) -> dict[str, object]:
    return {
        "driver": "file",
        "node-name": "volume",
        "filename": str(volume),
        "aio": "native",
        "cache": {"direct": True},
        "discard": "unmap",
    }


def _credentials(pki_dir: Path) -> dict[str, object]:
    return {"qom-type": CREDENTIALS, "id": "tls", "endpoint": "server", "dir": str(pki_dir), "verify-peer": True}


def _admission(client_host_ids: tuple[str, ...]) -> dict[str, object]:
    rules = [{"match": f"{_SUBJECT}{host_id}", "policy": "allow"} for host_id in client_host_ids]
    return {"qom-type": "authz-list", "id": "clients", "policy": "deny", "rules": rules}


def _server(listening_fd: int, connections: int, *, is_secured: bool) -> dict[str, object]:
    """One connection for each host that may have it: a second writer of the same host waits for the first to go."""
    security = {"tls-creds": "tls", "tls-authz": "clients"} if is_secured else {}
    return {"addr": {"type": "fd", "str": str(listening_fd)}, **security, "max-connections": connections}


def _export(spec: ExportSpec) -> dict[str, object]:
    export_id = f"{_PORT}{spec.port}"  # Which is nowhere else on the command line: the socket is inherited.
    return {"type": "nbd", "id": export_id, "node-name": "volume", "name": spec.export_name, "writable": True}
