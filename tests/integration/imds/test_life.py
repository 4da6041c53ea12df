"""The metadata service begins, is found, stands still, and ends."""

import asyncio
import os
import shutil
import signal
from pathlib import Path

import pytest

from agent.drivers.base import Transient
from agent.host import namespaces, services
from agent.imds import Identities, MetadataServer, service
from agent.model import Kind, Ref
from tests.integration.imds.guest import GUEST, ask, inside, instance_id, raw, token
from tests.integration.imds.host import SPECS, UP, VPC, VPC_ID, Host, shell, sign, until

pytestmark = pytest.mark.host


async def test_it_outlives_the_agent_and_tokens_outlive_both(host: Host) -> None:
    held = await inside(GUEST, lambda: token("10.9.0.5"))
    before = host.pid()
    host.restart()
    assert await inside(GUEST, lambda: ask("10.9.0.5", held)) == 200, "no agent is there"
    await host.converge()
    assert host.pid() == before

    os.kill(before, signal.SIGKILL)
    await until(lambda: host.pids() == [])
    await host.converge()
    assert await inside(GUEST, lambda: ask("10.9.0.5", held)) == 200
    assert host.pid() != before


async def test_its_end_is_told_at_once(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "YOUNG_S", 0.0)
    told: list[Ref] = []

    async def listen() -> None:
        async for ref in host.server.events():
            told.append(ref)

    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(listen())
        await asyncio.sleep(0)
        os.kill(host.pid(), signal.SIGKILL)
        await until(lambda: told == [Ref(Kind.VPC, VPC_ID)])
        listening.cancel()


async def test_one_that_stands_still_is_told_of(host: Host) -> None:
    assert host.server.problems() == ()
    os.kill(host.pid(), signal.SIGSTOP)
    await until(lambda: f"the metadata service of {VPC_ID} is stopped" in " ".join(host.server.problems()))
    os.kill(host.pid(), signal.SIGCONT)
    await until(lambda: host.server.problems() == ())


@pytest.mark.parametrize("lost", ["run/metadata", f"run/metadata/{VPC_ID}/pid"])
async def test_one_whose_record_is_lost_is_found(host: Host, lost: str) -> None:
    path = host.directory / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    for restart in (False, True):
        if restart:
            host.restart()
        await host.converge()
        assert await inside(GUEST, lambda: instance_id("10.9.0.5")) == "i-00000000000000005"
        assert len(host.pids()) == 1


async def test_ensure_for_a_new_namespace(host: Host) -> None:
    namespaces.remove(VPC)
    shell(f"ip -n {GUEST} link delete eth0")
    namespaces.ensure(VPC, "host-1")
    shell(UP)
    host.restart()
    await host.converge()
    assert await inside(GUEST, lambda: instance_id("10.9.0.5"))
    assert len(host.pids()) == 1


async def test_remove_stops_listening(host: Host) -> None:
    await host.server.remove(VPC_ID)
    await host.server.remove(VPC_ID)
    with pytest.raises(ConnectionRefusedError):
        await inside(GUEST, lambda: instance_id("10.9.0.5"))
    assert not host.run_dir.exists()


async def test_no_namespace_is_transient(host: Host) -> None:
    host.server.tell("vpc-other")
    with pytest.raises(Transient, match="stead-vpc-other"):
        await host.server.ensure("vpc-other")
    await host.server.remove("vpc-other")


async def test_a_file_that_its_program_can_no_longer_read_is_written_anew_and_told_of(host: Host) -> None:
    (host.run_dir / service.GUESTS).chmod(0o600)
    os.chown(host.run_dir / service.GUESTS, 0, 0)
    told = await inside(GUEST, lambda: raw(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"))
    assert told.split()[1] == b"500"
    assert "can't be read" in (host.run_dir / "log").read_text()
    assert host.server.problems() == ()
    await host.converge()
    assert "the file that its metadata service reads" in " ".join(host.server.problems())
    assert await inside(GUEST, lambda: instance_id("10.9.0.5")) == "i-00000000000000005"


async def test_another_user_takes_over(host: Host) -> None:
    before = host.pid()
    host.restart(user="games")
    await host.converge()
    assert host.pid() != before
    assert await inside(GUEST, lambda: instance_id("10.9.0.5")) == "i-00000000000000005"


async def test_no_such_user_is_transient(network: None, tmp_path: Path) -> None:
    identities = Identities(sign, tmp_path / "identities.json", lambda instance_id: True)
    server = MetadataServer(lambda vpc_id: SPECS, identities, tmp_path, tmp_path / "run", "stead-nobody")
    with pytest.raises(Transient, match="no user stead-nobody"):
        server.tell(VPC_ID)
