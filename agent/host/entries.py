"""Routes, neighbours and forwarding entries of the calling thread's network namespace, and what its devices are.

Many are put in one go, some hundred in each call of the kernel. Every `put_*` may be repeated, and every `delete_*`
succeeds where there is nothing. Blocking: for threads.
"""

import errno
import socket
import struct
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from agent.host import links, rtnetlink
from agent.host.links import Link
from agent.host.rtnetlink import (
    NUD_PERMANENT,
    RTM_DELNEIGH,
    RTM_DELROUTE,
    RTM_NEWNEIGH,
    RTM_NEWROUTE,
    Request,
    attribute,
)

MAIN_TABLE = 254
OWN_TABLES = 1000  # From here on tables are ours.
NTF_PROXY = 0x08
NTF_SELF = 0x02
DEFAULT_ROUTE = "0.0.0.0/0"
RTN_UNICAST = 1
RTN_UNREACHABLE = 7
RTNH_F_ONLINK = 4
RTPROT_STATIC = 4
RT_SCOPE_UNIVERSE, RT_SCOPE_LINK, RT_SCOPE_NOWHERE = 0, 253, 255  # The last one is any scope.

# Attributes, from linux/neighbour.h and linux/rtnetlink.h.
NDA_DST, NDA_LLADDR = 1, 2
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_TABLE = 1, 4, 5, 6, 15
IFA_ADDRESS, IFA_LOCAL = 1, 2

ABSENT = (errno.ENOENT, errno.ESRCH, errno.ENODEV, errno.EADDRNOTAVAIL)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Route:
    """To `destination` (a network) by `device`, through the neighbour `via` if given; without a device: unreachable.

    Of two to one destination that with the lower metric counts. They stand beside one another, and with the same metric
    the later one takes the other's place.
    """

    destination: str
    device: str = ""
    via: str = ""
    table: int = MAIN_TABLE
    metric: int = 0

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


E = TypeVar("E", Route, Neighbour, FdbEntry)


class Entries:
    """For one thread."""

    def __init__(self) -> None:
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

    def addresses(self, device: str) -> frozenset[tuple[str, int]]:
        """(address, prefix length) of a device, IPv4."""
        index = self._index(device)
        return frozenset(_address(message) for message in rtnetlink.addresses() if message.fields[4] == index)

    def own_addresses(self) -> frozenset[str]:
        """Of all devices, IPv4."""
        return frozenset(_address(message)[0] for message in rtnetlink.addresses())

    def device_of_address(self, address: str) -> str | None:
        """The device that carries an IPv4 address of this host."""
        indexes = (message.fields[4] for message in rtnetlink.addresses() if _address(message)[0] == address)
        return self._name(next(indexes, None))

    def device_of_default_route(self) -> str | None:
        routes = (
            message for message in rtnetlink.routes() if (message.fields[1], message.fields[4]) == (0, MAIN_TABLE)
        )
        indexes = (rtnetlink.number(route.attributes[RTA_OIF]) for route in routes if RTA_OIF in route.attributes)
        return self._name(next(indexes, None))

    def routes(self) -> frozenset[Route]:
        """Those of the main table and of ours that are a `Route`."""
        self._know_names()
        return frozenset(filter(None, map(self._read_route, rtnetlink.routes())))

    def put_routes(self, routes: Iterable[Route]) -> None:
        rtnetlink.carry_out(Request(RTM_NEWROUTE, self._route(route, RTPROT_STATIC, _scope(route))) for route in routes)

    def delete_routes(self, routes: Iterable[Route]) -> None:
        """Only as they are given: another device's route to the same destination stays."""
        each = (Request(RTM_DELROUTE, self._route(route, 0, RT_SCOPE_NOWHERE)) for route in self._present(routes))
        rtnetlink.carry_out(each, ignoring=ABSENT)

    def neighbours(self) -> frozenset[Neighbour]:
        """The permanent ones."""
        self._know_names()
        found = ((message.fields, message.attributes) for message in rtnetlink.neighbours())
        return frozenset(
            Neighbour(self._names[f[3]], rtnetlink.ipv4(a.get(NDA_DST)), rtnetlink.mac(a.get(NDA_LLADDR)))
            for f, a in found
            if f[4] == NUD_PERMANENT and f[3] in self._names
        )

    def neighbours_of(self, link: Link) -> list[str]:
        """Addresses of the permanent ones behind a device."""
        found = ((message.fields, message.attributes) for message in rtnetlink.neighbours())
        return [rtnetlink.ipv4(a.get(NDA_DST)) for f, a in found if f[3] == link.index and f[4] == NUD_PERMANENT]

    def put_neighbours(self, entries: Iterable[Neighbour]) -> None:
        rtnetlink.carry_out(Request(RTM_NEWNEIGH, self._neighbour(entry)) for entry in entries)

    def delete_neighbours(self, entries: Iterable[Neighbour]) -> None:
        each = (Request(RTM_DELNEIGH, self._neighbour(entry)) for entry in self._present(entries))
        rtnetlink.carry_out(each, ignoring=ABSENT)

    def sync_neighbours(self, now: frozenset[Neighbour], wanted: frozenset[Neighbour]) -> list[str]:
        """As `sync` does; but the kernel deletes by device and address alone, and what was replaced must stay."""
        if now == wanted:
            return []
        kept = {(entry.device, entry.address) for entry in wanted}
        gone = frozenset(entry for entry in now if (entry.device, entry.address) not in kept)
        sync(now & wanted | gone, wanted, self.put_neighbours, self.delete_neighbours)
        return sorted({str(entry) for entry in now ^ wanted})

    def fdb(self) -> frozenset[FdbEntry]:
        """Those that name another host."""
        self._know_names()
        found = ((message.fields, message.attributes) for message in rtnetlink.neighbours(rtnetlink.AF_BRIDGE))
        return frozenset(
            FdbEntry(self._names[f[3]], rtnetlink.mac(a.get(NDA_LLADDR)), rtnetlink.ipv4(a[NDA_DST]))
            for f, a in found
            if NDA_DST in a and f[3] in self._names
        )

    def put_fdb(self, entries: Iterable[FdbEntry]) -> None:
        rtnetlink.carry_out(Request(RTM_NEWNEIGH, self._fdb(entry)) for entry in entries)

    def delete_fdb(self, entries: Iterable[FdbEntry]) -> None:
        each = (Request(RTM_DELNEIGH, self._fdb(entry)) for entry in self._present(entries))
        rtnetlink.carry_out(each, ignoring=ABSENT)

    def proxied(self, device: str) -> frozenset[str]:
        """Addresses that are elsewhere and answered for by ARP on a device."""
        found = rtnetlink.neighbours(flags=NTF_PROXY)
        index = self._index(device)
        return frozenset(rtnetlink.ipv4(m.attributes.get(NDA_DST)) for m in found if m.fields[3] == index)

    def put_proxied(self, device: str, addresses: Iterable[str]) -> None:
        index = self._index(device)
        rtnetlink.carry_out(Request(RTM_NEWNEIGH, _proxied(index, address)) for address in addresses)

    def delete_proxied(self, addresses: Collection[str]) -> None:
        """Stop answering for them, on whatever device."""
        found = [
            (m.fields[3], rtnetlink.ipv4(m.attributes.get(NDA_DST))) for m in rtnetlink.neighbours(flags=NTF_PROXY)
        ]
        each = (Request(RTM_DELNEIGH, _proxied(index, address)) for index, address in found if address in addresses)
        rtnetlink.carry_out(each, ignoring=ABSENT)

    def _read_route(self, message: rtnetlink.Message) -> Route | None:
        _, length, _, _, _, _, _, kind, _ = message.fields
        found = message.attributes
        table = rtnetlink.number(found.get(RTA_TABLE))
        if not (table == MAIN_TABLE or table >= OWN_TABLES) or kind not in (RTN_UNICAST, RTN_UNREACHABLE):
            return None
        destination = f"{rtnetlink.ipv4(found.get(RTA_DST))}/{length}" if length else DEFAULT_ROUTE
        metric = rtnetlink.number(found.get(RTA_PRIORITY))
        if kind == RTN_UNREACHABLE:
            return Route(destination, table=table, metric=metric)
        device = self._names.get(rtnetlink.number(found.get(RTA_OIF)), "")
        return Route(destination, device, rtnetlink.ipv4(found.get(RTA_GATEWAY)), table, metric)

    def _route(self, route: Route, protocol: int, scope: int) -> bytes:
        address, _, length = route.destination.partition("/")
        kind, flags = (RTN_UNICAST if route.device else RTN_UNREACHABLE), (RTNH_F_ONLINK if route.via else 0)
        table = attribute(RTA_TABLE, struct.pack("=I", route.table))  # The header has one byte for it.
        fields = rtnetlink.ROUTE.pack(socket.AF_INET, int(length), 0, 0, 0, protocol, scope, kind, flags) + table
        oif = attribute(RTA_OIF, struct.pack("=I", self._index(route.device))) if route.device else b""
        via = attribute(RTA_GATEWAY, socket.inet_aton(route.via)) if route.via else b""
        metric = attribute(RTA_PRIORITY, struct.pack("=I", route.metric)) if route.metric else b""
        return fields + attribute(RTA_DST, socket.inet_aton(address)) + oif + via + metric

    def _neighbour(self, entry: Neighbour) -> bytes:
        return _entry(socket.AF_INET, self._index(entry.device), 0, entry.address, entry.mac_address)

    def _fdb(self, entry: FdbEntry) -> bytes:
        return _entry(rtnetlink.AF_BRIDGE, self._index(entry.device), NTF_SELF, entry.remote, entry.mac_address)

    def _present(self, entries: Iterable[E]) -> Iterator[E]:
        """Those whose device is there: what was by another is gone with it."""
        return (
            entry for entry in entries if not entry.device or entry.device in self._indexes or self.link(entry.device)
        )

    def _know_names(self) -> None:
        if not self._names:
            self.links()

    def _name(self, index: int | None) -> str | None:
        self._know_names()
        return self._names.get(index) if index is not None else None

    def _index(self, name: str) -> int:
        if name not in self._indexes and self.link(name) is None:
            raise OSError(errno.ENODEV, f"there is no device {name}")
        return self._indexes[name]


def sync(
    now: frozenset[T],
    wanted: frozenset[T],
    put: Callable[[Collection[T]], None],
    delete: Callable[[Collection[T]], None],
) -> list[str]:
    """Make `now` into `wanted`; returns what differed, for people. Puts go first: a replacement leaves no gap."""
    if now == wanted:
        return []
    new, gone = wanted - now, now - wanted
    put(new)
    delete(gone)
    return [str(item) for item in new | gone]


def _address(message: rtnetlink.Message) -> tuple[str, int]:
    found = message.attributes
    return rtnetlink.ipv4(found.get(IFA_LOCAL, found.get(IFA_ADDRESS))), message.fields[1]


def _scope(route: Route) -> int:
    return RT_SCOPE_LINK if route.device and not route.via else RT_SCOPE_UNIVERSE


def _entry(family: int, index: int, flags: int, address: str, mac_address: str) -> bytes:
    fields = rtnetlink.NEIGHBOUR.pack(family, 0, 0, index, NUD_PERMANENT, flags, 0)
    mac = attribute(NDA_LLADDR, bytes.fromhex(mac_address.replace(":", "")))
    return fields + attribute(NDA_DST, socket.inet_aton(address)) + mac


def _proxied(index: int, address: str) -> bytes:
    fields = rtnetlink.NEIGHBOUR.pack(socket.AF_INET, 0, 0, index, 0, NTF_PROXY, 0)
    return fields + attribute(NDA_DST, socket.inet_aton(address))
