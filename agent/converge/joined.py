"""A network as a held update has it, together with what the update does not know of. Pure.

A VPC and a gateway come whole, so one that knows less would take ports, peers and addresses away. What the update does
speak of, it decides: an address that it gives to somebody has no other owner.
"""

from collections.abc import Collection
from dataclasses import replace
from itertools import zip_longest

from agent.model import GatewaySpec, GroupMembers, PeerSpec, Spec, VpcSpec


def joined(old: Spec | None, new: Spec) -> Spec:
    """`new`, with what `old` has besides where both are the same VPC or gateway."""
    if isinstance(old, VpcSpec) and isinstance(new, VpcSpec):
        return _vpc(old, new)
    if isinstance(old, GatewaySpec) and isinstance(new, GatewaySpec):
        return _gateway(old, new)
    return new


def _vpc(old: VpcSpec, new: VpcSpec) -> VpcSpec:
    taken = {port.private_ip for port in new.ports} | {ip for peer in new.peers for ip in peer.private_ips}
    here = {port.interface_id for port in new.ports}
    subnet_ids, group_ids = {row.subnet_id for row in new.subnets}, {row.group_id for row in new.groups}
    ports = (port for port in old.ports if port.private_ip not in taken and port.interface_id not in here)
    return replace(
        new,
        subnets=(*new.subnets, *(row for row in old.subnets if row.subnet_id not in subnet_ids)),
        ports=(*new.ports, *ports),
        peers=_peers(old.peers, new.peers, taken),
        groups=(*new.groups, *(row for row in old.groups if row.group_id not in group_ids)),
        group_members=_members(old.group_members, new.group_members, taken),
    )


def _peers(old: Collection[PeerSpec], new: Collection[PeerSpec], taken: Collection[str]) -> tuple[PeerSpec, ...]:
    """An older control plane sent no ids of interfaces: theirs are empty."""
    by_host = {peer.host_number: peer for peer in new}
    for peer in old:
        known = by_host.get(peer.host_number, replace(peer, private_ips=(), interface_ids=()))
        for private_ip, interface_id in zip_longest(peer.private_ips, peer.interface_ids, fillvalue=""):
            if private_ip not in taken:
                known = replace(
                    known,
                    private_ips=(*known.private_ips, private_ip),
                    interface_ids=(*known.interface_ids, interface_id),
                )
        by_host[peer.host_number] = known
    return tuple(by_host[number] for number in sorted(by_host))


def _members(
    old: Collection[GroupMembers], new: Collection[GroupMembers], taken: Collection[str]
) -> tuple[GroupMembers, ...]:
    ips = {row.group_id: row.private_ips for row in new}
    for row in old:
        known = ips.get(row.group_id, ())
        ips[row.group_id] = (*known, *(ip for ip in row.private_ips if ip not in taken and ip not in known))
    return tuple(GroupMembers(group_id, private_ips) for group_id, private_ips in ips.items())


def _gateway(old: GatewaySpec, new: GatewaySpec) -> GatewaySpec:
    taken = {ip for row in new.mappings for ip in (row.public_ip, row.private_ip)}
    rest = (row for row in old.mappings if not {row.public_ip, row.private_ip} & taken)
    return replace(new, mappings=(*new.mappings, *rest))
