"""Describe calls: ids, EC2's filters, a stable order, pages."""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, TypeVar

from controlplane.errors import Invalid, invalid_value

MAX_PAGE = 1000


class Listed(Protocol):
    @property
    def id(self) -> str: ...


R = TypeVar("R", bound=Listed)
Values = str | Iterable[str]
Attributes = Mapping[str, Callable[[R], Values]]


@dataclass(frozen=True, slots=True)
class Filter:
    name: str
    values: tuple[str, ...]


@lru_cache(maxsize=1024)
def _pattern(value: str) -> re.Pattern[str]:
    """EC2's wildcards: `*`, `?`, and a backslash before a literal."""
    parts, escaped = [], False
    for char in value:
        if escaped or char not in "*?\\":
            parts.append(re.escape(char))
            escaped = False
        elif char == "\\":
            escaped = True
        else:
            parts.append(".*" if char == "*" else ".")
    return re.compile("".join(parts), re.DOTALL)


def _reader(name: str, attributes: Attributes[R]) -> Callable[[R], Values]:
    if name in attributes:
        return attributes[name]
    if "tag-key" in attributes and name.startswith("tag:"):
        key = name.removeprefix("tag:")
        return lambda row: [value for found, value in row.tags.items() if found == key]  # type: ignore[attr-defined]
    known = ", ".join(sorted(attributes)) + (", tag:<key>" if "tag-key" in attributes else "")
    raise Invalid("InvalidFilter", f"Filter {name!r} is not known here; there are: {known}")


def _matches(values: Values, patterns: Sequence[re.Pattern[str]]) -> bool:
    found = (values,) if isinstance(values, str) else values
    return any(pattern.fullmatch(value) for value in found for pattern in patterns)


def select(rows: Iterable[R], filters: Sequence[Filter], attributes: Attributes[R]) -> list[R]:
    """Rows that match all filters, ordered by creation and id. Raises `InvalidFilter`."""
    for wanted in filters:
        if not wanted.values:
            raise Invalid("InvalidFilter", f"Filter {wanted.name!r} has no values; give at least one")
        read, patterns = _reader(wanted.name, attributes), [_pattern(value) for value in wanted.values]
        rows = [row for row in rows if _matches(read(row), patterns)]
    return sorted(rows, key=_order)


def _order(row: Listed) -> tuple[str, str]:
    created_at = getattr(row, "created_at", None)
    return (created_at.isoformat(timespec="microseconds") if created_at else "", row.id)


def page(rows: Sequence[R], page_size: int, page_token: str) -> tuple[Sequence[R], str]:
    """One page and the token of the next. A token names the last row of its page, so that pages never repeat one."""
    if not 0 <= page_size <= MAX_PAGE:
        raise invalid_value("page_size", page_size, f"1 to {MAX_PAGE}, or 0 for {MAX_PAGE}")
    start = 0
    if page_token:
        after = _decode(page_token)
        start = next((index for index, row in enumerate(rows) if _order(row) > after), len(rows))
    part = rows[start : start + (page_size or MAX_PAGE)]
    has_more = start + len(part) < len(rows)
    return part, _encode(_order(part[-1])) if has_more else ""


def _encode(order: tuple[str, str]) -> str:
    return base64.urlsafe_b64encode("\n".join(order).encode()).decode()


def _decode(token: str) -> tuple[str, str]:
    try:
        created_at, row_id = base64.urlsafe_b64decode(token.encode()).decode().split("\n")
    except (ValueError, binascii.Error) as error:
        raise Invalid("InvalidPaginationToken", f"Page token {token[:40]!r} is not one of ours") from error
    return created_at, row_id
