"""Who has which scopes, and what one of them is told."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from controlplane.model.state import State
from controlplane.reconcile.feed import Feed
from controlplane.reconcile.objects import scopes_of
from controlplane.reconcile.touched import Touched


class Takers:
    """The scopes of those hosts that are asked for. They are found anew when they may be others."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._scopes: dict[str, frozenset[str]] = {}
        self._hosts: dict[str, set[str]] = {}

    def scopes(self, host_id: str) -> frozenset[str]:
        found = self._scopes.get(host_id)
        if found is None:
            found = self._scopes[host_id] = scopes_of(self._state, host_id)
            for scope_id in found:
                self._hosts.setdefault(scope_id, set()).add(host_id)
        return found

    def follow(self, found: Touched) -> None:
        """A launch on a host with a thousand instances adds at most one scope: the others are not looked for again."""
        for host_id in found.moved:
            self.forget(host_id)
        for host_id, scope_id in found.joined:
            if host_id in self._scopes:
                self._scopes[host_id] |= {scope_id}
                self._hosts.setdefault(scope_id, set()).add(host_id)

    def forget(self, host_id: str) -> None:
        """Its part may have changed, or nobody asks any more."""
        for scope_id in self._scopes.pop(host_id, ()):
            self._hosts[scope_id].discard(host_id)
            if not self._hosts[scope_id]:
                del self._hosts[scope_id]

    def hosts(self, scope_ids: Iterable[str]) -> set[str]:
        """Those that have any of these scopes, of whom they were asked for and not forgotten since."""
        return {host_id for scope_id in scope_ids for host_id in self._hosts.get(scope_id, ())}


@dataclass(frozen=True, slots=True)
class News:
    """What brings a host to a revision: pieces of an update (see `messages`), and scopes that it has no longer."""

    revision: int
    is_snapshot: bool
    pieces: Sequence[bytes]
    left: Sequence[str]

    def __bool__(self) -> bool:
        return bool(self.is_snapshot or self.pieces or self.left)


class Share:
    """What one host was told: all of some scopes, up to a revision. What that was is not kept."""

    def __init__(
        self,
        feed: Feed,
        takers: Takers,
        host_id: str,
        *,
        is_packed: bool = False,
        known: Mapping[str, bytes] | None = None,
    ) -> None:
        """`is_packed`: its agent can unpack. `known`: digests of the scopes that it has, so it says."""
        self._feed = feed
        self._takers = takers
        self._host_id = host_id
        self._is_packed = is_packed
        self._known = known or {}
        self._told: frozenset[str] | None = None  # None: nothing yet.
        self._revision = 0

    def start_over(self) -> None:
        """The next news are a snapshot."""
        self._told = None

    async def news(self) -> News:
        """What happened since the last."""
        now, scopes = self._feed.revision, self._takers.scopes(self._host_id)
        told, self._told = self._told, scopes
        pieces: list[bytes] = []
        for scope_id in sorted(scopes):
            changed = await self._changed(scope_id, is_told=told is not None and scope_id in told)
            pieces += await self._feed.reset(scope_id, is_packed=self._is_packed) if changed is None else changed
        self._revision, self._known = now, {}
        return News(now, told is None, pieces, sorted(told - scopes) if told else ())

    async def _changed(self, scope_id: str, *, is_told: bool) -> list[bytes] | None:
        """None where the host is to be told all of it."""
        if is_told:
            return self._feed.changed(scope_id, self._revision)
        digest = self._known.get(scope_id)
        return await self._feed.resumed(scope_id, digest) if digest else None
