"""What happens around every call: an idempotency token, a deadline, retries, and errors that say what to do.

Every mutating request of the API has a `client_token`, and this module fills it in where the caller left it empty. So
every unary call may be repeated after a lost answer without doing its work twice. Streams are never repeated here: the
SteadError says when their caller should.
"""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from grpc_status import rpc_status

from client.errors import SteadError
from stead.v1.common_pb2 import ErrorDetail

# Shorter: a busy control plane is given up on. Longer: a hung one holds its caller.
DEADLINE_S = 60.0
# Fewer: a restart of the control plane shows. More: one that is away for good is reported later.
ATTEMPTS = 6
# Waits are random, up to this and doubling, so that clients who failed together do not come back together.
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 2.0
# gRPC's servers refuse what they have no room for with CANCELLED.
LOST = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
UNCERTAIN = LOST | {grpc.StatusCode.DEADLINE_EXCEEDED}
# EC2's names for what gRPC reports without the control plane's help.
CODES = {
    grpc.StatusCode.UNAVAILABLE: "Unavailable",
    grpc.StatusCode.DEADLINE_EXCEEDED: "RequestExpired",
    grpc.StatusCode.UNAUTHENTICATED: "AuthFailure",
    grpc.StatusCode.PERMISSION_DENIED: "UnauthorizedOperation",
    grpc.StatusCode.UNIMPLEMENTED: "InvalidAction",
    grpc.StatusCode.INTERNAL: "InternalError",
}

D = TypeVar("D", bound=Message)
Explain = Callable[[], Awaitable[str]]


def new_client_token() -> str:
    """A token that no other call has."""
    return str(uuid.uuid4())


class UnaryCalls(grpc.aio.UnaryUnaryClientInterceptor):  # type: ignore[type-arg]
    """Fills in the client token and the deadline, retries what was lost, raises SteadError."""

    def __init__(self, explain: Explain) -> None:
        self._explain = explain

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        details = client_call_details._replace(timeout=client_call_details.timeout or DEADLINE_S)
        request = with_client_token(request)
        for attempt in range(ATTEMPTS):
            try:
                call = await continuation(details, request)
                await call
            except grpc.aio.AioRpcError as error:
                if attempt == ATTEMPTS - 1 or not may_repeat(error):
                    raise await to_stead_error(error, self._explain, request) from error
                await asyncio.sleep(pause_s(attempt, random.random(), asked_pause_s(error)))  # noqa: S311 (no secret)
            else:
                return call
        raise AssertionError("the last attempt returns or raises")


class Uploads(grpc.aio.StreamUnaryClientInterceptor):  # type: ignore[type-arg]
    """Raises SteadError from calls that send a stream."""

    def __init__(self, explain: Explain) -> None:
        self._explain = explain

    async def intercept_stream_unary(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        call = await continuation(client_call_details, request_iterator)
        try:
            await call
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.INTERNAL and error_detail(error) is None:
                # The other side ended the call while we were sending, and gRPC knows no more than that.
                raise SteadError("Unavailable", "The upload was broken off.", retryable=True) from error
            raise await to_stead_error(error, self._explain) from error
        return call


class Streams(grpc.aio.UnaryStreamClientInterceptor):  # type: ignore[type-arg]
    """Raises SteadError from calls that receive a stream."""

    def __init__(self, explain: Explain) -> None:
        self._explain = explain

    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return self._messages(await continuation(client_call_details, request))

    async def _messages(self, call: Any) -> AsyncIterator[Any]:
        try:
            async for message in call:
                yield message
        except grpc.aio.AioRpcError as error:
            raise await to_stead_error(error, self._explain) from error


def with_client_token(request: Any) -> Any:
    """The request, or a copy with a token where it should have one and has none."""
    if "client_token" not in request.DESCRIPTOR.fields_by_name or request.client_token:
        return request
    copy = type(request)()
    copy.CopyFrom(request)
    copy.client_token = new_client_token()
    return copy


def pause_s(attempt: int, chance: float, asked_s: float | None = None) -> float:
    """How long to wait after the attempt of this number, from 0; `chance` is at least 0 and below 1.

    Not less than the control plane asks for, and twice as long each time, since others who were asked come back too.
    """
    if asked_s is not None:
        return (1 + chance) * asked_s * 2.0**attempt
    return chance * min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0**attempt)


def asked_pause_s(error: grpc.aio.AioRpcError) -> float | None:
    """After what time the control plane wants the call again; None where it does not say."""
    asked = _detail(error, RetryInfo)
    return float(asked.retry_delay.ToTimedelta().total_seconds()) if asked else None


def may_repeat(error: grpc.aio.AioRpcError) -> bool:
    """Whether the answer, or the call itself, was lost on the way, or the control plane asks to come back."""
    detail = error_detail(error)
    is_lost = error.code() in LOST and (detail is None or detail.retryable)
    return is_lost or asked_pause_s(error) is not None


def error_detail(error: grpc.aio.AioRpcError) -> ErrorDetail | None:
    """What the control plane says about the error; None where it was not the control plane that answered."""
    return _detail(error, ErrorDetail)


def _field(error: grpc.aio.AioRpcError) -> str:
    wrong = _detail(error, BadRequest)
    return wrong.field_violations[0].field if wrong else ""


def _detail(error: grpc.aio.AioRpcError, kind: type[D]) -> D | None:
    """The detail of this kind that google.rpc.Status has."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # has what it reads
    detail = kind()
    return next((detail for packed in (status.details if status else ()) if packed.Unpack(detail)), None)


async def to_stead_error(error: grpc.aio.AioRpcError, explain: Explain, request: Any = None) -> SteadError:
    """The error in Stead's terms; `explain` is asked why nobody answers."""
    detail = error_detail(error)
    if detail is not None:
        return SteadError(
            detail.code,
            detail.message,
            retryable=detail.retryable,
            blocking_ids=detail.blocking_ids,
            host_refusals=[(refusal.host_id, refusal.reason) for refusal in detail.host_refusals],
            request_id=detail.request_id,
            retry_after_s=asked_pause_s(error),
            field=_field(error),
        )
    code = error.code()
    message = await explain() if code is grpc.StatusCode.UNAVAILABLE else error.details() or code.name
    if code in UNCERTAIN and request is not None and "client_token" in request.DESCRIPTOR.fields_by_name:
        message += f" It may have been done all the same: repeat it with client token {request.client_token}."
    return SteadError(CODES.get(code, code.name), message, retryable=code in UNCERTAIN)
