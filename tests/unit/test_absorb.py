"""What follows from hosts' reports: the life of instances, volumes and addresses with simulated agents."""

from contextlib import suppress
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from controlplane.model.capacity import Resources
from controlplane.model.host import HostRole
from controlplane.model.image import Image
from controlplane.model.instance import Observation, ObservedKind
from controlplane.model.state import Change
from controlplane.reconcile.absorb import Report, absorb, settle
from controlplane.service import power, projects, volumes
from controlplane.service.instances import BlockDeviceMapping
from controlplane.service.power import StopInstances
from controlplane.service.volumes import AttachVolume, CreateVolume
from tests.unit.region import NOW, ZONES, Agent, Region
from tests.unit.told import shall_have

COMPUTE, STORAGE, GATEWAY = HostRole.COMPUTE, HostRole.STORAGE, HostRole.GATEWAY
INSTANCE, VOLUME, EXPORT = ObservedKind.INSTANCE, ObservedKind.VOLUME, ObservedKind.EXPORT


class Home:
    """One host with all roles."""

    def __init__(self) -> None:
        self.region = Region()
        self.host_id = self.region.add_host()

    @property
    def agent(self) -> Agent:
        return self.region.agents[self.host_id]


@pytest.fixture
def home() -> Home:
    return Home()


def test_an_instance_is_pending_until_its_host_says_that_it_runs(home: Home) -> None:
    (instance_id,) = home.region.run()
    assert home.region.state_of(instance_id) == "pending"
    home.region.exchange()
    assert home.region.state_of(instance_id) == "running"


def test_stop_keeps_the_private_address(home: Home) -> None:
    region = home.region
    instance_id = region.launch()
    private_ip = region.interface(instance_id).private_ip
    region.do(power.stop, StopInstances([instance_id]))
    assert region.state_of(instance_id) == "stopping"
    home.agent.stuck.add((INSTANCE, instance_id))
    region.exchange()
    assert region.state_of(instance_id) == "stopping", "the guest does not listen"
    home.agent.stuck.clear()
    region.exchange()
    assert region.state_of(instance_id) == "stopped"
    assert region.interface(instance_id).private_ip == private_ip


def test_a_guest_that_powers_itself_off_is_stopped_and_can_be_started(home: Home) -> None:
    region = home.region
    instance_id = region.launch()
    home.agent.power_off_guest(instance_id)
    region.converge()
    assert region.state_of(instance_id) == "stopped"
    assert region.public_address(instance_id) is None
    reason = region.instance(instance_id).state_reason
    assert reason is not None
    assert reason.code == "Client.InstanceInitiatedShutdown"
    region.do(power.start, [instance_id])
    region.converge()
    assert region.state_of(instance_id) == "running"


def test_a_stale_power_off_does_not_undo_a_later_start(home: Home) -> None:
    region = home.region
    instance_id = region.launch()
    home.agent.power_off_guest(instance_id)
    stale = home.agent.has[INSTANCE, instance_id]
    region.converge()
    region.do(power.start, [instance_id])
    region.apply(absorb(region.state, Report(home.host_id, False, [stale], [])))
    assert region.state_of(instance_id) == "pending"
    region.converge()
    assert region.state_of(instance_id) == "running"


def test_a_guest_that_powers_itself_off_ends_if_so_asked(home: Home) -> None:
    region = home.region
    instance_id = region.launch(instance_initiated_shutdown_behavior="terminate")
    home.agent.power_off_guest(instance_id)
    region.converge()
    assert region.state_of(instance_id) == "terminated"
    reason = region.instance(instance_id).state_reason
    assert reason is not None
    assert reason.code == "Client.InstanceInitiatedShutdown"


def test_terminate_leaves_nothing_but_the_instance() -> None:
    region = Region()
    compute = region.add_host(roles=(COMPUTE,))
    storage = region.add_host(roles=(STORAGE,))
    gateway = region.add_host(roles=(GATEWAY,))
    keep = BlockDeviceMapping("/dev/sdg", 1, delete_on_termination=False)
    instance_id = region.launch(block_device_mappings=(BlockDeviceMapping("/dev/sdf", 1), keep))
    kept = region.attachments(instance_id)[-1].volume_id
    attached = region.volume()
    region.do(volumes.attach, AttachVolume(attached, instance_id))
    region.converge()
    region.do(power.terminate, [instance_id])
    assert region.state_of(instance_id) == "shutting-down"
    region.converge()
    state = region.state
    assert region.state_of(instance_id) == "terminated"
    assert region.instance(instance_id).terminated_at is not None
    for table in (state.interfaces, state.attachments, state.addresses):
        assert not len(table), table.kind
    assert {row.id for row in state.volumes if not row.recycled_at} == {kept, attached}
    region.empty_trash()
    assert {row.id for row in state.volumes} == {kept, attached}
    assert {row.resource_id for row in state.observations} == {kept, attached}
    assert [state.used(host) for host in (compute, storage)] == [Resources(), Resources(0, 0, 2)]
    assert [shall_have(state, host) for host in (compute, gateway)] == [{}, {}]
    for volume_id in (kept, attached):
        region.do(volumes.delete, volume_id)
    region.converge()
    assert all(row.recycled_at for row in state.volumes)
    region.empty_trash()
    assert not len(state.volumes)
    assert not len(state.observations)


def test_nothing_of_an_instance_goes_before_its_host_has_let_go(home: Home) -> None:
    region = home.region
    instance_id = region.launch()
    home.agent.stuck.add((INSTANCE, instance_id))
    region.do(power.terminate, [instance_id])
    for _ in range(3):
        region.exchange()
    assert region.state_of(instance_id) == "shutting-down"
    assert region.interface(instance_id)
    assert len(region.attachments(instance_id)) == 1
    home.agent.stuck.clear()
    region.converge()
    assert region.state_of(instance_id) == "terminated"


@pytest.mark.parametrize("is_full", [True, False])
def test_a_report_that_answers_an_older_revision_settles_nothing(home: Home, is_full: bool) -> None:
    region = home.region
    (instance_id,) = region.run()
    before = region.state.revision
    region.do(power.stop, StopInstances([instance_id]))
    region.hear(home.agent, before, is_full=is_full)
    assert region.state_of(instance_id) == "stopping", "the host may be starting it right now"
    region.do(power.terminate, [instance_id])
    region.hear(home.agent, before + 1, is_full=is_full)
    assert region.state_of(instance_id) == "shutting-down"
    region.converge()
    assert region.state_of(instance_id) == "terminated"


def test_a_stale_report_lets_no_volume_go(home: Home) -> None:
    region = home.region
    instance_id, volume_id = region.launch(), region.volume()
    before = region.state.revision
    region.do(volumes.attach, AttachVolume(volume_id, instance_id))
    attached = region.state.revision
    region.do(volumes.detach, volumes.DetachVolume(volume_id))
    for answered in (before, attached):
        region.hear(home.agent, answered)
        assert region.volume_state(volume_id) == "in-use"
    other = region.do(volumes.create, CreateVolume(ZONES[0], 1))
    region.do(volumes.delete, other)
    region.hear(home.agent, region.state.revision - 1)
    assert other in region.state.volumes
    region.converge()
    region.empty_trash()
    assert other not in region.state.volumes
    assert region.volume_state(volume_id) == "available"


def test_a_running_instance_that_a_full_report_leaves_out_is_not_pending_again(home: Home) -> None:
    region = home.region
    instance_id = region.launch()
    region.apply(absorb(region.state, Report(home.host_id, True, [], [])))
    region.apply(settle(region.state, home.host_id, dict.fromkeys(ObservedKind, region.state.revision), region.now))
    assert region.state.observed(INSTANCE, instance_id, home.host_id) is None
    assert region.state_of(instance_id) == "running"
    region.converge()
    assert region.state.observed(INSTANCE, instance_id, home.host_id)


def test_absence_says_something_only_of_kinds_that_the_host_has_listed(home: Home) -> None:
    """As while libvirtd hangs: the agent can't know which guests there are."""
    region = home.region
    instance_id = region.launch()
    (unseen,) = region.run()
    region.do(power.terminate, [instance_id, unseen])
    others = [kind for kind in ObservedKind if kind is not INSTANCE]
    region.apply(absorb(region.state, Report(home.host_id, True, [], [], others)))
    region.apply(settle(region.state, home.host_id, dict.fromkeys(others, region.state.revision), region.now))
    assert region.state.observed(INSTANCE, instance_id, home.host_id)
    assert [region.state_of(row) for row in (instance_id, unseen)] == ["shutting-down"] * 2
    region.converge()
    assert [region.state_of(row) for row in (instance_id, unseen)] == ["terminated"] * 2


def test_an_address_waits_for_its_own_gateway_alone(home: Home) -> None:
    region = home.region
    instance_id, owner = region.launch(), region.project_id
    vpc_id = region.interface(instance_id).vpc_id
    region.project_id = region.do(projects.create, "neighbour")
    other_id = region.launch()
    assert region.interface(other_id).vpc_id != vpc_id
    home.agent.broken[ObservedKind.GATEWAY, vpc_id] = "nft hangs"
    region.do(power.stop, StopInstances([other_id]))
    region.converge()
    assert region.public_address(other_id) is None
    assert len(region.state.addresses) == 1
    region.project_id = owner
    region.do(power.stop, StopInstances([instance_id]))
    region.converge()
    assert len(region.state.addresses) == 1, "its gateway may still answer for it"
    home.agent.broken.clear()
    region.converge()
    assert not len(region.state.addresses)


def test_changes_are_enough_where_nothing_is_left_out(home: Home) -> None:
    region = home.region
    (instance_id,) = region.run()
    region.exchange(is_full=False)
    assert region.state_of(instance_id) == "running"
    region.do(power.terminate, [instance_id])
    for _ in range(5):
        region.exchange(is_full=False)
    assert region.state_of(instance_id) == "terminated"
    home.agent.empty_trash()
    region.exchange(is_full=False)
    assert not len(region.state.observations)


@pytest.mark.parametrize("kind", [VOLUME, INSTANCE])
def test_a_launch_that_can_never_succeed_ends_and_says_why(home: Home, kind: ObservedKind) -> None:
    region = home.region
    (instance_id,) = region.run()
    resource_id = region.root_volume(instance_id).id if kind is VOLUME else instance_id
    home.agent.broken[kind, resource_id] = "the image is no disk"
    region.converge()
    assert region.state_of(instance_id) == "terminated"
    reason = region.instance(instance_id).state_reason
    assert reason is not None
    assert (reason.code, reason.message) == ("Server.InternalError", "the image is no disk")
    region.empty_trash()
    assert not len(region.state.volumes)
    assert not len(region.state.addresses)


@pytest.mark.parametrize("kind", [VOLUME, INSTANCE])
def test_what_has_run_is_not_ended_by_a_failure(home: Home, kind: ObservedKind) -> None:
    region = home.region
    instance_id = region.launch()
    resource_id = region.root_volume(instance_id).id if kind is VOLUME else instance_id
    home.agent.broken[kind, resource_id] = "the disk is full"
    region.converge()
    assert region.state_of(instance_id) == "running"


def test_a_volume_that_was_made_ends_no_launch(home: Home) -> None:
    """It may be made, and then be an orphan to an agent that follows an earlier ledger."""
    region = home.region
    (instance_id,) = region.run()
    volume = region.root_volume(instance_id)
    made = Observation(f"{home.host_id}/volume/{volume.id}", home.host_id, VOLUME, volume.id, True, "", False)
    region.apply(absorb(region.state, Report(home.host_id, False, [made], [])))
    orphan = replace(made, converged=False, error="orphan", permanent=True)
    region.apply(absorb(region.state, Report(home.host_id, False, [orphan], [])))
    region.converge()
    assert region.state_of(instance_id) == "running"


def test_a_volume_that_was_made_stays_available_and_one_that_cannot_be_says_so(home: Home) -> None:
    region = home.region
    volume_id, bad = region.volume(), region.do(volumes.create, CreateVolume(ZONES[0], 1))
    home.agent.broken[VOLUME, bad] = "no space"
    region.converge()
    assert region.volume_state(bad) == "error"
    assert region.volume_state(volume_id) == "available"
    region.apply(absorb(region.state, Report(home.host_id, True, [], [])))
    assert region.volume_state(volume_id) == "available"


def test_a_start_on_another_host_opens_a_new_epoch_and_shuts_the_old_one() -> None:
    region = Region()
    first = region.add_host(roles=(COMPUTE,), vcpus=2)
    second = region.add_host(roles=(COMPUTE,), vcpus=2)
    storage = region.add_host(roles=(STORAGE,))
    instance_id = region.launch()
    old = region.attachments(instance_id)[0]
    assert (region.instance(instance_id).host_id, old.epoch) == (first, 1)
    region.do(power.stop, StopInstances([instance_id]))
    region.converge()
    region.launch()
    region.do(power.start, [instance_id])
    (new,) = region.attachments(instance_id)
    assert region.instance(instance_id).host_id == second
    assert (new.epoch, new.client_host_id, new.volume_id) == (2, second, old.volume_id)
    assert new.port != old.port
    assert new.delete_on_termination
    exports = {key for key in shall_have(region.state, storage) if key[0] is EXPORT}
    assert (EXPORT, new.id) in exports
    assert (EXPORT, old.id) not in exports
    region.converge()
    assert region.state_of(instance_id) == "running"
    assert (INSTANCE, instance_id) not in region.agents[first].has
    region.do(power.terminate, [instance_id])
    region.converge()
    assert region.state.used(storage) == Resources(0, 0, 1)


def test_a_volume_that_is_detached_from_a_stopped_instance_does_not_follow_it() -> None:
    region = Region()
    first = region.add_host(roles=(COMPUTE,), vcpus=2)
    region.add_host(roles=(COMPUTE,), vcpus=2)
    region.add_host(roles=(STORAGE,))
    instance_id, volume_id = region.launch(), region.volume()
    region.do(volumes.attach, AttachVolume(volume_id, instance_id))
    region.do(power.stop, StopInstances([instance_id]))
    region.converge()
    region.launch()
    region.do(volumes.detach, volumes.DetachVolume(volume_id))
    region.do(power.start, [instance_id])
    assert region.instance(instance_id).host_id != first
    region.converge()
    assert region.volume_state(volume_id) == "available"
    assert [row.volume_id for row in region.attachments(instance_id)] != [volume_id]


def test_a_host_speaks_for_its_own_resources_alone() -> None:
    """As one with a stolen certificate must not do."""
    region = Region()
    region.add_host(ZONES[0])
    thief = region.add_host(ZONES[1])
    (instance_id,) = region.run(zone_name=ZONES[0])
    volume_id = region.root_volume(instance_id).id
    other = region.do(volumes.create, CreateVolume(ZONES[0], 1))
    region.agents[thief].broken = {(VOLUME, volume_id): "lies", (INSTANCE, instance_id): "lies"}
    region.agents[thief].take({(VOLUME, key): {} for key in (volume_id, other)} | {(INSTANCE, instance_id): {}})
    region.hear(region.agents[thief], region.state.revision)
    assert region.state_of(instance_id) == "pending"
    assert region.volume_state(other) == "creating"


def test_nothing_is_written_for_a_report_that_says_nothing_new(home: Home) -> None:
    region = home.region
    region.launch()
    report = home.agent.report()
    again = replace(report, observed=list(report.observed))
    assert not absorb(region.state, again)
    assert not settle(region.state, home.host_id, dict.fromkeys(ObservedKind, region.state.revision), region.now)


def test_a_row_that_cannot_be_settled_harms_itself_alone(home: Home) -> None:
    region = home.region
    bad, good = region.launch(), region.launch()
    region.do(power.terminate, [bad, good])
    change = Change()
    change.delete(region.root_volume(bad))
    region.apply(change)
    with capture_logs() as written:
        region.converge()
    assert [region.state_of(each) for each in (bad, good)] == ["terminated", "terminated"]
    (stuck,) = region.attachments(bad)
    assert not region.attachments(good)
    assert {(row["step"], row["resource"]) for row in written} == {("settle_released", stuck.id)}
    region.launch()


def test_a_step_that_fails_midway_changes_nothing() -> None:
    kept, late = (Image(f"ami-{number}", "", "", "", "raw", 1, 1, "", NOW, {}) for number in (1, 2))
    change = Change()
    change.put(kept)
    with change.as_a_whole():
        assert change.now(kept) is kept
        change.delete(kept)
    with suppress(KeyError), change.as_a_whole():
        change.put(late)
        raise KeyError
    assert [row_id for _, row_id, _ in change.items()] == [kept.id]
    assert change.now(kept) is None
