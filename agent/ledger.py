"""The ledger: what the control plane wants of this host, on disk, so that the host can go on without it.

An update is durable here before anything acts on it. SQLite does the hard part: one change is one transaction, fsynced
to the write-ahead log, and a log that a crash cut off at any byte ends at the last whole transaction. Only one agent
can hold a ledger at a time.

What is kept of an object are the bytes that came, with whatever a newer control plane put into them. A ledger that is
damaged, or another host's, is set aside, never repaired and never believed in part: what it lacked would be removed
from the host. The agent then knows nothing of what shall exist, as at first, until the next snapshot; so it does where
the disk fails.
"""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import structlog

from agent import ledger_tables as tables
from agent.drivers.base import Transient
from agent.host.threads import Threads
from agent.ledger_tables import Contents, Scopes, Statement, Unfit, Upgrade, damage_found, damaged
from agent.messages import Authority, Update

# Of a write; it takes milliseconds. Shorter gives up on a busy disk, longer hides that it hangs.
_DEADLINE_S = 10.0
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
# Where a file says by which versions of SQLite it is written, https://www.sqlite.org/fileformat.html: 2 for a log.
_WRITE_VERSION_AT, _NEWEST_WRITE_VERSION = 18, 2

log = structlog.get_logger()


class LedgerError(Exception):
    """Another agent has the ledger open; the message says which."""


class Ledger:
    def __init__(self, path: Path, host_id: str, upgrade: Upgrade | None = None) -> None:
        """Open or make that of this host. Raises LedgerError when another agent has it open, and for nothing else.

        `upgrade` makes objects of what an older agent kept.
        """
        self._path = path
        self._host_id = host_id
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
                return tables.contents(self._connection())
            except Unfit as fault:
                self._set_aside(fault)
                self._connection()
        return Contents(None, {}, {})

    async def write(self, update: Update) -> None:
        """Take in an update, whole or not at all; durable on return.

        Raises Transient where the disk fails, or where the update rests on what the ledger no longer has.
        """
        statements = [*tables.taken_in(update), tables.followed(self._host_id, update.authority)]
        await self._threads.run("writing", self._commit, statements, is_whole=update.is_whole)

    async def hold(self, added: Update, known: Scopes, authority: Authority, *, may_be_lost: bool) -> None:
        """Take in what an update adds, and keep all that is `known`; `authority` is the last that was followed.

        `may_be_lost`: all of that is written anew where the ledger no longer has it. Raises Transient, as `write`.
        """
        kept = tables.kept(known) if may_be_lost else ()
        statements = [*kept, *tables.taken_in(added), tables.followed(self._host_id, authority)]
        await self._threads.run("writing", self._commit, statements, is_whole=may_be_lost)

    async def note_guest_off(self, instance_id: str, generation: int) -> None:
        """Remember that the guest powered itself off, so that nothing revives it in this generation."""
        note = tables.powered_off(instance_id, generation)
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

    def _commit(self, statements: Sequence[Statement], *, is_whole: bool) -> None:
        with self._using() as db:
            self._write(db, statements, is_whole=is_whole)
            self._problem = ""

    def _digests(self, authority: Authority) -> dict[str, bytes]:
        with self._using() as db:
            return tables.digests(db) if tables.last_followed(db) == authority else {}

    @contextlib.contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        # The lock outlives a cancelled caller: the thread holds it until its transaction is over.
        with self._lock, self._telling():
            try:
                with damage_found():
                    yield self._connection()
            except Unfit as fault:
                self._set_aside(fault)
                raise Transient(self._problem) from fault

    def _write(self, db: sqlite3.Connection, statements: Sequence[Statement], *, is_whole: bool) -> None:
        with db:
            db.execute("BEGIN IMMEDIATE")
            if not is_whole and tables.last_followed(db) is None:
                raise Transient(self._problem or f"the ledger {self._path} waits for its first snapshot")
            if statements:
                tables.execute(db, statements)
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
            self._set_aside(damaged("taken away or changed while it was in use"))
            self._db = self._connect()
        return self._db

    def _connect(self) -> sqlite3.Connection:
        with damage_found():
            db = _open(self._path, self._host_id, self._upgrade)
        self._files = _files(self._path)
        return db

    def _disconnect(self) -> None:
        if self._db is not None:
            self._db.close()
        self._db = None

    def _set_aside(self, fault: Unfit) -> None:
        self._disconnect()
        name = f"{self._path.name}.damaged-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}"
        for ending in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                self._path.with_name(self._path.name + ending).rename(self._path.with_name(name + ending))
        what = f"the ledger {self._path} is {fault}; what there is of it was set aside as {name}"
        self._problem = f"{what}; the host changes nothing until the control plane sends everything again"
        log.error("ledger lost", problem=self._problem)


def _open(path: Path, host_id: str, upgrade: Upgrade | None) -> sqlite3.Connection:
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
        tables.prepare(db, host_id, upgrade)
    except (sqlite3.Error, UnicodeDecodeError, Unfit):
        db.close()
        raise
    return db


def _check_header(path: Path) -> None:
    """SQLite would but read such a file, as it does where the disk can't be written to."""
    with path.open("rb") as file:
        header = file.read(_WRITE_VERSION_AT + 1)
    if header[_WRITE_VERSION_AT:] > bytes([_NEWEST_WRITE_VERSION]):
        raise damaged(f"its header has the write version {header[_WRITE_VERSION_AT]}")


def _files(path: Path) -> tuple[object, ...]:
    """Tells whether the ledger or its log is another, or was written to."""
    return tuple(_stamp(file) for file in (path, path.with_name(path.name + "-wal")))


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        seen = file.stat()
    except FileNotFoundError:
        return None
    return seen.st_ino, seen.st_size, seen.st_mtime_ns
