"""The region itself: zones and the built-in catalogue follow the configuration."""

from controlplane.model.host import Zone
from controlplane.model.image import InstanceType
from controlplane.model.state import Change, State
from controlplane.service import catalogue, vpcs
from controlplane.service.call import Call


def sync(state: State, call: Call) -> tuple[Change, None]:
    """Add what the configuration has and the state has not. Zones are never taken away: resources may live in them."""
    change = Change()
    new_zones = [name for name in call.policy.zones if name not in state.zones]
    change.put(*(Zone(name, call.now) for name in new_zones))
    if new_zones:
        vpcs.add_zones(state, call, change, new_zones)
    if not state.instance_types:
        for name, (vcpus, memory_mib) in catalogue.BUILT_IN.items():
            change.put(InstanceType(name, vcpus, memory_mib, call.now))
    return change, None
