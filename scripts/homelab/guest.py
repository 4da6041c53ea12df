"""An instance as its user meets it: through ssh from the outside."""

import subprocess
from functools import cached_property
from pathlib import Path
from typing import Any

from homelab.cloud import Cloud
from homelab.node import wait_until


class Guest:
    """`key` is the private key's file, `login` the name that the image lets in."""

    def __init__(self, cloud: Cloud, instance_id: str, key: Path, login: str = "root") -> None:
        self.cloud = cloud
        self.login = login
        self.instance_id = instance_id
        self.key = key

    @classmethod
    def launch(
        cls, cloud: Cloud, key: Path, *arguments: str, groups: tuple[str, ...], image: str, key_name: str
    ) -> "Guest":
        """Run one instance of the smallest type and wait until its domain runs."""
        words = [word for group in groups for word in ("--sg", group)]
        what = ["--image", image, "--key", key_name, "--type", "t3.nano", *words, *arguments]
        reply = cloud.json("instance", "run", *what, "--wait")
        return cls(cloud, reply["instances"][0]["instance_id"], key)

    def describe(self) -> dict[str, Any]:
        described: dict[str, Any] = self.cloud.json("instance", "describe", self.instance_id)["instances"][0]
        return described

    @cached_property
    def private_ip(self) -> str:
        return str(self.describe()["private_ip_address"])

    @property
    def public_ip(self) -> str:
        """Empty when it has none; changes over a stop."""
        return str(self.describe().get("public_ip_address", ""))

    @property
    def state(self) -> str:
        return str(self.describe()["state"]["name"])

    def ssh_command(self, *command: str, address: str = "", key: Path | None = None) -> list[str]:
        """For the node `outside`. Host keys are new with every instance, so they aren't remembered."""
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "ConnectTimeout=5",
                   "BatchMode=yes", "IdentitiesOnly=yes"]  # fmt: skip
        words = [word for option in options for word in ("-o", option)]
        return ["ssh", *words, "-i", str(key or self.key), f"{self.login}@{address or self.public_ip}", *command]

    def try_ssh(self, command: str, address: str = "", key: Path | None = None) -> subprocess.CompletedProcess[str]:
        """With an answer also where the guest is cut off meanwhile, which says no farewell."""
        outside, alive = self.cloud.lab.node("outside"), ("-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3")
        ssh, *arguments = self.ssh_command(command, address=address, key=key)
        return outside.run(ssh, *alive, *arguments, check=False)

    def ssh(self, command: str, address: str = "") -> str:
        """What the command prints; raises CalledProcessError."""
        done = self.try_ssh(command, address)
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
        return done.stdout

    def boot_id(self, address: str = "") -> str:
        """Tells one boot from the next; empty while it can't be asked."""
        return self.try_ssh("cat /proc/sys/kernel/random/boot_id", address).stdout.strip()

    def wait_for_ssh(self, deadline_s: float = 180) -> None:
        address = self.public_ip
        wait_until(lambda: self.try_ssh("true", address).returncode == 0, f"{self.instance_id} answers ssh", deadline_s)

    def addresses(self) -> str:
        """The guest's own addresses, as it knows them."""
        return self.ssh("ip -4 -o addr show dev eth0 | awk '{print $4}' | cut -d/ -f1").strip()

    def disk(self, volume_id: str, tries: int = 30) -> str:
        """The volume's device in the guest, which finds it moments after it is attached; by its serial number.

        `tries`: how often the guest looks, once a second. Raises RuntimeError when it sees none.
        """
        serial = volume_id.replace("-", "")
        look = f"for d in /sys/block/vd*; do [ $(cat $d/serial) = {serial} ] && echo /dev/${{d##*/}} && exit; done"
        found = self.ssh(f"for i in $(seq {tries}); do {look}; sleep 1; done")
        if not found.strip():
            raise RuntimeError(f"{self.instance_id} sees no disk with the serial number {serial}")
        return found.strip()
