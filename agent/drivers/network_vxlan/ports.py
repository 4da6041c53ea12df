"""Taps: made in the host's namespace, moved into their VPC's when QEMU holds them, deleted wherever they are.

A tap's alias is its interface id. Its link group becomes PLUGGED_GROUP as the last step of plugging.
"""

from agent.drivers.network_vxlan import names
from agent.host import namespaces
from agent.host.netlink import Link, Neighbour, Route, forget_connections, open_netlink
from agent.model import PortSpec, PortState

PLUGGED_GROUP = 1


def list_here() -> dict[str, PortState]:
    """Taps in the calling thread's namespace, by interface id."""
    with open_netlink() as netlink:
        taps = [link for link in netlink.links(names.TAP_PREFIX) if link.alias]
    return {tap.alias: _state(tap) for tap in taps}


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


def bring_up(port: PortSpec) -> bool:
    """Plug the tap in the calling thread's namespace. Returns False when it is not there.

    When to call: the port's rules stand. Its neighbour entry is permanent, so no ARP from the guest can change it.
    """
    name = names.tap_name(port.interface_id)
    with open_netlink() as netlink:
        tap = netlink.link(name)
        if tap is None:
            return False
        if _state(tap) is not PortState.PLUGGED:
            namespaces.set_sysctl(f"ipv4/conf/{name}/proxy_arp", 1)
            namespaces.set_sysctl(f"ipv4/neigh/{name}/proxy_delay", 0)  # Else each answer waits up to 0.8 s.
            netlink.set_link(name, state="up")
            netlink.put_neighbour(name, Neighbour(port.private_ip, port.mac_address))
            netlink.put_route(Route(f"{port.private_ip}/32", name))
            netlink.set_link(name, group=PLUGGED_GROUP)
        return True


def delete_here(interface_id: str) -> bool:
    """Delete the tap in the calling thread's namespace, and forget its connections: the address may get a new owner.

    Returns whether it was there.
    """
    name = names.tap_name(interface_id)
    with open_netlink() as netlink:
        if netlink.link(name) is None:
            return False
        addresses = {route.destination.partition("/")[0] for route in netlink.routes(name)}
        netlink.delete_link(name)
    if addresses:
        forget_connections(lambda c: not addresses.isdisjoint((c.source, c.destination, c.reply_source)))
    return True


def _state(tap: Link) -> PortState:
    return PortState.PLUGGED if tap.is_up and tap.group == PLUGGED_GROUP else PortState.CREATED
