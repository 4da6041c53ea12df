"""A failure as what gRPC sends: a status, and in it our detail and the standard ones of `google.rpc`."""

from collections.abc import Iterator

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode

from controlplane.api.fields import path_of
from controlplane.errors import Category
from controlplane.gate.failure import Failure
from stead.v1.common_pb2 import ErrorDetail, HostRefusal

_CODES = {
    Category.CALLER: StatusCode.INVALID_ARGUMENT,
    Category.MISSING: StatusCode.NOT_FOUND,
    Category.UNAUTHENTICATED: StatusCode.UNAUTHENTICATED,
    Category.DENIED: StatusCode.PERMISSION_DENIED,
    Category.CONFLICT: StatusCode.FAILED_PRECONDITION,
    Category.CAPACITY: StatusCode.RESOURCE_EXHAUSTED,
    Category.UNAVAILABLE: StatusCode.UNAVAILABLE,
    Category.INTERNAL: StatusCode.INTERNAL,
}
# A client refuses a reply with more than 8 KiB of metadata, as it is on the wire: the status in base64, and the message
# once more beside it, percent-encoded.
_MESSAGE_MAX_BYTES, _PATH_MAX_BYTES, _DETAIL_MAX_BYTES = 400, 200, 3600
# More ids than ever fit in: each is weighed before the last ones are left out.
_MAX_NAMED = 100
_DETAILS_KEY = "grpc-status-details-bin"  # gRPC's name for a serialised google.rpc.Status.
_DOMAIN = "stead"

Reply = tuple[StatusCode, str, tuple[tuple[str, bytes]]]  # code, text and trailing metadata


def status_of(failure: Failure, request: Message | None) -> Reply:
    """What the caller is told; `request`: what it asked, as far as that came."""
    message = _cut(failure.message)
    details = [_detail(failure, message), *_standard(failure, request, message)]
    code, text = _CODES[failure.category], f"{failure.code}: {message}"
    status = Status(code=code.value[0], message=text, details=map(_packed, details))
    return code, text, ((_DETAILS_KEY, status.SerializeToString()),)


def _detail(failure: Failure, message: str) -> ErrorDetail:
    detail = ErrorDetail(
        code=failure.code,
        message=message,
        retryable=failure.is_retryable,
        blocking_ids=failure.blocking_ids[:_MAX_NAMED],
        host_refusals=[HostRefusal(host_id=row.host_id, reason=row.reason) for row in failure.refusals[:_MAX_NAMED]],
        request_id=failure.request_id,
    )
    while detail.ByteSize() > _DETAIL_MAX_BYTES:
        del detail.host_refusals[-1:], detail.blocking_ids[-1:]
    return detail


def _standard(failure: Failure, request: Message | None, message: str) -> Iterator[Message]:
    """What programs understand that know nothing of us."""
    yield ErrorInfo(reason=failure.code, domain=_DOMAIN, metadata={"request_id": failure.request_id})
    path = path_of(request, failure.parameter) if request and failure.parameter else ""
    if len(path.encode()) > _PATH_MAX_BYTES:
        path = path.partition("[")[0]  # A tag's key may be as long as any text.
    if path:
        yield BadRequest(field_violations=[BadRequest.FieldViolation(field=path, description=message)])
    if failure.retry_after_s is not None:
        delay = Duration()
        delay.FromMilliseconds(max(1, round(failure.retry_after_s * 1000)))
        yield RetryInfo(retry_delay=delay)


def _packed(message: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed


def _cut(message: str) -> str:
    """The message as long as it may be: it may repeat what the caller sent."""
    encoded = message.encode()
    is_long = len(encoded) > _MESSAGE_MAX_BYTES
    return encoded[: _MESSAGE_MAX_BYTES - 3].decode(errors="ignore") + "..." if is_long else message
