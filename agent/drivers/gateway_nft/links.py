"""Joins a gateway's namespace to the VPC's and to the host's, with one veth each.

Next hops are link-local addresses that no device has: their neighbour entries are permanent, so nobody asks for them.
All gateways use the same ones, each on devices of its own.
"""

from agent.drivers.gateway_nft.ruleset import DEVICE_PREFIX, HOST_SIDE, VPC_SIDE
from agent.host import namespaces
from agent.host.netlink import DEFAULT_ROUTE, Neighbour, Netlink, Route, open_netlink

VPC_DEVICE = "gateway"  # Our end in the VPC's namespace; its rules know the name.

# Seen from the gateway's namespace. The upper half of 169.254.0.0/16 is free of the VPCs' transit addresses.
_TO_VPC = Neighbour("169.254.128.1", "02:73:74:80:00:01")
_FROM_VPC = Neighbour("169.254.128.2", "02:73:74:80:00:02")
_TO_HOST = Neighbour("169.254.128.3", "02:73:74:80:00:03")
_FROM_HOST = Neighbour("169.254.128.4", "02:73:74:80:00:04")


def host_device(vpc_id: str) -> str:
    """Our end in the host's namespace."""
    return DEVICE_PREFIX + vpc_id.rpartition("-")[2][-12:]


def ensure(vpc_id: str, mtu: int) -> None:
    """Make the namespace and both pairs, up, with default routes towards the outside."""
    gateway, vpc = namespaces.gateway_namespace(vpc_id), namespaces.vpc_namespace(vpc_id)
    namespaces.ensure(gateway)
    namespaces.call(gateway, _prepare)
    namespaces.call(vpc, _ensure_pair, VPC_DEVICE, VPC_SIDE, (_TO_VPC, _FROM_VPC), gateway, mtu)
    _ensure_pair(host_device(vpc_id), HOST_SIDE, (_TO_HOST, _FROM_HOST), gateway, mtu)
    namespaces.set_sysctl(f"ipv4/conf/{host_device(vpc_id)}/forwarding", 1)
    namespaces.set_sysctl(f"ipv6/conf/{host_device(vpc_id)}/disable_ipv6", 1)
    namespaces.call(gateway, _bring_up)
    namespaces.call(vpc, _put_default_route)


def remove(vpc_id: str) -> None:
    """Delete the pairs now, as namespaces end in their own time, and the namespace."""
    _delete_link(host_device(vpc_id))
    if namespaces.exists(namespaces.vpc_namespace(vpc_id)):
        namespaces.call(namespaces.vpc_namespace(vpc_id), _delete_link, VPC_DEVICE)
    namespaces.remove(namespaces.gateway_namespace(vpc_id))


def private_route(address: str) -> Route:
    """In the gateway's namespace: to an instance."""
    return Route(f"{address}/32", VPC_SIDE, _TO_VPC.address)


def public_route(vpc_id: str, address: str) -> Route:
    """In the host's namespace: to the gateway."""
    return Route(f"{address}/32", host_device(vpc_id), _FROM_HOST.address)


def _prepare() -> None:
    for key, value in {"ip_forward": 1, "conf/all/send_redirects": 0, "conf/default/send_redirects": 0}.items():
        namespaces.set_sysctl(f"ipv4/{key}", value)
    for scope in ("all", "default"):
        namespaces.set_sysctl(f"ipv6/conf/{scope}/disable_ipv6", 1)
        # Both sides have routes for addresses that come from either, so the reverse path says nothing.
        namespaces.set_sysctl(f"ipv4/conf/{scope}/rp_filter", 0)


def _ensure_pair(outer: str, inner: str, ends: tuple[Neighbour, Neighbour], gateway: str, mtu: int) -> None:
    """In the calling thread's namespace: `outer` here, its peer `inner` in the gateway's namespace."""
    there, here = ends[1], ends[0]
    with open_netlink() as netlink, namespaces.opened(gateway) as fd:
        link = netlink.link(outer)
        if link is not None and not namespaces.call(gateway, _has_link, inner):
            netlink.delete_link(outer)  # Its peer went with an older namespace.
            link = None
        if link is None:
            peer = {"ifname": inner, "address": there.mac_address, "net_ns_fd": fd}
            netlink.add_veth(outer, here.mac_address, mtu, peer)
        if link is None or not link.is_up:
            netlink.set_link(outer, state="up")
        _put_neighbour(netlink, outer, there)


def _bring_up() -> None:
    with open_netlink() as netlink:
        netlink.set_link("lo", state="up")  # With no local address at all, the kernel refuses every next hop.
        for device, neighbour in ((VPC_SIDE, _TO_VPC), (HOST_SIDE, _TO_HOST)):
            netlink.set_link(device, state="up")
            _put_neighbour(netlink, device, neighbour)
        _put_route(netlink, Route(DEFAULT_ROUTE, HOST_SIDE, _TO_HOST.address))


def _put_default_route() -> None:
    with open_netlink() as netlink:
        _put_route(netlink, Route(DEFAULT_ROUTE, VPC_DEVICE, _FROM_VPC.address))


def _put_neighbour(netlink: Netlink, device: str, neighbour: Neighbour) -> None:
    if neighbour not in netlink.neighbours(device):
        netlink.put_neighbour(device, neighbour)


def _put_route(netlink: Netlink, route: Route) -> None:
    if route not in netlink.routes(route.device):
        netlink.put_route(route)


def _has_link(name: str) -> bool:
    with open_netlink() as netlink:
        return netlink.link(name) is not None


def _delete_link(name: str) -> None:
    with open_netlink() as netlink:
        netlink.delete_link(name)
