"""`stead-agent` as a process: it joins, serves, and leaves everything running when told to stop."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest

from agent.messages import Observed, Report

from .cloud import Cloud
from .host import EVERYTHING, snapshot, until

AGENT = Path(sys.executable).with_name("stead-agent")
CONFIG = """
[agent]
state_dir = "{0}/state"
run_dir = "{0}/run"
pki_dir = "{0}/pki"
metadata_service = false

[drivers]
storage = "fake"
network = "fake"
gateway = "fake"
compute = "fake"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "agent.toml"
    path.write_text(CONFIG.format(tmp_path))
    return path


async def start(*arguments: object) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(AGENT, *map(str, arguments), stdout=pipe, stderr=pipe)


async def finish(process: asyncio.subprocess.Process) -> tuple[int | None, str, str]:
    output, errors = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, output.decode(), errors.decode()


async def test_join_and_run(cloud: Cloud, config: Path) -> None:
    joining = await start("join", cloud.token(), "--name", "rack-1", "--underlay", "192.0.2.1", "--config", config)
    code, output, errors = await finish(joining)
    assert (code, errors) == (0, "")
    assert "host-1" in output
    process = await start("run", "--config", config)
    try:
        await until(lambda: bool(cloud.sessions), deadline_s=30)
        cloud.send(snapshot(3, *EVERYTHING))
        await until(lambda: any(seen.instance and seen.instance.running for seen in observed(cloud)), deadline_s=30)
    finally:
        process.send_signal(signal.SIGTERM)
        code, _, errors = await finish(process)
    assert code == 0
    events = [json.loads(line)["event"] for line in errors.splitlines()]
    assert events[0] == "agent started"
    assert events[-1].startswith("agent stops")


def observed(cloud: Cloud) -> list[Observed]:
    return [seen for report in cloud.got(Report) for seen in report.observed]


async def test_a_second_agent_on_the_same_state_is_refused(cloud: Cloud, config: Path) -> None:
    await finish(await start("join", cloud.token(), "--underlay", "192.0.2.1", "--config", config))
    first = await start("run", "--config", config)
    try:
        await until(lambda: bool(cloud.sessions), deadline_s=30)
        code, _, errors = await finish(await start("run", "--config", config))
        assert code == 1
        assert "another agent" in errors
    finally:
        first.send_signal(signal.SIGTERM)
        await finish(first)


async def test_mistakes_end_with_one_line(cloud: Cloud, config: Path) -> None:
    mistakes = {
        ("run", "--config", config): "run `stead-agent join`",
        ("join", "nonsense", "--underlay", "192.0.2.1", "--config", config): "no join token",
        ("join", cloud.token(), "--underlay", "nowhere", "--config", config): "--underlay 'nowhere' is no IPv4 address",
        ("run", "--check-config", "--config", config.with_name("none.toml")): "No such file",
    }
    for arguments, message in mistakes.items():
        code, _, errors = await finish(await start(*arguments))
        assert code == 1
        assert message in errors
        assert len(errors.splitlines()) == 1


async def test_check_config(config: Path) -> None:
    checked = await finish(await start("run", "--check-config", "--config", config))
    assert checked == (0, "The configuration is all right.\n", "")
    with config.open("a") as file:
        file.write("[drivers.fake]\nvcpu = 3\n")
    code, _, errors = await finish(await start("run", "--check-config", "--config", config))
    assert code == 1
    assert errors == f"stead-agent: {config}: [drivers.fake] has an unknown key `vcpu`: did you mean `vcpus`?\n"


async def test_help_tells_the_defaults() -> None:
    code, output, _ = await finish(await start("join", "--help"))
    assert code == 0
    assert "Default: its host name." in output
    assert "Default: /etc/stead/agent.toml." in output
