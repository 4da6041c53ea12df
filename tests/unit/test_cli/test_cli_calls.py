"""What surrounds every call: tokens, retries, errors. Against a real server on TLS."""

import asyncio
import dataclasses
import socket
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from client import calls, config
from client.connection import Stead
from client.errors import SteadError
from stead.v1.common_pb2 import HostRefusal
from stead.v1.events_pb2 import WatchEvent, WatchRequest
from stead.v1.images_pb2 import ImportImageHeader, ImportImageRequest
from stead.v1.instances_pb2 import (
    DescribeInstancesRequest,
    DescribeInstancesResponse,
    Instance,
    RunInstancesRequest,
    RunInstancesResponse,
)

from .fake_cloud import TOKEN, Cloud, Refusal

LOST = Refusal(grpc.StatusCode.UNAVAILABLE)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "FIRST_PAUSE_S", 0.001)


def settings(cloud: Cloud, **changes: str) -> config.Config:
    known = config.Config(cloud.endpoint, TOKEN, cloud.ca, "a file")
    return dataclasses.replace(known, **changes)  # type: ignore[arg-type]


async def fails(cloud: Cloud, method: str = "RunInstances", **changes: str) -> SteadError:
    async with Stead(settings(cloud, **changes)) as stead:
        with pytest.raises(SteadError) as error:
            await getattr(stead.instances, method)(RunInstancesRequest())
        return error.value


async def test_a_lost_answer_is_asked_for_again_with_the_same_token(cloud: Cloud) -> None:
    cloud.answers["RunInstances"] = [LOST, LOST, RunInstancesResponse(reservation_id="r-1")]
    async with Stead(settings(cloud)) as stead:
        request = RunInstancesRequest()
        reply = await stead.instances.RunInstances(request)
    tokens = {asked.client_token for asked in cloud.asked("RunInstances")}
    assert (reply.reservation_id, len(cloud.asked("RunInstances")), len(tokens)) == ("r-1", 3, 1)
    assert tokens != {""}
    assert request.client_token == ""  # the caller's request is its own
    assert cloud.tokens == {f"Bearer {TOKEN}"}


async def test_every_call_has_a_token_of_its_own_unless_the_caller_chose_one(cloud: Cloud) -> None:
    cloud.answers["RunInstances"] = RunInstancesResponse()
    async with Stead(settings(cloud)) as stead:
        for token in ("", "", "mine"):
            await stead.instances.RunInstances(RunInstancesRequest(client_token=token))
    first, second, third = (asked.client_token for asked in cloud.asked("RunInstances"))
    assert len({first, second, third}) == 3
    assert third == "mine"


@pytest.mark.parametrize(
    ("refusal", "attempts"),
    [
        (LOST, calls.ATTEMPTS),
        (Refusal(grpc.StatusCode.CANCELLED), calls.ATTEMPTS),
        (Refusal(grpc.StatusCode.UNAVAILABLE, "Unavailable", retryable=True), calls.ATTEMPTS),
        (Refusal(grpc.StatusCode.UNAVAILABLE, "Unavailable", retryable=False), 1),
        (Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "InsufficientInstanceCapacity", retryable=True), 1),
        (Refusal(grpc.StatusCode.NOT_FOUND, "InvalidAMIID.NotFound"), 1),
        (Refusal(grpc.StatusCode.INTERNAL), 1),
    ],
)
async def test_only_what_was_lost_is_repeated(cloud: Cloud, refusal: Refusal, attempts: int) -> None:
    cloud.answers["RunInstances"] = refusal
    await fails(cloud)
    assert len(cloud.asked("RunInstances")) == attempts


async def test_a_call_that_is_asked_to_come_back_later_does(cloud: Cloud) -> None:
    throttled = Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "RequestLimitExceeded", retry_after_s=0.05, retryable=True)
    cloud.answers["RunInstances"] = [throttled, throttled, RunInstancesResponse(reservation_id="r-1")]
    began = asyncio.get_running_loop().time()
    async with Stead(settings(cloud)) as stead:
        assert (await stead.instances.RunInstances(RunInstancesRequest())).reservation_id == "r-1"
    assert asyncio.get_running_loop().time() - began >= 0.05 + 0.1
    assert len(cloud.asked("RunInstances")) == 3


async def test_an_error_keeps_all_that_the_control_plane_said(cloud: Cloud) -> None:
    cloud.answers["RunInstances"] = Refusal(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "InsufficientInstanceCapacity",
        "No host has room.",
        retryable=True,
        blocking_ids=["i-1"],
        host_refusals=[HostRefusal(host_id="host-1", reason="memory: 1 MiB asked, 0 MiB free")],
        request_id="req-1",
        field="instance_type",
    )
    error = await fails(cloud)
    assert (error.code, error.message, error.retryable) == ("InsufficientInstanceCapacity", "No host has room.", True)
    assert error.host_refusals == (("host-1", "memory: 1 MiB asked, 0 MiB free"),)
    assert (error.blocking_ids, error.request_id, error.field) == (("i-1",), "req-1", "instance_type")


async def test_after_a_lost_answer_the_error_names_the_token_to_repeat_it_with(cloud: Cloud) -> None:
    cloud.answers["RunInstances"] = LOST
    error = await fails(cloud)
    assert error.retryable
    assert cloud.asked("RunInstances")[0].client_token in error.message


async def test_an_upload_and_a_stream_fail_in_the_same_terms(cloud: Cloud) -> None:
    cloud.answers["ImportImage"] = Refusal(grpc.StatusCode.ALREADY_EXISTS, "InvalidAMIName.Duplicate")
    async with Stead(settings(cloud)) as stead:
        with pytest.raises(SteadError, match=r"InvalidAMIName\.Duplicate"):
            await stead.images.ImportImage(iter([ImportImageRequest(header=ImportImageHeader(name="a"))]))
        cloud.answers |= {"Watch": [WatchEvent(revision=7)], "stay": False}
        assert [event.revision async for event in stead.events.Watch(WatchRequest())] == [7]
    async with Stead(settings(cloud, endpoint=f"127.0.0.1:{free_port()}")) as stead:
        with pytest.raises(SteadError, match="Unavailable"):
            await anext(aiter(stead.events.Watch(WatchRequest())))


async def test_all_pages_are_one_reply(cloud: Cloud) -> None:
    def page(request: Any) -> DescribeInstancesResponse:
        number = int(request.page_token or 0)
        following = str(number + 1) if number < 2 else ""
        found = [Instance(instance_id=f"i-{number}")]
        return DescribeInstancesResponse(instances=found, next_page_token=following, revision=7 + number)

    cloud.answers["DescribeInstances"] = page
    async with Stead(settings(cloud)) as stead:
        reply = await stead.all_pages(stead.instances.DescribeInstances, DescribeInstancesRequest())
    assert [instance.instance_id for instance in reply.instances] == ["i-0", "i-1", "i-2"]
    assert (reply.next_page_token, reply.revision) == ("", 7), "what was listed later may have changed since"


async def test_nobody_at_the_endpoint(cloud: Cloud) -> None:
    endpoint = f"127.0.0.1:{free_port()}"
    error = await fails(cloud, endpoint=endpoint)
    assert error.code == "Unavailable"
    assert endpoint in error.message
    assert "stead-controlplane" in error.message


async def test_another_clouds_certificate(cloud: Cloud, other_ca: str) -> None:
    error = await fails(cloud, ca=other_ca)
    assert "is not the one that a file knows" in error.message


async def test_something_that_speaks_no_tls(cloud: Cloud) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.0 400 no\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        error = await fails(cloud, endpoint=f"127.0.0.1:{port}")
    assert "does not speak TLS" in error.message


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@given(st.integers(0, 100), st.floats(0, 1, exclude_max=True))
def test_pauses_are_random_and_bounded(attempt: int, chance: float) -> None:
    assert 0 <= calls.pause_s(attempt, chance) <= calls.LONGEST_PAUSE_S
