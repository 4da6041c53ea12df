"""Who is woken: by a pass, what it found to differ; by what came or went, what waited for it; and nobody else."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import pytest

from agent.converge.compare import is_met, is_same_work
from agent.converge.engine import Engine
from agent.converge.resource import Resources
from agent.drivers.base import Transient
from agent.drivers.fake import FakeComputeDriver, FakeGatewayDriver, FakeNetworkDriver, FakeStorageDriver, FakeWorld
from agent.model import Domain, Export, ExportSpec, Kind, PortState, Ref, Spec, VolumeFile, VolumeSpec

from .host import (
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
    Host,
    stopped,
    until,
)

SLOW_PASS = replace(FAST, full_pass_s=3600.0)
PATIENT = replace(SLOW_PASS, retry_first_s=3600.0, retry_cap_s=3600.0)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The instances that were looked at alone."""
    looks: list[str] = []
    look = FakeComputeDriver.look

    async def count(driver: FakeComputeDriver, instance_id: str) -> Domain | None:
        looks.append(instance_id)
        return await look(driver, instance_id)

    monkeypatch.setattr(FakeComputeDriver, "look", count)
    return looks


def fleet(count: int) -> tuple[Spec, ...]:
    """Instances of one VPC, each with a volume."""
    specs: list[Spec] = []
    ports = []
    for number in range(count):
        volume_id, name = f"vol-{number:03}", f"vol-{number:03}-e1"
        nic = replace(NIC, interface_id=f"eni-{number:03}", private_ip=f"172.31.1.{number}")
        disk = replace(ROOT_DISK, volume_id=volume_id, export_name=name, port=20000 + number)
        ports.append(replace(PORT, interface_id=nic.interface_id, instance_id=f"i-{number:03}"))
        specs += [
            replace(VOLUME, volume_id=volume_id),
            replace(EXPORT, export_name=name, volume_id=volume_id, port=disk.port),
            replace(INSTANCE, instance_id=f"i-{number:03}", interfaces=(nic,), disks=(disk,)),
        ]
    return (replace(VPC, ports=tuple(ports)), GATEWAY, *specs)


@pytest.mark.parametrize(
    ("spec", "found", "met"),
    [
        (VOLUME, VolumeFile(VOLUME.size_bytes), True),
        (VOLUME, VolumeFile(VOLUME.size_bytes, epoch=3, changed_at=7), True),
        (VOLUME, VolumeFile(VOLUME.size_bytes + 1), True),
        (VOLUME, VolumeFile(VOLUME.size_bytes - 1), False),
        (VOLUME, VolumeFile(VOLUME.size_bytes, deleted=True), False),
        (VOLUME, None, False),
        (TOMBSTONE, VolumeFile(1, deleted=True), True),
        (TOMBSTONE, VolumeFile(VOLUME.size_bytes), False),
        (TOMBSTONE, None, False),
        (EXPORT, Export(EXPORT), True),
        (EXPORT, Export(EXPORT, problem="it hangs"), False),
        (EXPORT, Export(replace(EXPORT, port=1)), False),
        (EXPORT, None, False),
        (GATEWAY, None, False),
        (None, VolumeFile(1), False),
        (None, Export(EXPORT), False),
    ],
)
def test_what_a_listing_says_of_a_spec(spec: VolumeSpec | ExportSpec | None, found: object, met: bool) -> None:
    assert is_met(spec, found) == met


def test_who_is_near_whom() -> None:
    resources = Resources()
    first, second = replace(INSTANCE, disks=(ROOT_DISK,)), replace(INSTANCE, instance_id="i-2", disks=())
    specs = VOLUME, EXPORT, GATEWAY, first, second
    volume, export, gateway, one, other = (resources.add(spec.ref, spec) for spec in specs)
    assert set(resources.near(export)) == {volume, one}
    assert set(resources.near(one)) == {export}
    assert set(resources.users_of_vpc("vpc-1")) == {gateway, one, other}
    resources.renew(one, replace(first, disks=(), interfaces=()))
    assert set(resources.near(export)) == {volume, one}, "it may still have it"
    assert set(resources.users_of_vpc("vpc-1")) == {gateway, one, other}
    resources.release(one)
    assert set(resources.near(export)) == {volume}
    assert set(resources.users_of_vpc("vpc-1")) == {gateway, other}
    resources.renew(one, first)
    resources.renew(one, None)
    resources.drop(other)
    assert set(resources.users_of_vpc("vpc-1")) == {gateway, one}, "it may still be there"
    unknown = resources.add(Ref(Kind.INSTANCE, "i-3"), None)
    assert set(resources.users_of_vpc("vpc-2")) == {unknown}


async def test_a_pass_asks_for_nothing_that_is_right(host: Host, looks: list[str]) -> None:
    """But for VPCs and gateways, which drivers compare by themselves."""
    async with host.agent():
        await host.want(*EVERYTHING)
        await host.settle()
        for _ in range(2):  # At first there are still events of what was done.
            host.world.calls.clear()
            looks.clear()
            await until(lambda: len(host.world.calls) > 6)
    assert {call.verb for call in host.world.calls} == {"network.ensure", "gateway.ensure"}
    assert looks == []


async def test_a_restarted_agent_sees_by_its_listings_that_all_is_right(host: Host, looks: list[str]) -> None:
    async with host.agent():
        await host.want(*EVERYTHING)
        await host.settle()
    host.world.calls.clear()
    looks.clear()
    async with host.agent(SLOW_PASS) as engine:
        engine.follow_ledger()
        await host.settle()
    assert {call.verb for call in host.world.calls} == {"network.ensure", "gateway.ensure"}
    assert looks == []


async def test_a_restarted_agent_that_cannot_list_tries_all_the_same(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> Mapping[str, Domain]:
        raise Transient("nothing can be listed")

    async with host.agent():
        await host.want(*EVERYTHING)
        await host.settle()
    host.world.reboot_host()
    for driver, verb in (
        *((FakeStorageDriver, verb) for verb in ("list_volumes", "list_exports")),
        *((driver, "list") for driver in (FakeNetworkDriver, FakeGatewayDriver, FakeComputeDriver)),
    ):
        monkeypatch.setattr(driver, verb, fail)
    async with host.agent(SLOW_PASS) as engine:
        engine.follow_ledger()
        await host.settle()


async def test_a_pass_finds_what_no_event_told_of(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeWorld, "announce", lambda *_: None)
    async with host.agent() as engine:
        await host.want(*EVERYTHING)
        await host.settle()
        host.world.exports.clear()
        await until(lambda: EXPORT.export_name in host.world.exports, host.describe)
        host.world.volumes["vol-1"] = replace(VOLUME, size_bytes=1)
        await until(lambda: host.world.volumes["vol-1"] == VOLUME, host.describe)
        host.world.ports["eni-1"] = PortState.CREATED
        await until(lambda: host.world.ports["eni-1"] is PortState.PLUGGED, host.describe)
        await host.want(*EVERYTHING[:-1], stopped(INSTANCE))
        await host.settle()
        for has_run in (False, True, False):  # Nothing to do about it, and to be told all the same.
            host.world.alter("i-1", has_run=has_run)
            await until(partial(_tells, engine, has_run), host.describe)


async def test_a_fleet_that_starts_takes_one_attempt_each(host: Host, looks: list[str]) -> None:
    """What stands on something that is about to be made waits for it, and is not tried in vain."""
    specs = fleet(30)
    async with host.agent(PATIENT):
        await host.want(*specs)
        await host.settle()
    calls = [(call.verb, call.id) for call in host.world.calls]
    assert len(calls) == len(set(calls))
    assert len(looks) <= 3 * 30, "before and after it was started, and when it was heard to run"


async def test_what_came_while_an_attempt_was_under_way_is_not_missed(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but being woken can help: there are no passes, and the next try would be in an hour."""
    ensure, begun = FakeStorageDriver.ensure_export, asyncio.Event()

    async def look_too_early(driver: FakeStorageDriver, spec: ExportSpec, changed: object) -> None:
        is_there = spec.volume_id in driver.world.volumes
        begun.set()
        if not is_there:
            await until(lambda: host.engine.observations[VOLUME.ref].converged, host.describe)
            raise Transient(f"{spec.volume_id} was not there")
        await ensure(driver, spec, None)

    async with host.agent(PATIENT, jitter=max):
        await host.want(EXPORT)
        await until(lambda: "vol-1" in host.engine.observations[EXPORT.ref].error, host.describe)
        monkeypatch.setattr(FakeStorageDriver, "ensure_export", look_too_early)
        await host.want(replace(EXPORT, port=20009))
        await begun.wait()
        await host.want(replace(EXPORT, port=20009), VOLUME)
        await host.settle()


async def test_what_is_not_tried_at_once_waits_for_no_more_than_a_pass(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it needs may hang for ever: it says by itself what is wrong."""

    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(FakeStorageDriver, "ensure_export", hang)
    async with host.agent() as engine:
        await host.want(*EVERYTHING)
        await until(lambda: "no export vol-1-e1" in engine.observations[INSTANCE.ref].error, host.describe)
        await host.want(*EVERYTHING[:-1], stopped(INSTANCE), DATA_EXPORT)
        await until(lambda: engine.observations[INSTANCE.ref].converged, host.describe)


def _tells(engine: Engine, has_run: bool) -> bool:
    seen = engine.observations[INSTANCE.ref].instance
    return seen is not None and seen.has_run == has_run


async def test_a_volume_that_was_seen_ready_costs_no_call_and_no_report(host: Host) -> None:
    async with host.agent(SLOW_PASS) as engine:
        await host.want(*EVERYTHING)
        await host.settle()
        host.world.calls.clear()
        ready = replace(VOLUME, is_ready=True)
        await host.want(ready, *(each for each in EVERYTHING if each != VOLUME))
        assert engine.desired.views[VOLUME.ref] == ready
        await host.settle()
    assert host.world.calls == []


def test_only_what_a_driver_has_done_already_is_the_same_work() -> None:
    ready = replace(VOLUME, is_ready=True)
    assert is_same_work(VOLUME, ready)
    others = (VOLUME, None, replace(ready, size_bytes=2 * ready.size_bytes), TOMBSTONE, EXPORT)
    assert not any(is_same_work(VOLUME, other) for other in others)
