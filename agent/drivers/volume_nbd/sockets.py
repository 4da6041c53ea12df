"""Listening sockets, which storage daemons inherit."""

import shutil
import socket
from pathlib import Path

# When a client's host or network is gone, so that its connection is free for the next: tcp(7). Shorter: a guest on
# a bad network reconnects all the time. Longer: one whose network was cut waits for longer when it is back.
KEEPALIVE = {socket.TCP_KEEPIDLE: 5, socket.TCP_KEEPINTVL: 5, socket.TCP_KEEPCNT: 3, socket.TCP_USER_TIMEOUT: 20_000}


def listen(address: str, port: int) -> socket.socket:
    """A listening socket with TCP_NODELAY and keep-alive, which accepted ones inherit: QEMU's NBD server sets neither.

    Without the first it crawls, without the second it keeps the connection of a client that is no more.
    """
    listener = socket.create_server((address, port), backlog=16)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE.items():
        listener.setsockopt(socket.IPPROTO_TCP, option, value)
    return listener


def listen_locally(path: Path, group: str | None) -> socket.socket:
    """A listening socket that this group alone may open, besides root. Its name goes with the records of the export."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(0o660 if group else 0o600)
    if group:
        shutil.chown(path, group=group)
    listener.listen(16)
    return listener
