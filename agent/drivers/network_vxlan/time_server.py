"""Tells a VPC's guests the host's time, by NTP (RFC 5905): a program of its own, one for each VPC.

    guest -> socket made in the VPC's namespace -> this process in the host's -> the kernel's clock

Whatever keeps the host's clock (chrony, ntpd, timesyncd, PTP) tells the kernel whether it does, and how far off it may
be (adjtimex(2)): that is told on, so that no guest sets its clock by one that nobody keeps. It outlives the agent, as
dnsmasq does.

Run by its path, see `agent.host.services`, with a socket and a user to become; the standard library is all it needs.
"""

import ctypes
import os
import pwd
import socket
import struct
import sys
import time
from contextlib import suppress
from typing import NamedTuple

ADDRESS, PORT = "169.254.169.123", 123  # In the VPC's namespace; EC2's address.

# The kernel does not know how far the host is from a reference clock. Public servers are 1 to 3, so that a host is 4 at
# most. Lower: guests with other servers prefer this one to them. Higher: they prefer others, by which it goes itself.
STRATUM = 4
PRECISION = -20  # 2^-20 s: what it takes to read the clock (RFC 5905, 7.3), one byte with a sign.
MAX_MESSAGE_BYTES = 1024

_HEADER = struct.Struct("!BBbbII4sQQQQ")  # RFC 5905, figure 8.
_CLIENT, _SERVER = 3, 4  # Modes. Nothing else is answered, so that no two servers answer one another.
_VERSIONS = range(1, 5)
_ALARM = 3  # The leap indicator of a clock that nobody keeps.
_UNIX_EPOCH = 2_208_988_800  # In NTP's seconds.

_TIMEX = struct.Struct("@Illlli")  # Up to `status`: include/uapi/linux/timex.h.
_TIMEX_BYTES = 512  # More than any kernel fills in.
_INSERT, _DELETE, _UNSYNCHRONISED = 0x0010, 0x0020, 0x0040


class Clock(NamedTuple):
    """What the kernel knows of its clock; `error_us`: how far off it may be, in microseconds."""

    status: int
    error_us: int

    @property
    def leap(self) -> int:
        """NTP's leap indicator."""
        if self.status & _UNSYNCHRONISED:
            return _ALARM
        return 1 if self.status & _INSERT else 2 if self.status & _DELETE else 0


NOT_KEPT = Clock(_UNSYNCHRONISED, 0)


def listen() -> tuple[socket.socket]:
    """For UDP; to be called inside the namespace, which must have ADDRESS."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((ADDRESS, PORT))
    return (udp,)


def read_clock() -> Clock:
    """As adjtimex(2) says without changing anything; one that can't be asked about is kept by nobody."""
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)
    if ctypes.CDLL(None, use_errno=True).adjtimex(timex) < 0:
        return NOT_KEPT
    _, _, _, error_us, _, status = _TIMEX.unpack_from(timex)
    return Clock(status, error_us)


def answer(query: bytes, clock: Clock, received_ns: int, sent_ns: int) -> bytes:
    """Empty where it is no client's. Times are since the UNIX epoch.

    What is too short for a query is the agent's, which asks whether anybody is here, and gets it back.
    """
    if len(query) < _HEADER.size:
        return query
    first, _, poll, *_, transmitted = _HEADER.unpack_from(query)
    version, mode = first >> 3 & 7, first & 7
    if mode != _CLIENT or version not in _VERSIONS:
        return b""
    is_kept = clock.leap != _ALARM
    return _HEADER.pack(
        clock.leap << 6 | version << 3 | _SERVER,
        STRATUM if is_kept else 0,
        poll,
        PRECISION,
        0,
        min(clock.error_us * (1 << 16) // 1_000_000, 0xFFFFFFFF),
        b"HOST" if is_kept else b"INIT",
        timestamp(received_ns) if is_kept else 0,
        transmitted,
        timestamp(received_ns),
        timestamp(sent_ns),
    )


def timestamp(unix_ns: int) -> int:
    """NTP's, of 64 bits: seconds since 1900, which begin anew in 2036, and 2^-32 of them."""
    seconds, ns = divmod(unix_ns, 1_000_000_000)
    return ((seconds + _UNIX_EPOCH) & 0xFFFFFFFF) << 32 | (ns << 32) // 1_000_000_000


def _serve(listening: socket.socket) -> None:
    while True:
        query, client = listening.recvfrom(MAX_MESSAGE_BYTES)
        received_ns = time.time_ns()
        if reply := answer(query, read_clock(), received_ns, time.time_ns()):
            with suppress(OSError):
                listening.sendto(reply, client)


def _become(user: str) -> None:
    """Nothing that comes from a guest is read by root."""
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def main(_directory: str, _namespace: str, user: str, fd: str) -> None:
    """What is not used tells, in the command line, whose time server this is."""
    udp = socket.socket(fileno=int(fd))
    _become(user)
    _serve(udp)


if __name__ == "__main__":
    main(*sys.argv[1:])
