"""Taps: made in the host's namespace, moved into their VPC's when QEMU holds them, deleted wherever they are.

A tap's alias is its interface id. Its link group becomes PLUGGED_GROUP as the last step of plugging.
"""

from collections.abc import Iterable, Mapping

from agent.drivers.network_vxlan import names
from agent.host import conntrack, links, namespaces, sysctls
from agent.host.netlink import Link, Netlink, open_netlink
from agent.model import PortSpec, PortState

PLUGGED_GROUP = 1

# Whose a packet is, the tap's own chain has checked, and what did not pass it is not routed at all. To look for the way
# back as well would find the same, at a tenth of what a packet costs.
_SOURCES = {"rp_filter": 0, "accept_local": 1}


def list_here() -> dict[str, PortState]:
    """Taps in the calling thread's namespace, by interface id."""
    return {interface_id: _state(tap) for interface_id, tap in links_here().items()}


def look_here(interface_ids: Iterable[str]) -> dict[str, PortState]:
    """Those of these that there are."""
    return {interface_id: _state(tap) for interface_id, tap in links_of(interface_ids).items()}


def links_here() -> dict[str, Link]:
    """The same, as the kernel has them."""
    with open_netlink() as netlink:
        return {tap.alias: tap for tap in netlink.links(names.TAP_PREFIX) if tap.alias}


def links_of(interface_ids: Iterable[str]) -> dict[str, Link]:
    """Those of these, as the kernel has them."""
    taps = (links.find(names.tap_name(interface_id)) for interface_id in interface_ids)
    return {tap.alias: tap for tap in taps if tap is not None and tap.alias}


def create(port: PortSpec, mtu: int) -> None:
    """Make the tap in the calling thread's namespace, down."""
    name = names.tap_name(port.interface_id)
    with open_netlink() as netlink:
        tap = netlink.link(name)
        if tap and tap.alias != port.interface_id:
            netlink.delete_link(name)
            tap = None
        if tap is None:
            netlink.add_tap(name, names.TAP_MAC, mtu, alias=port.interface_id)


def move(port: PortSpec, namespace: str) -> None:
    """From the calling thread's namespace, if it is there. An open tap can be moved; it comes out down."""
    name = names.tap_name(port.interface_id)
    with open_netlink() as netlink, namespaces.opened(namespace) as fd:
        if netlink.link(name):
            netlink.set_link(name, net_ns_fd=fd)


def plugged(ports: Iterable[PortSpec], taps: Mapping[str, Link], also: str) -> dict[PortSpec, Link]:
    """Those that are plugged, and the one with the interface id `also`, which is about to be."""
    here = ((port, taps[port.interface_id]) for port in ports if port.interface_id in taps)
    return {port: tap for port, tap in here if tap.group == PLUGGED_GROUP or port.interface_id == also}


def bring_up(netlink: Netlink, tap: Link, mtu: int) -> list[str]:
    """Put a tap in order in the calling thread's namespace. When to call: its rules stand. Returns what was not."""
    conf = {f"ipv4/neigh/{tap.name}/proxy_delay": 0}  # Else each answer waits up to 0.8 s.
    if not tap.is_proxy_arp:
        conf[f"ipv4/conf/{tap.name}/proxy_arp"] = 1
    if tap.rp_filter or not tap.accepts_local:
        conf |= {f"ipv4/conf/{tap.name}/{key}": value for key, value in _SOURCES.items()}
    return [*sysctls.set_sysctls(conf), *netlink.bring_up(tap, names.TAP_MAC, mtu)]


def delete_here(interface_id: str) -> bool:
    """Delete the tap in the calling thread's namespace, and forget its connections: the address may get a new owner.

    Returns whether it was there.
    """
    name = names.tap_name(interface_id)
    with open_netlink() as netlink:
        if (tap := netlink.link(name)) is None:
            return False
        addresses = netlink.neighbours_of(tap)
        netlink.delete_link(name)
    conntrack.forget(addresses)
    return True


def _state(tap: Link) -> PortState:
    return PortState.PLUGGED if tap.is_up and tap.group == PLUGGED_GROUP else PortState.CREATED
