"""What all services' messages have in common: requests out of them, times, and what only admins read.

Each row's message is made beside its service, by `to_<resource>`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import Any, TypeVar, get_args, get_type_hints

from google.protobuf.timestamp_pb2 import Timestamp

from controlplane.model.project import Role
from controlplane.model.state import State
from controlplane.service.call import Call
from controlplane.service.listing import Filter, Listing
from stead.v1 import common_pb2

T = TypeVar("T")


@cache
def _nested(request_type: Any) -> Mapping[str, type]:
    """Fields that hold sequences of other requests."""
    hints = get_type_hints(request_type)
    return {
        name: get_args(hint)[0] for name, hint in hints.items() if get_args(hint) and _is_request(get_args(hint)[0])
    }


def _is_request(candidate: Any) -> bool:
    return hasattr(candidate, "__dataclass_fields__")


def to_request(message: Any, request_type: type[T], **given: Any) -> T:
    """A use case's request out of a message with fields of the same names; `given` are those that it does not have."""
    nested: Mapping[str, type] = _nested(request_type)  # type: ignore[arg-type]
    values = dict(given)
    for spec in fields(request_type):  # type: ignore[arg-type]
        if spec.name not in given:
            values[spec.name] = _value(message, spec.name, nested.get(spec.name))
    return request_type(**values)


def _value(message: Any, name: str, nested: type | None) -> Any:
    value, descriptor = getattr(message, name), message.DESCRIPTOR.fields_by_name[name]
    if nested is not None:
        return tuple(to_request(part, nested) for part in value)
    if descriptor.message_type is not None and descriptor.message_type.GetOptions().map_entry:
        return dict(value)
    if descriptor.is_repeated:
        return tuple(value)
    is_unset = descriptor.has_presence and descriptor.containing_oneof is not None and not message.HasField(name)
    is_optional = descriptor.has_presence and len(descriptor.containing_oneof.fields) == 1
    return None if is_unset and is_optional else value


def to_listing(request: Any, call: Call) -> Listing:
    """Which page of what a Describe or List request asks for."""
    question = type(request)()
    question.CopyFrom(request)
    question.ClearField("page_size")
    question.ClearField("page_token")
    name, text = request.DESCRIPTOR.name.removesuffix("Request"), question.SerializeToString(deterministic=True)
    digest = sha256(f"{name} {call.project_id} ".encode() + text).hexdigest()[:16]
    return Listing(name, digest, to_filters(request.filters), request.page_size, request.page_token)


def to_filters(filters: Iterable[common_pb2.Filter]) -> tuple[Filter, ...]:
    return tuple(Filter(row.name, tuple(row.values)) for row in filters)


def timestamp(at: datetime) -> Timestamp:
    result = Timestamp()
    result.FromDatetime(at)
    return result


def maybe(at: datetime | None) -> Timestamp | None:
    return timestamp(at) if at else None


_IPV4 = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")


def without_hosts(state: State, cause: str, role: Role) -> str:
    """What a host said, without the addresses of hosts where the caller is no admin."""
    if role is Role.ADMIN or not _IPV4.search(cause):
        return cause
    hosts = {host.underlay_address for host in state.hosts}
    return _IPV4.sub(lambda found: "a host" if found[0] in hosts else found[0], cause)
