"""Whatever fails, in whatever way, concerns its resource or its kind alone, and is shown with its cause and age."""

import asyncio
import errno
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent import bugs
from agent.drivers.base import Permanent, Stuck, Transient
from agent.drivers.fake import FakeComputeDriver, FakeGatewayDriver, FakeNetworkDriver, FakeStorageDriver, FakeWorld
from agent.messages import Report
from agent.model import DiskSpec, Domain, InstanceSpec, Kind, Ref, Spec, VolumeSpec

from .host import DATA, EVERYTHING, EXPORT, FAST, GATEWAY, INSTANCE, NIC, PORT, ROOT_DISK, VOLUME, VPC, Host, until

SLOW_PASS = replace(FAST, full_pass_s=3600.0)
NO_SPACE = OSError(errno.ENOSPC, "No space left on device", "/var/lib/stead/console")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    yield host
    FakeWorld.forget(tmp_path)
    bugs.told.clear()
    assert host.world.violations == []


async def test_a_bug_concerns_its_resource_alone_and_is_told_once(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_driver: FakeComputeDriver, _spec: InstanceSpec, _taps: Mapping[str, str]) -> None:
        raise NO_SPACE

    tries = count_calls(monkeypatch, FakeComputeDriver, "start_paused", fail)
    with capture_logs() as logs:
        async with host.agent() as engine:
            await host.want(*EVERYTHING, DATA)
            await until(lambda: engine.observations[INSTANCE.ref].error.startswith("bug: OSError"), host.describe)
            await until(lambda: engine.observations[DATA.ref].converged, host.describe)
            await until(lambda: len(tries) > 3, host.describe)
            assert not engine.observations[INSTANCE.ref].permanent
            monkeypatch.undo()
            await host.settle()
            assert engine.observations[INSTANCE.ref].error == ""
    told = [log for log in logs if log["event"] == "bug"]
    assert len(told) == 1
    assert told[0]["exc_info"] is NO_SPACE, "with its traceback"


@pytest.mark.parametrize("verb", ["list_volumes", "probe"])
async def test_a_driver_that_is_broken_through_and_through_stops_no_other(
    host: Host, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    async def fail(_driver: FakeStorageDriver) -> None:
        raise OSError(errno.EIO, "Input/output error", "/var/lib/stead/pool")

    monkeypatch.setattr(FakeStorageDriver, verb, fail)
    async with host.agent() as engine:
        await host.want(VPC)
        await until(lambda: engine.observations[VPC.ref].converged, host.describe)
        problems = (*engine.problems, *(await host.make_drivers().probe()).problems)
    assert [problem for problem in problems if "Input/output error" in problem]


async def test_a_kind_that_cannot_be_listed_silences_no_other(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_driver: FakeStorageDriver) -> None:
        raise Permanent("/var/lib/stead/pool is not mounted")

    monkeypatch.setattr(FakeStorageDriver, "list_volumes", fail)
    monkeypatch.setattr("agent.converge.watch._FIRST_PASS_AGAIN_S", 0.01)
    async with host.agent() as engine:
        await host.want(VPC)
        await host.settle()
        others = {Kind.VPC, Kind.GATEWAY, Kind.EXPORT, Kind.INSTANCE}
        await until(lambda: set(engine.observations.take(1).kinds) == others)
        assert engine.problems == ("cannot list volumes: /var/lib/stead/pool is not mounted",)
        monkeypatch.undo()
        await until(lambda: Kind.VOLUME in engine.observations.take(1).kinds)
        assert not engine.problems


async def test_what_cannot_be_seen_is_not_called_well(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """As while libvirtd hangs: its guests may run, or not."""

    async def hang(*_: object) -> None:
        raise Stuck("stuck: libvirtd has not answered within 10 s")

    async with host.agent() as engine:
        await host.want(*EVERYTHING)
        await host.settle()
        monkeypatch.setattr(FakeComputeDriver, "list", hang)
        monkeypatch.setattr(FakeComputeDriver, "look", hang)
        await until(lambda: "stuck" in engine.observations[INSTANCE.ref].error, host.describe)
        seen = engine.observations[INSTANCE.ref]
        assert (seen.converged, seen.since > 0) == (False, True)
        assert engine.observations[VOLUME.ref].converged
        monkeypatch.undo()
        await host.settle()


async def test_the_last_error_stays_with_its_age_while_it_is_tried_again(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[tuple[str, int]] = set()

    async def fail(_driver: FakeComputeDriver, _spec: InstanceSpec, _taps: Mapping[str, str]) -> None:
        observed = host.engine.observations[INSTANCE.ref]
        seen.add((observed.error, observed.since))
        raise Transient("the image is no disk")

    tries = count_calls(monkeypatch, FakeComputeDriver, "start_paused", fail)
    async with host.agent() as engine:
        await host.want(*EVERYTHING[:-1])
        await host.settle()
        await host.want(*EVERYTHING)
        await until(lambda: len(tries) >= 5, host.describe)
        await host.want(*EVERYTHING[:-1], replace(INSTANCE, metadata=replace(INSTANCE.metadata, key_name="other")))
        await until(lambda: len(tries) >= 10, host.describe)
        since = engine.observations[INSTANCE.ref].since
    assert {error for error, _ in seen} <= {"the image is no disk", ""}
    assert {age for error, age in seen if error} == {since}
    assert len(seen) <= 2, "clear at the first try alone"


async def test_a_failed_starts_own_events_do_not_defeat_the_back_off(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(driver: FakeComputeDriver, spec: InstanceSpec, _taps: Mapping[str, str]) -> None:
        driver.world.announce(spec.ref)  # Defined, started, stopped.
        raise Transient("QEMU ends at once")

    tries = count_calls(monkeypatch, FakeComputeDriver, "start_paused", fail)
    async with host.agent(replace(SLOW_PASS, retry_first_s=0.5, retry_cap_s=0.5), jitter=max):
        await host.want(*EVERYTHING)
        await until(lambda: bool(tries), host.describe)
        await host.settle_others(INSTANCE)
        before = len(tries)
        await asyncio.sleep(0.2)
        assert len(tries) <= before + 1


async def test_no_instance_waits_for_those_whose_storage_host_is_dead(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing answers there, so that each look takes its deadline."""
    reach = FakeComputeDriver.reach

    async def look(driver: FakeComputeDriver, disks: Sequence[DiskSpec]) -> None:
        if any(disk.address == "192.0.2.99" for disk in disks):
            await asyncio.Event().wait()
        await reach(driver, disks)

    monkeypatch.setattr(FakeComputeDriver, "reach", look)
    names = [f"{number:04}" for number in range(10 * FAST.concurrency)]
    nics = {name: replace(NIC, interface_id=f"eni-{name}", private_ip=f"172.31.1.{int(name)}") for name in names}
    dead = [
        replace(
            INSTANCE,
            instance_id=f"i-{name}",
            interfaces=(nics[name],),
            disks=(replace(ROOT_DISK, address="192.0.2.99"),),
        )
        for name in names
    ]
    ports = tuple(replace(PORT, interface_id=f"eni-{name}", instance_id=f"i-{name}") for name in names)
    vpc = replace(VPC, ports=(PORT, *ports))
    async with host.agent() as engine:
        await host.want(VOLUME, EXPORT, vpc, GATEWAY, *dead, INSTANCE)
        await until(lambda: engine.observations[INSTANCE.ref].converged, host.describe)


@pytest.mark.parametrize(
    ("driver", "verb", "spec"),
    [(FakeStorageDriver, "ensure_volume", VOLUME), (FakeComputeDriver, "start_paused", INSTANCE)],
)
async def test_a_driver_that_does_not_come_back_shows_on_its_resource(
    host: Host, monkeypatch: pytest.MonkeyPatch, driver: type, verb: str, spec: Spec
) -> None:
    """As an image that never comes to its end: there is no error, and nothing to be seen."""
    freed, real = asyncio.Event(), getattr(driver, verb)

    async def hang(*args: object) -> object:
        await freed.wait()
        return await real(*args)

    monkeypatch.setattr(driver, verb, hang)
    async with host.agent(replace(FAST, stuck_s=0.1)) as engine:
        await host.want(*EVERYTHING)
        await until(lambda: engine.observations[spec.ref].error.startswith("stuck: "), host.describe)
        seen = engine.observations[spec.ref]
        assert (seen.converged, seen.permanent, seen.since > 0) == (False, False, True)
        assert "look for a hung disk, daemon or download" in seen.error
        freed.set()
        await host.settle()
        assert engine.observations[spec.ref].error == ""


async def test_what_was_well_is_not_called_so_while_its_driver_hangs(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("agent.converge.watch._PASS_DEADLINE_S", 0.01)
    async with host.agent(replace(FAST, stuck_s=0.1)) as engine:
        await host.want(*EVERYTHING, DATA)
        await host.settle()
        monkeypatch.setattr(FakeStorageDriver, "list_volumes", hang)
        monkeypatch.setattr(FakeStorageDriver, "ensure_volume", hang)
        await until(lambda: "stuck: " in engine.observations[VOLUME.ref].error, host.describe)
        assert not engine.observations[VOLUME.ref].converged
        assert engine.observations[INSTANCE.ref].converged, "its own state is seen"


async def test_where_no_driver_answers_the_first_report_says_why(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or what an earlier life of the agent saw would stand for what is."""

    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("agent.converge.observations._FIRST_REPORT_S", 0.3)
    for driver in (FakeNetworkDriver, FakeGatewayDriver, FakeComputeDriver):
        monkeypatch.setattr(driver, "list", hang)
    monkeypatch.setattr(FakeComputeDriver, "look", hang)
    for verb in ("list_volumes", "list_exports"):
        monkeypatch.setattr(FakeStorageDriver, verb, hang)
    async with host.agent(replace(FAST, stuck_s=0.1)) as engine:
        await host.want(*EVERYTHING)
        report = await engine.observations.full(1)
    assert (report.full, report.kinds) == (True, ())
    assert "stuck: " in {seen.ref: seen.error for seen in report.observed}[INSTANCE.ref]


async def test_what_converges_wakes_those_alone_that_need_it(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred instances that start must not try a failed one a hundred times."""
    start = FakeComputeDriver.start_paused

    async def fail(driver: FakeComputeDriver, spec: InstanceSpec, taps: Mapping[str, str]) -> None:
        if spec.instance_id == INSTANCE.instance_id:
            raise Transient("QEMU ends at once")
        await start(driver, spec, taps)

    tries = count_calls(monkeypatch, FakeComputeDriver, "start_paused", fail)
    names = [f"{number:04}" for number in range(10)]
    nics = [replace(NIC, interface_id=f"eni-{name}", private_ip=f"172.31.1.{int(name)}") for name in names]
    others = [
        replace(INSTANCE, instance_id=f"i-{name}", interfaces=(nic,), disks=())
        for name, nic in zip(names, nics, strict=True)
    ]
    ports = [replace(PORT, interface_id=nic.interface_id, instance_id=f"i-{nic.interface_id}") for nic in nics]
    ready = VOLUME, EXPORT, replace(VPC, ports=(PORT, *ports)), GATEWAY, INSTANCE
    async with host.agent(replace(SLOW_PASS, retry_first_s=3600.0, retry_cap_s=3600.0), jitter=max) as engine:
        await host.want(*ready)
        await host.settle_others(INSTANCE)
        await until(lambda: "QEMU" in engine.observations[INSTANCE.ref].error, host.describe)
        tries.clear()
        for count in range(1, len(others) + 1):
            await host.want(*ready, *others[:count])
            await host.settle_others(INSTANCE)
        assert not [args for args in tries if args[1] is INSTANCE]


async def test_events_of_every_driver_are_followed(host: Host) -> None:
    async with host.agent(SLOW_PASS):
        await host.want(*EVERYTHING)
        await host.settle()
        host.world.exports.clear()  # Its daemon dies.
        host.world.announce(EXPORT.ref)
        await until(lambda: EXPORT.export_name in host.world.exports, host.describe)


async def test_where_events_end_a_pass_finds_what_they_did_not_tell(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = asyncio.Event()

    async def events(_driver: FakeComputeDriver) -> AsyncIterator[Ref]:
        await lost.wait()
        raise Transient("the connection to libvirtd is lost")
        yield

    monkeypatch.setattr(FakeComputeDriver, "events", events)
    async with host.agent(SLOW_PASS):
        await host.want(*EVERYTHING)
        await host.settle()
        host.world.crash("i-1")
        lost.set()
        await until(lambda: [call.verb for call in host.world.changes].count("compute.resume") == 2, host.describe)


async def test_while_nothing_can_be_listed_each_instance_is_looked_at_by_itself(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_driver: FakeComputeDriver) -> Mapping[str, Domain]:
        raise Transient("libvirtd does not answer")

    monkeypatch.setattr(FakeComputeDriver, "list", fail)
    monkeypatch.setattr(FakeWorld, "announce", lambda *_: None)
    async with host.agent() as engine:
        await host.want(*EVERYTHING)
        await host.settle()
        assert engine.problems == ("cannot list instances: libvirtd does not answer",)
        host.world.crash("i-1")
        await until(lambda: [call.verb for call in host.world.changes].count("compute.resume") == 2, host.describe)


async def test_reports_of_a_session_speak_for_what_was_listed(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = asyncio.Event()

    async def wait(driver: FakeStorageDriver) -> Mapping[str, VolumeSpec]:
        await listed.wait()
        return driver.world.volumes

    monkeypatch.setattr(FakeStorageDriver, "list_volumes", wait)
    async with host.agent() as engine:
        others = set(Kind) - {Kind.VOLUME}
        await until(lambda: set(engine.observations.take(0).kinds) == others)
        first = await engine.observations.full(0)
        assert first == Report(0, True, (), kinds=first.kinds)
        assert set(first.kinds) == others
        listed.set()
        await engine.observations.wait()
        assert set(engine.observations.take(0).kinds) == set(Kind)


def count_calls(
    monkeypatch: pytest.MonkeyPatch, driver: type, verb: str, instead: Callable[..., object]
) -> list[tuple[object, ...]]:
    calls: list[tuple[object, ...]] = []

    async def call(*args: object) -> object:
        calls.append(args)
        return await instead(*args)  # type: ignore[misc]

    monkeypatch.setattr(driver, verb, call)
    return calls
