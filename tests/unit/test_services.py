"""Guests' services as processes: their ends, and those that stand still."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.host import namespaces, pulse, services
from agent.host.process import Daemon, has_arguments, start_daemon, stop_daemon
from agent.host.services import Service, Services


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service("dnsmasq", "vpc-1", tmp_path, ("sleep", "600"))


@pytest.fixture
async def daemon(service: Service) -> AsyncIterator[Daemon]:
    yield await start_daemon(*service.mark, pid_file=service.pid_file, log_file=service.log_file)
    await stop_daemon(service.pid_file, grace_s=0)


@pytest.mark.parametrize("differs", ["version", "user"])
async def test_a_program_of_another_version_or_user_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, differs: str
) -> None:
    program, here = tmp_path / "program.py", Path("/proc/self/ns/net")
    program.write_text("import time; time.sleep(600)")
    monkeypatch.setattr(namespaces, "path", lambda name: here)
    service = Service("the forwarder of DNS", "vpc-1", tmp_path, (str(program), str(tmp_path)), user="nobody")
    argv = (sys.executable, *service.mark, service._birthmark(), service.user)
    daemon = await start_daemon(*argv, pid_file=service.pid_file, log_file=service.log_file)
    async with asyncio.timeout(30):
        while not has_arguments(daemon.pid, *map(str.encode, argv[1:])):  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(0)
    assert await service.adopt() == daemon
    if differs == "version":
        (tmp_path / "next").write_text("import time; time.sleep(601)")
        (tmp_path / "next").rename(program)  # Whole, as an installer does: Python may be about to read it.
        assert await service.adopt() == daemon, "it is the agent's own version still"
        services._version.cache_clear()
    else:
        service = replace(service, user="games")
    assert await service.adopt() is None
    assert not daemon.is_alive


@pytest.mark.parametrize(("young_s", "told"), [(0.0, ["vpc-1"]), (3600.0, [])])
async def test_the_end_of_one_is_told_unless_it_had_only_just_begun(
    service: Service, daemon: Daemon, monkeypatch: pytest.MonkeyPatch, young_s: float, told: list[str]
) -> None:
    monkeypatch.setattr(services, "YOUNG_S", young_s)
    watched, ended = Services(), asyncio.Event()
    heard: list[str] = []
    watched.tell = heard.append
    watched.watch(service, daemon)
    asyncio.get_running_loop().add_reader(pidfd := os.pidfd_open(daemon.pid), ended.set)
    os.kill(daemon.pid, signal.SIGKILL)
    async with asyncio.timeout(30):
        await ended.wait()
        await asyncio.sleep(0)
    asyncio.get_running_loop().remove_reader(pidfd)
    os.close(pidfd)
    assert heard == told


async def test_one_that_is_ended_on_purpose_is_not_told_of(service: Service, daemon: Daemon) -> None:
    watched = Services()
    heard: list[str] = []
    watched.tell = heard.append
    watched.watch(service, daemon)
    watched.forget(service)
    await service.stop()
    assert (heard, watched.problems()) == ([], ())


async def test_one_that_stands_still_is_a_problem_until_it_goes_on(service: Service, daemon: Daemon) -> None:
    watched = Services()
    watched.watch(service, daemon)
    for number, problems in (
        (
            signal.SIGSTOP,
            (f"dnsmasq of vpc-1 is stopped and serves no guest: `kill -CONT {daemon.pid}` lets it go on",),
        ),
        (signal.SIGCONT, ()),
    ):
        os.kill(daemon.pid, number)
        async with asyncio.timeout(30):
            while watched.problems() != problems:  # noqa: ASYNC110 - the kernel tells nobody
                await asyncio.sleep(0)
    watched.forget(service)


async def test_one_that_ends_before_it_is_ready_says_so(service: Service, daemon: Daemon) -> None:
    service.log_file.write_text("no such user\n")
    os.kill(daemon.pid, signal.SIGKILL)
    with pytest.raises(OSError, match="dnsmasq of vpc-1 ended at once: no such user"):
        await service.see_ready(daemon, lambda: False)


async def test_one_that_hangs_is_a_problem_and_costs_no_namespace(
    service: Service, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched, told = Services(), f"dnsmasq of vpc-1 does not answer: `kill -KILL {daemon.pid}` has it started anew"
    monkeypatch.setattr(namespaces, "call", lambda name, function, *args: function(*args))
    monkeypatch.setattr(pulse, "SILENT_S", 0.0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        watched.watch(service, daemon)
        for _ in range(2):
            await watched.ask(service, listening.getsockname()[1], b"?")
        assert watched.problems() == (told,)
        asked, client = listening.recvfrom(10)
        monkeypatch.setattr(pulse, "SILENT_S", 3600.0)
        listening.sendto(asked, client)
        assert watched.problems() == ()
        watched.forget(service)
        assert not watched._pulses
