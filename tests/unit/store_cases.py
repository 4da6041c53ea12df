"""What the store's tests share: databases to run on, rows of every type, a process that writes until it is killed."""

import os
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from controlplane.model.host import Zone
from controlplane.model.state import Change, Revision, State
from controlplane.model.table import Row
from controlplane.store.store import Store

NOW = datetime(2024, 5, 17, 12, 30, 15, 123456, UTC)

# A database on a PostgreSQL server, to run the suite on that, too. It is emptied.
POSTGRES_URL = os.environ.get("STEAD_TEST_POSTGRES_URL")
BACKENDS = ("sqlite", "postgresql") if POSTGRES_URL else ("sqlite",)

_PLAIN: dict[type, st.SearchStrategy[Any]] = {
    str: st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    int: st.integers(-(2**63), 2**63 - 1),
    bool: st.booleans(),
    bytes: st.binary(),
    datetime: st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
}


def empty_url(backend: str, directory: object) -> str:
    """An empty database."""
    if backend == "sqlite":
        return f"sqlite:///{directory}/controlplane.db"
    assert POSTGRES_URL
    engine = create_engine(POSTGRES_URL)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return POSTGRES_URL


def opened(url: str) -> Store:
    store = Store.open(url)
    store.migrate()
    return store


def rows_of(row_type: type[Row]) -> st.SearchStrategy[Row]:
    return _values(row_type)


def _values(hint: Any) -> st.SearchStrategy[Any]:
    if isinstance(hint, UnionType):
        return st.one_of(*(st.none() if item is NoneType else _values(item) for item in get_args(hint)))
    if get_origin(hint) is tuple:
        return st.lists(_values(get_args(hint)[0]), max_size=4, unique=True).map(tuple)
    if get_origin(hint) is Mapping:
        return st.dictionaries(*map(_values, get_args(hint)), max_size=4)
    if is_dataclass(hint) and isinstance(hint, type):
        hints = get_type_hints(hint)
        return st.builds(hint, **{item.name: _values(hints[item.name]) for item in fields(hint)})
    return st.sampled_from(list(hint)) if issubclass(hint, Enum) else _PLAIN[hint]


def put(state: State, *rows: Row) -> Revision:
    change = Change()
    change.put(*rows)
    return state.apply(change)


def delete(state: State, *rows: Row) -> Revision:
    change = Change()
    change.delete(*rows)
    return state.apply(change)


def contents(state: State) -> dict[str, list[Row]]:
    """Everything that a reload must bring back, the order of rows included."""
    return {table.kind.name: list(table) for table in state.tables.values()}


def write_until_killed(url: str) -> None:
    """One zone per revision, named after it; prints each revision that is durable."""
    store = Store.open(url)
    state = store.load()
    while True:
        batch = [put(state, Zone(f"zone-{state.revision + 1}", NOW)) for _ in range(1 + state.revision % 4)]
        store.commit(batch, NOW)
        print(state.revision, flush=True)


if __name__ == "__main__":
    write_until_killed(sys.argv[1])
