"""Networks as users write them: one grammar wherever the API takes a CIDR block. Pure.

    203.0.113.0/24    IPv4: four numbers 0 to 255 without leading zeros, and how many bits count, 0 to 32
    2001:db8::/32     IPv6: RFC 4291's text without a zone, and 0 to 128

Digits are ASCII's. The length has to be there, and no mask stands for it. Host bits are masked, as EC2 does
(AuthorizeSecurityGroupIngress, CreateVpc: "100.68.0.18/18" is "100.68.0.0/18"), and IPv6 is written as RFC 5952 has it:
so two that are alike are equal after this, and only after this.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network

from controlplane.errors import invalid_value

_BITS = re.compile(r"0|[1-9][0-9]{0,2}")
_IPV4_MEANS = "an IPv4 network such as 203.0.113.0/24, or 203.0.113.7/32 for one address"
_IPV6_MEANS = "an IPv6 network such as 2001:db8::/32, or 2001:db8::7/128 for one address"


def ipv4_network(parameter: str, text: str, or_else: str = "") -> IPv4Network:
    """`or_else` names what may stand in its place. Raises `InvalidParameterValue`."""
    address, bits = _split(text)
    try:
        number = int(IPv4Address(address))
    except AddressValueError:
        bits = None
    if bits is None or bits > 32:
        raise invalid_value(parameter, text, f"{_IPV4_MEANS}{or_else}")
    return IPv4Network((number, bits), strict=False)


def ipv6_network(parameter: str, text: str, or_else: str = "") -> IPv6Network:
    """As `ipv4_network`."""
    address, bits = _split(text)
    try:
        number = int(IPv6Address(address))
    except AddressValueError:
        bits = None
    if bits is None or bits > 128 or "%" in address:
        raise invalid_value(parameter, text, f"{_IPV6_MEANS}{or_else}")
    return IPv6Network((number, bits), strict=False)


def _split(text: str) -> tuple[str, int | None]:
    """The address, and how many bits count; None where that is not said as it has to be."""
    address, _, bits = text.partition("/")
    return address, int(bits) if _BITS.fullmatch(bits) else None
