"""VPC networks: a router in a namespace per VPC and host, VXLAN between hosts, security groups at every tap.

    guest eth0 ── tap ──┐ namespace stead-<vpc id>             namespace stead-<vpc id> ┌── tap ── guest eth0
                        │   check-source, check-forward            (another host)       │
                        ├── routes: /32 by tap, /32 by vxlan                            │
                        │   check-forward                               check-forward ──┤
    dnsmasq, IMDS ── lo ┤                                                               │
                        └── vxlan ── host's namespace, uplink ══ UDP 4789 ══ uplink ── vxlan

A packet that a guest sends to a neighbour in its subnet comes to the router as well, which answers ARP for everybody:
taps are routed, never bridged, so there is no broadcast and no learning. The router of the receiver's host applies the
receiver's rules, that of the sender's host the sender's. A namespace knows nothing of other VPCs, so the same addresses
may occur in several. Default routes to an internet gateway elsewhere go over the VXLAN too; one on this host is joined
by the gateway driver, which then also owns the default route.

`names` and `ruleset` are pure, and so is `parts`, which says what of them a change concerns. `dhcp` is dnsmasq and
`forwarder` what it asks for the outside's names, `time_server` tells the host's time, `router` and `ports` work inside
a namespace, `underlay` in the host's. `tunnel` is WireGuard between hosts where it is set, `owners` knows who had an
address before, `places` knows the namespaces, and `driver` puts them in order.
"""

from agent.drivers.network_vxlan.driver import VxlanNetworkDriver
from agent.drivers.network_vxlan.settings import VxlanSettings

__all__ = ["VxlanNetworkDriver", "VxlanSettings"]
