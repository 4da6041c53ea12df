"""Describe calls: ids, EC2's filters, a stable order, pages."""

import base64
import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from typing import Protocol, TypeVar

from controlplane.errors import Invalid, Parameter, invalid_value, shown
from controlplane.model.table import Read, Values
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
# In the order of lists: by creation, in seconds since 1970, then id.
Place = tuple[float, str]
Attributes = Mapping[str, Read[R]]
_BY_CREATION = attrgetter("created_at", "id")


@dataclass(frozen=True, slots=True)
class Filter:
    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """What a call asks for. `question` stands for all that makes the list what it is: who asks, ids and filters."""

    name: str
    question: str
    filters: tuple[Filter, ...] = ()
    page_size: int = 0
    page_token: str = ""

    def after(self) -> "Place | None":
        """The place of the last row of the page before, None at the beginning. Raises `InvalidPaginationToken`."""
        if not self.page_token:
            return None
        try:
            question, created_at, row_id = base64.urlsafe_b64decode(self.page_token.encode()).decode().split("\n")
            place = float(created_at), row_id
        except ValueError as error:
            raise self._bad_page_token() from error
        if question != self.question or math.isnan(place[0]):
            raise self._bad_page_token()
        return place

    def _bad_page_token(self) -> Invalid:
        message = (
            f"Page token {shown(self.page_token)} is none that {self.name} gave; begin again without one, or use it"
            " with the ids and filters that it was given for"
        )
        return Invalid("InvalidPaginationToken", message, parameter=Parameter("page_token", self.page_token))

    def next_page_token(self, last: Listed) -> str:
        """Of the page that follows this row."""
        created_at, row_id = place_of(last)
        return base64.urlsafe_b64encode(f"{self.question}\n{created_at!r}\n{row_id}".encode()).decode()

    @property
    def length(self) -> int:
        """Of a page. Raises `InvalidParameterValue`."""
        if not 0 <= self.page_size <= MAX_PAGE:
            raise invalid_value("page_size", self.page_size, f"1 to {MAX_PAGE}, or 0 for {MAX_PAGE}")
        return self.page_size or MAX_PAGE


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
        if isinstance(found, bool):
            found = "true" if found else "false"
        if isinstance(found, str):
            return found in self._plain or (bool(self._wildcards) and self._is_wild(found))
        return any(map(self.match, found))

    def _is_wild(self, text: str) -> bool:
        self._characters_left -= len(text) * len(self._wildcards)
        if self._characters_left < 0:
            raise _too_much(f"The wildcards of filter {self._name!r} have too much to look at here; use fewer, or ids")
        return any(wildcard.matches(text) for wildcard in self._wildcards)


def _is_plain(parsed: list[object]) -> bool:
    return wildcards.STAR not in parsed and wildcards.ANY not in parsed


def _too_much(message: str) -> Invalid:
    return Invalid("FilterLimitExceeded", message)


def _reader(name: str, attributes: Attributes[R]) -> Read[R]:
    if name in attributes:
        return attributes[name]
    if "tag-key" in attributes and name.startswith("tag:"):
        key = name.removeprefix("tag:")
        return lambda row: row.tags.get(key, ())  # type: ignore[attr-defined]
    known = ", ".join(sorted(attributes)) + (", tag:<key>" if "tag-key" in attributes else "")
    raise _bad_filter(name, f"is not known here; there are: {known}")


def _bad_filter(name: str, why: str) -> Invalid:
    return Invalid("InvalidFilter", f"Filter {shown(name)} {why}", parameter=Parameter("name", name))


def matching(rows: Iterable[R], filters: Sequence[Filter], attributes: Attributes[R]) -> Iterable[R]:
    """Rows that match all filters, in their order; each is looked at when it is wanted.

    Raises `InvalidFilter` and `FilterLimitExceeded` at once, and the latter also while rows are looked at.
    """
    _check_number(filters)
    for wanted in filters:
        if not wanted.values:
            raise _bad_filter(wanted.name, "has no values; give at least one")
        read, values = _reader(wanted.name, attributes), _Values(wanted, MAX_WILDCARD_CHARACTERS // len(filters))
        rows = _wanted(rows, values, read)
    return rows


def _wanted(rows: Iterable[R], values: _Values, read: Read[R]) -> Iterator[R]:
    return (row for row in rows if values.match(read(row)))


def _check_number(filters: Sequence[Filter]) -> None:
    count = sum(len(wanted.values) for wanted in filters)
    if len(filters) > MAX_FILTERS or count > MAX_VALUES:
        raise _too_much(
            f"{len(filters)} filters with {count} values; a request has at most {MAX_FILTERS} with {MAX_VALUES} in all"
        )


def place_of(row: Listed) -> Place:
    created_at = getattr(row, "created_at", None)
    return (created_at.timestamp() if created_at else 0.0, row.id)


def _in_order(rows: Iterable[R]) -> list[R]:
    """As by `place_of`, in half its time where rows have times: a list of 10,000 is sorted for each of its pages."""
    found = list(rows)
    return sorted(found, key=_BY_CREATION if found and hasattr(found[0], "created_at") else place_of)


def page(listing: Listing, rows: Iterable[R], attributes: Attributes[R]) -> tuple[list[R], str]:
    """One page and the page token of the next, which names the last row of its page, so that pages never repeat one.

    Raises `InvalidPaginationToken`, `InvalidParameterValue`, `InvalidFilter`, `FilterLimitExceeded`.
    """
    length, after = listing.length, listing.after()
    ordered = _in_order(rows)
    start = bisect_right(ordered, after, key=place_of) if after else 0
    found = list(islice(matching(islice(ordered, start, None), listing.filters, attributes), length + 1))
    return found[:length], listing.next_page_token(found[length - 1]) if len(found) > length else ""
