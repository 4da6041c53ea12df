"""What many agents know, as their ledgers would have it, at the cost of one: most are told the same."""

import hashlib
import zlib
from functools import lru_cache

from stead.agent.v1 import session_pb2 as pb

KEPT = 20_000  # Of changes and digests. Fewer: they are made again for each agent. More: memory.


class Ledger:
    """One agent's: of each scope the changes that made it, from the last reset on."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[bytes, ...]] = {}

    def known(self) -> list[pb.KnownScope]:
        """For its hello."""
        return [pb.KnownScope(scope=scope_id, digest=_digest(told)) for scope_id, told in self._told.items()]

    def take(self, update: pb.Update) -> None:
        for data in (*update.packed, *(change.SerializeToString() for change in update.scopes)):
            change = _change(data)
            before = () if change.reset else self._told.get(change.scope, ())
            if change.reset or change.put or change.remove:
                self._told[change.scope] = (*before, _one(data))
        for scope_id in update.left:
            self._told.pop(scope_id, None)


@lru_cache(KEPT)
def _one(data: bytes) -> bytes:
    """The same bytes for all."""
    return data


@lru_cache(KEPT)
def _change(data: bytes) -> pb.ScopeChange:
    """A ScopeChange begins with its first field, and what is packed does not."""
    return pb.ScopeChange.FromString(data if data[:1] == b"\n" else zlib.decompress(data))


@lru_cache(KEPT)
def _digest(told: tuple[bytes, ...]) -> bytes:
    """See `KnownScope` in session.proto."""
    rows: dict[tuple[int, str], bytes] = {}
    for change in map(_change, told):
        for ref in change.remove:
            rows.pop((ref.kind, ref.id), None)
        for row in change.put:
            ((field, body),) = row.ListFields()
            rows[field.number, body.id] = row.SerializeToString()
    found = hashlib.sha256()
    for key in sorted(rows):
        found.update(len(rows[key]).to_bytes(4, "big") + rows[key])
    return found.digest()
