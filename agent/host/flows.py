"""Tracked IPv4 connections of the calling thread's network namespace: which there are, and dropping some of them.

With the bits of a mark as a filter of the kernel's. One takes some 10 us of CPU to read, and 20 to drop. Blocking: for
threads.
"""

import errno
import os
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agent.host.rtnetlink import Attributes, attribute, attributes, ipv4, notifications, own_socket

_NETLINK_NETFILTER = 12
_IPCTNL_MSG_CT_GET, _IPCTNL_MSG_CT_DELETE = 1 << 8 | 1, 1 << 8 | 2  # NFNL_SUBSYS_CTNETLINK
_NLM_F_REQUEST_ACK, _NLM_F_REQUEST_DUMP = 0x5, 0x301
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_NLA_F_NESTED = 0x8000
_CTA_TUPLE_ORIG, _CTA_MARK, _CTA_MARK_MASK = 1, 8, 21
_CTA_TUPLE_IP, _CTA_TUPLE_PROTO, _CTA_IP_V4_SRC, _CTA_IP_V4_DST = 1, 2, 1, 2
_CTA_PROTO_NUM, _CTA_PROTO_SRC_PORT, _CTA_PROTO_DST_PORT, _CTA_PROTO_ICMP_TYPE, _CTA_PROTO_ICMP_CODE = 1, 2, 3, 5, 6
_FAMILY = struct.pack("=BBH", socket.AF_INET, 0, 0)  # struct nfgenmsg
_BUFFER_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Flow:
    """A connection as its first packet was; -1 stands for what its protocol does not have.

    `key` is what the kernel knows it by.
    """

    protocol: int
    source: str
    destination: str
    source_port: int = -1
    port: int = -1
    icmp_type: int = -1
    icmp_code: int = -1
    mark: int = 0
    key: bytes = b""


def flows(mark: int = 0) -> Iterator[Flow]:
    """Those whose mark has all of these bits."""
    bits = struct.pack("!I", mark)
    wanted = attribute(_CTA_MARK, bits) + attribute(_CTA_MARK_MASK, bits) if mark else b""
    with own_socket(_NETLINK_NETFILTER) as netlink:
        netlink.send(_request(_IPCTNL_MSG_CT_GET, _NLM_F_REQUEST_DUMP, wanted))
        while True:
            for answer in notifications(netlink.recv(_BUFFER_BYTES)):
                if answer.kind == _NLMSG_DONE:
                    return
                if answer.kind == _NLMSG_ERROR:
                    raise _refused(answer.content, "list connections")
                yield _flow(attributes(answer.content[len(_FAMILY) :]))


def drop(stale: Iterable[Flow]) -> int:
    """Returns how many; one that ended by itself meanwhile counts, too."""
    count = 0
    with own_socket(_NETLINK_NETFILTER) as netlink:
        for flow in stale:
            body = attribute(_CTA_TUPLE_ORIG | _NLA_F_NESTED, flow.key)
            netlink.send(_request(_IPCTNL_MSG_CT_DELETE, _NLM_F_REQUEST_ACK, body))
            (answer,) = notifications(netlink.recv(_BUFFER_BYTES))
            if -struct.unpack_from("=i", answer.content)[0] not in (0, errno.ENOENT):
                raise _refused(answer.content, "drop a connection")
            count += 1
    return count


def _request(kind: int, flags: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(_FAMILY) + len(body), kind, flags, 1, 0) + _FAMILY + body


def _refused(content: bytes, what: str) -> OSError:
    number = -struct.unpack_from("=i", content)[0]
    return OSError(number, f"cannot {what}: {os.strerror(number)}")


def _flow(of: Attributes) -> Flow:
    key = of[_CTA_TUPLE_ORIG]
    parts = attributes(key)
    ends, protocol = attributes(parts[_CTA_TUPLE_IP]), attributes(parts[_CTA_TUPLE_PROTO])
    return Flow(
        protocol=_number(protocol, _CTA_PROTO_NUM),
        source=ipv4(ends.get(_CTA_IP_V4_SRC)),
        destination=ipv4(ends.get(_CTA_IP_V4_DST)),
        source_port=_number(protocol, _CTA_PROTO_SRC_PORT),
        port=_number(protocol, _CTA_PROTO_DST_PORT),
        icmp_type=_number(protocol, _CTA_PROTO_ICMP_TYPE),
        icmp_code=_number(protocol, _CTA_PROTO_ICMP_CODE),
        mark=_number(of, _CTA_MARK, 0),
        key=key,
    )


def _number(of: Attributes, name: int, otherwise: int = -1) -> int:
    value = of.get(name)
    return int.from_bytes(value, "big") if value is not None else otherwise
