"""Whether a host is there: what was last seen of it, with its age and its cause. Pure.

    never-connected --> connected <--> reconnecting --> unreachable --> connected
                                                             \\--an admin--> lost --> connected

A host that is reconnecting may still be given instances, so that a quick restart of either side makes no launch fail.
One that is unreachable was seen to leave, or did not come back: that it may run all the same is nobody's guess here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from controlplane.model.host import Host
from controlplane.model.policy import Patience
from controlplane.model.value import value


class HostStatus(Enum):
    NEVER_CONNECTED = "never-connected"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    UNREACHABLE = "unreachable"
    LOST = "lost"


@value(frozen=True, slots=True)
class Presence:
    """`since`: when the status became what it is; `cause` is empty while it is connected."""

    status: HostStatus
    since: datetime
    cause: str
    last_seen_at: datetime | None

    @property
    def is_reachable(self) -> bool:
        return self.status in (HostStatus.CONNECTED, HostStatus.RECONNECTING)


Look = Callable[[str], Presence]  # By host id.


@dataclass(slots=True)
class Link:
    """What this process heard of a host: its latest session. `ended_at` is None while that is open."""

    opened_at: datetime
    heard_at: datetime
    ended_at: datetime | None = None

    def moved(self, by: timedelta) -> "Link":
        """The same moments as another clock tells them."""
        return Link(self.opened_at + by, self.heard_at + by, self.ended_at + by if self.ended_at else None)


def at(time: datetime) -> str:
    """A time as people read it."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def presence(host: Host, link: Link | None, started_at: datetime, patience: Patience, now: datetime) -> Presence:
    """What is known of a host; `started_at` is when this process began to listen."""
    seen = link.heard_at if link else host.last_seen_at
    if host.lost_at:
        return Presence(HostStatus.LOST, host.lost_at, f"an admin declared it lost at {at(host.lost_at)}", seen)
    if link:
        return _heard(link, patience, now)
    if seen is None:
        return Presence(HostStatus.NEVER_CONNECTED, host.created_at, "its agent has never connected", None)
    if host.is_away:
        return Presence(HostStatus.UNREACHABLE, seen, f"it was last heard of at {at(seen)}", seen)
    cause = f"it has not come back since the control plane started at {at(started_at)}"
    if now - started_at < patience.silence:
        return Presence(HostStatus.RECONNECTING, started_at, cause, seen)
    return Presence(HostStatus.UNREACHABLE, seen, cause, seen)


def _heard(link: Link, patience: Patience, now: datetime) -> Presence:
    if (link.ended_at or now) - link.heard_at >= patience.silence:  # That its stream ends later makes it no nearer.
        cause = f"it has been silent since {at(link.heard_at)}"
        return Presence(HostStatus.UNREACHABLE, link.heard_at, cause, link.heard_at)
    if link.ended_at is None:
        return Presence(HostStatus.CONNECTED, link.opened_at, "", link.heard_at)
    is_early = now - link.ended_at < patience.reconnect
    status = HostStatus.RECONNECTING if is_early else HostStatus.UNREACHABLE
    return Presence(status, link.ended_at, f"its agent's session ended at {at(link.ended_at)}", link.heard_at)
