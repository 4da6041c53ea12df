"""The host's own side: where VXLAN comes in, and what nothing may use.

Owns the tables `inet stead` and `arp stead` of the host's namespace. Each VPC has its own elements in them, so that
VPCs never need to know of each other. The operator's tables are not touched; a packet must pass theirs as well.
"""

import threading
from collections.abc import Callable

from agent.drivers.network_vxlan import names
from agent.host import nft
from agent.host.netlink import VXLAN_PORT
from agent.host.nft import Chain, Set, Table
from agent.model import VpcSpec

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
        self._uplink = ""

    def ensure_tables(self, uplink: str) -> None:
        """Once for an agent and an uplink, and when somebody flushed them; elements of VPCs that are there stay."""
        with self._lock:
            if self._uplink != uplink or not nft.has_chain(TABLE, "admit-vxlan"):
                nft.apply("".join(map(nft.refill, _tables(uplink))))
                self._uplink = uplink

    def remove_tables_unless(self, is_used: Callable[[], bool]) -> None:
        """When to call: a VPC went away. A VPC that comes up meanwhile is seen by `is_used`, or makes them again."""
        with self._lock:
            if not is_used():
                nft.apply(nft.delete(TABLE) + nft.delete(ARP))
                self._uplink = ""


def ensure_peers(spec: VpcSpec) -> None:
    """Admit the VPC's peers, and nobody else on its VNI."""
    wanted = frozenset(_element(peer.underlay_address, spec.vni) for peer in spec.peers)
    _replace_peers(spec.vni, wanted)


def remove_peers(vni: int) -> None:
    """Admit nobody on a VNI."""
    _replace_peers(vni, frozenset())


def _tables(uplink: str) -> tuple[Table, Table]:
    rules = (
        f'udp dport {VXLAN_PORT} iifname "{uplink}" {_SOURCE_AND_VNI} @{PEERS} accept',
        f"udp dport {VXLAN_PORT} drop",
    )
    admit = Chain(rules, hook="type filter hook input priority filter; policy accept;")
    silence = Chain((_TAPS_STAY_SILENT,), hook="type filter hook prerouting priority raw; policy accept;")
    arp = Chain((_TAPS_STAY_SILENT,), hook="type filter hook input priority filter; policy accept;")
    return (
        Table(TABLE, {PEERS: Set(_PEER_TYPE)}, {"admit-vxlan": admit, "silence-taps": silence}),
        Table(ARP, {}, {"silence-taps": arp}),
    )


def _replace_peers(vni: int, wanted: frozenset[str]) -> None:
    pairs = (element["concat"] for element in nft.elements(TABLE, PEERS))
    old = frozenset(_element(address, vni) for address, shifted in pairs if shifted == vni << 8)
    nft.apply(nft.delta(_peer_table(old), _peer_table(wanted)))


def _peer_table(elements: frozenset[str]) -> Table:
    return Table(TABLE, {PEERS: Set(_PEER_TYPE, elements)})


def _element(address: str, vni: int) -> str:
    return f"{address} . {vni << 8:#010x}"
