"""The clients, a process by itself: each on a connection of its own, sends its next call when the last is answered.

With a pace, calls begin at their times whether others were answered or not, and count from then: as many strangers'.

Requests and replies stay bytes here, so that the clients cost little beside the server.
"""

import asyncio
import json
import sys
import time
import uuid
from dataclasses import asdict, dataclass
from itertools import cycle
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
    """`request` is the serialised message, without its client token; `ca` is PEM; `pace` is in calls/s."""

    endpoint: str
    ca: str
    token: str
    method: str
    request: bytes
    calls: int
    clients: int = 100
    is_mutating: bool = True
    pace: float = 0.0

    def run(self) -> "Run":
        arguments = {**asdict(self), "request": self.request.hex()}
        return Run(**ask("load", json.dumps(arguments)))


@dataclass(frozen=True)
class Run:
    """What came of it."""

    per_s: float
    p50_ms: float
    p99_ms: float
    longest_ms: float


async def run(load: Load) -> Run:
    credentials = grpc.ssl_channel_credentials(load.ca.encode())
    channels = [grpc.aio.secure_channel(load.endpoint, credentials, options=_OPTIONS) for _ in range(load.clients)]
    await asyncio.gather(*(channel.channel_ready() for channel in channels))
    calls = [channel.unary_unary(load.method, None, None) for channel in channels]
    began = time.perf_counter()
    took_s = await (_paced(load, calls) if load.pace else _eager(load, calls))
    elapsed_s = time.perf_counter() - began
    for channel in channels:
        await channel.close(None)
    percentiles = quantiles(took_s, n=100)
    return Run(load.calls / elapsed_s, percentiles[49] * 1000, percentiles[98] * 1000, max(took_s) * 1000)


async def _eager(load: Load, calls: list[Any]) -> list[float]:
    left, took_s = iter(range(load.calls)), list[float]()

    async def client(call: Any) -> None:
        for _ in left:
            took_s.append(await _send(load, call, time.perf_counter()))

    async with asyncio.TaskGroup() as tasks:
        for call in calls:
            tasks.create_task(client(call))
    return took_s


async def _paced(load: Load, calls: list[Any]) -> list[float]:
    began = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        sent = []
        for number, call in zip(range(load.calls), cycle(calls), strict=False):
            due = began + number / load.pace
            await asyncio.sleep(due - time.perf_counter())
            sent.append(tasks.create_task(_send(load, call, due)))
    return [each.result() for each in sent]


async def _send(load: Load, call: Any, since: float) -> float:
    """How long it took, s."""
    request = load.request
    if load.is_mutating:
        request += _CLIENT_TOKEN_TAG + str(uuid.uuid4()).encode()
    await call(request, metadata=(("authorization", f"Bearer {load.token}"),))
    return time.perf_counter() - since


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    print(json.dumps(asdict(uvloop.run(run(Load(**{**given, "request": bytes.fromhex(given["request"])}))))))
