"""Exports, the driver's verbs for them: one qemu-storage-daemon per open export, which outlives the agent.

Who may open a volume is decided in `files`, by epoch and claim; what is open, in `records`, by its live daemon. Where
the lock on a volume says that somebody has it whom no record knows, `holders` finds the daemon.

Other hosts come by TCP, with certificates; the host itself by a UNIX socket, which costs a third less. (vhost-user-blk,
faster still, loses the requests in flight when its daemon ends: QEMU's server keeps no record of them.)

A socket is bound when its daemon starts, and never before, for a volume that is still to be made: QEMU connects without
a deadline, and where a disk is attached to a running guest that guest would stand still with it. Cloning takes 5 ms and
a daemon 45 ms, of a launch that takes a second.

Hosts that are admitted, limits and the size change under way, through the daemon's monitor. A host that is no longer
admitted is cut off by a restart of the daemon, since nothing else ends a connection for good; so does whatever else
changes. The kernel has all acknowledged writes by then, and a guest may reconnect to the same epoch.
"""

import asyncio
import contextlib
import os
import shutil
import socket
from collections import defaultdict
from collections.abc import Callable, Container, Mapping
from pathlib import Path
from typing import BinaryIO

import structlog

from agent.drivers.base import DriverError, HostContext, Transient
from agent.drivers.volume_nbd import aio, holders, qmp
from agent.drivers.volume_nbd.dh_params import ensure_dh_params
from agent.drivers.volume_nbd.files import Opening, PoolFiles
from agent.drivers.volume_nbd.pulses import Pulses
from agent.drivers.volume_nbd.records import ExportRecords, Record
from agent.drivers.volume_nbd.sockets import listen, listen_locally
from agent.drivers.volume_nbd.storage_daemon import Sockets, can_become, command_line
from agent.files import qemu_group
from agent.host.process import CommandFailed, Daemon, Ends, start_daemon, stop_daemon, way_on
from agent.host.threads import Threads
from agent.model import Export, ExportSpec, Kind, Ref, parse_export_name

READY_DEADLINE_S = 10.0  # A daemon serves after 50 ms. Lower: fails on a busy host. Higher: a hung one shows up later.
READY_POLL_S = 0.002  # Lower: takes the processor that it starts on. Higher: each launch waits for it.
KILL_GRACE_S = 2.0  # It ends in milliseconds. Lower: requests go unanswered. Higher: a fence takes longer.
FILE_DEADLINE_S = 30.0  # Lower: a busy disk counts as stuck. Higher: a hung one shows up later.
PKI_FILES = ("ca-cert.pem", "server-cert.pem", "server-key.pem")


log = structlog.get_logger()


class Exports:
    """One volume's epochs come and go one at a time."""

    def __init__(self, pool: PoolFiles, context: HostContext, tell: Callable[[Ref], None]) -> None:
        """`tell` hears of those whose daemon has ended, or whose volume may have grown."""
        self._pool = pool
        self._records = ExportRecords(context.run_dir / "exports" / context.instance, context.export_socket)
        self._host_id = context.host_id
        self._boot_id = context.boot_id
        self._address = context.underlay_address
        self._pki_dir = context.server_pki_dir
        self._socket_of = context.export_socket
        self._files = Threads("the disk of Stead's own files", workers=2, deadline_s=FILE_DEADLINE_S)
        self._tell = tell
        self._ends = Ends(lambda export_name: tell(Ref(Kind.EXPORT, export_name)))
        self._pulses = Pulses()
        self._volume_locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def problems(self) -> tuple[str, ...]:
        """Why none might open, for people."""
        return await self._files.run("probe", self._problems)

    def _problems(self) -> tuple[str, ...]:
        problems = [f"{self._pki_dir / name} is missing" for name in PKI_FILES if not (self._pki_dir / name).exists()]
        if shutil.which("qemu-storage-daemon") is None:
            problems.append("qemu-storage-daemon is missing: install qemu-system-common")
        return tuple(filter(None, (*problems, aio.raise_limit())))

    async def list(self) -> Mapping[str, Export]:
        daemons = await self._daemons()
        with contextlib.suppress(Transient):  # A pool whose disk hangs hides no export that is on record.
            if await self._adopt(known=frozenset(daemon.pid for daemon in daemons.values() if daemon)):
                daemons = await self._daemons()
        found = await self._open_ones(daemons)
        self._pulses.forget_others(found)
        return found

    async def look(self, export_name: str) -> Export | None:
        """As in `list`, of one."""
        volume_id, _ = parse_export_name(export_name)
        async with self._volume_locks[volume_id]:
            found = await self._recorded(volume_id)
            if export_name not in found:
                await self._adopt_holder(volume_id)
                found = await self._recorded(volume_id)
        return found.get(export_name)

    def look_again(self, volume_id: str) -> None:
        """After its size has changed."""
        for record in self._records.select(volume_id):
            self._tell(record.spec.ref)

    async def _recorded(self, volume_id: str) -> dict[str, Export]:
        """What is open of a volume."""
        return await self._open_ones(await self._daemons(volume_id))

    async def _open_ones(self, daemons: Mapping[Record, Daemon | None]) -> dict[str, Export]:
        """Records that have come to stand for nothing go."""
        for spec in (record.spec for record, daemon in daemons.items() if daemon is None):
            is_at_work = self._volume_locks[spec.volume_id].locked()
            if not is_at_work and self._records.daemon(spec.export_name) is None:  # It may be open again by now.
                self._forget(spec.export_name)
        alive = {record: daemon for record, daemon in daemons.items() if daemon is not None}
        for record, daemon in alive.items():
            self._ends.watch(record.spec.export_name, daemon)
        problems = await self._problems_of(alive)
        return {
            record.spec.export_name: Export(record.spec, problems[record] or self._silence(record, daemon))
            for record, daemon in alive.items()
        }

    async def _daemons(self, volume_id: str = "*") -> dict[Record, Daemon | None]:
        """What is on record of all volumes or one; None where its daemon is not alive."""
        return await self._files.run(f"exports of {volume_id}", self._read, volume_id)

    def _read(self, volume_id: str) -> dict[Record, Daemon | None]:
        return {record: self._records.daemon(record.spec.export_name) for record in self._records.select(volume_id)}

    async def _problems_of(self, daemons: Mapping[Record, Daemon]) -> Mapping[Record, str]:
        """Whatever `ensure` would do something about, or raise."""
        try:
            return await self._pool.call("exports", self._examine, daemons)
        except DriverError as error:
            return dict.fromkeys(daemons, str(error))

    def _examine(self, daemons: Mapping[Record, Daemon]) -> Mapping[Record, str]:
        return {record: self._problem(record, daemon) for record, daemon in daemons.items()}

    def _problem(self, record: Record, daemon: Daemon) -> str:
        spec, opening = record.spec, self._opening(record.spec)
        try:
            self._pool.check_epoch(spec.volume_id, opening)
        except DriverError as error:
            return str(error)
        if self._pool.is_undated(spec.volume_id, opening):
            return f"{spec.export_name} was opened by an earlier version, which did not note in which boot"
        if lost := self._lost_socket(record, daemon):
            return f"{lost} was deleted: nobody can open or change {spec.export_name} again"
        if problem := _standstill(spec, daemon):
            return problem
        if record.served_bytes is not None and record.served_bytes < self._pool.volume_size(spec.volume_id):
            return f"the storage daemon of {spec.volume_id} has still to be told of a change"
        return ""

    def _silence(self, record: Record, daemon: Daemon) -> str:
        """Of a daemon that hangs. It is left so, too: what hangs in the kernel does not end, and disks come back."""
        name = record.spec.export_name
        if record.served_bytes is None or not self._pulses.is_silent(name, daemon, self._records.monitor(name)):
            return ""
        return (
            f"the storage daemon of {record.spec.volume_id} answers no more, and its guest's I/O may stand still: "
            f"`cat /proc/{daemon.pid}/stack` on the storage host tells whether it waits for the disk; "
            f"after `kill -9 {daemon.pid}` it is opened anew"
        )

    async def ensure(self, spec: ExportSpec) -> None:
        async with self._volume_locks[spec.volume_id]:
            await self._ensure(spec)
            if daemon := self._records.daemon(spec.export_name):
                self._ends.watch(spec.export_name, daemon)

    async def _ensure(self, spec: ExportSpec) -> None:
        opening = self._opening(spec)
        is_held = await self._pool.call(spec.export_name, self._is_held, spec.volume_id, opening)
        record = self._records.find(spec.export_name)
        daemon = self._records.daemon(spec.export_name)
        if record and daemon and await self._is_settled(record, daemon, spec):
            await self._pool.call(spec.export_name, self._pool.date, spec.volume_id, opening)
            if problem := _standstill(spec, daemon) or self._silence(record, daemon):
                raise Transient(problem)
            return
        if is_held:
            await self._adopt(spec.volume_id)
        for other in list(self._records.select(spec.volume_id)):
            await self._close(other.spec.export_name)
        with await self._pool.call(spec.export_name, self._pool.claim, spec.volume_id, opening) as claim:
            await self._open(spec, claim)

    def _is_held(self, volume_id: str, opening: Opening) -> bool:
        """Whether somebody may have the volume open, where this epoch may be."""
        self._pool.check_epoch(volume_id, opening)
        return self._pool.is_held(volume_id)

    async def _is_settled(self, record: Record, daemon: Daemon, spec: ExportSpec) -> bool:
        """Whether the daemon is what the spec says, or has been made so."""
        if await self._files.run(spec.export_name, self._lost_socket, record, daemon):
            return False
        size_bytes = await self._pool.call(spec.export_name, self._pool.volume_size, spec.volume_id)
        if record.spec == spec and (record.served_bytes is None or record.served_bytes >= size_bytes):
            return True
        if record.served_bytes is None or not can_become(record.spec, spec) or self._is_moved(record.spec, spec):
            return False
        if spec.read_only and record.served_bytes < size_bytes:  # QEMU grows nothing that it may not write.
            return False
        if problem := _standstill(spec, daemon):
            raise Transient(problem)
        return await self._settle(spec, size_bytes)

    async def _settle(self, spec: ExportSpec, size_bytes: int) -> bool:
        """As in `qmp`. Whoever finds it broken off begins again."""
        self._records.write(Record(spec, served_bytes=0))
        with self._pulses.held(spec.export_name):
            is_settled = await qmp.settle(self._records.monitor(spec.export_name), spec, size_bytes)
        if is_settled:
            self._records.write(Record(spec, size_bytes))
        return is_settled

    def _is_moved(self, before: ExportSpec, after: ExportSpec) -> bool:
        """From a UNIX socket to TCP, or back."""
        return self._is_local(before) != self._is_local(after)

    def _lost_socket(self, record: Record, daemon: Daemon) -> Path | None:
        """One that somebody deleted: a guest that has it open goes on, and could not start again."""
        name = record.spec.export_name
        monitor, clients = self._records.monitor(name), self._socket_of(name)
        if record.served_bytes is not None and not monitor.exists():
            return monitor
        if self._is_local(record.spec) and not clients.exists() and holders.is_local(daemon):
            return clients
        return None

    def _opening(self, spec: ExportSpec) -> Opening:
        """Guests on this very host end with it."""
        return Opening(spec.epoch, self._boot_id, outlives_boot=self._is_local(spec))

    def _is_local(self, spec: ExportSpec) -> bool:
        return spec.client_host_ids == (self._host_id,)

    def _listen(self, spec: ExportSpec) -> socket.socket:
        if self._is_local(spec):
            return listen_locally(self._socket_of(spec.export_name), qemu_group())
        return listen(self._address, spec.port)

    async def remove(self, export_name: str) -> None:
        volume_id, _ = parse_export_name(export_name)
        async with self._volume_locks[volume_id]:
            await self._adopt_holder(volume_id)
            await self._close(export_name)

    async def _adopt_holder(self, volume_id: str) -> None:
        if await self._pool.call(volume_id, self._pool.is_held, volume_id):
            await self._adopt(volume_id)

    async def _adopt(self, volume_id: str = "", known: Container[int] = ()) -> bool:
        """Record the daemons that have lost their records: of a volume, or of all at which nobody is at work. Those of
        `known` process ids have theirs. Returns whether there are any.
        """
        is_any = False
        for daemon, record in await self._pool.call("exports", holders.select, self._pool, known):
            spec = record.spec
            is_meant = spec.volume_id == volume_id if volume_id else not self._volume_locks[spec.volume_id].locked()
            if is_meant and self._records.daemon(spec.export_name) is None:
                log.warning("storage daemon without a record", export=spec.export_name, pid=daemon.pid)
                self._records.adopt(record, daemon)
                is_any = True
        return is_any

    async def _open(self, spec: ExportSpec, claim: BinaryIO) -> None:
        pki_dir = None if self._is_local(spec) else self._pki_dir
        aio.raise_limit()
        try:
            if pki_dir is not None:
                await self._files.run("dh-params.pem", ensure_dh_params, pki_dir)
            self._records.write(Record(spec, os.fstat(claim.fileno()).st_size))
            monitor_path = self._records.monitor(spec.export_name)
            with self._listen(spec) as listener, listen_locally(monitor_path, None) as monitor:
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
        self._forget(export_name)

    def _forget(self, export_name: str) -> None:
        self._pulses.forget(export_name)
        self._records.forget(export_name)


def _standstill(spec: ExportSpec, daemon: Daemon) -> str:
    """Why nothing moves. It is left so: whoever stopped it may want to look at it."""
    if means := way_on(daemon.pid):
        return (
            f"the storage daemon of {spec.volume_id} is stopped, and its guest's I/O with it: "
            f"{means} on the storage host lets it go on"
        )
    return ""


async def _serving(daemon: Daemon, ready_file: Path) -> None:
    """Wait until it serves. Not by connecting: guests that come back may have all connections by then."""
    async with asyncio.timeout(READY_DEADLINE_S):
        while not _is_written(ready_file):
            if not daemon.is_alive:
                raise ConnectionAbortedError("the daemon ended")
            await asyncio.sleep(READY_POLL_S)


def _is_written(ready_file: Path) -> bool:
    """QEMU makes the file, looks whether it is still there, and writes its pid; it ends where it can't."""
    with contextlib.suppress(FileNotFoundError):
        return ready_file.stat().st_size > 0
    return False
