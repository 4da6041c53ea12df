"""An operator deletes keys and certificates: what runs goes on, what is gone is told, and no host is left behind."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.processes.programs import DAEMON, Daemon, Failed, Host, ran
from tests.processes.region import Region, until

AUTHORITIES = ["ca.key", "ca.pem", "data-ca.key", "data-ca.pem"]


@pytest_asyncio.fixture
async def region(daemon: Daemon) -> AsyncIterator[Region]:
    async with daemon.channel() as channel:
        yield Region(daemon, channel)


@pytest_asyncio.fixture
async def host(daemon: Daemon, region: Region, tmp_path: Path) -> Host:
    """One that has joined."""
    host = Host(tmp_path / "host")
    async with daemon.running():
        await region.import_image()
        await host.join(await region.token())
    return host


async def test_of_the_control_plane_while_it_serves(daemon: Daemon, region: Region, host: Host, tmp_path: Path) -> None:
    files = [daemon.directory / name for name in AUTHORITIES]
    before = {path: path.read_bytes() for path in files}
    async with daemon.running(), host.running():
        await region.wait_for_host()
        first = await region.run("first")
        for path in files:
            path.unlink()

        async def are_back() -> bool:
            return all(path.exists() for path in files)

        await until(are_back, "the files are back")
        await region.run("second")
        await Host(tmp_path / "late", 2).join(await region.token())
    assert {path: path.read_bytes() for path in files} == before
    assert daemon.log.read_text().count("was gone and is put back") == len(files)
    async with daemon.running(), host.running():
        await region.wait_for_host()
        assert await region.run("first", status="impaired") == first


@pytest.mark.parametrize("lost", [["ca.key"], ["data-ca.pem"], AUTHORITIES], ids=" ".join)
async def test_of_the_control_plane_before_a_restart(
    daemon: Daemon, region: Region, host: Host, tmp_path: Path, lost: list[str]
) -> None:
    """None is made anew, since no host would trust it; the files of any backup do."""
    (tmp_path / "backup").mkdir()
    for name in lost:
        (daemon.directory / name).rename(tmp_path / "backup" / name)
    there = {path.name for path in daemon.directory.iterdir()}
    async with daemon.running() as process:
        assert await process.wait() == 1
    assert f"{', '.join(lost)} missing in {daemon.directory}" in daemon.log.read_text()
    with pytest.raises(Failed, match=r"from a backup|set up before"):
        await ran(DAEMON, "init", "--config", daemon.config, "--client-config", tmp_path / "another.toml")
    assert {path.name for path in daemon.directory.iterdir()} - there <= {"log"}
    for path in (tmp_path / "backup").iterdir():
        path.rename(daemon.directory / path.name)
    async with daemon.running(), host.running():
        await region.wait_for_host()
        await region.run("first")


async def test_of_an_agent_while_it_runs(daemon: Daemon, region: Region, host: Host) -> None:
    """What makes it a host is put back; certificates for data, which nobody may have twice, are made anew."""
    identity = {path: path.read_bytes() for path in host.identity.iterdir()}
    data = [*(host.directory / "pki").iterdir(), *(host.directory / "state/server-pki").iterdir()]
    async with daemon.running(), host.running():
        await region.wait_for_host()
        await region.run("first")
        for path in (*identity, *data):
            path.unlink()

        async def are_back() -> bool:
            return all(path.exists() for path in (*identity, *data))

        await until(are_back, "the files are back")
        await region.run("second")

        async def is_told() -> bool:
            return any(
                "this host's identity: somebody changed" in problem for problem in (await region.host()).problems
            )

        await until(is_told, "the host's problems name it")
    assert "certificates for data" in host.log.read_text()
    kept = ("host.json", "ca.pem")
    assert {path: path.read_bytes() for path in identity if path.name in kept} == {
        path: content for path, content in identity.items() if path.name in kept
    }


async def test_of_an_agent_before_a_restart(daemon: Daemon, region: Region, host: Host) -> None:
    """It says what to do; with a token for it the machine is the same host again, and no other."""
    async with daemon.running():
        shutil.rmtree(host.identity)
        async with host.running() as process:
            assert await process.wait() == 1
        assert "`stead host rejoin`" in host.log.read_text()
        host_id = (await region.host()).host_id
        token = (await region.ask("CreateHostToken", host_id=host_id)).token
        await host.join(token)
        async with host.running():
            await region.wait_for_host()
            await region.run("first")
        assert [row.host_id for row in (await region.ask("DescribeHosts")).hosts] == [host_id]
