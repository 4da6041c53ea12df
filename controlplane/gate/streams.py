"""Ends what goes on when its token ends: a stream showed its token at its beginning only."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from controlplane.errors import Unauthenticated
from controlplane.journal import Journal
from controlplane.model.project import Token
from controlplane.model.state import Revision


class Streams:
    """What goes on, by the id of its caller's credential."""

    def __init__(self, journal: Journal) -> None:
        self._open: dict[str, set[asyncio.Timeout]] = {}
        journal.follow(self._on_revisions)

    @asynccontextmanager
    async def while_valid(self, credential_id: str, left_s: float | None) -> AsyncIterator[None]:
        """Around a stream: raises `AuthFailure` in it as soon as its token is revoked, or after `left_s` expires."""
        try:
            async with asyncio.timeout(left_s) as end:
                self._open.setdefault(credential_id, set()).add(end)
                try:
                    yield
                finally:
                    self._forget(credential_id, end)
        except TimeoutError as error:
            if not end.expired():
                raise
            raise Unauthenticated(
                "AuthFailure", f"The token {credential_id} was revoked or expired: its streams end"
            ) from error

    def _forget(self, credential_id: str, end: asyncio.Timeout) -> None:
        self._open[credential_id].discard(end)
        if not self._open[credential_id]:
            del self._open[credential_id]

    def _on_revisions(self, revisions: list[Revision]) -> None:
        for revision in revisions:
            for entry in revision.entries:
                token = entry.new
                if isinstance(token, Token) and token.revoked_at is not None:
                    self._end(token.id)

    def _end(self, credential_id: str) -> None:
        for end in self._open.get(credential_id, ()):
            if not end.expired():
                end.reschedule(asyncio.get_running_loop().time())
