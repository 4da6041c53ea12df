"""What a batch of revisions comes to: for each row one statement, in an order that unique constraints can bear. Pure.

Within a table rows are deleted first, so that another may take a freed address, then changed, then inserted. A row that
changes a unique value is deleted and inserted again in its old position, so that two rows may even swap addresses.
"""

from collections.abc import Iterable, Sequence
from itertools import chain

from controlplane.model.state import Entry, Revision, State
from controlplane.model.table import Row

_UNIQUE = {row_type: frozenset(chain(*table.unique_fields)) for row_type, table in State().tables.items()}


class Writes:
    """One table's share, by row id. Every row in `deletes`, `moves` and `updates` is in the database already."""

    def __init__(self) -> None:
        self.deletes: dict[str, None] = {}
        self.moves: dict[str, Row] = {}
        self.updates: dict[str, Row] = {}
        self.inserts: dict[str, Row] = {}

    def add(self, entry: Entry) -> None:
        if entry.new is None:
            self._delete(entry.id)
        elif entry.old is None or entry.id in self.inserts:
            self.inserts[entry.id] = entry.new
        elif entry.id in self.moves or _moves(entry.old, entry.new):
            self.updates.pop(entry.id, None)
            self.moves[entry.id] = entry.new
        else:
            self.updates[entry.id] = entry.new

    def _delete(self, row_id: str) -> None:
        if self.inserts.pop(row_id, None) is None:
            self.updates.pop(row_id, None)
            self.moves.pop(row_id, None)
            self.deletes[row_id] = None


def _moves(old: Row, new: Row) -> bool:
    return any(getattr(old, name) != getattr(new, name) for name in _UNIQUE[type(new)])


def coalesce(revisions: Iterable[Revision]) -> dict[type[Row], Writes]:
    """The last word on every row, by row type."""
    batch: dict[type[Row], Writes] = {}
    for revision in revisions:
        for entry in revision.entries:
            row_type = type(entry.new or entry.old)
            batch.setdefault(row_type, Writes()).add(entry)  # type: ignore[arg-type]
    return batch


def check_sequence(revisions: Sequence[Revision]) -> None:
    """A gap would make durable what rests on changes that are not."""
    numbers = [revision.number for revision in revisions]
    if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        raise ValueError(f"revisions {numbers} are not consecutive; commit them in the order of State.apply")
