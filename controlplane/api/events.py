"""The revision log, for users."""

from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import groupby, takewhile
from typing import Any

from controlplane.api.caller import Context, Edge
from controlplane.engine import Engine, LogEntry
from controlplane.model.instance import Attachment, Instance, ObservedKind, Volume
from controlplane.model.state import State
from stead.v1 import events_pb2 as pb
from stead.v1.events_pb2_grpc import EventsServicer

_PUBLIC = frozenset(table.kind.name for table in State().tables.values() if table.kind.is_public)


class Events(EventsServicer):
    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def Watch(self, request: pb.WatchRequest, context: Context) -> AsyncIterator[pb.WatchEvent]:
        engine, project_id = self._edge.engine, self._edge.call().project_id
        after = request.after_revision or engine.durable_revision
        while True:
            if _is_lost(engine, after):
                after = engine.durable_revision
                yield pb.WatchEvent(revision=after, resync=True)
                continue  # Who took that may have taken so long that more is lost.
            news = _after(engine.log, after)
            after = max(after, engine.durable_revision)
            for revision, entries in groupby(news, key=lambda entry: entry.revision):
                if changes := _changes(engine.state, entries, project_id):
                    yield pb.WatchEvent(revision=revision, changes=changes)
            await engine.next_after(after)


def _changes(state: State, entries: Iterable[LogEntry], project_id: str) -> list[pb.ResourceChange]:
    """The project's part of a revision, each resource once."""
    told: dict[tuple[str, str], bool] = {}
    for entry in entries:
        if entry.kind == state.observations.kind.name:
            for row in _shown_by(state, entry.id):
                if row.project_id == project_id:
                    told.setdefault((state.tables[type(row)].kind.name, row.id), False)
        elif entry.project_id == project_id and entry.kind in _PUBLIC:
            told[entry.kind, entry.id] = entry.deleted
    return [pb.ResourceChange(kind=kind, id=row_id, deleted=deleted) for (kind, row_id), deleted in told.items()]


def _shown_by(state: State, observation_id: str) -> Iterator[Instance | Volume | Attachment]:
    """What users may be shown otherwise now that a host sees something else of a resource: see `service/health.py`."""
    host_id, kind, resource_id = observation_id.split("/")
    bonds: list[Attachment] = []
    if kind == ObservedKind.VPC.value:
        instance_ids = [row.instance_id for row in state.interfaces.vpc.of(resource_id)]
        yield from (row for row in map(state.instances.get, instance_ids) if row and row.host_id == host_id)
    elif kind == ObservedKind.INSTANCE.value and (instance := state.instances.get(resource_id)):
        yield instance
        yield from state.attachments.instance.of(instance.id)
    elif kind == ObservedKind.VOLUME.value and (volume := state.volumes.get(resource_id)):
        yield volume
        bonds = state.attachments.volume.of(volume.id)
    elif kind == ObservedKind.EXPORT.value and (bond := state.attachments.get(resource_id)):
        yield bond
        yield state.volumes[bond.volume_id]
        bonds = [bond]
    yield from (state.instances[bond.instance_id] for bond in bonds)


def _is_lost(engine: Engine, after: int) -> bool:
    """Whether changes later than a revision are not kept; of the oldest in a full log some may be gone."""
    latest, is_full = engine.durable_revision, len(engine.log) == engine.log.maxlen
    oldest = engine.log[0].revision + is_full if engine.log else latest + 1
    return after > latest or (after < latest and after + 1 < oldest)


def _after(log: Any, revision: int) -> list[LogEntry]:
    """Entries later than a revision, in order; costs no more than there are."""
    return list(takewhile(lambda entry: entry.revision > revision, reversed(log)))[::-1]
