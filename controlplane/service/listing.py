"""Describe calls: ids, EC2's filters, a stable order, pages."""

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from controlplane.errors import Invalid, invalid_value, shown
from controlplane.service import wildcards
from controlplane.service.wildcards import Wildcard

MAX_PAGE = 1000
# Each filter reads an attribute of every row that is left, within one step of the control plane. EC2 has 50 and 200.
MAX_FILTERS = 20
MAX_VALUES = 200
MAX_VALUE_LENGTH = 255
# What the wildcards of a request may look at, each filter having its share: at worst half a second, in which nobody
# else is answered. Fewer: a wildcard over the names of 10,000 resources is refused.
MAX_WILDCARD_CHARACTERS = 2_500_000


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


class _Values:
    """A filter's values: plain ones in a set, wildcards one by one."""

    def __init__(self, wanted: Filter, characters_left: int) -> None:
        for value in wanted.values:
            if len(value) > MAX_VALUE_LENGTH:
                raise invalid_value(f"Filter {shown(wanted.name)}", value, f"at most {MAX_VALUE_LENGTH} characters")
        parsed = [wildcards.parse(value) for value in wanted.values]
        self._plain = {"".join(map(str, value)) for value in parsed if _is_plain(value)}
        self._wildcards = [Wildcard(value) for value in parsed if not _is_plain(value)]
        self._name = wanted.name
        self._characters_left = characters_left

    def match(self, found: Values) -> bool:
        """Whether one of a row's values is wanted. Raises `FilterLimitExceeded` when it has looked at too much."""
        texts = (found,) if isinstance(found, str) else found
        return any(text in self._plain or self._is_wild(text) for text in texts)

    def _is_wild(self, text: str) -> bool:
        self._characters_left -= len(text) * len(self._wildcards)
        if self._characters_left < 0:
            raise _too_much(f"The wildcards of filter {self._name!r} have too much to look at here; use fewer, or ids")
        return any(wildcard.matches(text) for wildcard in self._wildcards)


def _is_plain(parsed: list[object]) -> bool:
    return wildcards.STAR not in parsed and wildcards.ANY not in parsed


def _too_much(message: str) -> Invalid:
    return Invalid("FilterLimitExceeded", message)


def _reader(name: str, attributes: Attributes[R]) -> Callable[[R], Values]:
    if name in attributes:
        return attributes[name]
    if "tag-key" in attributes and name.startswith("tag:"):
        key = name.removeprefix("tag:")
        return lambda row: [value for found, value in row.tags.items() if found == key]  # type: ignore[attr-defined]
    known = ", ".join(sorted(attributes)) + (", tag:<key>" if "tag-key" in attributes else "")
    raise Invalid("InvalidFilter", f"Filter {shown(name)} is not known here; there are: {known}")


def select(rows: Iterable[R], filters: Sequence[Filter], attributes: Attributes[R]) -> list[R]:
    """Rows that match all filters, ordered by creation and id. Raises `InvalidFilter`, `FilterLimitExceeded`."""
    return sorted(matching(rows, filters, attributes), key=_order)


def matching(rows: Iterable[R], filters: Sequence[Filter], attributes: Attributes[R]) -> Iterable[R]:
    """Rows that match all filters, in their order. Raises as `select`."""
    _check_number(filters)
    for wanted in filters:
        if not wanted.values:
            raise Invalid("InvalidFilter", f"Filter {shown(wanted.name)} has no values; give at least one")
        read, values = _reader(wanted.name, attributes), _Values(wanted, MAX_WILDCARD_CHARACTERS // len(filters))
        rows = [row for row in rows if values.match(read(row))]
    return rows


def _check_number(filters: Sequence[Filter]) -> None:
    count = sum(len(wanted.values) for wanted in filters)
    if len(filters) > MAX_FILTERS or count > MAX_VALUES:
        raise _too_much(
            f"{len(filters)} filters with {count} values; a request has at most {MAX_FILTERS} with {MAX_VALUES} in all"
        )


def _order(row: Listed) -> tuple[str, str]:
    created_at = getattr(row, "created_at", None)
    return (created_at.isoformat(timespec="microseconds") if created_at else "", row.id)


def page(listing: str, rows: Sequence[R], page_size: int, page_token: str) -> tuple[Sequence[R], str]:
    """One page and the token of the next. A token names the last row of its page, so that pages never repeat one."""
    length, start = page_length(page_size), 0
    if page_token:
        after = decode(listing, page_token)
        start = next((index for index, row in enumerate(rows) if _order(row) > after), len(rows))
    part = rows[start : start + length]
    has_more = start + len(part) < len(rows)
    return part, encode(listing, _order(part[-1])) if has_more else ""


def page_length(page_size: int) -> int:
    if not 0 <= page_size <= MAX_PAGE:
        raise invalid_value("page_size", page_size, f"1 to {MAX_PAGE}, or 0 for {MAX_PAGE}")
    return page_size or MAX_PAGE


def encode(listing: str, order: tuple[str, str]) -> str:
    """A page token out of the last row's place in this listing."""
    return base64.urlsafe_b64encode("\n".join((listing, *order)).encode()).decode()


def decode(listing: str, token: str) -> tuple[str, str]:
    """Raises `InvalidPaginationToken`, also for the token of another listing."""
    try:
        of, created_at, row_id = base64.urlsafe_b64decode(token.encode()).decode().split("\n")
    except (ValueError, binascii.Error) as error:
        raise _bad_token(listing, token) from error
    if of != listing:
        raise _bad_token(listing, token)
    return created_at, row_id


def _bad_token(listing: str, token: str) -> Invalid:
    message = f"Page token {shown(token)} is none that {listing} gave; begin again without one"
    return Invalid("InvalidPaginationToken", message)
