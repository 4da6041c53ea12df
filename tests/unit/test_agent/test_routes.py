"""Where a table's routes lead: of each address the longest prefix wins."""

from ipaddress import IPv4Network
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agent.routes import Range, common, ranges

_networks = st.builds(
    lambda number, length: IPv4Network((0x0A000000 + number, length), strict=False),
    st.integers(0, 255),
    st.integers(24, 32),
)
_routes = st.lists(
    st.tuples(_networks.map(str), st.sampled_from(["local", "igw", "nat"])), unique_by=lambda way: way[0]
)
_ADDRESSES = range(0x0A000000, 0x0A000100)


def target(routes: list[tuple[str, str]], address: int) -> str | None:
    """As a router looks it up."""
    networks = [(IPv4Network(cidr), to) for cidr, to in routes]
    fitting = [(n.prefixlen, to) for n, to in networks if int(n[0]) <= address <= int(n[-1])]
    return max(fitting)[1] if fitting else None


def led(found: list[Range], address: int) -> str | None:
    return next((each.target for each in found if each.first <= address <= each.last), None)


@given(_routes)
def test_each_address_is_led_where_its_longest_prefix_says(routes: list[tuple[str, str]]) -> None:
    found = ranges(routes)
    assert all(led(found, address) == target(routes, address) for address in _ADDRESSES)
    assert all(one.last < other.first for one, other in pairwise(found))


@given(_routes, _routes)
def test_two_tables_have_in_common_what_both_lead(one: list[tuple[str, str]], other: list[tuple[str, str]]) -> None:
    shared = [a for a in _ADDRESSES if target(one, a) is not None and target(other, a) is not None]
    found = [address for first, last in common(ranges(one), ranges(other)) for address in range(first, last + 1)]
    assert sorted(found) == shared


def test_neighbours_with_one_target_are_one_range() -> None:
    assert ranges([("10.0.0.0/25", "nat"), ("10.0.0.128/25", "nat")]) == [Range(0x0A000000, 0x0A0000FF, "nat")]
    assert ranges([("0.0.0.0/0", "nat")]) == [Range(0, 0xFFFFFFFF, "nat")]
