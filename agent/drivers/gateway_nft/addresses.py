"""Public addresses in the host's namespace: routed to their gateway, answered for by ARP on the external interface.

The routes by a gateway's device are the record of which addresses are here, so a route comes before its proxy entry and
goes after it.
"""

import socket
import struct
import time
from collections.abc import Collection, Iterable, Iterator
from ipaddress import IPv4Address

from agent.drivers.gateway_nft import links
from agent.host.netlink import Netlink, Route, open_netlink

ANSWER_S = 1.0  # Shorter misses a busy host, longer holds up the passes of a host that is cut off.

_ETH_P_ARP = 0x0806
_REPLY = b"\x00\x02"
_BROADCAST = b"\xff" * 6


def answer(vpc_id: str, addresses: Collection[str], external: str) -> list[str]:
    """Take over those that are not here yet. Returns what changed."""
    with open_netlink() as netlink:
        routes = {links.public_route(vpc_id, address) for address in addresses} - netlink.routes()
        netlink.put_routes(routes)
        new = set(addresses) - netlink.proxied(external)
    take(vpc_id, new, external)
    return [*map(str, routes), *(f"ARP for {address}" for address in sorted(new))]


def take(vpc_id: str, addresses: Collection[str], external: str) -> None:
    """Take them over, and tell the neighbourhood."""
    if addresses:
        with open_netlink() as netlink:
            netlink.put_routes(links.public_route(vpc_id, address) for address in addresses)
            netlink.put_proxied(external, addresses)
        announce(addresses, external)


def leave(vpc_id: str, kept: Iterable[str]) -> list[str]:
    """Give up all addresses of a gateway but `kept`. Returns what changed: nothing where it has no device."""
    device, staying = links.host_device(vpc_id), {links.public_route(vpc_id, address) for address in kept}
    with open_netlink() as netlink:
        gone = {route for route in netlink.routes() if route.device == device} - staying
        _give_up(netlink, gone)
    return list(map(str, gone))


def give_up(vpc_id: str, addresses: Iterable[str]) -> None:
    """Give up these."""
    with open_netlink() as netlink:
        _give_up(netlink, {links.public_route(vpc_id, address) for address in addresses})


def _give_up(netlink: Netlink, routes: Collection[Route]) -> None:
    if routes:
        netlink.delete_proxied({route.destination.removesuffix("/32") for route in routes})
        netlink.delete_routes(routes)


def rivals(addresses: Collection[str], external: str) -> dict[str, str]:
    """MAC addresses of others that answer for these on the external interface, by address.

    Not of a router that the host itself sends by: it may answer for whatever it routes (proxy ARP). Asked in the name
    of the interface's own address: in nobody's name, as RFC 5227 has it, Linux does not answer for an address that is
    elsewhere.
    """
    with open_netlink() as netlink:
        link, own = netlink.link(external), netlink.addresses(external)
        routers = frozenset(route.via for route in netlink.routes() if route.device == external and route.via)
    if link is None or not own:
        return {}
    asking, asked = IPv4Address(min(own)[0]).packed, routers.union(addresses)
    with _arp_socket(external) as raw:
        for address in asked:
            raw.send(_request(link.mac_address, asking, IPv4Address(address).packed))
        return besides(routers, list(_answers(raw, asked, link.mac_address)))


def besides(routers: Collection[str], answers: Collection[tuple[str, str]]) -> dict[str, str]:
    """What others than these routers answer for; `answers` are addresses with MAC addresses. Pure."""
    theirs = {mac for address, mac in answers if address in routers}
    return {address: mac for address, mac in answers if mac not in theirs}


def _answers(raw: socket.socket, addresses: Collection[str], own_mac: str) -> Iterator[tuple[str, str]]:
    """(address, MAC address) of the replies that come within ANSWER_S."""
    deadline = time.monotonic() + ANSWER_S
    while addresses and (left_s := deadline - time.monotonic()) > 0:
        raw.settimeout(left_s)
        try:
            frame = raw.recv(64)
        except TimeoutError:
            return
        mac, address = frame[22:28].hex(":"), str(IPv4Address(frame[28:32]))
        if frame[20:22] == _REPLY and address in addresses and mac != own_mac:
            yield address, mac


def announce(addresses: Collection[str], external: str) -> None:
    """Gratuitous ARP (RFC 5227, section 3): whoever had an address, neighbours now send for it here.

    One socket for all: the kernel takes some 10 ms to close one.
    """
    with open_netlink() as netlink:
        link = netlink.link(external)
    if link is None or not addresses:
        return
    with _arp_socket(external) as raw:
        for address in sorted(addresses):
            ip = IPv4Address(address).packed
            raw.send(_request(link.mac_address, ip, ip))


def _arp_socket(device: str) -> socket.socket:
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ARP))
    raw.bind((device, _ETH_P_ARP))
    return raw


def _request(mac_address: str, asking: bytes, asked: bytes) -> bytes:
    """A frame to everybody."""
    mac = bytes.fromhex(mac_address.replace(":", ""))
    request = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac + asking + bytes(6) + asked
    return _BROADCAST + mac + struct.pack("!H", _ETH_P_ARP) + request
