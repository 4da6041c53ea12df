"""The ledger: what the control plane wants of this host, on disk, so that the host can go on without it.

An update is durable here before anything acts on it. SQLite does the hard part: one change is one transaction, fsynced
to the write-ahead log, and a log that a crash cut off at any byte ends at the last whole transaction. Only one agent
can hold a ledger at a time. Blocking calls are made in threads.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.convert import spec_from_bytes, spec_to_bytes
from agent.messages import Update
from agent.model import Kind, Ref, Spec

_SCHEMA = """
CREATE TABLE IF NOT EXISTS revision (only INTEGER PRIMARY KEY CHECK (only = 1), number INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS resource (kind TEXT, id TEXT, spec BLOB NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS guest_off (instance_id TEXT PRIMARY KEY, generation INTEGER NOT NULL) WITHOUT ROWID;
"""

Statement = tuple[str, tuple[Any, ...]]


class LedgerError(Exception):
    """The ledger can't be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a ledger holds. `revision` is None until the first snapshot: then nothing is known of what shall exist."""

    revision: int | None
    specs: dict[Ref, Spec]
    guest_off: dict[str, int]  # Generation in which the guest of an instance powered itself off, by instance id.


class Ledger:
    def __init__(self, path: Path) -> None:
        """Open or make it. Raises LedgerError when another agent has it open or the file is damaged."""
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1.0)
        try:
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_SCHEMA)
        except sqlite3.OperationalError as error:
            raise LedgerError(f"cannot open the ledger {path} ({error}): is another agent running on it?") from error
        except sqlite3.DatabaseError as error:
            hint = "move it away; the agent then waits for the control plane to send everything again"
            raise LedgerError(f"the ledger {path} is damaged ({error}): {hint}") from error

    def load(self) -> Contents:
        """Everything in it; called once, before the event loop has anything to do."""
        revision = self._db.execute("SELECT number FROM revision").fetchone()
        specs = (spec_from_bytes(blob) for (blob,) in self._db.execute("SELECT spec FROM resource"))
        return Contents(
            revision=revision[0] if revision else None,
            specs={spec.ref: spec for spec in specs if spec is not None},
            guest_off=dict(self._db.execute("SELECT instance_id, generation FROM guest_off")),
        )

    async def write(self, update: Update) -> None:
        """Take in an update, whole or not at all; durable on return."""
        await asyncio.to_thread(self._commit, list(_statements(update)))

    async def note_guest_off(self, instance_id: str, generation: int) -> None:
        """Remember that the guest powered itself off, so that nothing revives it in this generation."""
        await asyncio.to_thread(
            self._commit, [("INSERT OR REPLACE INTO guest_off VALUES (?, ?)", (instance_id, generation))]
        )

    @property
    def problems(self) -> tuple[str, ...]:
        return ()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _commit(self, statements: Iterable[Statement]) -> None:
        # The lock outlives a cancelled caller: the thread holds it until its transaction is over.
        with self._lock, self._db:
            self._db.execute("BEGIN IMMEDIATE")
            for sql, parameters in statements:
                self._db.execute(sql, parameters)


def _statements(update: Update) -> Iterable[Statement]:
    if update.snapshot:
        yield "DELETE FROM resource", ()
    for ref in update.remove:
        yield "DELETE FROM resource WHERE kind = ? AND id = ?", (ref.kind.value, ref.id)
    for spec in update.put:
        row = (spec.ref.kind.value, spec.ref.id, spec_to_bytes(spec))
        yield "INSERT OR REPLACE INTO resource VALUES (?, ?, ?)", row
    if update.snapshot or update.remove:
        instances = "SELECT id FROM resource WHERE kind = ?"
        yield f"DELETE FROM guest_off WHERE instance_id NOT IN ({instances})", (Kind.INSTANCE.value,)  # noqa: S608
    yield "INSERT OR REPLACE INTO revision VALUES (1, ?)", (update.revision,)
