"""Whether a service answers: it is asked again and again, and nobody waits for it.

Each look takes in what has come and asks once more. Any answer counts, however late: what is told is silence alone.
"""

import socket
import time
from collections.abc import Callable
from contextlib import suppress

# Less, and a slow service on a busy host is told of. More, and guests go without it for longer before anybody knows.
SILENT_S = 60.0
_MOST_BYTES = 4096
LOOPBACK = "127.0.0.1"


class Pulse:
    def __init__(self, asking: socket.socket, question: bytes, clock: Callable[[], float] = time.monotonic) -> None:
        """`asking` is connected to the service, and is closed by `close`."""
        self._asking = asking
        self._question = question
        self._clock = clock
        self._unanswered_since: float | None = None
        asking.setblocking(False)

    def is_silent(self) -> bool:
        """Whether it has answered nothing for SILENT_S, though asked. To be called every few seconds."""
        now = self._clock()
        if self._unanswered_since is None or self._has_answered():
            self._unanswered_since = now
        self._ask()
        return now - self._unanswered_since >= SILENT_S

    def close(self) -> None:
        self._asking.close()

    def _has_answered(self) -> bool:
        """All that has come is taken in. Where nobody listens is no answer."""
        has_answered = False
        with suppress(OSError):
            while self._asking.recv(_MOST_BYTES):
                has_answered = True
        return has_answered

    def _ask(self) -> None:
        with suppress(OSError):  # Nobody listens, or it has not read what it was asked before.
            self._asking.send(self._question)


def connect(address: str, port: int) -> socket.socket:
    """To a UDP port of the calling thread's own namespace."""
    asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asking.connect((address, port))
    return asking
