"""Waits until an ssh server says who it is. A process by itself, in the namespace that it is to be seen from."""

import json
import socket
import sys
import time

# Shorter than TCP's first retransmission, so that a packet that was dropped costs no second.
PATIENCE_S = 0.25


def wait(address: str) -> float:
    """The time (CLOCK_MONOTONIC, s) at which it did."""
    while True:
        try:
            with socket.create_connection((address, 22), PATIENCE_S) as connection:
                connection.settimeout(5)
                if connection.recv(4) == b"SSH-":
                    return time.monotonic()
        except OSError:
            time.sleep(0.01)


if __name__ == "__main__":
    print(json.dumps(wait(sys.argv[1])))
