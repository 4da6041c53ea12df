"""What a VPC's rules drop here, told while somebody asks for it, and for some seconds after.

Whoever asks reads for all that do, into a list of the latest: there can be one listener in a namespace.
"""

import asyncio
import errno
import socket
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from agent.drivers.network_vxlan import ruleset
from agent.host import nflog
from agent.host.nflog import Logged
from agent.model import Dropped

# Kept for those who ask again. Fewer: of a flood, who is slow to ask misses more. More: memory, some 300 bytes each.
_KEPT = 500
# Without anybody who asks, seconds. Shorter: between two questions something is missed. Longer: work for nobody.
_LINGER_S = 15.0
_LEAVING = (ruleset.ACL_OUT, ruleset.GROUP_OUT, ruleset.SPOOFED)
_ENTERING = (ruleset.ACL_IN, ruleset.GROUP_IN)

Open = Callable[[], Awaitable[socket.socket]]
Taps = Callable[[], Awaitable[Mapping[int, str]]]


class Drops:
    """Of a VPC's namespace; `open_log` listens there, and `taps` tells whose is a device, by its index."""

    def __init__(self, open_log: Open, taps: Taps) -> None:
        self._open_log = open_log
        self._taps = taps
        self._owners: Mapping[int, str] = {}
        self._latest: deque[Dropped] = deque(maxlen=_KEPT)
        self._number = time.time_ns() // 1_000_000  # So that one of an earlier life is behind.
        self._log: socket.socket | None = None
        self._asked_at = 0.0
        self._is_read = False
        self._news = asyncio.Event()

    async def after(self, number: int, interface_ids: Collection[str], wait_s: float) -> tuple[int, list[Dropped]]:
        """What was dropped of these after that number, 0 for now: at once, or as soon as there is any, or nothing.

        With the number after which to ask again.
        """
        loop = asyncio.get_running_loop()
        until, first = loop.time() + wait_s, number or self._number
        while True:
            found = [row for row in self._latest if row.number > first and row.interface_id in interface_ids]
            self._asked_at, left_s = loop.time(), until - loop.time()
            if found or left_s <= 0:
                return (found[-1].number if found else first), found
            await self._read(left_s)

    def close(self) -> None:
        """The namespace goes."""
        if self._log is not None:
            self._log.close()
            self._log = None

    async def _read(self, wait_s: float) -> None:
        """For a while, or until somebody has read something."""
        if not self._is_read:
            await self._read_for_all(wait_s)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._news.wait()

    async def _read_for_all(self, wait_s: float) -> None:
        """What was read is noted, however long that takes: it comes but once."""
        self._is_read = True
        try:
            if self._log is None:
                self._log = await self._open_log()
                asyncio.get_running_loop().call_later(_LINGER_S, self._close_if_idle)
            await self._note(nflog.packets(await self._receive(self._log, wait_s)))
        finally:
            self._is_read = False
            self._news.set()
            self._news = asyncio.Event()

    async def _receive(self, log: socket.socket, wait_s: float) -> bytes:
        """Nothing where nothing comes, or more than the kernel keeps."""
        try:
            async with asyncio.timeout(wait_s):
                return await asyncio.get_running_loop().sock_recv(log, 1 << 16)
        except TimeoutError:
            return b""
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            return b""

    async def _note(self, logged: Iterable[Logged]) -> None:
        for packet in logged:
            seen = read(packet.payload)
            if not seen.source:  # Guests try IPv6, and ask whether their address is somebody's.
                continue
            for device, is_egress in _sides(packet):
                if device and device not in self._owners:
                    self._owners = await self._taps()
                if owner := self._owners.get(device):
                    self._keep(replace(seen, interface_id=owner, guard=packet.prefix, is_egress=is_egress))
                    break

    def _keep(self, seen: Dropped) -> None:
        self._number += 1
        self._latest.append(replace(seen, number=self._number, at_ms=time.time_ns() // 1_000_000))

    def _close_if_idle(self) -> None:
        loop = asyncio.get_running_loop()
        if self._is_read or loop.time() - self._asked_at < _LINGER_S:
            loop.call_later(_LINGER_S, self._close_if_idle)
        elif self._log is not None:
            self._log.close()
            self._log = None


def _sides(packet: Logged) -> tuple[tuple[int, bool], ...]:
    """Devices whose interface it may be, with whether it left that: its sender's first, where no direction is known."""
    sender, receiver = (packet.in_device, True), (packet.out_device, False)
    if packet.prefix in _LEAVING:
        return (sender,)
    return (receiver,) if packet.prefix in _ENTERING else (sender, receiver)


def read(payload: bytes) -> Dropped:
    """Of a packet from its IP header on: who sent it to whom. Of what is no IPv4, nothing. Pure."""
    if len(payload) < 20 or payload[0] >> 4 != 4:
        return Dropped()
    protocol, header_bytes = payload[9], (payload[0] & 0xF) * 4
    source, destination = socket.inet_ntoa(payload[12:16]), socket.inet_ntoa(payload[16:20])
    rest = payload[header_bytes:]
    is_first = not int.from_bytes(payload[6:8], "big") & 0x1FFF
    first = last = -1
    if is_first and protocol in (socket.IPPROTO_TCP, socket.IPPROTO_UDP) and len(rest) >= 4:
        first, last = int.from_bytes(rest[:2], "big"), int.from_bytes(rest[2:4], "big")
    elif is_first and protocol == socket.IPPROTO_ICMP and len(rest) >= 2:
        first, last = rest[0], rest[1]
    return Dropped(source=source, destination=destination, protocol=protocol, source_port=first, destination_port=last)
