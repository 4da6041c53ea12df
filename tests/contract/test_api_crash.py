"""`kill -9` of the daemon during a storm of launches: what was answered is there, and every token still works."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

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


async def test_a_watch_goes_on_with_what_was_changed_before_a_restart(daemon: Daemon) -> None:
    """From a list's revision on: who did it, and when, is told as if there had been no restart."""
    async with daemon.running() as process, daemon.channel() as channel:
        after = (await daemon.ask(channel, "DescribeKeyPairs")).revision
        made = await daemon.ask(channel, "CreateKeyPair", key_name="k")
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    async with daemon.running() as process, daemon.channel() as channel:
        await daemon.ask(channel, "DescribeKeyPairs")  # It is there again.
        rpc = RPCS["Watch"]
        method = channel.unary_stream(rpc.path, rpc.request.SerializeToString, rpc.response.FromString)
        metadata = (("authorization", f"Bearer {daemon.token}"),)
        watch: Any = method(rpc.request(after_revision=after, kinds=["key-pair"]), metadata=metadata, timeout=20)
        bookmark, event = await watch.read(), await watch.read()
        watch.cancel()
        assert (bookmark.bookmark, bookmark.revision) == (True, after)
        assert [row.id for row in event.changes] == [made.key_pair.key_pair_id]
        assert event.token_id.startswith("tok-")
        assert event.request_id.startswith("req-")
        assert event.commit_time.seconds
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
