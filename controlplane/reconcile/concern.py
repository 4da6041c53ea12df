"""What a host may report of: what it was given, what it was seen to hold, and a bounded number of orphans.

An agent, or its certificate, may be in wrong hands. What nobody gave to the host is then not kept: else one host could
fill the memory and the disk of all. Orphans are volumes that the host has and the region does not know; an admin is to
hear of them.
"""

from collections.abc import Container, Sequence

from controlplane.ids import Prefix, is_valid
from controlplane.model.instance import Observation, ObservedKind
from controlplane.model.state import State
from controlplane.reconcile.objects import scopes_of
from controlplane.service.capacity import is_orphan

# Fewer: of a pool that came from another region an admin sees only a part. More: rows that one host can make at will.
ORPHANS_PER_HOST = 1000


def of_concern(state: State, host_id: str, observed: Sequence[Observation]) -> list[Observation]:
    """Those of a host's observations that are taken down."""
    if not observed:
        return []
    known = [row for row in observed if row.id in state.observations]
    new = [row for row in observed if row.id not in state.observations]
    scope_ids = scopes_of(state, host_id) if any(row.kind is ObservedKind.VPC for row in new) else ()
    given = [row for row in new if _is_given(state, host_id, row, scope_ids)]
    orphans = [row for row in new if row.kind is ObservedKind.VOLUME and _is_orphan(state, row)]
    room = ORPHANS_PER_HOST - _orphans_known(state, host_id) if orphans else 0
    return known + given + orphans[: max(room, 0)]


def _is_given(state: State, host_id: str, row: Observation, scope_ids: Container[str]) -> bool:
    """Whether a row of the state names the host. One that has moved away is named by the disks that it held there."""
    match row.kind:
        case ObservedKind.VOLUME:
            volume = state.volumes.get(row.resource_id)
            return volume is not None and volume.host_id == host_id
        case ObservedKind.EXPORT:
            attachment = state.attachments.get(row.resource_id)
            return attachment is not None and attachment.storage_host_id == host_id
        case ObservedKind.INSTANCE:
            instance = state.instances.get(row.resource_id)
            held = state.attachments.instance.of(row.resource_id)
            is_here = instance is not None and instance.host_id == host_id
            return is_here or any(attachment.client_host_id == host_id for attachment in held)
        case ObservedKind.VPC:
            return row.resource_id in scope_ids
        case ObservedKind.GATEWAY:
            gateways = state.internet_gateways.vpc.of(row.resource_id)
            return any(gateway.host_id == host_id for gateway in gateways)


def _is_orphan(state: State, row: Observation) -> bool:
    return is_valid(Prefix.VOLUME, row.resource_id) and is_orphan(state, row)


def _orphans_known(state: State, host_id: str) -> int:
    held = state.observations.host.of(host_id)
    return sum(row.kind is ObservedKind.VOLUME and _is_orphan(state, row) for row in held)
