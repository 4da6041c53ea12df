"""What lives long is out of the garbage collector's way."""

import asyncio
import gc
from collections.abc import Iterator

import pytest

from controlplane.journal import Journal
from controlplane.loops import memory
from controlplane.model.host import Zone
from controlplane.model.state import Change
from tests.unit.region import NOW
from tests.unit.test_journal import GatedStore


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


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


async def until_frozen(*rows: Zone) -> None:
    while any(found is row for found in gc.get_objects() for row in rows):  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0)


def put(journal: Journal, name: str) -> Zone:
    change, row = Change(), Zone(name, NOW)
    change.put(row)
    journal.apply(change)
    return row
