"""Public addresses in the host's namespace: routed to their gateway, answered for by ARP on the external interface.

The routes by a gateway's device are the record of which addresses are here, so a route comes before its proxy entry and
goes after it.
"""

import socket
import struct
from collections.abc import Collection, Iterable
from ipaddress import IPv4Address

from agent.drivers.gateway_nft import links
from agent.host.netlink import Link, open_netlink

_ETH_P_ARP = 0x0806
_BROADCAST = b"\xff" * 6


def answer(vpc_id: str, addresses: Collection[str], external: str) -> list[str]:
    """Take over addresses, and tell the neighbourhood about those that are new here. Returns what changed."""
    with open_netlink() as netlink:
        routes = {links.public_route(vpc_id, address) for address in addresses} - netlink.routes()
        for route in routes:
            netlink.put_route(route)
        new = sorted(set(addresses) - netlink.proxied(external))
        for address in new:
            netlink.put_proxy_neighbour(external, address)
        link = netlink.link(external)
    if new and link is not None:
        _announce(link, new)
    return [*map(str, routes), *(f"ARP for {address}" for address in new)]


def leave(vpc_id: str, kept: Iterable[str]) -> list[str]:
    """Give up all addresses of a gateway but `kept`. Returns what changed: nothing where it has no device."""
    device, staying = links.host_device(vpc_id), {links.public_route(vpc_id, address) for address in kept}
    with open_netlink() as netlink:
        gone = {route for route in netlink.routes() if route.device == device} - staying
        for route in gone:
            netlink.delete_proxy_neighbour(route.destination.removesuffix("/32"))
            netlink.delete_route(route)
    return list(map(str, gone))


def _announce(link: Link, addresses: Iterable[str]) -> None:
    """Gratuitous ARP (RFC 5227, section 3): whoever had an address, neighbours now send for it here.

    One socket for all: the kernel takes some 10 ms to close one.
    """
    mac = bytes.fromhex(link.mac_address.replace(":", ""))
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((link.name, 0))
        for address in addresses:
            ip = IPv4Address(address).packed
            request = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac + ip + bytes(6) + ip
            raw.send(_BROADCAST + mac + struct.pack("!H", _ETH_P_ARP) + request)
