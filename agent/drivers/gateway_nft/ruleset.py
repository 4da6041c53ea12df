"""NAT as nftables rules, and which tracked connections agree with them. Pure.

The maps are changed element by element. The two sets repeat their keys, since a rule cannot look a key up in a map:
what is not in them is dropped before it is tracked, so a mapping that goes away cuts its flows at once.
"""

from collections.abc import Mapping
from ipaddress import IPv4Address

from agent.host.netlink import Connection
from agent.host.nft import Chain, Set, Table
from agent.model import AddressMapping

NAT = "ip stead"
PRIVATE_BY_PUBLIC = "private-by-public"

VPC_SIDE = "vpc"
HOST_SIDE = "host"
DEVICE_PREFIX = "stg"

_CHAINS = {
    "check-mapped": Chain(
        (
            f'iifname "{VPC_SIDE}" ip saddr != @private-addresses drop',
            f'iifname "{HOST_SIDE}" ip daddr != @public-addresses drop',
            f'iifname "{HOST_SIDE}" ip saddr @private-addresses drop',
        ),
        hook="type filter hook prerouting priority raw; policy accept;",
    ),
    "public-to-private": Chain(
        (f"dnat to ip daddr map @{PRIVATE_BY_PUBLIC}",),
        hook="type nat hook prerouting priority dstnat; policy accept;",
    ),
    "clamp-mss": Chain(
        ("tcp flags syn tcp option maxseg size set rt mtu", "ct state invalid drop"),
        hook="type filter hook forward priority filter; policy accept;",
    ),
    "private-to-public": Chain(
        ("snat to ip saddr map @public-by-private",),
        hook="type nat hook postrouting priority srcnat; policy accept;",
    ),
}


def render(private_by_public: Mapping[str, str]) -> Table:
    """The whole table of a gateway's namespace."""
    pairs = private_by_public.items()
    sets = {
        PRIVATE_BY_PUBLIC: Set("type ipv4_addr : ipv4_addr", frozenset(f"{pub} : {priv}" for pub, priv in pairs)),
        "public-by-private": Set("type ipv4_addr : ipv4_addr", frozenset(f"{priv} : {pub}" for pub, priv in pairs)),
        "public-addresses": Set("type ipv4_addr", frozenset(private_by_public)),
        "private-addresses": Set("type ipv4_addr", frozenset(private_by_public.values())),
    }
    return Table(NAT, sets, _CHAINS)


def host_table(external: str, is_router: bool) -> Table:
    """For the host's namespace: guests reach what is outside, and one another there, but no other network of the host.

    Nor does anybody outside, unless the operator made the host a router (`is_router`): forwarding for the external
    interface is on for the guests' sake alone.
    """
    ours = f'"{DEVICE_PREFIX}*"'
    rules = [f'iifname {ours} oifname != "{external}" oifname != {ours} drop']
    if not is_router:
        rules.append(f'iifname "{external}" oifname != {ours} drop')
    chain = Chain(tuple(rules), hook="type filter hook forward priority filter; policy accept;")
    return Table(NAT, {}, {"only-guests": chain})


def mapping(mappings: tuple[AddressMapping, ...]) -> dict[str, str]:
    """Private addresses by public one. Raises ValueError for an address that is mapped twice, or is none."""
    pairs = [(str(IPv4Address(m.public_ip)), str(IPv4Address(m.private_ip))) for m in mappings]
    private_by_public = dict(pairs)
    if len(private_by_public) < len(pairs) or len(set(private_by_public.values())) < len(pairs):
        raise ValueError(f"an address is mapped twice: {sorted(pairs)}")
    return private_by_public


def is_stale(connection: Connection, private_by_public: Mapping[str, str]) -> bool:
    """Whether it is translated in a way that the mapping does not say."""
    c = connection
    inbound = private_by_public.get(c.destination, c.destination)
    source = {private: public for public, private in private_by_public.items()}.get(c.source, c.source)
    return inbound != c.reply_source or source != c.reply_destination
