"""A generator of traffic, and where it goes. A process by itself, in the namespace that it is to be seen from.

It costs the same on either path, so that the ratio of two rates says less than the paths differ, never more.

    tcp-sink PORT                     bytes per second of the first connection
    tcp-source ADDRESS PORT SECONDS   how long it took to send as much as it could
    udp-sink PORT                     packets that came in by eth0 until none came any more; it answers the first
    udp-source ADDRESS PORT SECONDS   how long it took to send as many as it could, of 60 bytes with all headers
    mute-sink, mute-source            the same without an answer, so that no connection is established
    flow-sink PORT                    packets of a flow that came
    flow-source ADDRESS PORT FILE     packets that were sent, one a millisecond, until there is such a file
"""

import ctypes
import json
import os
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

BUFFER = 1 << 20
SMALL = 18  # Bytes, of which UDP, IP and Ethernet make a frame of the shortest length.
AT_ONCE = 64  # Packets in a call of the kernel's.
LONGEST_S = 30.0
END = b"end"


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_char_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):
    """msghdr, see recvmsg(2); the socket is connected, so there is no address."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("vectors", ctypes.POINTER(_Iovec)),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):
    """mmsghdr, see sendmmsg(2)."""

    _fields_ = (("header", _Header), ("sent", ctypes.c_uint))


def tcp_sink(port: int) -> float:
    buffer, received = bytearray(BUFFER), 0
    connection = _accepted(port)
    began = time.perf_counter()
    with connection:
        connection.setblocking(False)
        while True:
            with suppress(BlockingIOError):
                if not (count := connection.recv_into(buffer)):
                    return received / (time.perf_counter() - began)
                received += count


def tcp_source(address: str, port: int, for_s: float) -> float:
    data = memoryview(bytes(BUFFER))
    with _connected(address, port) as connection:
        began = time.perf_counter()
        while time.perf_counter() - began < for_s:
            connection.sendall(data)
        return time.perf_counter() - began


def udp_sink(port: int) -> int:
    with _bound(port) as receiving:
        _let_begin(port)
        receiving.settimeout(LONGEST_S)
        receiving.sendto(END, receiving.recvfrom(64)[1])
        return _count()


def mute_sink(port: int) -> int:
    with _bound(port):
        _let_begin(port)
        return _count()


def _count() -> int:
    """Nobody reads: what is full drops at the least cost."""
    before = now = _received()
    end = time.monotonic() + LONGEST_S
    while (latest := _received()) == before or latest != now:
        if time.monotonic() > end:
            raise TimeoutError(f"no packet came within {LONGEST_S:g} s")
        now = latest
        time.sleep(0.3)
    return now - before


def udp_source(address: str, port: int, for_s: float, is_answered: bool = True) -> float:
    sendmmsg, messages = ctypes.CDLL(None, use_errno=True).sendmmsg, _messages()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
        _connected(address, port).close()
        sending.connect((address, port))
        if is_answered:
            sending.settimeout(LONGEST_S)
            sending.send(END)
            sending.recv(64)
        began = time.perf_counter()
        while time.perf_counter() - began < for_s:
            sendmmsg(sending.fileno(), messages, AT_ONCE, 0)
        return time.perf_counter() - began


def flow_sink(port: int) -> int:
    with _bound(port) as receiving:
        receiving.settimeout(LONGEST_S)
        _let_begin(port)
        received = 0
        while receiving.recv(64) != END:
            received += 1
        return received


def flow_source(address: str, port: int, stop: str) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
        _connected(address, port).close()
        sending.connect((address, port))
        sent, file = 0, Path(stop)
        while not file.exists():
            sending.send(b"x")
            sent += 1
            time.sleep(0.001)
        sending.send(END)
        return sent


def _messages() -> ctypes.Array[_Message]:
    vector = _Iovec(bytes(SMALL), SMALL)
    return (_Message * AT_ONCE)(*(_Message(_Header(None, 0, ctypes.pointer(vector), 1)) for _ in range(AT_ONCE)))


def _accepted(port: int) -> socket.socket:
    with socket.create_server(("0.0.0.0", port)) as listener:
        listener.settimeout(LONGEST_S)
        return listener.accept()[0]


def _let_begin(port: int) -> None:
    """The source of what has no connections waits for one, too."""
    _accepted(port).close()


def _connected(address: str, port: int) -> socket.socket:
    """Once somebody listens there."""
    end = time.monotonic() + LONGEST_S
    while True:
        try:
            return socket.create_connection((address, port), 1.0)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def _bound(port: int) -> socket.socket:
    receiving = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiving.bind(("0.0.0.0", port))
    return receiving


def _received() -> int:
    line = next(line for line in Path("/proc/net/dev").read_text().splitlines() if line.strip().startswith("eth0:"))
    return int(line.split()[2])


SINKS: dict[str, Callable[[int], float]] = {
    "tcp-sink": tcp_sink,
    "udp-sink": udp_sink,
    "mute-sink": mute_sink,
    "flow-sink": flow_sink,
}


def main(what: str, *words: str) -> float:
    match what, words:
        case _, (port,):
            return SINKS[what](int(port))
        case "tcp-source", (address, port, for_s):
            return tcp_source(address, int(port), float(for_s))
        case "udp-source" | "mute-source", (address, port, for_s):
            return udp_source(address, int(port), float(for_s), is_answered=what == "udp-source")
        case "flow-source", (address, port, file):
            return flow_source(address, int(port), file)
    raise LookupError(f"no such generator: {what} {words}")


def _take_processor(what: str) -> None:
    """The sink one, the source another: else chance gives them the same one or not, which is a factor of two.

    A flow beside other work goes wherever there is room: held to a processor that is busy it would lose packets itself.
    """
    if not what.startswith("flow-"):
        processors = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {processors[-1] if what.endswith("-sink") else processors[0]})


if __name__ == "__main__":
    _take_processor(sys.argv[1])
    print(json.dumps(main(*sys.argv[1:])))
