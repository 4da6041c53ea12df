"""Stead itself on a lab's hosts: a control plane on the machine, an agent on each host. For demo and tests."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from homelab.lab import Lab
from homelab.layout import PUBLIC_POOL, Host
from homelab.node import wait_until

BIN = Path(sys.executable).parent
PORT, AGENTS_PORT = 7443, 7444

_CONTROL_PLANE_TOML = """\
[region]
name = "home-1"
zones = {zones}

[api]
listen = "{address}:{port}"
agents_listen = "{address}:{agents_port}"
advertise = ["{address}"]

[store]
url = "sqlite:///{directory}/controlplane.db"

[paths]
state_dir = "{directory}"

[network]
public_pool = ["{first}-{last}"]
{more}"""


class CommandFailed(Exception):
    """A `stead` command exited with an error; the message is what it printed."""


def _databases(names: Iterable[str]) -> list[str]:
    """The database and its log, which belong together."""
    return [name for name in names if name.startswith("controlplane.db")]


def _is_ready(host: Host, row: dict[str, Any]) -> bool:
    needed = {"compute": "vcpus", "storage": "storage_gib", "gateway": "agent_version"}
    has_told = all(row.get(needed[role]) not in (None, "", 0, "0") for role in host.roles)
    return has_told and row["status"] == "connected"


class Cloud:
    """A cloud on a lab that is up. `more` is added to the control plane's configuration."""

    def __init__(self, lab: Lab, more: str = "", agent_toml: str = "") -> None:
        self.lab = lab
        self.directory = lab.directory / "control"
        self.client_config = self.directory / "client.toml"
        self._config = self.directory / "controlplane.toml"
        self._more = more
        self._agent_toml = agent_toml
        self.environment: dict[str, str] = {}  # Of all programs of it that are started from now on.

    def up(self, progress: Callable[[str], None] = lambda line: None) -> None:
        """Set up a region, start the control plane, and let every host join."""
        self.directory.mkdir(parents=True)
        first, last = PUBLIC_POOL
        zones = sorted({host.zone for host in self.lab.hosts})
        self._config.write_text(
            _CONTROL_PLANE_TOML.format(
                zones=json.dumps(zones),
                address=self.lab.control_address,
                port=PORT,
                agents_port=AGENTS_PORT,
                directory=self.directory,
                first=first,
                last=last,
                more=self._more,
            )
        )
        self._control_plane("init", "--client-config", str(self.client_config))
        progress("control plane")
        self.start_control_plane()
        # At once: a restarted libvirtd may probe QEMU anew for seconds, as what KVM offers depends on the CPU asked.
        with ThreadPoolExecutor() as pool:
            list(pool.map(self._join, self.lab.hosts))
        progress("an agent on each host")
        wait_until(self.is_complete, "every host is connected", deadline_s=60)

    def _program(self, name: str) -> list[str]:
        return ["env", *(f"{key}={value}" for key, value in self.environment.items()), str(BIN / name)]

    def _control_plane(self, verb: str, *arguments: str) -> None:
        command = [str(BIN / "stead-controlplane"), verb, "--config", str(self._config), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **self.environment})

    def start_control_plane(self) -> None:
        """Start it and wait until it answers."""
        command = [str(BIN / "stead-controlplane"), "run", "--config", str(self._config)]
        self.lab.node("control").spawn(command, self.directory / "log", self.environment)
        wait_until(self._answers, "the control plane answers")

    def kill_control_plane(self) -> None:
        self.lab.node("control").kill("stead-controlplane run")

    def back_up(self) -> Path:
        """A copy of the database, made while the control plane is down for a moment."""
        backup = self.directory / "backup"
        self._stop_control_plane()
        shutil.copytree(self.directory, backup, ignore=lambda _, names: set(names) - set(_databases(names)))
        self.start_control_plane()
        return backup

    def restore(self, backup: Path) -> None:
        """Put it back as `docs/install.md` says. The copy is used up."""
        self._stop_control_plane()
        for name in _databases(os.listdir(self.directory)):
            (self.directory / name).unlink()
        for file in backup.iterdir():
            file.rename(self.directory / file.name)
        backup.rmdir()
        self._control_plane("restored")
        self.start_control_plane()

    def _stop_control_plane(self) -> None:
        self.kill_control_plane()
        node = self.lab.node("control")
        wait_until(lambda: not node.runs("stead-controlplane run"), "the control plane has ended")

    def _answers(self) -> bool:
        try:
            self.stead("region", "list")
        except CommandFailed:
            return False
        return True

    def _join(self, host: Host) -> None:
        roles = [word for role in host.roles for word in ("--role", role)]
        token = self.json("host", "token", "--az", host.zone, *roles)["token"]
        config = self.lab.directory / host.name / "agent.toml"
        config.write_text(self._agent_toml)
        self.lab.node(host.name).run(
            *self._program("stead-agent"), "join", token, "--underlay", self.lab.underlay_address(host.name),
            "--config", str(config),
        )  # fmt: skip
        if "storage" in host.roles:
            pool = ["-m", "agent.drivers.volume_nbd.pool", "create", "--dir", "/var/lib/stead/pool"]
            self.lab.node(host.name).run(*self._program("python"), *pool)
        if "compute" in host.roles:
            self.lab.restart_libvirtd(host.name)
        self.start_agent(host.name)

    def start_agent(self, host: str) -> None:
        directory = self.lab.directory / host
        command = [str(BIN / "stead-agent"), "run", "--config", str(directory / "agent.toml")]
        self.lab.node(host).spawn(command, directory / "agent.log", self.environment)

    def kill_agent(self, host: str) -> None:
        self.lab.node(host).kill("stead-agent run")

    def is_complete(self) -> bool:
        """Whether every host is connected, and has told its capacity."""
        hosts = {row["host_name"]: row for row in self.json("host", "list")["hosts"]}
        return all(_is_ready(host, hosts.get(host.name, {})) for host in self.lab.hosts)

    def stead(self, *arguments: str, timeout_s: float = 120) -> str:
        """Run a `stead` command as the admin; raises CommandFailed."""
        done = subprocess.run(
            [str(BIN / "stead"), *arguments],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            env={**os.environ, **self.environment, "STEAD_CONFIG": str(self.client_config)},
        )
        if done.returncode:
            raise CommandFailed(done.stderr.strip() or done.stdout.strip())
        return done.stdout

    def json(self, *arguments: str, timeout_s: float = 120) -> Any:
        """The same with `--output json`, parsed."""
        return json.loads(self.stead("--output", "json", *arguments, timeout_s=timeout_s))
