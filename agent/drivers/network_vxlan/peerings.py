"""Joins the routers of two VPCs that peer, where both are on this host, by a veth with an end in the namespace of each.

    tap of A -> A's namespace =veth= B's namespace -> tap of B, or B's VXLAN to the host that has it

Each VPC's part of the driver sees to its own end, and whichever of the two comes second makes the pair. What comes out
of a veth is of the other VPC and for this one alone, which the ruleset checks: it leads to no third VPC and no gateway.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from agent.drivers.base import Transient
from agent.drivers.network_vxlan import names
from agent.host import namespaces, sysctls
from agent.host.entries import OWN_TABLES
from agent.host.netlink import Link, Neighbour, Netlink, Route, open_netlink
from agent.model import PeeringSpec, VpcSpec

# Addresses of the other VPC come by it and, from other hosts, by the VXLAN: see `router`.
_SOURCES = {"rp_filter": 0, "accept_local": 1}


@dataclass(frozen=True, slots=True)
class Joined:
    """`spec` has the peerings that lead somewhere, `waiting` are the others. `made` are devices that are new."""

    spec: VpcSpec
    waiting: tuple[PeeringSpec, ...]
    made: list[str]


def join(spec: VpcSpec, mtu: int) -> Joined:
    """Make the pairs to those other VPCs that have a namespace here by now."""
    here = namespaces.vpc_namespace(spec.vpc_id)
    there = [each for each in spec.peerings if namespaces.exists(namespaces.vpc_namespace(each.vpc_id))]
    made = [name for each in there for name in namespaces.call(here, _ensure_pair, spec.vpc_id, each, mtu)]
    waiting = tuple(each for each in spec.peerings if each not in there)
    return Joined(replace(spec, peerings=tuple(there)), waiting, made)


def check_joined(vpc_id: str, waiting: Iterable[PeeringSpec]) -> None:
    """Raises Transient where a peering leads nowhere yet."""
    if told := ", ".join(f"{each.peering_id} in {each.vpc_id}" for each in waiting):
        raise Transient(f"{vpc_id} waits for the other end of {told}")


def _ensure_pair(vpc_id: str, peering: PeeringSpec, mtu: int) -> list[str]:
    """In the calling thread's namespace, the VPC's. Returns what is new."""
    name, there = names.peering_name(peering.peering_id), namespaces.vpc_namespace(peering.vpc_id)
    with open_netlink() as netlink, namespaces.opened(there) as fd:
        is_here, is_there = netlink.link(name) is not None, namespaces.call(there, _has_link, name)
        if is_here and is_there:
            return []
        netlink.delete_link(name)  # Its other end went with an older namespace.
        namespaces.call(there, _delete_link, name)
        peer = {"ifname": name, "address": names.peering_mac(peering.vpc_id, vpc_id), "net_ns_fd": fd}
        netlink.add_veth(name, names.peering_mac(vpc_id, peering.vpc_id), mtu, peer)
        return [f"device {name}"]


def remove_all() -> None:
    """In the calling thread's namespace, whose VPC leaves this host: now, as namespaces end in their own time."""
    with open_netlink() as netlink:
        for link in netlink.links(names.PEERING_PREFIX):
            netlink.delete_link(link.name)


def bring_up(netlink: Netlink, links: Iterable[Link], spec: VpcSpec, mtu: int) -> list[str]:
    """In the VPC's namespace: its ends, and no others. Returns what was otherwise."""
    wanted = {names.peering_name(each.peering_id): each for each in spec.peerings}
    changed = []
    for link in links:
        if link.name in wanted:
            if link.rp_filter or not link.accepts_local:
                conf = {f"ipv4/conf/{link.name}/{key}": value for key, value in _SOURCES.items()}
                changed += sysctls.set_sysctls(conf)
            changed += netlink.bring_up(link, names.peering_mac(spec.vpc_id, wanted[link.name].vpc_id), mtu)
        elif link.name.startswith(names.PEERING_PREFIX):
            netlink.delete_link(link.name)
    return changed


def routes(spec: VpcSpec) -> Iterator[Route]:
    """What route tables say of peers, each in a table of the kernel's."""
    joined = {each.peering_id for each in spec.peerings}
    for table in spec.tables:
        for route in table.routes:
            if route.peering_id in joined:
                device = names.peering_name(route.peering_id)
                yield Route(route.cidr_block, device, names.PEERING_HOP, OWN_TABLES + table.number)


def neighbours(spec: VpcSpec) -> Iterator[Neighbour]:
    for each in spec.peerings:
        mac = names.peering_mac(each.vpc_id, spec.vpc_id)
        yield Neighbour(names.peering_name(each.peering_id), names.PEERING_HOP, mac)


def _has_link(name: str) -> bool:
    with open_netlink() as netlink:
        return netlink.link(name) is not None


def _delete_link(name: str) -> None:
    with open_netlink() as netlink:
        netlink.delete_link(name)
