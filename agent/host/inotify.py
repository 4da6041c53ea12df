"""Names that come to directories, or go: inotify(7), through the C library, since Python has no call for it."""

import ctypes
import os
import struct
from collections.abc import Iterator
from pathlib import Path

_CLOSE_ON_EXEC, _NON_BLOCKING = 0o2000000, 0o4000
_MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x40, 0x80, 0x100, 0x200
_UNMOUNT, _OVERFLOW, _IGNORED = 0x2000, 0x4000, 0x8000
_EVENT = struct.Struct("iIII")  # Watch, mask, cookie, length of the name that follows.
_AT_ONCE_BYTES = 1 << 16  # Some thousand events.

_libc = ctypes.CDLL(None, use_errno=True)


class Lost(Exception):
    """Something may have happened that is not told: a directory went, or too much happened at once."""


class Inotify:
    """Watches directories from its making on."""

    def __init__(self, *directories: Path) -> None:
        """Raises OSError where one is not there. Blocks."""
        self.descriptor = _checked(_libc.inotify_init1(_CLOSE_ON_EXEC | _NON_BLOCKING), "inotify")
        try:
            for path in directories:
                mask = _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE
                _checked(_libc.inotify_add_watch(self.descriptor, os.fsencode(path), mask), str(path))
        except OSError:
            self.close()
            raise

    def read(self) -> Iterator[str]:
        """Names to which it happened since the last time; does not wait. Raises Lost."""
        try:
            events = os.read(self.descriptor, _AT_ONCE_BYTES)
        except BlockingIOError:
            return
        position = 0
        while position < len(events):
            _, mask, _, length = _EVENT.unpack_from(events, position)
            position += _EVENT.size + length
            if mask & (_UNMOUNT | _OVERFLOW | _IGNORED):
                raise Lost
            yield os.fsdecode(events[position - length : position].rstrip(b"\0"))

    def close(self) -> None:
        os.close(self.descriptor)


def _checked(result: int, what: str) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), what)
    return result
