"""Around every call: who calls, may they, what went wrong, one line in the log."""

import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn

import grpc
import structlog
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.status_pb2 import Status

from controlplane.api.caller import Principal, authenticate, principal
from controlplane.api.roles import OF_TOKENS, role_needed
from controlplane.engine import Engine
from controlplane.errors import Category, CloudError, Denied
from controlplane.ids import Prefix, mint
from controlplane.model.project import Role
from stead.v1.common_pb2 import ROLE_ANYONE, ROLE_HOST, ErrorDetail, HostRefusal

Context = Any  # grpc.aio.ServicerContext, which the stubs call generic and the library does not
Handler = Any  # grpc.RpcMethodHandler, likewise

_STATUS = {
    Category.CALLER: grpc.StatusCode.INVALID_ARGUMENT,
    Category.MISSING: grpc.StatusCode.NOT_FOUND,
    Category.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    Category.DENIED: grpc.StatusCode.PERMISSION_DENIED,
    Category.CONFLICT: grpc.StatusCode.FAILED_PRECONDITION,
    Category.CAPACITY: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Category.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    Category.INTERNAL: grpc.StatusCode.INTERNAL,
}
_RETRYABLE = {Category.CAPACITY, Category.UNAVAILABLE}
# A client refuses a reply with more than 8 KiB of metadata, in which the message comes thrice, once percent-encoded.
_MESSAGE_MAX_BYTES, _DETAIL_MAX_BYTES = 400, 4000
_DETAILS_KEY = "grpc-status-details-bin"  # gRPC's name for a serialised google.rpc.Status.

# Open to all: what load balancers and grpcurl ask.
_NOT_OURS = ("/grpc.health.", "/grpc.reflection.")


def _cut(message: str) -> str:
    """The message as long as it may be: it may repeat what the caller sent."""
    encoded = message.encode()
    is_long = len(encoded) > _MESSAGE_MAX_BYTES
    return encoded[: _MESSAGE_MAX_BYTES - 3].decode(errors="ignore") + "..." if is_long else message


class CallInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]
    """For the users' endpoint, and with `is_for_agents` for the agents', where the certificate says who calls."""

    def __init__(self, engine: Engine, *, is_for_agents: bool = False) -> None:
        self._engine = engine
        self._is_for_agents = is_for_agents

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        details: grpc.HandlerCallDetails,
    ) -> Handler:
        handler = await continuation(details)
        if handler is None or details.method.startswith(_NOT_OURS):
            return handler
        return _wrap(handler, lambda inner: self._guarded(details.method, inner))

    def _guarded(self, method: str, inner: Callable[..., Any]) -> Callable[..., Any]:
        async def once(request: Any, context: Context) -> Any:
            async with _Call(self._engine, method, context, self._is_for_agents):
                return await inner(request, context)

        async def streaming(request: Any, context: Context) -> AsyncIterator[Any]:
            async with _Call(self._engine, method, context, self._is_for_agents):
                async for response in inner(request, context):
                    yield response

        return streaming if inspect.isasyncgenfunction(inner) else once


def _wrap(handler: Any, guard: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Handler:
    kinds = {
        (False, False): ("unary_unary", grpc.unary_unary_rpc_method_handler),
        (False, True): ("unary_stream", grpc.unary_stream_rpc_method_handler),
        (True, False): ("stream_unary", grpc.stream_unary_rpc_method_handler),
        (True, True): ("stream_stream", grpc.stream_stream_rpc_method_handler),
    }
    name, make = kinds[handler.request_streaming, handler.response_streaming]
    return make(
        guard(getattr(handler, name)),
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )


class _Call:
    """One call, from its arrival to its line in the log."""

    def __init__(self, engine: Engine, method: str, context: Context, is_for_agents: bool) -> None:
        self._engine = engine
        self._method = method
        self._context = context
        self._is_for_agents = is_for_agents
        self._request_id = mint(Prefix.RESERVATION).replace("r-", "req-")
        self._began = time.monotonic()
        self._caller = "-"

    async def __aenter__(self) -> None:
        try:
            self._admit()
        except CloudError as error:
            await self._fail(error)

    def _admit(self) -> None:
        """By the role that the method needs. A host's certificate was checked by TLS, and names it to the servicer."""
        needed = role_needed(self._method)
        if needed == ROLE_ANYONE or (needed == ROLE_HOST and self._is_for_agents):
            return
        if needed not in OF_TOKENS:
            raise Denied("UnauthorizedOperation", f"No token may call {self._method}")
        self._admit_token(OF_TOKENS[needed])

    def _admit_token(self, needed: Role) -> None:
        metadata = dict(self._context.invocation_metadata() or ())
        scheme, _, secret = str(metadata.get("authorization", "")).partition(" ")
        who: Principal = authenticate(self._engine.state, secret if scheme.lower() == "bearer" else "")
        self._caller = who.token_id
        if who.role < needed:
            raise Denied(
                "UnauthorizedOperation",
                f"{self._method.rsplit('/', 1)[-1]} needs role {needed.name.lower()}; "
                f"token {who.token_id} has {who.role.name.lower()}",
            )
        principal.set(who)

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, CloudError):
            await self._fail(error)
        if isinstance(error, Exception) and not isinstance(error, grpc.RpcError | grpc.aio.AbortError):
            await self._break(error)
        if error is None:
            self._log("OK")

    async def _fail(self, error: CloudError) -> NoReturn:
        self._log(error.code)
        message = _cut(error.message)
        detail = ErrorDetail(
            code=error.code,
            message=message,
            retryable=error.category in _RETRYABLE,
            blocking_ids=error.blocking_ids,
            host_refusals=[HostRefusal(host_id=row.host_id, reason=row.reason) for row in error.refusals],
            request_id=self._request_id,
        )
        while detail.ByteSize() > _DETAIL_MAX_BYTES:
            del detail.host_refusals[-1:], detail.blocking_ids[-1:]
        packed = AnyMessage()
        packed.Pack(detail)
        code, text = _STATUS[error.category], f"{error.code}: {message}"
        status = Status(code=code.value[0], message=text, details=[packed])
        await self._context.abort(code, text, ((_DETAILS_KEY, status.SerializeToString()),))
        raise AssertionError("abort raises")

    async def _break(self, error: Exception) -> NoReturn:
        """A bug of ours: say so, show nothing of it."""
        structlog.get_logger().error("bug", method=self._method, request_id=self._request_id, exc_info=error)
        await self._fail(
            CloudError(
                "InternalError", f"This is a bug in the control plane; see request {self._request_id} in its log"
            )
        )

    def _log(self, code: str) -> None:
        structlog.get_logger().info(
            "call",
            method=self._method.rsplit("/", 1)[-1],
            code=code,
            caller=self._caller,
            duration_ms=round((time.monotonic() - self._began) * 1000, 1),
            request_id=self._request_id,
        )
