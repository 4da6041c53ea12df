"""What this host is seen to have, and what of that is still to be told. Pure but for two events to wait on.

Everything that is desired or exists has an entry. A full report says that whatever it leaves out does not exist, which
the control plane may act on (it opens a volume to another host). So a report speaks only for the kinds that have been
listed, and none is given before there is one, unless that takes too long.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from agent.messages import Observed, ObservedInstance, Report
from agent.model import Kind, Ref

# How long the first report of a session may wait for a kind to be listed, seconds. Shorter tells that guests are off
# which are only not seen yet, longer leaves what was seen in an earlier life standing.
_FIRST_REPORT_S = 90.0


class Observations:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: dict[Ref, Observed] = {}
        self._told: dict[Ref, Observed] = {}  # As in the last full report.
        self._news: dict[Ref, None] = {}  # What changed since the last report, in order.
        self._kinds: dict[Kind, None] = {}
        self._full_due = False
        self._is_new = asyncio.Event()
        self._is_any_listed = asyncio.Event()

    def __getitem__(self, ref: Ref) -> Observed:
        """What is known of it, which may be nothing."""
        return self._entries.get(ref) or Observed(ref, converged=False)

    def __contains__(self, ref: Ref) -> bool:
        return ref in self._entries

    def put(self, observed: Observed) -> None:
        observed = replace(observed, since=self._since(observed))
        if self._entries.get(observed.ref) != observed:
            self._entries[observed.ref] = observed
            self._tell(observed.ref)

    def put_unsettled(self, ref: Ref, *, error: str = "", instance: ObservedInstance | None = None) -> None:
        """Its spec is new, or it was only just found: whatever is known of it, it isn't yet as it shall be."""
        known = self[ref]
        self.put(Observed(ref, converged=False, error=error, instance=instance or known.instance))

    def drop(self, ref: Ref) -> None:
        """It was seen to be gone."""
        self._entries.pop(ref, None)
        self._tell(ref)

    def listed(self, kind: Kind) -> None:
        """All of a kind was seen once more."""
        if kind not in self._kinds or self._entries != self._told:
            self._full_due = True
            self._is_new.set()
        self._kinds[kind] = None
        self._is_any_listed.set()

    def acknowledge(self) -> None:
        """An update was taken in: say so, even where it changes nothing."""
        self._is_new.set()

    def snapshot(self) -> tuple[Observed, ...]:
        """Everything that is known by now."""
        return tuple(self._entries.values())

    async def full(self, revision: int) -> Report:
        """For the start of a session: everything that is known, once anything is; or, where no driver answers, why."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_REPORT_S):
                await self._is_any_listed.wait()
        return self._report_full(revision)

    async def wait(self) -> None:
        """Until there is something to tell."""
        await self._is_new.wait()

    def take(self, revision: int) -> Report:
        """What changed since the last report, or everything where a full pass found it different from the last time."""
        if self._full_due:
            return self._report_full(revision)
        news = tuple(self._news)
        self._forget_news()
        observed = tuple(self._entries[ref] for ref in news if ref in self._entries)
        gone = tuple(ref for ref in news if ref not in self._entries)
        return Report(revision, False, observed, gone, tuple(self._kinds))

    def _report_full(self, revision: int) -> Report:
        self._forget_news()
        self._told = dict(self._entries)
        return Report(revision, True, self.snapshot(), kinds=tuple(self._kinds))

    def _since(self, observed: Observed) -> int:
        """An error that is still the same has its age."""
        known = self._entries.get(observed.ref)
        if known is not None and known.error == observed.error:
            return known.since
        return int(self._clock()) if observed.error else 0

    def _tell(self, ref: Ref) -> None:
        self._news[ref] = None
        self._is_new.set()

    def _forget_news(self) -> None:
        self._news.clear()
        self._full_due = False
        self._is_new.clear()
