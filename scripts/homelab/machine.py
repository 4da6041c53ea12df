"""What boots on a node: mounts, disks and libvirt, all inside the node's namespaces, so that it goes with the node."""

import os
import signal
import textwrap
import uuid
from pathlib import Path

from homelab.layout import OUTSIDE_ADDRESS, OUTSIDE_NAME, Host
from homelab.node import Node, wait_until

# A host's own, over the real machine's; kept through power cuts.
OWN_DIRECTORIES = (
    "/etc/libvirt",
    "/etc/pki",
    "/etc/stead",
    "/var/cache/libvirt",
    "/var/lib/libvirt",
    "/var/lib/stead",
    "/var/log/libvirt",
)
LIBVIRTD = "/usr/sbin/libvirtd"
DISK_BYTES, POOL_BYTES = 48 << 30, 40 << 30  # Sparse. Twenty guests of 1 GiB, with as many in the trash, have room.


def boot_outside(node: Node) -> None:
    """The internet: a bridge that gateways' uplinks are plugged into, reached by ARP, without a route to hosts."""
    node.run("hostname", node.name)
    node.run("mount", "-t", "sysfs", "sysfs", "/sys")
    node.run("ip", "link", "set", "lo", "up")
    node.run("ip", "link", "add", "internet", "type", "bridge")
    set_address(node, "internet", OUTSIDE_ADDRESS)


def boot_host(node: Node, host: Host, directory: Path, resolver: str) -> None:
    """`directory` has the host's disk and its logs, `resolver` is who it asks for names."""
    disk = directory / "disk"
    node.run("hostname", host.name)
    node.run("ip", "link", "set", "lo", "up")
    _mount_system(node, resolver)
    _mount_xfs(node, directory / "disk.img", DISK_BYTES, disk)
    for path in OWN_DIRECTORIES:
        Path(path).mkdir(exist_ok=True)
        node.run("mkdir", "-p", f"{disk}{path}")
        node.run("mount", "--bind", f"{disk}{path}", path)
    if "storage" in host.roles:
        # Through a page cache of the disk's, which is what a drive's volatile cache is to the pool.
        _mount_xfs(node, disk / "pool.img", POOL_BYTES, Path("/var/lib/stead/pool"))
    if "compute" in host.roles:
        _start_libvirt(node, directory)


def serve_names(control: Node, address: str, log: Path) -> None:
    """The site's resolver, which hosts ask: it knows one name of the outside, and asks the machine's own for others."""
    options = ["--conf-file=/dev/null", "--pid-file", "--no-hosts", "--bind-interfaces", f"--listen-address={address}"]
    control.spawn(["dnsmasq", "--keep-in-foreground", *options, f"--host-record={OUTSIDE_NAME},{OUTSIDE_ADDRESS}"], log)


def set_address(node: Node, interface: str, address: str) -> None:
    node.run("ip", "address", "add", f"{address}/24", "dev", interface)
    node.run("ip", "link", "set", interface, "up")


def _mount_system(node: Node, resolver: str) -> None:
    node.run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    # A sysfs shows the network namespace that it was mounted in.
    node.run("mount", "-t", "sysfs", "sysfs", "/sys")
    # As Debian's installer does: libvirt looks the host's own name up at every start, and no DNS answers here (10 s).
    _mount_file(node, "/etc/hosts", f"127.0.0.1 localhost {node.name}")
    _mount_file(node, "/etc/resolv.conf", f"nameserver {resolver}")
    _mount_file(node, "/proc/sys/kernel/random/boot_id", str(uuid.uuid4()))
    if Path("/dev/kvm").exists():
        # Where QEMU's user can't open /dev/kvm, libvirt probes QEMU anew at every start (60 s). A device file of the
        # host's own has the right mode, and the machine's stays as it is.
        node.run("mknod", "--mode=660", "/run/kvm", "c", "10", "232")
        node.run("chgrp", "kvm", "/run/kvm")
        node.run("mount", "--bind", "/run/kvm", "/dev/kvm")


def _mount_file(node: Node, path: str, line: str) -> None:
    """The host's own over the machine's, which may be a link into /run."""
    there, own = os.path.realpath(path), f"/run/{os.path.basename(path)}"
    make = f"echo '{line}' >{own}; mkdir -p {os.path.dirname(there)}; [ -e {there} ] || touch {there}"
    node.run("sh", "-ec", f"{make}; mount --bind {own} {there}")


def _mount_xfs(node: Node, image: Path, size_bytes: int, directory: Path) -> None:
    node.run("mkdir", "-p", str(directory))
    if node.run("test", "-e", str(image), check=False).returncode:
        node.run("truncate", f"--size={size_bytes}", str(image))
        node.run("mkfs.xfs", "-q", str(image))
    node.run("mount", "-o", "loop", str(image), str(directory))


def lose_unflushed_writes(node: Node, directory: Path) -> None:
    """What a power cut does to a host's disk: nothing that it was not told to flush reaches it any more."""
    node.run("xfs_io", "-x", "-c", "shutdown", str(directory / "disk"))


def _start_libvirt(node: Node, directory: Path) -> None:
    for path, text in _libvirt_configuration(node.mark).items():
        node.run("sh", "-ec", '[ -e "$1" ] || printf %s "$2" >"$1"', "sh", path, text)
    node.spawn(["/usr/sbin/virtlogd"], directory / "virtlogd.log")
    _start_libvirtd(node, directory)


def restart_libvirtd(node: Node, directory: Path) -> None:
    """As after a change of its configuration. Guests keep running."""
    node.kill(LIBVIRTD, signal.SIGTERM)
    wait_until(lambda: node.run("pgrep", "--full", LIBVIRTD, check=False).returncode != 0, "libvirtd has ended")
    _start_libvirtd(node, directory)


def _start_libvirtd(node: Node, directory: Path) -> None:
    node.spawn([LIBVIRTD], directory / "libvirtd.log")
    virsh = ["virsh", "--connect", "qemu:///system", "version"]
    wait_until(lambda: node.run(*virsh, check=False).returncode == 0, f"{node.name}'s libvirtd answers", 120)


def _libvirt_configuration(mark: str) -> dict[str, str]:
    libvirtd = f"""\
        host_uuid = "{uuid.uuid5(uuid.NAMESPACE_OID, mark)}"  # The machine's own, the same for all, forbids migration.
        auth_unix_rw = "none"  # There is no polkit here.
    """
    qemu = """\
        security_driver = "none"  # Profiles are the machine's, not the namespace's. QEMU still runs as its own user.
        cgroup_controllers = []  # /sys/fs/cgroup is the machine's.
    """
    return {
        "/etc/libvirt/libvirtd.conf": textwrap.dedent(libvirtd),
        "/etc/libvirt/qemu.conf": textwrap.dedent(qemu),
        "/etc/libvirt/virtlogd.conf": "",
    }
