"""Whether a service answers, by a question at each look."""

import socket
from collections.abc import Iterator

import pytest

from agent.host.pulse import SILENT_S, Pulse


class Asked:
    """A service at one end of a line, and a clock."""

    def __init__(self) -> None:
        ours, self.line = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.now = 0.0
        self.pulse = Pulse(ours, b"?", lambda: self.now)

    def look(self, after_s: float = 10.0) -> bool:
        self.now += after_s
        return self.pulse.is_silent()


@pytest.fixture
def service() -> Iterator[Asked]:
    asked = Asked()
    with asked.line:
        yield asked
    asked.pulse.close()


def test_one_that_answers_is_not_told_of(service: Asked) -> None:
    for _ in range(20):
        assert not service.look()
        service.line.send(service.line.recv(10))


def test_one_that_answers_late_is_not_told_of(service: Asked) -> None:
    for _ in range(20):
        assert not service.look()
        assert not service.look(after_s=SILENT_S - 11)
        service.line.send(service.line.recv(10))


def test_one_that_is_silent_is_told_of_until_it_answers(service: Asked) -> None:
    looks = [service.look() for _ in range(100)]
    assert looks == [False] * 6 + [True] * 94, "from a minute after the first question on"
    service.line.send(b"at last")
    assert not service.look()


def test_a_time_in_which_nobody_asked_is_no_silence(service: Asked) -> None:
    assert not service.look()
    service.line.send(service.line.recv(10))
    assert not service.look(after_s=3600)


def test_where_nobody_listens_is_silence(service: Asked) -> None:
    service.line.close()
    assert [service.look() for _ in range(8)][-1]
