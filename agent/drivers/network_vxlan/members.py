"""What changes for a VPC's router when members come and go on other hosts: routes and elements of sets, no more.

So a VPC of any size costs the same. What this does not cover (members here, hosts that come to have a part or no longer
have one, rules, subnets, the gateway) takes a look at everything.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.drivers.network_vxlan import names, ruleset
from agent.host import conntrack
from agent.host.netlink import Route, open_netlink
from agent.host.rules import Elements, Rules
from agent.objects import Endpoint, ObjectKind, ObjectRef
from agent.vpc import VpcView

# What its guests are told of an instance; its VPC's router has no use for it.
_OF_INSTANCES = (ObjectKind.INSTANCE, ObjectKind.ATTACHMENT, ObjectKind.ADDRESS)


@dataclass(frozen=True, slots=True)
class Difference:
    """`owners` has what became of addresses: an interface id, or "" for nobody. `moved`: who had them lost them."""

    gone_routes: frozenset[Route]
    new_routes: frozenset[Route]
    elements: Mapping[str, Elements]  # By group.
    owners: Mapping[str, str]
    moved: frozenset[str]


def difference(
    old: VpcView, new: VpcView, changed: frozenset[ObjectRef], *, is_encrypted: bool = False
) -> Difference | None:
    """None where it takes more. Pure."""
    refs = [ref for ref in changed if ref.kind not in _OF_INSTANCES]
    if any(ref.kind != ObjectKind.ENDPOINT for ref in refs):
        return None
    before = [row for ref in refs if (row := old.endpoints.get(ref.id))]
    after = [row for ref in refs if (row := new.endpoints.get(ref.id))]
    if not all(_is_met(host_id, old, new, is_encrypted) for host_id in {row.host_id for row in (*before, *after)}):
        return None
    was = {row.private_ip: row.id for row in before}
    owners = {row.private_ip: row.id for row in after}
    gone, come = _routes(old, before), _routes(new, after)
    return Difference(
        gone_routes=gone - come,
        new_routes=come - gone,
        elements={group_id: _elements(group_id, before, after) for group_id in new.named_groups()},
        owners={**dict.fromkeys(was, ""), **owners},
        moved=frozenset(ip for ip, owner in was.items() if owners.get(ip) != owner),
    )


def follow(rules: Rules, change: Difference) -> bool:
    """In the VPC's namespace, whose rules are these. Returns False, with nothing done, where somebody else was there.

    Rules first where somebody is to be let in, and routes where somebody goes: either way nothing is open for longer.
    """
    elements = {group_id: each for group_id, each in change.elements.items() if each.gone or each.new}
    if not rules.change_elements(ruleset.FILTER, elements):
        return False
    with open_netlink() as netlink:
        for route in sorted(change.gone_routes, key=str):
            netlink.delete_route(route)
        for route in sorted(change.new_routes, key=str):
            netlink.put_route(route)
    conntrack.forget(sorted(change.moved))
    return True


def _is_met(host_id: str, old: VpcView, new: VpcView, is_encrypted: bool) -> bool:
    """Whether the host is a peer before and after, to which something is sent."""
    host = new.hosts.get(host_id)
    is_peer = host_id != new.host_id and old.has_part(host_id) and new.has_part(host_id)
    return is_peer and host is not None and bool(host.wireguard_key) == is_encrypted and host == old.hosts.get(host_id)


def _routes(view: VpcView, endpoints: list[Endpoint]) -> frozenset[Route]:
    device = names.vxlan_name(view.vpc.id)
    return frozenset(
        Route(f"{row.private_ip}/32", device, names.transit_address(view.hosts[row.host_id].number))
        for row in endpoints
    )


def _elements(group_id: str, before: list[Endpoint], after: list[Endpoint]) -> Elements:
    was = frozenset(row.private_ip for row in before if group_id in row.group_ids)
    now = frozenset(row.private_ip for row in after if group_id in row.group_ids)
    return Elements(gone=was - now, new=now - was)
