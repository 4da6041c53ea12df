"""The revision log, for users."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import groupby
from operator import attrgetter

from controlplane.api import convert
from controlplane.api.caller import Context, Edge
from controlplane.api.contents import PUBLIC, to_contents
from controlplane.errors import invalid_value
from controlplane.history import Changed
from controlplane.journal import Journal
from controlplane.model.audit import CallRecord
from controlplane.model.project import Role
from controlplane.service.call import Call
from controlplane.service.showing import shown_with
from stead.v1 import events_pb2 as pb
from stead.v1.events_pb2_grpc import EventsServicer

# Longer: who comes back after a quiet time asks for changes that are no longer kept. Shorter: watchers are woken for
# nothing.
BOOKMARK_S = 30
# That are looked at before others have their turn. Fewer: who comes back late is told late. More: all wait for longer.
REVISIONS = 200


class Events(EventsServicer):
    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def Watch(self, request: pb.WatchRequest, context: Context) -> AsyncIterator[pb.WatchEvent]:
        journal, view = self._edge.journal, _View(self._edge, self._edge.call(), request)
        after, bookmark_at = _beginning(request, journal.durable_revision), _now()
        while True:
            latest, changes = await self._edge.step(partial(_changes, journal, after))
            if changes is None:
                after, bookmark_at = latest, _now() + BOOKMARK_S
                yield pb.WatchEvent(revision=after, resync=True)
                continue  # Who took that may have taken so long that more is lost.
            if bookmark_at <= _now():
                bookmark_at = _now() + BOOKMARK_S
                yield pb.WatchEvent(revision=after, bookmark=True)
            for number, (revision, parts) in enumerate(groupby(changes, key=attrgetter("revision")), 1):
                if event := await self._edge.step(partial(view.event, revision, list(parts))):
                    # It may say of a resource what a later revision made of it.
                    await journal.durable(journal.state.revision)
                    yield event
                if number % REVISIONS == 0:
                    await asyncio.sleep(0)
            after = latest
            with suppress(TimeoutError):
                async with asyncio.timeout_at(bookmark_at):
                    await journal.next_after(after)


def _beginning(request: pb.WatchRequest, latest: int) -> int:
    return request.after_revision if request.HasField("after_revision") else latest


def _changes(journal: Journal, after: int) -> tuple[int, list[Changed] | None]:
    """The latest revision, and what changed until then; None where some of it is not kept."""
    latest = journal.durable_revision
    return latest, journal.history.after(after) if after <= latest else None


def _now() -> float:
    return asyncio.get_running_loop().time()


class _View:
    """What one watcher sees of changes."""

    def __init__(self, edge: Edge, call: Call, request: pb.WatchRequest) -> None:
        """Raises `InvalidParameterValue`."""
        for kind in request.kinds:
            if kind not in PUBLIC:
                raise invalid_value("kinds", kind, f"some of {', '.join(PUBLIC)}")
        self._edge = edge
        self._call = call
        self._kinds = frozenset(request.kinds or PUBLIC)
        self._with_contents = request.with_contents
        self._state = edge.journal.state
        self._tables = {table.kind.name: table for table in self._state.tables.values()}

    def event(self, revision: int, parts: Sequence[Changed]) -> pb.WatchEvent | None:
        """What it shows of a revision; None where that is nothing."""
        # Each once, in order.
        told = dict.fromkeys(place for part in parts for place in self._places(part) if place[0] in self._kinds)
        if not told:
            return None
        event = pb.WatchEvent(revision=revision, changes=[self._change(*place) for place in told])
        event.commit_time.CopyFrom(convert.timestamp(parts[0].at))
        if record := self._record(parts):
            event.request_id = record.request_id
            event.token_id = record.token_id if self._may_know(record) else ""
        return event

    def _places(self, part: Changed) -> Iterator[tuple[str, str]]:
        """Kind and id of the project's resources that show what changed, one of two projects' among them."""
        if self._call.project_id in (part.project_id, part.part_of):
            yield part.kind, part.id
        for row in shown_with(self._state, part):
            table = self._state.tables[type(row)]
            if row.project_id == self._call.project_id and table.lists(row):
                yield table.kind.name, row.id

    def _change(self, kind: str, row_id: str) -> pb.ResourceChange:
        table = self._tables[kind]
        row = table.get(row_id)
        change = pb.ResourceChange(kind=kind, id=row_id, deleted=row is None or not table.lists(row))
        if self._with_contents and not change.deleted:
            shown = to_contents(kind, self._state, self._edge.sessions, row, self._call)
            getattr(change, kind.replace("-", "_")).CopyFrom(shown)
        return change

    def _record(self, parts: Iterable[Changed]) -> CallRecord | None:
        """Of the call that made the change."""
        calls = self._state.calls
        records = (calls.get(part.id) for part in parts if part.kind == calls.kind.name)
        return next(filter(None, records), None)

    def _may_know(self, record: CallRecord) -> bool:
        return self._call.role is Role.ADMIN or record.project_id == self._call.project_id
