"""The tiny image, bare: QEMU's own user network and a stand-in for the metadata service; no libvirt, no root needed."""

import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytestmark = pytest.mark.vm

REPOSITORY = Path(__file__).parents[2]
IMDS = "169.254.169.254"


@dataclass
class Machine:
    """One QEMU process at a time, on a disk that stays."""

    directory: Path
    imds_port: int
    ssh_port: int
    process: subprocess.Popen[bytes] | None = None

    def power_on(self) -> None:
        network = f"user,id=net,net=169.254.169.0/24,hostfwd=tcp:127.0.0.1:{self.ssh_port}-:22"
        network += f",guestfwd=tcp:{IMDS}:80-cmd:busybox nc 127.0.0.1 {self.imds_port}"
        argv = ["qemu-system-x86_64", "-accel", "tcg", "-machine", "q35", "-m", "128", "-no-reboot", "-display", "none"]
        argv += ["-drive", "file=disk.raw,format=raw,if=virtio", "-device", "pcie-root-port,id=port1"]
        argv += ["-netdev", network, "-device", "virtio-net-pci,netdev=net,romfile="]
        argv += ["-serial", "file:console.log", "-qmp", "unix:qmp,server=on,wait=off"]
        (self.directory / "qmp").unlink(missing_ok=True)
        (self.directory / "console.log").write_text("")
        self.process = subprocess.Popen(argv, cwd=self.directory)

    def pull_plug(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def wait_off(self) -> None:
        assert self.process is not None
        assert self.process.wait(60) == 0

    def console(self) -> str:
        return (self.directory / "console.log").read_text(errors="replace")

    def ssh(self, command: str) -> str:
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "ConnectTimeout=5", "LogLevel=ERROR"]
        argv = ["ssh", "-i", str(self.directory / "key"), "-p", str(self.ssh_port)]
        argv += [word for option in options for word in ("-o", option)]
        done = subprocess.run([*argv, "root@127.0.0.1", command], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def qmp(self, *commands: dict[str, object]) -> None:
        with socket.socket(socket.AF_UNIX) as qmp:
            qmp.connect(str(self.directory / "qmp"))
            lines = qmp.makefile("rw")
            lines.readline()
            for command in ({"execute": "qmp_capabilities"}, *commands):
                print(json.dumps(command), file=lines, flush=True)
                while "event" in (reply := json.loads(lines.readline())):
                    pass
                assert "return" in reply, reply


@dataclass
class Metadata:
    """What the stand-in for IMDSv2 serves, by path below /latest/."""

    values: dict[str, str] = field(default_factory=dict)

    def serve(self) -> ThreadingHTTPServer:
        values = self.values

        class Request(BaseHTTPRequestHandler):
            def answer(self, status: int, body: str) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def do_PUT(self) -> None:
                is_ttl_given = "X-aws-ec2-metadata-token-ttl-seconds" in self.headers
                self.answer(200, "the-token") if is_ttl_given else self.answer(400, "")

            def do_GET(self) -> None:
                path = self.path.removeprefix("/latest/")
                if self.headers["X-aws-ec2-metadata-token"] != "the-token":
                    self.answer(401, "")
                else:
                    self.answer(200 if path in values else 404, values.get(path, ""))

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Request)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server


def wait_until(condition: Callable[[], bool], what: str, deadline_s: float = 60) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"not within {deadline_s} s: {what}"
        time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def metadata() -> Metadata:
    return Metadata()


@pytest.fixture(scope="module")
def machine(metadata: Metadata, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Boots for the first time, from an image put on a larger disk."""
    directory = tmp_path_factory.mktemp("image")
    disk = directory / "disk.raw"
    subprocess.run([REPOSITORY / "scripts/build-image", disk], check=True)
    with disk.open("r+b") as file:
        file.truncate(3 << 30)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / "key"], check=True)
    metadata.values["meta-data/instance-id"] = "i-0000000000000001"
    metadata.values["meta-data/local-hostname"] = "ip-10-0-0-5.home-1.internal"
    metadata.values["meta-data/public-keys/0/openssh-key"] = (directory / "key.pub").read_text()
    metadata.values["user-data"] = "#!/bin/sh\necho ran on $(hostname) >>/root/user-data-ran\n"
    with ExitStack() as stack:
        server = metadata.serve()
        stack.callback(server.server_close)
        stack.callback(server.shutdown)
        machine = Machine(directory, server.server_port, free_port())
        machine.power_on()
        stack.callback(machine.pull_plug)
        wait_ready(machine)
        wait_until(lambda: runs_of_user_data(machine) == 1, "user data ran")
        yield machine


def runs_of_user_data(machine: Machine) -> int:
    """Once for each instance, some moments after the guest is ready."""
    return int(machine.ssh("cat /root/user-data-ran 2>/dev/null | wc -l"))


def wait_ready(machine: Machine) -> None:
    wait_until(lambda: "stead: ready" in machine.console(), "the guest is ready")


def test_first_boot(machine: Machine) -> None:
    assert machine.ssh("hostname").strip() == "ip-10-0-0-5"
    assert machine.ssh("cat /root/user-data-ran") == "ran on ip-10-0-0-5\n"
    size_mib = int(machine.ssh("df -m / | tail -1 | awk '{ print $2 }'"))
    assert size_mib > 2800, "the root file system has grown with its disk"


def test_console_shows_host_key(machine: Machine) -> None:
    scan = ["ssh-keyscan", "-p", str(machine.ssh_port), "-t", "ed25519", "127.0.0.1"]
    key = subprocess.run(scan, capture_output=True, text=True, check=True, timeout=30).stdout.split()[-1]
    assert key in machine.console()
    assert "-----BEGIN SSH HOST KEY FINGERPRINTS-----" in machine.console()


def test_data_disk_comes_and_goes(machine: Machine) -> None:
    with (machine.directory / "data.raw").open("wb") as file:
        file.truncate(64 << 20)
    blockdev = {"driver": "raw", "node-name": "data", "file": {"driver": "file", "filename": "data.raw"}}
    device = {"driver": "virtio-blk-pci", "id": "data-device", "drive": "data", "bus": "port1"}
    machine.qmp(
        {"execute": "blockdev-add", "arguments": blockdev},
        {"execute": "device_add", "arguments": device},
    )
    wait_until(lambda: machine.ssh("ls /dev/vdb || true") != "", "the disk is in the guest")
    machine.ssh("mkfs.ext4 -q /dev/vdb && mount /dev/vdb /mnt && echo data >/mnt/file && umount /mnt")
    machine.qmp({"execute": "device_del", "arguments": {"id": "data-device"}})
    wait_until(lambda: machine.ssh("ls /dev/vdb || true") == "", "the guest has let go of the disk")


@pytest.mark.deep
def test_power_button_and_second_boot(machine: Machine) -> None:
    """The root disk keeps what was written, and what is done once per instance is not done again."""
    host_key = machine.ssh("dropbearkey -y -f /etc/dropbear/dropbear_ed25519_host_key")
    machine.ssh("echo kept >/root/file")
    machine.qmp({"execute": "system_powerdown"})
    machine.wait_off()
    machine.power_on()
    wait_ready(machine)
    assert machine.ssh("cat /root/file").strip() == "kept"
    assert machine.ssh("dropbearkey -y -f /etc/dropbear/dropbear_ed25519_host_key") == host_key
    assert runs_of_user_data(machine) == 1


def test_synced_file_survives_a_power_cut(machine: Machine) -> None:
    host_key = machine.ssh("dropbearkey -y -f /etc/dropbear/dropbear_ed25519_host_key")
    machine.ssh("echo synced >/root/synced && sync")
    machine.pull_plug()
    machine.power_on()
    wait_ready(machine)
    assert machine.ssh("cat /root/synced").strip() == "synced"
    assert machine.ssh("dropbearkey -y -f /etc/dropbear/dropbear_ed25519_host_key") == host_key


def test_new_instance_from_the_same_disk(machine: Machine, metadata: Metadata) -> None:
    """As after a launch from an image that was made of an instance."""
    host_key = machine.ssh("dropbearkey -y -f /etc/dropbear/dropbear_ed25519_host_key")
    machine.ssh("poweroff")
    machine.wait_off()
    metadata.values["meta-data/instance-id"] = "i-0000000000000002"
    machine.power_on()
    wait_ready(machine)
    assert machine.ssh("dropbearkey -y -f /etc/dropbear/dropbear_ed25519_host_key") != host_key
    wait_until(lambda: runs_of_user_data(machine) == 2, "user data ran again")
