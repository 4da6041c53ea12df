"""The ledger: what the control plane wants of this host, on disk, so that the host can go on without it.

An update is durable here before anything acts on it. SQLite does the hard part: one change is one transaction, fsynced
to the write-ahead log, and a log that a crash cut off at any byte ends at the last whole transaction. Only one agent
can hold a ledger at a time.

What is kept of a resource are the bytes that came, with whatever a newer control plane put into them. A ledger that is
damaged is set aside, never repaired and never believed in part: what it lacked would be removed from the host. The
agent then knows nothing of what shall exist, as at first, until the next snapshot; so it does where the disk fails.
"""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from agent.converge.authority import Authority
from agent.convert import spec_from_bytes, spec_to_bytes
from agent.drivers.base import Transient
from agent.host.threads import Threads
from agent.messages import Update
from agent.model import Kind, Ref, Spec

_SCHEMA = """
CREATE TABLE IF NOT EXISTS revision (only INTEGER PRIMARY KEY CHECK (only = 1), number INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS authority (only INTEGER PRIMARY KEY CHECK (only = 1), region TEXT, incarnation TEXT);
CREATE TABLE IF NOT EXISTS seal (only INTEGER PRIMARY KEY CHECK (only = 1), seal BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS resource (kind TEXT, id TEXT, spec BLOB NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS guest_off (instance_id TEXT PRIMARY KEY, generation INTEGER NOT NULL) WITHOUT ROWID;
"""
# Of a write; it takes milliseconds. Shorter gives up on a busy disk, longer hides that it hangs.
_DEADLINE_S = 10.0
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

Statement = tuple[str, tuple[Any, ...]]

log = structlog.get_logger()


class LedgerError(Exception):
    """Another agent has the ledger open; the message says which."""


class _Damaged(Exception):
    """What it holds can't be read, or is not what was written."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a ledger holds. `revision` is None until the first snapshot: then nothing is known of what shall exist."""

    revision: int | None
    specs: dict[Ref, Spec]
    guest_off: dict[str, int]  # Generation in which the guest of an instance powered itself off, by instance id.
    authority: Authority = field(default_factory=Authority)  # Of the last update that was not held.


class Ledger:
    def __init__(self, path: Path) -> None:
        """Open or make it. Raises LedgerError when another agent has it open, and for nothing else."""
        self._path = path
        self._lock = threading.Lock()
        self._threads = Threads("the disk of the ledger", 1, _DEADLINE_S)
        self._db: sqlite3.Connection | None = None
        self._files: tuple[object, ...] = ()  # As this agent left them.
        self._problem = ""
        self._is_closed = False
        self.load()

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with it, for people."""
        return (self._problem,) if self._problem else ()

    def load(self) -> Contents:
        """Everything in it; called once, before the event loop has anything to do."""
        with self._lock, contextlib.suppress(Transient), self._telling():
            try:
                return _contents(self._connection())
            except _Damaged as damage:
                self._set_aside(str(damage))
                self._connection()
        return Contents(None, {}, {})

    async def write(self, update: Update) -> None:
        """Take in an update, whole or not at all; durable on return. Raises Transient where the disk fails."""
        statements = [*_statements(update), *_authority_statements(Authority().after(update))]
        await self._threads.run("writing", self._commit, statements, is_whole=update.snapshot)

    async def hold(self, added: Update, known: Iterable[Spec], authority: Authority, *, may_be_lost: bool) -> None:
        """Take in what an update adds, and keep all that is `known`; `authority` is the last that was followed.

        `may_be_lost`: all of that is written anew where the ledger no longer has it. Raises Transient, as `write`.
        """
        kept = (("INSERT OR IGNORE INTO resource VALUES (?, ?, ?)", _row(spec, {})) for spec in known)
        statements = [*kept, *_statements(added), *_authority_statements(authority)]
        await self._threads.run("writing", self._commit, statements, is_whole=may_be_lost)

    async def note_guest_off(self, instance_id: str, generation: int) -> None:
        """Remember that the guest powered itself off, so that nothing revives it in this generation."""
        note = ("INSERT OR REPLACE INTO guest_off VALUES (?, ?)", (instance_id, generation))
        await self._threads.run("writing", self._commit, [note], is_whole=False)

    async def check(self) -> None:
        """See that it is still there and nobody else wrote to it. Raises Transient when only a snapshot helps."""
        await self._threads.run("writing", self._commit, [], is_whole=False)

    def close(self) -> None:
        # A thread that hangs in a dead disk has the lock; the process ends without it.
        if self._lock.acquire(timeout=1.0):
            self._is_closed = True
            self._disconnect()
            self._lock.release()

    def _commit(self, statements: Iterable[Statement], *, is_whole: bool) -> None:
        # The lock outlives a cancelled caller: the thread holds it until its transaction is over.
        with self._lock, self._telling():
            try:
                self._write(self._connection(), statements, is_whole=is_whole)
            except _Damaged as damage:
                self._set_aside(str(damage))
                raise Transient(self._problem) from damage
            self._problem = ""

    def _write(self, db: sqlite3.Connection, statements: Iterable[Statement], *, is_whole: bool) -> None:
        with _damage_found(), db:
            db.execute("BEGIN IMMEDIATE")
            if not is_whole and db.execute("SELECT number FROM revision").fetchone() is None:
                raise Transient(self._problem or f"the ledger {self._path} waits for its first snapshot")
            for sql, parameters in statements:
                db.execute(sql, parameters)
        self._files = _files(self._path)

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """A disk that fails is a problem of the host, and may be mended."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            if getattr(error, "sqlite_errorcode", None) in _BUSY:
                raise LedgerError(f"the ledger {self._path} is in use: is another agent running on it?") from error
            self._disconnect()
            self._problem = f"the ledger {self._path} cannot be used: {error}; see to its disk"
            raise Transient(self._problem) from error

    def _connection(self) -> sqlite3.Connection:
        """The open ledger; where somebody took its files away or wrote to them, one that waits for everything.

        Pages that SQLite has in its memory hide such damage until the next start, when they are gone.
        """
        if self._is_closed:  # This thread comes late: another agent may have the ledger by now.
            raise Transient(f"the ledger {self._path} was closed")
        if self._db is None:
            self._db = self._connect()
        elif _files(self._path) != self._files:
            self._set_aside("taken away or changed while it was in use")
            self._db = self._connect()
        return self._db

    def _connect(self) -> sqlite3.Connection:
        with _damage_found():
            db = _open(self._path)
        self._files = _files(self._path)
        return db

    def _disconnect(self) -> None:
        if self._db is not None:
            self._db.close()
        self._db = None

    def _set_aside(self, damage: str) -> None:
        self._disconnect()
        name = f"{self._path.name}.damaged-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}"
        for ending in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                self._path.with_name(self._path.name + ending).rename(self._path.with_name(name + ending))
        what = f"the ledger {self._path} is damaged ({damage}), and what there is of it set aside as {name}"
        self._problem = f"{what}; the host changes nothing until the control plane sends everything again"
        log.error("ledger lost", problem=self._problem)


def _open(path: Path) -> sqlite3.Connection:
    for file in (path, path.with_name(path.name + "-wal")):
        if file.exists():
            file.chmod(0o600)  # It holds user data.
    if not path.exists():
        path.touch(mode=0o600)
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1.0)
    try:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.executescript(_SCHEMA)
    except sqlite3.Error:
        db.close()
        raise
    return db


def _files(path: Path) -> tuple[object, ...]:
    """Tells whether the ledger or its log is another, or was written to."""
    return tuple(_stamp(file) for file in (path, path.with_name(path.name + "-wal")))


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        seen = file.stat()
    except FileNotFoundError:
        return None
    return seen.st_ino, seen.st_size, seen.st_mtime_ns


@contextlib.contextmanager
def _damage_found() -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
            raise _Damaged(str(error)) from error
        raise


def _contents(db: sqlite3.Connection) -> Contents:
    with _damage_found():
        revision = db.execute("SELECT number FROM revision").fetchone()
        rows = db.execute("SELECT kind, id, spec FROM resource").fetchall()
        guest_off = dict(db.execute("SELECT instance_id, generation FROM guest_off"))
        authority = db.execute("SELECT region, incarnation FROM authority").fetchone() or ("", "")
        seal = db.execute("SELECT seal FROM seal").fetchone() or (b"",)
    specs = (_spec(kind, id, blob) for kind, id, blob in rows)
    is_known = bool(revision and authority[1])
    return Contents(
        revision=revision[0] if revision else None,
        specs={spec.ref: spec for spec in specs if spec is not None},
        guest_off=guest_off,
        authority=Authority(authority[0], authority[1], revision[0], seal[0]) if is_known else Authority(),
    )


def _spec(kind: str, id: str, blob: bytes) -> Spec | None:
    """None for a kind that this agent does not know, but a later one does."""
    if kind not in {known.value for known in Kind}:
        return None
    try:
        spec = spec_from_bytes(blob)
    except (ValueError, TypeError) as error:
        raise _Damaged(f"{kind} {id}: {error}") from error
    if spec is None or spec.ref != Ref(Kind(kind), id):
        raise _Damaged(f"{kind} {id} has other contents: {spec and spec.ref}")
    return spec


def _statements(update: Update) -> Iterable[Statement]:
    if update.snapshot:
        yield "DELETE FROM resource", ()
    for ref in update.remove:
        yield "DELETE FROM resource WHERE kind = ? AND id = ?", (ref.kind.value, ref.id)
    for spec in update.put:
        yield "INSERT OR REPLACE INTO resource VALUES (?, ?, ?)", _row(spec, update.raw)
    if update.snapshot or update.remove:
        instances = "SELECT id FROM resource WHERE kind = ?"
        yield f"DELETE FROM guest_off WHERE instance_id NOT IN ({instances})", (Kind.INSTANCE.value,)  # noqa: S608


def _row(spec: Spec, raw: Mapping[Ref, bytes]) -> tuple[str, str, bytes]:
    return spec.ref.kind.value, spec.ref.id, raw.get(spec.ref) or spec_to_bytes(spec)


def _authority_statements(authority: Authority) -> Iterable[Statement]:
    yield "INSERT OR REPLACE INTO revision VALUES (1, ?)", (authority.revision,)
    if authority.incarnation:
        yield "INSERT OR REPLACE INTO authority VALUES (1, ?, ?)", (authority.region, authority.incarnation)
        yield "INSERT OR REPLACE INTO seal VALUES (1, ?)", (authority.seal,)
