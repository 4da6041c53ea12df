"""Packets that rules log with `log group`, out of the calling thread's network namespace.

Of a group there is one listener in a namespace. What is logged while there is none goes nowhere.
See linux/netfilter/nfnetlink_log.h.
"""

import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from agent.host.rtnetlink import attribute, attributes, own_socket

_NETLINK_NETFILTER = 12
_NFULNL_MSG_PACKET, _NFULNL_MSG_CONFIG = 4 << 8 | 0, 4 << 8 | 1  # NFNL_SUBSYS_ULOG
_NFULA_CFG_CMD, _NFULA_CFG_MODE, _NFULA_CFG_TIMEOUT = 1, 2, 4
_NFULNL_CFG_CMD_BIND, _NFULNL_COPY_PACKET = 1, 2
_NFULA_IFINDEX_INDEV, _NFULA_IFINDEX_OUTDEV, _NFULA_PAYLOAD, _NFULA_PREFIX = 4, 5, 9, 10
_NLM_F_REQUEST_ACK = 0x5
# Of a packet: what IPv4's header with options and TCP's have. More: bytes that nobody reads.
_COPIED_BYTES = 80
# Until the kernel sends on what it has gathered, in hundredths of a second. More: news come late.
_GATHERED = 10


@dataclass(frozen=True, slots=True)
class Logged:
    """A packet from its IP header on, cut off; devices by index, 0 for none."""

    prefix: str
    payload: bytes
    in_device: int
    out_device: int


def opened(group: int) -> socket.socket:
    """A socket on which packets of the group arrive, which does not block. Raises OSError, also where there is one."""
    netlink = own_socket(_NETLINK_NETFILTER)
    try:
        bind = attribute(_NFULA_CFG_CMD, bytes([_NFULNL_CFG_CMD_BIND]))
        mode = attribute(_NFULA_CFG_MODE, struct.pack("!IBx", _COPIED_BYTES, _NFULNL_COPY_PACKET))
        for body in (bind, mode + attribute(_NFULA_CFG_TIMEOUT, struct.pack("!I", _GATHERED))):
            _ask(netlink, group, body)
    except BaseException:
        netlink.close()
        raise
    netlink.setblocking(False)
    return netlink


def _ask(netlink: socket.socket, group: int, body: bytes) -> None:
    size_bytes = 20 + len(body)
    header = struct.pack("=IHHII", size_bytes, _NFULNL_MSG_CONFIG, _NLM_F_REQUEST_ACK, 1, 0)
    netlink.send(header + struct.pack("!BBH", socket.AF_UNSPEC, 0, group) + body)
    (error,) = struct.unpack_from("=i", netlink.recv(8192), 16)
    if error:
        raise OSError(-error, f"cannot listen to what rules log: {os.strerror(-error)}")


def packets(data: bytes) -> Iterator[Logged]:
    """Those of what the socket received. Pure."""
    offset = 0
    while offset + 20 <= len(data):
        length, kind = struct.unpack_from("=IH", data, offset)
        if kind == _NFULNL_MSG_PACKET:
            found = attributes(data[offset + 20 : offset + length])
            yield Logged(
                prefix=found.get(_NFULA_PREFIX, b"").rstrip(b"\0").decode("ascii", "replace"),
                payload=found.get(_NFULA_PAYLOAD, b""),
                in_device=int.from_bytes(found.get(_NFULA_IFINDEX_INDEV, b""), "big"),
                out_device=int.from_bytes(found.get(_NFULA_IFINDEX_OUTDEV, b""), "big"),
            )
        offset += max(20, length + 3 & ~3)
