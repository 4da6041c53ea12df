"""Exports, the driver's verbs for them: one qemu-storage-daemon per open export, which outlives the agent.

Who may open a volume is decided in `files`, by epoch and claim; what is open, in `records`, by its live daemon. Where
the lock on a volume says that somebody has it whom no record knows, `holders` finds the daemon.

Other hosts come by TCP, with certificates; the host itself by a UNIX socket, which costs a third less. (vhost-user-blk,
faster still, loses the requests in flight when its daemon ends: QEMU's server keeps no record of them.)

Hosts that may connect are fixed when a daemon starts: changing them restarts it, which also cuts off whoever is no
longer admitted. The kernel has all acknowledged writes by then, so a guest may reconnect to the same epoch.
"""

import asyncio
import contextlib
import shutil
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

import structlog

from agent.drivers.base import DriverError, HostContext, Transient
from agent.drivers.volume_nbd import holders
from agent.drivers.volume_nbd.dh_params import ensure_dh_params
from agent.drivers.volume_nbd.files import Opening, PoolFiles
from agent.drivers.volume_nbd.records import ExportRecords
from agent.drivers.volume_nbd.storage_daemon import Sockets, command_line
from agent.files import qemu_group
from agent.host.process import CommandFailed, Daemon, Ends, start_daemon, stop_daemon, way_on
from agent.host.threads import Threads
from agent.model import Export, ExportSpec, Kind, Ref, parse_export_name

READY_DEADLINE_S = 10.0  # A daemon serves after 50 ms. Lower: fails on a busy host. Higher: a hung one shows up later.
READY_POLL_S = 0.01
# When a client's host or network is gone, so that its connection is free for the next: tcp(7). Shorter: a guest on
# a bad network reconnects all the time. Longer: one whose network was cut waits for longer when it is back.
KEEPALIVE = {socket.TCP_KEEPIDLE: 5, socket.TCP_KEEPINTVL: 5, socket.TCP_KEEPCNT: 3, socket.TCP_USER_TIMEOUT: 20_000}
KILL_GRACE_S = 2.0  # It ends in milliseconds. Lower: requests go unanswered. Higher: a fence takes longer.
FILE_DEADLINE_S = 30.0  # Lower: a busy disk counts as stuck. Higher: a hung one shows up later.
PKI_FILES = ("ca-cert.pem", "server-cert.pem", "server-key.pem")


log = structlog.get_logger()


class Exports:
    """One volume's epochs come and go one at a time."""

    def __init__(self, pool: PoolFiles, context: HostContext) -> None:
        self._pool = pool
        self._records = ExportRecords(context.run_dir / "exports")
        self._host_id = context.host_id
        self._boot_id = context.boot_id
        self._address = context.underlay_address
        self._pki_dir = context.server_pki_dir
        self._socket_of = context.export_socket
        self._files = Threads("the disk of Stead's own files", workers=2, deadline_s=FILE_DEADLINE_S)
        self._ends = Ends()
        self._volume_locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def problems(self) -> tuple[str, ...]:
        """Why none might open, for people."""
        return await self._files.run("probe", self._problems)

    def _problems(self) -> tuple[str, ...]:
        problems = [f"{self._pki_dir / name} is missing" for name in PKI_FILES if not (self._pki_dir / name).exists()]
        if shutil.which("qemu-storage-daemon") is None:
            problems.append("qemu-storage-daemon is missing: install qemu-system-common")
        return tuple(problems)

    async def list(self) -> Mapping[str, Export]:
        with contextlib.suppress(Transient):  # A pool whose disk hangs hides no export that is on record.
            await self._adopt()
        return await self._recorded()

    async def look(self, export_name: str) -> Export | None:
        """As in `list`, of one."""
        volume_id, _ = parse_export_name(export_name)
        async with self._volume_locks[volume_id]:
            found = await self._recorded(volume_id)
            if export_name not in found:
                await self._adopt_holder(volume_id)
                found = await self._recorded(volume_id)
        return found.get(export_name)

    async def events(self) -> AsyncIterator[Ref]:
        """As in Eventful: exports whose daemon has ended."""
        async for export_name in self._ends.events():
            yield Ref(Kind.EXPORT, export_name)

    async def _recorded(self, volume_id: str = "*") -> dict[str, Export]:
        """What is open, of all volumes or one."""
        specs = list(self._records.select(volume_id))
        daemons = await self._files.run(f"exports of {volume_id}", self._daemons, specs)
        for spec in specs:
            if spec not in daemons and not self._volume_locks[spec.volume_id].locked():
                self._records.forget(spec.export_name)
        for spec, daemon in daemons.items():
            self._ends.watch(spec.export_name, daemon)
        problems = await self._problems_of(daemons)
        return {spec.export_name: Export(spec, problems[spec]) for spec in daemons}

    def _daemons(self, specs: Iterable[ExportSpec]) -> dict[ExportSpec, Daemon]:
        """Those that are alive."""
        found = ((spec, self._records.daemon(spec.export_name)) for spec in specs)
        return {spec: daemon for spec, daemon in found if daemon is not None}

    async def _problems_of(self, daemons: Mapping[ExportSpec, Daemon]) -> Mapping[ExportSpec, str]:
        """Whatever `ensure` would do something about, or raise."""
        try:
            return await self._pool.call("exports", self._examine, daemons)
        except DriverError as error:
            return dict.fromkeys(daemons, str(error))

    def _examine(self, daemons: Mapping[ExportSpec, Daemon]) -> Mapping[ExportSpec, str]:
        return {spec: self._problem(spec, daemon) for spec, daemon in daemons.items()}

    def _problem(self, spec: ExportSpec, daemon: Daemon) -> str:
        opening = self._opening(spec)
        try:
            self._pool.check_epoch(spec.volume_id, opening)
        except DriverError as error:
            return str(error)
        if self._pool.is_undated(spec.volume_id, opening):
            return f"{spec.export_name} was opened by an earlier version, which did not note in which boot"
        if self._is_out_of_reach(spec, daemon):
            return f"{self._socket_of(spec.export_name)} was deleted: no guest can open {spec.export_name} again"
        return _standstill(spec, daemon)

    async def ensure(self, spec: ExportSpec) -> None:
        async with self._volume_locks[spec.volume_id]:
            await self._ensure(spec)
            if daemon := self._records.daemon(spec.export_name):
                self._ends.watch(spec.export_name, daemon)

    async def _ensure(self, spec: ExportSpec) -> None:
        opening = self._opening(spec)
        await self._pool.call(spec.export_name, self._pool.check_epoch, spec.volume_id, opening)
        daemon = self._records.daemon(spec.export_name) if spec in self._records.select(spec.volume_id) else None
        if daemon and not await self._files.run(spec.export_name, self._is_out_of_reach, spec, daemon):
            await self._pool.call(spec.export_name, self._pool.date, spec.volume_id, opening)
            if problem := _standstill(spec, daemon):
                raise Transient(problem)
            return
        await self._adopt_holder(spec.volume_id)
        for other in list(self._records.select(spec.volume_id)):
            await self._close(other.export_name)
        with await self._pool.call(spec.export_name, self._pool.claim, spec.volume_id, opening) as claim:
            await self._open(spec, claim)

    def _is_out_of_reach(self, spec: ExportSpec, daemon: Daemon) -> bool:
        """Somebody deleted its socket: a guest that has it open goes on, and could not start again."""
        if not self._is_local(spec) or self._socket_of(spec.export_name).exists():
            return False
        return holders.is_local(daemon)

    def _opening(self, spec: ExportSpec) -> Opening:
        """Guests on this very host end with it."""
        return Opening(spec.epoch, self._boot_id, outlives_boot=self._is_local(spec))

    def _is_local(self, spec: ExportSpec) -> bool:
        return spec.client_host_ids == (self._host_id,)

    def _listen(self, spec: ExportSpec) -> socket.socket:
        if self._is_local(spec):
            return _listen_locally(self._socket_of(spec.export_name), qemu_group())
        return _listen(self._address, spec.port)

    async def remove(self, export_name: str) -> None:
        volume_id, _ = parse_export_name(export_name)
        async with self._volume_locks[volume_id]:
            await self._adopt_holder(volume_id)
            await self._close(export_name)

    async def _adopt_holder(self, volume_id: str) -> None:
        if await self._pool.call(volume_id, self._pool.is_held, volume_id):
            await self._adopt(volume_id)

    async def _adopt(self, volume_id: str = "") -> None:
        """Record the daemons that have lost their records: of a volume, or of all at which nobody is at work."""
        for daemon, spec in await self._pool.call("exports", holders.select, self._pool):
            is_meant = spec.volume_id == volume_id if volume_id else not self._volume_locks[spec.volume_id].locked()
            if is_meant and self._records.daemon(spec.export_name) is None:
                log.warning("storage daemon without a record", export=spec.export_name, pid=daemon.pid)
                self._records.adopt(spec, daemon)

    async def _open(self, spec: ExportSpec, claim: BinaryIO) -> None:
        pki_dir = None if self._is_local(spec) else self._pki_dir
        try:
            await self._files.run("dh-params.pem", ensure_dh_params, self._pki_dir)
            self._records.write(spec)
            monitor_path = self._records.monitor(spec.export_name)
            with self._listen(spec) as listener, _listen_locally(monitor_path, None) as monitor:
                ready_file = self._records.ready_file(spec.export_name)
                volume = self._pool.volume_path(spec.volume_id)
                sockets = Sockets(listener.fileno(), monitor.fileno())
                daemon = await start_daemon(
                    *command_line(spec, volume, pki_dir, sockets, ready_file),
                    pid_file=self._records.pid_file(spec.export_name),
                    log_file=self._records.log_file(spec.export_name),
                    pass_fds=(sockets.clients, sockets.monitor, claim.fileno()),
                )
            await _serving(daemon, ready_file)
        except (OSError, CommandFailed) as error:
            reason = f"{error}; {self._records.log(spec.export_name)}"
            await self._close(spec.export_name)
            where = self._socket_of(spec.export_name) if self._is_local(spec) else f"port {spec.port}"
            raise Transient(f"export {spec.export_name} does not open on {where}: {reason}") from error

    async def _close(self, export_name: str) -> None:
        self._ends.forget(export_name)
        try:
            await stop_daemon(self._records.pid_file(export_name), grace_s=KILL_GRACE_S)
        except TimeoutError as error:
            raise Transient(f"the daemon of export {export_name} survives SIGKILL; its disk may hang") from error
        self._records.forget(export_name)


def _standstill(spec: ExportSpec, daemon: Daemon) -> str:
    """Why nothing moves. It is left so: whoever stopped it may want to look at it."""
    if means := way_on(daemon.pid):
        return (
            f"the storage daemon of {spec.volume_id} is stopped, and its guest's I/O with it: "
            f"{means} on the storage host lets it go on"
        )
    return ""


def _listen(address: str, port: int) -> socket.socket:
    """A listening socket with TCP_NODELAY and keep-alive, which accepted ones inherit: QEMU's NBD server sets neither.

    Without the first it crawls, without the second it keeps the connection of a client that is no more.
    """
    listener = socket.create_server((address, port), backlog=16)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE.items():
        listener.setsockopt(socket.IPPROTO_TCP, option, value)
    return listener


def _listen_locally(path: Path, group: str | None) -> socket.socket:
    """A listening socket that this group alone may open, besides root. Its name goes with the records of the export."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(0o660 if group else 0o600)
    if group:
        shutil.chown(path, group=group)
    listener.listen(16)
    return listener


async def _serving(daemon: Daemon, ready_file: Path) -> None:
    """Wait until it serves. Not by connecting: guests that come back may have all connections by then."""
    async with asyncio.timeout(READY_DEADLINE_S):
        while not ready_file.exists():  # noqa: ASYNC240 (in memory)
            if not daemon.is_alive:
                raise ConnectionAbortedError("the daemon ended")
            await asyncio.sleep(READY_POLL_S)
