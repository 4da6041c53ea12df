"""Which storage daemons hang: each is asked at every look, through its monitor, and nobody waits for an answer."""

import socket
import time
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agent.host.process import Daemon
from agent.host.pulse import Pulse

# Whatever a monitor thinks of it the second time, its main loop answers.
QUESTION = b'{"execute": "qmp_capabilities"}\n'


class Pulses:
    """By export. A monitor answers one connection at a time, so that who has something else to say to it holds it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pulses: dict[str, tuple[Daemon, Pulse]] = {}
        self._held: set[str] = set()

    def is_silent(self, export_name: str, daemon: Daemon, monitor: Path) -> bool:
        """As in `Pulse`: whether this daemon has answered nothing for a minute."""
        if export_name in self._held:
            return False
        if export_name in self._pulses and self._pulses[export_name][0] != daemon:
            self.forget(export_name)
        if export_name not in self._pulses:
            self._pulses[export_name] = daemon, Pulse(_connect(monitor), QUESTION, self._clock)
        return self._pulses[export_name][1].is_silent()

    @contextmanager
    def held(self, export_name: str) -> Iterator[None]:
        """Nothing is asked in here."""
        self.forget(export_name)
        self._held.add(export_name)
        try:
            yield
        finally:
            self._held.discard(export_name)

    def forget_others(self, export_names: Container[str]) -> None:
        """All but these: one may have ended while it was looked at."""
        for gone in [name for name in self._pulses if name not in export_names]:
            self.forget(gone)

    def forget(self, export_name: str) -> None:
        if export_name in self._pulses:
            self._pulses.pop(export_name)[1].close()


def _connect(monitor: Path) -> socket.socket:
    """Where nobody listens, nobody answers either."""
    asking = socket.socket(socket.AF_UNIX)
    asking.setblocking(False)
    with suppress(OSError):
        asking.connect(str(monitor))
    return asking
