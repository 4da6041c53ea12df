"""A guest on one host, its disks on another: which loses power, and with it whatever it was not told to flush."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from homelab.cloud import Cloud
from homelab.guest import Guest
from homelab.node import wait_until
from tests.e2e.conftest import a_cloud
from tests.e2e.residents import run_instance

pytestmark = [pytest.mark.deep, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def cloud(image: Path) -> Iterator[Cloud]:
    with a_cloud("apart", image, agent_toml="[converge]\nreboot_s = 5\n") as cloud:
        yield cloud


@pytest.fixture(scope="module")
def guest(cloud: Cloud) -> Guest:
    guest = run_instance(cloud, "--az", "home-1a")
    guest.wait_for_ssh()
    return guest


@pytest.fixture
def volume(cloud: Cloud, guest: Guest) -> str:
    volume_id: str = cloud.json("volume", "create", "--az", "home-1a", "--size", "1", "--wait")["volume"]["volume_id"]
    cloud.stead("volume", "attach", volume_id, guest.instance_id, "--wait")
    return volume_id


class Shell:
    """A shell in the guest that is sent one command after the other, and the lines that it printed so far."""

    def __init__(self, guest: Guest, output: Path) -> None:
        self._output = output
        with output.open("wb") as file:
            self._process = subprocess.Popen(
                guest.cloud.lab.node("outside").command(guest.ssh_command("sh")), stdin=subprocess.PIPE, stdout=file
            )

    def type(self, command: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(command.encode() + b"\n")
        self._process.stdin.flush()

    def printed(self) -> list[str]:
        whole, _, _ = self._output.read_text().rpartition("\n")  # It may be in the middle of one.
        return whole.split()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def shell(guest: Guest, tmp_path: Path) -> Iterator[Shell]:
    shell = Shell(guest, tmp_path / "shell")
    yield shell
    shell.end()


def epoch(cloud: Cloud, volume_id: str) -> int:
    """The latest that the storage host has opened."""
    path = f"/var/lib/stead/pool/volumes/{volume_id}.raw"
    program = f"import os; print(os.getxattr({path!r}, 'user.stead.epoch').decode().split()[0])"
    return int(cloud.lab.node("s1").run("python3", "-c", program).stdout)


def test_nobody_is_told_that_lost_writes_are_safe(cloud: Cloud, guest: Guest, volume: str, shell: Shell) -> None:
    """One word is written and flushed, another one is written for ever; then the power goes, and the guest flushes."""
    disk, boot, before = guest.disk(volume), guest.boot_id(), epoch(cloud, volume)
    shell.type(f"echo safe | dd of={disk} bs=4096 conv=sync,fsync && echo flushed")
    shell.type(f"n=0; while n=$((n+1)); do echo lost | dd of={disk} bs=4096 seek=$n conv=sync && echo $n; done &")
    wait_until(lambda: len(shell.printed()) > 20, "much is written that nobody flushed")
    cloud.lab.power_cut("s1")
    shell.type(f"dd of={disk} bs=4096 count=0 conv=fsync,notrunc && echo flushed")
    written = shell.printed()
    assert written[0] == "flushed"

    cloud.kill_control_plane()
    cloud.lab.power_on("s1")
    cloud.start_agent("s1")
    log = cloud.lab.directory / "s1" / "agent.log"
    wait_until(lambda: f"{volume}-e{before} ended when its storage host went down" in log.read_text(), "it refuses", 60)
    assert epoch(cloud, volume) == before
    cloud.start_control_plane()
    wait_until(lambda: guest.boot_id() not in ("", boot), "the guest was power-cycled", 120)
    wait_until(lambda: guest.describe()["status"] == "ok", "the instance's status is ok", 60)

    assert epoch(cloud, volume) > before
    assert shell.printed().count("flushed") == 1
    assert guest.ssh(f"dd if={guest.disk(volume)} bs=4096 count=1 | tr -d '\\0'") == "safe\n"
    last = int(written[-1])
    kept = guest.ssh(f"dd if={guest.disk(volume)} bs=4096 skip=1 count={last} | tr -cd '\\n' | wc -c")
    assert int(kept) < last


def test_writes_stand_still_while_the_storage_host_is_out_of_reach(
    cloud: Cloud, guest: Guest, volume: str, shell: Shell
) -> None:
    disk, boot = guest.disk(volume), guest.boot_id()
    write = f"echo $n | dd of={disk} bs=4096 seek=$n conv=sync,fsync 2>&1 >/dev/null && echo $n"
    shell.type(f"n=0; while n=$((n+1)); do {write}; done &")
    wait_until(lambda: "20" in shell.printed(), "it writes")
    cloud.lab.unplug("s1")
    wait_until(lambda: guest.describe()["status"] != "ok", "its status says so", 90)
    stood_at = last_number(shell)
    cloud.lab.plug_in("s1")
    wait_until(lambda: last_number(shell) > stood_at + 20, "it writes again", 120)
    wait_until(lambda: guest.describe()["status"] == "ok", "the instance's status is ok", 60)
    assert guest.boot_id() == boot
    written = guest.ssh(f"dd if={disk} bs=4096 skip=1 count={stood_at + 20} 2>/dev/null | tr -d '\\0'").split()
    assert written == [str(number) for number in range(1, stood_at + 21)], "nothing is lost"


def last_number(shell: Shell) -> int:
    return max(int(word) for word in shell.printed() if word.isdigit())


def test_a_guest_that_does_not_hear_is_reset(cloud: Cloud, guest: Guest) -> None:
    boot = guest.boot_id()
    guest.ssh("killall -STOP acpid")
    cloud.stead("instance", "reboot", guest.instance_id)
    wait_until(lambda: guest.boot_id() not in ("", boot), "it was reset", 120)
    assert guest.state == "running"


def test_a_third_client_waits_for_the_guest_to_go(cloud: Cloud, guest: Guest) -> None:
    """The second has the connection that is kept for a host to which the guest may move."""
    host, boot = cloud.lab.node("c1"), guest.boot_id()
    domain = ElementTree.fromstring(host.run("virsh", "dumpxml", guest.instance_id).stdout)
    source = domain.find("devices/disk/source")
    server = domain.find("devices/disk/source/host")
    assert source is not None
    assert server is not None
    options = f"server.type=inet,server.host={server.get('name')},server.port={server.get('port')},tls-creds=tls"
    disk = ["--object", "tls-creds-x509,id=tls,dir=/etc/pki/qemu,endpoint=client",
            "--image-opts", f"driver=nbd,{options},export={source.get('name')}"]  # fmt: skip
    second = subprocess.Popen(
        host.command(["qemu-io", "-r", *disk]), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert second.stdin
    assert second.stdout
    second.stdin.write("length\n")
    second.stdin.flush()
    second.stdout.readline()
    third = subprocess.Popen(host.command(["qemu-img", "info", *disk]), stdout=subprocess.PIPE, text=True)
    with pytest.raises(subprocess.TimeoutExpired):
        third.communicate(timeout=3)
    guest.ssh("echo served > /root/note && sync")
    host.run("virsh", "destroy", guest.instance_id)
    assert "virtual size" in third.communicate(timeout=60)[0]
    second.communicate("quit\n", timeout=60)
    wait_until(lambda: guest.boot_id() not in ("", boot), "the guest is back", 120)
