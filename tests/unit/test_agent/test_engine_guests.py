"""The engine when guests, or their machine, go off, stall, or do not hear."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from agent.drivers.fake import FakeComputeDriver
from agent.model import InstanceSpec, PortState, Stall

from .host import EVERYTHING, FAST, GATEWAY, INSTANCE, NIC, Host, facts, started_again, stopped, until, verbs

SLOW_PASS = replace(FAST, full_pass_s=3600.0)  # Only events and hints can bring anything about.


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


async def test_a_tap_is_plugged_while_its_guest_starts(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    start = FakeComputeDriver.start_paused

    async def start_slowly(driver: FakeComputeDriver, spec: InstanceSpec, taps: Mapping[str, str]) -> None:
        await start(driver, spec, taps)
        await until(lambda: host.world.ports == {NIC.interface_id: PortState.PLUGGED}, host.describe)

    monkeypatch.setattr(FakeComputeDriver, "start_paused", start_slowly)
    async with host.agent():
        await host.want(*EVERYTHING)
        await host.settle()
    assert facts(host).running


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
