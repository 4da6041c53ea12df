"""Machines for the benchmarks of networks: nodes with cables between them. Needs root. Nothing is left behind."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from homelab.node import Node, kill_marked


@contextmanager
def places(benchmark: str, *names: str) -> Iterator[dict[str, Node]]:
    """Each with a network, processes and a /run of its own; they end with all that is in them."""
    if os.geteuid() != 0:
        raise PermissionError("networks are measured in namespaces: run this benchmark as root")
    mark = f"stead-bench:{benchmark}:"
    kill_marked(mark)
    nodes = {name: Node(name, mark + name) for name in names}
    try:
        for node in nodes.values():
            node.start()
            node.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
            node.run("mount", "-t", "sysfs", "sysfs", "/sys")
            node.run("ip", "link", "set", "lo", "up")
        yield nodes
    finally:
        kill_marked(mark)


def cable(one: Node, other: Node, device: str, addresses: tuple[str, str]) -> None:
    """Between devices of the same name."""
    far = ("peer", "name", device, "netns", str(other.pid))
    subprocess.run(["ip", "link", "add", device, "netns", str(one.pid), "type", "veth", *far], check=True)
    for node, address in zip((one, other), addresses, strict=True):
        node.run("ip", "address", "add", address, "dev", device)
        node.run("ip", "link", "set", device, "up")


def inside(node: Node, namespace: str) -> Sequence[str]:
    """What to put before a command that is to run in a namespace that has a name on the node."""
    return node.command(["ip", "netns", "exec", namespace])
