"""`stead-agent simulate`: many hosts in one process, which are the same hosts again when it is run again."""

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.contract.control_plane import ControlPlane, until

AGENT = Path(sys.executable).with_name("stead-agent")
HOSTS = 10
DEADLINE_S = 60.0


class Process:
    """The command."""

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child

    async def read_until(self, line: str) -> None:
        assert self._child.stdout is not None
        async with asyncio.timeout(DEADLINE_S):
            async for read in self._child.stdout:
                if read.decode().rstrip() == line:
                    return
        raise AssertionError(f"it ended before it said {line!r}: {await self.finish()}")

    async def finish(self, given: bytes = b"") -> tuple[int | None, str]:
        """Its exit code, and what it said to standard error."""
        _, errors = await asyncio.wait_for(self._child.communicate(given), DEADLINE_S)
        return self._child.returncode, errors.decode()

    async def end(self, how: signal.Signals) -> int:
        self._child.send_signal(how)
        return await asyncio.wait_for(self._child.wait(), DEADLINE_S)


@asynccontextmanager
async def simulating(directory: Path, *arguments: object) -> AsyncIterator[Process]:
    """Killed at the end, where it has not ended by itself."""
    pipe = asyncio.subprocess.PIPE
    command = (AGENT, "simulate", "--state-dir", directory / "fleet", *arguments)
    child = await asyncio.create_subprocess_exec(*map(str, command), stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        yield Process(child)
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


@pytest.fixture
async def tokens(cloud: ControlPlane, tmp_path: Path) -> Path:
    """A file of them, for all roles."""
    asked = [await cloud.ask("CreateHostToken", zone_name="home-1a", roles=[1, 2, 3]) for _ in range(HOSTS)]
    path = tmp_path / "tokens"
    path.write_text("".join(f"{reply.token}\n" for reply in asked))
    return path


async def hosts_of(cloud: ControlPlane) -> dict[str, tuple[object, ...]]:
    hosts = (await cloud.ask("DescribeHosts")).hosts
    return {host.host_id: (host.host_name, host.vcpus, host.memory_mib, host.storage_gib) for host in hosts}


async def runs(cloud: ControlPlane, instance_id: str) -> None:
    """Until it does, by what the API says, and by the console that its host reads."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            (seen,) = (await cloud.ask("DescribeInstances", instance_ids=[instance_id])).instances
            if (seen.state.name, seen.status) == ("running", "ok"):
                console = await cloud.ask("GetConsoleOutput", instance_id=instance_id)
                if b"login:" in console.output:
                    return
            await asyncio.sleep(0.05)


async def test_a_killed_fleet_comes_back_as_the_same(cloud: ControlPlane, tokens: Path, tmp_path: Path) -> None:
    capacity = ("--vcpus", 8, "--memory-mib", 4096, "--storage-gib", 100)
    everybody = f"all {HOSTS} hosts are connected"
    async with simulating(tmp_path, "--hosts", HOSTS, "--tokens", tokens, *capacity) as process:
        await process.read_until(everybody)
        hosts = await hosts_of(cloud)
        image_id = await cloud.import_image()
        launched = await cloud.ask("RunInstances", image_id=image_id, instance_type="t3.nano", min_count=1)
        instance_id = launched.instances[0].instance_id
        await runs(cloud, instance_id)
    assert sorted(hosts.values()) == sorted((f"sim-198-18-0-{n}", 8, 4096, 100) for n in range(1, HOSTS + 1))

    async with simulating(tmp_path, "--hosts", HOSTS, *capacity) as process:
        await process.read_until(everybody)
        await runs(cloud, instance_id)
        assert await hosts_of(cloud) == hosts
        assert await process.end(signal.SIGTERM) == 0


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 0), (signal.SIGKILL, -signal.SIGKILL)])
async def test_the_same_command_finishes_what_was_broken_off(
    cloud: ControlPlane, tokens: Path, tmp_path: Path, how: signal.Signals, code: int
) -> None:
    said = ("--hosts", HOSTS, "--tokens", tokens)
    async with simulating(tmp_path, *said) as process:
        await process.read_until(f"joined 0 of {HOSTS}, connected 0")
        await until(lambda: len(cloud.journal.state.hosts))
        assert await process.end(how) == code
    async with simulating(tmp_path, *said) as process:
        await process.read_until(f"all {HOSTS} hosts are connected")
    assert len(await hosts_of(cloud)) == HOSTS


MISTAKES = [
    (["--hosts", 3], "3 of 3 hosts in .* have not joined and have no token; the first is host 1,"),
    (["--hosts", 11, "--tokens", "{tokens}"], "1 of 11 hosts in .* the first is host 11,"),
    (["--hosts", 7, "--underlay", "192.0.2.0/29"], "192.0.2.0/29 has no 7 addresses for hosts"),
    (["--hosts", 1, "--underlay", "nowhere"], "--underlay 'nowhere' is no IPv4 network"),
    (["--hosts", 1, "--tokens", "-"], "host 1: this is no join token"),
    (["--hosts", 1, "--tokens", "{tokens}", "--config", "{config}"], "did you mean `vcpus`"),
    (["--hosts", 1 << 27], "need 1073741924 open files"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES)
async def test_mistakes_end_with_one_line(arguments: list[object], message: str, tokens: Path, tmp_path: Path) -> None:
    config = tmp_path / "agent.toml"
    config.write_text("[drivers.fake]\nvcpu = 3\n")
    said = [str(argument).format(tokens=tokens, config=config) for argument in arguments]
    async with simulating(tmp_path, *said) as process:
        code, errors = await process.finish(b"nonsense\n")
    assert code == 1
    assert re.search(message, errors)
    assert len(errors.splitlines()) == 1


async def test_one_state_directory_is_of_one_process(tokens: Path, tmp_path: Path) -> None:
    async with simulating(tmp_path, "--hosts", 1, "--tokens", tokens) as process:
        await process.read_until("all 1 hosts are connected")
        async with simulating(tmp_path, "--hosts", 1) as other:
            code, errors = await other.finish()
    assert (code, "another agent" in errors) == (1, True)
