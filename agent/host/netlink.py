"""Links, addresses, routes and neighbours of the calling thread's network namespace.

The one user of pyroute2's sockets. Every `put_*` may be repeated, and every `delete_*` succeeds when there is nothing.
Blocking: for threads.
"""

import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pyroute2 import IPRoute, NetlinkError
from pyroute2.netlink.nfnetlink.nfctsocket import NFCTAttrTuple, NFCTSocket

__all__ = [
    "DEFAULT_ROUTE",
    "Connection",
    "FdbEntry",
    "Link",
    "Neighbour",
    "Netlink",
    "NetlinkError",
    "Route",
    "Vxlan",
    "forget_connections",
    "open_netlink",
]

MAIN_TABLE = 254
IFF_UP = 1
NTF_PROXY = 0x08
NTF_SELF = 0x02
NUD_PERMANENT = 0x80
DEFAULT_ROUTE = "0.0.0.0/0"
RTN_UNICAST = 1
RTN_UNREACHABLE = 7
IFA_F_NOPREFIXROUTE = 0x200
VXLAN_PORT = 4789
_ABSENT = (errno.ENOENT, errno.ESRCH, errno.ENODEV, errno.EADDRNOTAVAIL)


@dataclass(frozen=True, slots=True)
class Vxlan:
    vni: int
    local: str


@dataclass(frozen=True, slots=True)
class Link:
    """A network device. `group` is a free number; `vxlan` is None where it is of another kind."""

    index: int
    name: str
    alias: str
    mac_address: str
    mtu: int
    group: int
    is_up: bool
    vxlan: Vxlan | None


@dataclass(frozen=True, slots=True)
class Route:
    """To `destination` (a network) by `device`, through the neighbour `via` if given; without a device: unreachable."""

    destination: str
    device: str = ""
    via: str = ""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Permanent: the kernel never asks for it."""

    address: str
    mac_address: str


@dataclass(frozen=True, slots=True)
class FdbEntry:
    """Behind which host's VXLAN a MAC address is."""

    mac_address: str
    remote: str


@dataclass(frozen=True, slots=True)
class Connection:
    """A tracked connection: addresses as its first packet had them, and as the answer has them (after NAT)."""

    source: str
    destination: str
    reply_source: str
    reply_destination: str


class Netlink:
    """One socket. Made by `open_netlink`, used by one thread."""

    def __init__(self, ipr: IPRoute) -> None:
        self._ipr = ipr
        self._indexes: dict[str, int] = {}

    def link(self, name: str) -> Link | None:
        try:
            return _link(self._ipr.link("get", ifname=name)[0])
        except NetlinkError as error:
            if error.code == errno.ENODEV:
                return None
            raise

    def links(self, prefix: str) -> list[Link]:
        return [link for link in map(_link, self._ipr.get_links()) if link.name.startswith(prefix)]

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
            vxlan_learning=0,
        )

    def add_veth(self, name: str, mac_address: str, mtu: int, peer: dict[str, Any]) -> None:
        """A pair; `peer` has the other end's `ifname`, `address` and `net_ns_fd`."""
        self._ipr.link("add", ifname=name, kind="veth", address=mac_address, mtu=mtu, peer={**peer, "mtu": mtu})

    def set_link(self, name: str, **changes: Any) -> None:
        """`changes` as in ip-link(8): state, mtu, address, group, ifalias, net_ns_fd."""
        self._ipr.link("set", index=self._index(name), **changes)

    def delete_link(self, name: str) -> None:
        if (link := self.link(name)) is not None:
            with _absent_is_fine():
                self._ipr.link("del", index=link.index)
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

    def routes(self, device: str = "") -> frozenset[Route]:
        """Routes of the main table by a device, or the unreachable ones."""
        wanted = {"oif": self._index(device)} if device else {"type": RTN_UNREACHABLE}
        messages = self._ipr.get_routes(family=socket.AF_INET, table=MAIN_TABLE, **wanted)
        return frozenset(Route(_network(m), device, m.get("gateway") or "") for m in messages)

    def put_route(self, route: Route) -> None:
        self._ipr.route("replace", **self._route(route))

    def delete_route(self, route: Route) -> None:
        """Deletes it only as it is given: another device's route to the same destination stays."""
        with _absent_is_fine():
            self._ipr.route("del", **self._route(route))

    def put_neighbour(self, device: str, neighbour: Neighbour) -> None:
        self._ipr.neigh(
            "replace",
            ifindex=self._index(device),
            dst=neighbour.address,
            lladdr=neighbour.mac_address,
            state=NUD_PERMANENT,
        )

    def delete_neighbour(self, device: str, neighbour: Neighbour) -> None:
        with _absent_is_fine():
            self._ipr.neigh("del", ifindex=self._index(device), dst=neighbour.address)

    def neighbours(self, device: str) -> frozenset[Neighbour]:
        messages = self._ipr.get_neighbours(family=socket.AF_INET, ifindex=self._index(device))
        return frozenset(Neighbour(m.get("dst"), m.get("lladdr")) for m in messages if m["state"] == NUD_PERMANENT)

    def put_fdb(self, device: str, entry: FdbEntry) -> None:
        self._ipr.fdb("replace", **self._fdb(device, entry))

    def delete_fdb(self, device: str, entry: FdbEntry) -> None:
        with _absent_is_fine():
            self._ipr.fdb("del", **self._fdb(device, entry))

    def fdb(self, device: str) -> frozenset[FdbEntry]:
        messages = self._ipr.fdb("dump", ifindex=self._index(device))
        return frozenset(FdbEntry(m.get("lladdr"), m.get("dst")) for m in messages if m.get("dst"))

    def has_proxy_neighbour(self, device: str, address: str) -> bool:
        """Whether ARP requests for an address that is elsewhere are answered on a device.

        Asked one by one: a dump of proxy entries needs a flag that pyroute2 does not send.
        """
        try:
            return bool(self._ipr.neigh("get", ifindex=self._index(device), dst=address, flags=NTF_PROXY))
        except NetlinkError as error:
            if error.code == errno.ENOENT:
                return False
            raise

    def put_proxy_neighbour(self, device: str, address: str) -> None:
        self._ipr.neigh("replace", ifindex=self._index(device), dst=address, flags=NTF_PROXY)

    def delete_proxy_neighbour(self, address: str) -> None:
        """Stop answering for it, on whatever device."""
        for link in self.links(""):
            with _absent_is_fine():
                self._ipr.neigh("del", ifindex=link.index, dst=address, flags=NTF_PROXY)

    def _route(self, route: Route) -> dict[str, Any]:
        address, _, length = route.destination.partition("/")
        message: dict[str, Any] = {"dst": address, "dst_len": int(length), "table": MAIN_TABLE}
        if not route.device:
            return {**message, "type": RTN_UNREACHABLE}
        message |= {"type": RTN_UNICAST, "oif": self._index(route.device)}
        return {**message, "gateway": route.via, "flags": ["onlink"]} if route.via else {**message, "scope": "link"}

    def _fdb(self, device: str, entry: FdbEntry) -> dict[str, Any]:
        entry_of = {"ifindex": self._index(device), "flags": NTF_SELF, "state": NUD_PERMANENT}
        return {**entry_of, "lladdr": entry.mac_address, "dst": entry.remote}

    def _index(self, name: str) -> int:
        if name not in self._indexes:
            link = self.link(name)
            if link is None:
                raise NetlinkError(errno.ENODEV, f"there is no device {name}")
            self._indexes[name] = link.index
        return self._indexes[name]

    def _name(self, index: int) -> str:
        return str(self._ipr.get_links(index)[0].get("ifname"))


@contextmanager
def open_netlink() -> Iterator[Netlink]:
    """A socket in the namespace in which the calling thread is."""
    with IPRoute() as ipr:
        yield Netlink(ipr)


def forget_connections(is_stale: Callable[[Connection], bool]) -> None:
    """Delete tracked IPv4 connections of the calling thread's namespace, which cuts their translation at once."""
    with NFCTSocket() as nfct:
        for message in list(nfct.dump()):
            if is_stale(_connection(message)):
                original = NFCTAttrTuple.from_netlink(socket.AF_INET, message.get("CTA_TUPLE_ORIG"))
                with _absent_is_fine():
                    nfct.entry("del", tuple_orig=original)


@contextmanager
def _absent_is_fine() -> Iterator[None]:
    try:
        yield
    except NetlinkError as error:
        if error.code not in _ABSENT:
            raise


def _link(message: Any) -> Link:
    info = message.get(("linkinfo", "kind"))
    data = message.get(("linkinfo", "data"))
    return Link(
        index=message["index"],
        name=message.get("ifname"),
        alias=message.get("ifalias") or "",
        mac_address=message.get("address") or "",
        mtu=message.get("mtu"),
        group=message.get("group") or 0,
        is_up=bool(message["flags"] & IFF_UP),
        vxlan=Vxlan(data.get("vxlan_id"), data.get("vxlan_local")) if info == "vxlan" else None,
    )


def _network(route: Any) -> str:
    return f"{route.get('dst')}/{route['dst_len']}" if route["dst_len"] else DEFAULT_ROUTE


def _connection(message: Any) -> Connection:
    original, reply = (message.get((name, "CTA_TUPLE_IP")) for name in ("CTA_TUPLE_ORIG", "CTA_TUPLE_REPLY"))
    return Connection(
        source=original.get("CTA_IP_V4_SRC"),
        destination=original.get("CTA_IP_V4_DST"),
        reply_source=reply.get("CTA_IP_V4_SRC"),
        reply_destination=reply.get("CTA_IP_V4_DST"),
    )
