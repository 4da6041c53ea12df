"""Rows to columns and back, derived once per row type from the types of its fields.

Works by column rather than by row: a region with 100,000 instances has to be in memory within seconds of a restart.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache, lru_cache
from operator import attrgetter, itemgetter
from types import NoneType, UnionType
from typing import Any, Generic, TypeVar, get_args, get_origin, get_type_hints

from sqlalchemy import DateTime, Dialect, Select, Table, bindparam, delete, insert, select, update

R = TypeVar("R")
Convert = Callable[[Any], Any]
Record = tuple[Any, ...]
# Characters of JSON up to which rows that follow one another share what it says. More: memory, for what may be unique.
SHARED_JSON = 256


class RowMapping(Generic[R]):
    """One row type and its table, on one kind of database. The columns stand in the order of the row's fields.

    The statements take `encode`'s records as they are. They are compiled here, once: SQLAlchemy's preparation of every
    single record costs twice what SQLite needs to store it.
    """

    def __init__(self, row_type: type[R], table: Table, dialect: Dialect) -> None:
        self.table = table
        self._row_type = row_type
        self._names = [item.name for item in fields(row_type)]  # type: ignore[arg-type]
        hints = get_type_hints(row_type)
        self._encoders = [_encoder(hints[name], dialect) for name in self._names]
        self._decoders = [_decoder(hints[name]) for name in self._names]
        self._texts = [index for index, name in enumerate(self._names) if required_type(hints[name]) is str]
        self.insert = str(insert(table).compile(dialect=dialect, column_keys=self._names))

    def select(self) -> Select[Any]:
        """What `decode` reads."""
        return select(*(self.table.c[name] for name in self._names))

    def encode(self, rows: Collection[R]) -> list[Record]:
        if not rows:
            return []
        columns = zip(*map(attrgetter(*self._names), rows), strict=True)
        return list(zip(*map(_convert, self._encoders, columns), strict=True))

    def decode(self, records: Sequence[Sequence[Any]], texts: dict[str, str]) -> Iterator[R]:
        """`texts` has those of the rows before, and is given those of these: most are in several rows, which share
        them, as they did when they were made. Each its own would be as much memory again as all else in a row.
        """
        columns: list[Iterable[Any]] = [map(itemgetter(index), records) for index in range(len(self._names))]
        for index in self._texts:
            values = list(columns[index])
            columns[index] = map(texts.setdefault, values, values)
        return map(self._row_type, *map(_convert, self._decoders, columns))


class StoredRows(RowMapping[R]):
    """Rows with an `id`, their first field, and a `position`."""

    def __init__(self, row_type: type[R], table: Table, dialect: Dialect) -> None:
        super().__init__(row_type, table, dialect)
        is_row = table.c.id == bindparam("row_id")
        self.insert_at = str(insert(table).compile(dialect=dialect, column_keys=["position", *self._names]))
        self.update = str(update(table).where(is_row).compile(dialect=dialect, column_keys=self._names[1:]))
        self.delete = str(delete(table).where(is_row).compile(dialect=dialect))

    def in_order(self) -> Select[Any]:
        """All rows in the order in which they came to be."""
        return self.select().order_by(self.table.c.position)


def _convert(convert: Convert | None, values: Iterable[Any]) -> Iterable[Any]:
    return values if convert is None else map(convert, values)


def _encoder(hint: Any, dialect: Dialect) -> Convert | None:
    """From the field to what the driver takes; None where they agree."""
    required = required_type(hint)
    if required is not hint:
        return _optional(_encoder(required, dialect))
    if required is datetime:
        return _time_encoder(dialect)
    if is_dataclass(required):
        return lru_cache(maxsize=256)(_to_json)  # Most rows have what others have.
    if is_json(required):
        nothing = "{}" if get_origin(required) is Mapping else "[]"
        return lambda value: _to_json(value) if value else nothing
    return attrgetter("value") if issubclass(required, Enum) else None


@cache
def _time_encoder(dialect: Dialect) -> Convert:
    """A call's rows have one time in many columns: it is converted once."""
    bind = DateTime(timezone=True).dialect_impl(dialect).bind_processor(dialect) or _same
    return lru_cache(maxsize=256)(lambda value: bind(_to_utc(value)))


def _decoder(hint: Any) -> Convert | None:
    required = required_type(hint)
    if required is not hint:
        return _optional(_decoder(required))
    if required is datetime:
        return _from_utc
    if is_json(required):
        return _json_decoder(_from_json(required) or _same)
    return _members(required) if issubclass(required, Enum) else None


def _json_decoder(convert: Convert) -> Convert:
    """Rows share what is short: most have no tags, or those of the rows beside them."""

    def read(text: str) -> Any:
        return convert(json.loads(text))

    shared = lru_cache(maxsize=256)(read)
    return lambda text: shared(text) if len(text) <= SHARED_JSON else read(text)


def _from_json(hint: Any) -> Convert | None:
    """From what JSON has to what the field has."""
    if get_origin(hint) is tuple:
        convert = _from_json(get_args(hint)[0])
        return tuple if convert is None else lambda items: tuple(map(convert, items))
    if is_dataclass(hint) and isinstance(hint, type):
        return lambda item: hint(**item)
    return _members(hint) if isinstance(hint, type) and issubclass(hint, Enum) else None


def _members(enum: type[Enum]) -> Convert:
    """By value; a dictionary, since calling the enumeration costs four times as much."""
    return {member.value: member for member in enum}.__getitem__


def required_type(hint: Any) -> Any:
    """T of `T | None`; any other type itself."""
    if isinstance(hint, UnionType):
        (hint,) = (item for item in get_args(hint) if item is not NoneType)
    return hint


def _optional(convert: Convert | None) -> Convert | None:
    return convert and (lambda value: None if value is None else convert(value))


def is_json(hint: Any) -> bool:
    return get_origin(hint) in (tuple, Mapping) or is_dataclass(hint)


def _same(value: Any) -> Any:
    return value


def _to_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone; rows hold times in UTC")
    return value.astimezone(UTC)


@lru_cache(maxsize=256)
def _from_utc(value: datetime) -> datetime:
    """SQLite forgets the zone; PostgreSQL answers in the session's."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return dict(value) if isinstance(value, Mapping) else asdict(value)


_to_json = json.JSONEncoder(default=_plain, ensure_ascii=False, separators=(",", ":")).encode
