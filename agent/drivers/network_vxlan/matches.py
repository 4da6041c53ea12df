"""What a rule of a group is about, as nftables writes it. Pure."""

from functools import lru_cache
from ipaddress import IPv4Network

from agent.model import RuleSpec

NAMED_PROTOCOLS = {"1": "icmp", "6": "tcp", "17": "udp"}


@lru_cache(maxsize=4096)
def is_open(rule: RuleSpec) -> bool:
    """Whether it is about tcp or udp, and everybody."""
    protocol = NAMED_PROTOCOLS.get(rule.ip_protocol, rule.ip_protocol)
    return protocol in ("tcp", "udp", "-1") and match_peer(rule) == ""


def match_peer(rule: RuleSpec) -> str:
    field = "ip daddr" if rule.is_egress else "ip saddr"
    if rule.group_id:
        return f"{field} @{rule.group_id}"
    network = IPv4Network(rule.cidr_ipv4 or "", strict=False)
    return f"{field} {network}" if network.prefixlen else ""


def match_protocol(rule: RuleSpec) -> str:
    protocol = NAMED_PROTOCOLS.get(rule.ip_protocol, rule.ip_protocol)
    if protocol in ("tcp", "udp"):
        return _match_ports(protocol, rule.from_port, rule.to_port)
    if protocol == "icmp":
        return _match_icmp(rule.from_port, rule.to_port)
    return "" if protocol == "-1" else f"meta l4proto {int(protocol)}"


def _match_ports(protocol: str, first: int, last: int) -> str:
    if first == -1:
        return f"meta l4proto {protocol}"
    return f"{protocol} dport {first}" if first == last else f"{protocol} dport {first}-{last}"


def _match_icmp(icmp_type: int, code: int) -> str:
    if icmp_type == -1:
        return "meta l4proto icmp"
    return f"icmp type {icmp_type}" if code == -1 else f"icmp type {icmp_type} icmp code {code}"
