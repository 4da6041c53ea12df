"""Hosts that know later starts and attachments than a database that was restored, and an admin who releases them."""

from dataclasses import replace

import pytest

from controlplane.model.instance import ObservedKind, observation_id
from controlplane.service import hosts, power, regions
from controlplane.service.power import MOST_STARTS, StopInstances
from tests.unit.region import NAME, Region


@pytest.fixture
def region() -> Region:
    region = Region()
    region.add_host()
    return region


def see(region: Region, kind: ObservedKind, resource_id: str, **facts: object) -> None:
    """What the host says of it, whatever it was given."""
    (host,) = region.state.hosts
    region.put(replace(region.state.observations[observation_id(host.id, kind, resource_id)], **facts))  # type: ignore[arg-type]


def release(region: Region) -> int:
    """Returns an epoch later than any that the host can have seen."""
    (host,), epoch = region.state.hosts, int(region.call().now.timestamp())
    region.do(hosts.release, host.id)
    return epoch


def test_epochs_to_come_are_later_than_any_that_was_lost(region: Region) -> None:
    instance_id = region.launch()
    (attached,), call = region.attachments(instance_id), region.call()
    region.apply(regions.restored(region.state, call, NAME))
    assert region.attachments(instance_id) == [attached], "guests go on with what they have"
    region.do(power.stop, StopInstances([instance_id]))
    region.converge()
    region.do(power.start, [instance_id])
    assert region.attachments(instance_id)[0].epoch == int(call.now.timestamp()) + 1


def test_a_guest_that_was_started_since_is_cycled_and_stays_running(region: Region) -> None:
    instance_id = region.launch()
    see(region, ObservedKind.INSTANCE, instance_id, generation=5)
    later = release(region)
    assert region.instance(instance_id).generation == 6
    assert region.attachments(instance_id)[0].epoch > later
    assert region.state_of(instance_id) == "running"


def test_a_guest_whose_disk_is_refused_gets_it_in_a_new_epoch(region: Region) -> None:
    instance_id = region.launch()
    see(region, ObservedKind.EXPORT, region.attachments(instance_id)[0].id, converged=False, permanent=True)
    later = release(region)
    assert region.instance(instance_id).generation == 2
    assert region.attachments(instance_id)[0].epoch > later


def test_a_guest_that_was_off_when_its_host_was_released_starts_in_a_later_epoch(region: Region) -> None:
    instance_id = region.launch()
    region.do(power.stop, StopInstances([instance_id]))
    region.converge()
    later = release(region)
    region.do(power.start, [instance_id])
    assert region.attachments(instance_id)[0].epoch > later


def test_who_knows_no_more_goes_on_untouched(region: Region) -> None:
    instance_id = region.launch()
    before = region.instance(instance_id), region.attachments(instance_id)
    release(region)
    assert (region.instance(instance_id), region.attachments(instance_id)) == before


def test_a_start_is_later_than_those_that_only_the_host_remembers(region: Region) -> None:
    instance_id = region.launch()
    region.do(power.stop, StopInstances([instance_id]))
    region.converge()
    see(region, ObservedKind.INSTANCE, instance_id, generation=5)
    region.do(power.start, [instance_id])
    assert region.instance(instance_id).generation == 6


def test_an_agent_that_lies_does_not_use_generations_up(region: Region) -> None:
    instance_id = region.launch()
    see(region, ObservedKind.INSTANCE, instance_id, generation=(1 << 63) - 1)
    release(region)
    assert region.instance(instance_id).generation == MOST_STARTS + 1
