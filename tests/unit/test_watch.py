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


PUBLIC = {
    "address",
    "attachment",
    "image",
    "instance",
    "internet-gateway",
    "key-pair",
    "network-interface",
    "route-table",
    "security-group",
    "security-group-rule",
    "subnet",
    "token",
    "volume",
    "vpc",
}


async def test_a_project_is_told_of_public_kinds_alone() -> None:
    kinds = [*(table.kind.name for table in State().tables.values() if table.kind.name != "observation"), "a new one"]
    log = deque(LogEntry(5, kind, f"{kind}-1", "proj-1", False) for kind in kinds)
    engine: Any = SimpleNamespace(log=log, durable_revision=5, state=State())
    edge: Any = SimpleNamespace(engine=engine, call=lambda: SimpleNamespace(project_id="proj-1"))
    context: Any = None
    event = await anext(Events(edge).Watch(WatchRequest(after_revision=4), context))
    assert {change.kind for change in event.changes} == PUBLIC
