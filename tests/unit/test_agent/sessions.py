"""A joined host whose agent talks to a control plane, and what that hears of it."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from agent.drivers.base import Presence
from agent.enroll import JoinToken, join
from agent.identity import IdentityStore
from agent.messages import Authority, Heartbeat, Observed, Report, Role
from agent.objects import Instance
from agent.session import Session, SessionSettings

from .cloud import Cloud
from .host import EVERYTHING, HOST_ID, INSTANCE, Host, snapshot, told

(INSTANCE_OBJECT,) = (row for row in told(INSTANCE)[HOST_ID].values() if isinstance(row, Instance))
FAST = SessionSettings(heartbeat_s=0.05, grace_s=3600.0, reconnect_first_s=0.01, reconnect_cap_s=0.05)
LAST = Authority("home-1", "inc-1", 500)
OURS = replace(snapshot(500, *EVERYTHING), authority=LAST)


@asynccontextmanager
async def session(
    cloud: Cloud,
    host: Host,
    store: IdentityStore,
    settings: SessionSettings = FAST,
    control_plane: Presence | None = None,
    jitter: Callable[[float, float], float] = random.uniform,
) -> AsyncIterator[None]:
    """A joined host whose agent talks to the cloud."""
    if not store.is_joined():
        await join(JoinToken.parse(cloud.token()), "rack-1", "192.0.2.1", store)
    async with host.agent() as engine, asyncio.TaskGroup() as tasks:
        authority = host.contents.authority
        talk = Session(
            *(store, (Role.COMPUTE,), host.make_drivers(), host.ledger, engine, settings),
            authority=authority,
            control_plane=control_plane,
            jitter=jitter,
        )
        running = tasks.create_task(talk.run())
        yield
        running.cancel()


def last_seen(cloud: Cloud) -> dict[str, Observed]:
    """What the control plane knows of the host: its reports, one upon the other."""
    known: dict[str, Observed] = {}
    for report in cloud.got(Report):
        known = {} if report.full else known
        known |= {str(seen.ref): seen for seen in report.observed}
        for ref in report.gone:
            known.pop(str(ref), None)
    return known


def is_all_converged(cloud: Cloud, count: int) -> bool:
    known = last_seen(cloud)
    return len(known) == count and all(seen.converged for seen in known.values())


def is_said(cloud: Cloud, what: str) -> bool:
    return any(what in problem for beat in cloud.got(Heartbeat) for problem in beat.capacity.problems)
