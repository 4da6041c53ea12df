"""The ledger: what the control plane wants of this host, on disk, so that the host can go on without it.

An update is durable here before anything acts on it. SQLite does the hard part: one change is one transaction, fsynced
to the write-ahead log, and a log that a crash cut off at any byte ends at the last whole transaction. Only one agent
can hold a ledger at a time.

What is kept of an object are the bytes that came, with whatever a newer control plane put into them. A ledger that is
damaged is set aside, never repaired and never believed in part: what it lacked would be removed from the host. The
agent then knows nothing of what shall exist, as at first, until the next snapshot; so it does where the disk fails.
"""

import contextlib
import hashlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import structlog

from agent.convert import object_from_bytes, object_to_bytes
from agent.drivers.base import Transient
from agent.host.threads import Threads
from agent.messages import Authority, Update
from agent.objects import Object, ObjectKind, ObjectRef, ScopeChange

_SCHEMA = """
CREATE TABLE IF NOT EXISTS followed (
    only INTEGER PRIMARY KEY CHECK (only = 1), region TEXT, incarnation TEXT, revision INTEGER NOT NULL, seal BLOB);
CREATE TABLE IF NOT EXISTS object (
    scope TEXT, kind INTEGER, id TEXT, data BLOB NOT NULL, PRIMARY KEY (scope, kind, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS guest_off (instance_id TEXT PRIMARY KEY, generation INTEGER NOT NULL) WITHOUT ROWID;
"""
# Of a write; it takes milliseconds. Shorter gives up on a busy disk, longer hides that it hangs.
_DEADLINE_S = 10.0
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
# What a disk does, and others who read it; all else that SQLite has against a ledger is damage to what was written.
_OF_THE_DISK = (
    *_BUSY,
    *(sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY),
    *(sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_INTERRUPT),
)
# Where a file says by which versions of SQLite it is written, https://www.sqlite.org/fileformat.html: 2 for a log.
_WRITE_VERSION_AT, _NEWEST_WRITE_VERSION = 18, 2

Statement = tuple[str, tuple[Any, ...]]
Scopes = Mapping[str, Mapping[ObjectRef, Object]]
Upgrade = Callable[[Iterable[bytes]], tuple[ScopeChange, ...]]

log = structlog.get_logger()


class LedgerError(Exception):
    """Another agent has the ledger open; the message says which."""


class _Damaged(Exception):
    """What it holds can't be read, or is not what was written."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a ledger holds. `revision` is None until the first snapshot: then nothing is known of what shall exist."""

    revision: int | None
    scopes: dict[str, dict[ObjectRef, Object]]
    guest_off: dict[str, int]  # Generation in which the guest of an instance powered itself off, by instance id.
    authority: Authority = field(default_factory=Authority)  # Of the last update that was not held.


class Ledger:
    def __init__(self, path: Path, upgrade: Upgrade | None = None) -> None:
        """Open or make it. Raises LedgerError when another agent has it open, and for nothing else.

        `upgrade` makes objects of what an older agent kept.
        """
        self._path = path
        self._upgrade = upgrade
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
        """Take in an update, whole or not at all; durable on return.

        Raises Transient where the disk fails, or where the update rests on what the ledger no longer has.
        """
        statements = [*_statements(update), _followed(update.authority)]
        await self._threads.run("writing", self._commit, statements, is_whole=update.is_whole)

    async def hold(self, added: Update, known: Scopes, authority: Authority, *, may_be_lost: bool) -> None:
        """Take in what an update adds, and keep all that is `known`; `authority` is the last that was followed.

        `may_be_lost`: all of that is written anew where the ledger no longer has it. Raises Transient, as `write`.
        """
        kept = (
            ("INSERT OR IGNORE INTO object VALUES (?, ?, ?, ?)", (scope, ref.kind, ref.id, object_to_bytes(value)))
            for scope, rows in known.items()
            for ref, value in rows.items()
        )
        statements = [*(kept if may_be_lost else ()), *_statements(added), _followed(authority)]
        await self._threads.run("writing", self._commit, statements, is_whole=may_be_lost)

    async def note_guest_off(self, instance_id: str, generation: int) -> None:
        """Remember that the guest powered itself off, so that nothing revives it in this generation."""
        note = ("INSERT OR REPLACE INTO guest_off VALUES (?, ?)", (instance_id, generation))
        await self._threads.run("writing", self._commit, [note], is_whole=False)

    async def digests(self, authority: Authority) -> dict[str, bytes]:
        """Of each scope that it holds: see `KnownScope` in session.proto. Of none, where `authority` is not the last.

        Raises Transient where the disk fails.
        """
        return await self._threads.run("writing", self._digests, authority)

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
        with self._using() as db:
            self._write(db, statements, is_whole=is_whole)
            self._problem = ""

    def _digests(self, authority: Authority) -> dict[str, bytes]:
        with self._using() as db:
            return _digests(db) if _last_followed(db) == authority else {}

    @contextlib.contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        # The lock outlives a cancelled caller: the thread holds it until its transaction is over.
        with self._lock, self._telling():
            try:
                with _damage_found():
                    yield self._connection()
            except _Damaged as damage:
                self._set_aside(str(damage))
                raise Transient(self._problem) from damage

    def _write(self, db: sqlite3.Connection, statements: Iterable[Statement], *, is_whole: bool) -> None:
        with db:
            db.execute("BEGIN IMMEDIATE")
            if not is_whole and db.execute("SELECT revision FROM followed").fetchone() is None:
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
            db = _open(self._path, self._upgrade)
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


def _open(path: Path, upgrade: Upgrade | None) -> sqlite3.Connection:
    for file in (path, path.with_name(path.name + "-wal")):
        if file.exists():
            file.chmod(0o600)  # It holds user data.
    if not path.exists():
        path.touch(mode=0o600)
    _check_header(path)
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1.0)
    try:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.executescript(_SCHEMA)
        if upgrade is not None:
            _upgrade(db, upgrade)
    except (sqlite3.Error, UnicodeDecodeError, _Damaged):
        db.close()
        raise
    return db


def _check_header(path: Path) -> None:
    """SQLite would but read such a file, as it does where the disk can't be written to."""
    with path.open("rb") as file:
        header = file.read(_WRITE_VERSION_AT + 1)
    if header[_WRITE_VERSION_AT:] > bytes([_NEWEST_WRITE_VERSION]):
        raise _Damaged(f"its header has the write version {header[_WRITE_VERSION_AT]}")


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
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _OF_THE_DISK:
            raise
        raise _Damaged(str(error)) from error
    except UnicodeDecodeError as error:  # Of what SQLite has to say about names that are none.
        raise _Damaged(str(error)) from error


def _contents(db: sqlite3.Connection) -> Contents:
    with _damage_found():
        followed = _last_followed(db)
        rows = db.execute("SELECT scope, kind, id, data FROM object").fetchall()
        guest_off = dict(db.execute("SELECT instance_id, generation FROM guest_off"))
    scopes: dict[str, dict[ObjectRef, Object]] = {}
    for scope, kind, id, data in rows:
        value = _value(ObjectRef(kind, id), data)
        if value is not None:
            scopes.setdefault(scope, {})[ObjectRef(kind, id)] = value
    authority = followed if followed and followed.incarnation else Authority()
    return Contents(followed.revision if followed else None, scopes, guest_off, authority)


def _last_followed(db: sqlite3.Connection) -> Authority | None:
    row = db.execute("SELECT region, incarnation, revision, seal FROM followed").fetchone()
    return Authority(*row) if row else None


def _digests(db: sqlite3.Connection) -> dict[str, bytes]:
    rows = db.execute("SELECT scope, data FROM object ORDER BY scope, kind, id")
    return {scope: _digest(data for _, data in of_scope) for scope, of_scope in groupby(rows, itemgetter(0))}


def _digest(objects: Iterable[bytes]) -> bytes:
    found = hashlib.sha256()
    for data in objects:
        found.update(len(data).to_bytes(4, "big") + data)
    return found.digest()


def _value(ref: ObjectRef, data: bytes) -> Object | None:
    """None for a kind that this agent does not know, but a later one does."""
    try:
        put = object_from_bytes(data)
    except (ValueError, TypeError) as error:
        raise _Damaged(f"{ref}: {error}") from error
    if put is None or put.ref != ref:
        raise _Damaged(f"{ref} has other contents: {put and put.ref}")
    return put.value


def _statements(update: Update) -> Iterable[Statement]:
    """What it takes away, and then what it brings."""
    if update.snapshot:
        named = [change.scope for change in update.scopes]
        yield f"DELETE FROM object WHERE scope NOT IN ({', '.join('?' * len(named))})", tuple(named)  # noqa: S608
    for scope in (*update.left, *(change.scope for change in update.scopes if change.reset)):
        yield "DELETE FROM object WHERE scope = ?", (scope,)
    for change in update.scopes:
        for ref in change.remove:
            yield "DELETE FROM object WHERE scope = ? AND kind = ? AND id = ?", (change.scope, ref.kind, ref.id)
        for put in change.put:
            row = (change.scope, put.ref.kind, put.ref.id, put.data or (put.value and object_to_bytes(put.value)))
            yield "INSERT OR REPLACE INTO object VALUES (?, ?, ?, ?)", row
    instances = "SELECT id FROM object WHERE kind = ?"
    yield f"DELETE FROM guest_off WHERE instance_id NOT IN ({instances})", (ObjectKind.INSTANCE,)  # noqa: S608


def _followed(authority: Authority) -> Statement:
    row = (authority.region, authority.incarnation, authority.revision, authority.seal)
    return "INSERT OR REPLACE INTO followed VALUES (1, ?, ?, ?, ?)", row


def _upgrade(db: sqlite3.Connection, upgrade: Upgrade) -> None:
    """Once. The tables of before go: an older agent that comes back finds that it knows nothing, and waits."""
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
    if "resource" not in tables:
        return
    with db:
        db.execute("BEGIN IMMEDIATE")
        revision = db.execute("SELECT number FROM revision").fetchone()
        if revision is not None:
            region, incarnation = db.execute("SELECT region, incarnation FROM authority").fetchone() or ("", "")
            (seal,) = db.execute("SELECT seal FROM seal").fetchone() or (b"",)
            update = Update(Authority(region, incarnation, revision[0], seal), _upgraded(db, upgrade), snapshot=True)
            for sql, parameters in (*_statements(update), _followed(update.authority)):
                db.execute(sql, parameters)
        for table in tables & {"revision", "authority", "seal", "resource"}:
            db.execute(f"DROP TABLE {table}")


def _upgraded(db: sqlite3.Connection, upgrade: Upgrade) -> tuple[ScopeChange, ...]:
    try:
        return upgrade([data for (data,) in db.execute("SELECT spec FROM resource")])
    except (ValueError, TypeError) as error:
        raise _Damaged(f"resource: {error}") from error
