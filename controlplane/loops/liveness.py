"""Notices which hosts are away, which guests do not let go of a volume, and that the machine's clock was set.

It speaks for hosts that an admin declared lost, and moves gateways off hosts that are away for long.
"""

import asyncio

import structlog

from controlplane.journal import Journal
from controlplane.service import health
from controlplane.sessions import Sessions

# Shorter: more looks at every host. Longer: after a restart of the control plane, a host that was just given up counts
# as one that may come back; and what ends on a lost host takes so long, as gateways take to move.
INTERVAL_S = 2


async def run(journal: Journal, sessions: Sessions) -> None:
    """For ever."""
    moved = sessions.moved
    while True:
        before, moved = moved, sessions.moved
        if moved != before:
            structlog.get_logger().warning("the machine's clock was set", by_s=(moved - before).total_seconds())
        sessions.note_absent()
        if gateways := sessions.fail_over():
            structlog.get_logger().warning("gateways move, since their hosts are away", hosts=gateways)
        sessions.answer_for_lost()
        journal.apply(health.note_busy(journal.state, sessions.now()))
        await asyncio.sleep(INTERVAL_S)
