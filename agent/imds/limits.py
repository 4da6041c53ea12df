"""What one guest may take of the metadata service, so that it is there for all others, and for the agent."""

import logging
from collections import Counter
from collections.abc import Callable

# Per guest; far above what an SDK opens. Without it one guest could use up the agent's file descriptors.
CONNECTIONS_PER_GUEST = 16
# Per guest and second. A boot with cloud-init takes some 60 requests in all; SDKs ask every few minutes.
REQUESTS_PER_GUEST = 100
# Of all guests, per minute: broken requests are logged with a traceback each.
LOG_RECORDS_PER_MINUTE = 10

Guest = tuple[str, str]  # A VPC and a source address in it.


class Limits:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._connections: Counter[Guest] = Counter()
        self._requests: Counter[Guest] = Counter()
        self._second = 0

    def connect(self, guest: Guest) -> bool:
        """Count a connection, until `disconnect`. Returns whether it is within the limit."""
        self._connections[guest] += 1
        return self._connections[guest] <= CONNECTIONS_PER_GUEST

    def disconnect(self, guest: Guest) -> None:
        self._connections[guest] -= 1
        if not self._connections[guest]:
            del self._connections[guest]

    def request(self, guest: Guest) -> bool:
        """Count a request. Returns whether it is within the limit."""
        if int(self._clock()) != self._second:
            self._second = int(self._clock())
            self._requests.clear()
        self._requests[guest] += 1
        return self._requests[guest] <= REQUESTS_PER_GUEST


class Seldom(logging.Filter):
    """Lets the first few records of each minute pass."""

    def __init__(self) -> None:
        super().__init__()
        self._minute = 0
        self._records = 0

    def filter(self, record: logging.LogRecord) -> bool:
        if int(record.created / 60) != self._minute:
            self._minute, self._records = int(record.created / 60), 0
        self._records += 1
        return self._records <= LOG_RECORDS_PER_MINUTE
