"""TCP ports for the exports of a storage host."""

from collections.abc import Iterator

from controlplane.errors import Conflict
from controlplane.model.instance import Attachment
from controlplane.model.state import State

FIRST_PORT, LAST_PORT = 20000, 29999  # Below Linux's ephemeral ports (32768).
COUNT = LAST_PORT - FIRST_PORT + 1


class Ports:
    """Free ports for what one change opens, each given once.

    Behind the newest of its host and wrapping round, so that a port is reused late; where none is left, one of those
    that the same change closes. Whoever still calls there finds no export of its name.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._free: dict[str, Iterator[int]] = {}
        self._closed: dict[str, list[int]] = {}

    def close(self, attachment: Attachment) -> None:
        """This change deletes it."""
        self._closed.setdefault(attachment.storage_host_id, []).append(attachment.port)

    def take(self, host_id: str) -> int:
        """Raises `AttachmentLimitExceeded`."""
        if host_id not in self._free:
            self._free[host_id] = _free_ports(self._state, host_id)
        if (port := next(self._free[host_id], None)) is not None:
            return port
        if closed := self._closed.get(host_id):
            return closed.pop(0)
        raise Conflict("AttachmentLimitExceeded", f"Its storage host has {COUNT} volumes open, the most it can have")


def _free_ports(state: State, host_id: str) -> Iterator[int]:
    latest = state.attachments.storage_host.latest(host_id)
    start = latest.port + 1 - FIRST_PORT if latest else 0
    ports = (FIRST_PORT + (start + step) % COUNT for step in range(COUNT))
    return (port for port in ports if (host_id, port) not in state.attachments.port)
