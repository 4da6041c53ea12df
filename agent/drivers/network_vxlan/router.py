"""A VPC's router: its VXLAN device, and the addresses, routes and neighbours in its namespace.

Does not touch taps, which come and go by themselves, nor a default route by another device than the VXLAN's.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from agent.drivers.network_vxlan import names
from agent.host import namespaces
from agent.host.netlink import DEFAULT_ROUTE, FdbEntry, Neighbour, Netlink, Route, Vxlan, open_netlink
from agent.model import VpcSpec

# Loose ends closed for the whole namespace. Strict reverse paths are a second line behind the rules against spoofing.
_SYSCTLS = {
    "ipv4/ip_forward": 1,
    "ipv4/conf/all/rp_filter": 1,
    "ipv4/conf/all/send_redirects": 0,
    "ipv4/conf/default/send_redirects": 0,
    "ipv6/conf/all/disable_ipv6": 1,
    "ipv6/conf/default/disable_ipv6": 1,
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Forwarding:
    """How packets leave by the VXLAN, or not at all."""

    routes: frozenset[Route]
    neighbours: frozenset[Neighbour]
    fdb: frozenset[FdbEntry]


def forwarding(spec: VpcSpec) -> Forwarding:
    """What a spec asks for. Pure."""
    device = names.vxlan_name(spec.vpc_id)
    routes = {Route(spec.cidr_block), Route(names.LINK_LOCAL)}
    for peer in spec.peers:
        via = names.transit_address(peer.host_number)
        routes |= {Route(f"{ip}/32", device, via) for ip in peer.private_ips}
    if spec.gateway_host_number not in (0, spec.host_number):
        routes.add(Route(DEFAULT_ROUTE, device, names.transit_address(spec.gateway_host_number)))
    macs = [(peer, names.vxlan_mac(peer.host_number)) for peer in spec.peers]
    return Forwarding(
        routes=frozenset(routes),
        neighbours=frozenset(Neighbour(names.transit_address(peer.host_number), mac) for peer, mac in macs),
        fdb=frozenset(FdbEntry(mac, peer.underlay_address) for peer, mac in macs),
    )


def ensure_vxlan(spec: VpcSpec, uplink: str, underlay_address: str, mtu: int) -> bool:
    """Make the VPC's VXLAN device and move it into the namespace. Returns whether it is new there.

    Made in the host's namespace, because its UDP socket stays where it was made.
    """
    name, namespace = names.vxlan_name(spec.vpc_id), namespaces.vpc_namespace(spec.vpc_id)
    wanted = Vxlan(spec.vni, underlay_address)
    if namespaces.call(namespace, _keep_vxlan, name, wanted, mtu):
        return False
    with open_netlink() as netlink, namespaces.opened(namespace) as fd:
        netlink.delete_link(name)  # Left by a crash before the move.
        netlink.add_vxlan(name, wanted, uplink, names.vxlan_mac(spec.host_number), mtu)
        netlink.set_link(name, net_ns_fd=fd)
    return True


def vni(vpc_id: str) -> int | None:
    """The VNI of the VXLAN device in the calling thread's namespace, if it has one."""
    with open_netlink() as netlink:
        link = netlink.link(names.vxlan_name(vpc_id))
        return link.vxlan.vni if link and link.vxlan else None


def remove_vxlan(vpc_id: str) -> None:
    """Delete it now: a namespace ends only when its last socket is closed, and until then it would keep the VNI."""
    with open_netlink() as netlink:
        netlink.delete_link(names.vxlan_name(vpc_id))


def converge(spec: VpcSpec, known: VpcSpec | None) -> None:
    """Make the calling thread's namespace route as `spec` says. `known` is what it does now; None: read it."""
    for key, value in _SYSCTLS.items():
        namespaces.set_sysctl(key, value)
    device = names.vxlan_name(spec.vpc_id)
    with open_netlink() as netlink:
        netlink.set_link("lo", state="up")
        netlink.set_link(device, state="up")
        if known is None or known.subnets != spec.subnets:
            _sync(netlink.addresses("lo"), _addresses(spec), *_address_verbs(netlink))
        now, wanted = forwarding(known) if known else _read(netlink, device), forwarding(spec)
        _sync(now.fdb, wanted.fdb, _on(device, netlink.put_fdb), _on(device, netlink.delete_fdb))
        _sync(
            now.neighbours,
            wanted.neighbours,
            _on(device, netlink.put_neighbour),
            _on(device, netlink.delete_neighbour),
        )
        _sync(now.routes, wanted.routes, netlink.put_route, netlink.delete_route)


def _addresses(spec: VpcSpec) -> frozenset[tuple[str, int]]:
    """On `lo`: the kernel answers ARP for them on every tap. A subnet's router has its prefix, for dnsmasq's sake."""
    subnets = (subnet.cidr_block for subnet in spec.subnets)
    routers = {(names.router_address(cidr), int(cidr.partition("/")[2])) for cidr in subnets}
    services = (names.vpc_resolver(spec.cidr_block), names.RESOLVER_ADDRESS, names.METADATA_ADDRESS)
    return frozenset(routers | {(address, 32) for address in services} | {("127.0.0.1", 8)})


def _read(netlink: Netlink, device: str) -> Forwarding:
    routes = netlink.routes(device) | netlink.routes()
    return Forwarding(routes, netlink.neighbours(device), netlink.fdb(device))


def _sync(now: Iterable[T], wanted: Iterable[T], put: Callable[[T], None], delete: Callable[[T], None]) -> None:
    """Put first: what replaces a thing leaves no gap, and the deletion then finds nothing."""
    before, after = frozenset(now), frozenset(wanted)
    for item in after - before:
        put(item)
    for item in before - after:
        delete(item)


def _on(device: str, function: Callable[[str, T], None]) -> Callable[[T], None]:
    return lambda item: function(device, item)


def _address_verbs(netlink: Netlink) -> tuple[Callable[[tuple[str, int]], None], Callable[[tuple[str, int]], None]]:
    return (lambda a: netlink.put_address("lo", *a)), (lambda a: netlink.delete_address("lo", *a))


def _keep_vxlan(name: str, wanted: Vxlan, mtu: int) -> bool:
    """Whether the device is here and right; one that is not right is deleted."""
    with open_netlink() as netlink:
        link = netlink.link(name)
        if link is None or link.vxlan != wanted:
            netlink.delete_link(name)
            return False
        if link.mtu != mtu:
            netlink.set_link(name, mtu=mtu)
        return True
