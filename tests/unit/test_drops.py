"""What was dropped: read from what the kernel logs, kept for who asks, and told once to each."""

import asyncio
import socket
import struct
from collections.abc import Iterator, Mapping

import pytest

from agent.drivers.network_vxlan.drops import Drops, read
from agent.host import nflog
from agent.host.nflog import Logged
from agent.host.rtnetlink import attribute
from agent.model import Dropped
from tests.unit.test_agent.host import until

TAP, OTHER = 7, 8


def ipv4(protocol: int, rest: bytes, fragment: int = 0) -> bytes:
    ends = socket.inet_aton("10.0.0.1") + socket.inet_aton("10.0.0.2")
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(rest), 0, fragment, 64, protocol, 0) + ends + rest


SYN = ipv4(6, struct.pack("!HH", 40000, 22) + bytes(16))


def message(prefix: str, payload: bytes, in_device: int = 0, out_device: int = 0) -> bytes:
    """As the kernel sends it: linux/netfilter/nfnetlink_log.h."""
    devices = ((4, in_device), (5, out_device))
    body = bytes(4) + b"".join(attribute(kind, struct.pack("!I", index)) for kind, index in devices if index)
    body += attribute(9, payload) + attribute(10, prefix.encode() + b"\0")
    return struct.pack("=IHHII", 16 + len(body), 0x400, 0, 0, 0) + body


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (SYN, ("10.0.0.1", "10.0.0.2", 6, 40000, 22)),
        (ipv4(17, struct.pack("!HH", 53, 5353)), ("10.0.0.1", "10.0.0.2", 17, 53, 5353)),
        (ipv4(1, bytes([8, 0])), ("10.0.0.1", "10.0.0.2", 1, 8, 0)),
        (ipv4(50, b"1234"), ("10.0.0.1", "10.0.0.2", 50, -1, -1)),
        (ipv4(6, b"12345", fragment=8), ("10.0.0.1", "10.0.0.2", 6, -1, -1)),
        (ipv4(6, b"1"), ("10.0.0.1", "10.0.0.2", 6, -1, -1)),
        (b"\x60" + bytes(40), ("", "", 0, -1, -1)),
        (SYN[:19], ("", "", 0, -1, -1)),
    ],
    ids=["tcp", "udp", "icmp", "no ports", "a later fragment", "cut off", "IPv6", "no header"],
)
def test_a_packet_says_who_sent_it_to_whom(payload: bytes, expected: tuple[object, ...]) -> None:
    seen = read(payload)
    assert (seen.source, seen.destination, seen.protocol, seen.source_port, seen.destination_port) == expected


def test_several_messages_come_at_once_and_others_between_them() -> None:
    error = struct.pack("=IHHIIi", 20, 2, 0, 0, 0, 0)
    data = message("acl-in", SYN, 3, TAP) + error + message("group-out", SYN[:30], TAP)
    assert list(nflog.packets(data)) == [Logged("acl-in", SYN, 3, TAP), Logged("group-out", SYN[:30], TAP, 0)]


class Kernel:
    """What rules log arrives on a pair of sockets."""

    def __init__(self) -> None:
        self.opened = 0
        self.rules, self._listener = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._listener.setblocking(False)
        self.drops = Drops(self._open, self._taps)

    async def _open(self) -> socket.socket:
        self.opened += 1
        return self._listener

    async def _taps(self) -> Mapping[int, str]:
        return {TAP: "eni-1", OTHER: "eni-2"}

    def log(self, prefix: str, in_device: int = 0, out_device: int = 0, payload: bytes = SYN) -> None:
        self.rules.send(message(prefix, payload, in_device, out_device))

    async def asked(self, *interface_ids: str, after: int = 0) -> tuple[int, list[Dropped]]:
        return await self.drops.after(after, interface_ids or ("eni-1",), 5)


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    made = Kernel()
    yield made
    made.rules.close()
    made.drops.close()


async def test_a_guard_tells_whose_the_packet_is(kernel: Kernel) -> None:
    after = (await kernel.drops.after(0, ("eni-1",), 0))[0]
    for prefix, devices, is_egress in (
        ("acl-out", (TAP, OTHER), True),
        ("acl-in", (OTHER, TAP), False),
        ("group-in", (3, TAP), False),
        ("unopened-tcp", (TAP, OTHER), True),
        ("unopened-tcp", (3, TAP), False),
    ):
        kernel.log(prefix, *devices)
        after, (seen,) = await kernel.asked(after=after)
        assert (seen.guard, seen.interface_id, seen.is_egress) == (prefix, "eni-1", is_egress)
        assert (seen.source, seen.destination_port) == ("10.0.0.1", 22)


async def test_what_is_no_ipv4_or_nobodys_is_left_out(kernel: Kernel) -> None:
    kernel.log("spoofed-source", TAP, payload=b"\x60" + bytes(40))
    kernel.log("group-out", 99)
    kernel.log("group-out", TAP)
    _, found = await kernel.asked()
    assert [row.guard for row in found] == ["group-out"]


async def test_two_who_ask_at_once_have_one_listener_and_each_its_own(kernel: Kernel) -> None:
    async with asyncio.TaskGroup() as tasks:
        first, second = tasks.create_task(kernel.asked("eni-1")), tasks.create_task(kernel.asked("eni-2"))
        await asyncio.sleep(0)
        kernel.log("acl-out", OTHER)
        await asyncio.sleep(0.01)
        kernel.log("acl-out", TAP)
    assert [row.interface_id for row in first.result()[1]] == ["eni-1"]
    assert [row.interface_id for row in second.result()[1]] == ["eni-2"]
    assert kernel.opened == 1


async def test_what_comes_between_two_questions_is_there_for_the_second(kernel: Kernel) -> None:
    kernel.log("acl-out", TAP)
    after, found = await kernel.asked()
    assert len(found) == 1
    kernel.log("group-out", TAP)
    kernel.log("acl-in", 3, TAP)
    guards = set[str]()
    while len(guards) < 2:
        after, found = await kernel.asked(after=after)
        guards |= {row.guard for row in found}
    assert guards == {"group-out", "acl-in"}
    assert await kernel.drops.after(after, ("eni-1",), 0) == (after, []), "nothing is told twice"


async def test_what_was_read_is_kept_though_the_question_is_over(kernel: Kernel) -> None:
    after, _ = await kernel.drops.after(0, ("eni-1",), 0)

    async def slow() -> Mapping[int, str]:
        await asyncio.sleep(0.05)
        return {TAP: "eni-1"}

    kernel.drops._taps = slow
    kernel.log("acl-out", TAP)
    _, found = await kernel.drops.after(after, ("eni-1",), 0.01)
    assert [row.guard for row in found] == ["acl-out"]


async def test_nobody_listens_when_nobody_has_asked_for_long(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.drivers.network_vxlan.drops._LINGER_S", 0.02)
    kernel.log("acl-out", TAP)
    await kernel.asked()
    listener = kernel.drops._log
    assert listener is not None
    await until(lambda: listener.fileno() == -1)
