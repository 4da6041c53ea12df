"""The ledger: what was acknowledged is there after any crash, and nothing half done ever is."""

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from agent.ledger import Contents, Ledger, LedgerError
from agent.messages import Update

from .host import EVERYTHING, INSTANCE, VOLUME, VPC


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


async def test_it_remembers(path: Path) -> None:
    ledger = Ledger(path)
    assert ledger.load() == Contents(None, {}, {})
    await ledger.write(Update(5, True, EVERYTHING))
    await ledger.write(Update(6, False, (replace(VPC, vni=8),), (VOLUME.ref,)))
    await ledger.note_guest_off("i-1", 3)
    ledger.close()
    contents = Ledger(path).load()
    assert contents.revision == 6
    assert contents.specs == {
        spec.ref: replace(VPC, vni=8) if spec is VPC else spec for spec in EVERYTHING if spec is not VOLUME
    }
    assert contents.guest_off == {"i-1": 3}


async def test_a_snapshot_forgets_what_is_not_in_it(path: Path) -> None:
    ledger = Ledger(path)
    await ledger.write(Update(5, True, EVERYTHING))
    await ledger.note_guest_off("i-1", 3)
    await ledger.write(Update(6, True, (INSTANCE,)))
    assert ledger.load() == Contents(6, {INSTANCE.ref: INSTANCE}, {"i-1": 3})
    await ledger.write(Update(7, True))
    assert ledger.load() == Contents(7, {}, {})


async def test_one_agent_at_a_time(path: Path) -> None:
    ledger = Ledger(path)
    with pytest.raises(LedgerError, match="another agent"):
        Ledger(path)
    ledger.close()
    Ledger(path).close()


def test_a_damaged_file_says_what_to_do(path: Path) -> None:
    path.write_bytes(b"not a database, by no means" * 100)
    with pytest.raises(LedgerError, match="move it away"):
        Ledger(path)


async def test_a_log_cut_at_any_byte_ends_at_a_whole_update(path: Path) -> None:
    ledger = Ledger(path)
    await ledger.write(Update(1, True, (VOLUME, INSTANCE)))
    wal = path.with_name(path.name + "-wal")
    states = [ledger.load()]
    sizes = [wal.stat().st_size]
    await ledger.write(Update(2, False, (), (VOLUME.ref,)))
    states.append(ledger.load())
    sizes.append(wal.stat().st_size)
    await ledger.note_guest_off("i-1", 1)
    states.append(ledger.load())
    sizes.append(wal.stat().st_size)
    base, log = path.read_bytes(), wal.read_bytes()  # noqa: ASYNC240
    ledger.close()
    for length in range(sizes[0], len(log) + 1):
        acknowledged = max(number for number, size in enumerate(sizes) if size <= length)
        assert _load_cut(base, log[:length]) == states[acknowledged], f"cut at {length}"


def _load_cut(base: bytes, log: bytes) -> Contents:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:  # In memory: thousands of these are opened.
        (Path(directory) / "ledger").write_bytes(base)
        (Path(directory) / "ledger-wal").write_bytes(log)
        ledger = Ledger(Path(directory) / "ledger")
        contents = ledger.load()
        ledger.close()
        return contents
