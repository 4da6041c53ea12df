"""An agent in wrong hands: what it claims, says wrongly or says too often harms its own host alone."""

import asyncio
from typing import Any

import grpc
import pytest

from controlplane import ca
from controlplane.api import agents
from controlplane.gate.limits import Pace
from controlplane.model.instance import ObservedKind
from controlplane.reconcile.concern import ORPHANS_PER_HOST
from controlplane.service import regions
from controlplane.session import sealed_text
from stead.agent.v1 import session_pb2 as pb
from tests.contract.agents import Stream, agent_channel, certificate_request, connected, ended, joined
from tests.contract.control_plane import ControlPlane, until
from tests.unit.region import NAME


def sealed(cloud: ControlPlane, host_id: str, revision: int, incarnation: str) -> dict[str, Any]:
    """What a host says that was sent this by a control plane with our keys."""
    seal = ca.seal(cloud.authority, sealed_text(NAME, incarnation, revision, host_id))
    return {"region": NAME, "incarnation": incarnation, "revision": revision, "seal": seal}


def last(**word: Any) -> dict[str, Any]:
    """What a hello says of the last update that the agent followed."""
    return {"authority": pb.Authority(**word)}


async def test_a_host_that_knows_more_is_released_from_nothing(cloud: ControlPlane) -> None:
    """Its release may be in the backup that the database was restored from."""
    machine, other = await joined(cloud), await joined(cloud)
    await cloud.ask("ReleaseHost", host_id=machine.host_id)
    known = regions.incarnation(cloud.journal.state, NAME)
    updates = []
    for host_id, stream in ((one.host_id, Stream(cloud, one)) for one in (machine, other)):
        stream.hello(**last(**sealed(cloud, host_id, cloud.revision + 100, known)))
        updates.append(await stream.update())
    assert {(update.snapshot, update.released) for update in updates} == {(True, False)}
    assert len({update.authority.incarnation for update in updates}) == 1
    assert updates[0].authority.incarnation not in ("", known)


LIES: list[dict[str, Any]] = [{"seal": b""}, {"seal": b"x" * 32}, {"revision": 1 << 62}, {"by": "another host"}]


@pytest.mark.parametrize("lie", LIES, ids=str)
async def test_a_host_that_lies_of_a_later_revision_makes_no_other_hold(
    cloud: ControlPlane, lie: dict[str, Any]
) -> None:
    """A seal says which host was sent what: neither one's own nor another's proves more."""
    liar, (other, listening) = await joined(cloud), await connected(cloud)
    known, lie = regions.incarnation(cloud.journal.state, NAME), dict(lie)
    sealed_for = other.host_id if lie.pop("by", "") else liar.host_id
    stream = Stream(cloud, liar)
    stream.hello(**last(**{**sealed(cloud, sealed_for, cloud.revision + 100, known), **lie}))
    update = await stream.update()
    assert (update.released, update.authority.incarnation not in ("", known)) == (False, True), (
        "it holds, should it be honest"
    )
    assert regions.incarnation(cloud.journal.state, NAME) == known
    shown = {row.host_id: list(row.problems) for row in (await cloud.ask("DescribeHosts")).hosts}
    assert "has no valid seal" in shown[liar.host_id][0]
    assert shown[other.host_id] == []
    await cloud.ask("ReleaseHost", host_id=liar.host_id)
    released = await stream.update()
    incarnation = released.authority.incarnation
    assert (released.snapshot, released.released, incarnation) == (True, True, update.authority.incarnation)
    listening.call.cancel()
    listening = Stream(cloud, other)
    listening.hello()
    assert (await listening.update()).authority.incarnation == known


async def test_what_is_sent_is_sealed(cloud: ControlPlane) -> None:
    """What an agent shows of it after the database was put back proves it to a process that never sent it."""
    machine = await joined(cloud)
    stream = Stream(cloud, machine)
    stream.hello()
    sent = (await stream.update()).authority
    told = machine.host_id, sent.region, sent.incarnation, sent.revision
    assert cloud.sessions.is_sealed(*told, sent.seal)
    host_id, region, incarnation, revision = told
    others_told: list[tuple[str, str, str, int]] = [
        ("host-2", region, incarnation, revision),
        (host_id, "home-2", incarnation, revision),
        (host_id, region, "inc-2", revision),
        (host_id, region, incarnation, revision + 1),
    ]
    for others in others_told:
        assert not cloud.sessions.is_sealed(*others, sent.seal)


async def test_a_host_that_lies_later_makes_nobody_hold(cloud: ControlPlane) -> None:
    machine, stream = await connected(cloud)
    known = regions.incarnation(cloud.journal.state, NAME)
    stream = Stream(cloud, machine)
    stream.hello(**last(region=NAME, incarnation=known, revision=1 << 62))
    assert (await stream.update()).authority.incarnation == known


async def _until_its_end(call: Any) -> None:
    """What is not read hides the end."""
    while await call.read():
        pass


async def test_what_is_no_message_is_refused_as_such(cloud: ControlPlane) -> None:
    machine = await joined(cloud)
    channel: Any = agent_channel(cloud, machine.control)
    call = channel.stream_stream(Stream.rpc.path)()
    await call.write(pb.AgentMessage(hello=pb.Hello(protocol=1)).SerializeToString())
    assert await call.read()
    await call.write(b"\xff")
    async with asyncio.timeout(10):
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await _until_its_end(call)
    assert ended.value.code() is grpc.StatusCode.INVALID_ARGUMENT, ended.value.details()


async def test_what_no_database_can_keep_does_not_end_the_control_plane(cloud: ControlPlane) -> None:
    machine, stream = await connected(cloud)
    huge = 2**64 - 1
    stream.heartbeat(vcpus=2**32 - 1, memory_mib=huge, storage_gib=huge)
    ref = pb.ResourceRef(kind=pb.RESOURCE_KIND_VOLUME, id="vol-" + "0" * 17)
    what = pb.ObservedInstance(generation=huge, reboot_count=huge)
    file = pb.VolumeFile(size_bytes=huge, epoch=huge, changed_at=huge)
    stream.send(report=pb.Report(revision=huge, observed=[pb.Observed(ref=ref, instance=what, since=huge, file=file)]))
    await until(lambda: len(cloud.journal.state.observations) == 1)
    assert cloud.journal.state.hosts[machine.host_id].memory_mib == 2**63 - 1
    (orphan,) = (await cloud.ask("DescribeOrphanVolumes")).volumes
    assert (orphan.size_bytes, orphan.change_time.ToDatetime().year) == (2**63 - 1, 9999)
    await cloud.ask("AllocateAddress")


async def test_an_agent_that_lies_about_its_pools_harms_itself_alone(cloud: ControlPlane) -> None:
    machine, stream = await connected(cloud)
    twice = [pb.Pool(name="b\0" + "b" * 1000, storage_gib=9) for _ in range(2)]
    file = pb.VolumeFile(size_bytes=80 << 30, pool=twice[0].name)
    ref = pb.ResourceRef(kind=pb.RESOURCE_KIND_VOLUME, id="vol-" + "0" * 17)
    stream.send(report=pb.Report(revision=1, observed=[pb.Observed(ref=ref, file=file)]))
    for number in range(3):
        named = pb.Pool(name=f"p{number}", storage_gib=100)
        stream.heartbeat(vcpus=64, memory_mib=1 << 16, storage_gib=118, pools=[named, *twice])
        await until(lambda: cloud.journal.state.hosts[machine.host_id].all_pools[0].name == named.name)  # noqa: B023
        await cloud.ask("CreateVolume", zone_name="home-1a", size_gib=1)
    (host,) = (await cloud.ask("DescribeHosts")).hosts
    assert [(pool.name, pool.storage_gib, pool.storage_gib_used) for pool in host.pools] == [
        ("p2", 100, 3),
        ("b " + "b" * 62, 9, 80),
    ]


async def test_an_agent_in_wrong_hands_fills_nobodys_memory(cloud: ControlPlane) -> None:
    machine, stream = await connected(cloud)
    kinds = (pb.RESOURCE_KIND_INSTANCE, pb.RESOURCE_KIND_EXPORT, pb.RESOURCE_KIND_VPC, pb.RESOURCE_KIND_GATEWAY)
    made_up = [pb.ResourceRef(kind=kind, id=f"x-{n}") for kind in kinds for n in range(100)]
    orphans = [pb.ResourceRef(kind=pb.RESOURCE_KIND_VOLUME, id=f"vol-{n:017x}") for n in range(ORPHANS_PER_HOST + 10)]
    rows = [pb.Observed(ref=ref, error="e" * 5000) for ref in made_up + orphans]
    for _ in range(2):
        stream.send(report=pb.Report(revision=1, observed=rows))
    stream.heartbeat(vcpus=65)
    await until(lambda: cloud.journal.state.hosts[machine.host_id].vcpus == 65)
    kept = list(cloud.journal.state.observations)
    assert (len(kept), {row.kind for row in kept}) == (ORPHANS_PER_HOST, {ObservedKind.VOLUME})
    assert {len(row.error) for row in kept} == {1000}
    many = [pb.ResourceRef(kind=pb.RESOURCE_KIND_VOLUME, id=f"vol-{n:017x}") for n in range(20_001)]
    stream.send(report=pb.Report(revision=1, gone=many))
    assert await ended(stream)
    assert len(cloud.journal.state.observations) == ORPHANS_PER_HOST


async def test_an_agent_that_says_too_much_is_heard_later(cloud: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    loud, hosts = await joined(cloud), cloud.journal.state.hosts
    flood = Stream(cloud, loud)
    flood.hello()
    await until(lambda: hosts[loud.host_id].vcpus == 64)
    monkeypatch.setattr(Pace, "wait_s", lambda _, host_id, cost, now_s: 1e6 if host_id == loud.host_id else 0)
    flood.heartbeat(vcpus=65)
    await until(lambda: hosts[loud.host_id].vcpus == 65)
    flood.heartbeat(vcpus=66)
    other = await joined(cloud)
    stream = Stream(cloud, other)
    stream.hello()
    stream.heartbeat(vcpus=7)
    await until(lambda: hosts[other.host_id].vcpus == 7)
    assert hosts[loud.host_id].vcpus == 65


async def test_what_is_said_of_nat_gateways_counts(cloud: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    costs: list[int] = []

    def wait_s(_: Pace, host_id: str, cost: int, now_s: float) -> float:
        costs.append(cost)
        return 0

    machine = await joined(cloud)
    monkeypatch.setattr(Pace, "wait_s", wait_s)
    uses = [pb.NatUse(nat_gateway_id=f"nat-{number:017x}") for number in range(5000)]
    stream, capacity = Stream(cloud, machine), pb.Capacity(vcpus=64, nat_gateways=uses)
    stream.send(hello=pb.Hello(protocol=agents.PROTOCOL, capacity=capacity))
    stream.send(heartbeat=pb.Heartbeat(capacity=capacity))
    stream.heartbeat(vcpus=65)
    await until(lambda: len(costs) == 4)
    of_a_message = costs[3]
    assert costs[1:] == [5000, of_a_message + 5000, of_a_message]


async def test_a_host_that_calls_too_often_is_heard_later(cloud: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each session begins with all that its host shall have, whatever ends it."""
    loud, (other, _) = await joined(cloud), await connected(cloud)
    monkeypatch.setattr(Pace, "wait_s", lambda _, host_id, cost, now_s: 1e6 if host_id == loud.host_id else 0)
    Stream(cloud, loud).hello()
    asked, channel = (
        pb.RenewCertificatesRequest(control_csr=certificate_request().csr),
        agent_channel(cloud, loud.control),
    )
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await cloud.call("RenewCertificates", asked, channel=channel)
    assert loud.host_id not in cloud.sessions
    stream = Stream(cloud, other)
    stream.hello()
    assert (await stream.update()).snapshot


async def test_a_session_without_a_hello_ends(cloud: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "HELLO_S", 0.1)
    with pytest.raises(grpc.aio.AioRpcError, match="No hello came"):
        await Stream(cloud, await joined(cloud)).next()
