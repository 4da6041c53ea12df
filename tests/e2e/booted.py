"""This machine's own files under a systemd of their own, in a container that can be switched off and on again."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from homelab.node import wait_until

REPOSITORY = Path(__file__).resolve().parents[2]
VENV = Path(sys.executable).parents[1]
ADDRESS = "198.18.255.2"

# Everybody's containers know these: for volumes in a pool of its own, and for QEMU.
DEVICES = ("net/tun", "kvm", "loop-control", *(f"loop{number}" for number in range(8)))
NOT_WANTED = ("etc/stead", "var/lib/stead", "usr/sbin/policy-rc.d")
MASKED = ("libvirt-guests", "postgresql", "systemd-timesyncd", "apt-daily.timer", "apt-daily-upgrade.timer")

_WIRE = f"""\
[Unit]
Before=network-online.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=ip link add eth0 type veth peer name wire
ExecStart=ip link set wire up
ExecStart=ip link set eth0 up
ExecStart=ip address add {ADDRESS}/24 dev eth0
ExecStart=ip route add default via 198.18.255.1
[Install]
WantedBy=multi-user.target
"""
_CONTROL_PLANE_TOML = f"""\
[region]
name = "home-1"
zones = ["home-1a"]
[api]
advertise = ["{ADDRESS}"]
[network]
public_pool = ["198.18.255.100-198.18.255.120"]
"""


class Booted:
    """`directory` has what differs from this machine's files, which it never changes. As docs/install.md installs."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.root = directory / "root"
        self._nspawn: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        for name in ("upper", "work", "root"):
            (self._directory / name).mkdir(parents=True)
        layers = f"lowerdir=/,upperdir={self._directory}/upper,workdir={self._directory}/work"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, self.root], check=True)
        for name in NOT_WANTED:
            subprocess.run(["rm", "-rf", self.root / name], check=True)
        units = self.root / "etc/systemd/system"
        for unit in (REPOSITORY / "docs/systemd").glob("*.service"):
            shutil.copy(unit, units)
        (units / "wire.service").write_text(_WIRE)
        (self.root / "opt/stead").symlink_to(VENV)
        (self.root / "etc/stead").mkdir()
        (self.root / "etc/stead/controlplane.toml").write_text(_CONTROL_PLANE_TOML)
        systemctl = ["systemctl", "--quiet", "--root", str(self.root)]
        subprocess.run([*systemctl, "mask", *MASKED], check=True)
        subprocess.run([*systemctl, "enable", "wire", "libvirtd"], check=True)
        subprocess.run(["useradd", "--root", self.root, "--system", "--shell=/usr/sbin/nologin", "stead"], check=True)

    def power_on(self) -> None:
        """Returns when all units are up."""
        devices = [f"--bind=/dev/{name}" for name in DEVICES if Path("/dev", name).exists()]
        # /proc/sys is writable, and cgroups are those of today's Debian, whatever this machine has.
        environment = {"SYSTEMD_NSPAWN_API_VFS_WRITABLE": "1", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
        with (self._directory / "log").open("ab") as log:
            self._nspawn = subprocess.Popen(
                ["systemd-nspawn", "--boot", f"--directory={self.root}", f"--bind-ro={REPOSITORY}", *devices,
                 "--machine=stead-test", "--register=no", "--keep-unit", "--private-network", "--capability=all",
                 "--system-call-filter=@known", "--resolv-conf=off", "--link-journal=no", "--console=pipe"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **environment},
            )  # fmt: skip
        wait_until(lambda: self._leader() is not None, "the container has its systemd")
        wait_until(lambda: self.run("systemctl", "is-system-running", check=False) in ("running", "degraded"), "up", 90)

    def power_off(self) -> None:
        """As somebody does at a keyboard: returns when all is down."""
        assert self._nspawn
        self.run("systemctl", "poweroff")
        self._nspawn.wait(300)

    def remove(self) -> None:
        """Whatever state it is in."""
        if self._nspawn and (leader := self._leader()):
            os.kill(leader, signal.SIGKILL)
        if self._nspawn:
            self._nspawn.wait(30)
        subprocess.run(["umount", self.root], check=False)
        shutil.rmtree(self._directory)

    def run(self, *argv: str, check: bool = True) -> str:
        """What the command prints."""
        words = ["nsenter", "--target", str(self._leader()), "--all", "--root", "--wdns=/root", "env", "HOME=/root"]
        path = "PATH=/opt/stead/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return subprocess.run([*words, path, *argv], check=check, stdout=subprocess.PIPE, text=True).stdout.strip()

    def json(self, *arguments: str) -> Any:
        """Of a `stead` command."""
        return json.loads(self.run("stead", "--output", "json", *arguments))

    def _leader(self) -> int | None:
        assert self._nspawn
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children")
        found = children.read_text().split() if children.exists() else []
        return int(found[0]) if found else None
