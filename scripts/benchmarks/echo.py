"""The floors: a gRPC server with TLS and nothing behind it, or one durable SQLite commit behind every call.

bare      answers with what it was sent
commit    one transaction for each call, on the event loop, synchronous=FULL
group     one transaction for all calls that came during the last one, in a thread
"""

import asyncio
import contextlib
import signal
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import uvloop

METHOD = "/stead.bench.Echo/Echo"
MODES = ("bare", "commit", "group")
Answer = Callable[[bytes, Any], Awaitable[bytes]]


def open_log(directory: Path) -> sqlite3.Connection:
    """With the settings of `controlplane.store.sqlite`."""
    connection = sqlite3.connect(directory / "echo.db", isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE log (entry BLOB)")
    return connection


def append(connection: sqlite3.Connection, entries: list[tuple[bytes]]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO log VALUES (?)", entries)
    connection.execute("COMMIT")


class Group:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._pending: list[tuple[bytes]] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            entries, self._pending = self._pending, []
            waiters, self._waiters = self._waiters, []
            await asyncio.to_thread(append, self._connection, entries)
            for waiter in waiters:
                waiter.set_result(None)

    async def answer(self, request: bytes, _context: Any) -> bytes:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append((request,))
        self._waiters.append(waiter)
        self._wake.set()
        await waiter
        return request


async def serve(mode: str, directory: Path, port: int) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with asyncio.TaskGroup() as tasks:
        answer: Answer = bare
        committing = None
        if mode != "bare":
            connection = open_log(directory)
            group = Group(connection)
            committing = tasks.create_task(group.run())
            answer = group.answer if mode == "group" else _each(connection)
        server = grpc.aio.server()
        handler = grpc.unary_unary_rpc_method_handler(answer)
        services = grpc.method_handlers_generic_handler("stead.bench.Echo", {"Echo": handler})
        server.add_generic_rpc_handlers((services,))
        pair = (directory / "server.key").read_bytes(), (directory / "server.pem").read_bytes()
        server.add_secure_port(f"127.0.0.1:{port}", grpc.ssl_server_credentials([pair]))
        await server.start()
        await stop.wait()
        await server.stop(None)
        if committing:
            committing.cancel()


async def bare(request: bytes, _context: Any) -> bytes:
    return request


def _each(connection: sqlite3.Connection) -> Answer:
    async def answer(request: bytes, _context: Any) -> bytes:
        append(connection, [(request,)])
        return request

    return answer


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(serve(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
