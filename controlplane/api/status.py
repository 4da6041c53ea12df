"""A domain error as what gRPC sends: a status, and our detail in it."""

import re
from collections.abc import Iterable

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode

from controlplane.errors import Category, CloudError, Refusal
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
_RETRYABLE = {Category.CAPACITY, Category.UNAVAILABLE}
# A client refuses a reply with more than 8 KiB of metadata, in which the message comes thrice, once percent-encoded.
_MESSAGE_MAX_BYTES, _DETAIL_MAX_BYTES = 400, 4000
# More ids than ever fit in: each is weighed before the last ones are left out.
_MAX_NAMED = 100
_HOST_ID = re.compile(r"\bhost-[0-9a-f]{17}\b")
_DETAILS_KEY = "grpc-status-details-bin"  # gRPC's name for a serialised google.rpc.Status.

Reply = tuple[StatusCode, str, tuple[tuple[str, bytes]]]  # code, text and trailing metadata


def status_of(error: CloudError, request_id: str, *, sees_hosts: bool) -> Reply:
    """What the caller is told; hosts and their capacity only where it may see them."""
    message = _cut(error.message if sees_hosts else _HOST_ID.sub("a host", error.message))
    detail = ErrorDetail(
        code=error.code,
        message=message,
        retryable=error.category in _RETRYABLE,
        blocking_ids=error.blocking_ids[:_MAX_NAMED],
        host_refusals=_by_host(error.refusals[:_MAX_NAMED]) if sees_hosts else _by_kind(error.refusals),
        request_id=request_id,
    )
    while detail.ByteSize() > _DETAIL_MAX_BYTES:
        del detail.host_refusals[-1:], detail.blocking_ids[-1:]
    code, text = _CODES[error.category], f"{error.code}: {message}"
    details = [_packed(detail), *_retry_info(error.retry_after_s)]
    status = Status(code=code.value[0], message=text, details=details)
    return code, text, ((_DETAILS_KEY, status.SerializeToString()),)


def _by_host(refusals: Iterable[Refusal]) -> list[HostRefusal]:
    return [HostRefusal(host_id=row.host_id, reason=row.reason) for row in refusals]


def _by_kind(refusals: Iterable[Refusal]) -> list[HostRefusal]:
    """Each reason once, without what tells how many hosts there are and how large: "vcpus"."""
    kinds = dict.fromkeys(row.reason.partition(":")[0] for row in refusals)
    return [HostRefusal(reason=kind) for kind in kinds]


def _retry_info(retry_after_s: float | None) -> list[AnyMessage]:
    if retry_after_s is None:
        return []
    delay = Duration()
    delay.FromMilliseconds(max(1, round(retry_after_s * 1000)))
    return [_packed(RetryInfo(retry_delay=delay))]


def _packed(message: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed


def _cut(message: str) -> str:
    """The message as long as it may be: it may repeat what the caller sent."""
    encoded = message.encode()
    is_long = len(encoded) > _MESSAGE_MAX_BYTES
    return encoded[: _MESSAGE_MAX_BYTES - 3].decode(errors="ignore") + "..." if is_long else message
