"""What a step of the log changes of what hosts are told."""

from collections.abc import Sequence
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
        rows = rows_of(entry)
        row_type = type(rows[-1])
        if (kind := KINDS.get(row_type)) and differs(entry, kind.shows):
            ref = kind, entry.id
            for row in rows:
                for scope in kind.scopes(state, row):
                    found.objects[scope, ref] = None
        if (shown := SHOWN.get(row_type)) and differs(entry, shown.shows):
            for row in rows:
                found.objects.update(dict.fromkeys(shown.objects(state, row)))
        if (part := PARTS.get(row_type)) and differs(entry, part.shows):
            _add_part(found, part, state, entry)
        if waiting := WAITING.get(row_type):
            for row in rows:
                found.waiting.update(waiting(row))
        if row_type is Host:
            _add_host(found, entry)
    return found


def _add_part(found: Touched, part: Part[Any], state: State, entry: Entry) -> None:
    joined = part.joined(state, entry)
    for row in rows_of(entry):
        host_ids = part.hosts(state, row)
        if joined is None:
            found.moved.update(host_ids)
        else:
            found.joined.update((host_id, scope_id) for host_id in host_ids for scope_id in joined)


def differs(entry: Entry, shows: Sequence[str]) -> bool:
    """Whether a row came or went, or is another in these fields."""
    old, new = entry.old, entry.new
    return old is None or new is None or any(getattr(old, name) != getattr(new, name) for name in shows)


def rows_of(entry: Entry) -> Sequence[Any]:
    """What it was, and what it is."""
    if entry.old is None or entry.new is None:
        return (entry.old or entry.new,)
    return entry.old, entry.new


def _add_host(found: Touched, entry: Entry) -> None:
    old, new = entry.old, entry.new
    if not isinstance(new, Host) or new.is_removed:
        found.removed.add(entry.id)
    elif isinstance(old, Host) and old.released_to != new.released_to:
        found.released.add(entry.id)
