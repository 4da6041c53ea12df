"""The ledger: what was acknowledged is there after any crash, and nothing half done ever is."""

import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from agent.drivers.base import Transient
from agent.ledger import Ledger, LedgerError
from agent.ledger_tables import Contents
from agent.messages import Authority
from agent.objects import ObjectRef, Put, ScopeChange

from .host import EVERYTHING, HOST_ID, INSTANCE, VOLUME, VPC, delta, put, snapshot, told
from .ledgers import NEW_VOLUME, NO_VOLUME, VOLUME_OBJECT, known


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


async def test_it_remembers(path: Path) -> None:
    ledger = Ledger(path, HOST_ID)
    assert ledger.load() == Contents(None, {}, {})
    await ledger.write(snapshot(5, *EVERYTHING))
    await ledger.write(delta(6, NO_VOLUME, *snapshot(6, replace(VPC, vni=8)).scopes[2:]))
    await ledger.note_guest_off("i-1", 3)
    ledger.close()
    contents = Ledger(path, HOST_ID).load()
    assert contents.revision == 6
    expected = known(*(spec for spec in EVERYTHING if spec is not VOLUME))
    expected["vpc-1"] = known(replace(VPC, vni=8))["vpc-1"]
    assert contents.scopes == expected
    assert contents.guest_off == {"i-1": 3}


async def test_a_snapshot_forgets_what_is_not_in_it(path: Path) -> None:
    ledger = Ledger(path, HOST_ID)
    await ledger.write(snapshot(5, *EVERYTHING))
    await ledger.note_guest_off("i-1", 3)
    await ledger.write(snapshot(6, INSTANCE))
    assert ledger.load() == Contents(6, known(INSTANCE), {"i-1": 3})
    await ledger.write(snapshot(7))
    assert ledger.load() == Contents(7, {}, {})


async def test_a_scope_that_is_left_is_forgotten_and_others_are_not(path: Path) -> None:
    ledger = Ledger(path, HOST_ID)
    await ledger.write(snapshot(5, *EVERYTHING))
    await ledger.write(replace(delta(6), left=("vpc-1",)))
    left = ledger.load().scopes
    assert left == {scope: rows for scope, rows in known(*EVERYTHING).items() if scope != "vpc-1"}
    await ledger.write(delta(7, ScopeChange(HOST_ID, reset=True, put=(put(VOLUME_OBJECT),))))
    assert ledger.load().scopes == left | known(VOLUME)


async def test_what_is_held_says_nothing_of_whose_word_counts(path: Path) -> None:
    ledger, followed = Ledger(path, HOST_ID), Authority("home-1", "inc-1", 5, b"5")
    await ledger.write(replace(snapshot(5, VPC), authority=followed))
    await ledger.hold(delta(2, NEW_VOLUME), told(VPC), ledger.load().authority, may_be_lost=False)
    assert ledger.load() == Contents(5, known(VPC, VOLUME), {}, followed)


async def test_what_is_held_is_written_anew_where_the_ledger_was_lost(path: Path) -> None:
    ledger, followed = Ledger(path, HOST_ID), Authority("home-1", "inc-1", 5, b"5")
    added = delta(2, NEW_VOLUME)
    with pytest.raises(Transient, match="first snapshot"):
        await ledger.hold(added, told(VPC), followed, may_be_lost=False)
    await ledger.hold(added, told(VPC), followed, may_be_lost=True)
    assert ledger.load() == Contents(5, known(VPC, VOLUME), {}, followed)
    assert not ledger.problems


async def test_what_is_made_here_is_kept_as_if_it_had_come(path: Path) -> None:
    ledger = Ledger(path, HOST_ID)
    made = replace(put(VOLUME_OBJECT), data=b"")
    await ledger.write(replace(delta(1, ScopeChange(HOST_ID, reset=True, put=(made,))), snapshot=True))
    assert ledger.load().scopes == known(VOLUME)


async def test_it_tells_what_it_has_of_what_was_followed_last(path: Path) -> None:
    ledger, last = Ledger(path, HOST_ID), Authority("home-1", "inc-1", 5, b"5")
    assert await ledger.digests(last) == {}
    await ledger.write(replace(snapshot(5, *EVERYTHING), authority=last))
    whole = await ledger.digests(last)
    assert whole.keys() == known(*EVERYTHING).keys()
    assert await ledger.digests(replace(last, revision=4)) == {}
    await ledger.write(replace(delta(6, NO_VOLUME), authority=replace(last, revision=6)))
    less = await ledger.digests(replace(last, revision=6))
    assert {scope for scope in whole if less[scope] != whole[scope]} == {HOST_ID}
    await ledger.write(replace(delta(7, NEW_VOLUME), authority=replace(last, revision=7)))
    assert await ledger.digests(replace(last, revision=7)) == whole, "whatever the way"
    path.unlink()  # noqa: ASYNC240
    assert await ledger.digests(replace(last, revision=7)) == {}
    assert "taken away" in ledger.problems[0]


async def test_what_rests_on_what_is_lost_is_not_taken_in(path: Path) -> None:
    """A snapshot that says of a scope only that it is as it was."""
    ledger = Ledger(path, HOST_ID)
    rest = replace(delta(6, NEW_VOLUME, ScopeChange("vpc-1", reset=True)), snapshot=True)
    with pytest.raises(Transient, match="first snapshot"):
        await ledger.write(rest)
    await ledger.write(snapshot(5, VPC))
    await ledger.write(rest)
    assert ledger.load() == Contents(6, known(VOLUME), {})


async def test_one_agent_at_a_time(path: Path) -> None:
    ledger = Ledger(path, HOST_ID)
    with pytest.raises(LedgerError, match="another agent"):
        Ledger(path, HOST_ID)
    ledger.close()
    Ledger(path, HOST_ID).close()


async def test_a_write_that_comes_after_its_end_does_not_open_it_again(path: Path) -> None:
    ledger = Ledger(path, HOST_ID)
    ledger.close()
    with pytest.raises(Transient, match="closed"):
        await ledger.note_guest_off("i-1", 1)
    Ledger(path, HOST_ID).close()


async def test_a_full_disk_is_a_problem_that_passes(path: Path) -> None:
    ledger = Ledger(path, HOST_ID)
    await ledger.write(snapshot(5, VOLUME))
    assert ledger._db
    ledger._db.execute("PRAGMA max_page_count = 1")
    with pytest.raises(Transient, match="see to its disk"):
        await ledger.write(snapshot(6, *(replace(INSTANCE, instance_id=f"i-{n}") for n in range(1000))))
    assert "is full" in ledger.problems[0]
    assert ledger.load() == Contents(5, known(VOLUME), {})
    await ledger.write(delta(6, NEW_VOLUME))
    assert not ledger.problems


def test_without_a_place_for_it_the_agent_starts_and_waits(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "gone" / "ledger.sqlite", HOST_ID)
    assert ledger.load() == Contents(None, {}, {})
    assert "gone" in ledger.problems[0]
    ledger.close()


async def test_nobody_else_reads_it(path: Path) -> None:
    path.touch(mode=0o644)  # noqa: ASYNC240
    ledger = Ledger(path, HOST_ID)
    await ledger.write(snapshot(1, INSTANCE))
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


async def test_it_keeps_what_only_a_later_agent_understands(path: Path) -> None:
    """A field that this agent's contract does not have, and a kind of object."""
    known_kind = Put(put(VOLUME_OBJECT).ref, VOLUME_OBJECT, put(VOLUME_OBJECT).data + bytes([0xFA, 0x3F, 3]) + b"new")
    later_kind = Put(ObjectRef(99, "x-1"), None, bytes([0x9A, 0x06, 5, 0x0A, 3]) + b"x-1")
    ledger = Ledger(path, HOST_ID)
    await ledger.write(replace(delta(1, ScopeChange(HOST_ID, reset=True, put=(known_kind, later_kind))), snapshot=True))
    assert ledger.load().scopes == known(VOLUME)
    ledger.close()
    with closing(sqlite3.connect(path)) as db:
        kept = db.execute("SELECT kind, id, data FROM kept_object").fetchall()
    assert kept == [(9, "vol-1", known_kind.data), (99, "x-1", later_kind.data)]


@pytest.mark.parametrize("step", [11, pytest.param(1, marks=pytest.mark.deep)])
async def test_a_log_cut_at_any_byte_ends_at_a_whole_update(path: Path, in_memory: Path, step: int) -> None:
    ledger = Ledger(path, HOST_ID)
    await ledger.write(snapshot(1, VOLUME, INSTANCE))
    wal = path.with_name(path.name + "-wal")
    states = [ledger.load()]
    sizes = [wal.stat().st_size]
    await ledger.write(delta(2, NO_VOLUME))
    states.append(ledger.load())
    sizes.append(wal.stat().st_size)
    await ledger.note_guest_off("i-1", 1)
    states.append(ledger.load())
    sizes.append(wal.stat().st_size)
    base, log = path.read_bytes(), wal.read_bytes()  # noqa: ASYNC240
    ledger.close()
    for length in {*range(sizes[0], len(log), step), *sizes, *(size - 1 for size in sizes[1:]), len(log)}:
        acknowledged = max(number for number, size in enumerate(sizes) if size <= length)
        assert _load_cut(in_memory, base, log[:length]) == states[acknowledged], f"cut at {length}"


def _load_cut(directory: Path, base: bytes, log: bytes) -> Contents:
    (directory / "ledger").write_bytes(base)
    (directory / "ledger-wal").write_bytes(log)
    (directory / "ledger-shm").unlink(missing_ok=True)
    ledger = Ledger(directory / "ledger", HOST_ID)
    contents = ledger.load()
    ledger.close()
    return contents
