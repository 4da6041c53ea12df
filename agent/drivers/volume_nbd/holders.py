"""Who has volumes of a pool open, as the kernel knows it: by the open files of all storage daemons. Blocks.

A daemon's record may be lost: /run is cleaned, or an agent died between two writes. The daemon serves on, and the lock
on its volume stays. So it is looked for among the processes; its command line says what it exports.
"""

import os
from collections.abc import Container, Iterator
from pathlib import Path

from agent.drivers.volume_nbd.files import PoolFiles
from agent.drivers.volume_nbd.records import Record
from agent.drivers.volume_nbd.storage_daemon import CREDENTIALS, PROGRAM, has_monitor, options, read_back
from agent.host.process import Daemon, find_processes


def select(pool: PoolFiles, known: Container[int] = ()) -> list[tuple[Daemon, Record]]:
    """The storage daemons that have a volume of this pool open, and as what they were started. Those with a `known`
    process id are left out.
    """
    return list(_select(pool, known))


def is_local(daemon: Daemon) -> bool:
    """Whether it serves at a UNIX socket, which takes no certificate; what is none of ours does not."""
    return any(CREDENTIALS not in options(argv) for found, argv in find_processes(PROGRAM) if found == daemon)


def _select(pool: PoolFiles, known: Container[int]) -> Iterator[tuple[Daemon, Record]]:
    for daemon, argv in find_processes(PROGRAM, known):
        found = read_back(argv)
        # Hosts of a lab have their pools under one path, each in a mount namespace of its own: the file itself tells.
        if found and found[1] == pool.volume_path(found[0].volume_id) and _has_open(daemon.pid, found[1]):
            yield daemon, Record(found[0], 0 if has_monitor(argv) else None)


def _has_open(pid: int, path: Path) -> bool:
    try:
        file = path.stat()
        return any(_is_same(descriptor, file) for descriptor in Path(f"/proc/{pid}/fd").iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return False


def _is_same(descriptor: Path, file: os.stat_result) -> bool:
    try:
        return os.path.samestat(descriptor.stat(), file)
    except OSError:  # Closed meanwhile.
        return False
