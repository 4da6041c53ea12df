"""The part of a VPC that some objects concern, before and after them. Pure.

It is rendered as the whole is, and the difference between both parts is that between both wholes: so a router follows a
change at the cost of the change, whatever the VPC's size. What is not covered, since it concerns all (the VPC itself,
subnets, the gateway, a host's addresses), takes a look at everything.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.drivers.network_vxlan import tunnel
from agent.drivers.network_vxlan.owners import owners
from agent.model import NamesSpec, VpcSpec
from agent.objects import ObjectKind, ObjectRef
from agent.vpc import VpcView

# What its guests are told of an instance; its VPC's router has no use for it.
_OF_INSTANCES = (ObjectKind.INSTANCE, ObjectKind.ATTACHMENT, ObjectKind.ADDRESS)
_COVERED = (*_OF_INSTANCES, ObjectKind.ENDPOINT, ObjectKind.SECURITY_GROUP, ObjectKind.NETWORK_ACL)


@dataclass(frozen=True, slots=True)
class Difference:
    """From one part to the other."""

    old: VpcSpec
    new: VpcSpec
    renames: bool = False  # Whether names of members may be others, wherever these are.

    @property
    def is_local(self) -> bool:
        """Whether it concerns ports of this host."""
        return self.old.ports != self.new.ports

    @property
    def moves_peers(self) -> bool:
        """Whether a host comes to have a part, or no longer has one."""
        before, after = ({peer.underlay_address for peer in spec.peers} for spec in (self.old, self.new))
        return before != after

    @property
    def owners(self) -> Mapping[str, str]:
        """What became of addresses: an interface id, or "" for nobody."""
        return {**dict.fromkeys(owners(self.old), ""), **owners(self.new)}

    @property
    def moved(self) -> list[str]:
        """Addresses that have another owner now, or none."""
        now = owners(self.new)
        return sorted(address for address, owner in owners(self.old).items() if now.get(address) != owner)


def difference(
    old: VpcView, new: VpcView, changed: frozenset[ObjectRef], *, is_encrypted: bool = False
) -> Difference | None:
    """None where it takes more."""
    if any(ref.kind not in _COVERED for ref in changed):
        return None
    if any(ref.id in view.routers for ref in changed for view in (old, new)):
        return None  # Routes may lead there.
    found = Difference(*_parts(old, new, changed), _renames(old, new, changed))
    if any(tunnel.meet(spec, is_encrypted)[1] for spec in (found.old, found.new)):
        return None
    return None if is_encrypted and found.moves_peers else found


def _renames(old: VpcView, new: VpcView, changed: frozenset[ObjectRef]) -> bool:
    if any(ref.kind == ObjectKind.ADDRESS for ref in changed):
        return bool(old.vpc.public_domain or new.vpc.public_domain)
    members = [ref.id for ref in changed if ref.kind == ObjectKind.ENDPOINT]
    return any(_names(old, id) != _names(new, id) for id in members)


def _names(view: VpcView, endpoint_id: str) -> tuple[NamesSpec, ...]:
    endpoint = view.endpoints.get(endpoint_id)
    return view.names_of(endpoint) if endpoint else ()


def _parts(old: VpcView, new: VpcView, changed: frozenset[ObjectRef]) -> tuple[VpcSpec, VpcSpec]:
    acls = {ref.id for ref in changed if ref.kind == ObjectKind.NETWORK_ACL}
    endpoints = {ref.id for ref in changed if ref.kind == ObjectKind.ENDPOINT}
    endpoints |= new.guarded_by((old.guard_ids ^ new.guard_ids) & acls)
    rows = [view.endpoints[id] for view in (old, new) for id in endpoints if id in view.endpoints]
    hosts = {row.host_id for row in rows}
    groups = {ref.id for ref in changed if ref.kind == ObjectKind.SECURITY_GROUP}
    groups |= {group_id for row in rows if row.host_id == new.host_id for group_id in row.group_ids}
    whole = set(old.named_groups()) ^ set(new.named_groups())  # Sets that come or go.
    return old.part(endpoints, hosts, groups, whole, acls), new.part(endpoints, hosts, groups, whole, acls)
