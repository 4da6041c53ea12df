"""Public addresses in the host's namespace: routed to their gateway, answered for by ARP on the external interface.

The routes by a gateway's device are the record of which addresses are here, so a route comes before its proxy entry and
goes after it.
"""

import socket
import struct
from collections.abc import Iterable
from ipaddress import IPv4Address

from agent.drivers.gateway_nft import links
from agent.host.netlink import Netlink, open_netlink

_ETH_P_ARP = 0x0806
_BROADCAST = b"\xff" * 6


def answer(vpc_id: str, addresses: Iterable[str], external: str) -> None:
    """Take over addresses, and tell the neighbourhood about each that is new here."""
    with open_netlink() as netlink:
        routes, answered = netlink.routes(links.host_device(vpc_id)), netlink.proxy_neighbours(external)
        for address in addresses:
            route = links.public_route(vpc_id, address)
            if route not in routes:
                netlink.put_route(route)
            if address not in answered:
                netlink.put_proxy_neighbour(external, address)
                _announce(netlink, external, address)


def leave(vpc_id: str, kept: Iterable[str], external: str) -> None:
    """Give up all addresses of a gateway but `kept`. Success where the gateway has no device."""
    device, staying = links.host_device(vpc_id), {links.public_route(vpc_id, address) for address in kept}
    with open_netlink() as netlink:
        if netlink.link(device) is None:
            return
        for route in netlink.routes(device) - staying:
            netlink.delete_proxy_neighbour(external, route.destination.removesuffix("/32"))
            netlink.delete_route(route)


def _announce(netlink: Netlink, external: str, address: str) -> None:
    """Gratuitous ARP (RFC 5227, section 3): whoever had the address, neighbours now send it here."""
    link = netlink.link(external)
    if link is None:
        return
    mac, ip = bytes.fromhex(link.mac_address.replace(":", "")), IPv4Address(address).packed
    request = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac + ip + bytes(6) + ip
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((external, 0))
        raw.send(_BROADCAST + mac + struct.pack("!H", _ETH_P_ARP) + request)
