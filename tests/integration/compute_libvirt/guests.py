"""What tests say and see of their guest, of which there is one at a time."""

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from agent.drivers.compute_libvirt import LibvirtComputeDriver
from agent.model import DiskSpec, Domain
from tests.integration.compute_libvirt.libvirt_host import NbdServer

INSTANCE_ID = "i-0123456789abcdef0"
INTERFACE_ID = "eni-0123456789abcdef0"
TAP = "stvirt0"
NAMESPACE = "stead-test-virt"
BOOT_S = 180.0  # Half a minute under emulation, where nobody else needs the cores.


@dataclass
class Storage:
    """Exports for one test."""

    directory: Path
    stack: ExitStack
    servers: dict[str, NbdServer] = field(default_factory=dict)

    def export(self, number: int, source: Path | None = None, *, read_only: bool = False) -> DiskSpec:
        volume_id = f"vol-{number:017x}"
        file, port = self.directory / f"{volume_id}.raw", free_port()
        shutil.copyfile(source, file) if source else file.write_bytes(bytes(2**20))
        pki, name = self.directory / "pki", f"{volume_id}-e1"
        server = self.servers[volume_id] = NbdServer(file, name, port, pki, read_only=read_only)
        self.stack.callback(server.stop)
        return DiskSpec(volume_id, name, "127.0.0.1", port, "/dev/sda1", read_only)


def ip(*argv: str) -> None:
    subprocess.run(["ip", *argv], check=True, capture_output=True)


def plug() -> None:
    """As the network driver does: QEMU holds the tap open meanwhile."""
    ip("link", "set", TAP, "netns", NAMESPACE)
    ip("-n", NAMESPACE, "link", "set", TAP, "up")


def unplug() -> None:
    ip("-n", NAMESPACE, "link", "set", TAP, "netns", str(os.getpid()))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def eventually(holds: Callable[[], Awaitable[bool]], what: Callable[[], Awaitable[object]]) -> None:
    end = time.monotonic() + BOOT_S
    while not await holds():
        assert time.monotonic() < end, await what()
        await asyncio.sleep(0.05)


async def says(driver: LibvirtComputeDriver, text: bytes, times: int = 1) -> None:
    async def holds() -> bool:
        return (await driver.console_tail(INSTANCE_ID, 65536)).count(text) >= times

    await eventually(holds, lambda: driver.console_tail(INSTANCE_ID, 65536))


async def shows(driver: LibvirtComputeDriver, holds: Callable[[Domain], bool]) -> None:
    async def listed() -> bool:
        return holds((await driver.list())[INSTANCE_ID])

    await eventually(listed, driver.list)


def traces(directory: Path, pid: int) -> list[Path]:
    """What is left of the instance, but for libvirt's own log of its QEMU, which belongs to the host."""
    files = [path for path in directory.rglob("*") if INSTANCE_ID in path.name and "log/libvirt" not in str(path)]
    return [path for path in (*files, Path(f"/proc/{pid}")) if path.exists()]
