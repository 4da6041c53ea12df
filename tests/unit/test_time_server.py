"""What guests are told of the time, and of who keeps it."""

import struct

import pytest

from agent.drivers.network_vxlan import time_server
from agent.drivers.network_vxlan.time_server import Clock

KEPT = Clock(0x2001, 2_000_000)  # STA_PLL and STA_NANO; 2 s.
UNSYNCHRONISED = Clock(0x2041, 16_000_000)
SENT = 0xE9F8_1234_8000_0000  # By the guest, in a time of its own.
QUERY = struct.pack("!BBbb44x", 0x23, 0, 6, 0)[:40] + SENT.to_bytes(8)  # Version 4, a client.
RECEIVED_NS = 1_700_000_000_500_000_000


def fields(reply: bytes) -> tuple[int, ...]:
    """First byte, stratum, poll, root delay and dispersion, then reference, origin, receive and transmit timestamps."""
    first, stratum, poll, _, delay, dispersion, _, *times = struct.unpack("!BBbbII4sQQQQ", reply)
    return (first, stratum, poll, delay, dispersion, *times)


def test_a_guest_is_told_the_time_and_how_far_off_it_may_be() -> None:
    reply = time_server.answer(QUERY, KEPT, RECEIVED_NS, RECEIVED_NS + 250_000_000)
    received = (1_700_000_000 + 2_208_988_800) << 32 | 0x8000_0000
    assert fields(reply) == (0x24, 4, 6, 0, 2 << 16, received, SENT, received, received + 0x4000_0000)


@pytest.mark.parametrize(("status", "leap"), [(0x2011, 1), (0x2021, 2)])
def test_a_leap_second_is_announced(status: int, leap: int) -> None:
    assert time_server.answer(QUERY, Clock(status, 0), 0, 0)[0] >> 6 == leap


def test_a_clock_that_nobody_keeps_says_so() -> None:
    reply = time_server.answer(QUERY, UNSYNCHRONISED, RECEIVED_NS, RECEIVED_NS)
    first, stratum, _, _, dispersion, reference, origin, *_ = fields(reply)
    assert (first >> 6, stratum, dispersion, reference, origin) == (3, 0, 16 << 16, 0, SENT)


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_clients_of_every_version_are_answered_in_theirs(version: int) -> None:
    query = bytes([version << 3 | 3]) + QUERY[1:] + b"an extension"
    reply = time_server.answer(query, KEPT, 0, 0)
    assert (reply[0], len(reply)) == (version << 3 | 4, 48)


@pytest.mark.parametrize("first", [*(0x20 | mode for mode in (0, 1, 2, 4, 5, 6, 7)), 0x03, 0x2B, 0x3B])
def test_nothing_but_a_clients_query_is_answered(first: int) -> None:
    assert time_server.answer(bytes([first]) + QUERY[1:], KEPT, 0, 0) == b""


def test_the_agents_question_comes_back() -> None:
    assert time_server.answer(b"?", KEPT, 0, 0) == b"?"


def test_seconds_begin_anew_in_2036() -> None:
    assert time_server.timestamp((0x1_0000_0000 - 2_208_988_800) * 10**9) == 0


def test_this_machines_clock_can_be_asked_about() -> None:
    clock = time_server.read_clock()
    assert clock.error_us >= 0
    assert (clock.leap == 3) == bool(clock.status & 0x40)
