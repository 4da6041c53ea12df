"""Around every call: who calls, may they, how much at once, what went wrong, one line in the log.

Nothing of a call's body is read before its caller is known: all requests are taken as streams of bytes, and become
messages here.
"""

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any, NoReturn

import grpc
import structlog
from google.protobuf.message import DecodeError

from controlplane.api import bounds
from controlplane.api.caller import Context, Edge, Principal, authenticate, principal, request_id
from controlplane.api.limits import InProgress, Lines, Rate
from controlplane.api.roles import OF_TOKENS, role_needed
from controlplane.api.status import status_of
from controlplane.api.tokens import Streams
from controlplane.errors import CloudError, Denied, Invalid
from controlplane.ids import Prefix, mint
from controlplane.model.project import Role
from stead.v1.common_pb2 import ROLE_ANYONE, ROLE_HOST

Handler = Any  # grpc.RpcMethodHandler, which the stubs call generic and the library does not

# Open to all, and not worth a line in the log: what load balancers and grpcurl ask.
_NOT_OURS = ("/grpc.health.", "/grpc.reflection.")
# How long a call's message may take to arrive. Longer: callers who never send theirs hold their places for longer.
BODY_TIMEOUT_S = 30
# Of calls that were not let in. Fewer: a user who mistyped a token is hard to find in a flood.
REFUSALS_LOGGED_PER_S = 20


class CallInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]
    """For the users' endpoint, and with `is_for_agents` for the agents', where the certificate says who calls."""

    def __init__(self, edge: Edge, *, is_for_agents: bool = False) -> None:
        self._edge = edge
        self._is_for_agents = is_for_agents
        self._streams = Streams(edge.engine)
        self._refusals = Lines(REFUSALS_LOGGED_PER_S)
        policy = edge.policy
        self._of_address = InProgress(policy.calls_in_progress_per_address)
        self._of_project = InProgress(policy.calls_in_progress)
        self._reads = Rate("reading calls", policy.reads_per_s, policy.reads_burst)
        self._changes = Rate("changing calls", policy.changes_per_s, policy.changes_burst)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        details: grpc.HandlerCallDetails,
    ) -> Handler:
        handler = await continuation(details)
        if handler is None:
            return handler
        if handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(
                self._streaming(details.method, handler), response_serializer=handler.response_serializer
            )
        return grpc.stream_unary_rpc_method_handler(
            self._once(details.method, handler), response_serializer=handler.response_serializer
        )

    def _once(self, method: str, handler: Handler) -> Callable[..., Any]:
        behaviour = handler.stream_unary if handler.request_streaming else handler.unary_unary

        async def once(bodies: AsyncIterator[bytes], context: Context) -> Any:
            async with _Call(method, context, self._refusals) as call, self._admitted(call, handler):
                return await behaviour(await self._request(bodies, handler), context)

        return once

    def _streaming(self, method: str, handler: Handler) -> Callable[..., Any]:
        behaviour = handler.stream_stream if handler.request_streaming else handler.unary_stream

        async def streaming(bodies: AsyncIterator[bytes], context: Context) -> None:
            async with _Call(method, context, self._refusals) as call, self._admitted(call, handler):
                answer = behaviour(await self._request(bodies, handler), context)
                if not inspect.isasyncgen(answer):
                    await answer
                    return
                async with aclosing(answer):
                    async for response in answer:
                        await context.write(response)

        return streaming

    @asynccontextmanager
    async def _admitted(self, call: "_Call", handler: Handler) -> AsyncIterator[None]:
        """By the role that the method needs. A host's certificate was checked by TLS, and names it to the servicer."""
        request_id.set(call.request_id)
        needed = ROLE_ANYONE if call.method.startswith(_NOT_OURS) else role_needed(call.method)
        async with AsyncExitStack() as stack:
            if not self._is_for_agents:
                stack.enter_context(self._of_address.one(call.address))
            if needed != ROLE_ANYONE and not (needed == ROLE_HOST and self._is_for_agents):
                who = self._caller(call, needed)
                stack.enter_context(self._of_project.one(who.project_id))
                if handler.request_streaming or handler.response_streaming:
                    await stack.enter_async_context(self._streams.while_valid(who.token_id, self._left_s(who)))
            call.is_let_in = needed != ROLE_ANYONE
            yield

    def _left_s(self, who: Principal) -> float | None:
        """How long the caller's token is still good; None: until it is revoked."""
        return (who.expires_at - self._edge.clock()).total_seconds() if who.expires_at else None

    def _caller(self, call: "_Call", needed: int) -> Principal:
        if needed not in OF_TOKENS:
            raise Denied("UnauthorizedOperation", f"No token may call {call.method}")
        who = call.caller = authenticate(self._edge.engine.state, call.secret(), call.request_id, self._edge.clock())
        if who.role < OF_TOKENS[needed]:
            raise Denied(
                "UnauthorizedOperation",
                f"{call.name} needs role {OF_TOKENS[needed].name.lower()}; "
                f"token {who.token_id} has {who.role.name.lower()}",
            )
        rate = self._reads if OF_TOKENS[needed] is Role.READER else self._changes
        rate.take(who.project_id, time.monotonic())
        principal.set(who)
        return who

    async def _request(self, bodies: AsyncIterator[bytes], handler: Handler) -> Any:
        """What the servicer is given: the request, or for a stream of them an iterator."""
        if handler.request_streaming:
            return self._requests(bodies, handler)
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                body = await anext(aiter(bodies), None)
        except TimeoutError as error:
            raise Invalid("RequestExpired", f"No message came within {BODY_TIMEOUT_S} s") from error
        if body is None:
            raise Invalid("MissingParameter", "The call ended without a message")
        return self._message(body, handler)

    async def _requests(self, bodies: AsyncIterator[bytes], handler: Handler) -> AsyncIterator[Any]:
        async for body in bodies:
            yield self._message(body, handler)

    def _message(self, body: bytes, handler: Handler) -> Any:
        try:
            message = handler.request_deserializer(body)
        except DecodeError as error:
            raise Invalid("InvalidParameterValue", "The message is not one that this method takes") from error
        if not self._is_for_agents:
            bounds.check(message)
        return message


class _Call:
    """One call, from its arrival to its line in the log."""

    def __init__(self, method: str, context: Context, refusals: Lines) -> None:
        self.method = method
        self.name = method.rsplit("/", 1)[-1]
        self.address = str(context.peer()).rpartition(":")[0]  # "ipv4:192.0.2.1:40000"
        self.caller: Principal | None = None
        self.is_let_in = False  # By what it showed, not because anybody is.
        self._context = context
        self._refusals = refusals
        self.request_id = mint(Prefix.RESERVATION).replace("r-", "req-")
        self._began = time.monotonic()

    def secret(self) -> str:
        """What comes as `authorization: Bearer <token>`; empty where nothing does."""
        metadata = dict(self._context.invocation_metadata() or ())
        scheme, _, secret = str(metadata.get("authorization", "")).partition(" ")
        return secret if scheme.lower() == "bearer" else ""

    async def __aenter__(self) -> "_Call":
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, CloudError):
            await self._fail(error)
        if isinstance(error, Exception) and not isinstance(error, grpc.RpcError | grpc.aio.AbortError):
            await self._break(error)
        if error is None:
            self._log("OK")

    async def _fail(self, error: CloudError) -> NoReturn:
        self._log(error.code)
        sees_hosts = self.caller is not None and self.caller.role is Role.ADMIN
        await self._context.abort(*status_of(error, self.request_id, sees_hosts=sees_hosts))
        raise AssertionError("abort raises")

    async def _break(self, error: Exception) -> NoReturn:
        """A bug of ours: say so, show nothing of it."""
        structlog.get_logger().error("bug", method=self.method, request_id=self.request_id, exc_info=error)
        await self._fail(
            CloudError("InternalError", f"This is a bug in the control plane; see request {self.request_id} in its log")
        )

    def _log(self, code: str) -> None:
        if self.method.startswith(_NOT_OURS):
            return
        unwritten = 0 if self.is_let_in else self._refusals.unwritten_before(time.monotonic())
        if unwritten is None:
            return
        if unwritten:
            structlog.get_logger().warning("calls refused without a line of their own", count=unwritten)
        structlog.get_logger().info(
            "call",
            method=self.name,
            code=code,
            caller=self.caller.token_id if self.caller else "-",
            duration_ms=round((time.monotonic() - self._began) * 1000, 1),
            request_id=self.request_id,
        )
