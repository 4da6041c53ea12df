"""Forgets what has outlived its time, and files that no image needs."""

import asyncio
from collections.abc import Callable

from controlplane.journal import Journal
from controlplane.service.call import Call
from controlplane.service.sweeping import sweep
from controlplane.uploads import Uploads

# Shorter: nothing gained, retentions are hours. Longer: a terminated instance shows for that much longer.
INTERVAL_S = 60


async def run(journal: Journal, uploads: Uploads, call: Callable[[], Call]) -> None:
    """Sweep for ever."""
    while True:
        await _sweep(journal, call())
        await journal.trim_log()
        await uploads.sweep(journal.state.images)
        await asyncio.sleep(INTERVAL_S)


async def _sweep(journal: Journal, call: Call) -> None:
    """Slice by slice, between which others have their turn."""
    while await journal.call(lambda state: sweep(state, call), lambda state, is_more: is_more):
        pass
