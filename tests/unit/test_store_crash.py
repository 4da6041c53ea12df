"""An acknowledged commit outlives the writer's death, a torn write-ahead log, and a full disk."""

import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane.model.host import Zone
from controlplane.model.image import InstanceType
from controlplane.model.state import State
from controlplane.store import sqlite
from controlplane.store.errors import StorageFailed, StoreBusy
from controlplane.store.store import Store
from tests.unit import store_cases
from tests.unit.store_cases import BACKENDS, NOW, contents, empty_url, opened, put


@pytest.mark.parametrize("kills", [3, pytest.param(12, marks=pytest.mark.deep)])
@pytest.mark.parametrize("backend", BACKENDS)
def test_no_acknowledged_commit_is_lost_when_the_writer_is_killed(backend: str, kills: int, tmp_path: Path) -> None:
    url = empty_url(backend, tmp_path)
    opened(url).close()
    moments = random.Random(7)
    for _ in range(kills):
        acknowledged = kill_after(moments.randrange(1, 60), url)
        store = Store.open(url)
        state = store.load()
        assert state.revision >= acknowledged
        assert [zone.id for zone in state.zones] == [f"zone-{number}" for number in range(1, state.revision + 1)]
        assert [entry.revision for entry in store.read_recent_log(state.revision + 1)] == list(
            range(1, state.revision + 1)
        )
        store.close()


def kill_after(commits: int, url: str) -> int:
    """Start a writer, kill it amid its work; returns the last revision that it said was durable."""
    with subprocess.Popen([sys.executable, store_cases.__file__, url], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(commits)]
        writer.kill()
        lines += writer.stdout.readlines()
    return int([line for line in lines if line.endswith("\n")][-1])


@pytest.mark.parametrize("step", [11, pytest.param(1, marks=pytest.mark.deep)])
def test_a_write_ahead_log_cut_at_any_byte_keeps_what_was_acknowledged(in_memory: Path, step: int) -> None:
    database = small_pages(in_memory / "controlplane.db")
    store = opened(f"sqlite:///{database}")
    store.close()  # Moves the schema out of the log.
    store = Store.open(f"sqlite:///{database}")
    state, log = store.load(), Path(f"{database}-wal")
    sizes = []
    for name in ("a", "b", "c"):
        store.commit([put(state, Zone(name, NOW))], NOW)
        sizes.append(log.stat().st_size)
    for size in (*range(sizes[1], sizes[2], step), sizes[2] - 1, sizes[2]):
        cut = copy_with_log_of(size, database, in_memory / "cut")
        assert read_revision(cut) == (3 if size == sizes[2] else 2), f"log cut at byte {size} of {sizes[2]}"
    assert contents(
        Store.open(f"sqlite:///{copy_with_log_of(sizes[2], database, in_memory / 'cut')}").load()
    ) == contents(state)
    store.close()


def small_pages(database: Path) -> Path:
    """An empty database with the smallest pages there are, so that a commit has few bytes to be cut at."""
    connection = sqlite3.connect(database)
    connection.executescript("PRAGMA page_size = 512; CREATE TABLE t (c); DROP TABLE t; VACUUM")
    connection.close()
    return database


def copy_with_log_of(size: int, database: Path, directory: Path) -> Path:
    """What a crash could have left: the database and the first bytes of its log, without the shared memory."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    copy = directory / database.name
    copy.write_bytes(database.read_bytes())
    Path(f"{copy}-wal").write_bytes(Path(f"{database}-wal").read_bytes()[:size])
    return copy


def read_revision(database: Path) -> int:
    connection = sqlite3.connect(database)
    (revision,) = connection.execute("SELECT revision FROM meta").fetchone()
    assert connection.execute("SELECT count(*) FROM zones").fetchone() == (revision,)
    assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
    connection.close()
    return int(revision)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "stead-test", tmp_path], check=True)
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


@pytest.mark.host
def test_a_full_disk_ends_the_writer_and_harms_nothing(small_disk: Path) -> None:
    url = f"sqlite:///{small_disk}/controlplane.db"
    store = opened(url)
    kept = store.load()
    with pytest.raises(StorageFailed, match="full"):
        fill(store, kept)
    store.close()
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    store = Store.open(url)
    again = store.load()
    assert kept.revision > 10
    assert (again.revision, contents(again)) == (kept.revision, contents(kept))
    store.commit([put(kept, Zone("room-again", NOW))], NOW)
    store.close()


def fill(store: Store, kept: State) -> None:
    """Commit until it fails; `kept` gets what was acknowledged."""
    state = store.load()
    while True:
        row = InstanceType(f"type-{state.revision}" + "x" * 5000, 1, 512, NOW)
        store.commit([put(state, row)], NOW)
        put(kept, row)


def test_a_database_that_somebody_else_holds_is_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_MS", 10)
    store = opened(f"sqlite:///{tmp_path}/controlplane.db")
    state = store.load()
    other = sqlite3.connect(tmp_path / "controlplane.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy, match="locked"):
        store.commit([put(state, Zone("a", NOW))], NOW)
    other.execute("ROLLBACK")
    assert store.load().revision == 0
    other.close()
    store.close()


def test_commits_are_synced_to_disk(tmp_path: Path) -> None:
    store = opened(f"sqlite:///{tmp_path}/controlplane.db")
    with store._transaction() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    store.close()
