"""A user who watches."""

import asyncio
from typing import Any

from tests.contract.control_plane import RPCS, ControlPlane

Event = tuple[int, str, str, bool]


class Watcher:
    """One stream."""

    def __init__(
        self, cloud: ControlPlane, after_revision: int | None = 0, secret: str | None = None, **asked: Any
    ) -> None:
        rpc = RPCS["Watch"]
        self.call = cloud.start(rpc, rpc.request(after_revision=after_revision, **asked), secret=secret)

    async def read(self) -> Any:
        async with asyncio.timeout(30):
            return await self.call.read()

    async def next(self) -> Any:
        """The next event that is no bookmark."""
        while (event := await self.read()).bookmark:
            continue
        return event

    async def take_until(self, revision: int) -> list[Event]:
        """All changes up to that revision, which changed something."""
        changes = await self.take(1)
        while changes[-1][0] < revision:
            changes += await self.take(1)
        return changes

    async def take(self, count: int) -> list[Event]:
        """The next changes, which are so many or, with the rest of a revision, more."""
        changes: list[Event] = []
        while len(changes) < count:
            event = await self.next()
            assert event.changes
            assert not event.resync
            changes += [(event.revision, row.kind, row.id, row.deleted) for row in event.changes]
        return changes
