"""The revision log as users see it, where the reader is late."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from controlplane import history
from controlplane.api import events
from controlplane.api.events import Events
from controlplane.history import Changed, History
from controlplane.model.host import Host
from controlplane.model.instance import Volume
from controlplane.model.project import Role
from controlplane.model.state import Entry, Revision, State
from stead.v1.events_pb2 import WatchEvent, WatchRequest
from tests.unit.region import NOW

T = TypeVar("T")


def changed(revision: int) -> Changed:
    return Changed(revision, "volume", f"vol-{revision}", "proj-1", NOW)


class StillEngine:
    """Nothing is ever new."""

    def __init__(self, kept: History, durable_revision: int) -> None:
        self.history, self.durable_revision, self.state = kept, durable_revision, State()

    async def durable(self, revision: int) -> None:
        """It is."""

    async def next_after(self, revision: int) -> None:
        await asyncio.Event().wait()


async def at_once(work: Callable[[], T]) -> T:
    return work()


def watching(journal: StillEngine, step: Any = at_once, **asked: Any) -> AsyncIterator[WatchEvent]:
    call = SimpleNamespace(project_id="proj-1", role=Role.READER)
    edge: Any = SimpleNamespace(journal=journal, call=lambda: call, step=step)
    context: Any = None
    return Events(edge).Watch(WatchRequest(**asked), context)


async def test_who_takes_a_marker_late_gets_another_for_what_was_lost_meanwhile() -> None:
    journal = StillEngine(History(7), 9)
    watch = watching(journal, after_revision=1)
    first = await anext(watch)
    journal.history.start, journal.durable_revision = 12, 13
    second = await anext(watch)
    assert [(event.revision, event.resync) for event in (first, second)] == [(9, True), (13, True)]


async def test_a_quiet_watcher_is_told_now_and_then_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "BOOKMARK_S", 0.01)
    journal = StillEngine(History(7), 9)
    watch = watching(journal)
    assert await anext(watch) == WatchEvent(revision=9, bookmark=True)
    journal.durable_revision = 12  # By others.
    told = [(await anext(watch)).revision for _ in range(3)]
    assert told[-1] == 12


async def test_others_have_their_turn_while_a_watcher_looks_for_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "REVISIONS", 10)
    journal, turn, looked_at = StillEngine(History(0), 100), 0, Counter[int]()
    journal.history.load([replace(changed(number), project_id="proj-2") for number in range(1, 101)])

    async def counted(work: Callable[[], T]) -> T:
        looked_at[turn] += 1
        return work()

    watch = watching(journal, counted, after_revision=0)
    assert (await anext(watch)).bookmark
    waiting = asyncio.ensure_future(anext(watch))
    async with asyncio.timeout(10):
        while looked_at.total() < 101:
            await asyncio.sleep(0)
            turn += 1
    assert max(looked_at.values()) <= 11
    waiting.cancel()


def test_the_history_knows_what_it_has_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "KEPT", 3)
    kept = History(0)
    for number in range(1, 4):
        kept.add([Revision(number, (entry("vol-a"), entry("vol-b")))], NOW)
    assert kept.after(1) is None, "of revision 2 a part is gone"
    assert [change.revision for change in kept.after(2) or ()] == [3, 3]
    assert kept.after(3) == []
    loaded = History(9)
    loaded.load([changed(8), changed(9)])
    assert loaded.after(6) is None
    assert loaded.after(7) == [changed(8), changed(9)]
    full = History(9)
    full.load([changed(7), changed(8), changed(9)])
    assert full.after(6) is None, "of revision 7 a part may be gone"


def entry(row_id: str) -> Entry:
    return Entry("volume", row_id, None, Volume(row_id, "proj-1", "z", "host-1", 1, "gp3", "", 0, NOW, {}))


def test_that_a_host_was_heard_of_again_is_no_news() -> None:
    host = Host("host-1", 1, "metal", "z", (), "10.0.0.1", NOW, "")
    heard, away = replace(host, last_seen_at=NOW), replace(host, is_away=True)
    kept = History(0)
    for number, (old, new) in enumerate([(None, host), (host, heard), (heard, away), (away, heard)]):
        kept.add([Revision(number + 1, (Entry("host", host.id, old, new),))], NOW)
    assert [change.revision for change in kept.after(0) or ()] == [1, 3, 4]


PUBLIC = {
    "address",
    "attachment",
    "dhcp-options",
    "image",
    "instance",
    "internet-gateway",
    "nat-gateway",
    "key-pair",
    "network-acl",
    "network-interface",
    "prefix-list",
    "route-table",
    "security-group",
    "security-group-rule",
    "subnet",
    "volume",
    "vpc",
    "vpc-peering-connection",
}


async def test_a_project_is_told_of_public_kinds_alone() -> None:
    kinds = [*(table.kind.name for table in State().tables.values() if table.kind.name != "observation"), "a new one"]
    journal = StillEngine(History(4), 5)
    journal.history.load([Changed(5, kind, f"{kind}-e1", "proj-1", NOW) for kind in kinds])
    watch = watching(journal, after_revision=4)
    assert (await anext(watch)).bookmark
    assert {change.kind for change in (await anext(watch)).changes} == PUBLIC
