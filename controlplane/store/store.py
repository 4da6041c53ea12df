"""The database that remembers a region: loads its state, appends to it, reads its log.

Synchronous, one transaction at a time, in whichever thread; the journal is its only writer. What it raises is in
`controlplane.store.errors`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from threading import Lock
from typing import Any, Self

from sqlalchemy import Connection, Engine, Table, bindparam, delete, make_url, select, update
from sqlalchemy.exc import DBAPIError

from controlplane.model.state import Revision, State
from controlplane.model.table import Row
from controlplane.model.value import value
from controlplane.store import migration, postgresql, sqlite
from controlplane.store.batch import Writes, check_sequence, coalesce
from controlplane.store.errors import Diverged, StoreError, WrongRegion
from controlplane.store.rows import Record, RowMapping, StoredRows
from controlplane.store.schema import TABLES, log, meta

# At once. More: memory. Fewer: it takes longer.
LOG_ROWS_READ = 1000

Classify = Callable[[BaseException | None], type[StoreError]]
_BACKENDS = {"sqlite": sqlite, "postgresql": postgresql}


@value(frozen=True, slots=True)
class LogEntry:
    """One resource's part of a revision; `project_id` and `part_of` are as in `Entry`."""

    revision: int
    kind: str
    resource_id: str
    project_id: str
    deleted: bool
    at: datetime
    part_of: str = ""


@dataclass(frozen=True, slots=True)
class LogRow:
    """A revision as the log keeps it: of each entry the kind, the resource's id, its project's, whether it went, and of
    what it is a part, which entries that were migrated do not have.
    """

    revision: int
    at: datetime
    entries: tuple[tuple[str, str, str, bool, str], ...]


class Store:
    def __init__(self, engine: Engine, classify: Classify) -> None:
        self._engine = engine
        self._connection: Connection | None = None  # One for all transactions: taking it from a pool costs as much.
        self._in_use = Lock()  # A process that stops closes it while another thread may commit what nobody waits for.
        self._classify = classify
        self._rows = {row_type: StoredRows(row_type, table, engine.dialect) for row_type, table in TABLES.items()}
        self._log = RowMapping(LogRow, log, engine.dialect)
        is_latest = meta.c.revision == bindparam("before")
        self._take = str(update(meta).where(is_latest).compile(dialect=engine.dialect, column_keys=["revision"]))
        self._driver: Any = engine.dialect.loaded_dbapi

    @classmethod
    def open(cls, url: str) -> Self:
        """Connect, e.g. to sqlite:////var/lib/stead/controlplane.db. Call `migrate` or `check_schema` next."""
        backend = _BACKENDS.get(url.partition(":")[0].partition("+")[0])
        if backend is None:
            raise StoreError(f"database {url}: must be a URL that begins with one of {', '.join(_BACKENDS)}")
        store = cls(backend.engine(make_url(url)), backend.classify)
        with store._transaction():
            return store

    def close(self) -> None:
        """Once a transaction that is under way has ended."""
        with self._in_use:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            self._engine.dispose()

    def migrate(self) -> None:
        """Bring the schema up to date; all of it or nothing. Raises SchemaMismatch for a newer one."""
        with self._transaction() as connection:
            migration.migrate(connection)

    def check_schema(self) -> None:
        with self._transaction() as connection:
            migration.check_schema(connection)

    def claim(self, region: str) -> None:
        """Bind the database to this region, the first time; afterwards WrongRegion for any other."""
        with self._transaction() as connection:
            owner = connection.scalar(select(meta.c.region))
            if owner and owner != region:
                raise WrongRegion(
                    f"the database belongs to region {owner}, not {region}; check [region] name or [store] url"
                )
            connection.execute(update(meta).values(region=region))

    def load(self) -> State:
        """The state as of the last commit, every table in the order that it had in memory."""
        with self._transaction() as connection:
            state, texts = State(), dict[str, str]()
            state.revision = connection.execute(select(meta.c.revision)).scalar_one()
            for row_type, rows in self._rows.items():
                found = rows.decode(connection.execute(rows.in_order()).all(), texts)
                state.tables[row_type].fill(list(found))
        return state

    def commit(self, revisions: Sequence[Revision], now: datetime) -> None:
        """Make consecutive revisions durable in one transaction: when this returns, they are.

        Raises Diverged when the first does not follow the database's latest, or a row is not as memory had it.
        """
        check_sequence(revisions)
        with self._transaction() as connection:
            self._take_revisions(connection, revisions[0].number - 1, revisions[-1].number)
            for row_type, writes in coalesce(revisions).items():
                _write(connection, self._rows[row_type], writes)
            _execute(connection, self._log.table, self._log.insert, self._log.encode(_log_rows(revisions, now)))

    def read_recent_log(self, limit: int) -> list[LogEntry]:
        """The last entries, in order, as many as there are up to `limit`; of the first revision perhaps only some."""
        with self._transaction() as connection:
            return list(islice(self._log_latest_first(connection), limit))[::-1]

    def _log_latest_first(self, connection: Connection) -> Iterator[LogEntry]:
        """Each revision's are made when they are wanted: that of a long launch has thousands."""
        statement, texts = self._log.select().order_by(log.c.revision.desc()), dict[str, str]()
        with connection.execute(statement, execution_options={"stream_results": True}) as found:
            for records in found.partitions(LOG_ROWS_READ):
                for row in self._log.decode(records, texts):
                    yield from reversed(_log_entries(row, texts))

    def trim_log(self, before_revision: int, limit: int) -> bool:
        """Forget the entries of at most `limit` of the revisions earlier than this; whether more of them are left."""
        with self._transaction() as connection:
            start: int = connection.execute(select(meta.c.log_start)).scalar_one()
            end = min(before_revision - 1, start + limit)
            if end > start:
                connection.execute(update(meta).values(log_start=end))
                connection.execute(delete(log).where(log.c.revision <= end))
        return end < before_revision - 1

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """Commits at the end, rolls back on an error, and says which kind of error it was."""
        try:
            with self._in_use:
                self._connection = self._connection or self._engine.connect()
                with self._connection.begin():
                    yield self._connection
        except (DBAPIError, self._driver.Error) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            if isinstance(cause, self._driver.IntegrityError):
                raise Diverged(f"the database refused a row that memory accepted: {cause}") from error
            raise self._classify(cause)(f"database {self._engine.url}: {cause}") from error

    def _take_revisions(self, connection: Connection, before: int, after: int) -> None:
        """The condition makes a second writer fail, whoever comes later."""
        if _run(connection, self._take, [(after, before)]) != 1:
            found = connection.scalar(select(meta.c.revision))
            raise Diverged(
                f"revision {before + 1} cannot follow {found}; does another control plane use this database?"
            )


def _write(connection: Connection, rows: StoredRows[Row], writes: Writes) -> None:
    table = rows.table
    positions = _positions(connection, table, writes.moves)
    moved = rows.encode(writes.moves.values())
    updated = rows.encode(writes.updates.values())
    _execute(connection, table, rows.delete, [(row_id,) for row_id in (*writes.deletes, *writes.moves)])
    _execute(connection, table, rows.insert_at, [(positions[record[0]], *record) for record in moved])
    _execute(connection, table, rows.update, [(*record[1:], record[0]) for record in updated])
    _execute(connection, table, rows.insert, rows.encode(writes.inserts.values()))


def _positions(connection: Connection, table: Table, row_ids: Collection[str]) -> dict[str, int]:
    if not row_ids:
        return {}
    found = connection.execute(select(table.c.id, table.c.position).where(table.c.id.in_(row_ids)))
    return {row.id: row.position for row in found}


def _execute(connection: Connection, table: Table, sql: str, records: list[Record]) -> None:
    """Run the statement for each record; every one must find its row."""
    if not records:
        return
    done = _run(connection, sql, records)
    if done != len(records):
        raise Diverged(f"memory changed {len(records)} rows of {table.name}, of which the database has {done}")


def _run(connection: Connection, sql: str, records: list[Record]) -> int:
    """By the driver itself: SQLAlchemy's part costs several times what SQLite takes. How many rows it changed."""
    with closing(connection.connection.cursor()) as cursor:
        cursor.executemany(sql, records)
        return int(cursor.rowcount)


def _log_rows(revisions: Iterable[Revision], now: datetime) -> list[LogRow]:
    return [
        LogRow(
            revision.number,
            now,
            tuple(
                (entry.kind, entry.id, entry.project_id, entry.new is None, entry.part_of)
                for entry in revision.entries
                if not entry.is_quiet
            ),
        )
        for revision in revisions
    ]


def _log_entries(row: LogRow, texts: dict[str, str]) -> list[LogEntry]:
    """They share texts, as rows do."""
    share = texts.setdefault
    return [
        LogEntry(
            row.revision,
            share(kind, kind),
            share(resource_id, resource_id),
            share(project_id, project_id),
            deleted,
            row.at,
            *map(share, part, part),
        )
        for kind, resource_id, project_id, deleted, *part in row.entries
    ]
