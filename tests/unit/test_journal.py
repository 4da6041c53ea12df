"""The one writer: replies wait until they are durable, commits come in groups, a failed one takes its calls along."""

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import datetime

import pytest

from controlplane import journal as journal_module
from controlplane.errors import Conflict, Unavailable
from controlplane.journal import Journal
from controlplane.model.host import Zone
from controlplane.model.state import Change, Revision, State
from tests.unit.region import NOW


class GatedStore:
    """Commits one batch for each `open`; the gate counts."""

    def __init__(self) -> None:
        self.batches: list[list[Revision]] = []
        self.gate = threading.Semaphore(0)
        self.failure: Exception | None = None

    def load(self) -> State:
        return State()

    def commit(self, revisions: list[Revision], now: datetime) -> None:
        assert self.gate.acquire(timeout=30)
        if self.failure:
            raise self.failure
        self.batches.append(revisions)

    def trim_log(self, before_revision: int, limit: int) -> bool:
        return False

    def open(self) -> None:
        self.gate.release()


@asynccontextmanager
async def running() -> AsyncIterator[tuple[Journal, GatedStore, asyncio.TaskGroup]]:
    store = GatedStore()
    journal = Journal(store, lambda: NOW)
    async with asyncio.TaskGroup() as group:
        writer = group.create_task(journal.run())
        yield journal, store, group
        writer.cancel()
        store.gate.release(1000)


def put(name: str) -> "tuple[Change, str]":
    change = Change()
    change.put(Zone(name, NOW))
    return change, name


async def add(journal: Journal, name: str) -> str:
    return await journal.call(lambda state: put(name), lambda state, made: f"{made} of {len(state.zones)}")


async def turns(number: int = 10) -> None:
    """Let everything run that can."""
    for _ in range(number):
        await asyncio.sleep(0)


async def test_a_reply_waits_until_it_is_durable() -> None:
    async with running() as (journal, store, group):
        call = group.create_task(add(journal, "a"))
        await turns()
        assert not call.done()
        assert "a" in journal.state.zones, "applied, but not told to anybody"
        store.open()
        assert await call == "a of 1"
        assert journal.durable_revision == 1


async def test_reads_and_refusals_wait_for_what_they_saw() -> None:
    def refuse(state: State) -> "tuple[Change, None]":
        raise Conflict("VolumeInUse", f"{len(state.zones)} zones")

    async def refused() -> str:
        try:
            return await journal.call(refuse, lambda state, _: "accepted")
        except Conflict as error:
            return error.message

    async with running() as (journal, store, group):
        assert await journal.read(lambda state: len(state.zones)) == 0, "nothing to wait for"
        tasks = [group.create_task(add(journal, "a"))]
        await turns()
        late = group.create_task(journal.read(lambda state: len(state.zones))), group.create_task(refused())
        await turns()
        assert not any(task.done() for task in (*tasks, *late))
        store.open()
        assert [await task for task in late] == [1, "1 zones"]


async def test_what_comes_during_a_commit_goes_into_the_next_together() -> None:
    async with running() as (journal, store, group):
        first = group.create_task(add(journal, "first"))
        await turns()
        others = [group.create_task(add(journal, f"z{n}")) for n in range(100)]
        await turns()
        store.open()
        await first
        assert not any(task.done() for task in others)
        store.open()
        assert await asyncio.gather(*others) == [f"z{n} of {n + 2}" for n in range(100)]
        assert [len(batch) for batch in store.batches] == [1, 100]


async def test_followers_and_the_log_see_every_durable_revision_once_and_in_order() -> None:
    async with running() as (journal, store, _):
        seen: list[int] = []
        journal.follow(lambda batch: seen.extend(revision.number for revision in batch))
        store.gate.release(50)
        for n in range(5):
            await asyncio.gather(*(add(journal, f"{n}-{m}") for m in range(4)))
            assert seen == list(range(1, journal.durable_revision + 1))
        assert seen == list(range(1, 21))
        kept = journal.history.after(0) or []
        assert [(row.revision, row.kind, row.id) for row in kept][:2] == [(1, "zone", "0-0"), (2, "zone", "0-1")]


async def test_followers_are_told_nothing_that_is_not_durable() -> None:
    async with running() as (journal, store, group):
        seen: list[int] = []
        journal.follow(lambda batch: seen.extend(revision.number for revision in batch))
        call = group.create_task(add(journal, "a"))
        waiter = group.create_task(journal.next_after(0))
        await turns()
        assert (seen, waiter.done()) == ([], False)
        store.open()
        await call
        await waiter
        assert seen == [1]


async def test_a_change_that_changes_nothing_is_not_written() -> None:
    async with running() as (journal, store, _):
        assert await journal.call(lambda state: (Change(), "same"), lambda state, result: result) == "same"
        assert (store.batches, journal.state.revision) == ([], 0)


async def test_drain_waits_for_what_nobody_waits_for() -> None:
    async with running() as (journal, store, group):
        assert journal.apply(put("a")[0]) == 1
        draining = group.create_task(journal.drain())
        await turns()
        assert not draining.done()
        store.open()
        await draining
        assert len(store.batches) == 1


async def test_what_nobody_waits_for_is_committed_with_the_next_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "GATHER_S", 1e6)
    async with running() as (journal, store, group):
        journal.apply(put("a")[0])
        patient = group.create_task(journal.durable(1, in_no_hurry=True))
        store.open()
        await turns()
        assert (store.batches, patient.done()) == ([], False)
        await add(journal, "b")
        await patient
        assert [len(batch) for batch in store.batches] == [2]


async def test_what_nobody_waits_for_is_committed_by_itself_after_a_while() -> None:
    async with running() as (journal, store, _):
        store.open()
        journal.apply(put("a")[0])
        await journal.next_after(0)
        assert [len(batch) for batch in store.batches] == [1]


async def test_who_waits_for_a_commit_that_is_under_way_hurries_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "GATHER_S", 1e6)
    async with running() as (journal, store, group):
        call = group.create_task(add(journal, "a"))
        await turns()
        late = group.create_task(journal.durable(1))
        journal.apply(put("b")[0])
        store.gate.release(2)
        await asyncio.gather(call, late)
        await turns()
        assert [len(batch) for batch in store.batches] == [1]


async def test_callers_are_answered_before_followers_work() -> None:
    async with running() as (journal, store, group):
        happened: list[str] = []

        async def call() -> None:
            happened.append(await add(journal, "a"))

        def follow(batch: list[Revision]) -> None:
            asyncio.get_running_loop().call_soon(happened.append, "follower")

        journal.follow(follow)
        store.open()
        await group.create_task(call())
        await turns()
        assert happened == ["a of 1", "follower"]


async def test_a_caller_that_left_holds_nobody_up() -> None:
    async with running() as (journal, store, group):
        gone, stays = group.create_task(add(journal, "a")), group.create_task(add(journal, "b"))
        await turns()
        gone.cancel()
        await turns()
        store.gate.release(2)
        assert await stays == "b of 2"
        assert len(journal.state.zones) == 2, "what was applied stays applied"


async def fail(outcomes: list[str]) -> None:
    """A commit that fails while others wait for the next."""

    async def try_to_add(journal: Journal, name: str) -> None:
        try:
            outcomes.append(await add(journal, name))
        except Unavailable as error:
            outcomes.append(error.code)

    async with running() as (journal, store, group):
        store.failure = OSError("the disk is gone")
        tasks = [group.create_task(try_to_add(journal, "a"))]
        await turns()
        tasks += [group.create_task(try_to_add(journal, name)) for name in "bc"]
        await turns()
        store.open()
        await asyncio.wait(tasks)


async def test_a_failed_commit_fails_its_calls_and_those_on_top_and_ends_the_writer() -> None:
    outcomes: list[str] = []
    with pytest.raises(ExceptionGroup) as caught:
        await fail(outcomes)
    assert [str(error) for error in caught.value.exceptions] == ["the disk is gone"]
    assert outcomes == ["Unavailable"] * 3


async def test_a_commit_does_not_wait_for_other_threads_work() -> None:
    async with running() as (journal, store, _):
        is_over = threading.Event()
        shared = ThreadPoolExecutor(1)
        asyncio.get_running_loop().set_default_executor(shared)
        shared.submit(is_over.wait)
        store.open()
        assert await asyncio.wait_for(add(journal, "a"), 10) == "a of 1"
        is_over.set()


async def test_who_waits_for_news_is_told_of_the_end() -> None:
    async with running() as (journal, _, group):
        waiter = group.create_task(told_of_the_end(journal))
        await turns()
        await journal.close()
        assert await waiter == "Unavailable"
        assert await told_of_the_end(journal) == "Unavailable", "who asks only now, too"


async def told_of_the_end(journal: Journal) -> str:
    try:
        await journal.next_after(journal.durable_revision)
    except Unavailable as error:
        return error.code
    return ""
