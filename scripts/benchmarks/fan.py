"""The floor of telling many agents: a gRPC server with mutual TLS that sends what it is given to every stream, and to a
new one so many bytes.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import uvloop

SESSION = "/stead.bench.Fan/Session"
SEND = "/stead.bench.Fan/Send"


CHUNK_BYTES = 256 << 10


class Fan:
    def __init__(self, greeting_bytes: int) -> None:
        chunks, rest = divmod(greeting_bytes, CHUNK_BYTES)
        self._greeting = [*[bytes(CHUNK_BYTES)] * chunks, *([bytes(rest)] if rest else [])]
        self._queues: set[asyncio.Queue[bytes]] = set()

    async def session(self, requests: AsyncIterator[bytes], context: Any) -> None:
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._queues.add(queue)
        reading = asyncio.ensure_future(self._read(requests))
        try:
            for chunk in self._greeting:
                await context.write(chunk)
            while True:
                await context.write(await queue.get())
        finally:
            reading.cancel()
            self._queues.discard(queue)

    async def _read(self, requests: AsyncIterator[bytes]) -> None:
        async for _ in requests:
            pass

    async def send(self, request: bytes, _context: Any) -> bytes:
        for queue in self._queues:
            queue.put_nowait(request)
        return b""


async def serve(directory: Path, port: int, greeting_bytes: int) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    fan, server = Fan(greeting_bytes), grpc.aio.server()
    handlers = {
        "Session": grpc.stream_stream_rpc_method_handler(fan.session),
        "Send": grpc.unary_unary_rpc_method_handler(fan.send),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("stead.bench.Fan", handlers),))
    pair = (directory / "server.key").read_bytes(), (directory / "server.pem").read_bytes()
    authority = (directory / "ca.pem").read_bytes()
    server.add_secure_port(f"127.0.0.1:{port}", grpc.ssl_server_credentials([pair], authority, True))
    await server.start()
    await stop.wait()
    await server.stop(None)


if __name__ == "__main__":
    uvloop.run(serve(Path(sys.argv[1]), *map(int, sys.argv[2:])))
