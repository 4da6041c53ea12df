"""NAT as nftables rules, and which tracked connections agree with them. Pure.

The maps are changed element by element. The sets repeat their keys, since a rule cannot look a key up in a map: what is
not in them is dropped before it is tracked, so a mapping that goes away cuts its flows at once. What goes by a NAT
gateway is known by where it comes from and where it goes, for longer prefixes of one route table may lead elsewhere; so
it comes before the mapping of its source. From outside nothing begins there: only what is translated back goes on.

That guests reach no host is said twice, in the host's namespace and in each gateway's: who loads other rules in one of
them (`systemctl reload nftables` on the host) leaves the other.
"""

from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from operator import itemgetter
from typing import TypeVar

from agent.host.conntrack import Connection
from agent.host.nft import Chain, Set, Table
from agent.model import AddressMapping, GatewaySpec, NatSpec, NatWay

T = TypeVar("T")

NAT = "ip stead"
HOST_V6 = "ip6 stead"
PRIVATE_BY_PUBLIC = "private-by-public"
CHECKED = 0x73740002  # Packet mark after `check-mapped`: without, no way on.

VPC_SIDE = "vpc"
HOST_SIDE = "host"
DEVICE_PREFIX = "stg"
_GATEWAYS = f'"{DEVICE_PREFIX}*"'
_HOSTS = "host-addresses"
_DHCP_CLIENT = (68, 546)  # The host's own leases.

_CHAINS = {
    "check-mapped": Chain(
        (
            f'iifname "{VPC_SIDE}" ip saddr != @private-addresses ip saddr . ip daddr != @ways-by-nat drop',
            f'iifname "{HOST_SIDE}" ip daddr != @public-addresses drop',
            f'iifname "{HOST_SIDE}" ip saddr @private-addresses drop',
            f"meta mark set {CHECKED:#x}",
        ),
        hook="type filter hook prerouting priority raw; policy accept;",
    ),
    "public-to-private": Chain(
        (f"dnat to ip daddr map @{PRIVATE_BY_PUBLIC}",),
        hook="type nat hook prerouting priority dstnat; policy accept;",
    ),
    "private-to-public": Chain(
        (
            "snat to ip saddr . ct original ip daddr map @public-by-way",
            "snat to ip saddr map @public-by-private",
        ),
        hook="type nat hook postrouting priority srcnat; policy accept;",
    ),
}


def render(
    private_by_public: Mapping[str, str],
    nat_gateways: Collection[NatSpec] = (),
    host_addresses: Collection[str] = (),
    guest_tcp_ports: Collection[int] = (),
) -> Table:
    """The whole table of a gateway's namespace; `host_addresses` are those of all hosts, and all that this one has."""
    pairs = private_by_public.items()
    ways = {_way(way): nat.public_ip for nat in nat_gateways for way in nat.ways}
    public = _addresses([*private_by_public, *(nat.public_ip for nat in nat_gateways)])
    sets = {
        PRIVATE_BY_PUBLIC: Set("type ipv4_addr : ipv4_addr", frozenset(f"{pub} : {priv}" for pub, priv in pairs)),
        "public-by-private": Set("type ipv4_addr : ipv4_addr", frozenset(f"{priv} : {pub}" for pub, priv in pairs)),
        "public-addresses": Set("type ipv4_addr", public),
        "private-addresses": Set("type ipv4_addr", frozenset(private_by_public.values())),
        "public-by-way": Set(
            "type ipv4_addr . ipv4_addr : ipv4_addr; flags interval",
            frozenset(f"{way} : {public_ip}" for way, public_ip in ways.items()),
        ),
        "ways-by-nat": Set("type ipv4_addr . ipv4_addr; flags interval", frozenset(ways)),
        _HOSTS: Set("type ipv4_addr", _addresses(host_addresses)),
    }
    return Table(NAT, sets, {**_CHAINS, "check-forward": _check_forward(guest_tcp_ports)})


def _check_forward(guest_tcp_ports: Collection[int]) -> Chain:
    to_hosts = f'oifname "{HOST_SIDE}" ip daddr @{_HOSTS}'
    rules = (
        "tcp flags syn tcp option maxseg size set rt mtu",
        "ct state established,related accept",
        "ct state invalid drop",
        *_admit(to_hosts, "tcp", guest_tcp_ports),
        f"{to_hosts} drop",
        f'iifname "{HOST_SIDE}" oifname "{HOST_SIDE}" drop',
    )
    return Chain(rules, hook="type filter hook forward priority filter; policy accept;")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the host's own tables depend on.

    `host_addresses` are those of all hosts of the region, `own_address` this one's, empty where the external interface
    has it; `guest_tcp_ports` are the ports of this host that guests may reach, the public ones those that the outside
    may; `is_router`: the operator made it one.
    """

    external: str
    own_address: str
    is_router: bool
    host_addresses: Collection[str]
    guest_tcp_ports: Collection[int]
    public_tcp_ports: Collection[int]
    public_udp_ports: Collection[int]


def host_tables(host: Surroundings) -> tuple[Table, Table]:
    """For the host's namespace, IPv4 and IPv6.

    Guests reach what is outside, and one another there, but no host, no other network. Nor does anybody outside, unless
    the operator made the host a router: forwarding for the external interface is on for the guests' sake alone. A
    host's own connections pass.
    """
    hook = "type filter hook input priority filter; policy accept;"
    chains = {
        "only-guests": Chain(_forward_rules(host), hook="type filter hook forward priority filter; policy accept;"),
        "guard-host": Chain((*_from_guests(host), *_from_hosts(host), *_from_outside(host)), hook),
    }
    return (
        Table(NAT, {_HOSTS: Set("type ipv4_addr", _addresses(host.host_addresses))}, chains),
        Table(HOST_V6, {}, {"guard-host": Chain(_from_outside(host), hook)}),
    )


def _forward_rules(host: Surroundings) -> tuple[str, ...]:
    rules = [
        f"iifname {_GATEWAYS} ip daddr @{_HOSTS} ct direction original drop",
        f'iifname {_GATEWAYS} oifname != "{host.external}" oifname != {_GATEWAYS} drop',
    ]
    if not host.is_router:
        rules.append(f'iifname "{host.external}" oifname != {_GATEWAYS} drop')
    return tuple(rules)


def _from_guests(host: Surroundings) -> tuple[str, ...]:
    ours = f"iifname {_GATEWAYS}"
    return (f"{ours} ct state established,related accept", *_admit(ours, "tcp", host.guest_tcp_ports), f"{ours} drop")


def _from_hosts(host: Surroundings) -> tuple[str, ...]:
    """VXLAN, volumes and sessions come in by the external interface only where the underlay is there as well."""
    outside = f'iifname "{host.external}"'
    if host.own_address:
        return (f"{outside} ip daddr {IPv4Address(host.own_address)} drop",)
    return (f"{outside} ip saddr @{_HOSTS} accept",)


def _from_outside(host: Surroundings) -> tuple[str, ...]:
    """What is neither TCP nor UDP passes: ICMP, and the operator's routing protocols and tunnels."""
    outside = f'iifname "{host.external}"'
    return (
        f"{outside} ct state established,related accept",
        *_admit(outside, "tcp", host.public_tcp_ports),
        *_admit(outside, "udp", [*host.public_udp_ports, *_DHCP_CLIENT]),
        f"{outside} meta l4proto {{ tcp, udp }} drop",
    )


def _admit(where: str, protocol: str, ports: Collection[int]) -> tuple[str, ...]:
    listed = ", ".join(map(str, sorted(set(ports))))
    return (f"{where} {protocol} dport {{ {listed} }} accept",) if ports else ()


def _addresses(texts: Collection[str]) -> frozenset[str]:
    return frozenset(str(IPv4Address(text)) for text in texts)


def _way(way: NatWay) -> str:
    source, first, last = IPv4Network(way.cidr_block), IPv4Address(way.first), IPv4Address(way.last)
    return f"{source} . {first}" if first == last else f"{source} . {first}-{last}"


def mapping(mappings: tuple[AddressMapping, ...]) -> dict[str, str]:
    """Private addresses by public one. Raises ValueError for an address that is mapped twice, or is none."""
    pairs = [(str(IPv4Address(m.public_ip)), str(IPv4Address(m.private_ip))) for m in mappings]
    private_by_public = dict(pairs)
    if len(private_by_public) < len(pairs) or len(set(private_by_public.values())) < len(pairs):
        raise ValueError(f"an address is mapped twice: {sorted(pairs)}")
    return private_by_public


def public_addresses(spec: GatewaySpec) -> frozenset[str]:
    """Those that a gateway answers for."""
    return _addresses([*(each.public_ip for each in spec.mappings), *(each.public_ip for each in spec.nat_gateways)])


def sources(nat_gateways: Collection[NatSpec]) -> frozenset[str]:
    """The subnets that go by NAT gateways."""
    return frozenset(way.cidr_block for nat in nat_gateways for way in nat.ways)


def staleness(
    private_by_public: Mapping[str, str], nat_gateways: Collection[NatSpec] = ()
) -> Callable[[Connection], bool]:
    """Tells whether a connection is translated in a way that neither the mapping nor a NAT gateway says."""
    public_by_private = {private: public for public, private in private_by_public.items()}
    by_nat = _by_nat(nat_gateways)

    def is_stale(connection: Connection) -> bool:
        inbound = private_by_public.get(connection.destination, connection.destination)
        known = by_nat(_number(connection.source), _number(connection.destination))
        source = known or public_by_private.get(connection.source, connection.source)
        return inbound != connection.reply_source or source != connection.reply_destination

    return is_stale


def _by_nat(nat_gateways: Collection[NatSpec]) -> Callable[[int, int], str | None]:
    """Tells by whose address something goes from one address to another. Subnets are disjoint, and so are the ways of
    one: two searches, since there may be thousands of both and a hundred thousand connections.
    """
    by_subnet: dict[str, list[tuple[int, int, str]]] = {}
    for nat in nat_gateways:
        for way in nat.ways:
            row = _number(way.first), _number(way.last), nat.public_ip
            by_subnet.setdefault(way.cidr_block, []).append(row)
    blocks = ((IPv4Network(cidr), sorted(ways)) for cidr, ways in by_subnet.items())
    subnets = sorted((int(block[0]), int(block[-1]), ways) for block, ways in blocks)

    def find(source: int, destination: int) -> str | None:
        ways = _among(subnets, source)
        return _among(ways, destination) if ways else None

    return find


def _among(ranges: Sequence[tuple[int, int, T]], number: int) -> T | None:
    """What the range says in which a number is; they are in order and disjoint."""
    place = bisect_right(ranges, number, key=itemgetter(0))
    if not place:
        return None
    _, last, said = ranges[place - 1]
    return said if number <= last else None


def _number(address: str) -> int:
    return int(IPv4Address(address))
