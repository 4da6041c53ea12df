"""Agents' sessions: what they are sent and say, who is admitted, and silence in the store."""

import asyncio
import zlib
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from agent.convert import from_control_message, to_wire
from agent.ledger import Ledger
from agent.messages import KnownScope, Update
from agent.objects import net
from controlplane import session
from controlplane.api import agents, reports
from controlplane.reconcile import feed
from stead.agent.v1 import objects_pb2
from stead.agent.v1 import session_pb2 as pb
from tests.contract.agents import Stream, connected, joined
from tests.contract.control_plane import ControlPlane, Refused, refused, until
from tests.unit.told import Objects, objects_of, take


async def test_a_session_brings_a_snapshot_then_changes_and_takes_reports(cloud: ControlPlane) -> None:
    machine, stream = await connected(cloud)
    made = (await cloud.ask("RunInstances", image_id=await cloud.import_image())).instances[0]
    objects: Objects = {scope_id: {} for scope_id in ("region", machine.host_id)}
    while ("instance", made.instance_id) not in objects[machine.host_id]:
        update = await stream.update()
        assert not update.snapshot
        take(objects, update)
    assert {name for name, _ in objects[machine.host_id]} == {"volume", "attachment", "instance"}
    assert objects[made.vpc_id] == objects_of(cloud.journal.state, machine.host_id)[made.vpc_id]
    ref = pb.ResourceRef(kind=pb.RESOURCE_KIND_INSTANCE, id=made.instance_id)
    running = pb.ObservedInstance(running=True, generation=1, has_run=True)
    observed = [pb.Observed(ref=ref, converged=True, instance=running)]
    stream.send(report=pb.Report(revision=update.authority.revision, observed=observed))
    instances = cloud.journal.state.instances
    await until(lambda: instances[made.instance_id].ran_generation == 1)
    (shown,) = (await cloud.ask("DescribeInstances")).instances
    assert (shown.state.name, shown.status) == ("running", "ok")


async def test_what_changes_before_an_answer_comes_together_after_it(cloud: ControlPlane) -> None:
    _, stream = await connected(cloud)
    await cloud.ask("CreateVolume", zone_name="home-1a", size_gib=1)
    first = (await stream.next()).update
    for _ in range(3):
        await cloud.ask("CreateVolume", zone_name="home-1a", size_gib=1)
    stream.send(report=pb.Report(revision=first.authority.revision))
    second = (await stream.next()).update
    assert [len(update.scopes) for update in (first, second)] == [1, 3]
    assert second.authority.revision == cloud.revision


async def test_an_agent_that_does_not_answer_is_told_all_the_same(
    cloud: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its drivers may hang, and what it shall do may be what helps."""
    monkeypatch.setattr(session, "ANSWER_S", 0.1)
    _, stream = await connected(cloud)
    for _ in range(3):
        await cloud.ask("CreateVolume", zone_name="home-1a", size_gib=1)
        assert len((await stream.next()).update.scopes) == 1


async def test_a_large_snapshot_comes_in_parts(cloud: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "_MESSAGE_BYTES", 500)
    monkeypatch.setattr(feed, "SLICE_BYTES", 200)
    machine, stream = await connected(cloud)
    await cloud.ask("RunInstances", image_id=await cloud.import_image(), min_count=8, max_count=8)
    stream = Stream(cloud, machine)
    stream.hello()
    parts = [(await stream.next()).update]
    while parts[-1].more:
        parts.append((await stream.next()).update)
    assert len(parts) > 5
    assert {(part.authority.seal, part.snapshot) for part in parts} == {(parts[0].authority.seal, True)}
    objects: Objects = {}
    for part in parts:
        take(objects, pb.Update(scopes=part.scopes))
    assert objects == objects_of(cloud.journal.state, machine.host_id)


async def test_what_boots_by_uefi_goes_where_the_agent_says_that_it_knows_how(cloud: ControlPlane) -> None:
    """One of before would start it by BIOS."""
    machine, _ = await connected(cloud)
    image_id = await cloud.import_image(boot_mode="uefi")
    with pytest.raises(Refused, match="InsufficientInstanceCapacity") as refusal:
        await cloud.ask("RunInstances", image_id=image_id, min_count=1)
    assert refusal.value.detail
    reasons = [row.reason for row in refusal.value.detail.host_refusals]
    assert reasons[:1] == ["agent: version 1.0 does not know 'firmware'; upgrade it"]
    newer = Stream(cloud, machine)
    newer.hello(features=["firmware"])
    await newer.update()
    await until(lambda: cloud.journal.state.hosts[machine.host_id].features == ("firmware",))
    await cloud.ask("RunInstances", image_id=image_id, min_count=1)


async def test_an_agent_that_can_unpack_is_sent_whole_scopes_packed(cloud: ControlPlane) -> None:
    """And what changes after that as it is."""
    machine, _ = await connected(cloud)
    await cloud.ask("RunInstances", image_id=await cloud.import_image(), min_count=8, max_count=8)
    stream = Stream(cloud, machine)
    stream.hello(features=["of-tomorrow", "packed"])
    update = await stream.update()
    assert update.packed
    assert not update.scopes
    objects: Objects = {}
    take(objects, pb.Update(scopes=[pb.ScopeChange.FromString(zlib.decompress(each)) for each in update.packed]))
    assert objects == objects_of(cloud.journal.state, machine.host_id)
    await cloud.ask("CreateVolume", zone_name="home-1a", size_gib=1)
    update = await stream.update()
    assert (len(update.packed), len(update.scopes)) == (0, 1)


async def test_a_host_that_has_what_there_is_is_told_what_changed(cloud: ControlPlane, tmp_path: Path) -> None:
    """By the digests that an agent makes of its ledger."""
    machine, stream = await connected(cloud)
    await cloud.ask("RunInstances", image_id=await cloud.import_image(), min_count=8, max_count=8)
    stream = Stream(cloud, machine)
    stream.hello()
    message = pb.ControlMessage(update=await stream.update())
    ledger, told = Ledger(tmp_path / "ledger", machine.host_id), from_control_message(message)
    assert isinstance(told, Update)
    whole = replace(told, scopes=net(told.scopes))
    await ledger.write(whole)
    known = [to_wire(KnownScope(*each)) for each in (await ledger.digests(whole.authority)).items()]
    ledger.close()
    assert {each.scope for each in known} == objects_of(cloud.journal.state, machine.host_id).keys()
    stream = Stream(cloud, machine)
    stream.hello(known=known)
    update = await stream.update()
    assert update.snapshot
    assert [(change.scope, change.reset, len(change.put)) for change in update.scopes] == [
        (each.scope, False, 0) for each in known
    ]
    await cloud.ask("CreateVolume", zone_name="home-1a", size_gib=1)
    assert [change.scope for change in (await stream.update()).scopes] == [machine.host_id]
    stream = Stream(cloud, machine)
    stream.hello(known=[pb.KnownScope(scope=each.scope, digest=b"other") for each in known])
    assert all(change.reset for change in (await stream.update()).scopes)


@pytest.mark.parametrize(("protocol", "reason"), [(0, "is too old"), (2, "is too new")])
async def test_an_agent_of_another_protocol_is_refused_and_shown(
    cloud: ControlPlane, protocol: int, reason: str
) -> None:
    machine = await joined(cloud)
    stream = Stream(cloud, machine)
    stream.hello(protocol=protocol, agent_version="9.9", features=["packed"])
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stream.next()
    error = refused(caught.value)
    assert (error.code, error.status) == ("UnsupportedAgent", grpc.StatusCode.FAILED_PRECONDITION)
    assert f"version 9.9, {reason}" in str(error)
    (host,) = (await cloud.ask("DescribeHosts")).hosts
    assert (host.status, host.agent_version) == ("never-connected", "9.9")
    assert "upgrade" in host.problems[0]
    assert cloud.journal.state.hosts[host.host_id].features == ("packed",)
    stream = Stream(cloud, machine)
    stream.hello()
    assert (await stream.update()).snapshot
    (host,) = (await cloud.ask("DescribeHosts")).hosts
    assert (host.status, list(host.problems)) == ("connected", [])


async def test_a_session_begins_with_a_hello(cloud: ControlPlane) -> None:
    stream = Stream(cloud, await joined(cloud))
    stream.heartbeat()
    with pytest.raises(grpc.aio.AioRpcError, match="hello"):
        await stream.next()


async def test_heartbeats_write_nothing(cloud: ControlPlane) -> None:
    machine, stream = await connected(cloud)
    revision = cloud.revision
    for _ in range(50):
        stream.heartbeat()
    stream.heartbeat(vcpus=65)
    await until(lambda: cloud.journal.state.hosts[machine.host_id].vcpus == 65)
    assert cloud.revision == revision + 1, "only what was new"


async def test_a_long_report_is_taken_in_part_by_part(cloud: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what the whole of it leaves out is gone, not what a part does."""
    monkeypatch.setattr(reports, "MOST_ROWS", 2)
    machine, stream = await connected(cloud)
    names = [f"vol-{n:017x}" for n in range(7)]
    for told in (names, names[:5]):
        observed = [pb.Observed(ref=pb.ResourceRef(kind=pb.RESOURCE_KIND_VOLUME, id=name)) for name in told]
        stream.send(report=pb.Report(revision=1, full=True, kinds=[pb.RESOURCE_KIND_VOLUME], observed=observed))
        await until(lambda: {row.resource_id for row in cloud.journal.state.observations} == set(told))  # noqa: B023
    assert {row.host_id for row in cloud.journal.state.observations} == {machine.host_id}


async def test_what_an_agent_counted_is_told_with_the_rules_that_it_is_of(cloud: ControlPlane) -> None:
    """Of one that does not count, or is away, the rules alone."""
    machine, _ = await connected(cloud)
    made = (await cloud.ask("RunInstances", image_id=await cloud.import_image())).instances[0]
    alone = await cloud.ask("GetEffectiveRules", instance_id=made.instance_id)
    assert alone.not_counted == "the agent of its host does not count: have it upgraded"
    assert alone.rules
    assert not any(rule.HasField("packets") for rule in alone.rules)
    new = Stream(cloud, machine)
    new.hello(features=["counters", "drops"])

    async def answer() -> None:
        while (message := await new.next()).WhichOneof("body") != "count_request":
            pass
        asked = message.count_request
        assert list(asked.endpoint_ids) == [alone.rules[0].network_interface_id]
        group_id = made.security_groups[0].group_id
        rule = objects_pb2.Rule(is_egress=True, ip_protocol="-1", from_port=-1, to_port=-1, cidr_ipv4="0.0.0.0/0")
        counted = pb.Counted(guard_id=group_id, rule=rule, is_allowed=True, packets=7, bytes=420)
        new.send(count_reply=pb.CountReply(request_id=asked.request_id, counted=[counted]))

    await until(lambda: "counters" in cloud.journal.state.hosts[machine.host_id].features)
    reply, _ = await asyncio.gather(cloud.ask("GetEffectiveRules", instance_id=made.instance_id), answer())

    async def tell() -> None:
        while (message := await new.next()).WhichOneof("body") != "drops_request":
            pass
        asked = message.drops_request
        assert (list(asked.endpoint_ids), asked.after, asked.wait_ms) == (
            [alone.rules[0].network_interface_id],
            7,
            20_000,
        )
        dropped = pb.Dropped(number=9, at_ms=1500, interface_id="eni-1", guard="acl-in", destination_port=22)
        new.send(drops_reply=pb.DropsReply(request_id=asked.request_id, dropped=[dropped], after=9))

    counts = {(rule.is_egress, rule.packets, rule.bytes) for rule in reply.rules if rule.HasField("packets")}
    assert (counts, reply.not_counted) == ({(True, 7, 420)}, "")
    asked = cloud.ask("GetDroppedPackets", instance_id=made.instance_id, after=7, wait_s=20)
    drops, _ = await asyncio.gather(asked, tell())
    (packet,) = drops.packets
    assert (packet.guard, packet.destination_port, packet.drop_time.ToMilliseconds(), drops.after) == (
        "acl-in",
        22,
        1500,
        9,
    )
    with pytest.raises(Refused, match="wait_s: 21 is not valid"):
        await cloud.ask("GetDroppedPackets", instance_id=made.instance_id, wait_s=21)
    new.call.cancel()
    await until(lambda: not cloud.sessions._open)
    with pytest.raises(Refused, match="its host is not connected"):
        await cloud.ask("GetDroppedPackets", instance_id=made.instance_id)
    away = await cloud.ask("GetEffectiveRules", instance_id=made.instance_id)
    assert away.not_counted == "its host is not connected; try again later"


async def test_a_newer_session_ends_the_older_and_a_console_goes_through_it(cloud: ControlPlane) -> None:
    machine, old = await connected(cloud)
    new = Stream(cloud, machine)
    new.hello()
    assert (await new.update()).snapshot
    while message := await old.next():
        assert message.update.authority.revision
    made = (await cloud.ask("RunInstances", image_id=await cloud.import_image())).instances[0]

    async def answer() -> None:
        while (message := await new.next()).WhichOneof("body") != "console_request":
            pass
        asked = message.console_request
        assert (asked.instance_id, asked.max_bytes) == (made.instance_id, 65536)
        new.send(console_reply=pb.ConsoleReply(request_id=asked.request_id, output=b"login:"))

    reply, _ = await asyncio.gather(cloud.ask("GetConsoleOutput", instance_id=made.instance_id), answer())
    assert (reply.instance_id, reply.output) == (made.instance_id, b"login:")
    new.call.cancel()
    await until(lambda: not cloud.sessions._open)
    with pytest.raises(Refused) as caught:
        await cloud.ask("GetConsoleOutput", instance_id=made.instance_id)
    assert (caught.value.code, caught.value.status) == ("Unavailable", grpc.StatusCode.UNAVAILABLE)
