"""A real cloud: lab, control plane, agents, libvirt, QEMU, nftables, ssh.

Each test runs on three hosts; on one, which is everything at once, those that say so, and with --all every one.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from homelab import Lab
from homelab.cloud import Cloud
from homelab.guest import Guest
from tests.e2e.residents import Launch, Residents, run_instance

# Tests have no time: a host is out of reach after 15 s of silence instead of 30, and 5 s after its session ended.
TIMING = "[timing]\nstop_timeout_s = 20\nheartbeat_timeout_s = 15\nreconnect_grace_s = 5\n"
HEARTBEAT = "[session]\nheartbeat_s = 3.0\n"
# Guests of tests idle: those that stay, and those of the test, fit even where all of them are on one host of two cores.
ROOM = "[drivers.libvirt]\nvcpus_per_core = 20\n"

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("image") / "tiny.raw"
    subprocess.run([SCRIPTS / "build-image", path], check=True)
    return path


@contextmanager
def a_cloud(
    layout: str, image: Path, name: str = "", agent_toml: str = "", environment: dict[str, str] | None = None
) -> Iterator[Cloud]:
    """A cloud with the image `tiny`, the key pair `test`, and the groups `ssh`, which opens port 22, and `web`."""
    lab = Lab(f"test-{name or layout}")
    lab.down()
    try:
        lab.up(layout)
        cloud = Cloud(lab, more=TIMING, agent_toml=HEARTBEAT + ROOM + agent_toml)
        cloud.environment = environment or {}
        cloud.up()
        cloud.stead("image", "import", str(image), "--name", "tiny")
        cloud.stead("key", "create", "test", "--output-file", str(cloud.directory / "test.pem"))
        cloud.stead("sg", "create", "ssh", "--description", "ssh from anywhere")
        cloud.stead("sg", "authorize", "ssh", "--port", "22", "--cidr", "0.0.0.0/0")
        cloud.stead("sg", "create", "web", "--description", "lets nothing in at first")
        yield cloud
    finally:
        lab.down()


@pytest.fixture(scope="session", params=["three", pytest.param("single", marks=pytest.mark.deep)])
def cloud(request: pytest.FixtureRequest, image: Path) -> Iterator[Cloud]:
    with a_cloud(request.param, image) as cloud:
        yield cloud


@pytest.fixture(scope="session")
def zones(cloud: Cloud) -> list[str]:
    return [row["zone_name"] for row in cloud.json("az", "list")["availability_zones"]]


@pytest.fixture(scope="session")
def residents(cloud: Cloud, zones: list[str]) -> Residents:
    found = Residents(
        run_instance(cloud, "--az", zones[0], groups=("ssh", "web")),
        run_instance(cloud, "--az", zones[0], groups=("ssh", "default")),
        run_instance(cloud, "--az", zones[-1], groups=("ssh", "default")),
    )
    found.wait()
    return found


@pytest.fixture
def launch(cloud: Cloud) -> Iterator[Launch]:
    """Launches instances that answer ssh; they are gone after the test."""
    launched: list[Guest] = []

    def run(*arguments: str) -> Guest:
        launched.append(run_instance(cloud, *arguments))
        launched[-1].wait_for_ssh()
        return launched[-1]

    yield run
    if launched:
        cloud.stead("instance", "terminate", *(guest.instance_id for guest in launched), "--wait")


@pytest.fixture
def without_system(cloud: Cloud, zones: list[str], tmp_path: Path) -> Iterator[str]:
    """An instance whose disk is blank: it heeds nothing, and lets go of nothing."""
    blank = tmp_path / "blank.raw"
    with blank.open("wb") as file:
        file.truncate(1 << 20)
    image_id = cloud.json("image", "import", str(blank), "--name", "blank")["image"]["image_id"]
    launched = cloud.json("instance", "run", "--image", image_id, "--type", "t3.nano", "--az", zones[0], "--wait")
    instance_id = str(launched["instances"][0]["instance_id"])
    yield instance_id
    cloud.stead("instance", "terminate", instance_id, "--wait")
    cloud.stead("image", "deregister", image_id)
