"""Storage daemons' monitors: one that is played here, and does not answer as it should."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.drivers.base import Transient
from agent.drivers.volume_nbd import qmp
from agent.drivers.volume_nbd.pulses import QUESTION, Pulses
from agent.host.process import Daemon
from agent.model import ExportSpec

SPEC = ExportSpec("vol-1-e7", "vol-1", 7, 20913, ("host-a",))
DAEMON = Daemon(pid=7, start_ticks=1)
GREETING = b'{"QMP": {"version": {}, "capabilities": []}}\r\n'


@pytest.fixture
def monitor(tmp_path: Path) -> Path:
    return tmp_path / "vol-1-e7.qmp"


@pytest.fixture
def listener(monitor: Path) -> Iterator[socket.socket]:
    """The kernel accepts for it, and nobody answers."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(monitor))
        listener.listen()
        yield listener


async def test_a_daemon_that_does_not_answer_is_not_waited_for(
    monitor: Path, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qmp, "ANSWER_DEADLINE_S", 0.1)
    with pytest.raises(Transient, match=r"storage daemon of vol-1 can't be changed by .*vol-1-e7\.qmp: no answer"):
        await qmp.settle(monitor, SPEC, 1 << 20)


async def test_a_monitor_that_is_none_is_told(monitor: Path) -> None:
    with pytest.raises(Transient, match="No such file"):
        await qmp.settle(monitor, SPEC, 1 << 20)


async def test_a_daemon_that_ends_before_it_answers_is_told(monitor: Path) -> None:
    async def greet_and_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GREETING)
        await reader.readuntil(b"qmp_capabilities")
        writer.write(b'{"return": {}}\r\n')
        await reader.readuntil(b"qom-get")
        writer.close()

    async with await asyncio.start_unix_server(greet_and_end, monitor):
        with pytest.raises(Transient, match="storage daemon of vol-1 can't be changed"):
            await qmp.settle(monitor, SPEC, 1 << 20)


class Looks:
    """One look at a daemon's pulse every twenty seconds."""

    def __init__(self, monitor: Path) -> None:
        self._monitor = monitor
        self._now = 0.0
        self.pulses = Pulses(lambda: self._now)

    def are_silent(self, daemon: Daemon = DAEMON, count: int = 1) -> list[bool]:
        return [self._is_silent(daemon) for _ in range(count)]

    def _is_silent(self, daemon: Daemon) -> bool:
        self._now += 20.0
        return self.pulses.is_silent("vol-1-e7", daemon, self._monitor)


@pytest.fixture
def looks(monitor: Path) -> Iterator[Looks]:
    looks = Looks(monitor)
    yield looks
    looks.pulses.forget("vol-1-e7")


def test_a_daemon_that_greets_and_then_hangs_is_told_after_a_minute(looks: Looks, listener: socket.socket) -> None:
    assert looks.are_silent() == [False]
    line, _ = listener.accept()
    line.send(GREETING)
    assert looks.are_silent(count=5) == [False, False, False, True, True]
    assert line.recv(1000) == QUESTION * 6
    line.send(b'{"return": {}}\r\n')
    assert looks.are_silent() == [False]
    line.close()


def test_the_next_daemon_of_an_export_is_asked_anew(looks: Looks, listener: socket.socket) -> None:
    assert looks.are_silent(count=4)[-1]
    assert looks.are_silent(Daemon(pid=8, start_ticks=1), count=4) == [False, False, False, True]


def test_one_that_was_forgotten_leaves_its_monitor_to_others(looks: Looks, listener: socket.socket) -> None:
    assert looks.are_silent(count=4)[-1]
    first, _ = listener.accept()
    looks.pulses.forget("vol-1-e7")
    assert first.recv(1000) == QUESTION * 4
    assert first.recv(1) == b"", "it is closed"
    assert looks.are_silent() == [False]
    first.close()


def test_a_monitor_that_was_deleted_is_silent(looks: Looks) -> None:
    assert looks.are_silent(count=4) == [False, False, False, True]


def test_one_that_ended_while_it_was_looked_at_keeps_no_connection(looks: Looks, listener: socket.socket) -> None:
    looks.are_silent()
    line, _ = listener.accept()
    looks.pulses.forget_others({"vol-1-e7"})
    assert line.recv(1000) == QUESTION
    looks.pulses.forget_others({"vol-1-e8"})
    assert line.recv(1) == b"", "it is closed"
    line.close()
