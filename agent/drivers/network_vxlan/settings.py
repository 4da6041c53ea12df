"""What an operator may set about VPC networks."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VxlanSettings:
    uplink: str = ""  # Interface that VXLAN uses. Empty: the one that carries the host's underlay address.
    lease_s: int = (
        86400  # Lower: guests lose their address sooner while dnsmasq is down. Higher: they learn changes later.
    )
    dnsmasq_user: str = "dnsmasq"  # Reads packets from guests, so never root. Debian's dnsmasq-base makes it.
