"""A resource's table: its rows by id, and whatever follows from them, kept up to date with each row.

A resource is declared by a dataclass and a table beside it, whose `__init__` names what rows are found by:

    class Volumes(Owned[Volume]):
        kind = Kind("volume", Prefix.VOLUME, "InvalidVolume", "DescribeVolumes", is_public=True)
        row_type = Volume
        stored_as = "volumes"
        filters = {"volume-id": lambda row: row.id}

        def __init__(self) -> None:
            super().__init__()
            self.host = self.index(lambda row: row.host_id)

    state.volumes.host.of(host_id)
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, Protocol, Self, TypeVar

from controlplane.model.kind import Kind


class Row(Protocol):
    @property
    def id(self) -> str: ...


class OwnedRow(Row, Protocol):
    """What belongs to a project."""

    @property
    def project_id(self) -> str: ...


class Amount(Protocol):
    """What counters add up."""

    def __add__(self, other: Any, /) -> Self: ...
    def __sub__(self, other: Any, /) -> Self: ...


R = TypeVar("R", bound=Row)
P = TypeVar("P", bound=OwnedRow)
K = TypeVar("K", bound=Hashable)
A = TypeVar("A", bound=Amount)
Follower = Callable[[str, R | None, R | None], None]
Filler = Callable[[Sequence[R]], None]
# What a filter compares: a row's value, or its values, of which it wants one.
Values = str | bool | Iterable[str]
Read = Callable[[R], Values]


class Index(Generic[R, K]):
    """Rows by a key that several may share, in the order in which they came under it."""

    def __init__(self, rows: Mapping[str, R]) -> None:
        self._rows = rows
        # Most keys have one row: its id stands alone, which takes a fifth of a dictionary's memory.
        self._filed: dict[K, str | dict[str, None]] = {}

    def of(self, key: K) -> list[R]:
        filed = self._filed.get(key, ())
        return [self._rows[filed]] if isinstance(filed, str) else [self._rows[row_id] for row_id in filed]

    def __contains__(self, key: K) -> bool:
        return key in self._filed

    def all(self) -> list[R]:
        """By key."""
        return [row for key in self._filed for row in self.of(key)]

    def count(self, key: K) -> int:
        return len(self._ids(key))

    def first(self, key: K) -> R | None:
        filed = self._filed.get(key)
        if filed is None:
            return None
        return self._rows[filed if isinstance(filed, str) else next(iter(filed))]

    def latest(self, key: K) -> R | None:
        """The row that came under the key last."""
        return next((self._rows[row_id] for row_id in reversed(self._ids(key))), None)

    def _ids(self, key: K) -> tuple[str, ...] | dict[str, None]:
        filed = self._filed.get(key, ())
        return (filed,) if isinstance(filed, str) else filed

    def _file(self, key: K, row_id: str) -> None:
        filed = self._filed.get(key)
        if filed is None:
            self._filed[key] = row_id
        elif isinstance(filed, str):
            self._filed[key] = {filed: None, row_id: None}
        else:
            filed[row_id] = None

    def _unfile(self, key: K, row_id: str) -> None:
        filed = self._filed[key]
        if isinstance(filed, str):
            del self._filed[key]
            return
        del filed[row_id]
        if len(filed) == 1:
            (self._filed[key],) = filed


class _ByKey(Index[R, K]):
    def __init__(self, rows: Mapping[str, R], key: Callable[[R], K | None]) -> None:
        super().__init__(rows)
        self._key = key

    def follow(self, row_id: str, old: R | None, new: R | None) -> None:
        before = self._key(old) if old is not None else None
        after = self._key(new) if new is not None else None
        if before == after:
            return
        if before is not None:
            self._unfile(before, row_id)
        if after is not None:
            self._file(after, row_id)

    def fill(self, rows: Sequence[R]) -> None:
        for row in rows:
            key = self._key(row)
            if key is not None:
                self._file(key, row.id)


class _ByKeys(Index[R, K]):
    def __init__(self, rows: Mapping[str, R], keys: Callable[[R], tuple[K, ...]]) -> None:
        super().__init__(rows)
        self._keys = keys

    def follow(self, row_id: str, old: R | None, new: R | None) -> None:
        before = self._keys(old) if old is not None else ()
        after = self._keys(new) if new is not None else ()
        if before != after:
            for key in before:
                self._unfile(key, row_id)
            for key in after:
                self._file(key, row_id)

    def fill(self, rows: Sequence[R]) -> None:
        for row in rows:
            for key in self._keys(row):
                self._file(key, row.id)


class Unique(Generic[R, K]):
    """The one row that has a key. Within a change a key may pass from a row to another, whichever is put first."""

    def __init__(self, rows: Mapping[str, R], key: Callable[[R], K | None]) -> None:
        self._rows = rows
        self._key = key
        self._filed: dict[K, str] = {}

    def get(self, key: K) -> R | None:
        row_id = self._filed.get(key)
        return None if row_id is None else self._rows[row_id]

    def __contains__(self, key: K) -> bool:
        return key in self._filed

    def check(self, rows: Mapping[str, R | None]) -> None:
        """Raises ValueError where two rows would have one key when these are as given, those that are None gone."""
        given: dict[K, str] = {}
        for row_id, row in rows.items():
            if row is not None and (key := self._key(row)) is not None:
                held_by = self._filed.get(key)
                other = given.get(key) or (None if held_by in rows else held_by)
                if other is not None:
                    raise ValueError(f"{row_id} may not have {key!r}, which {other} has")
                given[key] = row_id

    def follow(self, row_id: str, old: R | None, new: R | None) -> None:
        before = self._key(old) if old is not None else None
        after = self._key(new) if new is not None else None
        if before == after:
            return
        if before is not None and self._filed.get(before) == row_id:
            del self._filed[before]
        if after is not None:
            self._filed[after] = row_id

    def fill(self, rows: Sequence[R]) -> None:
        self._filed.update((key, row.id) for row in rows if (key := self._key(row)) is not None)


class Counter(Generic[R, K, A]):
    """The sum of what rows amount to, by key. A row may count under several."""

    def __init__(self, keys: Callable[[R], tuple[K, ...]], amount: Callable[[R], A], nothing: A) -> None:
        self._keys = keys
        self._amount = amount
        self._nothing = nothing
        self._sums: dict[K, A] = {}

    def of(self, key: K) -> A:
        return self._sums.get(key, self._nothing)

    def follow(self, row_id: str, old: R | None, new: R | None) -> None:
        if old is not None and new is not None and self._counted(old) == self._counted(new):
            return
        if new is not None:
            amount = self._amount(new)
            for key in self._keys(new):
                self._set(key, self.of(key) + amount)
        if old is not None:
            amount = self._amount(old)
            for key in self._keys(old):
                self._set(key, self.of(key) - amount)

    def fill(self, rows: Sequence[R]) -> None:
        for row in rows:
            amount = self._amount(row)
            for key in self._keys(row):
                self._sums[key] = self.of(key) + amount
        self._sums = {key: total for key, total in self._sums.items() if total != self._nothing}

    def _counted(self, row: R) -> tuple[tuple[K, ...], A]:
        return self._keys(row), self._amount(row)

    def _set(self, key: K, total: A) -> None:
        if total == self._nothing:
            self._sums.pop(key, None)
        else:
            self._sums[key] = total


class Table(Generic[R]):
    """Rows by id, in order of creation. A subclass says the `kind` of its rows, their type, and what they are found by.

    Indexes, counters and other followers are told of each row that is put or deleted.
    """

    kind: Kind
    row_type: type[R]
    stored_as: str
    # EC2's, by name, as far as what they read is in the row.
    filters: Mapping[str, Read[R]] = {}
    # Fields, or combinations of fields, of which no two rows may have the same.
    unique_fields: tuple[tuple[str, ...], ...] = ()

    def __init__(self) -> None:
        self.has_tags = hasattr(self.row_type, "tags")
        tags: Mapping[str, Read[Any]] = {"tag-key": lambda row: row.tags} if self.has_tags else {}
        self.attributes: Mapping[str, Read[R]] = {**self.filters, **tags}
        self._rows: dict[str, R] = {}
        self._newest: R | None = None
        self._keys: list[Callable[[R], object]] = []
        self._uniques: list[Unique[R, Any]] = []
        self._followers: list[Follower[R]] = []
        self._fillers: list[Filler[R]] = []

    def index(self, key: Callable[[R], K | None]) -> Index[R, K]:
        """File rows under a key; those without one, None, are not in it."""
        made = _ByKey(self._rows, key)
        self._keys.append(key)
        self.follow(made.follow, made.fill)
        return made

    def index_each(self, keys: Callable[[R], tuple[K, ...]]) -> Index[R, K]:
        """File rows under any number of keys, each once."""
        made = _ByKeys(self._rows, keys)
        self._keys.append(keys)
        self.follow(made.follow, made.fill)
        return made

    def unique(self, key: Callable[[R], K | None]) -> Unique[R, K]:
        """File rows under a key that no two of them have; those without one, None, are not in it."""
        made = Unique(self._rows, key)
        self._uniques.append(made)
        self._keys.append(key)
        self.follow(made.follow, made.fill)
        return made

    def counter(self, keys: Callable[[R], tuple[K, ...]], amount: Callable[[R], A], nothing: A) -> Counter[R, K, A]:
        """Add up what rows amount to under each of their keys; `nothing` is where that begins."""
        made = Counter(keys, amount, nothing)
        self._keys.append(keys)
        self.follow(made.follow, made.fill)
        return made

    def follow(self, follower: Follower[R], filler: Filler[R] | None = None) -> None:
        """Call `follower` with the id of each row that is put or deleted, what it was, and what it is: either may be
        None. It must not fail. `filler` does the same for many new rows at once.
        """
        self._followers.append(follower)
        self._fillers.append(filler or (lambda rows: _tell_each(follower, rows)))

    def lists(self, row: R) -> bool:
        """Whether users see the row in lists. Some rows stay for a while after that."""
        return True

    def part_of(self, old: R | None, new: R | None) -> str:
        """What of a change has to be known when the row that was is no longer there: see `Entry.part_of`."""
        field = self.kind.part_of
        return (getattr(old, field, "") or getattr(new, field, "")) if field else ""

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[R]:
        return iter(self._rows.values())

    def __reversed__(self) -> Iterator[R]:
        return reversed(self._rows.values())

    def __contains__(self, row_id: object) -> bool:
        return row_id in self._rows

    def __getitem__(self, row_id: str) -> R:
        return self._rows[row_id]

    def get(self, row_id: str) -> R | None:
        return self._rows.get(row_id)

    def newest(self) -> R | None:
        """The row that was created last, also when it is gone; after a restart, of those that are left."""
        return self._newest

    def check(self, rows: Mapping[str, R | None]) -> None:
        """Raises whatever `put` of these rows, or `delete` of those that are None, would raise.

        Also ValueError where two would have one key that is unique: the store would refuse it, and end the process.
        """
        for row_id, row in rows.items():
            if row is None and row_id not in self._rows:
                raise KeyError(f"there is no {self.kind} {row_id!r} to delete")
            if row is not None:
                for keys in self._keys:
                    hash(keys(row))
        for unique in self._uniques:
            unique.check(rows)

    def put(self, row: R) -> R | None:
        """Insert or replace; returns what was there."""
        old = self._rows.get(row.id)
        self._rows[row.id] = row
        self._newest = row if old is None else self._newest
        self._tell(row.id, old, row)
        return old

    def fill(self, rows: Sequence[R]) -> None:
        """Insert rows of which none is there yet, in this order."""
        self._rows.update((row.id, row) for row in rows)
        self._newest = rows[-1] if rows else self._newest
        for filler in self._fillers:
            filler(rows)

    def delete(self, row_id: str) -> R:
        old = self._rows.pop(row_id)
        self._tell(row_id, old, None)
        return old

    def _tell(self, row_id: str, old: R | None, new: R | None) -> None:
        for follower in self._followers:
            follower(row_id, old, new)


def _tell_each(follower: Follower[R], rows: Sequence[R]) -> None:
    for row in rows:
        follower(row.id, None, row)


class Owned(Table[P]):
    """Of resources that belong to a project each, which lists them."""

    def __init__(self) -> None:
        super().__init__()
        self.project = self.index(lambda row: row.project_id)
