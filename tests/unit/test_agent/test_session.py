"""The session against a real gRPC server with mutual TLS."""

import asyncio
import errno
import random
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs

from agent import __version__, bugs, channel
from agent.downloads import Downloads
from agent.drivers.base import Permanent, Presence, Transient
from agent.enroll import JoinToken, join
from agent.identity import IdentityStore
from agent.ledger import Ledger
from agent.ledger_tables import Contents
from agent.messages import Authority, ConsoleReply, Heartbeat, Hello, Observed, Report, Role, Update
from agent.model import ImageSource
from agent.objects import Instance, ScopeChange, ref_of
from agent.session import Session, SessionSettings

from .cloud import Cloud, running_cloud, sha256
from .host import DATA, EVERYTHING, HOST_ID, INSTANCE, TOMBSTONE, VOLUME, VPC, Host, delta, put, snapshot, told, until
from .test_enroll import check_data_plane

(INSTANCE_OBJECT,) = (row for row in told(INSTANCE)[HOST_ID].values() if isinstance(row, Instance))
FAST = SessionSettings(heartbeat_s=0.05, grace_s=3600.0, reconnect_first_s=0.01, reconnect_cap_s=0.05)


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    async with running_cloud(Cloud) as cloud:
        yield cloud


@pytest.fixture
def store(tmp_path: Path) -> IdentityStore:
    return IdentityStore(tmp_path, tmp_path / "pki")


@asynccontextmanager
async def session(
    cloud: Cloud,
    host: Host,
    store: IdentityStore,
    settings: SessionSettings = FAST,
    control_plane: Presence | None = None,
    jitter: Callable[[float, float], float] = random.uniform,
) -> AsyncIterator[None]:
    """A joined host whose agent talks to the cloud."""
    if not store.is_joined():
        await join(JoinToken.parse(cloud.token()), "rack-1", "192.0.2.1", store)
    async with host.agent() as engine, asyncio.TaskGroup() as tasks:
        authority = host.contents.authority
        talk = Session(
            *(store, (Role.COMPUTE,), host.make_drivers(), host.ledger, engine, settings),
            authority=authority,
            control_plane=control_plane,
            jitter=jitter,
        )
        running = tasks.create_task(talk.run())
        yield
        running.cancel()


def last_seen(cloud: Cloud) -> dict[str, Observed]:
    """What the control plane knows of the host: its reports, one upon the other."""
    known: dict[str, Observed] = {}
    for report in cloud.got(Report):
        known = {} if report.full else known
        known |= {str(seen.ref): seen for seen in report.observed}
        for ref in report.gone:
            known.pop(str(ref), None)
    return known


def is_all_converged(cloud: Cloud, count: int) -> bool:
    known = last_seen(cloud)
    return len(known) == count and all(seen.converged for seen in known.values())


async def test_a_whole_session(cloud: Cloud, host: Host, store: IdentityStore) -> None:
    async with session(cloud, host, store):
        await until(lambda: bool(cloud.got(Report)))
        hello = cloud.inbox[0]
        assert isinstance(hello, Hello)
        assert (hello.agent_version, hello.roles) == (__version__, (Role.COMPUTE,))
        assert hello.capacity.vcpus == 64
        assert hello.capacity.storage_gib == 10_000
        first = cloud.got(Report)[0]
        assert (first.revision, first.full, first.observed) == (0, True, ())
        cloud.send(snapshot(5, *EVERYTHING))
        await until(lambda: is_all_converged(cloud, len(EVERYTHING)))
        seen = last_seen(cloud)["instance i-1"].instance
        assert seen is not None
        assert seen.running
        assert cloud.got(Report)[-1].revision == 5
        cloud.send(delta(6, ScopeChange(HOST_ID, remove=(ref_of(INSTANCE_OBJECT),))))
        await until(lambda: is_all_converged(cloud, len(EVERYTHING) - 1))
        cloud.ask_console("i-1", 7)
        await until(lambda: cloud.got(ConsoleReply) == [ConsoleReply(7)])
        await until(lambda: bool(cloud.got(Heartbeat)))
    assert host.ledger_contents().revision == 6


async def test_the_messages_of_an_update_take_effect_together(cloud: Cloud, host: Host, store: IdentityStore) -> None:
    whole = snapshot(5, *EVERYTHING)
    async with session(cloud, host, store):
        await until(lambda: bool(cloud.sessions))
        for change in whole.scopes[:-1]:
            cloud.send(replace(whole, scopes=(change,), more=True))
        await until(lambda: bool(cloud.got(Report)) and bool(cloud.got(Heartbeat)))
        cloud.ask_console("i-1", 7)
        await until(lambda: bool(cloud.got(ConsoleReply)))
        assert (host.engine.desired.views, host.world.calls) == ({}, [])
        assert cloud.got(Report)[-1].revision == 0
        cloud.send(replace(whole, scopes=whole.scopes[-1:]))
        await until(lambda: is_all_converged(cloud, len(EVERYTHING)))
        assert cloud.got(Report)[-1].revision == 5
    assert host.ledger_contents().scopes == told(*EVERYTHING)


async def test_an_update_that_is_cut_off_has_no_effect(cloud: Cloud, host: Host, store: IdentityStore) -> None:
    async with session(cloud, host, store):
        await until(lambda: bool(cloud.sessions))
        cloud.send(snapshot(1, VOLUME))
        await until(lambda: is_all_converged(cloud, 1))
        cloud.send(replace(snapshot(2), more=True))
        cloud.hang_up()
        await until(lambda: len(cloud.sessions) == 2)
        cloud.send(snapshot(3, VOLUME, DATA))
        await until(lambda: is_all_converged(cloud, 2))


async def test_no_stale_report_claims_to_answer_a_new_spec(cloud: Cloud, host: Host, store: IdentityStore) -> None:
    """With the revision of a change comes `converged` only when the change is carried out."""
    async with session(cloud, host, store):
        await until(lambda: bool(cloud.sessions))
        cloud.send(snapshot(1, *EVERYTHING))
        await until(lambda: is_all_converged(cloud, len(EVERYTHING)))
        host.world.deaf_guests.add("i-1")
        cloud.send(delta(2, ScopeChange(HOST_ID, put=(put(replace(INSTANCE_OBJECT, power_on=False)),))))
        await until(lambda: any(report.revision == 2 for report in cloud.got(Report)))
        assert not last_seen(cloud)["instance i-1"].converged


LAST = Authority("home-1", "inc-1", 500)
OURS = replace(snapshot(500, *EVERYTHING), authority=LAST)


async def test_a_restored_control_plane_is_held_until_an_admin_releases_the_host(
    cloud: Cloud, host: Host, store: IdentityStore
) -> None:
    async with session(cloud, host, store):
        await until(lambda: bool(cloud.sessions))
        cloud.send(OURS)
        await until(lambda: is_all_converged(cloud, len(EVERYTHING)))
    older = replace(snapshot(300, DATA, TOMBSTONE), authority=Authority("home-1", "inc-2", 300))
    for _ in range(2):  # Also after a restart of the agent.
        cloud.inbox.clear()
        async with session(cloud, host, store):
            await until(lambda: bool(cloud.got(Hello)))
            (hello,) = cloud.got(Hello)
            assert hello.authority == LAST
            cloud.send(older)
            await until(lambda: is_said(cloud, "`stead host release`"))
            for unwanted in ("volume vol-1", "instance i-1", "gateway vpc-1"):
                await until(lambda what=unwanted: "not wanted any more" in last_seen(cloud)[what].error)  # type: ignore[misc]
                assert not last_seen(cloud)[unwanted].converged
            assert host.world.volumes["vol-1"] == VOLUME
            assert "i-1" in host.world.domains
    cloud.inbox.clear()
    async with session(cloud, host, store):
        await until(lambda: bool(cloud.got(Hello)))
        cloud.send(older)
        cloud.send(replace(older, authority=Authority("home-1", "inc-2", 301), released=True))
        await until(lambda: host.world.volumes["vol-1"] == TOMBSTONE and not host.world.domains)
        await until(lambda: last_seen(cloud)["volume vol-1"].converged)
        cloud.inbox.clear()
        await until(lambda: bool(cloud.got(Heartbeat)))
        assert not cloud.got(Heartbeat)[-1].capacity.problems
    assert host.ledger_contents().authority == Authority("home-1", "inc-2", 301)


async def test_a_host_that_holds_and_loses_its_ledger_writes_it_anew(
    cloud: Cloud, host: Host, store: IdentityStore
) -> None:
    async with session(cloud, host, store):
        await until(lambda: bool(cloud.sessions))
        cloud.send(OURS)
        await until(lambda: is_all_converged(cloud, len(EVERYTHING)))
        older = replace(snapshot(300, DATA), authority=Authority("home-1", "inc-2", 300))
        cloud.send(older)
        await until(lambda: is_said(cloud, "`stead host release`"))
        (host.context.state_dir / "ledger.sqlite").unlink()
        await until(lambda: len(cloud.got(Hello)) == 2)
        cloud.inbox.clear()
        cloud.send(older)
        await until(lambda: 300 in {report.revision for report in cloud.got(Report)})
        cloud.inbox.clear()
        await until(lambda: len(cloud.got(Heartbeat)) > 5)
        assert not cloud.got(Hello), "it stays connected"
        (problem,) = cloud.got(Heartbeat)[-1].capacity.problems
        assert problem.startswith("held: ")
    kept = host.ledger_contents()
    assert kept.scopes == told(*EVERYTHING, DATA)
    assert kept.authority == Authority("home-1", "inc-1", 500)


async def test_it_shows_the_seal_of_what_it_followed_last(cloud: Cloud, host: Host, store: IdentityStore) -> None:
    async with session(cloud, host, store):
        await until(lambda: bool(cloud.sessions))
        cloud.send(replace(OURS, authority=replace(LAST, seal=b"on 500")))
        cloud.send(Update(followed := Authority("home-1", "inc-1", 501, b"on 501")))
        cloud.send(Update(Authority("home-1", "inc-2", 502, b"on 502")))
        await until(lambda: is_said(cloud, "`stead host release`"))
    cloud.inbox.clear()
    async with session(cloud, host, store):
        await until(lambda: bool(cloud.got(Hello)))
    (hello,) = cloud.got(Hello)
    assert hello.authority == followed
    assert hello.protocol == 1


def named(revision: int, *scopes: str) -> Update:
    """A snapshot that says of these scopes that they are as the hello says."""
    changes = tuple(ScopeChange(scope) for scope in scopes)
    return Update(replace(LAST, revision=revision), changes, snapshot=True)


async def test_what_a_host_has_is_not_told_again(cloud: Cloud, host: Host, store: IdentityStore) -> None:
    async with session(cloud, host, store):
        await until(lambda: bool(cloud.got(Hello)))
        assert cloud.got(Hello)[0].known == ()
        cloud.send(OURS)
        await until(lambda: is_all_converged(cloud, len(EVERYTHING)))
        known = await host.ledger.digests(LAST)
        assert known.keys() == told(*EVERYTHING).keys()
        cloud.hang_up()
        await until(lambda: len(cloud.sessions) == 2)
        cloud.send(named(501, *known))
        await until(lambda: cloud.got(Report)[-1].revision == 501 and is_all_converged(cloud, len(EVERYTHING)))
    async with session(cloud, host, store):
        await until(lambda: len(cloud.sessions) == 3)
        cloud.send(named(502, HOST_ID))
        await until(lambda: cloud.got(Report)[-1].revision == 502 and not host.world.vpcs)
    assert [{scope.scope: scope.digest for scope in hello.known} for hello in cloud.got(Hello)[1:]] == [known] * 2
    assert "i-1" in host.world.domains
    assert host.world.volumes.keys() == {"vol-1"}
    assert host.ledger_contents().scopes.keys() == {HOST_ID}


async def test_who_cannot_be_sure_of_what_it_has_asks_for_all(
    cloud: Cloud, host: Host, store: IdentityStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An update that the ledger took in and the engine did not, or the other way round."""

    def fail(*_: object, **_how: object) -> None:
        raise RuntimeError("a bug")

    async with session(cloud, host, store):
        await until(lambda: bool(cloud.sessions))
        cloud.send(OURS)
        await until(lambda: is_all_converged(cloud, len(EVERYTHING)))
        monkeypatch.setattr(host.engine, "apply", fail)
        cloud.send(Update(replace(LAST, revision=501), (ScopeChange(HOST_ID, put=(put(INSTANCE_OBJECT),)),)))
        for number in (2, 3):
            await until(lambda number=number: len(cloud.got(Hello)) == number)  # type: ignore[misc]
            assert cloud.got(Hello)[-1].known == ()
            cloud.send(named(502, *told(*EVERYTHING)))
        await until(lambda: len(cloud.sessions) == 4)
        monkeypatch.undo()
        cloud.send(replace(OURS, authority=replace(LAST, revision=503)))
        await until(lambda: cloud.got(Report)[-1].revision == 503)
        cloud.hang_up()
        await until(lambda: len(cloud.got(Hello)) == 5)
        assert cloud.got(Hello)[-1].known
    assert "a bug" in bugs.told.pop("session")


async def test_a_host_that_holds_says_nothing_of_what_it_has(cloud: Cloud, host: Host, store: IdentityStore) -> None:
    async with session(cloud, host, store):
        await until(lambda: bool(cloud.sessions))
        cloud.send(OURS)
        cloud.send(replace(snapshot(300, DATA), authority=Authority("home-1", "inc-2", 300)))
        await until(lambda: is_said(cloud, "`stead host release`"))
        cloud.hang_up()
        await until(lambda: len(cloud.got(Hello)) == 2)
    assert cloud.got(Hello)[-1].known == ()


async def test_a_ledger_that_is_lost_after_the_hello_is_not_vouched_for(
    cloud: Cloud, host: Host, store: IdentityStore
) -> None:
    """Else the next start would find a part of what there is, and take it for the whole."""
    async with session(cloud, host, store, replace(FAST, heartbeat_s=3600.0)):
        await until(lambda: bool(cloud.sessions))
        cloud.send(OURS)
        await until(lambda: is_all_converged(cloud, len(EVERYTHING)))
        cloud.hang_up()
        await until(lambda: len(cloud.sessions) == 2)
        assert cloud.got(Hello)[1].known
        (host.context.state_dir / "ledger.sqlite").unlink()
        cloud.send(named(501, *told(*EVERYTHING)))
        await until(lambda: len(cloud.got(Hello)) == 3)
        assert cloud.got(Hello)[2].known == ()
        assert "taken away" in cloud.got(Hello)[2].capacity.problems[0]
        cloud.send(replace(OURS, authority=replace(LAST, revision=502)))
        await until(lambda: cloud.got(Report)[-1].revision == 502 and is_all_converged(cloud, len(EVERYTHING)))
    assert host.ledger_contents().scopes == told(*EVERYTHING)


async def test_a_ledger_that_could_not_be_read_at_the_start_is_not_vouched_for(
    cloud: Cloud, host: Host, store: IdentityStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its disk came late: the engine began without it, and would remove all that is not told."""
    async with session(cloud, host, store):
        await until(lambda: bool(cloud.sessions))
        cloud.send(OURS)
        await until(lambda: is_all_converged(cloud, len(EVERYTHING)))
    monkeypatch.setattr(Ledger, "load", lambda self: Contents(None, {}, {}))
    cloud.inbox.clear()
    async with session(cloud, host, store):
        await until(lambda: bool(cloud.got(Hello)))
        assert cloud.got(Hello)[0].known == ()


def is_said(cloud: Cloud, what: str) -> bool:
    return any(what in problem for beat in cloud.got(Heartbeat) for problem in beat.capacity.problems)


async def test_the_console(cloud: Cloud, host: Host, store: IdentityStore) -> None:
    async with session(cloud, host, store):
        await until(lambda: bool(cloud.sessions))
        cloud.send(snapshot(1, *EVERYTHING))
        await until(lambda: is_all_converged(cloud, len(EVERYTHING)))
        cloud.ask_console("i-1", 8)
        await until(lambda: cloud.got(ConsoleReply) == [ConsoleReply(8, b"i-1 login: ")])


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


async def test_the_certificate_is_renewed_in_time(cloud: Cloud, host: Host, store: IdentityStore) -> None:
    cloud.age = timedelta(minutes=50)  # Of the 60 that it lives.
    async with session(cloud, host, store):
        await until(lambda: len(cloud.sessions) >= 2)
        assert len(cloud.renewals) == 1
        assert store.load().control.certificate.decode() == cloud.peers[-1]
        assert cloud.peers[0] != cloud.peers[-1]
        cloud.send(snapshot(1, VOLUME, VPC))
        await until(lambda: is_all_converged(cloud, 2))


async def test_a_host_of_before_gets_certificates_of_the_authority_for_data(
    cloud: Cloud, host: Host, store: IdentityStore, tmp_path: Path
) -> None:
    """It joined when one certificate, of the authority that users trust, was for both sides."""
    await join(JoinToken.parse(cloud.token()), "rack-1", "192.0.2.1", store)
    shutil.rmtree(tmp_path / "server-pki")
    for name in ("server-cert.pem", "server-key.pem"):
        (tmp_path / "pki" / name).write_text("old")
    async with session(cloud, host, store, replace(FAST, heartbeat_s=3600.0)):  # Which looks for lost ones as well.
        await until(lambda: len(cloud.sessions) >= 2)
        check_data_plane(cloud, tmp_path / "pki", tmp_path / "server-pki")
        assert [bool(asked.data_server_csr) for asked in cloud.renewals] == [True]


async def test_an_expired_certificate_is_named(cloud: Cloud, host: Host, store: IdentityStore) -> None:
    cloud.age = timedelta(minutes=61)
    with capture_logs() as logs:
        async with session(cloud, host, store):
            await until(lambda: any("stead host rejoin" in log.get("error", "") for log in logs))
    assert cloud.sessions == []


async def test_images(cloud: Cloud, store: IdentityStore, tmp_path: Path) -> None:
    await join(JoinToken.parse(cloud.token()), "rack-1", "192.0.2.1", store)
    data = bytes(range(256)) * 1024
    cloud.images["ami-1"] = data
    fetch, target = Downloads(store), tmp_path / "image"
    image = ImageSource("ami-1", "raw", len(data), sha256(data))
    await fetch(image, target)
    assert await asyncio.to_thread(target.read_bytes) == data
    with pytest.raises(FileExistsError):
        await fetch(image, target)
    assert target.exists()
    wrong = [
        (replace(image, size_bytes=1), Transient, "bytes instead of 1"),
        (replace(image, sha256="0" * 64), Transient, "SHA-256"),
        (replace(image, image_id="ami-2"), Permanent, "no image ami-2"),
    ]
    for bad, error, message in wrong:
        with pytest.raises(error, match=message):
            await fetch(bad, tmp_path / "bad")
        assert not (tmp_path / "bad").exists()
    await cloud.stop()
    with pytest.raises(Transient, match="ami-1"):
        await fetch(image, tmp_path / "bad")
    await cloud.start()
