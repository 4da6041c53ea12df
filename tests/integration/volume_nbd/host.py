"""A storage host with the NBD driver, for tests of the real thing: qemu-storage-daemon, TLS with a throwaway CA."""

import asyncio
import select
import signal
import socket
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from agent.drivers.base import HostContext
from agent.drivers.volume_nbd import NbdStorageDriver
from agent.drivers.volume_nbd.identity import NAME
from agent.drivers.volume_nbd.settings import NbdSettings
from agent.host.process import Daemon, find_daemon, run
from agent.model import ExportSpec, ImageSource, VolumeSpec

ADDRESS = "127.0.0.1"
MIB, GIB = 1 << 20, 1 << 30
VOLUME = VolumeSpec("vol-0a", 64 * MIB)
TOMBSTONE = replace(VOLUME, deleted=True)


class Uploads:
    """A `Fetch` that serves local files and counts."""

    def __init__(self) -> None:
        self.files: dict[str, Path] = {}
        self.count = 0

    async def __call__(self, image: ImageSource, target: Path) -> None:
        self.count += 1
        await run("cp", "--no-clobber", self.files[image.image_id], target)

    def add(self, image_id: str, path: Path, format: str = "raw") -> ImageSource:
        self.files[image_id] = path
        return ImageSource(image_id, format, path.stat().st_size, sha256="")


@dataclass(frozen=True)
class Host:
    """A storage host with its driver, as a restart of the agent would make it anew."""

    context: HostContext
    settings: NbdSettings
    uploads: Uploads

    def storage(self) -> NbdStorageDriver:
        return NbdStorageDriver(self.settings, self.context)

    @property
    def pool(self) -> Path:
        return self.settings.pool_dir

    def daemon(self, export_name: str) -> Daemon | None:
        return find_daemon(self.context.run_dir / "exports" / f"{export_name}.pid")

    def files(self) -> list[str]:
        roots = (self.pool, self.context.run_dir)
        found = (path for root in roots for path in root.rglob("*") if path.is_file())
        return sorted(str(path) for path in found if path != self.pool / NAME)


def free_port() -> int:
    with socket.create_server((ADDRESS, 0)) as server:
        port: int = server.getsockname()[1]
        return port


def next_epoch(spec: ExportSpec) -> ExportSpec:
    epoch = spec.epoch + 1
    return replace(spec, export_name=f"{spec.volume_id}-e{epoch}", epoch=epoch, port=free_port())


def client(pki_dir: Path, spec: ExportSpec, tls: bool = True) -> tuple[str, ...]:
    """Arguments that make a QEMU tool open the export as raw."""
    target = f"driver=nbd,server.type=inet,server.host={ADDRESS},server.port={spec.port},export={spec.export_name}"
    if not tls:
        return ("--image-opts", target)
    credentials = f"tls-creds-x509,id=tls,endpoint=client,dir={pki_dir}"
    return ("--object", credentials, "--image-opts", f"{target},tls-creds=tls")


def _client(host: Host, spec: ExportSpec) -> tuple[str, ...]:
    """Of the host that may have it: another one, or this very one."""
    if spec.client_host_ids != (host.context.host_id,):
        return client(host.context.pki_dir, spec)
    socket = host.context.export_socket(spec.export_name)
    return ("--image-opts", f"driver=nbd,server.type=unix,server.path={socket},export={spec.export_name}")


async def qemu_io(host: Host, spec: ExportSpec, *commands: str) -> None:
    """Raises CommandFailed when it can't connect or a command fails, as `read -P` does with other data."""
    steps = [argument for command in commands for argument in ("-c", command)]
    await run("qemu-io", *(("-r",) if spec.read_only else ()), *steps, *_client(host, spec), timeout_s=20)


async def connected_writer(host: Host, spec: ExportSpec) -> asyncio.subprocess.Process:
    """A client that has written once and would go on."""
    writer = await asyncio.create_subprocess_exec(
        "qemu-io",
        *_client(host, spec),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert writer.stdin
    assert writer.stdout
    writer.stdin.write(b"write -P 0x11 0 4k\n")
    async with asyncio.timeout(20):
        await writer.stdout.readuntil(b"wrote 4096/4096")
    return writer


async def kill_daemon(host: Host, spec: ExportSpec) -> None:
    daemon = host.daemon(spec.export_name)
    assert daemon
    with daemon.pinned() as pidfd:
        assert pidfd
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        assert select.select([pidfd], [], [], 10)[0]
