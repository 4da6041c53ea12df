"""The region itself: zones and the built-in catalogue follow the configuration. And whether its database is the one
that its hosts know.
"""

from dataclasses import dataclass, replace

from controlplane.ids import Prefix
from controlplane.model.host import Region, Zone
from controlplane.model.image import InstanceType
from controlplane.model.state import Change, State
from controlplane.service import catalogue, vpcs
from controlplane.service.call import Call


def sync(state: State, call: Call) -> tuple[Change, None]:
    """Add what the configuration has and the state has not. Zones are never taken away: resources may live in them."""
    change = Change()
    if call.policy.region not in state.regions:
        change.put(Region(call.policy.region, call.mint(Prefix.INCARNATION), call.now))
    new_zones = [name for name in call.policy.zones if name not in state.zones]
    change.put(*(Zone(name, call.now) for name in new_zones))
    if new_zones:
        vpcs.add_zones(state, call, change, new_zones)
    if not state.instance_types:
        for name, (vcpus, memory_mib) in catalogue.BUILT_IN.items():
            change.put(InstanceType(name, vcpus, memory_mib, call.now))
    return change, None


def incarnation(state: State, region: str) -> str:
    """Empty before the first `sync`."""
    row = state.regions.get(region)
    return row.incarnation if row else ""


@dataclass(frozen=True, slots=True)
class Word:
    """What a host last followed in all it said."""

    region: str
    incarnation: str
    revision: int


def recognise(state: State, call: Call, word: Word, revision: int) -> Change:
    """A host that knows later revisions of this incarnation than anybody can: the database is an older one, restored.

    It becomes another incarnation, for good, so that hosts hold what they would remove even when revisions have caught
    up.
    """
    row = state.regions.get(word.region)
    is_restored = row is not None and row.incarnation == word.incarnation and word.revision > revision
    return restored(state, call, word.region) if is_restored else Change()


def restored(state: State, call: Call, region: str) -> Change:
    """The database was put back from a backup: another incarnation begins. Raises KeyError before the first `sync`."""
    change = Change()
    change.put(replace(state.regions[region], incarnation=call.mint(Prefix.INCARNATION)))
    return change
