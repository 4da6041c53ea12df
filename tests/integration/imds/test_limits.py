"""What guests can't do to the metadata service, nor by it to one another."""

import asyncio
import contextlib
import functools
import os
import pwd
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.imds.service import CONNECTIONS_PER_GUEST, LOG_LINES_PER_GUEST, REQUESTS_PER_GUEST
from tests.integration.imds.guest import GUEST, connection, inside, instance_id, is_closed, raw
from tests.integration.imds.host import USER, Host, open_files, until

pytestmark = pytest.mark.host


def test_it_has_no_rights_and_no_other_of_its_user_sees_what_it_tells(host: Host) -> None:
    lines = Path(f"/proc/{host.pid()}/status").read_text().splitlines()
    status = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
    user = pwd.getpwnam(USER)
    assert (status["CapEff"], status["CapPrm"], status["NoNewPrivs"]) == (["0" * 16], ["0" * 16], ["1"])
    assert (status["Uid"], status["Gid"], status["Groups"]) == ([str(user.pw_uid)] * 4, [str(user.pw_gid)] * 4, [])
    as_its_user = ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "cat")
    for path in (host.run_dir / "guests", f"/proc/{host.pid()}/cwd/guests", f"/proc/{host.pid()}/mem"):
        done = subprocess.run([*as_its_user, path], capture_output=True, text=True, check=False)
        assert "Permission denied" in done.stderr


async def test_one_guest_has_its_share_of_connections(host: Host) -> None:
    with contextlib.ExitStack() as stack:
        sockets = await inside(GUEST, lambda: [stack.enter_context(connection("10.9.0.5")) for _ in range(40)])
        refused = await asyncio.to_thread(lambda: sum(is_closed(opened) for opened in sockets[CONNECTIONS_PER_GUEST:]))
        assert refused == 40 - CONNECTIONS_PER_GUEST
    await until(lambda: open_files(host.pid()) < CONNECTIONS_PER_GUEST)
    assert await inside(GUEST, lambda: instance_id("10.9.0.5")) == "i-00000000000000005"


async def test_one_guest_cannot_keep_others_or_the_agent_from_anything(host: Host) -> None:
    ours, log = open_files(os.getpid()), host.run_dir / "log"
    with contextlib.ExitStack() as stack, many_files():
        await while_another_is_served(lambda: [stack.enter_context(connection("10.9.0.5")) for _ in range(3000)])
        assert open_files(host.pid()) < 2 * CONNECTIONS_PER_GUEST
    await while_another_is_served(lambda: [raw(b"GET / HTTP/9.9\r\n\r\n") for _ in range(8000)])
    assert 0 < len(log.read_text().splitlines()) <= 3 * LOG_LINES_PER_GUEST
    assert open_files(os.getpid()) <= ours
    assert await inside(GUEST, lambda: instance_id("10.9.0.5")) == "i-00000000000000005"


async def test_one_guest_cannot_ask_without_end(host: Host) -> None:
    def hurry() -> list[int]:
        answers = []
        with connection("10.9.0.5") as opened:
            for _ in range(2 * REQUESTS_PER_GUEST):
                opened.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                answers.append(int(opened.recv(65536).split()[1]))
        return answers

    assert {*(await inside(GUEST, hurry))} == {401, 503}
    assert await inside(GUEST, lambda: instance_id("10.9.0.6")) == "i-00000000000000006"


async def test_oversized_and_broken_requests(host: Host) -> None:
    for request in (b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n\r\n", b"\0\xff\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"):
        answer = await inside(GUEST, functools.partial(raw, request))
        assert answer.startswith(b"HTTP/1.1 400 ") is bool(answer)
    assert await inside(GUEST, lambda: instance_id("10.9.0.5"))


async def while_another_is_served(flood: Callable[[], object]) -> None:
    async with asyncio.TaskGroup() as tasks:
        flooding = tasks.create_task(inside(GUEST, flood))
        while not flooding.done():
            assert await inside(GUEST, lambda: instance_id("10.9.0.6")) == "i-00000000000000006"
            await asyncio.wait([flooding], timeout=0.05)  # It has a limit, too.


@contextlib.contextmanager
def many_files() -> Iterator[None]:
    """For a test that plays a guest with thousands of connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
