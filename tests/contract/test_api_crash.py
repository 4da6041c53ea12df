"""`kill -9` of the daemon during a storm of launches: what was answered is there, and every token still works."""

import asyncio
import os
import signal
from pathlib import Path

import grpc
import pytest

from tests.contract.control_plane import RPCS, until, upload
from tests.processes.programs import Daemon


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
