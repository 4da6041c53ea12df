"""A host that is told what to do on another word holds, until an admin releases it."""

from dataclasses import replace

from agent.identity import IdentityStore
from agent.messages import Authority, Heartbeat, Hello, Report

from .cloud import Cloud
from .host import DATA, EVERYTHING, TOMBSTONE, VOLUME, Host, snapshot, told, until
from .sessions import LAST, OURS, is_all_converged, is_said, last_seen, session


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
