"""Around every call that comes by gRPC: metadata into the gate, and status and details out of it.

Nothing of a call's body is read before its caller is known: all requests are taken as streams of bytes, and become
messages here.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message

from controlplane.api import bounds
from controlplane.api.caller import Context, invocation
from controlplane.api.roles import role_needed
from controlplane.api.status import status_of
from controlplane.errors import Invalid
from controlplane.gate.credentials import BearerToken
from controlplane.gate.door import Door
from controlplane.gate.invocation import Access, Invocation, Operation

Handler = Any  # grpc.RpcMethodHandler, which the stubs call generic and the library does not

# Open to all, and not worth a line in the log: what load balancers and grpcurl ask.
_NOT_OURS = ("/grpc.health.", "/grpc.reflection.")
# How long a call's message may take to arrive. Longer: callers who never send theirs hold their places for longer.
BODY_TIMEOUT_S = 30


class CallInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]
    """For the users' endpoint, and with `is_for_agents` for the agents', where the certificate says who calls."""

    def __init__(self, door: Door, *, is_for_agents: bool = False) -> None:
        self._door = door
        self._is_for_agents = is_for_agents
        self._guarded: dict[str, Handler] = {}  # By method.

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        details: grpc.HandlerCallDetails,
    ) -> Handler:
        method = details.method
        if method not in self._guarded:
            handler = await continuation(details)
            if handler is None:
                return handler
            self._guarded[method] = self._guard(self._operation(method, handler), handler)
        return self._guarded[method]

    def _operation(self, method: str, handler: Handler) -> Operation:
        name, goes_on = method.rpartition("/")[2], handler.request_streaming or handler.response_streaming
        if method.startswith(_NOT_OURS):
            return Operation(name, Access.ANYONE, goes_on, is_logged=False)
        access = role_needed(method)
        if access is Access.HOST and not self._is_for_agents:
            access = Access.NOBODY
        return Operation(name, access, goes_on)

    def _guard(self, operation: Operation, handler: Handler) -> Handler:
        if handler.response_streaming:
            streaming, serializer = self._streaming(operation, handler), handler.response_serializer
            return grpc.stream_stream_rpc_method_handler(streaming, response_serializer=serializer)
        once = self._once(operation, handler)
        return grpc.stream_unary_rpc_method_handler(once, response_serializer=handler.response_serializer)

    def _once(self, operation: Operation, handler: Handler) -> Callable[..., Any]:
        behaviour = handler.stream_unary if handler.request_streaming else handler.unary_unary

        async def once(bodies: AsyncIterator[bytes], context: Context) -> Any:
            async with _Passage(self._door, operation, context) as passage:
                self._door.enter(passage.call)
                async with self._door.while_valid(passage.call):
                    return await behaviour(await self._request(bodies, context, handler, passage), context)

        return once

    def _streaming(self, operation: Operation, handler: Handler) -> Callable[..., Any]:
        behaviour = handler.stream_stream if handler.request_streaming else handler.unary_stream

        async def streaming(bodies: AsyncIterator[bytes], context: Context) -> None:
            async with _Passage(self._door, operation, context) as passage:
                self._door.enter(passage.call)
                async with self._door.while_valid(passage.call):
                    answer = behaviour(await self._request(bodies, context, handler, passage), context)
                    if not inspect.isasyncgen(answer):
                        await answer
                        return
                    async with aclosing(answer):
                        async for response in answer:
                            await context.write(response)

        return streaming

    async def _request(
        self, bodies: AsyncIterator[bytes], context: Context, handler: Handler, passage: "_Passage"
    ) -> Any:
        """What the servicer is given: the request, or for a stream of them an iterator.

        One alone is read without the iterator, which leaves a task behind that ends it, and takes its time.
        """
        if handler.request_streaming:
            return self._requests(bodies, handler, passage)
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                body = await context.read()
        except TimeoutError as error:
            raise Invalid("RequestExpired", f"No message came within {BODY_TIMEOUT_S} s") from error
        if body is grpc.aio.EOF:  # type: ignore[attr-defined]  # the stubs forget it
            raise Invalid("MissingParameter", "The call ended without a message")
        return self._message(body, handler, passage)

    async def _requests(
        self, bodies: AsyncIterator[bytes], handler: Handler, passage: "_Passage"
    ) -> AsyncIterator[Any]:
        async for body in bodies:
            yield self._message(body, handler, passage)

    def _message(self, body: bytes, handler: Handler, passage: "_Passage") -> Any:
        with self._door.charged(passage.call):
            try:
                message = passage.message = handler.request_deserializer(body)
            except DecodeError as error:
                raise Invalid("InvalidParameterValue", "The message is not one that this method takes") from error
            if not self._is_for_agents:
                bounds.check(message)
            return message


class _Passage:
    """One call through the door and out again; gRPC is told how it ended. `message` is the latest that came."""

    def __init__(self, door: Door, operation: Operation, context: Context) -> None:
        address = context.peer().rpartition(":")[0]  # "ipv4:192.0.2.1:40000"
        self.call = Invocation(operation, address, _credential(context))
        self.message: Message | None = None
        self._door = door
        self._context = context

    async def __aenter__(self) -> "_Passage":
        invocation.set(self.call)
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._door.leave(self.call)
        if error is None:
            self._door.succeeded(self.call)
        elif isinstance(error, Exception) and not isinstance(error, grpc.RpcError | grpc.aio.AbortError):
            with self._door.charged(self.call):
                reply = status_of(self._door.failed(self.call, error), self.message)
            await self._context.abort(*reply)


def _credential(context: Context) -> BearerToken | None:
    """What comes as `authorization: Bearer <token>`."""
    for name, value in context.invocation_metadata() or ():
        if name == "authorization":
            scheme, _, secret = str(value).partition(" ")
            return BearerToken(secret) if secret and scheme.lower() == "bearer" else None
    return None
