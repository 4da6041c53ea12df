"""Paths without Stead: namespaces of guests, routers with veths, VXLAN between routers. Commands on nodes."""

from homelab.node import Node

# What Stead's guests have where the underlay's is 1500.
MTU = "1450"


def guest(node: Node, name: str, device: str, *, namespace: str = "", group: str = "default", alias: str = "") -> None:
    """A namespace with an eth0, whose other end is in the node, or in a namespace there."""
    where = ["-n", namespace] if namespace else []
    node.run("ip", "netns", "add", name)
    node.run("ip", "-n", name, "link", "set", "lo", "up")
    ends = ["mtu", MTU, "type", "veth", "peer", "name", "eth0", "mtu", MTU, "netns", name]
    node.run("ip", *where, "link", "add", device, *ends)
    node.run("ip", *where, "link", "set", device, "group", group, "alias", alias or name, "up")


def address(node: Node, name: str, ip: str, router: str, mac: str = "") -> None:
    """Give a guest's eth0 its address, and the router as its only neighbour."""
    own = ["address", mac] if mac else []
    node.run("ip", "-n", name, "link", "set", "eth0", *own, "up")
    node.run("ip", "-n", name, "address", "add", f"{ip}/32", "dev", "eth0")
    node.run("ip", "-n", name, "route", "add", router, "dev", "eth0")
    node.run("ip", "-n", name, "route", "add", "default", "via", router)


def route(node: Node, name: str, ip: str) -> None:
    """A plain router's guest."""
    node.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    device = f"to-{name}"
    guest(node, name, device)
    node.run("ip", "address", "add", "10.255.0.1/32", "dev", device)
    node.run("ip", "route", "add", f"{ip}/32", "dev", device)
    address(node, name, ip, "10.255.0.1")


def vxlan(node: Node, underlay: tuple[str, str], addresses: tuple[str, str], guest_ip: str) -> None:
    """To one other router: this one's address and its, below and on the VXLAN, and the guest that it has."""
    local, remote = underlay
    ends = ["local", local, "remote", remote, "dev", "under0", "dstport", "4789", "nolearning"]
    node.run("ip", "link", "add", "vx0", "mtu", MTU, "type", "vxlan", "id", "7", *ends)
    node.run("ip", "address", "add", f"{addresses[0]}/30", "dev", "vx0")
    node.run("ip", "link", "set", "vx0", "up")
    node.run("ip", "route", "add", f"{guest_ip}/32", "via", addresses[1])
