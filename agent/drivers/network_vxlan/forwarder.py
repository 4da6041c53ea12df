"""What a VPC's resolver does not know, the host's resolvers are asked: a program of its own, one for each VPC.

    guest -> dnsmasq in the VPC's namespace -> sockets made there -> this process in the host's -> the host's resolvers

So a VPC's namespace needs no way out, and resolvers on the host's loopback, such as systemd's, can be asked, too. All
that passes is DNS that dnsmasq wrote: guests can't reach the namespace's 127.0.0.1. The host's /etc/resolv.conf is read
for each query, so that a change of it counts at once. It outlives the agent, as dnsmasq does.

Run by its path, see `agent.host.services`, with two listening sockets and a user to become; the standard library is all
it needs.
"""

import os
import pwd
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

RESOLV_CONF = Path("/etc/resolv.conf")
ADDRESS, PORT = "127.0.0.1", 5300  # In the VPC's namespace.
DNS_PORT = 53
MAX_RESOLVERS = 3  # resolv.conf(5): further ones are ignored.

# Less, and a slow answer is lost; more, and guests, which wait for 5 s, don't hear from the second resolver.
ANSWER_S = 2.0
IDLE_S = 10.0  # dnsmasq's own patience with a server over TCP.
QUERIES = 150  # As many as dnsmasq has under way at once.
CONNECTIONS = 16  # dnsmasq has 20 processes for TCP at most. Further ones wait.
HEADER_BYTES = 12
MAX_MESSAGE_BYTES = 65535


def listen() -> tuple[socket.socket, socket.socket]:
    """For UDP and TCP; to be called inside the namespace."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((ADDRESS, PORT))
    return udp, socket.create_server((ADDRESS, PORT))


def resolvers(resolv_conf: str) -> list[str]:
    """The addresses that it names. None means this host, as it does for the C library."""
    lines = (line.split() for line in resolv_conf.splitlines())
    named = [words[1] for words in lines if words[:1] == ["nameserver"] and len(words) > 1]
    return named[:MAX_RESOLVERS] or ["127.0.0.1"]


def answer(query: bytes) -> bytes:
    """Of the first resolver that gives one; else SERVFAIL, so that the guest need not wait for nothing.

    What is too short for a query is the agent's, which asks whether anybody is here, and gets it back.
    """
    if len(query) < HEADER_BYTES:
        return query
    for resolver in _current_resolvers():
        with suppress(OSError), _connected(resolver, socket.SOCK_DGRAM, ANSWER_S) as upstream:
            upstream.send(query)
            return upstream.recv(MAX_MESSAGE_BYTES)
    return failure(query)


def failure(query: bytes) -> bytes:
    """SERVFAIL to a query: RFC 1035, 4.1.1."""
    return query[:2] + b"\x81\x82" + query[4:]


def relay(connection: socket.socket) -> None:
    """Carry a whole conversation over TCP to the first resolver that takes it."""
    with connection:
        connection.settimeout(IDLE_S)
        for resolver in _current_resolvers():
            with suppress(OSError), _connected(resolver, socket.SOCK_STREAM, IDLE_S) as upstream:
                back = threading.Thread(target=_copy, args=(upstream, connection))
                back.start()
                _copy(connection, upstream)
                back.join()
                return


def _current_resolvers() -> list[str]:
    try:
        return resolvers(RESOLV_CONF.read_text(errors="replace"))
    except OSError:
        return resolvers("")


def _connected(resolver: str, kind: socket.SocketKind, timeout_s: float) -> socket.socket:
    """A socket that hears this resolver alone. Raises OSError for what is no address, too."""
    family, _, _, _, address = socket.getaddrinfo(resolver, DNS_PORT, type=kind, flags=socket.AI_NUMERICHOST)[0]
    upstream = socket.socket(family, kind)
    try:
        upstream.settimeout(timeout_s)
        upstream.connect(address)
    except OSError:
        upstream.close()
        raise
    return upstream


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(MAX_MESSAGE_BYTES):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _serve_udp(listening: socket.socket) -> None:
    def reply(query: bytes, client: tuple[str, int]) -> None:
        with suppress(OSError):
            listening.sendto(answer(query), client)

    with ThreadPoolExecutor(QUERIES) as threads:
        while True:
            threads.submit(reply, *listening.recvfrom(MAX_MESSAGE_BYTES))


def _serve_tcp(listening: socket.socket) -> None:
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        while True:
            threads.submit(relay, listening.accept()[0])


def _become(user: str) -> None:
    """Nothing that comes from a guest, or from outside, is read by root."""
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def main(_directory: str, _namespace: str, user: str, udp_fd: str, tcp_fd: str) -> None:
    """What is not used tells, in the command line, whose forwarder this is."""
    udp, tcp = socket.socket(fileno=int(udp_fd)), socket.socket(fileno=int(tcp_fd))
    _become(user)
    threading.Thread(target=_serve_tcp, args=(tcp,), daemon=True).start()
    _serve_udp(udp)


if __name__ == "__main__":
    main(*sys.argv[1:])
