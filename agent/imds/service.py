"""Tells a VPC's guests who they are, as EC2's IMDS: a program of its own, one for each VPC, which outlives the agent.

    guest -> socket made in the VPC's namespace -> this process in the host's -> a file that the agent writes

Who asks is known by the source address, which the network driver's anti-spoofing makes trustworthy. Nothing is told
without a token, unless the guest's options say so. What one guest takes is limited, so that the others are served.

Run by its path, see `agent.host.services`, with a listening socket and a user to become; the standard library is all it
needs. The file is read in the working directory, to which only root finds a way: other processes of this user don't.
"""

import binascii
import hmac
import json
import os
import pwd
import socket
import struct
import sys
import threading
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import unquote

ADDRESS, PORT = "169.254.169.254", 80  # In the VPC's namespace.
BACKLOG = 128
GUESTS = "guests"  # The file's name.

# EC2's list. Each has the whole tree: what a later one added harms nobody who asks for an earlier one.
VERSIONS = (
    *("1.0", "2007-01-19", "2007-03-01", "2007-08-29", "2007-10-10", "2007-12-15", "2008-02-01", "2008-09-01"),
    *("2009-04-04", "2011-01-01", "2011-05-01", "2012-01-12", "2014-02-25", "2014-11-05", "2015-10-20", "2016-04-19"),
    *("2016-06-30", "2016-09-02", "2018-03-28", "2018-08-17", "2018-09-24", "2019-10-01", "2020-10-27", "2021-01-03"),
    *("2021-03-23", "2021-07-15", "2022-07-09", "2022-09-24", "2024-04-11", "latest"),
)
TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"
TOKEN_HEADER = "X-aws-ec2-metadata-token"  # noqa: S105 (a header's name)
MIN_TTL_S, MAX_TTL_S = 1, 21600

CONNECTIONS_PER_GUEST = 16  # Far above what an SDK opens.
CONNECTIONS = 512  # In all. More than the 1,024 descriptors that a process has by default would stop it.
# Per guest and second. A boot with cloud-init takes some 60 requests in all; SDKs ask every few minutes.
REQUESTS_PER_GUEST = 100
LOG_LINES_PER_GUEST = 10  # Per minute.
LOG_BYTES = 1 << 20  # Then the log begins anew: it is in memory.
IDLE_S = 10.0  # For a whole request to come, or an answer to go; SDKs open a new connection.
MAX_HEAD_BYTES = 8192

_EXPIRY = struct.Struct(">Q")  # Seconds since the epoch.


class Request(NamedTuple):
    method: str
    path: str
    headers: Mapping[str, str]  # By name in lower case.
    is_last: bool  # Of its connection.


class Answer(NamedTuple):
    status: HTTPStatus
    body: bytes
    headers: Mapping[str, str] = {}
    hop_limit: int | None = None  # From here on, of the connection that it goes by.


class Guest(NamedTuple):
    """One that may ask. `pages`: what it is told, by path below a version; those of directories end with a slash.

    `hop_limit`: with EC2's default, 1, a token dies at a router or container bridge inside the guest.
    """

    instance_id: str
    key: bytes
    pages: Mapping[str, str]  # A character for each byte.
    without_token: bool = False
    is_off: bool = False
    hop_limit: int = 1


def answer(guest: Guest | None, request: Request, now: float) -> Answer:
    """The answer to one request."""
    if guest is None:
        return status(HTTPStatus.NOT_FOUND)
    if guest.is_off:
        return status(HTTPStatus.FORBIDDEN)
    if request.method == "PUT":
        return _put(guest, request, now)
    if request.method not in ("GET", "HEAD") or request.path == "/latest/api/token":
        return status(HTTPStatus.METHOD_NOT_ALLOWED)
    token = request.headers.get(TOKEN_HEADER.lower())
    if token is None and guest.without_token:
        return _get(guest, request.path)
    remaining_s = (expiry_of(guest.key, guest.instance_id, token or "") or 0) - int(now)
    if remaining_s <= 0:
        return status(HTTPStatus.UNAUTHORIZED)
    told = _get(guest, request.path)
    return told._replace(headers={TTL_HEADER: str(remaining_s), **told.headers})


def _put(guest: Guest, request: Request, now: float) -> Answer:
    if not request.path.endswith("/api/token"):
        return status(HTTPStatus.METHOD_NOT_ALLOWED)
    if request.path != "/latest/api/token" or "x-forwarded-for" in request.headers:
        return status(HTTPStatus.FORBIDDEN)
    ttl = request.headers.get(TTL_HEADER.lower(), "")
    if not (ttl.isascii() and ttl.isdigit() and len(ttl) <= 5 and MIN_TTL_S <= int(ttl) <= MAX_TTL_S):
        return status(HTTPStatus.BAD_REQUEST)
    token = mint(guest.key, guest.instance_id, int(now) + int(ttl))
    return Answer(HTTPStatus.OK, token.encode(), {TTL_HEADER: ttl}, guest.hop_limit)


def _get(guest: Guest, path: str) -> Answer:
    version, _, below = path.lstrip("/").partition("/")
    page = guest.pages.get(below.lstrip("/")) if below else None
    if page is None:
        page = guest.pages.get(f"{below.strip('/')}/")
    if not version:
        page = "\n".join(VERSIONS)
    elif page is None or version not in VERSIONS:
        return status(HTTPStatus.NOT_FOUND)
    kind = "application/octet-stream" if below == "user-data" else "text/plain; charset=utf-8"
    return Answer(HTTPStatus.OK, page.encode("latin-1"), {"Content-Type": kind})


def status(what: HTTPStatus) -> Answer:
    return Answer(what, f"{what.value} {what.phrase}\n".encode())


# Tokens: an expiry and a seal over it and the instance. Nothing is stored but the key of the seal, so they outlive a
# restart, are worth nothing to another instance, and cost no memory.


def mint(key: bytes, instance_id: str, expires_at: int) -> str:
    """A token for this instance, good until `expires_at`."""
    expiry = _EXPIRY.pack(expires_at)
    return urlsafe_b64encode(expiry + _seal(key, instance_id, expiry)).decode()


def expiry_of(key: bytes, instance_id: str, token: str) -> int | None:
    """When the token runs out; None for one that was never this instance's."""
    try:
        opened = urlsafe_b64decode(token.encode("ascii"))
    except (binascii.Error, UnicodeEncodeError):
        return None
    expiry, seal = opened[: _EXPIRY.size], opened[_EXPIRY.size :]
    if not hmac.compare_digest(seal, _seal(key, instance_id, expiry)):
        return None
    return int(_EXPIRY.unpack(expiry)[0])


def _seal(key: bytes, instance_id: str, expiry: bytes) -> bytes:
    return hmac.digest(key, expiry + instance_id.encode(), "sha256")


# HTTP/1.1, as much as this takes.


def parse(head: bytes) -> Request:
    """A request without a body. Raises ValueError for what is none."""
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, version = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if version not in ("HTTP/1.0", "HTTP/1.1") or not target.startswith("/"):
        raise ValueError("no HTTP/1.1")
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        raise ValueError("a body")
    wish = headers.get("connection", "keep-alive" if version == "HTTP/1.1" else "close").lower()
    return Request(method, unquote(target.partition("?")[0]), headers, is_last=wish != "keep-alive")


def render(told: Answer, *, has_body: bool, is_last: bool) -> bytes:
    headers = {
        "Content-Type": "text/plain; charset=utf-8",
        **told.headers,
        "Content-Length": str(len(told.body)),
        "Connection": "close" if is_last else "keep-alive",
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {told.status.value} {told.status.phrase}\r\n{lines}\r\n".encode() + told.body * has_body


def read_head(connection: socket.socket, received: bytearray) -> bytes:
    """The next request's; `received` keeps what came behind it. Empty when there is none.

    Raises ValueError when it is too long, OSError when it does not come in time.
    """
    deadline = time.monotonic() + IDLE_S
    while (end := received.find(b"\r\n\r\n")) < 0:
        if len(received) > MAX_HEAD_BYTES:
            raise ValueError("too long")
        connection.settimeout(max(deadline - time.monotonic(), 0.001))
        data = connection.recv(MAX_HEAD_BYTES)
        if not data:
            return b""
        received += data
    head = bytes(received[:end])
    del received[: end + 4]
    return head


class Share:
    """What one guest has taken, by now."""

    def __init__(self) -> None:
        self.connections = 0
        self._second, self._requests = 0, 0
        self._minute, self._lines = 0, 0

    def take_request(self, now: float) -> bool:
        """Whether it is within the limit."""
        if int(now) != self._second:
            self._second, self._requests = int(now), 0
        self._requests += 1
        return self._requests <= REQUESTS_PER_GUEST

    def take_line(self, now: float) -> bool:
        if int(now / 60) != self._minute:
            self._minute, self._lines = int(now / 60), 0
        self._lines += 1
        return self._lines <= LOG_LINES_PER_GUEST


class Service:
    """A thread for each connection."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shares: dict[str, Share] = {}
        self._connections = 0
        self._version = (0, 0)  # Of the file.
        self._guests: dict[str, Guest] = {}

    def run(self, listening: socket.socket) -> None:
        """For ever."""
        while True:
            with suppress(OSError):
                connection, (address, _) = listening.accept()
                if self._admit(address):
                    self._begin(connection, address)
                else:
                    connection.close()

    def _admit(self, address: str) -> bool:
        with self._lock:
            share = self._shares.setdefault(address, Share())
            is_admitted = share.connections < CONNECTIONS_PER_GUEST and self._connections < CONNECTIONS
            share.connections += is_admitted
            self._connections += is_admitted
        if not is_admitted:
            self._log(address, "has too many connections")
        return is_admitted

    def _begin(self, connection: socket.socket, address: str) -> None:
        try:
            threading.Thread(target=self._serve, args=(connection, address), daemon=True).start()
        except RuntimeError:  # No more threads are to be had.
            self._end(connection, address)

    def _serve(self, connection: socket.socket, address: str) -> None:
        try:
            self._converse(connection, address)
        except OSError:
            pass  # It went away, or was too slow.
        except Exception as error:  # noqa: BLE001 (told, within the guest's share of the log)
            self._log(address, f"met a bug: {error!r}")
        finally:
            self._end(connection, address)

    def _end(self, connection: socket.socket, address: str) -> None:
        connection.close()
        with self._lock:
            self._shares[address].connections -= 1
            self._connections -= 1

    def _converse(self, connection: socket.socket, address: str) -> None:
        received, is_last = bytearray(), False
        while not is_last:
            try:
                head = read_head(connection, received)
                if not head:
                    return
                request = parse(head)
            except ValueError as error:
                self._log(address, f"sent no request: {error}")
                connection.sendall(render(status(HTTPStatus.BAD_REQUEST), has_body=True, is_last=True))
                return
            told, is_last = self._answer(address, request), request.is_last
            connection.settimeout(IDLE_S)
            if told.hop_limit is not None:  # Also of what the kernel sends again, whatever is asked meanwhile.
                connection.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, told.hop_limit)
            connection.sendall(render(told, has_body=request.method != "HEAD", is_last=is_last))

    def _answer(self, address: str, request: Request) -> Answer:
        now = time.time()
        with self._lock:
            is_within = self._shares[address].take_request(now)
        if not is_within:
            self._log(address, "asks too often")
            time.sleep(1 - now % 1)  # Else a guest that hurries on would keep a core busy.
            return status(HTTPStatus.SERVICE_UNAVAILABLE)
        try:
            guest = self._find(address)
        except (OSError, ValueError) as error:
            self._log(address, f"asked for what can't be read: {error!r}")
            return status(HTTPStatus.INTERNAL_SERVER_ERROR)
        return answer(guest, request, now)

    def _find(self, address: str) -> Guest | None:
        """By what the agent wrote last."""
        try:
            stat = os.stat(GUESTS)
        except FileNotFoundError:
            return None
        with self._lock:
            if (stat.st_ino, stat.st_mtime_ns) != self._version:
                self._guests = read_guests()
                self._version = stat.st_ino, stat.st_mtime_ns
            return self._guests.get(address)

    def _log(self, address: str, what: str) -> None:
        """To standard error, which is a file."""
        with self._lock:
            if not self._shares[address].take_line(time.time()):
                return
        if os.fstat(2).st_size > LOG_BYTES:
            os.ftruncate(2, 0)
        print(time.strftime("%FT%TZ", time.gmtime()), address, what, file=sys.stderr, flush=True)


def read_guests() -> dict[str, Guest]:
    """By address."""
    with open(GUESTS, encoding="ascii") as file:
        contents: dict[str, Any] = json.load(file)
    key = bytes.fromhex(contents["key"])
    return {address: Guest(key=key, **about) for address, about in contents["guests"].items()}


def listen() -> socket.socket:
    """To be called inside the namespace."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((ADDRESS, PORT))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def _become(user: str) -> None:
    """Nothing that comes from a guest is read by root. By this, no other process of the user can look into this one."""
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def main(_directory: str, _namespace: str, user: str, fd: str) -> None:
    """What is not used tells, in the command line, whose service this is."""
    listening = socket.socket(fileno=int(fd))
    _become(user)
    Service().run(listening)


if __name__ == "__main__":
    main(*sys.argv[1:])
