"""The command lines of earlier versions' storage daemons, without a monitor, which outlive their agent's upgrade."""

import json
from pathlib import Path

from agent.drivers.volume_nbd.storage_daemon import PROGRAM, Sockets
from agent.model import ExportSpec


def command_line(
    spec: ExportSpec, volume: Path, pki_dir: Path | None, sockets: Sockets, ready_file: Path, export_id: str = ""
) -> list[str]:
    file = {"driver": "file", "node-name": "volume", "filename": str(volume), "aio": "native"}
    tls = {"qom-type": "tls-creds-x509", "id": "tls", "endpoint": "server", "dir": str(pki_dir), "verify-peer": True}
    rules = [{"match": f"O=stead,CN={host_id}", "policy": "allow"} for host_id in spec.client_host_ids]
    server: dict[str, object] = {"addr": {"type": "fd", "str": str(sockets.clients)}, "max-connections": len(rules)}
    export = {"type": "nbd", "id": export_id or f"port-{spec.port}", "node-name": "volume", "name": spec.export_name}
    return [
        PROGRAM,
        *("--blockdev", json.dumps(file | {"cache": {"direct": True}, "discard": "unmap"})),
        *(("--object", json.dumps(tls)) if pki_dir else ()),
        *("--object", json.dumps({"qom-type": "authz-list", "id": "clients", "policy": "deny", "rules": rules})),
        *("--nbd-server", json.dumps(server | ({"tls-creds": "tls", "tls-authz": "clients"} if pki_dir else {}))),
        *("--export", json.dumps(export | {"writable": True})),
        *("--pidfile", str(ready_file)),
    ]


def first_command_line(
    spec: ExportSpec, volume: Path, pki_dir: Path | None, sockets: Sockets, ready_file: Path
) -> list[str]:
    """Which did not say the port either."""
    return command_line(spec, volume, pki_dir, sockets, ready_file, export_id="export")
