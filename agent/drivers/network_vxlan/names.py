"""What follows from ids and numbers alone: names of devices, addresses and MACs on the VXLAN. Pure.

The kernel allows 15 characters for a device: three of ours and the last twelve of an id. A device is in its VPC's
namespace or, for a moment, in the host's; tails of 48 bits do not meet there.
"""

from ipaddress import IPv4Network

TAP_PREFIX = "stt"
VXLAN_PREFIX = "stx"
PEERING_PREFIX = "stp"
GATEWAY_DEVICE = "gateway"  # The gateway driver's end in the VPC's namespace.

# Every router has the same MAC on every tap, so that a guest's ARP cache stays right when the guest moves.
TAP_MAC = "fe:73:74:00:00:01"

# Next hop at either end of a peering, as the gateways' are the four before it: no device has it.
PEERING_HOP = "169.254.128.5"

HOST_PREFIX = "ip-"  # Of a host's name, before its address with hyphens: see `agent.vpc.host_name`.
METADATA_ADDRESS = "169.254.169.254"
RESOLVER_ADDRESS = "169.254.169.253"
TIME_ADDRESS = "169.254.169.123"
LINK_LOCAL = "169.254.0.0/16"
VXLAN_OVERHEAD_BYTES = 50
WIREGUARD_OVERHEAD_BYTES = 60  # Of IPv4, UDP, and what encryption adds.


def tap_name(interface_id: str) -> str:
    return TAP_PREFIX + _tail(interface_id)


def vxlan_name(vpc_id: str) -> str:
    return VXLAN_PREFIX + _tail(vpc_id)


def peering_name(peering_id: str) -> str:
    """The same at both ends, which are in two namespaces."""
    return PEERING_PREFIX + _tail(peering_id)


def peering_mac(vpc_id: str, other_vpc_id: str) -> str:
    """Of the end in the first of these VPCs."""
    return f"02:73:74:81:00:{1 + (vpc_id > other_vpc_id):02x}"


def transit_address(host_number: int) -> str:
    """A host's next-hop address on every VXLAN: link-local, so never a VPC's; the upper half is the gateways'."""
    if not 1 <= host_number <= 32766:
        raise ValueError(f"host number {host_number} is not between 1 and 32766")
    return f"169.254.{host_number >> 8}.{host_number & 255}"


def vxlan_mac(host_number: int) -> str:
    return f"02:73:74:00:{host_number >> 8:02x}:{host_number & 255:02x}"


def router_address(subnet: str) -> str:
    """The subnet's first address: the VPC's router."""
    return str(IPv4Network(subnet)[1])


def vpc_resolver(vpc_cidr: str) -> str:
    """The VPC's base plus two: its DNS server."""
    return str(IPv4Network(vpc_cidr)[2])


def _tail(resource_id: str) -> str:
    return resource_id.rpartition("-")[2][-12:]
