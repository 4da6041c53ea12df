"""Guests of a VPC on a node: namespaces with veths where QEMU's taps would be, so that the kernel alone is measured."""

from agent.drivers.network_vxlan.names import tap_name
from agent.drivers.network_vxlan.ports import PLUGGED_GROUP
from benchmarks import plain, vpc
from benchmarks.process import ask
from homelab.node import Node

ROUTER = "172.31.0.1"


def boot(node: Node, host: int, hosts: int, ports: int, guests: int = 2) -> None:
    """Make the VPC on the node that is this host, and plug so many of its ports; the other ones get a tap."""
    make(node, host, hosts, ports)
    for number in range(guests):
        interface, name = vpc.interface(host, number), guest_name(number)
        plain.guest(
            *(node, name, tap_name(interface)), namespace=vpc.NAMESPACE, group=str(PLUGGED_GROUP), alias=interface
        )
        plain.address(node, name, vpc.private_ip(host, number), ROUTER, vpc.mac(host, number))
    if taps := [vpc.interface(host, number) for number in range(guests, ports)]:
        node.run("sh", "-ec", f"ip -n {vpc.NAMESPACE} -batch - <<'.'\n{_batch(taps)}\n.")
    make(node, host, hosts, ports)


def make(node: Node, host: int, hosts: int, ports: int) -> float:
    """As a new agent's first pass does; how long that took, s."""
    return float(ask("vpc", host, hosts, ports, prefix=node.command([])))


def guest_name(number: int) -> str:
    return f"guest-{number}"


def _batch(interfaces: list[str]) -> str:
    lines = []
    for interface in interfaces:
        tap = tap_name(interface)
        lines += [f"tuntap add dev {tap} mode tap", f"link set {tap} group {PLUGGED_GROUP} alias {interface}"]
    return "\n".join(lines)
