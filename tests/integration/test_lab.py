"""The lab makes hosts that are apart from one another, loses them like a power cut, and leaves nothing behind."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from homelab import Lab
from homelab.node import Node, marked_processes, wait_until

pytestmark = pytest.mark.host

LAB = Path(__file__).parents[2] / "scripts/lab"
NAME = "test-lab"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    lab = Lab(NAME)
    lab.down()
    lab.up("three")
    yield lab
    lab.down()


def remains(name: str) -> list[str]:
    """Whatever of the lab is on the machine."""
    names = Lab(name).names
    links = [link.name for pattern in (names.bridge, names.port("*")) for link in Path("/sys/class/net").glob(pattern)]
    loops = [path.read_text() for path in Path("/sys/block").glob("loop*/loop/backing_file")]
    processes = [f"process {pid}" for pid in marked_processes(names.mark(""))]
    directories = [str(names.directory)] if names.directory.exists() else []
    return links + processes + directories + [loop for loop in loops if loop.startswith(str(names.directory))]


def test_networks(lab: Lab) -> None:
    lab.node("a1").run("ping", "-c1", "-W5", lab.underlay_address("b1"))
    lab.node("a1").run("ping", "-c1", "-W5", lab.control_address)
    lab.node("outside").run("ping", "-c1", "-W5", "203.0.113.2")
    assert lab.node("outside").run("ping", "-c1", "-W1", lab.underlay_address("a1"), check=False).returncode != 0


def test_hosts_are_apart(lab: Lab) -> None:
    for name in ("a1", "b1"):
        lab.node(name).run("sh", "-c", f"echo {name} >/etc/stead/marker; echo {name} >/var/lib/stead/pool/marker")
    assert lab.node("a1").run("cat", "/etc/stead/marker", "/var/lib/stead/pool/marker").stdout.split() == ["a1", "a1"]
    assert not Path("/etc/stead/marker").exists()
    uuids = {lab.node(name).run("virsh", "-c", "qemu:///system", "capabilities").stdout[:200] for name in ("a1", "b1")}
    assert len(uuids) == 2
    assert lab.node("b1").run("hostname").stdout.strip() == "b1"


def _sleep(node: Node, log: Path) -> None:
    """Returns once it goes by its own name: a process is `setsid` first."""
    node.spawn(["sleep", "3600"], log)
    wait_until(lambda: node.runs("^sleep 3600$"), "it sleeps")


def test_kill_stays_on_its_node(lab: Lab, tmp_path: Path) -> None:
    for name in ("a1", "control"):
        _sleep(lab.node(name), tmp_path / name)
    lab.node("control").kill("^sleep 3600$")
    wait_until(lambda: not lab.node("control").runs("^sleep 3600$"), "the process is gone")
    assert lab.node("a1").runs("^sleep 3600$")


def test_libvirtd_restarts(lab: Lab) -> None:
    before = lab.node("b1").run("cat", "/run/libvirtd.pid").stdout
    lab.restart_libvirtd("b1")
    assert lab.node("b1").run("cat", "/run/libvirtd.pid").stdout != before


def test_power_cut_and_return(lab: Lab, tmp_path: Path) -> None:
    node = lab.node("a1")
    _sleep(node, tmp_path / "log")
    node.kill("^sleep 3600$", signal.SIGSTOP)  # The power of a host with a stopped process goes as well.
    node.run("ip", "netns", "add", "stead-vpc")
    node.run("sh", "-c", "echo kept >/var/lib/stead/pool/kept; touch /run/gone")
    node.run("sync", "--file-system", "/var/lib/stead/pool/kept")
    boot = node.run("cat", "/proc/sys/kernel/random/boot_id").stdout
    lab.power_cut("a1")
    assert node.pid is None
    lab.power_on("a1")
    assert node.run("ip", "netns", "list").stdout == ""
    assert node.run("cat", "/var/lib/stead/pool/kept").stdout == "kept\n"
    assert node.run("test", "-e", "/run/gone", check=False).returncode == 1
    assert node.run("cat", "/proc/sys/kernel/random/boot_id").stdout not in ("", boot)
    node.run("ping", "-c1", "-W5", lab.underlay_address("b1"))


def test_a_power_cut_loses_what_was_not_flushed(lab: Lab) -> None:
    node, file = lab.node("b1"), "/var/lib/stead/pool/file"
    write = "echo $1 | dd bs=4K conv=sync,notrunc oflag=direct of=$2 seek=$3 && $4"
    node.run("dd", "if=/dev/zero", f"of={file}", "bs=4K", "count=2", "conv=fsync")
    node.run("sh", "-ec", write, "sh", "flushed", file, "0", f"sync {file}")
    node.run("sh", "-ec", write, "sh", "written", file, "1", "true")
    lab.power_cut("b1")
    lab.power_on("b1")
    assert node.run("sh", "-ec", f"tr -d '\\0' <{file}").stdout == "flushed\n"


@pytest.mark.parametrize("delay_s", [0.1, 0.5, 1.5])
def test_down_after_up_was_killed(delay_s: float) -> None:
    """At several moments of `up`: sleeping is what this test is about."""
    name = "test-lab-killed"
    up = subprocess.Popen([sys.executable, LAB, "--name", name, "up", "--layout", "single"], stdout=subprocess.DEVNULL)
    time.sleep(delay_s)
    up.send_signal(signal.SIGKILL)
    up.wait()
    Lab(name).down()
    Lab(name).down()
    wait_until(lambda: remains(name) == [], "nothing is left")


def test_two_labs_stand_at_once(lab: Lab) -> None:
    second = Lab("test-lab-second")
    try:
        second.up("single")
        second.node("one").run("ping", "-c1", "-W5", second.control_address)
        assert second.node("one").run("ip", "-br", "address", "show", "ext0").stdout.split()[2] == "203.0.113.2/24"
        assert lab.node("a1").pid
    finally:
        second.down()
    assert remains("test-lab-second") == []
    lab.node("a1").run("ping", "-c1", "-W5", lab.underlay_address("b1"))


def test_command_line(lab: Lab) -> None:
    run = [sys.executable, str(LAB), "--name", NAME]
    status = subprocess.run([*run, "status"], capture_output=True, text=True, check=True).stdout
    assert [line.split()[:2] for line in status.splitlines()] == [["a1", "on"], ["b1", "on"], ["gw", "on"]]
    done = subprocess.run([*run, "exec", "b1", "--", "sh", "-c", "hostname; exit 3"], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("b1\n", 3)
    again = subprocess.run([*run, "up"], capture_output=True, text=True)
    assert again.returncode == 1
    assert "`down` first" in again.stderr


def test_down_leaves_nothing() -> None:
    name = "test-lab-gone"
    Lab(name).up("single")
    assert remains(name)
    Lab(name).down()
    assert remains(name) == []
