"""What a ledger holds, as tables of SQLite.

Each row has a checksum, and the one row that says whose word was followed has the sum of all of them and its own. What
a disk has changed in a row, or lost of them, is found when the ledger is read; SQLite itself looks at no more than it
needs to find its way.
"""

import contextlib
import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any
from zlib import crc32

from agent.convert import object_from_bytes, object_to_bytes
from agent.messages import Authority, Update
from agent.objects import Object, ObjectKind, ObjectRef, ScopeChange

# The checksum stands before what may be long: SQLite reads a row from its beginning.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS last_followed (
    only INTEGER PRIMARY KEY CHECK (only = 1), host_id TEXT, region TEXT, incarnation TEXT, revision INTEGER NOT NULL,
    seal BLOB, crc_of_all INTEGER, crc INTEGER);
CREATE TABLE IF NOT EXISTS kept_object (
    scope TEXT, kind INTEGER, id TEXT, crc INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (scope, kind, id))
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS power_off (instance_id TEXT PRIMARY KEY, generation INTEGER NOT NULL, crc INTEGER NOT NULL)
    WITHOUT ROWID;
"""
_PUT = "INSERT OR {} INTO kept_object VALUES (?1, ?2, ?3, crc_of(?1, ?2, ?3, ?4), ?4)"
_PUT_POWER_OFF = "INSERT OR REPLACE INTO power_off VALUES (?1, ?2, crc_of(?1, ?2))"
_SEAL = (
    "UPDATE last_followed SET crc_of_all = (SELECT total(crc) FROM kept_object) + (SELECT total(crc) FROM power_off)",
    "UPDATE last_followed SET crc = crc_of(host_id, region, incarnation, revision, seal, crc_of_all)",
)
_FOLLOWED = "host_id, region, incarnation, revision, seal, crc_of_all"
# Of versions before: without checksums, and one that knew resources in place of objects.
_UNCHECKED = {"followed", "object", "guest_off"}
_OF_RESOURCES = {"revision", "authority", "seal", "resource"}

# What a disk does, and others who read it; all else that SQLite has against a ledger is damage to what was written.
_OF_THE_DISK = (
    *(sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY),
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL),
    *(sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT),
)

Statement = tuple[str, tuple[Any, ...]]
Scopes = Mapping[str, Mapping[ObjectRef, Object]]
Upgrade = Callable[[Iterable[bytes]], tuple[ScopeChange, ...]]


class Unfit(Exception):
    """Why a ledger is not to be used, after "it is"."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a ledger holds. `revision` is None until the first snapshot: then nothing is known of what shall exist."""

    revision: int | None
    scopes: dict[str, dict[ObjectRef, Object]]
    guest_off: dict[str, int]  # Generation in which the guest of an instance powered itself off, by instance id.
    authority: Authority = field(default_factory=Authority)  # Of the last update that was not held.


@contextlib.contextmanager
def damage_found() -> Iterator[None]:
    """Around what SQLite does. Raises Unfit where it can't read what there is."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _OF_THE_DISK:
            raise
        raise damaged(str(error)) from error
    except UnicodeDecodeError as error:  # Of what SQLite has to say about names that are none.
        raise damaged(str(error)) from error


def damaged(why: str) -> Unfit:
    return Unfit(f"damaged ({why})")


def prepare(db: sqlite3.Connection, host_id: str, upgrade: Upgrade | None) -> None:
    """Make what is not there, out of what a version before has left. Raises Unfit for another host's ledger."""
    db.create_function("crc_of", -1, _crc_of, deterministic=True)
    db.executescript(_SCHEMA)
    _upgrade(db, host_id, upgrade)
    owner = db.execute("SELECT host_id FROM last_followed").fetchone()
    if owner is not None and owner[0] != host_id:
        raise Unfit(f"that of {owner[0]}, and this is {host_id}")


def _crc_of(*values: object) -> int:
    return crc32(repr(values).encode())


def contents(db: sqlite3.Connection) -> Contents:
    """All there is. Raises Unfit unless it is what was written."""
    with damage_found():
        last = db.execute(f"SELECT {_FOLLOWED}, crc FROM last_followed").fetchone()  # noqa: S608
        rows = db.execute("SELECT scope, kind, id, data, crc FROM kept_object").fetchall()
        off = db.execute("SELECT instance_id, generation, crc FROM power_off").fetchall()
    for what in (*([last] if last else ()), *rows, *off):
        if _crc_of(*what[:-1]) != what[-1]:
            raise damaged(f"not what was written: {what[:3]}")
    if (last[-2] if last else 0) != sum(what[-1] for what in (*rows, *off)):
        raise damaged("some of it is gone")
    authority = Authority(*last[1:5]) if last and last[2] else Authority()
    return Contents(last[3] if last else None, _scopes(rows), {what[0]: what[1] for what in off}, authority)


def _scopes(rows: Iterable[tuple[str, int, str, bytes, int]]) -> dict[str, dict[ObjectRef, Object]]:
    scopes: dict[str, dict[ObjectRef, Object]] = {}
    for scope, kind, id, data, _ in rows:
        value = _value(ObjectRef(kind, id), data)
        if value is not None:
            scopes.setdefault(scope, {})[ObjectRef(kind, id)] = value
    return scopes


def _value(ref: ObjectRef, data: bytes) -> Object | None:
    """None for a kind that this agent does not know, but a later one does."""
    try:
        put = object_from_bytes(data)
    except (ValueError, TypeError) as error:
        raise damaged(f"{ref}: {error}") from error
    if put is None or put.ref != ref:
        raise damaged(f"{ref} has other contents: {put and put.ref}")
    return put.value


def last_followed(db: sqlite3.Connection) -> Authority | None:
    row = db.execute("SELECT region, incarnation, revision, seal FROM last_followed").fetchone()
    return Authority(*row) if row else None


def digests(db: sqlite3.Connection) -> dict[str, bytes]:
    """Of each scope: see `KnownScope` in session.proto."""
    rows = db.execute("SELECT scope, data FROM kept_object ORDER BY scope, kind, id")
    return {scope: _digest(data for _, data in of_scope) for scope, of_scope in groupby(rows, itemgetter(0))}


def _digest(objects: Iterable[bytes]) -> bytes:
    found = hashlib.sha256()
    for data in objects:
        found.update(len(data).to_bytes(4, "big") + data)
    return found.digest()


def execute(db: sqlite3.Connection, statements: Iterable[Statement]) -> None:
    """Within a transaction, which they end: what is written is vouched for."""
    for sql, parameters in (*statements, *((sql, ()) for sql in _SEAL)):
        db.execute(sql, parameters)


def taken_in(update: Update) -> Iterable[Statement]:
    """What it takes away, and then what it brings."""
    if update.snapshot:
        named = [change.scope for change in update.scopes]
        yield f"DELETE FROM kept_object WHERE scope NOT IN ({', '.join('?' * len(named))})", tuple(named)  # noqa: S608
    for scope in (*update.left, *(change.scope for change in update.scopes if change.reset)):
        yield "DELETE FROM kept_object WHERE scope = ?", (scope,)
    for change in update.scopes:
        for ref in change.remove:
            yield "DELETE FROM kept_object WHERE scope = ? AND kind = ? AND id = ?", (change.scope, ref.kind, ref.id)
        for put in change.put:
            row = (change.scope, put.ref.kind, put.ref.id, put.data or (put.value and object_to_bytes(put.value)))
            yield _PUT.format("REPLACE"), row
    instances = "SELECT id FROM kept_object WHERE kind = ?"
    yield f"DELETE FROM power_off WHERE instance_id NOT IN ({instances})", (ObjectKind.INSTANCE,)  # noqa: S608


def kept(known: Scopes) -> Iterator[Statement]:
    """What of it is not there already."""
    for scope, rows in known.items():
        for ref, value in rows.items():
            yield _PUT.format("IGNORE"), (scope, ref.kind, ref.id, object_to_bytes(value))


def followed(host_id: str, authority: Authority) -> Statement:
    row = (host_id, authority.region, authority.incarnation, authority.revision, authority.seal)
    return "INSERT OR REPLACE INTO last_followed VALUES (1, ?, ?, ?, ?, ?, 0, 0)", row


def powered_off(instance_id: str, generation: int) -> Statement:
    return _PUT_POWER_OFF, (instance_id, generation)


def _upgrade(db: sqlite3.Connection, host_id: str, upgrade: Upgrade | None) -> None:
    """Once. The tables of before go: an older agent that comes back finds that it knows nothing, and waits."""
    older = {name for (name,) in db.execute("SELECT name FROM sqlite_master")} & (_UNCHECKED | _OF_RESOURCES)
    if not older:
        return
    with db:
        db.execute("BEGIN IMMEDIATE")
        if "resource" in older and upgrade is not None:
            execute(db, _of_resources(db, host_id, upgrade))
        else:
            execute(db, _of_objects(db, host_id))
        for table in older:
            db.execute(f"DROP TABLE {table}")


def _of_objects(db: sqlite3.Connection, host_id: str) -> Iterator[Statement]:
    """Believed once: nothing says whose they are, or that they are as they were written."""
    row = db.execute("SELECT region, incarnation, revision, seal FROM followed").fetchone()
    if row is None:
        return
    yield "DELETE FROM kept_object", ()
    for scope, kind, id, data in db.execute("SELECT scope, kind, id, data FROM object").fetchall():
        yield _PUT.format("REPLACE"), (scope, kind, id, data)
    yield from _power_offs_of_before(db)
    yield followed(host_id, Authority(*row))


def _power_offs_of_before(db: sqlite3.Connection) -> Iterator[Statement]:
    yield "DELETE FROM power_off", ()
    for instance_id, generation in db.execute("SELECT instance_id, generation FROM guest_off").fetchall():
        yield powered_off(instance_id, generation)


def _of_resources(db: sqlite3.Connection, host_id: str, upgrade: Upgrade) -> Iterator[Statement]:
    revision = db.execute("SELECT number FROM revision").fetchone()
    if revision is None:
        return
    region, incarnation = db.execute("SELECT region, incarnation FROM authority").fetchone() or ("", "")
    (seal,) = db.execute("SELECT seal FROM seal").fetchone() or (b"",)
    yield from _power_offs_of_before(db)
    update = Update(Authority(region, incarnation, revision[0], seal), _upgraded(db, upgrade), snapshot=True)
    yield from taken_in(update)
    yield followed(host_id, update.authority)


def _upgraded(db: sqlite3.Connection, upgrade: Upgrade) -> tuple[ScopeChange, ...]:
    try:
        return upgrade([data for (data,) in db.execute("SELECT spec FROM resource")])
    except (ValueError, TypeError) as error:
        raise damaged(f"resource: {error}") from error
