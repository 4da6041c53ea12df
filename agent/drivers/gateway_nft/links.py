"""Joins a gateway's namespace to the VPC's and to the host's, with one veth each.

Next hops are link-local addresses that no device has: their neighbour entries are permanent, so nobody asks for them.
All gateways use the same ones, each on devices of its own. Everything is read at every pass, and put right.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from agent.drivers.base import Transient
from agent.drivers.gateway_nft.ruleset import DEVICE_PREFIX, HOST_SIDE, VPC_SIDE
from agent.host import namespaces, sysctls
from agent.host.entries import OWN_TABLES
from agent.host.netlink import DEFAULT_ROUTE, Link, Neighbour, Netlink, Route, open_netlink, sync
from agent.model import RouteTableSpec

VPC_DEVICE = "gateway"  # Our end in the VPC's namespace; its rules know the name.

_SYSCTLS = {
    "ipv4/ip_forward": 1,
    "ipv4/conf/all/send_redirects": 0,
    "ipv4/conf/default/send_redirects": 0,
    "ipv6/conf/all/disable_ipv6": 1,
    "ipv6/conf/default/disable_ipv6": 1,
    # Both sides have routes for addresses that come from either, so the reverse path says nothing.
    "ipv4/conf/all/rp_filter": 0,
    "ipv4/conf/default/rp_filter": 0,
    "ipv4/conf/all/accept_local": 1,  # Else the kernel looks for it all the same.
}
# A metric. The router's driver writes to the same tables, each of both when it is told of a change. With one metric,
# what this one has for a moment of a route that is a black hole by now would take the place of the router's.
_BEHIND_ROUTERS = 1


@dataclass(frozen=True, slots=True)
class Hop:
    """An end of a pair, as the other end sends to it."""

    address: str
    mac_address: str


@dataclass(frozen=True, slots=True)
class End:
    """One end of a pair, where it is: its device, and the hop behind it. `routes` by it are these alone."""

    device: str
    mac_address: str
    hop: Hop
    routes: frozenset[Route]


# Seen from the gateway's namespace. The upper half of 169.254.0.0/16 is free of the VPCs' transit addresses.
_TO_VPC = Hop("169.254.128.1", "02:73:74:80:00:01")
_FROM_VPC = Hop("169.254.128.2", "02:73:74:80:00:02")
_TO_HOST = Hop("169.254.128.3", "02:73:74:80:00:03")
_FROM_HOST = Hop("169.254.128.4", "02:73:74:80:00:04")


def host_device(vpc_id: str) -> str:
    """Our end in the host's namespace."""
    return DEVICE_PREFIX + vpc_id.rpartition("-")[2][-12:]


def ensure(vpc_id: str, tables: Iterable[RouteTableSpec], inside: Collection[str], external_mtu: int) -> list[str]:
    """Make both pairs, up, with routes outside and to what is `inside`: addresses of instances, and networks that go by
    NAT gateways. `tables` are those by which anything leads out of the VPC's namespace. Returns what changed.
    """
    gateway, vpc = namespaces.gateway_namespace(vpc_id), namespaces.vpc_namespace(vpc_id)
    mtu = min(external_mtu, namespaces.call(vpc, _mtu))
    changed = namespaces.call(gateway, sysctls.set_sysctls, _SYSCTLS)
    changed += namespaces.call(vpc, _ensure_pair, VPC_DEVICE, VPC_SIDE, (_TO_VPC, _FROM_VPC), gateway, mtu)
    changed += _ensure_pair(host_device(vpc_id), HOST_SIDE, (_TO_HOST, _FROM_HOST), gateway, mtu)
    ends = (
        End(VPC_SIDE, _FROM_VPC.mac_address, _TO_VPC, frozenset(map(_private_route, inside))),
        End(HOST_SIDE, _FROM_HOST.mac_address, _TO_HOST, frozenset({_default_route(HOST_SIDE, _TO_HOST)})),
    )
    changed += namespaces.call(gateway, _converge, ends, mtu)
    to_gateway = frozenset(_ways_out(tables))
    changed += namespaces.call(vpc, _converge, (End(VPC_DEVICE, _TO_VPC.mac_address, _FROM_VPC, to_gateway),), mtu)
    return changed + _converge_host_end(vpc_id, mtu)


def change_routes(gone: Iterable[str], new: Iterable[str]) -> None:
    """In the gateway's namespace: to instances with these private addresses."""
    with open_netlink() as netlink:
        sync(
            frozenset(map(_private_route, gone)),
            frozenset(map(_private_route, new)),
            netlink.put_routes,
            netlink.delete_routes,
        )


def remove(vpc_id: str) -> None:
    """Delete the pairs now, as namespaces end in their own time, and the namespace."""
    _delete_link(host_device(vpc_id))
    if namespaces.exists(namespaces.vpc_namespace(vpc_id)):
        namespaces.call(namespaces.vpc_namespace(vpc_id), _delete_link, VPC_DEVICE)
    namespaces.remove(namespaces.gateway_namespace(vpc_id))


def public_route(vpc_id: str, address: str) -> Route:
    """In the host's namespace: to the gateway."""
    return Route(f"{address}/32", host_device(vpc_id), _FROM_HOST.address)


def _private_route(inside: str) -> Route:
    """In the gateway's namespace: to an instance, or a network."""
    return Route(inside if "/" in inside else f"{inside}/32", VPC_SIDE, _TO_VPC.address)


def _ways_out(tables: Iterable[RouteTableSpec]) -> Iterator[Route]:
    """In the VPC's namespace: its router has a table of the kernel's for each of these, and routes of its own there."""
    for table in tables:
        for route in table.routes:
            if route.leads_out:
                yield Route(route.cidr_block, VPC_DEVICE, _FROM_VPC.address, OWN_TABLES + table.number, _BEHIND_ROUTERS)


def _default_route(device: str, hop: Hop) -> Route:
    return Route(DEFAULT_ROUTE, device, hop.address)


def _ensure_pair(outer: str, inner: str, ends: tuple[Hop, Hop], gateway: str, mtu: int) -> list[str]:
    """In the calling thread's namespace: `outer` here, its peer `inner` in the gateway's namespace."""
    here, there = ends
    with open_netlink() as netlink, namespaces.opened(gateway) as fd:
        if netlink.link(outer) is not None:
            if namespaces.call(gateway, _has_link, inner):
                return []
            netlink.delete_link(outer)  # Its peer went with an older namespace.
        peer = {"ifname": inner, "address": there.mac_address, "net_ns_fd": fd}
        netlink.add_veth(outer, here.mac_address, mtu, peer)
        return [f"device {outer}"]


def _converge(ends: Collection[End], mtu: int) -> list[str]:
    """In the calling thread's namespace."""
    with open_netlink() as netlink:
        links = {link.name: link for link in netlink.links()}
        if not links["lo"].is_up:
            netlink.set_link("lo", state="up")  # With no local address at all, the kernel refuses every next hop.
        return [change for end in ends for change in _converge_end(netlink, links[end.device], end, mtu)]


def _converge_end(netlink: Netlink, link: Link, end: End, mtu: int) -> list[str]:
    changed = netlink.bring_up(link, end.mac_address, mtu)
    changed += _put_hop(netlink, end.device, end.hop)
    routes = frozenset(route for route in netlink.routes() if route.device == end.device)
    return changed + sync(routes, end.routes, netlink.put_routes, netlink.delete_routes)


def _converge_host_end(vpc_id: str, mtu: int) -> list[str]:
    """Its routes are the public addresses'."""
    name = host_device(vpc_id)
    with open_netlink() as netlink:
        link = next(link for link in netlink.links() if link.name == name)
        changed = sysctls.set_sysctls({f"ipv6/conf/{name}/disable_ipv6": 1})
        changed += netlink.bring_up(link, _TO_HOST.mac_address, mtu)
        return changed + _put_hop(netlink, name, _FROM_HOST)


def _put_hop(netlink: Netlink, device: str, hop: Hop) -> list[str]:
    now = frozenset(entry for entry in netlink.neighbours() if entry.device == device)
    return netlink.sync_neighbours(now, frozenset({Neighbour(device, hop.address, hop.mac_address)}))


def _mtu() -> int:
    """Of the calling thread's namespace, a VPC's router, as the network driver gave it to all of its devices."""
    with open_netlink() as netlink:
        found = (link.mtu for link in netlink.links() if link.vxlan)
        if (mtu := next(found, None)) is None:
            raise Transient("its router has no VXLAN device in this moment; its gateway follows")
        return mtu


def _has_link(name: str) -> bool:
    with open_netlink() as netlink:
        return netlink.link(name) is not None


def _delete_link(name: str) -> None:
    with open_netlink() as netlink:
        netlink.delete_link(name)
