"""Notices which hosts are away, and speaks for those that an admin declared lost."""

import asyncio

from controlplane.sessions import Sessions

# Shorter: more looks at every host. Longer: after a restart of the control plane, a host that was just given up counts
# as one that may come back; and what ends on a lost host takes so long.
INTERVAL_S = 2


async def run(sessions: Sessions) -> None:
    """For ever."""
    while True:
        sessions.note_absent()
        sessions.answer_for_lost()
        await asyncio.sleep(INTERVAL_S)
