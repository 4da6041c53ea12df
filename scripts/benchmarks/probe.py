"""Knocks at a TCP port again and again. A process by itself, in the namespace that the port is to be seen from.

A refusal is an answer, too: a packet got to the guest and another one back. So nothing needs to listen there.
"""

import errno
import json
import select
import socket
import sys
import time

EVERY_S = 0.002
# Shorter than TCP's first retransmission: each knock is one packet.
PATIENCE_S = 0.25


def knock(address: str, port: int, for_s: float) -> list[tuple[float, float]]:
    """(sent at, answered at) of every knock that was answered, CLOCK_MONOTONIC, s."""
    poll = select.epoll()
    waiting: dict[int, tuple[socket.socket, float]] = {}
    answered: list[tuple[float, float]] = []
    end, next_at = time.monotonic() + for_s, 0.0
    while (now := time.monotonic()) < end:
        if now >= next_at:
            next_at = now + EVERY_S
            knocking = socket.socket()
            knocking.setblocking(False)
            if knocking.connect_ex((address, port)) == errno.EINPROGRESS:
                poll.register(knocking, select.EPOLLOUT)
                waiting[knocking.fileno()] = knocking, now
        for number, _ in poll.poll(max(0.0, next_at - time.monotonic())):
            knocking, sent_at = waiting.pop(number)
            answered.append((sent_at, time.monotonic()))
            knocking.close()
        for number in [number for number, (_, sent_at) in waiting.items() if now - sent_at > PATIENCE_S]:
            waiting.pop(number)[0].close()
    return answered


if __name__ == "__main__":
    print(json.dumps(knock(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))))
