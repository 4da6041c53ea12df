"""The stream between this agent and its control plane, in the version of the contract that they have in common."""

import asyncio
from typing import Any, Protocol

import grpc
from google.protobuf.message import Message

from agent.convert import agent_message, from_control_message
from agent.messages import FromAgent, FromControlPlane, Hello, Welcome
from stead.agent.v1.session_pb2 import FetchImageRequest


class SessionEnded(Exception):
    """The session is over for a reason that isn't an RPC error."""


class Contract(Protocol):
    """How messages look on the wire."""

    def to_wire(self, value: FromAgent, /) -> Any: ...
    def from_wire(self, message: Any, /) -> FromControlPlane | None: ...


class OurContract:
    """`stead.agent.v1`."""

    to_wire = staticmethod(agent_message)
    from_wire = staticmethod(from_control_message)


class Line:
    """Our side of the stream: one message at a time, whoever sends."""

    def __init__(self, stub: Any, contract: Contract) -> None:
        self.stub = stub
        self._contract = contract
        self._call = stub.Session()
        self._lock = asyncio.Lock()

    async def is_welcome(self, hello: Hello) -> bool:
        """Open the conversation. Returns whether the control plane speaks this contract."""
        try:
            await self.send(hello)
            answer = await self.receive()
        except (grpc.aio.AioRpcError, SessionEnded):
            if await self._is_unknown():
                return False
            raise
        if not isinstance(answer, Welcome):
            raise SessionEnded("the control plane's first message is no welcome")
        return True

    async def _is_unknown(self) -> bool:
        """Whether that was why the call ended. Of one that ended while we wrote gRPC lost the reason: ask once more."""
        if await self._call.code() is not grpc.StatusCode.INTERNAL:
            return await self._call.code() is grpc.StatusCode.UNIMPLEMENTED
        try:
            await self.stub.FetchImage(FetchImageRequest()).read()
        except grpc.aio.AioRpcError as error:
            return error.code() is grpc.StatusCode.UNIMPLEMENTED
        return False

    async def send(self, message: FromAgent) -> None:
        async with self._lock:
            try:
                await self._call.write(self._contract.to_wire(message))
            except (asyncio.InvalidStateError, asyncio.CancelledError) as error:
                raise _unless_ours(error) from error

    async def receive(self) -> FromControlPlane | None:
        try:
            message = await self._call.read()
        except asyncio.CancelledError as error:
            raise _unless_ours(error) from error
        if not isinstance(message, Message):  # grpc.aio.EOF
            raise SessionEnded("the control plane ended the session")
        try:
            return self._contract.from_wire(message)
        except ValueError as error:
            raise SessionEnded(f"the control plane's message is not understood: {error}") from error


def _unless_ours(error: BaseException) -> BaseException:
    """gRPC cancels our task when the peer cancels the call: that is the end of a session, not of us."""
    task = asyncio.current_task()
    if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
        return error
    return SessionEnded("the call was cancelled by the other side")
