"""What changed in each scope of late, and all that a scope has: as pieces, which all hosts that have the scope share.

Nothing is kept of what anybody was sent. Who was told everything up to a revision asks for what changed since; who was
told nothing, or too long ago, is given a reset: the scope as it was at some revision, and what changed after that one.
Who has the scope as it was then, by a digest of it, needs no more than what changed.
Only durable changes are told, by their revisions; the objects themselves are made from the state, which may be ahead.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from controlplane.model.state import State
from controlplane.reconcile import messages
from controlplane.reconcile.messages import Object
from controlplane.reconcile.objects import KINDS, Ref

# Changes that are remembered, of all scopes together. Fewer: who is slow to answer while much happens is given whole
# scopes. More: memory, some 500 bytes each.
CHANGES_KEPT = 10_000
# Of one scope in one update. Fewer: the launch of a thousand instances sends the whole VPC. More: others wait while the
# objects are made, 3 us each.
MOST_CHANGES = 3000
# Of objects made in one go. More: others wait for longer than the 3 ms that this takes. Fewer: more messages.
SLICE_BYTES = 128 << 10
# Resets are kept for those who come back together. Shorter, or fewer bytes: scopes are made again and again while a
# fleet connects. Longer, or more: memory.
RESETS_KEPT_S = 30.0
RESETS_KEPT_BYTES = 64 << 20


@dataclass(slots=True, eq=False)
class _Change:
    """Of an object in a scope. Its piece is kept where others will ask for it."""

    revision: int
    piece: bytes | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Reset:
    """All of a scope, with what changed up to a revision, and perhaps more."""

    revision: int
    pieces: Sequence[bytes]

    @property
    def size_bytes(self) -> int:
        return sum(map(len, self.pieces))


@dataclass(frozen=True, slots=True)
class _Known:
    """A scope's digest, with what changed up to a revision, and perhaps more."""

    revision: int
    digest: bytes
    made_at: float  # As the event loop tells the time, s.


@dataclass(slots=True, eq=False)
class _Scope:
    """`changes` has the latest of each object, in order: all of those after `since`, up to `latest`."""

    since: int
    latest: int
    known: _Known | None = None
    changes: dict[Ref, _Change] = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Feed:
    """Of a region. `revision` is the latest that is durable; what it changed was published before."""

    def __init__(self, state: State, region: str, revision: int) -> None:
        self.revision = revision
        self.state = state
        self.region = region
        self._first = revision
        self._scopes: dict[str, _Scope] = {}
        self._order: deque[tuple[str, Ref, _Change]] = deque()
        self._resets: OrderedDict[tuple[str, bool], _Reset] = OrderedDict()

    def publish(self, revision: int, touched: Iterable[tuple[str, Ref]]) -> None:
        """A revision is durable, in which these objects, with their scopes, changed."""
        for scope_id, ref in touched:
            change, scope = _Change(revision), self._scope(scope_id)
            scope.latest = revision
            scope.changes.pop(ref, None)
            scope.changes[ref] = change
            self._order.append((scope_id, ref, change))
        while len(self._order) > CHANGES_KEPT:
            self._forget(*self._order.popleft())

    def _scope(self, scope_id: str) -> _Scope:
        scope = self._scopes.get(scope_id)
        if scope is None:
            scope = self._scopes[scope_id] = _Scope(self._first, self._first)
        return scope

    def _forget(self, scope_id: str, ref: Ref, change: _Change) -> None:
        scope = self._scopes[scope_id]
        if scope.changes.get(ref) is change:
            del scope.changes[ref]
            scope.since = change.revision

    def changed(self, scope_id: str, since: int) -> list[bytes] | None:
        """Pieces with what changed after a revision; None where that is too long ago, or too much."""
        scope = self._scope(scope_id)
        if since >= scope.latest:
            return []
        if since < scope.since:
            return None
        found = list[bytes]()
        for ref, change in reversed(scope.changes.items()):
            if change.revision <= since:
                break
            if len(found) == MOST_CHANGES:
                return None
            found.append(change.piece or self._piece(scope_id, ref, change))
        found.reverse()
        return found

    def _piece(self, scope_id: str, ref: Ref, change: _Change) -> bytes:
        kind, object_id = ref
        found = self._object(scope_id, ref)
        piece = messages.put(scope_id, [found]) if found else messages.remove(scope_id, kind.name, object_id)
        if scope_id not in self.state.hosts:  # One host's own is asked for once.
            change.piece = piece
        return piece

    def _object(self, scope_id: str, ref: Ref) -> Object | None:
        """As it is now in a scope; None where it is not there."""
        kind, object_id = ref
        row = self.state.tables[kind.row_type].get(object_id)
        if row is None or scope_id not in kind.scopes(self.state, row):
            return None
        return messages.named(kind.name, kind.make(self.state, row, self.region))

    async def reset(self, scope_id: str, *, is_packed: bool = False) -> list[bytes]:
        """Pieces with all that a scope has. Others get their turn while they are made."""
        async with self._scope(scope_id).lock:
            reset = self._resets.get((scope_id, is_packed))
            while reset is None or (later := self.changed(scope_id, reset.revision)) is None:
                reset = await self._made(scope_id, is_packed)
                if scope_id not in self.state.hosts:  # One host's own is asked for once.
                    self._keep((scope_id, is_packed), reset)
            return [*reset.pieces, *later]

    async def resumed(self, scope_id: str, digest: bytes) -> list[bytes] | None:
        """Pieces that name a scope, and say what changed, for who has it as it was; None for who has something else."""
        scope = self._scope(scope_id)
        async with scope.lock:
            later = self._later(scope_id, digest)
            if later is None and self._is_outdated(scope):
                scope.known = await self._digested(scope_id)
                later = self._later(scope_id, digest)
            return None if later is None else [messages.put(scope_id, ()), *later]

    def _later(self, scope_id: str, digest: bytes) -> list[bytes] | None:
        known = self._scope(scope_id).known
        return self.changed(scope_id, known.revision) if known and known.digest == digest else None

    def _is_outdated(self, scope: _Scope) -> bool:
        """Not with every change: those who know older ones would have it made again and again."""
        if scope.known is None:
            return True
        is_old = asyncio.get_running_loop().time() - scope.known.made_at >= RESETS_KEPT_S
        return is_old and scope.latest > scope.known.revision

    async def _digested(self, scope_id: str) -> _Known:
        """As `_made`, what changes meanwhile comes later once more."""
        revision, digest = self.revision, messages.Digest()
        for objects in _sliced(self._objects(scope_id)):
            digest.take(objects)
            await asyncio.sleep(0)
        return _Known(revision, digest.value, asyncio.get_running_loop().time())

    async def _made(self, scope_id: str, is_packed: bool) -> _Reset:
        """What changes while it is made comes later once more."""
        put = messages.put_packed if is_packed else messages.put
        revision, pieces = self.revision, list[bytes]()
        for objects in _sliced(self._objects(scope_id)):
            pieces.append(put(scope_id, objects, is_reset=not pieces))
            await asyncio.sleep(0)
        return _Reset(revision, pieces)

    def _objects(self, scope_id: str) -> Iterator[Object]:
        """In the order of a digest."""
        ids = ((kind, sorted(row.id for row in kind.rows(self.state, scope_id))) for kind in KINDS.values())
        refs = ((kind, object_id) for kind, of_kind in ids for object_id in of_kind)
        return filter(None, (self._object(scope_id, ref) for ref in refs))

    def _keep(self, key: tuple[str, bool], reset: _Reset) -> None:
        self._resets.pop(key, None)
        while (
            self._resets and reset.size_bytes + sum(row.size_bytes for row in self._resets.values()) > RESETS_KEPT_BYTES
        ):
            self._resets.popitem(last=False)
        self._resets[key] = reset
        asyncio.get_running_loop().call_later(RESETS_KEPT_S, self._drop, key, reset.revision)

    def _drop(self, key: tuple[str, bool], revision: int) -> None:
        """By its revision: a timer that had the reset itself would keep it beyond its bytes."""
        kept = self._resets.get(key)
        if kept and kept.revision == revision:
            del self._resets[key]


def _sliced(objects: Iterable[Object]) -> Iterator[list[Object]]:
    """In lists of some bytes; the last may be empty, and is the only one where there is nothing."""
    found, size_bytes = list[Object](), 0
    for one in objects:
        found.append(one)
        size_bytes += one.ByteSize()
        if size_bytes >= SLICE_BYTES:
            yield found
            found, size_bytes = [], 0
    yield found
