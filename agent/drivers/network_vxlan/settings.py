"""What an operator may set about VPC networks."""

from dataclasses import dataclass
from typing import Annotated, Literal

from agent.settings import Within


@dataclass(frozen=True, slots=True)
class VxlanSettings:
    uplink: str = ""  # Interface that VXLAN uses. Empty: the one that carries the host's underlay address.
    # "wireguard": what guests of different hosts say to one another is encrypted between them. The same on all hosts of
    # a region: hosts that differ do not talk. Costs 60 bytes of the guests' MTU, and CPU.
    encryption: Literal["none", "wireguard"] = "none"
    # Lower: guests lose their address sooner while dnsmasq is down. Higher: they learn changes later.
    lease_s: Annotated[int, Within(120, 31_536_000)] = 86400  # dnsmasq(8) has none shorter than two minutes.
    dnsmasq_user: str = "dnsmasq"  # Reads packets from guests, so never root. Debian's dnsmasq-base makes it.
