"""What an operator may set about VPC networks."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class VxlanSettings:
    uplink: str = ""  # Interface that VXLAN uses. Empty: the one that carries the host's underlay address.
    # "wireguard": what guests of different hosts say to one another is encrypted between them. The same on all hosts of
    # a region: hosts that differ do not talk. Costs 60 bytes of the guests' MTU, and CPU.
    encryption: Literal["none", "wireguard"] = "none"
    lease_s: int = (
        86400  # Lower: guests lose their address sooner while dnsmasq is down. Higher: they learn changes later.
    )
    dnsmasq_user: str = "dnsmasq"  # Reads packets from guests, so never root. Debian's dnsmasq-base makes it.
