"""Notices which hosts are away, and that the machine's clock was set; speaks for hosts that an admin declared lost."""

import asyncio

import structlog

from controlplane.sessions import Sessions

# Shorter: more looks at every host. Longer: after a restart of the control plane, a host that was just given up counts
# as one that may come back; and what ends on a lost host takes so long.
INTERVAL_S = 2


async def run(sessions: Sessions) -> None:
    """For ever."""
    moved = sessions.moved
    while True:
        before, moved = moved, sessions.moved
        if moved != before:
            structlog.get_logger().warning("the machine's clock was set", by_s=(moved - before).total_seconds())
        sessions.note_absent()
        sessions.answer_for_lost()
        await asyncio.sleep(INTERVAL_S)
