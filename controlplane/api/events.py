"""The revision log, for users."""

from collections.abc import AsyncIterator
from itertools import groupby, takewhile
from typing import Any

from controlplane.api.caller import Edge, principal
from controlplane.engine import Engine, LogEntry
from stead.v1 import events_pb2 as pb
from stead.v1.events_pb2_grpc import EventsServicer

# What is nobody's resource: records of calls.
_INTERNAL = ("call",)


class Events(EventsServicer):
    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def Watch(self, request: Any, context: Any) -> AsyncIterator[pb.WatchEvent]:
        engine, project_id = self._edge.engine, principal.get().project_id
        after = request.after_revision or engine.durable_revision
        while True:
            if _is_lost(engine, after):
                after = engine.durable_revision
                yield pb.WatchEvent(revision=after, resync=True)
                continue  # Who took that may have taken so long that more is lost.
            news = _after(engine.log, after)
            after = max(after, engine.durable_revision)
            for revision, entries in groupby(news, key=lambda entry: entry.revision):
                own = [entry for entry in entries if entry.project_id == project_id and entry.kind not in _INTERNAL]
                if own:
                    yield pb.WatchEvent(revision=revision, changes=map(_change, own))
            await engine.next_after(after)


def _change(entry: LogEntry) -> pb.ResourceChange:
    return pb.ResourceChange(kind=entry.kind, id=entry.id, deleted=entry.deleted)


def _is_lost(engine: Engine, after: int) -> bool:
    """Whether changes later than a revision are not kept; of the oldest in a full log some may be gone."""
    latest, is_full = engine.durable_revision, len(engine.log) == engine.log.maxlen
    oldest = engine.log[0].revision + is_full if engine.log else latest + 1
    return after > latest or (after < latest and after + 1 < oldest)


def _after(log: Any, revision: int) -> list[LogEntry]:
    """Entries later than a revision, in order; costs no more than there are."""
    return list(takewhile(lambda entry: entry.revision > revision, reversed(log)))[::-1]
