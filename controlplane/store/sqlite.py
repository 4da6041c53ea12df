"""What only SQLite needs: settings, locks, and the meaning of its result codes. Everything else here is portable."""

import os
import sqlite3
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event

from controlplane.store.errors import StorageFailed, StoreBusy, StoreError

BUSY_TIMEOUT_MS = 5000  # Lower: a backup or an operator's query fails a commit. Higher: all calls hang that long first.

# https://sqlite.org/rescode.html; extended codes carry the primary one in the low byte.
_FAILURES = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_READONLY,
}
_LOCKS = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def engine(url: URL) -> Engine:
    """Every commit is durable when it returns, and every transaction is a writer's from its first statement.

    `synchronous=FULL` fsyncs the write-ahead log on each commit. `BEGIN IMMEDIATE` takes the lock at once: a
    transaction that read first and wants to write later could only fail.
    """
    engine = create_engine(url)
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "connect", _remember_file)
    event.listen(engine, "begin", _check_file)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _set_pragmas(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # The driver shall not begin transactions by itself.
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")  # First: switching to WAL may have to wait.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


def _remember_file(connection: Any, record: Any) -> None:
    ((_, _, path),) = connection.execute("PRAGMA database_list").fetchall()
    record.info["file"] = path, _inode(path)


def _check_file(connection: Connection) -> None:
    """SQLite would go on in a file that has no name any more, and all that is committed there ends with the process."""
    path, inode = connection.info["file"]
    if _inode(path) != inode:
        raise StorageFailed(f"{path} was removed or replaced while it was in use: restore it from a backup")


def _inode(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return 0


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def classify(error: BaseException | None) -> type[StoreError]:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _FAILURES:
        return StorageFailed
    return StoreBusy if code in _LOCKS else StoreError
