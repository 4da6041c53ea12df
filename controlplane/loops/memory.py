"""Keeps what lives long out of the garbage collector's way: a full collection walks all that is not frozen.

Rows are in no cycles, so that counting references frees them all the same. What is frozen while it is in a cycle stays
for ever: of the calls in progress at that moment, some kilobytes.
"""

import asyncio
import gc

from controlplane.journal import Journal

# Shorter: nothing gained. Longer: in a storm of calls more has to be walked at once.
INTERVAL_S = 1
# Fewer: more stays that should go. More: the walk takes longer, and all else waits: some 5 ms for so many launches.
REVISIONS = 1000


async def run(journal: Journal) -> None:
    """For ever. What is there at the beginning stays."""
    gc.freeze()
    frozen_revision = journal.state.revision
    while True:
        await asyncio.sleep(INTERVAL_S)
        if journal.state.revision >= frozen_revision + REVISIONS:
            frozen_revision = journal.state.revision
            gc.collect()
            gc.freeze()
