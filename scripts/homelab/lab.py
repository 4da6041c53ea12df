"""A whole lab: nodes, cables, disks, libvirt. See the package's docstring."""

import os
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from homelab import machine
from homelab.layout import CONTROL, LAYOUTS, OUTSIDE, OUTSIDE_ADDRESS, Host, Names
from homelab.node import Node, kill_marked, wait_until


class Lab:
    """Found by its name; holds nothing that isn't on the machine. Must run as root, in the machine's own namespaces."""

    def __init__(self, name: str = "demo") -> None:
        self.names = Names(name)

    @property
    def directory(self) -> Path:
        return self.names.directory

    @property
    def hosts(self) -> tuple[Host, ...]:
        """Of the layout it was brought up with; none when it is down."""
        record = self.directory / "layout"
        return LAYOUTS[record.read_text()] if record.exists() else ()

    @property
    def control_address(self) -> str:
        """Where the hosts reach the control plane."""
        return self.names.underlay_address(1)

    def underlay_address(self, host: str) -> str:
        return self.names.underlay_address(self._host(host).number)

    def node(self, name: str) -> Node:
        """A host, `outside` or `control`."""
        return Node(name, self.names.mark(name), has_network=name != CONTROL)

    def up(self, layout: str = "three", progress: Callable[[str], None] = lambda line: None) -> None:
        """Bring up a lab that is down. Raises RuntimeError when it stands, or another lab is in its way."""
        if os.geteuid() != 0:
            raise RuntimeError("a lab is made of namespaces, mounts and links: run it as root")
        if os.path.exists(f"/sys/class/net/{self.names.bridge}"):
            raise RuntimeError(
                f"{self.names.bridge} exists: this lab is up, or another with the same index; `down` first"
            )
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "layout").write_text(layout)
        self._make_bridge()
        self.node(CONTROL).start()
        self.node(OUTSIDE).start()
        machine.boot_outside(self.node(OUTSIDE))
        machine.serve_names(self.node(CONTROL), self.control_address, self.directory / "names.log")
        for host in self.hosts:
            progress(f"host {host.name} in {host.zone}: {', '.join(host.roles)}")
        with ThreadPoolExecutor() as pool:
            list(pool.map(self.power_on, (host.name for host in self.hosts)))

    def down(self) -> None:
        """Remove all of it. Safe at any time, twice, and after a crash at any point of `up`."""
        kill_marked(self.names.mark(""))
        for link in Path("/sys/class/net").glob(self.names.port("*")):
            remove_link(link.name)
        remove_link(self.names.bridge)
        wait_until(lambda: not self._loop_devices(), f"loop devices on {self.directory} are free")
        shutil.rmtree(self.directory, ignore_errors=True)
        if self.directory.parent.exists() and not any(self.directory.parent.iterdir()):
            self.directory.parent.rmdir()

    def power_on(self, name: str) -> None:
        """Boot a host that is off, up to a libvirtd that answers."""
        host, node = self._host(name), self.node(name)
        node.start()
        self._plug_cables(host, node)
        machine.boot_host(node, host, self.directory / name, self.control_address)

    def power_cut(self, name: str) -> None:
        """Kill every process of the host at once. What its disk was not told to flush is lost, and so is /run."""
        node = self.node(name)
        remove_link(self.names.port(name))
        machine.lose_unflushed_writes(node, self.directory / name)
        node.stop()
        wait_until(lambda: not self._loop_devices(name), f"{name}'s loop devices are free")

    def unplug(self, name: str) -> None:
        """Pull a host's cable to the others and to the control plane. That to the outside stays."""
        ip("link", "set", self.names.port(name), "down")

    def plug_in(self, name: str) -> None:
        """Undo `unplug`."""
        ip("link", "set", self.names.port(name), "up")

    def restart_libvirtd(self, name: str) -> None:
        machine.restart_libvirtd(self.node(name), self.directory / name)

    def _host(self, name: str) -> Host:
        for host in self.hosts:
            if host.name == name:
                return host
        raise LookupError(f"the lab {self.names.lab} has no host {name}; it has {[host.name for host in self.hosts]}")

    def _make_bridge(self) -> None:
        bridge = self.names.bridge
        ip("link", "add", bridge, "type", "bridge")
        ip("address", "add", f"{self.control_address}/24", "dev", bridge)
        ip("link", "set", bridge, "up")

    def _plug_cables(self, host: Host, node: Node) -> None:
        port, pid = self.names.port(host.name), str(node.pid)
        ip("link", "add", port, "type", "veth", "peer", *self._card(host, "under0"), "netns", pid)
        ip("link", "set", port, "master", self.names.bridge, "up")
        machine.set_address(node, "under0", self.underlay_address(host.name))
        if "gateway" in host.roles:
            outside = self.node(OUTSIDE)
            outside.run("ip", "link", "del", host.name, check=False)
            far = ("name", host.name, "netns", str(outside.pid))
            ip("link", "add", *self._card(host, "ext0"), "netns", pid, "type", "veth", "peer", *far)
            outside.run("ip", "link", "set", host.name, "master", "internet", "up")
            machine.set_address(node, "ext0", host.uplink_address)
            node.run("ip", "route", "add", "default", "via", OUTSIDE_ADDRESS)

    def _card(self, host: Host, name: str) -> tuple[str, ...]:
        """For ip-link(8)."""
        return ("name", name, "address", self.names.hardware_address(name, host.number))

    def _loop_devices(self, host: str = "") -> list[str]:
        files = (path.read_text() for path in Path("/sys/block").glob("loop*/loop/backing_file"))
        return [file for file in files if file.startswith(f"{self.directory}/{host}")]


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


def remove_link(name: str) -> None:
    subprocess.run(["ip", "link", "del", name], stderr=subprocess.DEVNULL, check=False)
