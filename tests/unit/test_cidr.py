"""Networks as users write them: what is one, that none else is, and that each has one form."""

from ipaddress import IPv4Network, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.errors import Invalid
from controlplane.model.cidr import ipv4_network, ipv6_network

NETWORKS_4 = st.tuples(st.ip_addresses(v=4), st.integers(0, 32))
NETWORKS_6 = st.tuples(st.ip_addresses(v=6), st.integers(0, 128))
# Near enough to a network that some are, and all that resembles one: other digits, signs, spaces, masks.
RESEMBLING = st.text("0123456789./:af-+_ %\n\N{ARABIC-INDIC DIGIT TWO}\N{FULLWIDTH DIGIT ONE}", max_size=24)


@given(NETWORKS_4)
def test_an_ipv4_network_is_what_it_covers_however_its_host_bits_are(network: tuple[object, int]) -> None:
    address, bits = network
    assert ipv4_network("cidr", f"{address}/{bits}") == IPv4Network(f"{address}/{bits}", strict=False)


@given(NETWORKS_6)
def test_an_ipv6_network_is_what_it_covers_however_it_is_written(network: tuple[object, int]) -> None:
    address, bits = network
    covered = IPv6Network(f"{address}/{bits}", strict=False)
    for text in (str(address), str(address).upper(), IPv6Network(f"{address}/128").network_address.exploded):
        assert ipv6_network("cidr", f"{text}/{bits}") == covered


@given(NETWORKS_4 | NETWORKS_6)
def test_what_is_kept_is_read_as_itself(network: tuple[object, int]) -> None:
    address, bits = network
    read = ipv6_network if ":" in str(address) else ipv4_network
    kept = str(read("cidr", f"{address}/{bits}"))
    assert str(read("cidr", kept)) == kept


@given(RESEMBLING)
def test_whatever_is_taken_for_an_ipv4_network_is_four_numbers_and_a_length(text: str) -> None:
    try:
        taken = ipv4_network("cidr", text)
    except Invalid:
        return
    address, bits = text.split("/")
    assert address.isascii()
    assert [str(int(part)) for part in address.split(".")] == address.split(".")
    assert bits == str(taken.prefixlen)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "/",
            "/8",
            "0.0.0.0",
            "0.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0.0/08",
            "10.0.0.0/8/8",
        ),
        *("10.1.0.0/255.255.0.0", "10.1.0.0/0.0.255.255", "10.0/8", "10.0.0.0.0/8", "256.0.0.0/8", "010.0.0.0/8"),
        *(" 10.0.0.0/8", "10.0.0.0/8 ", "10.0.0.0/8\n", "10.0.0.0 /8", "1_0.0.0.0/8", "0x0a.0.0.0/8", "10.0.0.0/1e1"),
        *("\N{FULLWIDTH DIGIT ONE}0.0.0.0/8", "10.0.0.0/\N{FULLWIDTH DIGIT EIGHT}", "::/0", "example.org", "9" * 5000),
    ],
)
def test_what_is_no_ipv4_network(text: str) -> None:
    with pytest.raises(Invalid, match=r"cidr: .* is not valid; expected an IPv4 network such as .*, or a name"):
        ipv4_network("cidr", text, ", or a name")


@pytest.mark.parametrize(
    "text",
    ["", "::", "::/", "::/129", "::/00", "::/-0", "fe80::1%eth0/64", "1::2::3/64", "10.0.0.0/8", "::1 /128", "g::/16"],
)
def test_what_is_no_ipv6_network(text: str) -> None:
    with pytest.raises(Invalid, match=r"cidr: .* is not valid; expected an IPv6 network such as"):
        ipv6_network("cidr", text)
