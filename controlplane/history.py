"""The latest revisions, for those who follow what changes and may be late. Only what is durable is in it."""

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import takewhile

from controlplane.model.state import Revision
from controlplane.model.value import value

# Changes. Fewer: a watcher that was away for long has to list again. More: memory, some 250 bytes each.
KEPT = 100_000


@value(frozen=True, slots=True)
class Changed:
    """One row's part of a revision. `project_id` is empty for what belongs to no project; `part_of`: see `Entry`."""

    revision: int
    kind: str
    id: str
    project_id: str
    at: datetime
    part_of: str = ""


class History:
    """Knows all changes after the revision `start`, and none before."""

    def __init__(self, start: int) -> None:
        self.start = start
        self._changes: deque[Changed] = deque()

    def load(self, changes: Sequence[Changed]) -> None:
        """The latest of the stored log, at most `KEPT`: the first revision may then be there in part."""
        self._changes.extend(changes)
        if changes:
            self.start = changes[0].revision - (len(changes) < KEPT)

    def add(self, revisions: Iterable[Revision], at: datetime) -> None:
        """These became durable at that time."""
        for revision in revisions:
            self._changes.extend(
                Changed(revision.number, entry.kind, entry.id, entry.project_id, at, entry.part_of)
                for entry in revision.entries
                if not entry.is_quiet
            )
        while len(self._changes) > KEPT:
            self.start = self._changes.popleft().revision

    def after(self, revision: int) -> list[Changed] | None:
        """Changes later than a revision, in order, at no more cost than there are; None where some are not kept."""
        if revision < self.start:
            return None
        return list(takewhile(lambda change: change.revision > revision, reversed(self._changes)))[::-1]
