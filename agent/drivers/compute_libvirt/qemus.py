"""The processes behind domains, where libvirt's word is not enough: one may stand still, or be unknown to it."""

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

from agent.host import process

PROGRAM = "qemu-system-x86_64"


class Qemus:
    """Remembers which process is which guest's; that it still is, is seen each time."""

    def __init__(self) -> None:
        self._pids: dict[str, int] = {}

    def stopped(self, uuids: Collection[str]) -> frozenset[str]:
        """Those whose QEMU stands still by a signal or a debugger: libvirt takes them to be running."""
        if not all(map(self._is_known, uuids)):
            found = process.find_processes(PROGRAM)
            self._pids = {uuid: qemu.pid for qemu, argv in found for uuid in _uuids(argv)}
        return frozenset(uuid for uuid in uuids if uuid in self._pids and process.is_stopped(self._pids[uuid]))

    def _is_known(self, uuid: str) -> bool:
        return uuid in self._pids and process.has_arguments(self._pids[uuid], b"-uuid", uuid.encode())


def _uuids(argv: Sequence[str]) -> Iterator[str]:
    return (value for option, value in pairwise(argv) if option == "-uuid")
