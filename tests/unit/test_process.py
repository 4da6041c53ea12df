"""Commands and detached daemons, with real programs."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from agent.host.process import (
    CommandFailed,
    Daemon,
    Ends,
    find_daemon,
    find_running,
    is_stopped,
    kill,
    run,
    start_daemon,
    stop_daemon,
    way_on,
)


async def test_run_returns_output_and_passes_input() -> None:
    assert await run("cat", stdin="hello") == "hello"


@pytest.mark.parametrize(
    ("argv", "exit_code", "stderr"),
    [
        (("sh", "-c", "echo no luck >&2; exit 3"), 3, "no luck"),
        (("stead-no-such-program",), None, "No such file"),
        (("sleep", "60"), None, "still running"),
    ],
)
async def test_run_says_what_failed_and_why(argv: tuple[str, ...], exit_code: int | None, stderr: str) -> None:
    with pytest.raises(CommandFailed) as failure:
        await run(*argv, timeout_s=0.2)
    assert failure.value.argv == argv
    assert failure.value.exit_code == exit_code
    assert stderr in failure.value.stderr


async def test_the_end_of_a_daemon_is_told_at_once(tmp_path: Path) -> None:
    pid_file, ends = tmp_path / "d.pid", Ends()
    earlier = None
    for _ in range(2):
        daemon = await start_daemon("sleep", "600", pid_file=pid_file, log_file=tmp_path / "d.log")
        ends.watch("export", daemon)
        ends.watch("export", daemon)
        async with asyncio.timeout(30):
            if earlier is not None:
                ends.watch("export", earlier)  # By somebody who looked before.
                assert await anext(ends.events()) == "export"
            os.kill(daemon.pid, signal.SIGKILL)
            assert await anext(ends.events()) == "export"
        earlier = daemon
    ends.forget("export")


async def test_processes_are_found_by_their_arguments_and_killed(tmp_path: Path) -> None:
    pid_file, mark = tmp_path / "d.pid", f"600.{os.getpid()}"
    daemon = await start_daemon("sleep", "600", mark, pid_file=pid_file, log_file=tmp_path / "d.log")
    assert find_running(b"600", mark.encode()) == [daemon]
    assert find_running(mark.encode(), b"600") == []
    kill(daemon)
    kill(daemon)
    assert not daemon.is_alive


async def test_a_daemon_is_detached_found_and_stopped(tmp_path: Path) -> None:
    pid_file = tmp_path / "d.pid"
    daemon = await start_daemon("sleep", "600", pid_file=pid_file, log_file=tmp_path / "d.log")
    try:
        assert find_daemon(pid_file) == daemon
        assert os.getsid(daemon.pid) != os.getsid(0)
        assert str(daemon.pid) not in await run("ps", "--ppid", str(os.getpid()), "-o", "pid=")
    finally:
        await stop_daemon(pid_file)
    assert not daemon.is_alive
    assert find_daemon(pid_file) is None
    assert not pid_file.exists()
    await stop_daemon(pid_file)


async def test_a_process_that_stands_still_is_told_from_one_that_runs(tmp_path: Path) -> None:
    pid_file = tmp_path / "d.pid"
    daemon = await start_daemon("sleep", "600", pid_file=pid_file, log_file=tmp_path / "d.log")
    try:
        for number, stopped in ((signal.SIGSTOP, True), (signal.SIGCONT, False)):
            os.kill(daemon.pid, number)
            async with asyncio.timeout(10):
                while is_stopped(daemon.pid) is not stopped:  # noqa: ASYNC110 - the kernel tells nobody
                    await asyncio.sleep(0)
    finally:
        await stop_daemon(pid_file, grace_s=0)
    assert not is_stopped(daemon.pid)


@pytest.mark.parametrize(("request_number", "means"), [(-1, "kill -CONT"), (0, "debugger")])  # 0: PTRACE_TRACEME.
def test_what_lets_it_go_on_is_told(request_number: int, means: str) -> None:
    stop = f"import ctypes, os; ctypes.CDLL(None).ptrace({request_number}, 0, 0, 0); os.kill(os.getpid(), 19)"
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", stop], os.environ)
    try:
        deadline = time.monotonic() + 60
        while not (told := way_on(pid)):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        os.kill(pid, signal.SIGKILL)
        while os.WIFSTOPPED(os.waitpid(pid, 0)[1]):  # As it is told to whoever traces it.
            pass
    assert means in told


async def test_a_daemon_inherits_the_named_descriptors_only(tmp_path: Path) -> None:
    passed, kept = os.pipe()
    pid_file = tmp_path / "d.pid"
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    script = f"echo >{ready}; exec sleep 600"
    daemon = await start_daemon("sh", "-c", script, pid_file=pid_file, log_file=tmp_path / "log", pass_fds=[passed])
    try:
        assert ready.read_text() == "\n"
        fds = {int(name) for name in os.listdir(f"/proc/{daemon.pid}/fd")}
        assert passed in fds
        assert kept not in fds
    finally:
        await stop_daemon(pid_file)
        os.close(passed)
        os.close(kept)


async def test_a_daemon_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    pid_file, ready = tmp_path / "d.pid", tmp_path / "ready"
    os.mkfifo(ready)
    script = f"trap '' TERM; echo >{ready}; exec sleep 600"
    daemon = await start_daemon("sh", "-c", script, pid_file=pid_file, log_file=tmp_path / "d.log")
    ready.read_text()
    await stop_daemon(pid_file, grace_s=0.1)
    assert not daemon.is_alive


async def test_another_process_with_the_same_pid_is_not_ours(tmp_path: Path) -> None:
    pid_file = tmp_path / "d.pid"
    pid_file.write_text(f"{os.getpid()} 1\n")
    assert not Daemon(os.getpid(), 1).is_alive
    assert find_daemon(pid_file) is None
    await stop_daemon(pid_file)  # Else this test would end here.
    assert not pid_file.exists()


async def test_a_daemon_that_cannot_be_recorded_is_not_started(tmp_path: Path) -> None:
    started = tmp_path / "started"
    with pytest.raises(CommandFailed):
        await start_daemon("touch", started, pid_file=tmp_path / "absent" / "d.pid", log_file=tmp_path / "d.log")
    assert not started.exists()
