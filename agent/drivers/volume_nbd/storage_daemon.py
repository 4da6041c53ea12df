"""The command line of one qemu-storage-daemon(1), which exports one volume to the hosts that may have it. Pure."""

import json
from pathlib import Path

from agent.model import ExportSpec


def command_line(spec: ExportSpec, volume: Path, pki_dir: Path, listening_fd: int) -> list[str]:
    """Arguments are JSON, in which nothing needs escaping.

    `driver: file` serves the bytes as they are: no format is ever guessed from what a guest wrote into its disk.
    """
    return [
        "qemu-storage-daemon",
        *_option("blockdev", _file(volume)),
        *_option("object", _credentials(pki_dir)),
        *_option("object", _admission(spec.client_host_ids)),
        *_option("nbd-server", _server(listening_fd)),
        *_option("export", _export(spec.export_name)),
    ]


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
    return {"qom-type": "tls-creds-x509", "id": "tls", "endpoint": "server", "dir": str(pki_dir), "verify-peer": True}


def _admission(client_host_ids: tuple[str, ...]) -> dict[str, object]:
    rules = [{"match": f"O=stead,CN={host_id}", "policy": "allow"} for host_id in client_host_ids]
    return {"qom-type": "authz-list", "id": "clients", "policy": "deny", "rules": rules}


def _server(listening_fd: int) -> dict[str, object]:
    return {"addr": {"type": "fd", "str": str(listening_fd)}, "tls-creds": "tls", "tls-authz": "clients"}


def _export(export_name: str) -> dict[str, object]:
    return {"type": "nbd", "id": "export", "node-name": "volume", "name": export_name, "writable": True}
