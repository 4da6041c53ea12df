"""What this host is seen to have, and what of that is still to be told. Pure but for two events to wait on.

Everything that is desired or exists has an entry. A full report says that whatever it leaves out does not exist, which
the control plane may act on (it opens a volume to another host), so none is given before every driver has listed once.
"""

import asyncio
from dataclasses import replace

from agent.messages import Observed, ObservedInstance, Report
from agent.model import Ref


class Observations:
    def __init__(self) -> None:
        self._entries: dict[Ref, Observed] = {}
        self._told: dict[Ref, Observed] = {}  # As in the last full report.
        self._news: dict[Ref, None] = {}  # What changed since the last report, in order.
        self._full_due = False
        self._is_new = asyncio.Event()
        self._is_complete = asyncio.Event()

    def __getitem__(self, ref: Ref) -> Observed:
        return self._entries[ref]

    def __contains__(self, ref: Ref) -> bool:
        return ref in self._entries

    def put(self, observed: Observed) -> None:
        if self._entries.get(observed.ref) != observed:
            self._entries[observed.ref] = observed
            self._tell(observed.ref)

    def put_unsettled(self, ref: Ref, instance: ObservedInstance | None = None) -> None:
        """Its spec is new, or it was only just found: whatever is known of it, it isn't yet as it shall be."""
        known = self._entries.get(ref, Observed(ref, converged=False))
        self.put(replace(known, converged=False, error="", permanent=False, instance=instance or known.instance))

    def drop(self, ref: Ref) -> None:
        """It was seen to be gone."""
        self._entries.pop(ref, None)
        self._tell(ref)

    def pass_over(self) -> None:
        """Everything was listed once more."""
        self._is_complete.set()
        if self._entries != self._told:
            self._full_due = True
            self._is_new.set()

    def acknowledge(self) -> None:
        """An update was taken in: say so, even where it changes nothing."""
        self._is_new.set()

    def snapshot(self) -> tuple[Observed, ...]:
        """Everything that is known by now."""
        return tuple(self._entries.values())

    async def full(self, revision: int) -> Report:
        """For the start of a session: everything, once it is known."""
        await self._is_complete.wait()
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
        return Report(revision, False, observed, tuple(ref for ref in news if ref not in self._entries))

    def _report_full(self, revision: int) -> Report:
        self._forget_news()
        self._told = dict(self._entries)
        return Report(revision, True, self.snapshot())

    def _tell(self, ref: Ref) -> None:
        self._news[ref] = None
        self._is_new.set()

    def _forget_news(self) -> None:
        self._news.clear()
        self._full_due = False
        self._is_new.clear()
