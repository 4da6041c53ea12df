"""The engine on a fake host: it converges, it lets be what is right, and it survives its own death anywhere."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent import devices
from agent.drivers.base import Permanent, Transient
from agent.drivers.fake import FakeComputeDriver, FakeNetworkDriver, FakeSettings, FakeStorageDriver, FakeWorld
from agent.drivers.fake.world import Call, Fault
from agent.messages import ObservedInstance
from agent.model import InstanceSpec, Kind, PortState, Power, Ref, Spec, Stall, VolumeFile, VolumeSpec, VpcSpec
from agent.objects import ObjectKind, ObjectRef
from agent.vpc import VpcView

from .host import (
    DATA,
    DATA_DISK,
    DATA_EXPORT,
    EVERYTHING,
    EXPORT,
    FAST,
    GATEWAY,
    INSTANCE,
    NIC,
    PORT,
    ROOT_DISK,
    TOMBSTONE,
    VOLUME,
    VPC,
    Crash,
    Host,
    snapshot,
    started_again,
    stopped,
    until,
)

SLOW_PASS = replace(FAST, full_pass_s=3600.0)  # Only events and hints can bring anything about.


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    yield host
    FakeWorld.forget(tmp_path)
    assert host.world.violations == []


def verbs(host: Host) -> list[str]:
    return [call.verb for call in host.world.changes]


def facts(host: Host) -> ObservedInstance:
    seen = host.engine.observations[INSTANCE.ref].instance
    assert seen is not None
    return seen


async def test_it_brings_everything_up_in_order(host: Host) -> None:
    async with host.agent():
        await host.want(*EVERYTHING)
        await host.settle()
        assert facts(host).running
        assert facts(host).has_run
    assert verbs(host)[-4:] == ["network.create_tap", "compute.start_paused", "network.plug", "compute.resume"]
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
        host.world.faults.append(_fail_at(number, "before", Transient("once")))
        await host.want(members(1, 2, 3))
        await host.settle()
        assert told[-2:] == [frozenset({ObjectRef(ObjectKind.ENDPOINT, "eni-13")}), None]
        engine.hint(VPC.ref)
        await until(lambda: told[-2:] == [None, None], host.describe)
        await host.want(members(1, 2))
        await host.settle()
        assert told[-1] == {ObjectRef(ObjectKind.ENDPOINT, "eni-13")}


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


async def test_after_a_power_cut_the_host_comes_back_from_its_ledger(host: Host) -> None:
    async with host.agent():
        await host.want(*EVERYTHING)
        await host.settle()
    host.world.reboot_host()
    async with host.agent() as engine:
        engine.follow_ledger()
        await host.settle()
        assert facts(host).running


async def test_a_guest_that_powered_itself_off_is_not_revived_by_a_power_cut(host: Host) -> None:
    async with host.agent(SLOW_PASS):
        await host.want(*EVERYTHING)
        await host.settle()
        host.world.power_off("i-1")
        await until(lambda: facts(host).powered_off_by_guest and not host.world.ports, host.describe)
    host.world.reboot_host()
    async with host.agent() as engine:
        engine.follow_ledger()
        await until(lambda: engine.observations[GATEWAY.ref].converged, host.describe)
        await until(lambda: "itself" in engine.observations[INSTANCE.ref].error, host.describe)
        assert facts(host).powered_off_by_guest
        assert facts(host).generation == 1
        await host.want(*EVERYTHING[:-1], started_again(INSTANCE))
        await host.settle()
        assert facts(host).running
        assert not facts(host).powered_off_by_guest


async def test_a_crashed_guest_is_started_again(host: Host) -> None:
    async with host.agent(SLOW_PASS) as engine:
        await host.want(*EVERYTHING)
        await host.settle()
        host.world.crash("i-1")
        await until(lambda: "crashed" in engine.observations[INSTANCE.ref].error, host.describe)
        await host.settle()
    assert verbs(host).count("compute.start_paused") == 2


async def test_a_guest_that_a_signal_ended_is_started_again(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.converge.plan.PROOF_S", 0.05)
    async with host.agent(SLOW_PASS):
        await host.want(*EVERYTHING)
        await host.settle()
        host.world.end("i-1")
        await until(lambda: verbs(host).count("compute.resume") == 2, host.describe)
        await host.settle()
        assert not facts(host).powered_off_by_guest


async def test_a_guest_that_does_not_hear_of_a_reboot_is_reset(host: Host) -> None:
    host.world.deaf_guests.add("i-1")
    async with host.agent(replace(SLOW_PASS, reboot_s=0.2)):
        await host.want(*EVERYTHING)
        await host.settle()
        await host.want(*EVERYTHING[:-1], replace(INSTANCE, reboot_count=1))
        await until(lambda: "compute.reboot" in verbs(host), host.describe)
        assert facts(host).reboot_count == 0, "asked for is not done"
        await host.settle()
        assert facts(host).reboot_count == 1
    assert verbs(host)[-3:] == ["compute.reboot", "compute.reset", "compute.count_reboot"]


async def test_a_full_pool_is_told_once_and_the_guest_goes_on_when_there_is_room(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.converge.plan.RESUME_CAP_S", 0.05)
    monkeypatch.setattr("agent.converge.plan.PROBATION_S", 0.02)
    async with host.agent() as engine:
        await host.want(*EVERYTHING)
        await host.settle()
        with capture_logs() as logs:
            host.world.stall("i-1", Stall.NO_SPACE)
            await until(lambda: verbs(host).count("compute.resume") >= 5, host.describe)
            seen = engine.observations[INSTANCE.ref]
            assert (seen.converged, Stall.NO_SPACE.value in seen.error) == (False, True)
            host.world.stall("i-1", None)
            await host.settle()
    assert [log["event"] for log in logs] == ["not well", "converged"]


async def test_a_deaf_guest_is_stopped_after_its_timeout(host: Host) -> None:
    host.world.deaf_guests.add("i-1")
    async with host.agent():
        await host.want(*EVERYTHING)
        await host.settle()
        await host.want(*EVERYTHING[:-1], replace(stopped(INSTANCE), stop_timeout_s=1))
        await host.settle()
    assert [verb for verb in verbs(host) if verb in ("compute.press_power_button", "compute.destroy")] == [
        "compute.press_power_button",
        "compute.destroy",
    ]
    assert not facts(host).powered_off_by_guest


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


# A life: phase after phase of what is wanted. The harnesses below break each verb of it in turn.

WITH_DATA = replace(INSTANCE, disks=(ROOT_DISK, DATA_DISK))
SECOND_NIC = replace(NIC, interface_id="eni-9", mac_address="02:00:00:00:00:09", private_ip="172.31.0.9")
SECOND_PORT = replace(
    PORT, interface_id="eni-9", mac_address="02:00:00:00:00:09", private_ip="172.31.0.9", host_name="ip-172-31-0-9"
)
WITH_TWO = replace(WITH_DATA, interfaces=(NIC, SECOND_NIC))
REBOOTED = replace(WITH_DATA, reboot_count=1)
MEANWHILE: tuple[Spec, ...] = (VOLUME, EXPORT, VPC, GATEWAY, DATA, DATA_EXPORT)
LIFE: tuple[tuple[Spec, ...], ...] = (
    EVERYTHING,
    (*MEANWHILE, WITH_DATA),
    (VOLUME, EXPORT, replace(VPC, ports=(PORT, SECOND_PORT)), GATEWAY, DATA, DATA_EXPORT, WITH_TWO),
    (*MEANWHILE, WITH_DATA),
    (*MEANWHILE, REBOOTED),
    (*MEANWHILE, stopped(REBOOTED)),
    (*MEANWHILE, started_again(REBOOTED)),
    (VOLUME, VPC, DATA),
    (TOMBSTONE, DATA),
    (VOLUME, DATA),
)


def _fail_at(number: int, point: str, error: BaseException) -> Fault:
    def fault(call: Call, at: str) -> None:
        if call.number == number and at == point:
            raise error

    return fault


def _fail_every_first(point: str) -> Fault:
    """Each verb fails once for each resource in each generation of the world's calls."""
    failed: set[tuple[str, str]] = set()

    def fault(call: Call, at: str) -> None:
        if at == point and (call.verb, call.id) not in failed:
            failed.add((call.verb, call.id))
            raise Transient(f"{call.verb} is made to fail {point} its effect")

    return fault


async def _live(host: Host, phase: int = 0) -> int:
    """Go through the phases from this one on; returns how far it came when the agent dies."""
    try:
        async with host.agent() as engine:
            engine.follow_ledger()
            for wanted in LIFE[phase:]:
                await host.want(*wanted)
                await host.settle()
                await until(lambda wanted=wanted: set(host.world.ports) == _taps(wanted), host.describe)  # type: ignore[misc]
                _check(host, wanted)
                phase += 1
    except BaseExceptionGroup as died:
        if died.subgroup(Crash) is None:
            raise
    return phase


def _taps(wanted: tuple[Spec, ...]) -> set[str]:
    """Those of running instances. What is left by an agent that died after the domain was gone, a full pass deletes."""
    on = (spec for spec in wanted if isinstance(spec, InstanceSpec) and spec.power_on)
    return {nic.interface_id for spec in on for nic in spec.interfaces}


def _check(host: Host, wanted: tuple[Spec, ...]) -> None:
    """The world is what is wanted, and nothing else."""
    world = host.world
    instances = {spec.instance_id: spec for spec in wanted if isinstance(spec, InstanceSpec)}
    found = {Ref(Kind.VOLUME, id) for id in world.volumes} | {Ref(Kind.EXPORT, id) for id in world.exports}
    found |= {Ref(Kind.VPC, id) for id in world.vpcs} | {Ref(Kind.GATEWAY, id) for id in world.gateways}
    found |= {Ref(Kind.INSTANCE, id) for id in world.domains}
    assert found == {spec.ref for spec in wanted}
    for instance_id, spec in instances.items():
        domain = world.domains[instance_id].facts
        assert (domain.power is Power.RUNNING) == spec.power_on
        assert domain.reboot_count == spec.reboot_count
        if spec.power_on:
            assert domain.generation == spec.generation
            assert set(domain.export_names) == {disk.export_name for disk in spec.disks}
            assert domain.devices == devices.digests(spec)


@pytest.mark.parametrize("point", ["before", "after"])
async def test_every_verb_may_have_to_be_repeated(host: Host, point: str) -> None:
    host.world.faults.append(_fail_every_first(point))
    assert await _live(host) == len(LIFE)


@pytest.mark.parametrize("point", ["before", "after"])
async def test_the_agent_may_die_at_every_verb(tmp_path: Path, point: str) -> None:
    """The verbs are counted by running once, so that a new one needs no new test."""
    whole = Host(tmp_path / "whole")
    whole.context.state_dir.mkdir()
    await _live(whole)
    for number in range(1, len(whole.world.calls) + 1):
        host = Host(tmp_path / str(number))
        host.context.state_dir.mkdir()
        host.world.faults.append(_fail_at(number, point, Crash(f"at verb {number}")))
        phase = await _live(host)
        assert phase == len(LIFE) or await _live(host, phase) == len(LIFE)
        assert host.world.violations == []
        FakeWorld.forget(host.context.state_dir)


@pytest.mark.parametrize("settle", [Transient, Permanent])
async def test_no_verb_may_fail_for_good(host: Host, settle: Callable[[str], Exception]) -> None:
    """A verb that fails once in either way is tried again, by back-off or by the full pass."""
    host.world.faults.append(_fail_at(4, "before", settle("once")))
    assert await _live(host) == len(LIFE)
