"""What one caller can take of the control plane, with a token and without."""

import asyncio
import re
from datetime import UTC, timedelta
from functools import partialmethod
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from structlog.testing import capture_logs

from controlplane.errors import Throttled
from controlplane.gate import limits
from controlplane.gate.door import REFUSALS_LOGGED_PER_S
from controlplane.model.project import Role
from stead.v1.common_pb2 import ErrorDetail, Filter
from tests.contract.control_plane import RPCS, ControlPlane, Refused, upload
from tests.processes.programs import Daemon

MIB = 1 << 20
# What eight calls without a token may cost, MiB: connections and windows of HTTP/2, but none of what they send.
UNKNOWN_CALLERS_MIB = 40


def memory_mib(pid: int) -> int:
    """The most that a process ever had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024


async def test_what_an_unknown_caller_sends_is_not_taken_in(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path)
    await daemon.init()
    rpc = RPCS["RunInstances"]
    large = rpc.request(user_data=bytes(60 * MIB))
    async with daemon.running() as process, daemon.channel() as channel:
        await daemon.call(channel, "DescribeRegions", RPCS["DescribeRegions"].request())
        before = memory_mib(process.pid)
        method = channel.unary_unary(rpc.path, rpc.request.SerializeToString, rpc.response.FromString)
        calls = [method(large, timeout=30) for _ in range(8)]
        codes = {await call.code() for call in calls}
        assert codes == {grpc.StatusCode.UNAUTHENTICATED}
        assert memory_mib(process.pid) - before < UNKNOWN_CALLERS_MIB


async def test_a_flood_without_a_token_does_not_fill_the_log(
    cloud: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits.Lines, "unwritten_before", partialmethod(_in_one_second, limits.Lines.unwritten_before))
    with capture_logs() as lines:
        for _ in range(REFUSALS_LOGGED_PER_S + 7):
            with pytest.raises(Refused, match="AuthFailure"):
                await cloud.ask("DescribeVpcs", secret="wrong")
        await cloud.ask("DescribeVpcs")
    assert [line["code"] for line in lines] == ["AuthFailure"] * REFUSALS_LOGGED_PER_S + ["OK"]


def _in_one_second(self: limits.Lines, unwritten_before: Any, now_s: float) -> int | None:
    return unwritten_before(self, 1.0)  # type: ignore[no-any-return]


def test_a_project_that_computes_much_waits_until_its_debt_is_paid() -> None:
    cpu_s = [0.0]
    turns = limits.Turns(250, lambda: cpu_s[0])
    for now_s in (10.0, 10.1):
        with turns.one("proj-a", now_s):
            cpu_s[0] += 0.75
    with pytest.raises(Throttled, match="proj-a") as caught, turns.one("proj-a", 10.1):
        raise AssertionError("must not be carried out")
    assert caught.value.retry_after_s == pytest.approx(1.9)
    with turns.one("proj-b", 10.1):
        pass
    with turns.one("proj-a", 10.1 + 1.91):
        pass


async def test_what_a_project_computes_is_counted_and_others_go_on(tmp_path: Path) -> None:
    async with ControlPlane.serving(tmp_path, compute_ms_per_s=1) as cloud:
        other_id = (await cloud.ask("CreateProject", name="other")).project.project_id
        other = await cloud.token(Role.READER, other_id)
        async with asyncio.timeout(20):
            while not (refusal := await refusal_of(cloud)):
                pass
        assert "compute too much" in refusal
        await cloud.ask("DescribeInstanceTypes", secret=other)


async def test_what_a_refused_request_takes_is_counted_too(tmp_path: Path) -> None:
    async with ControlPlane.serving(tmp_path, compute_ms_per_s=1) as cloud:
        other_id = (await cloud.ask("CreateProject", name="other")).project.project_id
        other = await cloud.token(Role.READER, other_id)
        large = RPCS["DescribeVpcs"].request(filters=[Filter(name=f"tag:{n}", values=["v"]) for n in range(100_000)])
        with pytest.raises(Refused, match="more than 2000 items"):
            await cloud.call("DescribeVpcs", large, secret=other)
        with pytest.raises(Refused, match="compute too much"):
            await cloud.ask("DescribeVpcs", secret=other)


def test_refusals_without_a_line_are_counted_in_the_next() -> None:
    lines = limits.Lines(2)
    assert [lines.unwritten_before(now_s) for now_s in (5.0, 5.1, 5.2, 5.9, 6.0, 6.1, 6.2, 9.0)] == [
        0,
        0,
        None,
        None,
        2,
        0,
        None,
        1,
    ]


async def test_a_known_callers_message_has_its_limit_too(cloud: ControlPlane) -> None:
    with pytest.raises(Refused) as caught:
        await cloud.ask("RunInstances", user_data=bytes(5 * MIB))
    assert caught.value.status is grpc.StatusCode.RESOURCE_EXHAUSTED
    with pytest.raises(Refused, match=r"user_data: 2097152 bytes; expected at most 1048576"):
        await cloud.ask("RunInstances", user_data=bytes(2 * MIB))


@pytest.mark.parametrize(
    ("method", "fields", "path", "message"),
    [
        ("DescribeInstances", {"instance_ids": ["i"] * 2001}, "instance_ids", "more than 2000 items"),
        (
            "DescribeInstances",
            {"instance_ids": ["i"] * 1000, "filters": [Filter(name="x", values=["y"] * 1001)]},
            "filters[0].values",
            "more than 2000 items",
        ),
        ("CreateVolume", {"tags": {"a": "\0"}}, "tags['a']", r"no control character, but there is U\+0000"),
        ("CreateVolume", {"tags": {"\x1b": ""}}, "tags", r"U\+001B"),
        ("DescribeVpcs", {"filters": [Filter(name="tag:x", values=["a", "b\x9b"])]}, "filters[0].values[1]", "009B"),
        ("CreateSecurityGroup", {"description": "x" * 16385}, "description", "at most 16384 bytes"),
        ("CreateToken", {"role": 77}, "role", r"77 is not valid; expected one of ROLE_\w+ \(1\)"),
    ],
)
async def test_a_field_out_of_bounds_is_named(
    cloud: ControlPlane, method: str, fields: dict[str, Any], path: str, message: str
) -> None:
    rpc = RPCS[method]
    refusal = f"InvalidParameterValue: {re.escape(path)}( key)?: .*{message}"
    with pytest.raises(grpc.aio.AioRpcError, match=refusal) as caught:
        await cloud.start(rpc, rpc.request(**fields))
    assert field_violations(caught.value) == [path]


def field_violations(error: grpc.aio.AioRpcError) -> list[str]:
    """The paths of the fields that are to blame."""
    metadata: Any = error.trailing_metadata()
    found = BadRequest()
    for detail in Status.FromString(dict(metadata)["grpc-status-details-bin"]).details:
        detail.Unpack(found)
    return [violation.field for violation in found.field_violations]


async def test_parts_of_an_upload_have_the_same_bounds(cloud: ControlPlane) -> None:
    with pytest.raises(Refused, match=r"header\.name: .* U\+0000"):
        await cloud.import_image(name="a\0")
    header, *_ = upload(b"\0" * 512)
    with pytest.raises(Refused, match="chunk: 1048577 bytes"):
        await cloud.call("ImportImage", header, RPCS["ImportImage"].request(chunk=bytes(MIB + 1)))


async def test_bytes_that_are_no_message_are_the_callers_fault(cloud: ControlPlane) -> None:
    rpc = RPCS["DescribeVpcs"]
    call = cloud.channel().unary_unary(rpc.path, bytes, bytes)
    with pytest.raises(grpc.aio.AioRpcError, match="The message is not one that this method takes"):
        await call(b"\xff", metadata=(("authorization", f"Bearer {cloud.secrets[Role.READER]}"),))


async def test_a_stream_ends_with_its_token(cloud: ControlPlane) -> None:
    made = await cloud.ask("CreateToken", project_id=cloud.project_id, role="ROLE_READER")
    other = await cloud.ask("CreateToken", project_id=cloud.project_id, role="ROLE_READER")
    rpc = RPCS["Watch"]
    ended, goes_on = (
        cloud.start(rpc, rpc.request(after_revision=cloud.revision), secret=token.secret) for token in (made, other)
    )
    assert [(await stream.read()).bookmark for stream in (ended, goes_on)] == [True, True]
    await asyncio.gather(cloud.ask("AllocateAddress"), ended.read(), goes_on.read())
    await cloud.ask("RevokeToken", token_id=made.token_id)
    await cloud.ask("AllocateAddress")
    async with asyncio.timeout(5):
        assert await ended.code() is grpc.StatusCode.UNAUTHENTICATED
    assert made.token_id in await ended.details()
    assert (await goes_on.read()).changes
    assert not goes_on.done()
    goes_on.cancel()


async def test_who_revokes_its_own_token_is_answered(cloud: ControlPlane) -> None:
    made = await cloud.ask("CreateToken", project_id=cloud.project_id, role="ROLE_ADMIN")
    await cloud.ask("RevokeToken", secret=made.secret, token_id=made.token_id)
    with pytest.raises(Refused, match="AuthFailure"):
        await cloud.ask("DescribeVpcs", secret=made.secret)


def retry_delay_s(error: grpc.aio.AioRpcError) -> float:
    metadata: Any = error.trailing_metadata()
    detail, info, retry = ErrorDetail(), ErrorInfo(), RetryInfo()
    first, second, third = Status.FromString(dict(metadata)["grpc-status-details-bin"]).details
    assert first.Unpack(detail)
    assert second.Unpack(info)
    assert third.Unpack(retry)
    assert (info.reason, info.domain, info.metadata["request_id"]) == (detail.code, "stead", detail.request_id)
    assert (detail.code, detail.retryable) == ("RequestLimitExceeded", True)
    return float(retry.retry_delay.ToTimedelta().total_seconds())


async def test_calls_of_a_project_have_a_rate_and_the_refusal_says_when_to_come_back(tmp_path: Path) -> None:
    async with ControlPlane.serving(tmp_path, reads_per_s=1, reads_burst=5) as cloud:
        other_id = (await cloud.ask("CreateProject", name="other")).project.project_id
        other = await cloud.token(Role.READER, other_id)
        for _ in range(5):
            await cloud.ask("DescribeVpcs")
        rpc = RPCS["DescribeVpcs"]
        with pytest.raises(grpc.aio.AioRpcError, match="RequestLimitExceeded") as caught:
            await cloud.start(rpc, rpc.request())
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert 0 < retry_delay_s(caught.value) <= 1
        await cloud.ask("DescribeVpcs", secret=other)
        await cloud.ask("AllocateAddress")


@pytest.mark.parametrize("limit", ["calls_in_progress", "calls_in_progress_per_address"])
async def test_calls_in_progress_are_limited(tmp_path: Path, limit: str) -> None:
    async with ControlPlane.serving(tmp_path, **{limit: 3}) as cloud:
        rpc = RPCS["Watch"]
        watchers = [cloud.start(rpc, rpc.request(after_revision=1)) for _ in range(3)]
        for watcher in watchers:
            await watcher.read()
        with pytest.raises(Refused, match=r"RequestLimitExceeded: .* 3 calls in progress"):
            await cloud.ask("DescribeVpcs")
        watchers[0].cancel()

        async with asyncio.timeout(10):
            while await refusal_of(cloud):  # noqa: ASYNC110 - nobody tells when the server has heard of it
                await asyncio.sleep(0.01)


async def refusal_of(cloud: ControlPlane) -> str:
    """Of a call that reads; empty when it is answered."""
    try:
        await cloud.ask("DescribeVpcs")
    except Refused as error:
        return str(error)
    return ""


async def test_members_see_why_there_is_no_room_but_not_the_hosts(cloud: ControlPlane) -> None:
    for _ in range(2):
        await cloud.add_host(vcpus=1)
    image_id = await cloud.import_image()
    with pytest.raises(Refused) as caught:
        await cloud.ask("RunInstances", secret=cloud.secrets[Role.MEMBER], image_id=image_id)
    assert caught.value.detail is not None
    assert [(row.host_id, row.reason) for row in caught.value.detail.host_refusals] == [("", "vcpus")]


async def test_a_stream_ends_when_its_token_expires(cloud: ControlPlane) -> None:
    made = await cloud.ask("CreateToken", project_id=cloud.project_id, role="ROLE_READER", lifetime_s=60)
    cloud.pass_time(made.expire_time.ToDatetime(UTC) - cloud.clock() - timedelta(seconds=0.5))
    watch = cloud.start(RPCS["Watch"], RPCS["Watch"].request(), secret=made.secret)
    with pytest.raises(grpc.aio.AioRpcError, match="revoked or expired"):
        async for _ in watch:
            pass
    cloud.pass_time(timedelta(seconds=1))
    with pytest.raises(Refused, match="AuthFailure"):
        await cloud.ask("DescribeVpcs", secret=made.secret)


async def test_tokens_are_listed_without_their_secrets(cloud: ControlPlane) -> None:
    made = await cloud.ask("CreateToken", project_id=cloud.project_id, role="ROLE_MEMBER")
    await cloud.ask("RevokeToken", token_id=made.token_id)
    filters = [{"name": "state", "values": ["revoked"]}, {"name": "role", "values": ["member"]}]
    (token,) = (await cloud.ask("DescribeTokens", filters=filters)).tokens
    assert (token.token_id, token.project_id, token.state) == (made.token_id, cloud.project_id, "revoked")
    assert token.HasField("revoke_time")
    assert made.secret not in str(await cloud.ask("DescribeTokens"))
    with pytest.raises(Refused, match=r"InvalidToken\.NotFound"):
        await cloud.ask("DescribeTokens", token_ids=[f"tok-{'f' * 17}"])
