"""The connection of one agent to the control plane, without sockets: everything crosses it as bytes, in order.

It stands in for `grpc.aio` alone: the agent's `Session` is at one end, the control plane's `Agents` servicer at the
other. It can be slow, deliver reports and updates twice, break with what is under way, or swallow everything until both
ends notice, each in its own time.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Self

from stead.agent.v1 import session_pb2 as pb

from .virtual_time import VirtualLoop

QUICK_S, SLOW_S = 0.01, 3.0  # Longest that a message takes.
NOTICED_AFTER_S = 25.0  # Keepalive finds a connection dead after this, at the latest.


class Wire:
    """What the agent dials. `accept` is the control plane's listener, None while it is down."""

    def __init__(self, loop: VirtualLoop, host_id: str) -> None:
        self.loop = loop
        self.host_id = host_id
        self.is_up = True
        self.latency_s = QUICK_S
        self.is_repeating = False  # Every report and every update comes twice.
        self.accept: Callable[[Call], None] | None = None
        self._calls: list[Call] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """The agent hangs up, or dies; word of it may come late."""
        for call in self._calls:
            call.down.end()
            self.loop.call_later(self.loop.random.choice((0.0, NOTICED_AFTER_S)), call.up.end)
        self._calls = []

    def Session(self) -> "Call":
        call = Call(self)
        self._calls.append(call)
        if self.is_up and self.accept is not None:
            self.accept(call)
        else:
            call.end()
        return call

    def cut(self) -> None:
        """Nothing comes through any more, and neither end is told."""
        self.is_up = False
        for call in self._calls:
            for stream in (call.up, call.down):
                stream.is_dead = True
                self.loop.call_later(self.loop.random.uniform(0, NOTICED_AFTER_S), stream.end)

    def reset(self) -> None:
        """The connection breaks, and both ends are told."""
        for call in self._calls:
            call.end()
        self._calls = []


class Call:
    """One stream in each direction; `write` and `read` are the agent's, the others the control plane's."""

    def __init__(self, wire: Wire) -> None:
        self.host_id = wire.host_id
        self._wire = wire
        self.up, self.down = Stream(wire), Stream(wire)

    async def write(self, message: pb.AgentMessage) -> None:
        if self.up.has_ended:
            raise asyncio.InvalidStateError("the call is over")
        self._send(self.up, message, "report")

    async def read(self) -> Any:
        data = await self.down.get()
        return None if data is None else pb.ControlMessage.FromString(data)  # `grpc.aio.EOF` is no message either.

    async def code(self) -> None:
        """Why it ended: nothing says that this control plane is an older one."""

    async def requests(self) -> AsyncIterator[bytes]:
        while (data := await self.up.get()) is not None:
            yield data

    async def answer(self, data: bytes) -> None:
        self._send(self.down, pb.ControlMessage.FromString(data), "update")

    def _send(self, stream: "Stream", message: Any, repeated: str) -> None:
        for _ in range(2 if self._wire.is_repeating and message.WhichOneof("body") == repeated else 1):
            stream.put(message.SerializeToString())

    def end(self) -> None:
        self.up.end()
        self.down.end()


class Stream:
    def __init__(self, wire: Wire) -> None:
        self.is_dead = False  # Swallows everything.
        self.has_ended = False
        self._wire = wire
        self._last_at = 0.0
        self._arrived: asyncio.Queue[bytes | None] = asyncio.Queue()

    def put(self, data: bytes) -> None:
        if self.is_dead or self.has_ended:
            return
        loop = self._wire.loop
        self._last_at = max(self._last_at + 1e-6, loop.time() + loop.random.uniform(0, self._wire.latency_s))
        loop.call_at(self._last_at, self._arrive, data)

    def _arrive(self, data: bytes) -> None:
        if not (self.is_dead or self.has_ended):
            self._arrived.put_nowait(data)

    async def get(self) -> bytes | None:
        return await self._arrived.get()

    def end(self) -> None:
        if not self.has_ended:
            self.has_ended = True
            self._arrived.put_nowait(None)
