"""The programs of an earlier commit hand over to those of this tree, in either order, and back; guests go on."""

import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from homelab.cloud import Cloud
from homelab.guest import Guest
from homelab.layout import OUTSIDE_ADDRESS, OUTSIDE_NAME
from homelab.node import wait_until
from tests.e2e.conftest import SCRIPTS, a_cloud
from tests.e2e.residents import metadata, run_instance
from tests.e2e.test_survival import Conversation, qemu_pids

pytestmark = [pytest.mark.deep, pytest.mark.timeout(900)]

# The last whose agents and control plane speak `stead.v1.Agents` alone.
EARLIER = "8409d21"
HOST = "one"
INSTALL = SCRIPTS.parent / "docs/install.md"


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which a program is the earlier one."""
    directory = tmp_path_factory.mktemp("earlier")
    directory.parent.chmod(0o755)  # What guests talk to runs without rights.
    directory.chmod(0o755)
    archive = subprocess.run(["git", "-C", SCRIPTS.parent, "archive", EARLIER], capture_output=True, check=False)
    assert archive.returncode == 0, f"the history has no {EARLIER}, fetch it: {archive.stderr.decode()}"
    subprocess.run(["tar", "--extract", "--directory", directory], input=archive.stdout, check=True)
    describe(directory)
    return {"PYTHONPATH": f"{directory}:{directory}/protos"}


def describe(directory: Path) -> None:
    """As an installation would, by which it finds its own drivers: the package that is installed has this tree's."""
    groups = tomllib.loads((directory / "pyproject.toml").read_text())["project"]["entry-points"]
    lines = [line for group, points in groups.items() for line in (f"[{group}]", *map(" = ".join, points.items()))]
    metadata = directory / "stead-0.1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: stead\nVersion: 0.1.0\n")
    (metadata / "entry_points.txt").write_text("\n".join(lines))


@pytest.fixture
def cloud(image: Path, earlier: dict[str, str]) -> Iterator[Cloud]:
    with a_cloud("single", image, name="upgrade", environment=earlier) as cloud:
        yield cloud


def renew_control_plane(cloud: Cloud) -> None:
    cloud.kill_control_plane()
    cloud.start_control_plane()


def renew_agent(cloud: Cloud) -> None:
    cloud.kill_agent(HOST)
    cloud.start_agent(HOST)


def step_back() -> str:
    """What the guide has done on a host before the agent of the version before starts."""
    upgrades = INSTALL.read_text().partition("## Upgrades")[2].partition("\n## ")[0]
    (commands,) = re.findall(r"```sh\n(.*?)```", upgrades, re.DOTALL)
    return str(commands)


def volume_with_a_note(cloud: Cloud, guest: Guest) -> str:
    volume = str(cloud.json("volume", "create", "--az", "home-1a", "--size", "1", "--wait")["volume"]["volume_id"])
    cloud.stead("volume", "attach", volume, guest.instance_id, "--wait")
    guest.ssh(f"mkfs.ext4 -q {guest.disk(volume)} && mount {guest.disk(volume)} /mnt && echo kept > /mnt/note && sync")
    return volume


@pytest.mark.parametrize("steps", [(renew_control_plane, renew_agent), (renew_agent, renew_control_plane)])
def test_guests_go_on(cloud: Cloud, steps: tuple[Callable[[Cloud], None], ...]) -> None:
    guest = run_instance(cloud)
    guest.wait_for_ssh()
    volume, address = volume_with_a_note(cloud, guest), guest.public_ip
    boot, pids, conversation = guest.boot_id(), qemu_pids(cloud, HOST), Conversation(guest)
    try:
        assert conversation.says("hello")
        assert cloud.lab.node(HOST).runs(f"{cloud.environment['PYTHONPATH'].partition(':')[0]}/agent/imds/")
        cloud.environment = {}
        for step in steps:
            step(cloud)
            assert conversation.says("still there")
            assert guest.ssh("cat /mnt/note", address) == "kept\n"
        wait_until(lambda: guest.describe()["status"] == "ok", "the instance's status is ok", 90)
        assert qemu_pids(cloud, HOST) == pids
        assert guest.boot_id() == boot
        guest.ssh("umount /mnt")
        cloud.stead("volume", "detach", volume, "--wait")
        newcomer = run_instance(cloud)
        newcomer.wait_for_ssh()
        cloud.stead("volume", "attach", volume, newcomer.instance_id, "--wait")
        assert newcomer.ssh(f"mount {newcomer.disk(volume)} /mnt && cat /mnt/note") == "kept\n"
        assert conversation.says("and after")
    finally:
        conversation.end()


def test_the_agent_goes_back_as_the_guide_says(cloud: Cloud, earlier: dict[str, str]) -> None:
    cloud.environment = {}
    renew_control_plane(cloud)
    renew_agent(cloud)
    guest = run_instance(cloud)
    guest.wait_for_ssh()
    pids, conversation = qemu_pids(cloud, HOST), Conversation(guest)
    try:
        cloud.kill_agent(HOST)
        cloud.lab.node(HOST).run("bash", "-euc", step_back())
        cloud.environment = earlier
        cloud.start_agent(HOST)
        newcomer = run_instance(cloud)
        newcomer.wait_for_ssh()
        assert conversation.says("back")
        assert metadata(guest, "meta-data/instance-id") == guest.instance_id
        assert OUTSIDE_ADDRESS in guest.ssh(f"nslookup {OUTSIDE_NAME}")
        cloud.environment = {}
        renew_agent(cloud)
        wait_until(lambda: guest.describe()["status"] == "ok", "the instance's status is ok", 90)
        assert conversation.says("and forth")
        assert newcomer.ssh("true") == ""
        assert set(pids.split()) <= set(qemu_pids(cloud, HOST).split())
    finally:
        conversation.end()
