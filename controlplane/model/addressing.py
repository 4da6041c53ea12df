"""IPv4 addresses, which of a subnet's instances may have, and what is derived from one: hardware address and name."""

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from socket import inet_aton, inet_ntoa


def number_of(address: str) -> int:
    """An IPv4 address of a row's as a number, at a tenth of what an `IPv4Address` costs."""
    return int.from_bytes(inet_aton(address))


def address_of(number: int) -> str:
    return inet_ntoa(number.to_bytes(4))


# This network, loopback, link-local, multicast, reserved (RFC 6890).
NOT_FOR_HOSTS = tuple(map(IPv4Network, ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")))
RESERVED_FIRST = 4  # Network, router, DNS, and one for the future (VPC user guide, "Subnet CIDR blocks").
RESERVED_LAST = 1  # Broadcast.


def usable_count(network: IPv4Network) -> int:
    """How many addresses instances can have."""
    return network.num_addresses - RESERVED_FIRST - RESERVED_LAST


def is_usable(network: IPv4Network, address: IPv4Address) -> bool:
    """Whether an instance may have this address."""
    offset = int(address) - int(network.network_address)
    return RESERVED_FIRST <= offset < network.num_addresses - RESERVED_LAST


def usable_after(network: IPv4Network, latest: str | None) -> Iterator[str]:
    """Every usable address once, beginning behind `latest` and wrapping round, so that addresses are reused late."""
    first, count = int(network.network_address) + RESERVED_FIRST, usable_count(network)
    start = number_of(latest) + 1 - first if latest else 0
    return (address_of(first + (start + step) % count) for step in range(count))


def mac_address(private_ip: str, vpc_id: str) -> str:
    """A locally administered MAC, unique in the VPC because the address is (IEEE 802, 02:...)."""
    return (bytes((0x02, int(vpc_id[-2:], 16))) + inet_aton(private_ip)).hex(":")


def host_name(private_ip: str) -> str:
    """EC2's name for an instance, without the domain."""
    return "ip-" + private_ip.replace(".", "-")


def domain(region: str) -> str:
    """EC2's DNS domain of instances in a region."""
    return f"{region}.compute.internal"


def public_host_name(public_ip: str) -> str:
    """EC2's name for a public address, without the domain."""
    return "ec2-" + public_ip.replace(".", "-")


def public_domain(region: str) -> str:
    """Of public addresses' names: what EC2 has below amazonaws.com."""
    return f"{region}.compute.stead.internal"


# RFC 1123, 2.1. What an address is made into belongs to that address alone.
_LABEL = re.compile(r"(?!ip-\d)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def label(name: str) -> str:
    """A tag `Name` as a label of the DNS, which knows no upper case; empty where it can't be one."""
    text = name.lower()
    return text if _LABEL.fullmatch(text) else ""
