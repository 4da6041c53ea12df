"""What an operator may set about internet gateways."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    # TCP ports of this host that guests may reach, e.g. 7443 where the control plane runs here. Others are refused.
    guest_tcp_ports: tuple[int, ...] = ()
    external_interface: str = ""  # Where public addresses are answered by proxy ARP. Empty: that of the default route.
    mtu: int = 0  # Bytes, as guests have it. 0: the external interface's less 50. Too high: large packets are lost.
