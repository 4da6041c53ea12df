"""A region with a feed, and what its hosts hear."""

from controlplane.model.host import HostRole
from controlplane.model.state import Change
from controlplane.reconcile.feed import Feed
from controlplane.reconcile.objects import scopes_of
from controlplane.reconcile.share import Share, Takers
from controlplane.reconcile.touched import Touched, touched
from tests.unit.region import NAME, ZONES, Region
from tests.unit.told import Objects, digests, read, take

COMPUTE, STORAGE, GATEWAY = HostRole.COMPUTE, HostRole.STORAGE, HostRole.GATEWAY


class Lab(Region):
    """A region with a feed; every change is durable at once. `last`: what the latest changed."""

    def __init__(self) -> None:
        self.feed: Feed | None = None
        super().__init__()
        self.feed = Feed(self.state, NAME, self.state.revision)
        self.takers = Takers(self.state)
        self.last = Touched()
        self.compute = self.add_host(ZONES[0], (COMPUTE,))
        self.storage = self.add_host(ZONES[0], (STORAGE,))
        self.gateway = self.add_host(ZONES[0], (GATEWAY,))

    def apply(self, change: Change) -> None:
        if not change:
            return
        revision = self.state.apply(change)
        if self.feed is not None:
            self.last = touched(self.state, revision.entries)
            self.feed.publish(revision.number, self.last.objects)
            self.feed.revision = revision.number
            self.takers.follow(self.last)
            for host in self.state.hosts:
                assert self.takers.scopes(host.id) == scopes_of(self.state, host.id)

    @property
    def objects(self) -> set[tuple[str, str]]:
        """Scopes and kinds that the latest change touched."""
        return {(scope_id, kind.name) for scope_id, (kind, _) in self.last.objects}

    @property
    def vpc_id(self) -> str:
        return next(iter(self.state.vpcs)).id

    def share(self, host_id: str, *, is_packed: bool = False, known: Objects | None = None) -> "Told":
        """`known`: what its agent has already, and says so."""
        assert self.feed is not None
        known = {scope_id: dict(rows) for scope_id, rows in (known or {}).items()}
        return Told(Share(self.feed, self.takers, host_id, is_packed=is_packed, known=digests(known)), known)


class Told:
    """A host's share, and the objects that its agent makes of it."""

    def __init__(self, share: Share, known: Objects) -> None:
        self.share = share
        self.objects = known

    async def hear(self) -> list[bytes]:
        news = await self.share.news()
        update = read(news.pieces)
        update.snapshot = news.is_snapshot
        update.left.extend(news.left)
        take(self.objects, update)
        return list(news.pieces)
