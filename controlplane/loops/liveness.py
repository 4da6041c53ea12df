"""Notices which hosts are away, and makes that durable."""

import asyncio

from controlplane.sessions import Sessions

# Shorter: more looks at every host. Longer: after a restart of the control plane, a host that was just given up counts
# as one that may come back.
INTERVAL_S = 2


async def run(sessions: Sessions) -> None:
    """For ever."""
    while True:
        sessions.note_absent()
        await asyncio.sleep(INTERVAL_S)
