"""A planned stop: whoever waits for news is told to come back, so that nothing waits for whoever waits."""

import asyncio

import grpc
import pytest

from controlplane import app
from tests.contract.agents import connected
from tests.contract.control_plane import RPCS, ControlPlane, Refused, refused, until
from tests.contract.test_api_key_pairs import RSA, KeyFactory


async def test_watchers_and_agents_are_told_to_come_back_at_once(
    cloud: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "DRAIN_S", 3600)  # Nobody may be waited for.
    _, stream = await connected(cloud)
    watch = cloud.start(RPCS["Watch"], RPCS["Watch"].request())
    assert (await watch.read()).bookmark
    made = await cloud.ask("AllocateAddress")
    assert (await watch.read()).changes[0].id == made.address.allocation_id
    async with asyncio.timeout(10):
        await app.drain(cloud.servers, cloud.sessions, cloud.uploads, cloud.journal)
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await watch.read()
    assert refused(ended.value).code == "Unavailable"
    while await stream.next():
        pass
    assert await stream.call.code() is grpc.StatusCode.OK


async def test_a_call_in_progress_is_answered(cloud: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    factory = KeyFactory(monkeypatch)
    call = asyncio.ensure_future(cloud.ask("CreateKeyPair", key_name="k", key_type=RSA))
    await until(lambda: factory.started)
    drained = asyncio.ensure_future(app.drain(cloud.servers, cloud.sessions, cloud.uploads, cloud.journal))
    factory.gate.set()
    await drained
    assert (await call).key_material
    with pytest.raises(Refused):
        await cloud.ask("DescribeRegions")
