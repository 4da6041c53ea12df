"""The tables: one for each of the state's, the revision log, and one row about the database itself.

Portable between SQLite and PostgreSQL. A table's name and what is unique in it are declared with its resource; a column
has its row field's name, and its type follows from the field's: `controlplane.store.rows` turns one into the other.
Enumerations are their value, times are UTC, and tuples, tags and small records are JSON in a text column.

`position` keeps the order in which rows came to be, which is the order of the tables in memory: `created_at` would not
do, since rows made in one call share it and observations have none. The unique constraints are a second line of
defence: what they refuse, a use case should have refused. There are no foreign keys, since a row says "none" with "".
"""

from dataclasses import fields
from datetime import datetime
from enum import Enum
from typing import Any, get_type_hints

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeEngine

from controlplane.model import table
from controlplane.model.state import State
from controlplane.model.table import Row
from controlplane.store.rows import is_json, required_type

metadata = MetaData(naming_convention={"uq": "uq_%(table_name)s_%(column_0_N_name)s", "ck": "ck_%(table_name)s"})

# SQLite numbers rows by itself only where the key's type is exactly INTEGER.
_Position = BigInteger().with_variant(Integer(), "sqlite")

_TYPES: dict[type, TypeEngine[Any]] = {
    str: Text(),
    int: BigInteger(),
    bool: Boolean(),
    bytes: LargeBinary(),
    datetime: DateTime(timezone=True),
}


def _table(declared: table.Table[Any]) -> Table:
    hints = get_type_hints(declared.row_type)
    columns = [_column(item.name, hints[item.name]) for item in fields(declared.row_type)]
    constraints = [UniqueConstraint(*names) for names in (("id",), *declared.unique_fields)]
    position = Column("position", _Position, primary_key=True)
    return Table(declared.stored_as, metadata, position, *columns, *constraints)


def _column(name: str, hint: Any) -> Column[Any]:
    """NULL is None and nothing else."""
    return Column(name, _column_type(required_type(hint)), nullable=required_type(hint) is not hint)


def _column_type(hint: Any) -> TypeEngine[Any]:
    if is_json(hint):
        return _TYPES[str]
    return _TYPES[type(next(iter(hint)).value) if issubclass(hint, Enum) else hint]


TABLES: dict[type[Row], Table] = {row_type: _table(declared) for row_type, declared in State().tables.items()}

# `entries`: a JSON array for each changed row, as `store.LogRow` has it.
log = Table(
    "log",
    metadata,
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    _column("at", datetime),
    _column("entries", str),
)

# `log_start`: the log is complete after this revision. `epoch`: whose word counts once several control planes share it.
meta = Table(
    "meta",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    _column("region", str),
    _column("revision", int),
    _column("log_start", int),
    _column("epoch", int),
    CheckConstraint("id = 1"),
)
