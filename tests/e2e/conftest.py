"""A real cloud: lab, control plane, agents, libvirt, QEMU, nftables, ssh. Each test runs on every layout."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from homelab import Lab
from homelab.cloud import Cloud
from homelab.guest import Guest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
Launch = Callable[..., Guest]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("host")
            item.add_marker("vm")


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("image") / "tiny.raw"
    subprocess.run([SCRIPTS / "build-image", path], check=True)
    return path


@pytest.fixture(scope="session", params=["three", "single"])
def cloud(request: pytest.FixtureRequest, image: Path) -> Iterator[Cloud]:
    """A cloud with the image `tiny`, the key pair `test`, and the group `ssh`, which opens port 22."""
    lab = Lab(f"test-{request.param}")
    lab.down()
    try:
        lab.up(request.param)
        cloud = Cloud(lab, more="[timing]\nstop_timeout_s = 20\n")
        cloud.up()
        cloud.stead("image", "import", str(image), "--name", "tiny")
        cloud.stead("key", "create", "test", "--output-file", str(cloud.directory / "test.pem"))
        cloud.stead("sg", "create", "ssh", "--description", "ssh from anywhere")
        cloud.stead("sg", "authorize", "ssh", "--port", "22", "--cidr", "0.0.0.0/0")
        yield cloud
    finally:
        lab.down()


@pytest.fixture(scope="session")
def zones(cloud: Cloud) -> list[str]:
    return [row["zone_name"] for row in cloud.json("az", "list")["availability_zones"]]


@pytest.fixture
def group(cloud: Cloud) -> Iterator[Callable[[str], str]]:
    """Makes security groups that let nothing in; they are gone after the test."""
    made: list[str] = []

    def create(name: str) -> str:
        reply = cloud.json("sg", "create", name, "--description", "for a test")
        made.append(reply["security_group"]["group_id"])
        return made[-1]

    yield create
    for group_id in made:
        for rule in cloud.json("sg", "describe", group_id)["security_groups"][0].get("rules", []):
            egress = ["--egress"] if rule.get("is_egress") else []
            cloud.stead("sg", "revoke", group_id, "--rule", rule["rule_id"], *egress)
    for group_id in made:
        cloud.stead("sg", "delete", group_id)


@pytest.fixture
def launch(cloud: Cloud, group: object) -> Iterator[Launch]:
    """Launches instances that answer ssh; they are gone after the test, and before the groups that they are in."""
    launched: list[Guest] = []

    def run(*arguments: str, groups: tuple[str, ...] = ("ssh",), is_awaited: bool = True) -> Guest:
        guest = Guest.launch(
            cloud, cloud.directory / "test.pem", *arguments, groups=groups, image="tiny", key_name="test"
        )
        launched.append(guest)
        if is_awaited:
            guest.wait_for_ssh()
        return guest

    yield run
    if launched:
        cloud.stead("instance", "terminate", *(guest.instance_id for guest in launched), "--wait")
