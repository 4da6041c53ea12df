"""What an operator may set about internet gateways."""

from dataclasses import dataclass

from agent.settings import Port


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    # TCP ports of this host that guests may reach, e.g. 7443 where the control plane runs here. Others are refused.
    guest_tcp_ports: tuple[Port, ...] = ()
    # Ports of this host that the outside may reach on the external interface; all others are closed there while a
    # gateway is here. Without ssh's nobody can log in from there. By default ssh's and the control plane's.
    public_tcp_ports: tuple[Port, ...] = (22, 7443, 7444)
    public_udp_ports: tuple[Port, ...] = ()
    external_interface: str = ""  # Where public addresses are answered by proxy ARP. Empty: that of the default route.
