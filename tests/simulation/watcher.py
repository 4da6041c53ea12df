"""Somebody who follows what becomes of a project, over any number of control planes, and is often late to read."""

from collections import deque
from collections.abc import Iterable
from itertools import groupby
from random import Random
from typing import Any

from controlplane.api.contents import PUBLIC
from controlplane.model.state import Revision

_PAUSES_S = (0.0, 0.0, 1.0, 12.0)


class Watcher:
    def __init__(self, project_id: str, seen: int, chance: Random) -> None:
        self.project_id = project_id
        self.problems: list[str] = []
        self.seen = seen  # The latest revision that it was told of,
        self.known = seen  # and the latest that was durable.
        self.due: deque[int] = deque()  # Those that it is to be told of.
        self._chance = chance

    def expect(self, revisions: Iterable[Revision]) -> None:
        """These are durable."""
        for revision in revisions:
            self._expect(revision.number, [entry for entry in revision.entries if not entry.is_quiet])

    def expect_logged(self, entries: Iterable[Any]) -> None:
        """These had become durable when the last control plane died, perhaps without a word."""
        for number, parts in groupby(entries, key=lambda entry: int(entry.revision)):
            self._expect(number, parts)

    def _expect(self, number: int, entries: Iterable[Any]) -> None:
        self.known = number
        if any(entry.project_id == self.project_id and entry.kind in PUBLIC for entry in entries):
            self.due.append(number)

    def rewind(self, revision: int) -> None:
        """The database is an earlier one: what came after this is not to be told."""
        self.seen, self.known = min(self.seen, revision), min(self.known, revision)
        self.due = deque(number for number in self.due if number <= revision)

    def see(self, event: Any) -> float:
        """Returns for how long it then reads nothing more, seconds."""
        if event.bookmark:
            if event.revision < self.seen or (self.due and self.due[0] <= event.revision):
                self.problems.append(f"{self.project_id} was told that all up to {event.revision} was told")
        elif event.resync:
            while self.due and self.due[0] <= event.revision:
                self.due.popleft()
        elif event.revision <= self.seen or (self.due and self.due[0] < event.revision):
            self.problems.append(f"{self.project_id} was told of {event.revision} after {self.seen}, out of turn")
        elif self.due and self.due[0] == event.revision:
            self.due.popleft()  # Others tell of what hosts saw.
        self.seen = event.revision
        return self._chance.choice(_PAUSES_S)
