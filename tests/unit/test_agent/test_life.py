"""Every verb of a host's life may have to be repeated, may fail, and may be the last that an agent does."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agent import devices
from agent.drivers.base import Permanent, Transient
from agent.drivers.fake import FakeWorld
from agent.drivers.fake.world import Call, Fault
from agent.model import InstanceSpec, Kind, Power, Ref, Spec

from .host import (
    DATA,
    DATA_DISK,
    DATA_EXPORT,
    EVERYTHING,
    EXPORT,
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
    fail_at,
    started_again,
    stopped,
    until,
)

# A life: phase after phase of what is wanted. Each verb of it is broken in turn.

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
        host.world.faults.append(fail_at(number, point, Crash(f"at verb {number}")))
        phase = await _live(host)
        assert phase == len(LIFE) or await _live(host, phase) == len(LIFE)
        assert host.world.violations == []
        FakeWorld.forget(host.context.state_dir)


@pytest.mark.parametrize("settle", [Transient, Permanent])
async def test_no_verb_may_fail_for_good(host: Host, settle: Callable[[str], Exception]) -> None:
    """A verb that fails once in either way is tried again, by back-off or by the full pass."""
    host.world.faults.append(fail_at(4, "before", settle("once")))
    assert await _live(host) == len(LIFE)
