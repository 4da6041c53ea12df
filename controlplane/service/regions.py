"""The region itself: zones and the built-in catalogue follow the configuration. And whether its database is the one
that its hosts know.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from controlplane.ids import Prefix
from controlplane.model.host import Host, Region, Zone
from controlplane.model.image import InstanceType
from controlplane.model.instance import Volume
from controlplane.model.state import Change, State
from controlplane.service import catalogue, default_vpcs
from controlplane.service.call import Call


def sync(state: State, call: Call) -> tuple[Change, None]:
    """Add what the configuration has and the state has not. Zones are never taken away: resources may live in them."""
    change = Change()
    if call.policy.region not in state.regions:
        change.put(Region(call.policy.region, call.mint(Prefix.INCARNATION), call.now))
    new_zones = [name for name in call.policy.zones if name not in state.zones]
    change.put(*(Zone(name, call.now) for name in new_zones))
    if new_zones:
        default_vpcs.add_zones(state, call, change, new_zones)
    if not state.instance_types:
        for name, (vcpus, memory_mib) in catalogue.BUILT_IN.items():
            change.put(InstanceType(name, vcpus, memory_mib, call.now))
    return change, None


def incarnation(state: State, region: str, host_id: str = "") -> str:
    """The region's, or the one by which a host goes. Empty before the first `sync`."""
    host, row = state.hosts.get(host_id), state.regions.get(region)
    if host and host.incarnation:
        return host.incarnation
    return row.incarnation if row else ""


def is_released(state: State, region: str, host_id: str) -> bool:
    """Whether an admin has let the host follow the region, as it is now, in all it says."""
    host = state.hosts.get(host_id)
    return host is not None and host.released_to == incarnation(state, region, host_id)


@dataclass(frozen=True, slots=True)
class Word:
    """What a host last followed in all it said, and whether it proves that it was told so."""

    region: str
    incarnation: str
    revision: int
    is_proven: bool


def recognise(state: State, call: Call, host_id: str, word: Word, revision: int) -> Change:
    """A host that knows later revisions of this incarnation than anybody can: the database is an older one, restored.

    It becomes another incarnation, for good, so that hosts hold what they would remove even when revisions have caught
    up. Of a host that proves nothing, that host alone is told so: it may lie, or the key of the seals is another.
    """
    if word.region not in state.regions or word.incarnation != incarnation(state, word.region, host_id):
        return Change()
    if word.revision <= revision:
        return Change()
    return restored(state, call, word.region) if word.is_proven else _part(state, call, host_id)


def restored(state: State, call: Call, region: str) -> Change:
    """The database was put back from a backup: another incarnation begins. Raises KeyError before the first `sync`."""
    change = Change()
    change.put(*in_later_epochs(call, state.volumes))
    change.put(replace(state.regions[region], incarnation=call.mint(Prefix.INCARNATION)))
    change.put(*(replace(host, incarnation="") for host in state.hosts if host.incarnation))
    return change


def in_later_epochs(call: Call, volumes: Iterable[Volume]) -> list[Volume]:
    """Hosts have seen epochs of which a restored database knows nothing. Those to come are counted from the time, so
    that none comes again.
    """
    least = int(call.now.timestamp())
    return [replace(volume, epoch=least) for volume in volumes if volume.epoch < least]


def _part(state: State, call: Call, host_id: str) -> Change:
    """From here on the host has an incarnation of its own."""
    change = Change()
    change.put(replace(state.hosts[host_id], incarnation=call.mint(Prefix.INCARNATION)))
    return change


def doubts(host: Host) -> tuple[str, ...]:
    """What is to be said of a host that claimed more than it proves, until an admin has released it."""
    if not host.incarnation or host.released_to == host.incarnation:
        return ()
    return (
        "it claims changes that the control plane does not know, and has no valid seal on them: it may lie, or the "
        "database and the CA's key are older ones; it removes nothing until an admin has looked: `stead host release`",
    )
