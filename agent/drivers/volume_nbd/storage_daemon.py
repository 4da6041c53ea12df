"""The command line of one qemu-storage-daemon(1), which exports one volume to the hosts that may have it. Pure.

It says all there is to know of the export as it was opened, and can be read back from a daemon that runs, whatever
became of its record. What was changed since is known to the daemon alone: see `qmp`.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from agent.model import ExportSpec, Limits, parse_export_name

_SUBJECT = "O=stead,CN="
_PORT = "port-"
_UNTOLD = "export"

PROGRAM = "qemu-storage-daemon"
CREDENTIALS = "tls-creds-x509"
CLIENTS = "clients"
LIMITS = "limits"
NODE = "limited"
# One is a guest's, the other that of the host to which it moves. Lower: another host can't be admitted under way.
# Higher: nothing gained, and strangers can hold more of them.
CONNECTIONS = 2


@dataclass(frozen=True, slots=True)
class Sockets:
    """Descriptors of listening ones, which the daemon inherits: of clients, and of its monitor."""

    clients: int
    monitor: int


def command_line(spec: ExportSpec, volume: Path, pki_dir: Path | None, sockets: Sockets, ready_file: Path) -> list[str]:
    """Arguments are JSON, in which nothing needs escaping. The daemon writes its pid into `ready_file` when it serves.

    Without a `pki_dir` whoever can open the socket is admitted, one at a time.

    `driver: file` serves the bytes as they are: no format is ever guessed from what a guest wrote into its disk.
    """
    return [
        PROGRAM,
        *("--chardev", f"socket,id=monitor,fd={sockets.monitor},server=on,wait=off", "--monitor", "chardev=monitor"),
        *_option("object", {"qom-type": "throttle-group", "id": LIMITS, "limits": throttle(spec.limits)}),
        *_option("blockdev", _limited(_file(volume, spec.read_only))),
        *(_option("object", _credentials(pki_dir)) if pki_dir else ()),
        *_option("object", {"qom-type": "authz-list", "id": CLIENTS, "policy": "deny", "rules": rules(spec)}),
        *_option("nbd-server", _server(sockets.clients, spec, is_secured=pki_dir is not None)),
        *_option("export", export(spec)),
        *("--pidfile", str(ready_file)),
    ]


def read_back(argv: Sequence[str]) -> tuple[ExportSpec, Path] | None:
    """The export and the volume's file, of a command line of ours or of earlier versions; None of any other."""
    try:
        told = options(argv)
        name, node = told["export"]["name"], told["blockdev"]
        volume_id, epoch = parse_export_name(name)
        spec = ExportSpec(
            name,
            volume_id,
            epoch,
            _port_of(told["export"]["id"]),
            hosts_of(told["authz-list"]["rules"]),
            limits_of(told.get("throttle-group", {}).get("limits", {})),
            read_only=not told["export"]["writable"],
        )
        return spec, Path(node.get("file", node)["filename"])
    except (KeyError, ValueError, TypeError, AttributeError):  # Somebody else's, in another shape.
        return None


def has_monitor(argv: Sequence[str]) -> bool:
    """Earlier versions' daemons have none, and are what they were when they were started."""
    return "--monitor" in argv


def can_become(before: ExportSpec, after: ExportSpec) -> bool:
    """Whether a daemon's monitor can change it so: a host that is no longer admitted is cut off by its end alone."""
    is_alike = replace(before, client_host_ids=after.client_host_ids, limits=after.limits) == after
    hosts = set(after.client_host_ids)
    return is_alike and hosts >= set(before.client_host_ids) and len(hosts) <= CONNECTIONS


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


def _option(name: str, value: dict[str, Any]) -> tuple[str, str]:
    return f"--{name}", json.dumps(value)


def _file(volume: Path, read_only: bool) -> dict[str, object]:
    return {
        "driver": "file",
        "node-name": "volume",
        "filename": str(volume),
        "aio": "native",
        "cache": {"direct": True},
        "discard": "unmap",
        "read-only": read_only,
    }


def _limited(file: dict[str, object]) -> dict[str, object]:
    """Always there, so that limits can come under way; without any it costs a microsecond per request."""
    return {"driver": "throttle", "node-name": NODE, "throttle-group": LIMITS, "file": file}


def throttle(limits: Limits) -> dict[str, int]:
    return {"iops-total": limits.iops, "bps-total": limits.bytes_per_s}


def limits_of(told: dict[str, int]) -> Limits:
    return Limits(told.get("iops-total", 0), told.get("bps-total", 0))


def _credentials(pki_dir: Path) -> dict[str, object]:
    return {"qom-type": CREDENTIALS, "id": "tls", "endpoint": "server", "dir": str(pki_dir), "verify-peer": True}


def rules(spec: ExportSpec) -> list[dict[str, str]]:
    """Who is admitted."""
    return [{"match": f"{_SUBJECT}{host_id}", "policy": "allow"} for host_id in spec.client_host_ids]


def hosts_of(told: list[dict[str, str]]) -> tuple[str, ...]:
    return tuple(rule["match"].removeprefix(_SUBJECT) for rule in told)


def _server(listening_fd: int, spec: ExportSpec, *, is_secured: bool) -> dict[str, object]:
    server: dict[str, object] = {"addr": {"type": "fd", "str": str(listening_fd)}}
    if not is_secured:
        return server | {"max-connections": 1}
    connections = max(CONNECTIONS, len(spec.client_host_ids))
    return server | {"tls-creds": "tls", "tls-authz": CLIENTS, "max-connections": connections}


def export(spec: ExportSpec) -> dict[str, object]:
    export_id = f"{_PORT}{spec.port}"  # Which is nowhere else on the command line: the socket is inherited.
    return {
        "type": "nbd",
        "id": export_id,
        "node-name": NODE,
        "name": spec.export_name,
        "writable": not spec.read_only,
    }
