"""With what came before: a control plane one version older, and the ledger of such an agent.

`tests/golden/stead_v1.json` was recorded with the last version that knew `stead.v1` alone: for each of three simulated
hosts, all that its control plane said while instances were launched, stopped and terminated and a volume was attached
twice, and the ledger that its agent left, as SQL.
"""

import base64
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agent.converge.authority import objection
from agent.converge.desired import Desired
from agent.convert import from_wire
from agent.downloads import Downloads
from agent.drivers.fake import FakeSettings, FakeWorld
from agent.enroll import JoinToken, join
from agent.identity import IdentityStore
from agent.ledger import Ledger
from agent.legacy_wire import OldContract, upgraded
from agent.messages import Authority, ConsoleReply, ConsoleRequest, Heartbeat, Hello, Report, Update
from agent.model import Capacity, GatewaySpec, ImageSource, InstanceSpec, Kind, Power, Ref, Spec, VolumeSpec, VpcSpec
from agent.vpc import VpcView
from stead.v1 import agent_pb2 as pb

from .cloud import Cloud, OldCloud, running_cloud, sha256
from .host import EVERYTHING, Host, snapshot, until
from .sessions import session
from .test_enroll import check_data_plane

RECORDED = json.loads((Path(__file__).parents[2] / "golden/stead_v1.json").read_text())
TRUSTING = FakeSettings(trust_foreign_exports=True)


@pytest.fixture(params=RECORDED, ids=["compute", "gateway", "storage"])
def recorded(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
async def cloud() -> AsyncIterator[OldCloud]:
    async with running_cloud(OldCloud) as cloud:
        yield cloud


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path, TRUSTING)
    yield host
    FakeWorld.forget(tmp_path)
    assert host.world.violations == []


def messages(recorded: Any) -> list[pb.ControlMessage]:
    return [pb.ControlMessage.FromString(base64.b64decode(text)) for text in recorded["messages"]]


def contract(recorded: Any) -> OldContract:
    return OldContract(recorded["host_id"], recorded["underlay_address"])


def make_ledger(recorded: Any, path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript("\n".join(recorded["ledger"]))


def resources(recorded: Any) -> dict[Ref, Spec]:
    """As the ledger of before has them."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript("\n".join(recorded["ledger"]))
        rows = db.execute("SELECT spec FROM resource").fetchall()
    specs = [from_wire(pb.Resource.FromString(data)) for (data,) in rows]
    return {spec.ref: in_order(spec) for spec in specs}


def views(desired: Desired) -> dict[Ref, Spec]:
    found = ((ref, view.spec if isinstance(view, VpcView) else view) for ref, view in desired.views.items())
    return {ref: in_order(spec) for ref, spec in found}


def in_order(spec: Spec) -> Spec:
    """Mappings, peers' addresses and members come in any. What guests are told of their interfaces did not come."""
    if isinstance(spec, InstanceSpec):
        return replace(spec, metadata=replace(spec.metadata, interfaces=()))
    if isinstance(spec, GatewaySpec):
        return replace(spec, mappings=tuple(sorted(spec.mappings, key=str)))
    if not isinstance(spec, VpcSpec):
        return spec
    pairs = [sorted(zip(peer.interface_ids, peer.private_ips, strict=True)) for peer in spec.peers]
    peers = [
        replace(peer, interface_ids=tuple(i for i, _ in there), private_ips=tuple(ip for _, ip in there))
        for peer, there in zip(spec.peers, pairs, strict=True)
    ]
    members = [replace(row, private_ips=tuple(sorted(row.private_ips))) for row in spec.group_members]
    ports, subnets = tuple(sorted(spec.ports, key=str)), tuple(sorted(spec.subnets, key=str))
    return replace(spec, ports=ports, subnets=subnets, peers=tuple(peers), group_members=tuple(members))


def follow(recorded: Any) -> Desired:
    desired, old = Desired(recorded["host_id"]), contract(recorded)
    for message in messages(recorded):
        update = old.from_wire(message)
        assert isinstance(update, Update)
        desired.apply(update)
    return desired


def test_what_an_older_control_plane_says_becomes_what_drivers_were_given(recorded: Any) -> None:
    assert views(follow(recorded)) == resources(recorded)
    assert resources(recorded)


async def test_an_older_ledger_is_upgraded_once(recorded: Any, tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    make_ledger(recorded, path)
    last = messages(recorded)[-1].update
    for _ in range(2):
        ledger = Ledger(
            path,
            recorded["host_id"],
            partial(upgraded, host_id=recorded["host_id"], underlay_address=recorded["underlay_address"]),
        )
        contents = ledger.load()
        ledger.close()
        assert contents.revision == last.revision
        assert contents.authority == Authority(last.region, last.incarnation, last.revision, last.seal)
        assert views(Desired(recorded["host_id"], contents.revision, contents.scopes)) == resources(recorded)
    with closing(sqlite3.connect(path)) as db:
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
    assert tables == {"last_followed", "kept_object", "power_off"}, "an agent of before would know nothing, and wait"


def test_an_older_ledger_that_is_damaged_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    make_ledger(RECORDED[0], path)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE resource SET spec = x'ffffffff'")
    ledger = Ledger(path, "host-1", partial(upgraded, host_id="host-1", underlay_address="192.0.2.1"))
    assert ledger.load().revision is None
    assert "set aside" in ledger.problems[0]
    ledger.close()


async def test_an_agent_upgraded_while_its_control_plane_is_away_goes_on_with_its_guests(tmp_path: Path) -> None:
    recorded = RECORDED[0]
    host = Host(tmp_path, TRUSTING)
    host.context = replace(host.context, host_id=recorded["host_id"], underlay_address=recorded["underlay_address"])
    path = tmp_path / "ledger.sqlite"
    make_ledger(recorded, path)
    for spec in resources(recorded).values():
        if isinstance(spec, VolumeSpec):
            host.world.volumes[spec.volume_id] = VolumeSpec(spec.volume_id, spec.size_bytes)
    instances = [ref.id for ref in resources(recorded) if ref.kind is Kind.INSTANCE]
    for _ in range(2):
        host.world.changes.clear()
        async with host.agent() as engine:
            engine.follow_ledger()
            await until(host.is_settled_in_ledger, host.describe)
            assert {ref.id for ref in engine.desired.views if ref.kind is Kind.INSTANCE} == set(instances)
        assert Power.RUNNING in [domain.facts.power for domain in host.world.domains.values()]
    assert host.world.changes == [], "nothing is made twice"
    FakeWorld.forget(tmp_path)


async def test_a_session_with_an_older_control_plane(cloud: OldCloud, host: Host, store: IdentityStore) -> None:
    recorded = RECORDED[0]
    await join(JoinToken.parse(cloud.token()), "rack-1", recorded["underlay_address"], store)
    async with session(cloud, host, store):
        await until(lambda: bool(cloud.got(pb.Report)))
        (hello,) = cloud.got(pb.Hello)
        assert (hello.contract_version, hello.region, hello.capacity.vcpus) == (1, "", 64)
        for message in messages(recorded):
            cloud.play(message)
        last = messages(recorded)[-1].update
        await until(lambda: host.engine.desired.revision == last.revision)
        await until(host.is_settled_in_ledger, host.describe)
        await until(lambda: cloud.got(pb.Report)[-1].revision == last.revision)
        await until(lambda: bool(cloud.got(pb.Heartbeat)))
        cloud.play(pb.ControlMessage(console_request=pb.ConsoleRequest(request_id=4, instance_id="i-9", max_bytes=9)))
        await until(lambda: [reply.request_id for reply in cloud.got(pb.ConsoleReply)] == [4])
        cloud.inbox.clear()
        cloud.hang_up()
        await until(lambda: bool(cloud.got(pb.Hello)))
        hello = cloud.got(pb.Hello)[0]
        assert (hello.region, hello.incarnation, hello.revision) == (last.region, last.incarnation, last.revision)
        assert hello.seal == last.seal


async def test_its_control_plane_is_upgraded_under_it(cloud: OldCloud, host: Host, store: IdentityStore) -> None:
    """Each session begins with the newest that both know, and what guests have stays as it is."""
    newer = Cloud()
    newer.ca, newer.data_ca = cloud.ca, cloud.data_ca
    async with session(cloud, host, store):
        await until(lambda: bool(cloud.got(pb.Hello)))
        cloud.play(messages(RECORDED[0])[0])
        await until(lambda: host.engine.desired.revision is not None)
        await cloud.stop()
        newer.api_port, newer.agent_port = cloud.api_port, cloud.agent_port
        await newer.start()
        await until(lambda: bool(newer.got(Hello)))
        newer.send(replace(snapshot(900, *EVERYTHING), released=True))
        await until(lambda: 900 in {report.revision for report in newer.got(Report)})
        await until(host.is_settled_in_ledger, host.describe)
    await newer.stop()


async def test_joining_renewal_and_images_with_an_older_control_plane(
    cloud: OldCloud, host: Host, store: IdentityStore, tmp_path: Path
) -> None:
    await join(JoinToken.parse(cloud.token()), "rack-1", "192.0.2.1", store)
    check_data_plane(cloud, tmp_path / "pki", tmp_path / "server-pki")
    shutil.rmtree(tmp_path / "server-pki")
    async with session(cloud, host, store):
        await until(lambda: len(cloud.renewals) == 1 and len(cloud.sessions) >= 2)
    check_data_plane(cloud, tmp_path / "pki", tmp_path / "server-pki")
    cloud.images["ami-1"] = b"image"
    await Downloads(store)(ImageSource("ami-1", "raw", 5, sha256(b"image")), tmp_path / "image")
    assert (tmp_path / "image").read_bytes() == b"image"


def test_what_an_agent_says_is_the_same_but_for_the_hello() -> None:
    old = OldContract("host-1", "192.0.2.1")
    beat = old.to_wire(Heartbeat(Capacity(4, 8, 2, ("worn",), "key")))
    assert beat.heartbeat.capacity.problems == ["worn"]
    assert old.to_wire(ConsoleReply(3, b"x")).console_reply.output == b"x"
    asked = pb.ControlMessage(console_request=pb.ConsoleRequest(request_id=1, instance_id="i-1", max_bytes=2))
    assert old.from_wire(asked) == ConsoleRequest(1, "i-1", 2)
    assert old.from_wire(pb.ControlMessage()) is None


def test_what_changes_is_no_snapshot_before_one_came() -> None:
    """Else all that it does not speak of would be removed."""
    first, second = (message for message in messages(RECORDED[0])[:2])
    assert (first.update.snapshot, second.update.snapshot) == (True, False)
    for order, is_snapshot in (((second,), False), ((first, second), True)):
        old = contract(RECORDED[0])
        update = [old.from_wire(message) for message in order][-1]
        assert isinstance(update, Update)
        assert update.snapshot is is_snapshot


def test_a_control_plane_of_before_that_was_restored_is_held() -> None:
    recorded = RECORDED[0]
    first = messages(recorded)[0]
    first.update.incarnation = "inc-other"
    update = contract(recorded).from_wire(first)
    assert isinstance(update, Update)
    last = messages(recorded)[-1].update
    assert "held" in objection(Authority(last.region, last.incarnation, last.revision), update)
