"""Network devices as the kernel has them, in the calling thread's network namespace."""

import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from agent.host import rtnetlink

IFF_UP = 1

# Attributes, from linux/if_link.h, and places of sysctls, from linux/ip.h.
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINKINFO, IFLA_IFALIAS, IFLA_AF_SPEC, IFLA_GROUP = 1, 3, 4, 18, 20, 26, 27
IFLA_INFO_KIND, IFLA_INFO_DATA = 1, 2
IFLA_VXLAN_ID, IFLA_VXLAN_LOCAL, IFLA_VXLAN_LEARNING = 1, 4, 7
IFLA_INET_CONF = 1
IFLA_NET_NS_FD, IFLA_CARRIER = 28, 33
DEVCONF_FORWARDING, DEVCONF_PROXY_ARP, DEVCONF_SEND_REDIRECTS = 0, 2, 5
DEVCONF_RP_FILTER, DEVCONF_ACCEPT_LOCAL = 7, 22


@dataclass(frozen=True, slots=True)
class Vxlan:
    vni: int
    local: str
    is_learning: bool = False


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
    is_forwarding: bool  # These five are its own sysctls under net.ipv4.conf.
    is_proxy_arp: bool
    sends_redirects: bool
    rp_filter: int
    accepts_local: bool


def read() -> Iterator[Link]:
    """All of them."""
    return map(of, rtnetlink.links())


def find(name: str) -> Link | None:
    """The one of that name."""
    message = rtnetlink.link(name)
    return of(message) if message is not None else None


def has_carrier(name: str) -> bool:
    """Whether there is one of that name that has a carrier: of a tap, whether somebody has it open."""
    message = rtnetlink.link(name)
    return message is not None and rtnetlink.number(message.attributes.get(IFLA_CARRIER)) == 1


def of(message: rtnetlink.Message) -> Link:
    """What a message, also of a change, says."""
    found, index, flags = message.attributes, message.fields[3], message.fields[4]
    conf = _ipv4_conf(found.get(IFLA_AF_SPEC, b""))
    return Link(
        index=index,
        name=rtnetlink.text(found.get(IFLA_IFNAME)),
        alias=rtnetlink.text(found.get(IFLA_IFALIAS)),
        mac_address=rtnetlink.mac(found.get(IFLA_ADDRESS)),
        mtu=rtnetlink.number(found.get(IFLA_MTU)),
        group=rtnetlink.number(found.get(IFLA_GROUP)),
        is_up=bool(flags & IFF_UP),
        vxlan=_vxlan(rtnetlink.attributes(found.get(IFLA_LINKINFO, b""))),
        is_forwarding=bool(conf[DEVCONF_FORWARDING]),
        is_proxy_arp=bool(conf[DEVCONF_PROXY_ARP]),
        sends_redirects=bool(conf[DEVCONF_SEND_REDIRECTS]),
        rp_filter=conf[DEVCONF_RP_FILTER],
        accepts_local=bool(conf[DEVCONF_ACCEPT_LOCAL]),
    )


def change(index: int, *, state: str = "", **values: int | str) -> bytes:
    """The body of a request for a link to be otherwise, with the names of ip-link(8)."""
    flags = IFF_UP if state == "up" else 0
    fixed = rtnetlink.LINK.pack(socket.AF_UNSPEC, 0, 0, index, flags, IFF_UP if state else 0)
    return fixed + b"".join(rtnetlink.attribute(*_PACKED[name](value)) for name, value in values.items())


def _u32(kind: int) -> Callable[[int | str], tuple[int, bytes]]:
    return lambda value: (kind, struct.pack("=I", value))


_PACKED: Mapping[str, Callable[[int | str], tuple[int, bytes]]] = {
    "address": lambda value: (IFLA_ADDRESS, bytes.fromhex(str(value).replace(":", ""))),
    "group": _u32(IFLA_GROUP),
    "ifalias": lambda value: (IFLA_IFALIAS, str(value).encode()),
    "mtu": _u32(IFLA_MTU),
    "net_ns_fd": _u32(IFLA_NET_NS_FD),
}


def _vxlan(info: rtnetlink.Attributes) -> Vxlan | None:
    if rtnetlink.text(info.get(IFLA_INFO_KIND)) != "vxlan":
        return None
    data = rtnetlink.attributes(info.get(IFLA_INFO_DATA, b""))
    vni, is_learning = (rtnetlink.number(data.get(kind)) for kind in (IFLA_VXLAN_ID, IFLA_VXLAN_LEARNING))
    return Vxlan(vni, rtnetlink.ipv4(data.get(IFLA_VXLAN_LOCAL)), bool(is_learning))


def _ipv4_conf(af_spec: bytes) -> tuple[int, ...]:
    """A device's sysctls under net.ipv4.conf, in the order of linux/ip.h; a device without IPv4 has none."""
    values = rtnetlink.attributes(rtnetlink.attributes(af_spec).get(socket.AF_INET, b"")).get(
        IFLA_INET_CONF, bytes(128)
    )
    return struct.unpack(f"={len(values) // 4}I", values)
