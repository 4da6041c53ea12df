"""The session against a real gRPC server with mutual TLS."""

import asyncio
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent import __version__
from agent.downloads import Downloads
from agent.drivers.base import Permanent, Transient
from agent.enroll import JoinToken, join
from agent.identity import IdentityStore
from agent.messages import ConsoleReply, Heartbeat, Hello, Report, Role
from agent.model import ImageSource
from agent.objects import ScopeChange, ref_of

from .cloud import Cloud, sha256
from .host import DATA, EVERYTHING, HOST_ID, VOLUME, VPC, Host, delta, put, snapshot, told, until
from .sessions import FAST, INSTANCE_OBJECT, is_all_converged, last_seen, session
from .test_enroll import check_data_plane


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


async def test_the_console(cloud: Cloud, host: Host, store: IdentityStore) -> None:
    async with session(cloud, host, store):
        await until(lambda: bool(cloud.sessions))
        cloud.send(snapshot(1, *EVERYTHING))
        await until(lambda: is_all_converged(cloud, len(EVERYTHING)))
        cloud.ask_console("i-1", 8)
        await until(lambda: cloud.got(ConsoleReply) == [ConsoleReply(8, b"i-1 login: ")])


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
