"""The revision log as users see it, where the reader is late."""

from collections import deque
from types import SimpleNamespace
from typing import Any

from controlplane.api.events import Events
from controlplane.engine import LogEntry
from controlplane.model.state import State
from stead.v1.events_pb2 import WatchRequest


def entries(*revisions: int) -> list[LogEntry]:
    return [LogEntry(revision, "volume", f"vol-{revision}", "proj-1", False) for revision in revisions]


async def test_who_takes_a_marker_late_gets_another_for_what_was_lost_meanwhile() -> None:
    engine: Any = SimpleNamespace(log=deque(entries(8, 9), maxlen=2), durable_revision=9, state=State())
    edge: Any = SimpleNamespace(engine=engine, call=lambda: SimpleNamespace(project_id="proj-1"))
    context: Any = None
    watch = Events(edge).Watch(WatchRequest(after_revision=1), context)
    first = await anext(watch)
    engine.log.extend(entries(10, 11, 12, 13))
    engine.durable_revision = 13
    second = await anext(watch)
    assert [(event.revision, event.resync) for event in (first, second)] == [(9, True), (13, True)]
