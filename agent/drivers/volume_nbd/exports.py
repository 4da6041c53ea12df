"""The export driver: one qemu-storage-daemon per open export, which outlives the agent.

Who may open a volume is decided in `files`, by epoch and claim; what is open, in `records`, by its live daemon.

Hosts that may connect are fixed when a daemon starts: changing them restarts it, which also cuts off whoever is no
longer admitted. The kernel has all acknowledged writes by then, so a guest may reconnect to the same epoch.
"""

import asyncio
import shutil
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import BinaryIO

from agent.drivers.base import HostContext, Transient
from agent.drivers.volume_nbd.dh_params import ensure_dh_params
from agent.drivers.volume_nbd.files import Opening, PoolFiles
from agent.drivers.volume_nbd.records import ExportRecords
from agent.drivers.volume_nbd.settings import NbdSettings
from agent.drivers.volume_nbd.storage_daemon import command_line
from agent.host.process import CommandFailed, Ends, find_daemon, start_daemon, stop_daemon
from agent.model import Capacity, ExportSpec

READY_DEADLINE_S = 10.0  # A daemon greets after 50 ms. Lower: fails on a busy host. Higher: a hung one shows up later.
KILL_GRACE_S = 2.0  # It ends in milliseconds. Lower: requests go unanswered. Higher: a fence takes longer.
PKI_FILES = ("ca-cert.pem", "server-cert.pem", "server-key.pem")


class NbdExportDriver:
    """See ExportDriver. One volume's epochs come and go one at a time."""

    Settings = NbdSettings

    def __init__(self, settings: NbdSettings, context: HostContext) -> None:
        self._pool = PoolFiles(Path(settings.pool_dir), settings.reserve_percent)
        self._records = ExportRecords(context.run_dir / "exports")
        self._host_id = context.host_id
        self._boot_id = context.boot_id
        self._address = context.underlay_address
        self._pki_dir = context.server_pki_dir
        self._ends = Ends()
        self._volume_locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def probe(self) -> Capacity:
        problems = [f"{self._pki_dir / name} is missing" for name in PKI_FILES if not (self._pki_dir / name).exists()]
        if shutil.which("qemu-storage-daemon") is None:
            problems.append("qemu-storage-daemon is missing: install qemu-system-common")
        return Capacity(problems=tuple(problems))

    async def list(self) -> Mapping[str, ExportSpec]:
        exports = {}
        for spec in self._records.select():
            if self._records.is_open(spec):
                exports[spec.export_name] = spec
            elif not self._volume_locks[spec.volume_id].locked():
                self._records.forget(spec.export_name)
        return exports

    def events(self) -> AsyncIterator[str]:
        """As in Eventful: exports whose daemon has ended."""
        return self._ends.events()

    async def ensure(self, spec: ExportSpec) -> None:
        async with self._volume_locks[spec.volume_id]:
            await self._ensure(spec)
            if daemon := find_daemon(self._records.pid_file(spec.export_name)):
                self._ends.watch(spec.export_name, daemon)

    async def _ensure(self, spec: ExportSpec) -> None:
        opening = self._opening(spec)
        await self._pool.call(spec.export_name, self._pool.check_epoch, spec.volume_id, opening)
        recorded = list(self._records.select(spec.volume_id))
        if spec in recorded and self._records.is_open(spec):
            return
        for other in recorded:
            await self._close(other.export_name)
        with await self._pool.call(spec.export_name, self._pool.claim, spec.volume_id, opening) as claim:
            await self._open(spec, claim)

    def _opening(self, spec: ExportSpec) -> Opening:
        """Guests on this very host end with it."""
        return Opening(spec.epoch, self._boot_id, outlives_boot=spec.client_host_ids == (self._host_id,))

    async def remove(self, export_name: str) -> None:
        volume_id, _, _ = export_name.rpartition("-e")
        async with self._volume_locks[volume_id]:
            await self._close(export_name)

    async def _open(self, spec: ExportSpec, claim: BinaryIO) -> None:
        try:
            await asyncio.to_thread(ensure_dh_params, self._pki_dir)
            self._records.write(spec)
            with _listen(self._address, spec.port) as listener:
                await start_daemon(
                    *command_line(spec, self._pool.volume_path(spec.volume_id), self._pki_dir, listener.fileno()),
                    pid_file=self._records.pid_file(spec.export_name),
                    log_file=self._records.log_file(spec.export_name),
                    pass_fds=(listener.fileno(), claim.fileno()),
                )
            await _greeting(self._address, spec.port)
        except (OSError, CommandFailed) as error:
            reason = f"{error}; {self._records.log(spec.export_name)}"
            await self._close(spec.export_name)
            raise Transient(f"export {spec.export_name} does not open on port {spec.port}: {reason}") from error

    async def _close(self, export_name: str) -> None:
        self._ends.forget(export_name)
        try:
            await stop_daemon(self._records.pid_file(export_name), grace_s=KILL_GRACE_S)
        except TimeoutError as error:
            raise Transient(f"the daemon of export {export_name} survives SIGKILL; its disk may hang") from error
        self._records.forget(export_name)


def _listen(address: str, port: int) -> socket.socket:
    """A listening socket with TCP_NODELAY, which accepted ones inherit: QEMU's NBD server sets none, and crawls."""
    listener = socket.create_server((address, port), backlog=16)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


async def _greeting(address: str, port: int) -> None:
    """Wait until the daemon greets, with the first turn of its main loop. Raises OSError if it ended before that."""
    try:
        async with asyncio.timeout(READY_DEADLINE_S):
            reader, writer = await asyncio.open_connection(address, port)
            try:
                await reader.readexactly(len(b"NBDMAGIC"))
            finally:
                writer.close()
    except asyncio.IncompleteReadError as error:
        raise ConnectionAbortedError("the daemon ended") from error
