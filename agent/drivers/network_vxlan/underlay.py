"""The host's own side: where VXLAN comes in, and what nothing may use.

Owns the tables `inet stead` and `arp stead` of the host's namespace. The operator's tables are not touched; a packet
must pass theirs as well.
"""

import threading
from collections.abc import Callable, Collection

from agent.drivers.network_vxlan import names
from agent.host import nft
from agent.host.netlink import VXLAN_PORT
from agent.host.nft import Chain, Set, Table
from agent.host.rules import Rules

TABLE = "inet stead"
ARP = "arp stead"
PEERS = "vxlan-peers"

# The VNI and the reserved byte after it, which is zero: RFC 7348, figure 1. Bits 96 to 127 of the UDP datagram.
_SOURCE_AND_VNI = "ip saddr . @th,96,32"
_PEER_TYPE = f"typeof {_SOURCE_AND_VNI}"
_TAPS_STAY_SILENT = f'iifname "{names.TAP_PREFIX}*" drop'


class Underlay:
    """Lets VXLAN in from known peers, for the VPCs that they have a part in."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules = Rules()
        self._uplink = ""
        self._peers: dict[int, frozenset[str]] | None = None  # By VNI. None: to be read from what an older agent left.

    def admit(self, uplink: str, vni: int, addresses: Collection[str]) -> tuple[str, ...]:
        """Let the VPC's peers in, and nobody else on its VNI. Returns the tables that somebody had changed."""
        with self._lock:
            self._uplink, self._peers = uplink, {**self._known(), vni: frozenset(addresses)}
            return self._rules.converge(*tables(uplink, self._peers))

    def dismiss(self, vni: int | None, is_used: Callable[[], bool]) -> None:
        """Let nobody in on a VNI; without any VPC left, the tables go.

        A VPC that comes up meanwhile is seen by `is_used`, or makes them again.
        """
        with self._lock:
            self._peers = {number: peers for number, peers in self._known().items() if number != vni}
            if not is_used():
                nft.apply(nft.delete(TABLE) + nft.delete(ARP))
                self._rules.forget()
            elif self._uplink:  # Else this agent's first `admit` writes it.
                self._rules.converge(*tables(self._uplink, self._peers))

    def _known(self) -> dict[int, frozenset[str]]:
        """A new agent leaves other VPCs' peers in until it is told of those VPCs."""
        return _admitted() if self._peers is None else self._peers


def tables(uplink: str, peers: dict[int, frozenset[str]]) -> tuple[Table, Table]:
    """Pure."""
    rules = (
        f'udp dport {VXLAN_PORT} iifname "{uplink}" {_SOURCE_AND_VNI} @{PEERS} accept',
        f"udp dport {VXLAN_PORT} drop",
    )
    admit = Chain(rules, hook="type filter hook input priority filter; policy accept;")
    silence = Chain((_TAPS_STAY_SILENT,), hook="type filter hook prerouting priority raw; policy accept;")
    arp = Chain((_TAPS_STAY_SILENT,), hook="type filter hook input priority filter; policy accept;")
    admitted = frozenset(f"{ip} . {vni << 8:#010x}" for vni, addresses in peers.items() for ip in addresses)
    return (
        Table(TABLE, {PEERS: Set(_PEER_TYPE, admitted)}, {"admit-vxlan": admit, "silence-taps": silence}),
        Table(ARP, {}, {"silence-taps": arp}),
    )


def _admitted() -> dict[int, frozenset[str]]:
    """Addresses by VNI, as the calling thread's namespace has them."""
    found: dict[int, frozenset[str]] = {}
    for address, shifted in (element["concat"] for element in nft.elements(TABLE, PEERS)):
        found[shifted >> 8] = found.get(shifted >> 8, frozenset()) | {address}
    return found
