"""The only place that starts programs: commands that end, and daemons that outlive the agent.

A daemon is known by its pid file, which holds the pid and the moment it started (ticks since boot), so that a pid that
the kernel gave to another program since is noticed. A daemon is nobody's child here: it is found, watched and killed
in the same way by the agent that started it and by the one that comes after. Whoever starts a daemon decides what
"ready" means and waits for that.
"""

import asyncio
import contextlib
import os
import select
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Collection, Container, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from agent.host.threads import Threads

STDERR_TAIL_BYTES = 2000  # Enough for a program's last words; more would drown the log line that carries it.
KILL_DEADLINE_S = 10.0  # SIGKILL takes milliseconds, unless the process hangs in the kernel on a dead disk.

# Daemons that are started at once, each in some ten milliseconds. Fewer hold up a host that comes back, more starve it.
_STARTING = Threads("starting programs", 8, 30.0)

# The shell ends only after it noted the daemon's pid, and nobody kills the shell: no daemon is ever without a record.
# It takes the twentieth field behind the name, which may hold blanks, without a program's help: that would take longer.
_DETACH = """: >"$0"; setsid "$@" & read -r stat </proc/$!/stat; set -- ${stat##*)}; echo "$! ${20}" >"$0" """

Argument = str | PathLike[str]


class CommandFailed(Exception):
    """A program could not be started, ended with an error (`exit_code`), or did not end in time (None)."""

    def __init__(self, argv: Sequence[Argument], exit_code: int | None, stderr: str) -> None:
        self.argv = tuple(os.fspath(argument) for argument in argv)
        self.exit_code = exit_code
        self.stderr = stderr
        super().__init__(f"`{' '.join(self.argv)}` failed ({exit_code}): {stderr.strip()}")


async def run(*argv: Argument, stdin: str = "", timeout_s: float = 60.0, pass_fds: Collection[int] = ()) -> str:
    """Run a command to its end and return its standard output. Raises CommandFailed."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=pass_fds,
        )
    except OSError as error:
        raise CommandFailed(argv, None, str(error)) from error
    try:
        async with asyncio.timeout(timeout_s):
            stdout, stderr = await process.communicate(stdin.encode() if stdin else None)
    except TimeoutError as error:
        raise CommandFailed(argv, None, f"still running after {timeout_s} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise CommandFailed(argv, process.returncode, tail(stderr))
    return stdout.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Daemon:
    """A process that a pid file names, dead or alive."""

    pid: int
    start_ticks: int

    @property
    def is_alive(self) -> bool:
        """Whether this very process has not ended, with all its threads: until then it may hold files and write."""
        with self.pinned() as pidfd:
            return pidfd is not None and not _is_readable(pidfd)

    @contextlib.contextmanager
    def pinned(self) -> Iterator[int | None]:
        """A pidfd, which can't come to mean another process; None when there is no such process any more."""
        try:
            pidfd = os.pidfd_open(self.pid)
        except ProcessLookupError:
            yield None
            return
        try:
            yield pidfd if _start_ticks(self.pid) == self.start_ticks else None
        finally:
            os.close(pidfd)


def is_stopped(pid: int) -> bool:
    """Whether the process stands still by SIGSTOP, or by a debugger's hand; False when there is none."""
    return bool(way_on(pid))


def way_on(pid: int) -> str:
    """What lets a process go on that stands still, for people. Empty for one that runs, or is none."""
    ways = {"T": f"`kill -CONT {pid}`", "t": f"the debugger that holds it (`grep TracerPid /proc/{pid}/status`)"}
    return ways.get((_stat(pid) or ("",))[0], "")


async def start_daemon(
    *argv: Argument, pid_file: Path, log_file: Path, pass_fds: Collection[int] = (), directory: Path | None = None
) -> Daemon:
    """Start a program that stays in the foreground: own session, output to `log_file`, no descriptors but `pass_fds`.

    It works in `directory`, or where the agent does.

    When to call: `find_daemon(pid_file)` is None, the directories exist. Raises CommandFailed with the log's end when
    it is dead at once, as a program that isn't installed; one that dies a little later is for the caller to notice.
    """
    # A cancelled caller leaves the record whole.
    await _STARTING.run(str(pid_file), _detach, argv, pid_file, log_file, pass_fds, directory)
    daemon = find_daemon(pid_file)
    if daemon is None:
        raise CommandFailed(argv, None, tail(log_file.read_bytes()))  # noqa: ASYNC240 (a small local file)
    return daemon


def find_daemon(pid_file: Path) -> Daemon | None:
    """The daemon that `pid_file` names, if it is alive."""
    daemon = _read(pid_file)
    return daemon if daemon is not None and daemon.is_alive else None


def find_processes(program: str, known: Container[int] = ()) -> Iterator[tuple[Daemon, list[str]]]:
    """Every process of this program but for the `known` ones, whoever started it, with its command line."""
    for pid in (pid for pid in _pids() if pid not in known):
        argv = _command_line(pid).decode(errors="replace").split("\0")
        ticks = _start_ticks(pid) if Path(argv[0]).name == program else None
        if ticks is not None:
            yield Daemon(pid, ticks), argv


def find_running(*arguments: bytes) -> list[Daemon]:
    """Processes, whoever started them, whose command line has these arguments in a row. Blocks for milliseconds."""
    found = ((pid, _start_ticks(pid)) for pid in _pids() if has_arguments(pid, *arguments))
    return [Daemon(pid, ticks) for pid, ticks in found if ticks is not None]


def has_arguments(pid: int, *arguments: bytes) -> bool:
    """Whether they stand in a row in its command line, behind its program."""
    return b"\0" + b"\0".join(arguments) + b"\0" in _command_line(pid)


def has_dropped_root(pid: int) -> bool:
    """Whether it is another user's by now; False when there is none."""
    try:
        return Path(f"/proc/{pid}/status").read_text().partition("\nUid:\t")[2].split()[0] != "0"
    except (FileNotFoundError, ProcessLookupError):
        return False


def write_record(daemon: Daemon, pid_file: Path) -> None:
    """Of a daemon that has lost it."""
    pid_file.write_text(f"{daemon.pid} {daemon.start_ticks}")


async def stop_daemon(pid_file: Path, grace_s: float = 5.0) -> None:
    """Kill the daemon and see it gone, then delete its pid file; SIGTERM first, SIGKILL after `grace_s`.

    When this returns the process has no memory, descriptors or requests in the kernel any more. Success if there is
    none. Raises TimeoutError when it survives SIGKILL for KILL_DEADLINE_S.
    """
    daemon = _read(pid_file)
    if daemon is not None:
        with daemon.pinned() as pidfd, contextlib.suppress(ProcessLookupError):
            if pidfd is not None:
                await _kill(pidfd, grace_s)
    pid_file.unlink(missing_ok=True)  # noqa: ASYNC240 (a small local file)


class Ends:
    """Tells of daemons that end, at once and once each: their pidfds become readable."""

    def __init__(self, tell: Callable[[str], None] | None = None) -> None:
        """`tell` hears of them in place of whoever iterates over `events`."""
        self._pidfds: dict[str, tuple[Daemon, int]] = {}
        self._ended: asyncio.Queue[str] = asyncio.Queue()
        self._tell = tell or self._ended.put_nowait

    def watch(self, name: str, daemon: Daemon) -> None:
        """Tell `name` when this daemon ends, in place of an earlier one of the name. One that has ended, which may be
        the earlier one, takes nobody's place: `name` is told at once.
        """
        known, _ = self._pidfds.get(name, (None, -1))
        if known == daemon:
            return
        with daemon.pinned() as pidfd:
            if pidfd is None or _is_readable(pidfd):
                self._tell(name)
                return
            self.forget(name)
            kept = os.dup(pidfd)
        self._pidfds[name] = daemon, kept
        asyncio.get_running_loop().add_reader(kept, self._end, name)

    def forget(self, name: str) -> None:
        if name in self._pidfds:
            _, pidfd = self._pidfds.pop(name)
            asyncio.get_running_loop().remove_reader(pidfd)
            os.close(pidfd)

    async def events(self) -> AsyncIterator[str]:
        """Names, for ever."""
        while True:
            yield await self._ended.get()

    def _end(self, name: str) -> None:
        self.forget(name)
        self._tell(name)


def kill(daemon: Daemon) -> None:
    """SIGKILL it, and see it gone. Blocks. Raises TimeoutError when it survives for KILL_DEADLINE_S."""
    with daemon.pinned() as pidfd, contextlib.suppress(ProcessLookupError):
        if pidfd is not None:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            if not _is_readable(pidfd, KILL_DEADLINE_S):
                raise TimeoutError(f"process {daemon.pid} survives SIGKILL")


async def _kill(pidfd: int, grace_s: float) -> None:
    signal.pidfd_send_signal(pidfd, signal.SIGTERM)
    try:
        await _wait_readable(pidfd, grace_s)
    except TimeoutError:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        await _wait_readable(pidfd, KILL_DEADLINE_S)


async def _wait_readable(fd: int, timeout_s: float) -> None:
    """A pidfd becomes readable when the last thread of its process has ended: pidfd_open(2)."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(fd, readable.set)
    try:
        async with asyncio.timeout(timeout_s):
            await readable.wait()
    finally:
        loop.remove_reader(fd)


def _is_readable(fd: int, timeout_s: float = 0.0) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(timeout_s * 1000))


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _command_line(pid: int) -> bytes:
    try:
        return _told(pid, "cmdline")
    except OSError:  # It has just ended.
        return b""


def _detach(
    argv: Sequence[Argument], pid_file: Path, log_file: Path, pass_fds: Collection[int], directory: Path | None
) -> None:
    with log_file.open("ab") as log:
        subprocess.run(
            ["sh", "-c", _DETACH, pid_file, *argv],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=pass_fds,
            cwd=directory,
            start_new_session=True,
            check=False,  # It may only fail for want of a pid file, and then has started nothing.
        )


def _read(pid_file: Path) -> Daemon | None:
    try:
        pid, start_ticks = pid_file.read_text().split()
    except (FileNotFoundError, ValueError):
        return None
    return Daemon(int(pid), int(start_ticks))


def _start_ticks(pid: int) -> int | None:
    """Clock ticks since boot, which no other process of this pid has; None when it is gone."""
    stat = _stat(pid)
    return int(stat[19]) if stat is not None else None


def _stat(pid: int) -> list[str] | None:
    """Fields of proc_pid_stat(5), from the third, the state: those behind the name, which may hold blanks."""
    try:
        return _told(pid, "stat").decode(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _told(pid: int, name: str) -> bytes:
    """By the kernel, of a process. As `Path.read_bytes` at half the cost: passes ask about each of hundreds."""
    with open(f"/proc/{pid}/{name}", "rb", buffering=0) as file:
        return file.read()


def tail(output: bytes) -> str:
    """A program's last words."""
    return output[-STDERR_TAIL_BYTES:].decode(errors="replace")
