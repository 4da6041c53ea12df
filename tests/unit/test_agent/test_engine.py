"""The engine on a fake host: it converges, it lets be what is right, and it survives its own death anywhere."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.drivers.base import Transient
from agent.drivers.fake import FakeComputeDriver, FakeNetworkDriver, FakeSettings, FakeStorageDriver
from agent.model import PortState, Ref, VolumeFile, VolumeSpec, VpcSpec
from agent.objects import ObjectKind, ObjectRef
from agent.vpc import VpcView

from .host import (
    DATA,
    EVERYTHING,
    EXPORT,
    FAST,
    GATEWAY,
    INSTANCE,
    NIC,
    TOMBSTONE,
    VOLUME,
    VPC,
    Host,
    facts,
    fail_at,
    snapshot,
    stopped,
    until,
    verbs,
)

SLOW_PASS = replace(FAST, full_pass_s=3600.0)  # Only events and hints can bring anything about.


async def test_it_brings_everything_up_in_order(host: Host) -> None:
    async with host.agent():
        await host.want(*EVERYTHING)
        await host.settle()
        assert facts(host).running
        assert facts(host).has_run
    assert verbs(host)[-5:-3] == ["network.create_tap", "compute.start_paused"]
    assert set(verbs(host)[-3:-1]) == {"compute.note_run", "network.plug"}
    assert verbs(host)[-1] == "compute.resume"
    assert host.metadata.vpcs == {"vpc-1"}
    assert host.metadata.told == {"vpc-1": {NIC.private_ip: INSTANCE}}


async def test_a_driver_is_told_what_changed_since_it_succeeded(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """At first, after a failure and at a pass, anything may have."""
    told: list[frozenset[ObjectRef] | None] = []
    ensure = FakeNetworkDriver.ensure

    async def note(driver: FakeNetworkDriver, view: VpcView, changed: frozenset[ObjectRef] | None) -> None:
        told.append(changed)
        await ensure(driver, view, changed)

    def members(*numbers: int) -> VpcSpec:
        ips, ids = tuple(f"172.31.1.{n}" for n in numbers), tuple(f"eni-1{n}" for n in numbers)
        return replace(VPC, peers=(replace(VPC.peers[0], private_ips=ips, interface_ids=ids),))

    monkeypatch.setattr(FakeNetworkDriver, "ensure", note)
    async with host.agent(SLOW_PASS) as engine:
        await host.want(members(1))
        await host.settle()
        assert set(told) == {None}
        await host.want(members(1, 2))
        await host.settle()
        assert told[-1] == frozenset({ObjectRef(ObjectKind.ENDPOINT, "eni-12")})
        number = len(host.world.calls) + 1
        host.world.faults.append(fail_at(number, "before", Transient("once")))
        await host.want(members(1, 2, 3))
        await host.settle()
        assert told[-2:] == [frozenset({ObjectRef(ObjectKind.ENDPOINT, "eni-13")}), None]
        engine.hint(VPC.ref)
        await until(lambda: told[-2:] == [None, None], host.describe)
        await host.want(members(1, 2))
        await host.settle()
        assert told[-1] == {ObjectRef(ObjectKind.ENDPOINT, "eni-13")}


async def test_newer_rules_wait_for_no_connections_that_end(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    may_end, failures = asyncio.Event(), [Transient("no memory")]

    async def end_connections(driver: FakeNetworkDriver, vpc_id: str) -> None:
        await may_end.wait()
        if failures:
            raise failures.pop()

    def domain() -> str:
        return host.world.vpcs["vpc-1"].domain if "vpc-1" in host.world.vpcs else ""

    monkeypatch.setattr(FakeNetworkDriver, "end_connections", end_connections)
    async with host.agent(SLOW_PASS) as engine:
        for wanted in ("a.internal", "b.internal"):
            await host.want(replace(VPC, domain=wanted))
            await until(lambda wanted=wanted: domain() == wanted, host.describe)  # type: ignore[misc]
            assert not engine.observations[VPC.ref].converged
        may_end.set()
        await host.settle()
        assert not failures
        assert engine.observations[VPC.ref].converged


async def test_guests_are_told_what_changed_of_an_instance_alone(host: Host) -> None:
    renamed = replace(INSTANCE, metadata=replace(INSTANCE.metadata, key_name="other"))
    async with host.agent(SLOW_PASS):
        await host.want(*EVERYTHING)
        await host.settle()
        await host.want(*EVERYTHING[:-1], renamed)
        await until(lambda: host.metadata.told["vpc-1"] == {NIC.private_ip: renamed}, host.describe)
        await host.want(*EVERYTHING[:-1])
        await until(lambda: host.metadata.told["vpc-1"] == {}, host.describe)


async def test_a_metadata_service_that_ended_is_looked_after_at_once(host: Host) -> None:
    async with host.agent(SLOW_PASS) as engine:
        await host.want(*EVERYTHING)
        await host.settle()
        host.metadata.vpcs.clear()
        host.metadata.ended.put_nowait(VPC.ref)
        await until(lambda: host.metadata.vpcs == {"vpc-1"}, host.describe)
        host.metadata.stopped = ("the metadata service of vpc-1 is stopped",)
        assert engine.problems == host.metadata.stopped


async def test_it_takes_everything_down(host: Host) -> None:
    async with host.agent():
        await host.want(*EVERYTHING)
        await host.settle()
        await host.want(TOMBSTONE)
        await host.settle()
        host.world.empty_trash()
        await host.want()
        await host.settle()
    world = host.world
    left = (world.domains, world.ports, world.vpcs, world.gateways, world.exports, world.volumes)
    assert not any(left)
    assert host.metadata.vpcs == set()


async def test_a_restarted_agent_changes_nothing_that_is_right(host: Host) -> None:
    async with host.agent():
        await host.want(*EVERYTHING)
        await host.settle()
    host.world.calls.clear()
    host.world.changes.clear()
    async with host.agent() as engine:
        engine.follow_ledger()
        await host.settle()
        await host.want(*EVERYTHING)
        await host.settle()
    assert host.world.changes == []
    assert not [call for call in host.world.calls if call.verb.startswith("compute.")]


async def test_nothing_is_touched_before_it_is_known_what_shall_be(host: Host) -> None:
    async with host.agent():
        await host.want(*EVERYTHING)
        await host.settle()
    host.world.calls.clear()
    (host.context.state_dir / "ledger.sqlite").unlink()  # The disk with the ledger was lost.
    async with host.agent() as engine:
        engine.follow_ledger()
        report = await engine.observations.full(0)
        assert {seen.ref for seen in report.observed} == {spec.ref for spec in EVERYTHING}
        assert facts(host).running
        assert host.world.calls == []
        await host.want(*EVERYTHING)
        await host.settle()
    assert verbs(host).count("compute.start_paused") == 1


async def test_what_nobody_wants_is_removed_although_its_spec_was_never_seen(host: Host) -> None:
    async with host.agent():
        await host.want(*EVERYTHING)
        await host.settle()
    (host.context.state_dir / "ledger.sqlite").unlink()
    async with host.agent():
        await host.want(VOLUME)
        await until(lambda: host.is_settled() and not host.world.ports, host.describe)
    assert list(host.world.volumes) == ["vol-1"]
    assert not host.world.domains


async def test_a_volume_that_nobody_speaks_of_is_reported_and_left_alone(host: Host) -> None:
    """An older database, a foreign pool, a ledger of before: whoever knows nothing of it can't mean to delete it."""
    async with host.agent() as engine:
        await host.want(*EVERYTHING)
        await host.settle()
        await host.want(DATA)
        await until(lambda: not host.world.exports and engine.observations[DATA.ref].converged, host.describe)
        await until(lambda: bool(engine.observations[VOLUME.ref].error), host.describe)
        assert "orphan: the control plane never asked for volume vol-1" in engine.observations[VOLUME.ref].error
        assert not engine.observations[VOLUME.ref].permanent  # No launch that was to have it ends for that.
        assert host.world.volumes[VOLUME.volume_id] == VOLUME
        await host.want(DATA, replace(VOLUME, is_ready=True))
        await host.settle()


async def test_an_orphan_is_told_as_it_is_until_somebody_asks_for_it(host: Host) -> None:
    host.world.volumes["vol-1"] = VOLUME
    host.world.epochs["vol-1"] = (3, "an earlier boot")
    async with host.agent() as engine:
        await host.want(DATA)
        file = VolumeFile(VOLUME.size_bytes, epoch=3)
        await until(lambda: engine.observations[VOLUME.ref].file == file, host.describe)
        assert engine.observations[DATA.ref].file is None
        await host.want(DATA, TOMBSTONE)
        await host.settle()
        assert engine.observations[VOLUME.ref].file is None
        await host.want(DATA)
        await until(lambda: engine.observations[VOLUME.ref].file == replace(file, deleted=True), host.describe)


async def test_a_held_host_tells_of_its_orphans(host: Host) -> None:
    """After a restore of the database they are what its admin has to look at."""
    host.world.volumes["vol-1"] = VOLUME
    async with host.agent() as engine:
        engine.apply(snapshot(1, DATA), held="held: for the test")
        await until(lambda: engine.observations[VOLUME.ref].file is not None, host.describe)


async def test_an_orphan_that_an_admin_took_away_is_forgotten(host: Host) -> None:
    host.world.volumes["vol-1"] = VOLUME
    async with host.agent() as engine:
        await host.want(DATA)
        await until(lambda: bool(engine.observations[VOLUME.ref].error), host.describe)
        del host.world.volumes["vol-1"]
        await host.settle()


async def test_a_tombstone_puts_a_volume_into_the_trash_from_where_it_can_come_back(host: Host) -> None:
    async with host.agent():
        for wanted, kept in ((VOLUME, VOLUME), (TOMBSTONE, TOMBSTONE), (replace(VOLUME, is_ready=True), VOLUME)):
            await host.want(wanted)
            await host.settle()
            assert host.world.volumes == {VOLUME.volume_id: kept}


async def test_a_volume_is_reported_until_the_trash_was_emptied(host: Host) -> None:
    async with host.agent() as engine:
        for wanted in (VOLUME, TOMBSTONE):
            await host.want(wanted)
            await host.settle()
        host.world.empty_trash()
        await until(lambda: VOLUME.ref not in engine.observations, host.describe)
        await host.want(replace(VOLUME, is_ready=True))
        await until(lambda: engine.observations[VOLUME.ref].permanent, host.describe)
        assert host.world.volumes == {}


async def test_while_it_is_held_nothing_is_removed(host: Host) -> None:
    async with host.agent() as engine:
        await host.want(*EVERYTHING)
        await host.settle()
        everything = (set(host.world.domains), set(host.world.exports), set(host.world.vpcs), set(host.world.gateways))
        engine.apply(snapshot(9, DATA), held="held: restored")
        await until(lambda: engine.observations[DATA.ref].converged, host.describe)
        await until(lambda: "held: restored" in engine.observations[INSTANCE.ref].error, host.describe)
        await asyncio.sleep(3 * FAST.full_pass_s)
        world = host.world
        assert (set(world.domains), set(world.exports), set(world.vpcs), set(world.gateways)) == everything
        assert world.ports
        assert "held: restored" in engine.problems
        engine.apply(snapshot(10, DATA))
        await until(lambda: not (world.domains or world.exports or world.vpcs or world.gateways), host.describe)
        assert engine.problems == ()


async def test_a_failed_resource_goes_on_as_soon_as_another_is_there(host: Host) -> None:
    """No periodic pass and hour-long waits: only being woken can help."""
    patient = replace(SLOW_PASS, retry_first_s=3600.0, retry_cap_s=3600.0)
    async with host.agent(patient) as engine:
        await host.want(VPC, INSTANCE)
        await until(lambda: "vol-1-e1" in engine.observations[INSTANCE.ref].error, host.describe)
        await host.want(VPC, INSTANCE, VOLUME, EXPORT)
        await host.settle()


async def test_volumes_that_take_their_time_hold_up_nothing_else(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    async def wait_for_image(_driver: FakeStorageDriver, _spec: VolumeSpec, _changed: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(FakeStorageDriver, "ensure_volume", wait_for_image)
    slow = [VolumeSpec(f"vol-{number}", 1 << 30) for number in range(2 * FAST.concurrency)]
    async with host.agent() as engine:
        await host.want(*slow, VPC)
        await until(lambda: engine.observations[VPC.ref].converged, host.describe)


async def test_a_driver_that_never_lists_keeps_only_its_own_kind_waiting(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_driver: FakeComputeDriver) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(FakeComputeDriver, "list", hang)
    monkeypatch.setattr("agent.converge.watch._PASS_DEADLINE_S", 0.01)
    async with host.agent() as engine:
        await host.want(VPC)
        await until(lambda: engine.observations[VPC.ref].converged, host.describe)
        host.world.vpcs.clear()
        await until(lambda: "vpc-1" in host.world.vpcs, host.describe)


async def test_a_driver_that_never_answers_a_probe_is_a_problem_of_the_host(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_driver: FakeComputeDriver) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(FakeComputeDriver, "probe", hang)
    monkeypatch.setattr("agent.drivers.registry._PROBE_DEADLINE_S", 0.01)
    assert "FakeComputeDriver" in (await host.make_drivers().probe()).problems[0]


async def test_a_permanent_failure_waits_for_a_new_spec(host: Host) -> None:
    huge = replace(VOLUME, size_bytes=1 << 60)
    async with host.agent(SLOW_PASS) as engine:
        await host.want(huge)
        await until(lambda: engine.observations[VOLUME.ref].permanent, host.describe)
        tries = len(host.world.calls)
        await host.want(huge, DATA)
        await until(lambda: engine.observations[DATA.ref].converged, host.describe)
        assert [call for call in host.world.calls[tries:] if call.id == "vol-1"] == []
        await host.want(VOLUME, DATA)
        await host.settle()


async def test_a_kind_without_a_driver_is_a_permanent_failure(host: Host) -> None:
    host.make_drivers = lambda: replace(Host.make_drivers(host), gateway=None, compute=None)  # type: ignore[method-assign]
    async with host.agent() as engine:
        await host.want(*EVERYTHING)
        await until(lambda: engine.observations[GATEWAY.ref].permanent, host.describe)
        await until(lambda: engine.observations[INSTANCE.ref].permanent, host.describe)
        await until(lambda: engine.observations[EXPORT.ref].converged, host.describe)


async def test_an_orphaned_tap_is_unplugged(host: Host) -> None:
    host.world.ports["eni-9"] = PortState.PLUGGED
    async with host.agent():
        await host.want(*EVERYTHING)
        await host.settle()
        await until(lambda: set(host.world.ports) == {"eni-1"})


async def test_it_does_without_events(host: Host) -> None:
    class Silent(FakeComputeDriver):
        async def events(self) -> AsyncIterator[Ref]:
            raise Transient("libvirtd was restarted")
            yield

    silent = Silent(host.drivers, host.context)
    host.make_drivers = lambda: replace(Host.make_drivers(host), compute=silent)  # type: ignore[method-assign]
    async with host.agent():
        await host.want(*EVERYTHING)
        await host.settle()
        host.world.power_off("i-1")
        await until(lambda: facts(host).powered_off_by_guest, host.describe)


async def test_random_failures_only_delay(tmp_path: Path) -> None:
    host = Host(tmp_path, FakeSettings(seed=7, failure_rate=0.3))
    async with host.agent():
        for want in (EVERYTHING, (*EVERYTHING[:-1], stopped(INSTANCE)), (TOMBSTONE,)):
            await host.want(*want)
            await host.settle()
    assert host.world.violations == []
