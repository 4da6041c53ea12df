"""The metadata service's sockets and protocol: one listening socket inside each VPC's namespace, one process for all.

The caller is known by its VPC and source address, which the network driver's anti-spoofing makes trustworthy. IMDSv2
only: nothing is told without a token. What is told is `tree`'s business.
"""

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

from aiohttp import web

from agent.drivers.base import Transient
from agent.host import namespaces
from agent.host.threads import Threads
from agent.imds import tokens, tree
from agent.imds.limits import Guest, Limits, Seldom
from agent.model import InstanceSpec

ADDRESS, PORT = "169.254.169.254", 80
HOP_LIMIT = 1  # EC2's default: answers die at a router or container bridge inside the guest.
BACKLOG = 128
# To enter a namespace and to listen there, which takes milliseconds. Lower: a busy host counts as stuck. Higher: a hung
# kernel shows up later.
LISTEN_DEADLINE_S = 30.0
IDLE_S = 10.0  # A connection without a request is closed; SDKs open a new one.

TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"
TOKEN_HEADER = "X-aws-ec2-metadata-token"  # noqa: S105 (a header's name)
MIN_TTL_S, MAX_TTL_S = 1, 21600

Lookup = Callable[[str, str], InstanceSpec | None]

log = logging.getLogger(__name__)
log.addFilter(Seldom())


@dataclass(frozen=True, slots=True)
class _Listener:
    server: asyncio.Server
    inode: int  # Tells a namespace from one made anew under its name.


class MetadataServer:
    """Answers guests of all VPCs of this host. `lookup(vpc_id, source_ip)` says who asks."""

    def __init__(self, lookup: Lookup, state_dir: Path, clock: Callable[[], float] = time.time) -> None:
        self._lookup = lookup
        self._key = tokens.load_key(state_dir / "imds.key")
        self._clock = clock
        self._listeners: dict[str, _Listener] = {}
        self._limits = Limits(clock)
        self._threads = Threads("the metadata service", workers=4, deadline_s=LISTEN_DEADLINE_S)

    async def ensure(self, vpc_id: str, namespace: Path) -> None:
        """Listen inside the namespace, which must have ADDRESS. Raises Transient when it has not, or is not there."""
        try:
            inode = (await self._threads.run(vpc_id, namespace.stat)).st_ino
            if vpc_id in self._listeners and self._listeners[vpc_id].inode == inode:
                return
            await self.remove(vpc_id)
            listening = await self._threads.run(vpc_id, namespaces.call, namespace.name, _listen)
        except OSError as error:
            raise Transient(f"cannot listen on {ADDRESS} in {namespace}: {error.strerror}") from error
        server = await asyncio.get_running_loop().create_server(self._protocol_factory(vpc_id), sock=listening)
        self._listeners[vpc_id] = _Listener(server, inode)

    async def remove(self, vpc_id: str) -> None:
        """Stop listening, and so let go of the namespace."""
        if listener := self._listeners.pop(vpc_id, None):
            listener.server.close()

    async def close(self) -> None:
        """Stop listening everywhere."""
        for vpc_id in tuple(self._listeners):
            await self.remove(vpc_id)

    def answer(self, vpc_id: str, source_ip: str, request: web.BaseRequest) -> web.Response:
        """The response to one request."""
        spec = self._lookup(vpc_id, source_ip)
        if spec is None:
            return _status(HTTPStatus.NOT_FOUND)
        if request.method == "PUT":
            return self._put(spec, request.path, request.headers)
        if request.method not in ("GET", "HEAD") or request.path == "/latest/api/token":
            return _status(HTTPStatus.METHOD_NOT_ALLOWED)
        expiry = tokens.expiry_of(self._key, spec.instance_id, request.headers.get(TOKEN_HEADER, ""))
        remaining_s = (expiry or 0) - int(self._clock())
        if remaining_s <= 0:
            return _status(HTTPStatus.UNAUTHORIZED)
        return _get(spec, request.path, remaining_s)

    def _put(self, spec: InstanceSpec, path: str, headers: Mapping[str, str]) -> web.Response:
        if not path.endswith("/api/token"):
            return _status(HTTPStatus.METHOD_NOT_ALLOWED)
        if path != "/latest/api/token" or "X-Forwarded-For" in headers:
            return _status(HTTPStatus.FORBIDDEN)
        ttl = headers.get(TTL_HEADER, "")
        if not (ttl.isascii() and ttl.isdigit() and len(ttl) <= 5 and MIN_TTL_S <= int(ttl) <= MAX_TTL_S):
            return _status(HTTPStatus.BAD_REQUEST)
        token = tokens.mint(self._key, spec.instance_id, int(self._clock()) + int(ttl))
        return web.Response(text=token, headers={TTL_HEADER: ttl})

    def _protocol_factory(self, vpc_id: str) -> Callable[[], "_Connection"]:
        async def answer(request: web.BaseRequest) -> web.Response:
            if not self._limits.request((vpc_id, request.remote or "")):
                return _status(HTTPStatus.SERVICE_UNAVAILABLE)
            return self.answer(vpc_id, request.remote or "", request)

        server, loop = web.Server(answer), asyncio.get_running_loop()
        return lambda: _Connection(server, loop, vpc_id, self._limits)


class _Connection(web.RequestHandler):
    """A connection that counts against its guest's share."""

    __slots__ = ("_guest", "_limits", "_silence", "_vpc_id")

    def __init__(self, server: web.Server, loop: asyncio.AbstractEventLoop, vpc_id: str, limits: Limits) -> None:
        # No access log: what guests ask must not fill the host's disk. (aiohttp takes None, its annotation doesn't.)
        no_log: Any = None
        super().__init__(server, loop=loop, keepalive_timeout=IDLE_S, lingering_time=0, logger=log, access_log=no_log)
        self._vpc_id = vpc_id
        self._limits = limits

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peername") or ("",)
        self._guest: Guest = (self._vpc_id, peer[0])
        abort = cast(asyncio.Transport, transport).abort  # uvloop's transports have it, and are no asyncio.Transport.
        self._silence = asyncio.get_running_loop().call_later(IDLE_S, abort)
        if not self._limits.connect(self._guest):
            abort()

    def data_received(self, data: bytes) -> None:
        self._silence.cancel()
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._silence.cancel()
        self._limits.disconnect(self._guest)
        super().connection_lost(exc)


def _listen() -> socket.socket:
    """Called inside the namespace. Accepted sockets inherit the hop limit."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, HOP_LIMIT)
        listening.bind((ADDRESS, PORT))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def _get(spec: InstanceSpec, path: str, remaining_s: int) -> web.Response:
    version, _, below = path.lstrip("/").partition("/")
    headers = {TTL_HEADER: str(remaining_s)}
    if not version:
        return web.Response(text="\n".join(tree.VERSIONS), headers=headers)
    node = tree.find(tree.metadata(spec), below) if version in tree.VERSIONS else None
    if node is None:
        return _status(HTTPStatus.NOT_FOUND)
    if isinstance(node, bytes):
        return web.Response(body=node, content_type="application/octet-stream", headers=headers)
    if isinstance(node, Mapping):
        node = tree.key_listing(spec) if below.strip("/") == "meta-data/public-keys" else tree.listing(node)
    return web.Response(text=node, headers=headers)


def _status(status: HTTPStatus) -> web.Response:
    return web.Response(status=status, text=f"{status.value} {status.phrase}\n")
