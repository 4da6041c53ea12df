"""A ledger that is damaged, another host's, or of the version before: believed as it was written, or not at all."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from agent.drivers.base import Transient
from agent.ledger import Ledger
from agent.ledger_tables import Contents
from agent.messages import Authority
from agent.model import Spec

from .host import EVERYTHING, HOST_ID, INSTANCE, VOLUME, VPC, delta, snapshot
from .ledgers import NEW_VOLUME, NO_VOLUME, known


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


def _overwrite_all(path: Path) -> None:
    path.write_bytes(b"not a database, by no means" * 100)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:6000])


def _overwrite_pages(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096 * 2 : 4096 * 6] = b"\xff" * 4096 * 4
    path.write_bytes(content)


def _garble_a_row(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE kept_object SET data = x'ffffffff' WHERE kind = 11")


def _swap_rows(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE kept_object SET data = (SELECT data FROM kept_object WHERE kind = 9)")


def _altered(old: bytes, new: bytes) -> Callable[[Path], None]:
    """A byte or so of the first page is another."""

    def alter(path: Path) -> None:
        content = path.read_bytes()
        assert old in content[:4096]
        path.write_bytes(content.replace(old, new, 1))

    return alter


IN_THE_SCHEMA = {
    "no text": _altered(b"tablekept_objectkept_object", b"table\xefept_objectkept_object"),
    "no text in its SQL": _altered(b"CREATE TABLE kept_object", b"CREATE TABLE \xefept_object"),
    "no SQL": _altered(b"CREATE TABLE kept_object", b"CREATE TABLU kept_object"),
    "another column": _altered(b"crc_of_all INTEGER", b"crc_of_ale INTEGER"),
    "another check": _altered(b"CHECK (only = 1)", b"CHECK (only = 3)"),
    "another table": _altered(b"tablekept_objectkept_object", b"tablekept_objecukept_object"),
    "another index": _altered(b"tablepower_offpower_off", b"tablepower_offpower_ofg"),
    "no table": _altered(b"tablekept_objectkept_object", b"tablfkept_objectkept_object"),
    "write version": _altered(b"\x02\x02\x00", b"\x06\x02\x00"),
    "read version": _altered(b"\x02\x02\x00", b"\x02\x06\x00"),
    "schema format": _altered(b"\x00\x00\x00\x04\x00\x00\x00\x00", b"\x00\x00\x00\x44\x00\x00\x00\x00"),
}


@pytest.mark.parametrize("damage", IN_THE_SCHEMA.values(), ids=IN_THE_SCHEMA)
async def test_damage_to_the_schema_or_the_header_keeps_no_host_out(path: Path, damage: Callable[[Path], None]) -> None:
    ledger = Ledger(path, HOST_ID)
    await ledger.write(snapshot(5, *EVERYTHING))
    ledger.close()
    damage(path)
    ledger = Ledger(path, HOST_ID)
    if ledger.load().revision is not None:
        with pytest.raises(Transient, match="set aside"):
            await ledger.write(snapshot(6, VOLUME))
    assert "set aside" in ledger.problems[0]
    await ledger.write(snapshot(7, VOLUME))
    ledger.close()
    assert Ledger(path, HOST_ID).load() == Contents(7, known(VOLUME), {})


@pytest.mark.parametrize("damage", [_overwrite_all, _truncate, _overwrite_pages, _garble_a_row, _swap_rows])
async def test_a_damaged_ledger_is_set_aside_and_filled_by_the_next_snapshot(
    path: Path, damage: Callable[[Path], None]
) -> None:
    many = [replace(INSTANCE, instance_id=f"i-{number}") for number in range(100)]
    ledger = Ledger(path, HOST_ID)
    await ledger.write(snapshot(5, *EVERYTHING, *many))
    ledger.close()
    damage(path)

    ledger = Ledger(path, HOST_ID)
    assert ledger.load() == Contents(None, {}, {}), "nothing of it is believed"
    assert "set aside as ledger.sqlite.damaged-" in ledger.problems[0]
    assert [file for file in path.parent.iterdir() if ".damaged-" in file.name]
    with pytest.raises(Transient, match="set aside"):
        await ledger.write(delta(6, NEW_VOLUME))
    await ledger.write(snapshot(7, VOLUME))
    assert not ledger.problems
    ledger.close()
    assert Ledger(path, HOST_ID).load() == Contents(7, known(VOLUME), {})


def _lose_a_row(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM kept_object WHERE id = 'i-1'")


def _lose_its_head(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM last_followed")


def _alter_what_was_followed(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE last_followed SET revision = 7")


def _alter_a_note(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE power_off SET generation = 2")


def _move_a_row(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE kept_object SET scope = 'vpc-2' WHERE scope = 'vpc-1'")


@pytest.mark.parametrize("damage", [_lose_a_row, _lose_its_head, _alter_what_was_followed, _alter_a_note, _move_a_row])
async def test_what_sqlite_reads_without_complaint_is_believed_only_as_it_was_written(
    path: Path, damage: Callable[[Path], None]
) -> None:
    ledger = Ledger(path, HOST_ID)
    await ledger.write(snapshot(5, *EVERYTHING))
    await ledger.note_guest_off("i-1", 1)
    ledger.close()
    damage(path)
    ledger = Ledger(path, HOST_ID)
    assert ledger.load() == Contents(None, {}, {})
    assert "is damaged" in ledger.problems[0]
    ledger.close()


@pytest.mark.parametrize("count", [150, pytest.param(5000, marks=pytest.mark.deep)])
async def test_one_bit_makes_no_other_contents(path: Path, in_memory: Path, count: int) -> None:
    ledger, chance = Ledger(path, HOST_ID), Random(count)
    await ledger.write(snapshot(5, *EVERYTHING))
    await ledger.note_guest_off("i-1", 1)
    written = ledger.load()
    ledger.close()
    base = path.read_bytes()  # noqa: ASYNC240
    for _ in range(count):
        altered, at, bit = bytearray(base), chance.randrange(len(base)), chance.randrange(8)
        altered[at] ^= 1 << bit
        for file in in_memory.iterdir():  # noqa: ASYNC240
            file.unlink()
        (in_memory / "ledger").write_bytes(altered)
        ledger = Ledger(in_memory / "ledger", HOST_ID)
        assert ledger.load() in (written, Contents(None, {}, {})), (at, bit)
        ledger.close()


# As the version before has left it, and as it would make it anew.
BEFORE = """
CREATE TABLE IF NOT EXISTS followed (
    only INTEGER PRIMARY KEY CHECK (only = 1), region TEXT, incarnation TEXT, revision INTEGER NOT NULL, seal BLOB);
CREATE TABLE IF NOT EXISTS object (
    scope TEXT, kind INTEGER, id TEXT, data BLOB NOT NULL, PRIMARY KEY (scope, kind, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS guest_off (instance_id TEXT PRIMARY KEY, generation INTEGER NOT NULL) WITHOUT ROWID;
"""


def _write_as_before(path: Path, revision: int, *specs: Spec) -> None:
    rows = [(change.scope, row) for change in snapshot(revision, *specs).scopes for row in change.put]
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(BEFORE)
        db.executemany(
            "INSERT INTO object VALUES (?, ?, ?, ?)",
            [(scope, row.ref.kind, row.ref.id, row.data) for scope, row in rows],
        )
        db.execute("INSERT INTO followed VALUES (1, 'home-1', 'inc-1', ?, x'05')", (revision,))
        db.execute("INSERT INTO guest_off VALUES ('i-1', 3)")


async def test_a_ledger_of_before_is_taken_over_once(path: Path) -> None:
    """And again, where the agent of before came back and was told anew; where it was not, it has left nothing."""
    _write_as_before(path, 5, *EVERYTHING)
    for _ in range(2):
        ledger = Ledger(path, HOST_ID)
        assert ledger.load() == Contents(5, known(*EVERYTHING), {"i-1": 3}, Authority("home-1", "inc-1", 5, b"\x05"))
        await ledger.write(snapshot(6, VPC, INSTANCE))
        ledger.close()
        with closing(sqlite3.connect(path)) as db:
            db.executescript(BEFORE)
            assert not db.execute("SELECT * FROM followed").fetchall(), "it knows nothing, and waits"
        ledger = Ledger(path, HOST_ID)
        assert ledger.load() == Contents(6, known(VPC, INSTANCE), {"i-1": 3})
        ledger.close()
        _write_as_before(path, 5, *EVERYTHING)


async def test_another_hosts_ledger_is_set_aside(path: Path) -> None:
    ledger = Ledger(path, "host-2")
    await ledger.write(snapshot(5, *EVERYTHING))
    ledger.close()
    ledger = Ledger(path, HOST_ID)
    assert ledger.load() == Contents(None, {}, {})
    assert f"is that of host-2, and this is {HOST_ID}; what there is of it was set aside as" in ledger.problems[0]
    with pytest.raises(Transient, match="host-2"):
        await ledger.write(delta(6, NEW_VOLUME))
    await ledger.write(snapshot(7, VOLUME))
    ledger.close()
    assert Ledger(path, HOST_ID).load() == Contents(7, known(VOLUME), {})


async def test_damage_that_comes_to_light_in_a_write(path: Path) -> None:
    ledger = Ledger(path, HOST_ID)
    await ledger.write(snapshot(5, *EVERYTHING))
    ledger.close()
    ledger = Ledger(path, HOST_ID)
    assert ledger._db
    ledger._db.execute("PRAGMA shrink_memory")
    _overwrite_pages(path)
    with pytest.raises(Transient, match="set aside"):
        await ledger.write(delta(6, NO_VOLUME))
    await ledger.write(snapshot(7, VOLUME))
    assert ledger.load() == Contents(7, known(VOLUME), {})


@pytest.mark.parametrize("is_replaced", [False, True])
async def test_a_ledger_that_is_taken_away_in_use_is_filled_anew(path: Path, tmp_path: Path, is_replaced: bool) -> None:
    ledger = Ledger(path, HOST_ID)
    await ledger.write(snapshot(5, VOLUME))
    await ledger.check()
    path.unlink()  # noqa: ASYNC240
    if is_replaced:
        other = Ledger(path, HOST_ID)
        await other.write(snapshot(3, VPC))
        other.close()
    for change in (ledger.check(), ledger.write(delta(6, NEW_VOLUME)), ledger.note_guest_off("i-1", 1)):
        with pytest.raises(Transient, match="taken away"):
            await change
    await ledger.write(snapshot(7, *EVERYTHING))
    await ledger.check()
    ledger.close()
    assert Ledger(path, HOST_ID).load().revision == 7


def _truncate_log(path: Path) -> None:
    os.truncate(path.with_name(path.name + "-wal"), 0)


@pytest.mark.parametrize("damage", [_overwrite_all, _truncate, _overwrite_pages, _truncate_log])
async def test_damage_in_place_is_noticed_by_the_next_check(path: Path, damage: Callable[[Path], None]) -> None:
    """SQLite would go on with the pages that it has in memory, and the ledger be gone at the next start."""
    many = [replace(INSTANCE, instance_id=f"i-{number}") for number in range(100)]
    ledger = Ledger(path, HOST_ID)
    await ledger.write(snapshot(5, *EVERYTHING, *many))
    ledger.close()
    ledger = Ledger(path, HOST_ID)
    await ledger.write(delta(6, NEW_VOLUME))
    for _ in range(3):
        await ledger.check()
    damage(path)
    with pytest.raises(Transient, match="changed while it was in use"):
        await ledger.check()
    await ledger.write(snapshot(7, VOLUME))
    await ledger.check()
    ledger.close()
    assert Ledger(path, HOST_ID).load() == Contents(7, known(VOLUME), {})
