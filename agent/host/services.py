"""Processes that serve a VPC's guests beside the agent: dnsmasq, the forwarder of DNS, the time and metadata services.

One outlives the agent, and is found again by its record or, where that is lost, by its command line and namespace. It
is either inside the VPC's namespace, or a program of ours in the host's with sockets that were made in the VPC's; that
is started anew by an agent that brings another version of it.
"""

import asyncio
import functools
import hashlib
import os
import sys
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from socket import socket

from agent.host import namespaces, process, pulse
from agent.host.process import Daemon, Ends
from agent.host.pulse import Pulse
from agent.host.threads import Threads

# Over all processes, in milliseconds; it hangs with one whose memory the kernel holds on to.
_LOOKING = Threads("looking at processes", workers=4, deadline_s=30.0)

READY_DEADLINE_S = 5.0  # It takes some 20 to 100 ms; much longer means it will not come.
POLL_S = 0.01

# One that ends this soon after its start will do so again: the next pass is soon enough for another try.
YOUNG_S = 1.0


@dataclass(frozen=True, slots=True)
class Service:
    """One of a VPC's, running or not."""

    program: str  # As people know it.
    vpc_id: str
    directory: Path
    mark: tuple[str, ...]  # Arguments in a row in its command line, and in no other's.
    prefix: str = ""  # Of the names of its files.
    is_inside: bool = False  # Of the VPC's namespace.
    user: str = ""  # That a program of ours becomes.

    @property
    def title(self) -> str:
        return f"{self.program} of {self.vpc_id}"

    @property
    def pid_file(self) -> Path:
        return self.directory / f"{self.prefix}pid"

    @property
    def log_file(self) -> Path:
        return self.directory / f"{self.prefix}log"

    @property
    def namespace(self) -> str:
        return namespaces.vpc_namespace(self.vpc_id)

    async def adopt(self) -> Daemon | None:
        """The process, whoever started it. One of another version or user, or for a namespace of before, is stopped."""
        daemon = process.find_daemon(self.pid_file) or await self._find_unrecorded()
        if daemon is not None and not self._is_in_place(daemon):
            await self.stop()
            return None
        return daemon

    async def start_inside(self, *argv: process.Argument) -> Daemon:
        """A command, in the VPC's namespace."""
        entering = ("nsenter", f"--net={namespaces.path(self.namespace)}")
        return await process.start_daemon(*entering, *argv, pid_file=self.pid_file, log_file=self.log_file)

    async def start_program(self, sockets: Collection[socket]) -> Daemon:
        """A file of ours, `mark`'s first, that needs the standard library alone and drops root's rights by itself.

        It gets the rest of `mark`, what tells its namespace and version, its user, and the numbers of its sockets; it
        works in `directory`.
        """
        fds = [each.fileno() for each in sockets]
        daemon = await process.start_daemon(
            *("setpriv", "--no-new-privs", sys.executable, "-I", "-S"),
            *(*self.mark, self._birthmark(), self.user, *map(str, fds)),
            pid_file=self.pid_file,
            log_file=self.log_file,
            pass_fds=fds,
            directory=self.directory,
        )
        await self.see_ready(daemon, lambda: process.has_dropped_root(daemon.pid))
        return daemon

    async def see_ready(self, daemon: Daemon, is_ready: Callable[[], bool]) -> None:
        """Raises OSError when it ends before, or takes READY_DEADLINE_S."""
        try:
            async with asyncio.timeout(READY_DEADLINE_S):
                while not is_ready():
                    if not daemon.is_alive:
                        raise OSError(f"{self.title} ended at once: {process.tail(self.log_file.read_bytes()).strip()}")
                    await asyncio.sleep(POLL_S)
        except TimeoutError as error:
            raise OSError(f"{self.title} is not ready after {READY_DEADLINE_S:g} s: see {self.log_file}") from error

    async def stop(self) -> None:
        """Success if there is none. Raises TimeoutError when it survives SIGKILL."""
        if process.find_daemon(self.pid_file) is None:
            await self._find_unrecorded()
        await process.stop_daemon(self.pid_file)

    async def _find_unrecorded(self) -> Daemon | None:
        """As when /run was cleaned: it holds the sockets that the next one would need. It is recorded again."""
        for daemon in await _LOOKING.run(self.title, process.find_running, *map(str.encode, self.mark)):
            if namespaces.has(self.namespace, daemon.pid) if self.is_inside else namespaces.is_own(daemon.pid):
                self.directory.mkdir(parents=True, exist_ok=True)
                process.write_record(daemon, self.pid_file)
                return daemon
        return None

    def _is_in_place(self, daemon: Daemon) -> bool:
        if self.is_inside:
            return namespaces.has(self.namespace, daemon.pid)
        return process.has_arguments(daemon.pid, *map(str.encode, (*self.mark, self._birthmark(), self.user)))

    def _birthmark(self) -> str:
        """Tells a namespace from one made anew under its name, whose inode is not given again while a socket is in it;
        and a program from another version of it.
        """
        return f"{os.stat(namespaces.path(self.namespace)).st_ino}-{_version(self.mark[0])}"


@functools.cache
def _version(program: str) -> str:
    """That this agent brings: one that is installed over it is the next agent's."""
    return hashlib.sha256(Path(program).read_bytes()).hexdigest()[:16]


class Services:
    """Those that are looked after: tells which ended, which stand still, and which do not answer."""

    def __init__(self) -> None:
        self.tell: Callable[[str], object] = lambda vpc_id: None  # Hears of VPCs one of whose services ended by itself.
        self._ends = Ends(self._end)
        self._watched: dict[str, tuple[Service, Daemon, float]] = {}
        self._pulses: dict[str, Pulse] = {}

    def watch(self, service: Service, daemon: Daemon) -> None:
        """In place of an earlier process of this service."""
        known = self._watched.get(service.title)
        if known is None or known[1] != daemon:
            self._leave(service.title)
            self._watched[service.title] = service, daemon, time.monotonic()
        self._ends.watch(service.title, daemon)

    async def ask(self, service: Service, port: int, question: bytes, address: str = pulse.LOOPBACK) -> None:
        """Let it be asked, at this UDP port inside the VPC's namespace, whenever `problems` is called."""
        if service.title not in self._pulses:
            connect = functools.partial(pulse.connect, address, port)
            asking = await _LOOKING.run(service.title, namespaces.call, service.namespace, connect)
            self._pulses[service.title] = Pulse(asking, question)

    def forget(self, service: Service) -> None:
        self._ends.forget(service.title)
        self._leave(service.title)

    def problems(self) -> tuple[str, ...]:
        """Those that serve nobody and have not ended, for people."""
        told = (self._problem(service, daemon) for service, daemon, _ in list(self._watched.values()))
        return tuple(filter(None, told))

    def _problem(self, service: Service, daemon: Daemon) -> str:
        asked = self._pulses.get(service.title)
        is_silent = asked is not None and asked.is_silent()
        if way_on := process.way_on(daemon.pid):
            return f"{service.title} is stopped and serves no guest: {way_on} lets it go on"
        return f"{service.title} does not answer: `kill -KILL {daemon.pid}` has it started anew" if is_silent else ""

    def _leave(self, title: str) -> None:
        """A socket of ours would keep the namespace."""
        self._watched.pop(title, None)
        if known := self._pulses.pop(title, None):
            known.close()

    def _end(self, title: str) -> None:
        if title not in self._watched:
            return  # An earlier process of it, whose end was told before this one's.
        service, _, since = self._watched[title]
        self._leave(title)
        if time.monotonic() - since >= YOUNG_S:
            self.tell(service.vpc_id)
