"""How a session ends, and how an agent comes back: soon to one who was away, ever more seldom to one who refuses."""

import errno
import socket
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs

from agent import bugs, channel
from agent.drivers.base import Presence
from agent.identity import IdentityStore
from agent.ledger import Ledger
from agent.messages import Hello, Report, Update
from agent.session import SessionSettings

from .cloud import Cloud
from .host import EVERYTHING, Host, delta, snapshot, until
from .sessions import FAST, is_all_converged, session


async def test_it_comes_back_after_every_kind_of_end(cloud: Cloud, host: Host, store: IdentityStore) -> None:
    async with session(cloud, host, store):
        await until(lambda: len(cloud.sessions) == 1)
        cloud.send(snapshot(1, *EVERYTHING))
        await until(lambda: is_all_converged(cloud, len(EVERYTHING)))
        changes = len(host.world.changes)
        cloud.hang_up()  # With CANCELLED.
        await until(lambda: len(cloud.sessions) == 2)
        cloud.send(delta(2))  # No snapshot: a breach that ends the session.
        await until(lambda: len(cloud.sessions) == 3)
        await cloud.stop()
        host.world.crash("i-1")  # And work goes on while nobody is there.
        await until(host.is_settled_in_ledger)
        await cloud.start()
        await until(lambda: len(cloud.sessions) == 4)
        cloud.inbox.clear()
        cloud.send(snapshot(3, *EVERYTHING))
        await until(lambda: is_all_converged(cloud, len(EVERYTHING)))
    assert len(host.world.changes) > changes


class Waits:
    """In place of chance: the longest each time, without waiting for it. Until a session goes well."""

    def __init__(self) -> None:
        self.longest_s: list[float] = []

    def __call__(self, low_s: float, high_s: float) -> float:
        self.longest_s.append(high_s)
        return 0.005


async def test_it_looks_for_a_control_plane_that_is_away_every_two_seconds(
    cloud: Cloud, host: Host, store: IdentityStore
) -> None:
    """However long that lasts; and what it says is said once."""
    waits = Waits()
    with capture_logs() as logs:
        async with session(cloud, host, store, replace(SessionSettings(), heartbeat_s=0.05), jitter=waits):
            await until(lambda: len(cloud.sessions) == 1)
            cloud.send(snapshot(1, *EVERYTHING))
            await until(lambda: is_all_converged(cloud, len(EVERYTHING)))
            await cloud.stop()
            await until(lambda: len(waits.longest_s) > 50)
            await cloud.start()
            await until(lambda: len(cloud.sessions) == 2)
    assert waits.longest_s[0] == 0.2
    assert max(waits.longest_s) == 2.0
    assert set(waits.longest_s[-20:]) == {2.0}
    said = [log for log in logs if log["log_level"] == "warning" and "no session" in log["event"]]
    assert 1 <= len(said) < 10
    assert "nobody answers at 127.0.0.1" in said[-1]["error"]


async def test_it_asks_a_control_plane_that_does_not_admit_it_ever_more_seldom(
    cloud: Cloud, host: Host, store: IdentityStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits, refusal = Waits(), grpc.StatusCode.FAILED_PRECONDITION

    async def refuse(_cloud: Cloud, _messages: Any, context: Any) -> None:
        await context.abort(refusal, "upgrade it")

    await cloud.stop()
    monkeypatch.setattr(Cloud, "Session", refuse)
    await cloud.start()
    async with session(cloud, host, store, replace(SessionSettings(), heartbeat_s=0.05), jitter=waits):
        await until(lambda: waits.longest_s[-3:] == [30.0] * 3)
        refused = len(waits.longest_s)
        await cloud.stop()
        await until(lambda: waits.longest_s[-3:] == [2.0] * 3)
        assert 0.2 in waits.longest_s[refused:]
        monkeypatch.undo()
        await cloud.start()
        await until(lambda: len(cloud.sessions) == 1)


async def test_a_connection_that_nobody_accepts_is_given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel would go on asking, ever more seldom, and be late when the network is whole again."""
    monkeypatch.setattr(channel, "_ACCEPT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, ExitStack() as others:
        host, port = server.getsockname()
        await channel.knock(f"{host}:{port}")
        with suppress(TimeoutError):
            while True:  # Until its queue is full, and it answers nobody.
                others.enter_context(socket.create_connection((host, port), timeout=0.2))
        with pytest.raises(TimeoutError):
            await channel.knock(f"{host}:{port}")
    with pytest.raises(ConnectionRefusedError):
        await channel.knock(f"{host}:{port}")


async def test_any_address_of_the_control_plane_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port)) for host in ("127.0.0.2", "127.0.0.1")]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_how: found)
        await channel.knock(f"control.example:{port}")
    with pytest.raises(ConnectionRefusedError):
        await channel.knock(f"control.example:{port}")


async def test_an_agent_that_is_told_to_stop_as_its_session_breaks_stops(
    cloud: Cloud, host: Host, store: IdentityStore
) -> None:
    async with session(cloud, host, store):
        await until(lambda: len(cloud.sessions) == 1)
        cloud.send(snapshot(1, *EVERYTHING))
        await until(lambda: is_all_converged(cloud, len(EVERYTHING)))
        await cloud.stop()
    await cloud.start()


async def test_it_tells_whether_the_control_plane_is_heard(cloud: Cloud, host: Host, store: IdentityStore) -> None:
    control_plane = Presence()
    async with session(cloud, host, store, control_plane=control_plane):
        await until(lambda: len(cloud.sessions) == 1)
        assert not control_plane.is_heard, "not before its first update"
        cloud.send(snapshot(1, *EVERYTHING))
        await until(lambda: control_plane.is_heard)
        await cloud.stop()
        await until(lambda: not control_plane.is_heard)


async def test_a_ledger_that_is_taken_away_is_filled_by_a_new_session(
    cloud: Cloud, host: Host, store: IdentityStore
) -> None:
    async with session(cloud, host, store):
        await until(lambda: len(cloud.sessions) == 1)
        cloud.send(snapshot(1, *EVERYTHING))
        await until(lambda: is_all_converged(cloud, len(EVERYTHING)))
        (host.context.state_dir / "ledger.sqlite").unlink()
        await until(lambda: len(cloud.got(Hello)) == 2)
        assert "taken away" in cloud.got(Hello)[1].capacity.problems[0]
        await until(lambda: len(cloud.sessions) == 2)
        cloud.send(snapshot(2, *EVERYTHING))
        await until(lambda: cloud.got(Report)[-1].revision == 2)
    assert host.ledger_contents().revision == 2


async def test_an_exception_that_nobody_foresaw_ends_a_session_and_nothing_else(
    cloud: Cloud, host: Host, store: IdentityStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_ledger: Ledger, _update: Update, **_how: bool) -> None:
        raise OSError(errno.EIO, "Input/output error")

    async with session(cloud, host, store):
        await until(lambda: len(cloud.sessions) == 1)
        cloud.send(snapshot(1, *EVERYTHING))
        await until(lambda: is_all_converged(cloud, len(EVERYTHING)))
        monkeypatch.setattr(Ledger, "write", fail)
        cloud.send(delta(2))
        await until(lambda: len(cloud.sessions) == 2)
        monkeypatch.undo()
        host.world.crash("i-1")
        cloud.send(snapshot(3, *EVERYTHING))
        await until(lambda: cloud.got(Report)[-1].revision == 3 and is_all_converged(cloud, len(EVERYTHING)))
    assert "Input/output error" in bugs.told.pop("session")


async def test_without_a_control_plane_it_follows_its_ledger_after_a_grace(
    cloud: Cloud, host: Host, store: IdentityStore
) -> None:
    async with session(cloud, host, store):
        await until(lambda: bool(cloud.sessions))
        cloud.send(snapshot(1, *EVERYTHING))
        await until(lambda: is_all_converged(cloud, len(EVERYTHING)))
    await cloud.stop()
    host.world.reboot_host()
    async with session(cloud, host, store, replace(FAST, grace_s=0.1)):
        await until(host.is_settled_in_ledger)
    await cloud.start()
