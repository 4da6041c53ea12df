"""Whether a device is blank, before a filesystem is made on it. Blocks.

What blkid(8) does not know may still be data: a guest's disk, an encrypted one, a pool whose first sectors are damaged.
So beginning, end and many places between are read. A disk that does not answer is not blank.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from agent.drivers.base import Permanent

EDGE_BYTES = 16 << 20  # Read at either end.
SPOT_BYTES = 64 << 10  # Read at each of so many places between.
SPOTS = 1024


def check(device: Path) -> None:
    """Raises Permanent unless it is; OSError when it can't be read, or is in use."""
    fd = os.open(device, os.O_RDONLY | os.O_EXCL)  # Fails on a device that is mounted or part of another: open(2).
    try:
        size_bytes = os.lseek(fd, 0, os.SEEK_END)
        for offset, length in _places(size_bytes):
            if any(os.pread(fd, length, offset)):
                raise Permanent(
                    f"{device} is not blank: there is data at byte {offset} or a little behind it. If nobody needs it, "
                    f"wipe the device with `blkdiscard --zeroout {device}`"
                )
    finally:
        os.close(fd)


def _places(size_bytes: int) -> Iterator[tuple[int, int]]:
    yield 0, min(EDGE_BYTES, size_bytes)
    yield max(0, size_bytes - EDGE_BYTES), min(EDGE_BYTES, size_bytes)
    for number in range(1, SPOTS):
        yield size_bytes * number // SPOTS, SPOT_BYTES
