"""`kill -9` of the daemon during a storm of launches: what was answered is there, and every token still works."""

import asyncio
import os
import signal
import sys
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest

from controlplane.model.host import Host, HostRole
from controlplane.model.state import Change
from controlplane.store.store import Store
from tests.contract.control_plane import RPCS, free_ports, until, upload
from tests.unit.region import NOW

DAEMON = Path(sys.executable).with_name("stead-controlplane")


class Daemon:
    """`stead-controlplane` on a configuration of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.config = directory / "controlplane.toml"
        users, agents = free_ports(2)
        self.endpoint = f"127.0.0.1:{users}"
        self.store_url = f"sqlite:///{directory}/controlplane.db"
        self.config.write_text(
            f'[api]\nlisten = "{self.endpoint}"\nagents_listen = "127.0.0.1:{agents}"\nadvertise = ["127.0.0.1"]\n'
            f'[store]\nurl = "{self.store_url}"\n[paths]\nstate_dir = "{directory}"\n'
        )

    async def init(self) -> None:
        client = self.directory / "client.toml"
        command = DAEMON, "init", "--config", self.config, "--client-config", client
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
        assert await process.wait() == 0
        settings = tomllib.loads(client.read_text())
        self.token, self.ca = settings["token"], settings["ca"].encode()

    def add_host(self) -> None:
        """One with much room, as if it had joined."""
        store = Store.open(self.store_url)
        state, change = store.load(), Change()
        host = Host("host-1", 1, "metal", "home-1a", tuple(HostRole), "10.0.0.1", NOW, "", 1 << 20, 1 << 30, 1 << 20)
        change.put(replace(host, last_seen_at=datetime.now(UTC)))  # It may come back.
        store.commit([state.apply(change)], NOW)
        store.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["asyncio.subprocess.Process"]:
        log = (self.directory / "log").open("ab")
        process = await asyncio.create_subprocess_exec(DAEMON, "run", "--config", self.config, stdout=log, stderr=log)
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            log.close()

    def channel(self) -> grpc.aio.Channel:
        options = [("grpc.max_reconnect_backoff_ms", 100), ("grpc.initial_reconnect_backoff_ms", 100)]
        return grpc.aio.secure_channel(self.endpoint, grpc.ssl_channel_credentials(self.ca), options=options)

    async def call(self, channel: grpc.aio.Channel, name: str, *requests: object) -> object:
        rpc = RPCS[name]
        kind = channel.stream_unary if rpc.sends_stream else channel.unary_unary
        method = kind(rpc.path, rpc.request.SerializeToString, rpc.response.FromString)
        metadata = (("authorization", f"Bearer {self.token}"),)
        message = iter(requests) if rpc.sends_stream else requests[0]
        return await method(message, metadata=metadata, timeout=20, wait_for_ready=True)  # type: ignore[arg-type]


@pytest.fixture
async def daemon(tmp_path: Path) -> Daemon:
    daemon = Daemon(tmp_path)
    await daemon.init()
    daemon.add_host()
    return daemon


async def storm(daemon: Daemon, channel: grpc.aio.Channel, image_id: str, answered: dict[str, str]) -> None:
    """Launch without end, each with a token of its own, until the daemon is gone."""

    async def launch(worker: int) -> None:
        for number in range(10_000):
            token = f"{worker}-{number}"
            answered[token] = ""
            request = RPCS["RunInstances"].request(
                image_id=image_id, client_token=token, associate_public_ip_address=False
            )
            try:
                reply = await daemon.call(channel, "RunInstances", request)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
                return
            answered[token] = reply.instances[0].instance_id  # type: ignore[attr-defined]

    async with asyncio.TaskGroup() as group:
        for worker in range(20):
            group.create_task(launch(worker))


async def test_what_was_answered_outlives_a_kill_and_every_token_replays(daemon: Daemon) -> None:
    answered: dict[str, str] = {}
    async with daemon.running() as process, daemon.channel() as channel:
        made = await daemon.call(channel, "ImportImage", *upload())
        image_id = made.image.image_id  # type: ignore[attr-defined]
        async with asyncio.TaskGroup() as group:
            group.create_task(storm(daemon, channel, image_id, answered))
            await until(lambda: sum(map(bool, answered.values())) >= 100)
            os.kill(process.pid, signal.SIGKILL)
            await process.wait()
    assert len([token for token, instance_id in answered.items() if not instance_id]) > 0, "some were under way"
    async with daemon.running() as process, daemon.channel() as channel:
        listed = await daemon.call(channel, "DescribeInstances", RPCS["DescribeInstances"].request())
        there = {row.instance_id for row in listed.instances}  # type: ignore[attr-defined]
        assert {instance_id for instance_id in answered.values() if instance_id} <= there
        replayed = {}
        for token in answered:
            request = RPCS["RunInstances"].request(
                image_id=image_id, client_token=token, associate_public_ip_address=False
            )
            reply = await daemon.call(channel, "RunInstances", request)
            replayed[token] = reply.instances[0].instance_id  # type: ignore[attr-defined]
        assert {token: replayed[token] for token, instance_id in answered.items() if instance_id} == {
            token: instance_id for token, instance_id in answered.items() if instance_id
        }
        assert len(set(replayed.values())) == len(answered)
        listed = await daemon.call(channel, "DescribeInstances", RPCS["DescribeInstances"].request())
        ids = {row.instance_id for row in listed.instances}  # type: ignore[attr-defined]
        assert ids == set(replayed.values()), "one instance for each token, and no other"
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
