"""Links, routes and neighbours of the calling thread's network namespace, as messages to and from the kernel.

Read at every pass and written by the thousand, so it must cost little: a hundred links take 1 ms here and 54 ms by way
of pyroute2, which decodes all that a message has; and a route 4 us instead of 600. Drivers use `agent.host.netlink`.
"""

import errno
import os
import socket
import struct
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19
RTM_GETADDR = 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH = 28, 29, 30
RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE = 32, 33, 34
NUD_PERMANENT = 0x80
AF_BRIDGE = 7  # Under this family, RTM_GETNEIGH lists forwarding entries.
_NLM_F_REQUEST, _NLM_F_ACK, _NLM_F_DUMP, _NLM_F_PUT = 0x001, 0x004, 0x300, 0x500  # The last: create, or replace.
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_IFLA_IFNAME, _IFLA_EXT_MASK, _RTEXT_FILTER_SKIP_STATS = 3, 29, 8
_BUFFER_BYTES = 1 << 18  # The kernel fills at most 32 KiB of it at once.

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
LINK = struct.Struct("=BBHiII")  # struct ifinfomsg
_ADDRESS = struct.Struct("=BBBBI")  # struct ifaddrmsg
ROUTE = struct.Struct("=BBBBBBBBI")  # struct rtmsg
NEIGHBOUR = struct.Struct("=BBHiHBB")  # struct ndmsg

# Requests in one call of the kernel. Fewer are more calls; more keep others who change routes waiting.
_TOGETHER = 128

_PROCESS_BITS = 22
_PORTS = range((1 << 32 - _PROCESS_BITS) - 1, 0, -1)  # Of a process, beside its id itself.

Attributes = dict[int, bytes]


@dataclass(frozen=True, slots=True)
class Message:
    """The fixed fields of a message, as its struct has them, and its attributes by number."""

    fields: tuple[int, ...]
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Notification:
    """Of a change; `port` is of the socket that asked for it, 0 of none."""

    kind: int
    port: int
    content: bytes

    def message(self) -> Message:
        """Of one about a link or a neighbour."""
        return _message(self.content, LINK if self.kind in (RTM_NEWLINK, RTM_DELLINK) else NEIGHBOUR)


def notifications(data: bytes) -> Iterator[Notification]:
    """Those in a row in what a socket received, also from nftables."""
    return (Notification(kind, port, content) for kind, port, content in _messages(data))


@dataclass(frozen=True, slots=True)
class Request:
    """To put or to delete something; `body` is as in `Message`, packed."""

    kind: int
    body: bytes


def carry_out(requests: Iterable[Request], ignoring: Collection[int] = ()) -> None:
    """All of them, though some fail. Raises OSError of the first that does with another error than these."""
    waiting = iter(requests)
    with own_socket(socket.NETLINK_ROUTE) as netlink:
        errors: list[int] = []
        while batch := list(islice(waiting, _TOGETHER)):
            netlink.send(b"".join(_packed(batch)))
            errors += _answers(netlink, len(batch))
    if serious := [error for error in errors if error not in ignoring]:
        raise OSError(serious[0], f"rtnetlink: {os.strerror(serious[0])}")


def own_socket(protocol: int, flags: int = 0) -> socket.socket:
    """One by whose port `is_own` knows what it asked for.

    The process's id itself is left to libraries, which are given it by the kernel where nobody has it yet.
    """
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | flags, protocol)
    for port in _PORTS:
        with suppress(OSError):
            made.bind((port << _PROCESS_BITS | os.getpid(), 0))
            return made
    made.close()
    raise OSError(errno.EADDRINUSE, "no port is left for a netlink socket of this process")


def is_own(port: int) -> bool:
    return port % (1 << _PROCESS_BITS) == os.getpid()


def links() -> Iterator[Message]:
    """Fields: family, padding, type, index, flags, changes."""
    return _dump(RTM_GETLINK, _links_body(), LINK)


def link(name: str) -> Message | None:
    """Fields as in `links`."""
    body = _links_body() + attribute(_IFLA_IFNAME, name.encode() + b"\0")
    with _asked(RTM_GETLINK, _NLM_F_REQUEST, body) as netlink:
        kind, _, content = next(_messages(netlink.recv(_BUFFER_BYTES)))
    if kind != _NLMSG_ERROR:
        return _message(content, LINK)
    if (error := _errno(content)) == errno.ENODEV:
        return None
    raise OSError(error, f"rtnetlink refused to tell of {name}")


def addresses() -> Iterator[Message]:
    """IPv4. Fields: family, prefix length, flags, scope, index of the device."""
    return _dump(RTM_GETADDR, _ADDRESS.pack(socket.AF_INET, 0, 0, 0, 0), _ADDRESS)


def routes() -> Iterator[Message]:
    """IPv4, all tables. Fields: family, lengths of destination and source, TOS, table, protocol, scope, type, flags."""
    return _dump(RTM_GETROUTE, ROUTE.pack(socket.AF_INET, *[0] * 8), ROUTE)


def rules() -> Iterator[Message]:
    """IPv4. Fields: family, lengths of destination and source, TOS, table, nothing twice, action, flags."""
    return _dump(RTM_GETRULE, ROUTE.pack(socket.AF_INET, *[0] * 8), ROUTE)


def neighbours(family: int = socket.AF_INET, flags: int = 0) -> Iterator[Message]:
    """Fields: family, padding twice, index, state, flags, type. With NTF_PROXY among `flags`, only such entries."""
    return _dump(RTM_GETNEIGH, NEIGHBOUR.pack(family, 0, 0, 0, 0, flags, 0), NEIGHBOUR)


def attributes(data: bytes) -> Attributes:
    """Those in a row in `data`, by number, without the bits that mark nesting and byte order."""
    found, offset = {}, 0
    while offset + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        found[kind & 0x3FFF] = data[offset + 4 : offset + length]
        offset += _aligned(max(length, 4))
    return found


def attribute(kind: int, value: bytes) -> bytes:
    return (_ATTRIBUTE.pack(4 + len(value), kind) + value).ljust(_aligned(4 + len(value)), b"\0")


def text(value: bytes | None) -> str:
    return value.rstrip(b"\0").decode() if value else ""


def number(value: bytes | None) -> int:
    return int.from_bytes(value, "little" if struct.pack("=H", 1)[0] else "big") if value else 0


def ipv4(value: bytes | None) -> str:
    return socket.inet_ntoa(value) if value else ""


def mac(value: bytes | None) -> str:
    return value.hex(":") if value else ""


def _links_body() -> bytes:
    return LINK.pack(0, 0, 0, 0, 0, 0) + attribute(_IFLA_EXT_MASK, struct.pack("=I", _RTEXT_FILTER_SKIP_STATS))


def _dump(kind: int, body: bytes, fixed: struct.Struct) -> Iterator[Message]:
    with _asked(kind, _NLM_F_REQUEST | _NLM_F_DUMP, body) as netlink:
        while True:
            for answer, _, content in _messages(netlink.recv(_BUFFER_BYTES)):
                if answer == _NLMSG_DONE:
                    return
                if answer == _NLMSG_ERROR:
                    raise OSError(_errno(content), f"rtnetlink refused to list ({kind})")
                yield _message(content, fixed)


def _packed(batch: Sequence[Request]) -> Iterator[bytes]:
    """Numbered. Of the last alone an answer is asked for; what fails is told in any case."""
    for number, request in enumerate(batch, start=1):
        flags = _NLM_F_REQUEST | (_NLM_F_ACK if number == len(batch) else 0)
        flags |= _NLM_F_PUT if request.kind in (RTM_NEWROUTE, RTM_NEWNEIGH) else 0
        length = _HEADER.size + len(request.body)
        yield (_HEADER.pack(length, request.kind, flags, number, 0) + request.body).ljust(_aligned(length), b"\0")


def _answers(netlink: socket.socket, last: int) -> Iterator[int]:
    """Errors of a batch whose last request has this number."""
    number = 0
    while number != last:
        answer = netlink.recv(_BUFFER_BYTES)
        (number,) = struct.unpack_from("=I", answer, 8)
        if error := _errno(answer[_HEADER.size :]):
            yield error


@contextmanager
def _asked(kind: int, flags: int, body: bytes) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.send(_HEADER.pack(_HEADER.size + len(body), kind, flags, 1, 0) + body)
        yield netlink


def _message(content: bytes, fixed: struct.Struct) -> Message:
    return Message(fixed.unpack_from(content), attributes(content[fixed.size :]))


def _errno(content: bytes) -> int:
    return -int(struct.unpack_from("=i", content)[0])


def _messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    offset = 0
    while offset < len(data):
        length, kind, _, _, port = _HEADER.unpack_from(data, offset)
        yield kind, port, data[offset + _HEADER.size : offset + length]
        offset += _aligned(length)


def _aligned(length: int) -> int:
    return length + 3 & ~3
