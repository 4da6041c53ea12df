"""What a guest asks of its metadata service, from its own network namespace."""

import asyncio
import contextlib
import http.client
import socket
from collections.abc import Callable
from typing import TypeVar

from agent.host import namespaces
from agent.imds.service import ADDRESS, PORT

GUEST = "stead-test-guest"
T = TypeVar("T")
TTL = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}


async def inside(name: str, function: Callable[[], T]) -> T:
    return await asyncio.to_thread(namespaces.call, name, function)


def connection(source_ip: str) -> socket.socket:
    return socket.create_connection((ADDRESS, PORT), timeout=3, source_address=(source_ip, 0))


def raw(request: bytes) -> bytes:
    with connection("10.9.0.5") as opened:
        opened.sendall(request)
        with contextlib.suppress(ConnectionResetError):
            return opened.recv(65536)
    return b""


def is_closed(opened: socket.socket) -> bool:
    try:
        return opened.recv(1) == b""
    except ConnectionResetError:
        return True


def token(source_ip: str) -> str:
    http_ = http.client.HTTPConnection(ADDRESS, PORT, timeout=2, source_address=(source_ip, 0))
    with contextlib.closing(http_):
        http_.request("PUT", "/latest/api/token", headers=TTL)
        return http_.getresponse().read().decode()


def ask(source_ip: str, held: str) -> int:
    """The status of an answer to a token."""
    http_ = http.client.HTTPConnection(ADDRESS, PORT, timeout=2, source_address=(source_ip, 0))
    with contextlib.closing(http_):
        http_.request("GET", "/latest/meta-data/instance-id", headers={"X-aws-ec2-metadata-token": held})
        return http_.getresponse().status


def get(path: str, source_ip: str) -> bytes:
    """With a token of its own, as an SDK does."""
    http_ = http.client.HTTPConnection(ADDRESS, PORT, timeout=2, source_address=(source_ip, 0))
    with contextlib.closing(http_):
        http_.request("PUT", "/latest/api/token", headers=TTL)
        token = http_.getresponse().read().decode()
        http_.request("GET", path, headers={"X-aws-ec2-metadata-token": token})
        return http_.getresponse().read()


def instance_id(source_ip: str) -> str:
    return get("/latest/meta-data/instance-id", source_ip).decode()
