"""Tables of objects that are never changed: a copy of what changed, the very same where nothing did."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from agent.objects import Change, Object

T = TypeVar("T", bound=Object)
Rows = Mapping[str, T]  # By id.
Index = Mapping[str, Rows[T]]  # By another key. What has none is left out.


def in_order(rows: Mapping[str, T]) -> list[T]:
    return [rows[key] for key in sorted(rows)]


def with_rows(table: Rows[T], changes: Iterable[Change], cls: type[T]) -> Rows[T]:
    """A copy with what changed of the rows of this class; the very same where nothing did."""
    ours = [change for change in changes if _is_of(change, cls)]
    if not ours:
        return table
    copy = dict(table)
    for change in ours:
        if isinstance(change.new, cls):
            copy[change.new.id] = change.new
        elif change.old is not None:
            copy.pop(change.old.id, None)
    return copy


def indexed(index: Index[T], changes: Iterable[Change], cls: type[T], keys: Callable[[T], Iterable[str]]) -> Index[T]:
    """A copy in which the tables that changed are new and the others the very same."""
    fresh: dict[str, dict[str, T]] = {}

    def table(key: str) -> dict[str, T]:
        if key not in fresh:
            fresh[key] = dict(index.get(key, {}))
        return fresh[key]

    for change in changes:
        if isinstance(old := change.old, cls):
            for key in keys(old):
                table(key).pop(old.id, None)
        if isinstance(new := change.new, cls):
            for key in keys(new):
                table(key)[new.id] = new
    return {key: rows for key, rows in {**index, **fresh}.items() if rows} if fresh else index


def _is_of(change: Change, cls: type) -> bool:
    return isinstance(change.new or change.old, cls)
