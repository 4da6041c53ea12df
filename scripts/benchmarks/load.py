"""The clients, a process by itself: each on a connection of its own, sends its next call when the last is answered.

Requests and replies stay bytes here, so that the clients cost little beside the server.
"""

import asyncio
import json
import sys
import time
import uuid
from dataclasses import asdict, dataclass
from statistics import quantiles
from typing import Any

import grpc
import uvloop

from benchmarks.process import ask

# Every client its own connection, although all go to one address.
_OPTIONS = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
_CLIENT_TOKEN_TAG = b"\x0a\x24"  # Field 1, 36 bytes: the client token of every mutating request.


@dataclass(frozen=True)
class Load:
    """`request` is the serialised message, without its client token; `ca` is PEM."""

    endpoint: str
    ca: str
    token: str
    method: str
    request: bytes
    calls: int
    clients: int = 100
    is_mutating: bool = True

    def run(self) -> "Run":
        arguments = {**asdict(self), "request": self.request.hex()}
        return Run(**ask("load", json.dumps(arguments)))


@dataclass(frozen=True)
class Run:
    """What came of it."""

    per_s: float
    p50_ms: float
    p99_ms: float


async def run(load: Load) -> Run:
    credentials = grpc.ssl_channel_credentials(load.ca.encode())
    channels = [grpc.aio.secure_channel(load.endpoint, credentials, options=_OPTIONS) for _ in range(load.clients)]
    await asyncio.gather(*(channel.channel_ready() for channel in channels))
    left, took_s = iter(range(load.calls)), list[float]()
    began = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for channel in channels:
            tasks.create_task(_client(load, channel, left, took_s))
    elapsed_s = time.perf_counter() - began
    for channel in channels:
        await channel.close(None)
    percentiles = quantiles(took_s, n=100)
    return Run(load.calls / elapsed_s, percentiles[49] * 1000, percentiles[98] * 1000)


async def _client(load: Load, channel: grpc.aio.Channel, left: Any, took_s: list[float]) -> None:
    call = channel.unary_unary(load.method, None, None)
    metadata = (("authorization", f"Bearer {load.token}"),)
    for _ in left:
        began = time.perf_counter()
        request = load.request
        if load.is_mutating:
            request += _CLIENT_TOKEN_TAG + str(uuid.uuid4()).encode()
        await call(request, metadata=metadata)
        took_s.append(time.perf_counter() - began)


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    print(json.dumps(asdict(uvloop.run(run(Load(**{**given, "request": bytes.fromhex(given["request"])}))))))
