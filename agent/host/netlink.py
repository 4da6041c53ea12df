"""Devices of the calling thread's network namespace, and what there is in it besides (`agent.host.entries`).

Changed by way of pyroute2, read by `agent.host.rtnetlink`. Every `put_*` may be repeated, and every `delete_*` succeeds
when there is nothing. Blocking: for threads.
"""

import fcntl
import struct
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import Any

from pyroute2 import IPRoute, NetlinkError

from agent.host import links, rtnetlink
from agent.host.entries import ABSENT, DEFAULT_ROUTE, Entries, FdbEntry, Neighbour, Route, sync
from agent.host.links import Link, Vxlan
from agent.host.rtnetlink import RTM_DELLINK, RTM_SETLINK, Request
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

IFA_F_NOPREFIXROUTE = 0x200
_TUN, _TUNSETIFF, _TUNSETPERSIST, _IFF_TAP = "/dev/net/tun", 0x400454CA, 0x400454CB, 0x0002  # linux/if_tun.h
VXLAN_PORT = 4789


class Netlink(Entries):
    """Made by `open_netlink`, used by one thread. A socket of pyroute2's costs 2 ms: it is opened when it is needed."""

    def __init__(self, stack: ExitStack) -> None:
        super().__init__()
        self._stack = stack

    @cached_property
    def _ipr(self) -> IPRoute:
        return self._stack.enter_context(IPRoute())

    def add_tap(self, name: str, mac_address: str, mtu: int, alias: str) -> None:
        """A persistent tap, down. It gets its alias last: one without is half made."""
        with open(_TUN, "r+b", buffering=0) as tun:
            fcntl.ioctl(tun, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TAP))
            fcntl.ioctl(tun, _TUNSETPERSIST, 1)
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
        rtnetlink.carry_out([Request(RTM_SETLINK, links.change(self._index(name), **changes))])

    def delete_link(self, name: str) -> None:
        body = links.change(0) + rtnetlink.attribute(links.IFLA_IFNAME, name.encode() + b"\0")
        rtnetlink.carry_out([Request(RTM_DELLINK, body)], ignoring=ABSENT)
        self._indexes.pop(name, None)

    def put_addresses(self, device: str, addresses: Iterable[tuple[str, int]]) -> None:
        """(address, prefix length) each, without a route to the network around it."""
        for address, length in addresses:
            options = {"prefixlen": length, "ifa_flags": IFA_F_NOPREFIXROUTE}
            self._ipr.addr("replace", index=self._index(device), address=address, **options)

    def delete_addresses(self, device: str, addresses: Iterable[tuple[str, int]]) -> None:
        for address, length in addresses:
            with _absent_is_fine():
                self._ipr.addr("delete", index=self._index(device), address=address, prefixlen=length)


@contextmanager
def open_netlink() -> Iterator[Netlink]:
    """For the namespace in which the calling thread is."""
    with ExitStack() as stack:
        yield Netlink(stack)


@contextmanager
def _absent_is_fine() -> Iterator[None]:
    try:
        yield
    except NetlinkError as error:
        if error.code not in ABSENT:
            raise
