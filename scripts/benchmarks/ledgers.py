"""What many agents know, as their ledgers would have it, at the cost of one: they are told the same."""

import hashlib
import zlib
from functools import cached_property
from weakref import WeakValueDictionary

from stead.agent.v1 import session_pb2 as pb

Rows = dict[tuple[int, str], bytes]


class Scope:
    """What a scope was at some time. `then` has what it became, by what was told."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.then: WeakValueDictionary[bytes, Scope] = WeakValueDictionary()

    @cached_property
    def digest(self) -> bytes:
        """See `KnownScope` in session.proto."""
        found = hashlib.sha256()
        for ref in sorted(self.rows):
            found.update(len(self.rows[ref]).to_bytes(4, "big") + self.rows[ref])
        return found.digest()

    def after(self, change: pb.ScopeChange) -> "Scope":
        rows = {} if change.reset else dict(self.rows)
        for ref in change.remove:
            rows.pop((ref.kind, ref.id), None)
        for row in change.put:
            ((field, body),) = row.ListFields()
            rows[field.number, body.id] = row.SerializeToString()
        return Scope(rows)


NOTHING = Scope({})


class Ledger:
    """One agent's."""

    def __init__(self) -> None:
        self._scopes: dict[str, Scope] = {}

    def known(self) -> list[pb.KnownScope]:
        """For its hello."""
        return [pb.KnownScope(scope=id, digest=scope.digest) for id, scope in self._scopes.items() if scope.rows]

    def take(self, update: pb.Update) -> None:
        for scope_id in update.left:
            self._scopes.pop(scope_id, None)
        for packed in update.packed:
            self._follow(packed, _unpacked(packed))
        for change in update.scopes:
            self._follow(change.SerializeToString(), change)

    def _follow(self, told: bytes, change: pb.ScopeChange) -> None:
        before = self._scopes.get(change.scope, NOTHING)
        after = before.then.get(told)
        if after is None:
            after = before.then[told] = before.after(change)
        self._scopes[change.scope] = after


_unpacked_before: dict[bytes, pb.ScopeChange] = {}


def _unpacked(packed: bytes) -> pb.ScopeChange:
    if packed not in _unpacked_before:
        _unpacked_before[packed] = pb.ScopeChange.FromString(zlib.decompress(packed))
    return _unpacked_before[packed]
