"""Tracked connections of the calling thread's network namespace: forgetting them, by address or one by one.

By address is one request, which the kernel carries out in one walk over its table, whatever its size: it takes filters
on addresses since Linux 5.8. Blocking: for threads.
"""

import errno
import os
import socket
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pyroute2 import NetlinkError
from pyroute2.netlink.nfnetlink.nfctsocket import NFCTAttrTuple, NFCTSocket

from agent.host.rtnetlink import attribute, own_socket

_NETLINK_NETFILTER = 12
_IPCTNL_MSG_CT_DELETE = 1 << 8 | 2  # NFNL_SUBSYS_CTNETLINK
_NLM_F_REQUEST_ACK = 0x5
_NLA_F_NESTED = 0x8000
_CTA_TUPLE_ORIG, _CTA_FILTER, _CTA_TUPLE_IP, _CTA_FILTER_ORIG_FLAGS = 1, 25, 1, 1
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


def _flush(address: str, end: int) -> bytes:
    ip = attribute(_CTA_TUPLE_IP | _NLA_F_NESTED, attribute(end, socket.inet_aton(address)))
    flags = attribute(_CTA_FILTER_ORIG_FLAGS, struct.pack("=I", 1 << end - 1))
    body = attribute(_CTA_TUPLE_ORIG | _NLA_F_NESTED, ip) + attribute(_CTA_FILTER | _NLA_F_NESTED, flags)
    family = struct.pack("=BBH", socket.AF_INET, 1, 0)  # struct nfgenmsg; in version 0 a flush would ignore the family.
    return struct.pack("=IHHII", 20 + len(body), _IPCTNL_MSG_CT_DELETE, _NLM_F_REQUEST_ACK, 1, 0) + family + body


def _connection(message: Any) -> Connection:
    original, reply = (message.get((name, "CTA_TUPLE_IP")) for name in ("CTA_TUPLE_ORIG", "CTA_TUPLE_REPLY"))
    return Connection(
        source=original.get("CTA_IP_V4_SRC"),
        destination=original.get("CTA_IP_V4_DST"),
        reply_source=reply.get("CTA_IP_V4_SRC"),
        reply_destination=reply.get("CTA_IP_V4_DST"),
    )
