"""Which host carries a VPC's gateway: who is chosen, and where it goes when that one is lost.

    carried --its host is not heard of for `failover`, another is connected--> carried by that, in a later epoch
            --an admin declares its host lost--> by another one; by none where there is none, until one joins

A gateway has no state that must not be in two places: its old host, should it live on, refuses the older epoch, or
hears the newer one by ARP and yields. Connections of NAT gateways end with a move; what is mapped one to one goes on.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from controlplane.model.host import Host, HostRole
from controlplane.model.state import Change, State
from controlplane.model.vpc import InternetGateway
from controlplane.service.presence import HostStatus, Look

# How long a host must have been connected to be given others' gateways. Shorter: when the control plane itself was cut
# off, who is back first takes what the others still have. Longer: after its restart gateways move so much later.
STEADY = timedelta(seconds=10)


def choose(state: State) -> str:
    """For a VPC's new gateway: the host that carries the fewest, one that is there before others; empty without any."""
    hosts = _carriers(state)
    return _least(state, [row for row in hosts if not row.is_away] or hosts, Counter()) if hosts else ""


def _carriers(state: State) -> list[Host]:
    return [row for row in state.hosts if HostRole.GATEWAY in row.roles and not row.lost_at]


def _least(state: State, hosts: Sequence[Host], given: Counter[str]) -> str:
    """`given`: how many of this change each got already."""
    return min(hosts, key=lambda host: state.internet_gateways.host.count(host.id) + given[host.id]).id


def move(state: State, change: Change, gateways: Iterable[InternetGateway], hosts: Sequence[Host]) -> None:
    """To these hosts, each getting as many as make all alike; nowhere where there are none."""
    given: Counter[str] = Counter()
    for row in gateways if hosts else ():
        host_id = _least(state, hosts, given)
        given[host_id] += 1
        change.put(moved(row, host_id))


def moved(row: InternetGateway, host_id: str) -> InternetGateway:
    return replace(row, host_id=host_id, epoch=row.epoch + 1)


def forsaken(state: State) -> list[InternetGateway]:
    """Those of VPCs that no host carries, or one that is lost."""
    lost = {host.id for host in state.hosts if host.lost_at}
    return [row for row in state.internet_gateways if row.vpc_id and (not row.host_id or row.host_id in lost)]


def leave(state: State, change: Change, host: Host) -> None:
    """One that is lost carries none any more; where there is no other, they wait for one to join, or for this one."""
    others = [row for row in _carriers(state) if row.id != host.id]
    present = [row for row in others if not row.is_away]
    move(state, change, state.internet_gateways.host.of(host.id), present or others)


def fail_over(state: State, look: Look, after: timedelta, now: datetime) -> Change:
    """Moves those whose hosts are unreachable, and were not heard of for so long, to hosts that are connected."""
    change = Change()
    over = [host for host in _away(state) if _is_over(look, host, after, now)]
    left = [row for host in over for row in state.internet_gateways.host.of(host.id)]
    if left:
        move(state, change, left, [row for row in _carriers(state) if _is_steady(look, row, now)])
    return change


def _is_steady(look: Look, host: Host, now: datetime) -> bool:
    """Whether it has been connected for a while: just after the control plane was cut off, others are about to be."""
    seen = look(host.id)
    return seen.status is HostStatus.CONNECTED and now - seen.since >= STEADY


def _away(state: State) -> list[Host]:
    return [row for row in state.hosts if row.is_away and HostRole.GATEWAY in row.roles]


def _is_over(look: Look, host: Host, after: timedelta, now: datetime) -> bool:
    """Whether its time is. When one that never connected was last heard of nobody knows."""
    seen = look(host.id)
    return not seen.is_reachable and (seen.last_seen_at is None or now - seen.last_seen_at >= after)
