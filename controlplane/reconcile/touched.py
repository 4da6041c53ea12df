"""What a step of the log changes of what hosts are told."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from controlplane.model.host import Host
from controlplane.model.state import Entry, State
from controlplane.reconcile.objects import KINDS, PARTS, SHOWN, WAITING, Part, Ref


@dataclass(slots=True)
class Touched:
    """Objects with their scopes, and hosts: `joined` have a scope besides what they had, `moved` may have others than
    before, `waiting` are those whose answer something may wait for, `released` may follow what they held, `removed` are
    no longer part of the region.
    """

    objects: dict[tuple[str, Ref], None] = field(default_factory=dict)
    joined: set[tuple[str, str]] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)
    released: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)


def touched(state: State, entries: Sequence[Entry]) -> Touched:
    """Of a revision, whose state is given: what rows refer to may be gone in a later one."""
    found = Touched()
    for entry in entries:
        row_type = type(entry.new or entry.old)
        if (kind := KINDS.get(row_type)) and _differs(entry, kind.shows):
            ref = kind, entry.id
            found.objects |= {(scope, ref): None for row in _rows(entry) for scope in kind.scopes(state, row)}
        if (shown := SHOWN.get(row_type)) and _differs(entry, shown.shows):
            found.objects |= {where: None for row in _rows(entry) for where in shown.objects(state, row)}
        if (part := PARTS.get(row_type)) and _differs(entry, part.shows):
            _add_part(found, part, state, entry)
        if waiting := WAITING.get(row_type):
            found.waiting |= {host_id for row in _rows(entry) for host_id in waiting(row)}
        if row_type is Host:
            _add_host(found, entry)
    return found


def _add_part(found: Touched, part: Part[Any], state: State, entry: Entry) -> None:
    host_ids = {host_id for row in _rows(entry) for host_id in part.hosts(state, row)}
    if entry.old is None and part.joins:
        found.joined |= {(host_id, scope_id) for host_id in host_ids for scope_id in part.joins(entry.new)}
    else:
        found.moved |= host_ids


def _differs(entry: Entry, shows: Sequence[str]) -> bool:
    old, new = entry.old, entry.new
    return old is None or new is None or any(getattr(old, name) != getattr(new, name) for name in shows)


def _rows(entry: Entry) -> Iterator[Any]:
    return (row for row in (entry.old, entry.new) if row is not None)


def _add_host(found: Touched, entry: Entry) -> None:
    old, new = entry.old, entry.new
    if not isinstance(new, Host) or new.is_removed:
        found.removed.add(entry.id)
    elif isinstance(old, Host) and old.released_to != new.released_to:
        found.released.add(entry.id)
