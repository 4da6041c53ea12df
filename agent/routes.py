"""Where the routes of a table lead, as ranges of addresses that do not overlap. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Range:
    """Addresses as numbers, both ends included, and the target that a table has for them."""

    first: int
    last: int
    target: str


def ranges(routes: Iterable[tuple[str, str]]) -> list[Range]:
    """Of networks with their targets, in order. The longest prefix wins; what has no route is left out."""
    ways = sorted(((IPv4Network(cidr), target) for cidr, target in routes), key=lambda way: -way[0].prefixlen)
    ends = {end for network, _ in ways for end in (int(network.network_address), int(network.broadcast_address) + 1)}
    found: list[Range] = []
    for first, end in pairwise(sorted(ends)):
        target = next((target for network, target in ways if _has(network, first)), None)
        if target is None:
            continue
        if found and (found[-1].target, found[-1].last + 1) == (target, first):
            first = found.pop().first
        found.append(Range(first, end - 1, target))
    return found


def _has(network: IPv4Network, address: int) -> bool:
    return int(network.network_address) <= address <= int(network.broadcast_address)


def common(one: Iterable[Range], other: Iterable[Range]) -> Iterator[tuple[int, int]]:
    """Where two have addresses in common."""
    others = list(other)
    for here in one:
        for there in others:
            first, last = max(here.first, there.first), min(here.last, there.last)
            if first <= last:
                yield first, last
