"""Keeps what lives long out of the garbage collector's way: a full collection walks all that is not frozen.

Rows are in no cycles, so that counting references frees them all the same. What is frozen while it is in a cycle stays:
of the calls in progress at that moment, some kilobytes each. So now and then everything is walked once after all.
"""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager

from controlplane.journal import Journal

# Shorter: nothing gained. Longer: in a storm of calls more has to be walked at once.
INTERVAL_S = 1
# Fewer: more stays that should go. More: the walk takes longer, and all else waits: some 5 ms for so many launches.
REVISIONS = 1000
# Times that something is frozen until everything is walked: in an interval in which nothing changes, or else in any.
# Fewer: all else waits more often, some 5 ms for each thousand instances. More: more stays, a megabyte each at worst.
FREEZES_QUIET, FREEZES_MOST = 10, 100
# Objects that are made until those are looked through: Python's 700 cost a launch of a thousand a seventh more. Fewer:
# nearer to that. More: memory, for what calls leave in cycles, some 200 bytes each.
YOUNG = 20_000


@contextmanager
def loading() -> Iterator[None]:
    """Around what makes many rows at once. None is garbage, and to look for it would take a third more time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


async def run(journal: Journal) -> None:
    """For ever. What is there at the beginning stays at first."""
    gc.set_threshold(YOUNG)
    gc.freeze()
    freezes, frozen_revision = 1, journal.state.revision
    revision = frozen_revision
    while True:
        await asyncio.sleep(INTERVAL_S)
        before, revision = revision, journal.state.revision
        if freezes >= (FREEZES_QUIET if revision == before else FREEZES_MOST):
            gc.unfreeze()
            freezes = 0
        if not freezes or revision >= frozen_revision + REVISIONS:
            gc.collect()
            gc.freeze()
            freezes, frozen_revision = freezes + 1, revision
