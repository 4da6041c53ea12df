"""What an agent says of what it has, and that it is not told again what it surely has."""

import asyncio
from dataclasses import replace

import pytest

from agent import bugs
from agent.drivers.fake import FakeComputeDriver
from agent.identity import IdentityStore
from agent.ledger import Ledger
from agent.ledger_tables import Contents
from agent.messages import Authority, Hello, Report, Update
from agent.objects import ScopeChange

from .cloud import Cloud
from .host import DATA, EVERYTHING, HOST_ID, Host, put, snapshot, told, until
from .sessions import FAST, INSTANCE_OBJECT, LAST, OURS, is_all_converged, is_said, session


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


async def test_a_resume_changes_nothing_in_the_ledger_nor_on_the_host(
    cloud: Cloud, host: Host, store: IdentityStore
) -> None:
    """Whether it was the agent that ended or the session; but for the revision that it was told."""
    async with session(cloud, host, store):
        await until(lambda: bool(cloud.sessions))
        cloud.send(OURS)
        await until(lambda: is_all_converged(cloud, len(EVERYTHING)))
    before, changes = host.ledger_contents(), list(host.world.changes)
    async with session(cloud, host, store):
        for number in (2, 3):
            await until(lambda number=number: len(cloud.got(Hello)) == number)  # type: ignore[misc]
            cloud.send(named(500 + number, *(scope.scope for scope in cloud.got(Hello)[-1].known)))
            await until(lambda number=number: cloud.got(Report)[-1].revision == 500 + number)  # type: ignore[misc]
            await until(lambda: is_all_converged(cloud, len(EVERYTHING)))
            cloud.hang_up()
    assert host.ledger_contents() == replace(before, revision=503, authority=replace(LAST, revision=503))
    assert host.world.changes == changes


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
        await until(lambda: len(cloud.got(Hello)) == 2)
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


async def test_a_hello_does_not_wait_for_a_driver_that_hangs_since_the_last_session(
    cloud: Cloud, host: Host, store: IdentityStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with session(cloud, host, store, replace(FAST, heartbeat_s=30.0)):
        await until(lambda: bool(cloud.got(Hello)))
        monkeypatch.setattr(FakeComputeDriver, "probe", lambda _: asyncio.sleep(60))
        cloud.hang_up()
        await until(lambda: len(cloud.got(Hello)) == 2)
    first, second = cloud.got(Hello)
    assert first.capacity == second.capacity, "after 5 s it would have gone without what the driver has"
    assert first.capacity.vcpus
