"""Tracked connections of the calling thread's network namespace: forgetting them, and figures.

By address it is one request, which the kernel carries out in one walk over its table, whatever its size: it takes
filters on addresses since Linux 5.8. Blocking: for threads.
"""

import errno
import os
import socket
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pyroute2 import NetlinkError
from pyroute2.netlink.nfnetlink.nfctsocket import NFCTAttrTuple, NFCTSocket

from agent.host.rtnetlink import attribute, attributes, notifications, own_socket

_NETLINK_NETFILTER = 12
_IPCTNL_MSG_CT_GET, _IPCTNL_MSG_CT_DELETE = 1 << 8 | 1, 1 << 8 | 2  # NFNL_SUBSYS_CTNETLINK
_IPCTNL_MSG_CT_GET_STATS_CPU = 1 << 8 | 4
_CTA_STATS_INSERT_FAILED = 9
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_NLM_F_REQUEST_ACK, _NLM_F_REQUEST_DUMP = 0x5, 0x301
_NLA_F_NESTED = 0x8000
_CTA_TUPLE_ORIG, _CTA_TUPLE_REPLY, _CTA_FILTER, _CTA_TUPLE_IP = 1, 2, 25, 1  # In a filter, flags of the same numbers.
_CTA_IP_V4_SRC, _CTA_IP_V4_DST = 1, 2  # As attributes; as bits of the filter's flags, 1 << 0 and 1 << 1.


@dataclass(frozen=True, slots=True)
class Connection:
    """A tracked connection: addresses as its first packet had them, and as the answer has them (after NAT)."""

    source: str
    destination: str
    reply_source: str
    reply_destination: str


def forget(addresses: Iterable[str]) -> None:
    """Forget all connections that were opened from or to these IPv4 addresses."""
    requests = [_flush(address, end) for address in addresses for end in (_CTA_IP_V4_SRC, _CTA_IP_V4_DST)]
    if not requests:
        return
    with own_socket(_NETLINK_NETFILTER) as netlink:
        for request in requests:
            netlink.send(request)
            (error,) = struct.unpack_from("=i", netlink.recv(8192), 16)
            if error and -error != errno.ENOENT:
                raise OSError(-error, f"cannot forget connections: {os.strerror(-error)}")


def forget_if(is_stale: Callable[[Connection], bool]) -> None:
    """Look at every IPv4 connection, which takes some 70 us each, and forget those."""
    with NFCTSocket() as nfct:
        for message in list(nfct.dump()):
            if is_stale(_connection(message)):
                original = NFCTAttrTuple.from_netlink(socket.AF_INET, message.get("CTA_TUPLE_ORIG"))
                try:
                    nfct.entry("del", tuple_orig=original)
                except NetlinkError as error:
                    if error.code != errno.ENOENT:
                        raise


def count_behind(address: str) -> int:
    """How many are translated to this IPv4 address: those whose answers go to it. They are listed, some 1 us each."""
    return sum(1 for _ in _listed(_IPCTNL_MSG_CT_GET, _filter(_CTA_TUPLE_REPLY, address, _CTA_IP_V4_DST)))


def count_refused() -> int:
    """How many were dropped, since the namespace was made, for want of a translation that no other one had."""
    found = (attributes(content[4:]) for content in _listed(_IPCTNL_MSG_CT_GET_STATS_CPU, b""))
    return sum(int.from_bytes(figures.get(_CTA_STATS_INSERT_FAILED, b""), "big") for figures in found)


def _listed(kind: int, body: bytes) -> Iterator[bytes]:
    """What comes of a dump, each from its struct nfgenmsg on."""
    with own_socket(_NETLINK_NETFILTER) as netlink:
        netlink.send(_request(kind, _NLM_F_REQUEST_DUMP, body))
        while True:
            for answer in notifications(netlink.recv(1 << 16)):
                if answer.kind == _NLMSG_DONE:
                    return
                if answer.kind == _NLMSG_ERROR:
                    raise OSError(-struct.unpack_from("=i", answer.content)[0], "connections cannot be listed")
                yield answer.content


def _flush(address: str, end: int) -> bytes:
    return _request(_IPCTNL_MSG_CT_DELETE, _NLM_F_REQUEST_ACK, _filter(_CTA_TUPLE_ORIG, address, end))


def _filter(direction: int, address: str, end: int) -> bytes:
    ip = attribute(_CTA_TUPLE_IP | _NLA_F_NESTED, attribute(end, socket.inet_aton(address)))
    flags = attribute(direction, struct.pack("=I", 1 << end - 1))
    return attribute(direction | _NLA_F_NESTED, ip) + attribute(_CTA_FILTER | _NLA_F_NESTED, flags)


def _request(kind: int, flags: int, body: bytes) -> bytes:
    family = struct.pack("=BBH", socket.AF_INET, 1, 0)  # struct nfgenmsg; in version 0 a flush would ignore the family.
    return struct.pack("=IHHII", 20 + len(body), kind, flags, 1, 0) + family + body


def _connection(message: Any) -> Connection:
    original, reply = (message.get((name, "CTA_TUPLE_IP")) for name in ("CTA_TUPLE_ORIG", "CTA_TUPLE_REPLY"))
    return Connection(
        source=original.get("CTA_IP_V4_SRC"),
        destination=original.get("CTA_IP_V4_DST"),
        reply_source=reply.get("CTA_IP_V4_SRC"),
        reply_destination=reply.get("CTA_IP_V4_DST"),
    )
