"""A real machine's units: its guests go down and come up with it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from homelab.node import wait_until
from tests.e2e.booted import ADDRESS, Booted

pytestmark = [pytest.mark.deep, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def machine(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    """With a region, and as its only host."""
    machine = Booted(tmp_path_factory.mktemp("booted") / "machine")
    try:
        machine.make()
        machine.power_on()
        machine.run("stead-controlplane", "init")
        machine.run("systemctl", "enable", "--now", "stead-controlplane")
        wait_until(lambda: "home-1" in machine.run("stead", "region", "list", check=False), "the control plane answers")
        pool = ["-m", "agent.drivers.volume_nbd.pool", "create", "--dir", "/var/lib/stead/pool", "--size-gib", "2"]
        machine.run("/opt/stead/bin/python", *pool)
        roles = [word for role in ("compute", "storage", "gateway") for word in ("--role", role)]
        token = machine.json("host", "token", "--az", "home-1a", *roles)["token"]
        machine.run("stead-agent", "join", token, "--underlay", ADDRESS)
        machine.run("systemctl", "restart", "libvirtd")
        machine.run("systemctl", "enable", "--now", "stead-agent", "stead-guests")
        wait_until(lambda: machine.json("host", "list")["hosts"][0].get("vcpus"), "the host is connected", 60)
        shutil.copy(image, machine.root / "root/tiny.raw")
        machine.run("stead", "image", "import", "tiny.raw", "--name", "tiny")
        yield machine
    finally:
        machine.remove()


class Instance:
    """One that is to go with its power. Its memory can't be asked; it says on its console when it is up."""

    def __init__(self, machine: Booted) -> None:
        arguments = ["--image", "tiny", "--type", "t3.nano", "--shutdown-behavior", "terminate"]
        self._machine = machine
        self.id = str(machine.json("instance", "run", *arguments)["instances"][0]["instance_id"])

    def told(self, words: str) -> int:
        """How often the console says so."""
        console = self._machine.root / f"var/lib/stead/console/{self.id}.log"
        return console.read_text(errors="replace").count(words) if console.exists() else 0

    def wait_for_boot(self, count: int) -> None:
        wait_until(lambda: self.told("stead: ready") == count, f"boot {count} of {self.id}", 240)

    @property
    def state(self) -> str:
        return str(self._machine.json("instance", "describe", self.id)["instances"][0]["state"]["name"])

    def move_to_its_scope(self) -> None:
        """Where libvirt has its QEMU when it manages cgroups, for which a container has no controllers."""
        pid = self._machine.run("pgrep", "--full", f"^/usr/bin/qemu-system-x86_64.*{self.id}")
        systemd = ("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
        properties = ("PIDs", "au", "1", pid, "Slice", "s", "machine.slice")
        order = ("Before", "as", "1", "virt-guest-shutdown.target")
        start = ("StartTransientUnit", "ssa(sv)a(sa(sv))", "machine-qemu.scope", "fail", "3")
        self._machine.run("busctl", "call", *systemd, *start, *properties, *order, "0")
        wait_until(lambda: "machine-qemu" in self._machine.run("cat", f"/proc/{pid}/cgroup"), "it is in its scope")


def test_guests_go_down_and_come_up_with_the_machine(machine: Booted) -> None:
    instance = Instance(machine)
    instance.wait_for_boot(1)

    instance.move_to_its_scope()
    machine.run("systemctl", "stop", "machine.slice")  # SIGTERM, as earlyoom sends: nothing that the guest asked for.
    instance.wait_for_boot(2)
    assert instance.told("reboot: Power down") == 0

    instance.move_to_its_scope()
    machine.power_off()
    assert instance.told("reboot: Power down") == 1
    machine.power_on()
    instance.wait_for_boot(3)
    wait_until(lambda: instance.state == "running", "it is seen to run", 60)
