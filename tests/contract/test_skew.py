"""The control plane is upgraded before its hosts: the agent of the version before goes on with it."""

import asyncio
import os
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from controlplane.model.instance import volume_of
from controlplane.service.admission import current_state
from tests.contract.control_plane import ControlPlane, until

# What its agent says is in `test_api_legacy_agents` as well, for clones without history.
pytestmark = pytest.mark.deep

ROOT = Path(__file__).parents[2]
# The last whose agent speaks `stead.v1`.
PREVIOUS = "8409d2130c14"
CONFIG = """
[agent]
state_dir = "{directory}/state"
run_dir = "{directory}/run"
pki_dir = "{directory}/pki"
metadata_service = false

[drivers]
volume = "fake"
export = "fake"
network = "fake"
gateway = "fake"
compute = "fake"

[drivers.fake]
vcpus = 16
memory_mib = 16384
storage_gib = 100
"""


@pytest.fixture(scope="session")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its files, and what it declares as drivers; from the history, which a clone may lack."""
    tree = tmp_path_factory.mktemp("previous")
    archive = subprocess.run(
        ["git", "archive", PREVIOUS, "agent", "protos/stead", "pyproject.toml"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert archive.returncode == 0, f"the history has no {PREVIOUS}, fetch it: {archive.stderr.decode()}"
    subprocess.run(["tar", "-x", "-C", tree], input=archive.stdout, check=True)
    project: dict[str, Any] = tomllib.loads((tree / "pyproject.toml").read_text())["project"]
    installed = tree / "stead-0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: stead\nVersion: 0\n")
    lines = [
        line
        for group, drivers in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {where}" for name, where in drivers.items()))
    ]
    (installed / "entry_points.txt").write_text("\n".join(lines))
    return tree


class Agent:
    """The program, on a machine of its own."""

    def __init__(self, tree: Path, directory: Path) -> None:
        self._environment = {**os.environ, "PYTHONPATH": f"{tree}:{tree}/protos"}
        self._directory = directory
        self._config = directory / "agent.toml"
        self._config.write_text(CONFIG.format(directory=directory))

    async def _start(self, *arguments: str) -> asyncio.subprocess.Process:
        program = "from agent.app import main; main()"
        command = [sys.executable, "-c", program, *arguments, "--config", str(self._config)]
        return await asyncio.create_subprocess_exec(*command, env=self._environment, cwd=self._directory)

    async def join(self, token: str) -> None:
        process = await self._start("join", token, "--underlay", "10.0.0.1")
        assert await process.wait() == 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        process = await self._start("run")
        try:
            yield
        finally:
            process.terminate()
            await process.wait()


async def test_the_agent_of_the_version_before_joins_and_converges(
    cloud: ControlPlane, previous: Path, tmp_path: Path
) -> None:
    agent, state = Agent(previous, tmp_path), cloud.journal.state
    token = await cloud.ask("CreateHostToken", zone_name="home-1a", roles=[1, 2, 3])
    await agent.join(token.token)
    async with agent.running():
        (host,) = state.hosts
        await until(lambda: state.hosts[host.id].vcpus)
        await cloud.journal.drain()
        made = (await cloud.ask("RunInstances", image_id=await cloud.import_image())).instances[0]
        await until_shown(cloud, made.instance_id, "running")
        volume = (await cloud.ask("CreateVolume", zone_name="home-1a", size_gib=1)).volume
        await until(lambda: state.volumes[volume.volume_id].is_ready)
        await cloud.ask("AttachVolume", volume_id=volume.volume_id, instance_id=made.instance_id)
        await until(lambda: volume.volume_id in exports_open(cloud, made.instance_id))
        await cloud.ask("StopInstances", instance_ids=[made.instance_id])
        await until_shown(cloud, made.instance_id, "stopped")
        await cloud.ask("StartInstances", instance_ids=[made.instance_id])
        await until_shown(cloud, made.instance_id, "running")
        await cloud.ask("TerminateInstances", instance_ids=[made.instance_id])
        await until_shown(cloud, made.instance_id, "terminated")
        await until(lambda: not list(state.attachments))
        await cloud.ask("DeleteVolume", volume_id=volume.volume_id)
        await until(lambda: all(row.recycled_at for row in state.volumes))
    assert not [row for row in state.observations if row.error]


async def until_shown(cloud: ControlPlane, instance_id: str, name: str) -> None:
    state = cloud.journal.state
    await until(lambda: current_state(state, state.instances[instance_id]).label == name)


def exports_open(cloud: ControlPlane, instance_id: str) -> set[str]:
    """Volumes that the guest is seen to have."""
    rows = [row for row in cloud.journal.state.observations if row.resource_id == instance_id]
    return {volume_of(name) for row in rows for name in row.export_names}
