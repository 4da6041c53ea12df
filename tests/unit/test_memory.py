"""What lives long is out of the garbage collector's way."""

import asyncio
import gc
import weakref
from collections.abc import Iterator
from contextlib import suppress
from itertools import count

import pytest

from controlplane.journal import Journal
from controlplane.loops import memory
from controlplane.model.host import Zone
from controlplane.model.state import Change
from tests.unit.region import NOW
from tests.unit.test_journal import GatedStore


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


@pytest.mark.parametrize("fails", [False, True])
async def test_nothing_is_collected_while_rows_are_loaded_and_all_is_frozen_then(*, fails: bool) -> None:
    journal = Journal(GatedStore(), lambda: NOW)
    with suppress(ValueError), memory.loading():
        assert not gc.isenabled()
        row = put(journal, "first")
        if fails:
            raise ValueError
    assert gc.isenabled()
    await until_frozen(row)


async def test_rows_are_frozen_at_first_and_after_many_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "INTERVAL_S", 0)
    journal = Journal(GatedStore(), lambda: NOW)
    first = put(journal, "first")
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        loop = group.create_task(memory.run(journal))
        await until_frozen(first)
        later = [put(journal, f"later-{number}") for number in range(memory.REVISIONS)]
        await until_frozen(later[0], later[-1])
        loop.cancel()


@pytest.mark.parametrize("is_quiet", [True, False])
async def test_what_was_frozen_in_a_cycle_goes_in_the_end(monkeypatch: pytest.MonkeyPatch, *, is_quiet: bool) -> None:
    monkeypatch.setattr(memory, "INTERVAL_S", 0)
    monkeypatch.setattr(memory, "REVISIONS", 1)
    monkeypatch.setattr(memory, "FREEZES_QUIET", 3 if is_quiet else 1_000_000)
    monkeypatch.setattr(memory, "FREEZES_MOST", 1_000_000 if is_quiet else 3)
    journal = Journal(GatedStore(), lambda: NOW)
    cycle = Cycle()
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        loop = group.create_task(memory.run(journal))
        await until_frozen(put(journal, "first"), cycle)
        gone = weakref.ref(cycle)
        del cycle
        gc.collect()
        assert gone() is not None
        for number in count():
            if gone() is None:
                break
            if number < 3 or not is_quiet:
                put(journal, f"later-{number}")
            await asyncio.sleep(0)
        loop.cancel()


class Cycle:
    """Garbage that only the collector frees."""

    def __init__(self) -> None:
        self.me = self


async def until_frozen(*rows: object) -> None:
    while any(found is row for found in gc.get_objects() for row in rows):  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0)


def put(journal: Journal, name: str) -> Zone:
    change, row = Change(), Zone(name, NOW)
    change.put(row)
    journal.apply(change)
    return row
