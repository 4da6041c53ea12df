"""Links, addresses, routes and neighbours of the calling thread's network namespace.

Changed by way of pyroute2, read by `agent.host.rtnetlink`. Every `put_*` may be repeated, and every `delete_*` succeeds
when there is nothing. Blocking: for threads.
"""

import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from pyroute2 import IPRoute, NetlinkError

from agent.host import links, rtnetlink
from agent.host.links import Link, Vxlan
from agent.host.rtnetlink import NUD_PERMANENT
from agent.host.sysctls import set_sysctls

__all__ = [
    "DEFAULT_ROUTE",
    "FdbEntry",
    "Link",
    "Neighbour",
    "Netlink",
    "NetlinkError",
    "Route",
    "Vxlan",
    "open_netlink",
    "sync",
]

MAIN_TABLE = 254
NTF_PROXY = 0x08
NTF_SELF = 0x02
DEFAULT_ROUTE = "0.0.0.0/0"
RTN_UNICAST = 1
RTN_UNREACHABLE = 7
IFA_F_NOPREFIXROUTE = 0x200
VXLAN_PORT = 4789

# Attributes, from linux/neighbour.h and linux/rtnetlink.h.
NDA_DST, NDA_LLADDR = 1, 2
RTA_DST, RTA_OIF, RTA_GATEWAY = 1, 4, 5

_ABSENT = (errno.ENOENT, errno.ESRCH, errno.ENODEV, errno.EADDRNOTAVAIL)


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Route:
    """To `destination` (a network) by `device`, through the neighbour `via` if given; without a device: unreachable."""

    destination: str
    device: str = ""
    via: str = ""

    def __str__(self) -> str:
        return f"route to {self.destination}"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Permanent: the kernel never asks for it."""

    device: str
    address: str
    mac_address: str

    def __str__(self) -> str:
        return f"neighbour {self.address}"


@dataclass(frozen=True, slots=True)
class FdbEntry:
    """Behind which host's VXLAN a MAC address is."""

    device: str
    mac_address: str
    remote: str

    def __str__(self) -> str:
        return f"forwarding entry {self.mac_address}"


class Netlink:
    """One socket. Made by `open_netlink`, used by one thread."""

    def __init__(self, ipr: IPRoute) -> None:
        self._ipr = ipr
        self._indexes: dict[str, int] = {}
        self._names: dict[int, str] = {}

    def links(self, prefix: str = "") -> list[Link]:
        found = list(links.read())
        self._indexes = {link.name: link.index for link in found}
        self._names = {link.index: link.name for link in found}
        return [link for link in found if link.name.startswith(prefix)]

    def link(self, name: str) -> Link | None:
        found = links.find(name)
        if found is not None:
            self._indexes[name] = found.index
        return found

    def device_of_address(self, address: str) -> str | None:
        """The device that carries an IPv4 address of this host."""
        for message in self._ipr.get_addr(family=socket.AF_INET):
            if message.get("local", message.get("address")) == address:
                return self._name(message["index"])
        return None

    def device_of_default_route(self) -> str | None:
        for message in self._ipr.get_default_routes(family=socket.AF_INET, table=MAIN_TABLE):
            if (index := message.get("oif")) is not None:
                return self._name(index)
        return None

    def add_tap(self, name: str, mac_address: str, mtu: int, alias: str) -> None:
        """A persistent tap, down. It gets its alias last: one without is half made."""
        self._ipr.link("add", ifname=name, kind="tuntap", mode="tap")
        self.set_link(name, address=mac_address, mtu=mtu, ifalias=alias)

    def add_vxlan(self, name: str, vxlan: Vxlan, uplink: str, mac_address: str, mtu: int) -> None:
        self._ipr.link(
            "add",
            ifname=name,
            kind="vxlan",
            address=mac_address,
            mtu=mtu,
            vxlan_id=vxlan.vni,
            vxlan_local=vxlan.local,
            vxlan_link=self._index(uplink),
            vxlan_port=VXLAN_PORT,
            vxlan_learning=int(vxlan.is_learning),
        )

    def add_veth(self, name: str, mac_address: str, mtu: int, peer: dict[str, Any]) -> None:
        """A pair; `peer` has the other end's `ifname`, `address` and `net_ns_fd`."""
        self._ipr.link("add", ifname=name, kind="veth", address=mac_address, mtu=mtu, peer={**peer, "mtu": mtu})

    def add_wireguard(self, name: str) -> None:
        """Raises NetlinkError with EOPNOTSUPP where the kernel has no WireGuard."""
        self._ipr.link("add", ifname=name, kind="wireguard")

    def bring_up(self, link: Link, mac_address: str, mtu: int) -> list[str]:
        """Up and forwarding, with its MAC and MTU, without redirects. Returns what was not so."""
        conf = {f"ipv4/conf/{link.name}/forwarding": 1, f"ipv4/conf/{link.name}/send_redirects": 0}
        changed = set_sysctls(conf) if link.sends_redirects or not link.is_forwarding else []
        if (link.is_up, link.mac_address, link.mtu) != (True, mac_address, mtu):
            self.set_link(link.name, address=mac_address, mtu=mtu, state="up")
            changed.append(f"device {link.name}")
        return changed

    def set_link(self, name: str, **changes: Any) -> None:
        """`changes` as in ip-link(8): state, mtu, address, group, ifalias, net_ns_fd."""
        self._ipr.link("set", index=self._index(name), **changes)

    def delete_link(self, name: str) -> None:
        with _absent_is_fine():
            self._ipr.link("del", ifname=name)
        self._indexes.pop(name, None)

    def put_address(self, device: str, address: str, prefix_length: int = 32) -> None:
        """Without a route to the network around it."""
        index = self._index(device)
        self._ipr.addr("replace", index=index, address=address, prefixlen=prefix_length, ifa_flags=IFA_F_NOPREFIXROUTE)

    def delete_address(self, device: str, address: str, prefix_length: int) -> None:
        with _absent_is_fine():
            self._ipr.addr("delete", index=self._index(device), address=address, prefixlen=prefix_length)

    def addresses(self, device: str) -> frozenset[tuple[str, int]]:
        """(address, prefix length) of a device, IPv4."""
        messages = self._ipr.get_addr(family=socket.AF_INET, index=self._index(device))
        return frozenset((m.get("local", m.get("address")), m["prefixlen"]) for m in messages)

    def routes(self) -> frozenset[Route]:
        """Those of the main table that are a `Route`."""
        self._know_names()
        return frozenset(filter(None, map(self._read_route, rtnetlink.routes())))

    def put_route(self, route: Route) -> None:
        self._ipr.route("replace", **self._route(route))

    def delete_route(self, route: Route) -> None:
        """Deletes it only as it is given: another device's route to the same destination stays."""
        with _absent_is_fine():
            self._ipr.route("del", **self._route(route))

    def put_neighbour(self, entry: Neighbour) -> None:
        index = self._index(entry.device)
        state = {"lladdr": entry.mac_address, "state": NUD_PERMANENT}
        self._ipr.neigh("replace", ifindex=index, dst=entry.address, **state)

    def delete_neighbour(self, entry: Neighbour) -> None:
        with _absent_is_fine():
            self._ipr.neigh("del", ifindex=self._index(entry.device), dst=entry.address)

    def sync_neighbours(self, now: frozenset[Neighbour], wanted: frozenset[Neighbour]) -> list[str]:
        """As `sync` does; but the kernel deletes by device and address alone, and what was replaced must stay."""
        kept = {(entry.device, entry.address) for entry in wanted}
        gone = frozenset(entry for entry in now if (entry.device, entry.address) not in kept)
        sync(now & wanted | gone, wanted, self.put_neighbour, self.delete_neighbour)
        return sorted({str(entry) for entry in now ^ wanted})

    def neighbours(self) -> frozenset[Neighbour]:
        """The permanent ones."""
        self._know_names()
        found = ((message, message.attributes) for message in rtnetlink.neighbours())
        return frozenset(
            Neighbour(self._names[m.fields[3]], rtnetlink.ipv4(a.get(NDA_DST)), rtnetlink.mac(a.get(NDA_LLADDR)))
            for m, a in found
            if m.fields[4] == NUD_PERMANENT and m.fields[3] in self._names
        )

    def put_fdb(self, entry: FdbEntry) -> None:
        self._ipr.fdb("replace", **self._fdb(entry))

    def delete_fdb(self, entry: FdbEntry) -> None:
        with _absent_is_fine():
            self._ipr.fdb("del", **self._fdb(entry))

    def fdb(self) -> frozenset[FdbEntry]:
        """Those that name another host."""
        self._know_names()
        found = ((message, message.attributes) for message in rtnetlink.neighbours(rtnetlink.AF_BRIDGE))
        return frozenset(
            FdbEntry(self._names[m.fields[3]], rtnetlink.mac(a.get(NDA_LLADDR)), rtnetlink.ipv4(a[NDA_DST]))
            for m, a in found
            if NDA_DST in a and m.fields[3] in self._names
        )

    def proxied(self, device: str) -> frozenset[str]:
        """Addresses that are elsewhere and answered for by ARP on a device."""
        found = rtnetlink.neighbours(flags=NTF_PROXY)
        index = self._index(device)
        return frozenset(rtnetlink.ipv4(m.attributes.get(NDA_DST)) for m in found if m.fields[3] == index)

    def put_proxy_neighbour(self, device: str, address: str) -> None:
        self._ipr.neigh("replace", ifindex=self._index(device), dst=address, flags=NTF_PROXY)

    def delete_proxy_neighbour(self, address: str) -> None:
        """Stop answering for it, on whatever device."""
        for message in list(rtnetlink.neighbours(flags=NTF_PROXY)):
            if rtnetlink.ipv4(message.attributes.get(NDA_DST)) == address:
                with _absent_is_fine():
                    self._ipr.neigh("del", ifindex=message.fields[3], dst=address, flags=NTF_PROXY)

    def _route(self, route: Route) -> dict[str, Any]:
        address, _, length = route.destination.partition("/")
        message: dict[str, Any] = {"dst": address, "dst_len": int(length), "table": MAIN_TABLE}
        if not route.device:
            return {**message, "type": RTN_UNREACHABLE}
        message |= {"type": RTN_UNICAST, "oif": self._index(route.device)}
        return {**message, "gateway": route.via, "flags": ["onlink"]} if route.via else {**message, "scope": "link"}

    def _fdb(self, entry: FdbEntry) -> dict[str, Any]:
        entry_of = {"ifindex": self._index(entry.device), "flags": NTF_SELF, "state": NUD_PERMANENT}
        return {**entry_of, "lladdr": entry.mac_address, "dst": entry.remote}

    def _read_route(self, message: rtnetlink.Message) -> Route | None:
        _, length, _, _, table, _, _, kind, _ = message.fields
        found = message.attributes
        if table != MAIN_TABLE or kind not in (RTN_UNICAST, RTN_UNREACHABLE):
            return None
        destination = f"{rtnetlink.ipv4(found.get(RTA_DST))}/{length}" if length else DEFAULT_ROUTE
        if kind == RTN_UNREACHABLE:
            return Route(destination)
        device = self._names.get(rtnetlink.number(found.get(RTA_OIF)), "")
        return Route(destination, device, rtnetlink.ipv4(found.get(RTA_GATEWAY)))

    def _know_names(self) -> None:
        if not self._names:
            self.links()

    def _index(self, name: str) -> int:
        if name not in self._indexes:
            self.links()
        if name not in self._indexes:
            raise NetlinkError(errno.ENODEV, f"there is no device {name}")
        return self._indexes[name]

    def _name(self, index: int) -> str:
        return str(self._ipr.get_links(index)[0].get("ifname"))


def sync(now: frozenset[T], wanted: frozenset[T], put: Callable[[T], None], delete: Callable[[T], None]) -> list[str]:
    """Make `now` into `wanted`; returns what differed, for people. Puts go first: a replacement leaves no gap."""
    for item in wanted - now:
        put(item)
    for item in now - wanted:
        delete(item)
    return [str(item) for item in now ^ wanted]


@contextmanager
def open_netlink() -> Iterator[Netlink]:
    """A socket in the namespace in which the calling thread is."""
    with IPRoute() as ipr:
        yield Netlink(ipr)


@contextmanager
def _absent_is_fine() -> Iterator[None]:
    try:
        yield
    except NetlinkError as error:
        if error.code not in _ABSENT:
            raise
