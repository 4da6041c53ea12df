"""Volumes: creating, attaching, detaching, deleting, and the codes that EC2 gives."""

import pytest

from controlplane.model.host import HostRole
from controlplane.model.instance import ObservedKind, Phase
from controlplane.service import ports, power, projects, volumes
from controlplane.service.power import StopInstances
from controlplane.service.volumes import AttachVolume, CreateVolume, DetachVolume
from tests.unit.region import ZONES, Region

UNKNOWN = "f" * 17


@pytest.fixture
def region() -> Region:
    region = Region()
    region.add_host(ZONES[0])
    region.add_host(ZONES[1])
    return region


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (CreateVolume("home-1z", 1), "InvalidZone.NotFound"),
        (CreateVolume("", 1), "MissingParameter"),
        (CreateVolume(ZONES[0], 0), "InvalidParameterValue"),
        (CreateVolume(ZONES[0], 65537), "InvalidParameterValue"),
        (CreateVolume(ZONES[0], 1, "io2"), "InvalidParameterValue"),
        (CreateVolume(ZONES[0], 101), "InsufficientVolumeCapacity"),
        (CreateVolume(ZONES[0], 1, tags={"k" * 129: ""}), "InvalidTagKey.Malformed"),
    ],
)
def test_a_volume_that_is_refused(region: Region, request_: CreateVolume, code: str) -> None:
    region.refuses(code, volumes.create, request_)


def test_a_volume_is_created_attached_detached_deleted(region: Region) -> None:
    volume_id = region.do(volumes.create, CreateVolume(ZONES[0], 7, "gp3", {"Name": "data"}))
    instance_id = region.launch(zone_name=ZONES[0])
    assert region.volume_state(volume_id) == "available"
    attachment_id = region.do(volumes.attach, AttachVolume(volume_id, instance_id))
    attachment = region.state.attachments[attachment_id]
    assert (attachment.device_name, attachment.epoch, attachment.delete_on_termination) == ("/dev/sdf", 1, False)
    assert not volumes.is_attached(region.state, attachment)
    region.converge()
    assert volumes.is_attached(region.state, attachment)
    assert region.volume_state(volume_id) == "in-use"
    assert region.do(volumes.detach, DetachVolume(volume_id)) == attachment_id
    assert region.do(volumes.detach, DetachVolume(volume_id, instance_id)) == attachment_id
    region.converge()
    assert region.volume_state(volume_id) == "available"
    region.do(volumes.attach, AttachVolume(volume_id, instance_id, "/dev/sdb"))
    assert [row.epoch for row in region.state.attachments.volume.of(volume_id)] == [2]
    region.do(volumes.detach, DetachVolume(volume_id))
    region.converge()
    region.do(volumes.delete, volume_id)
    assert region.volume_state(volume_id) == "deleting"
    region.do(volumes.delete, volume_id)
    region.converge()
    for use_case, request in (
        (volumes.delete, volume_id),
        (volumes.detach, DetachVolume(volume_id)),
        (volumes.attach, AttachVolume(volume_id, instance_id)),
        (volumes.select, [volume_id]),
    ):
        error = region.refuses("InvalidVolume.NotFound", use_case, request)
        assert error.message.endswith("it was deleted; see `stead volume undelete`, which brings it back")


def recycled(region: Region, size_gib: int = 1) -> str:
    volume_id = region.do(volumes.create, CreateVolume(ZONES[0], size_gib))
    region.converge()
    region.do(volumes.delete, volume_id)
    region.converge()
    return volume_id


def in_the_bin(region: Region) -> list[str]:
    return [row.id for row in volumes.select_recycled(region.state, region.call(), [])]


def test_a_deleted_volume_can_be_restored_until_the_trash_is_emptied(region: Region) -> None:
    volume_id = recycled(region)
    assert in_the_bin(region) == [volume_id]
    region.do(volumes.restore, volume_id)
    region.converge()
    assert region.volume_state(volume_id) == "available"
    error = region.refuses("IncorrectState", volumes.restore, volume_id)
    assert error.message == f"{volume_id} is not deleted: it is available already"
    assert in_the_bin(region) == []
    region.do(volumes.delete, volume_id)
    region.converge()
    region.empty_trash()
    assert volume_id not in region.state.volumes
    region.refuses("InvalidVolume.NotFound", volumes.restore, volume_id)


def test_a_volume_that_is_being_deleted_can_be_restored(region: Region) -> None:
    volume_id = region.volume(ZONES[0])
    region.do(volumes.delete, volume_id)
    region.do(volumes.restore, volume_id)
    region.converge()
    assert region.volume_state(volume_id) == "available"


def test_what_is_in_the_recycle_bin_claims_no_room_until_it_is_restored(region: Region) -> None:
    volume_id = recycled(region, size_gib=60)
    region.do(volumes.create, CreateVolume(ZONES[0], 60))
    error = region.refuses("InsufficientVolumeCapacity", volumes.restore, volume_id)
    assert "no room for its 60 GiB" in error.message


def test_the_recycle_bin_is_the_projects_own(region: Region) -> None:
    volume_id, other = recycled(region), region.do(projects.create, "other")
    region.refuses("InvalidVolume.NotFound", volumes.restore, volume_id, project_id=other)
    assert volumes.select_recycled(region.state, region.call(other), []) == []
    region.refuses("InvalidVolume.NotFound", volumes.select_recycled, [region.volume(ZONES[0])])


def test_a_volume_that_was_lost_is_in_error_with_the_reason(region: Region) -> None:
    volume_id = region.volume(ZONES[0])
    agent = region.agents[region.state.volumes[volume_id].host_id]
    agent.broken[ObservedKind.VOLUME, volume_id] = "lost"
    region.exchange()
    assert region.volume_state(volume_id) == "error"
    agent.broken.clear()
    region.exchange()
    assert region.volume_state(volume_id) == "available"


def test_a_volume_that_is_being_made_cannot_be_attached_yet(region: Region) -> None:
    instance_id = region.launch(zone_name=ZONES[0])
    volume_id = region.do(volumes.create, CreateVolume(ZONES[0], 1))
    region.refuses("IncorrectState", volumes.attach, AttachVolume(volume_id, instance_id))


def test_attaching_is_refused(region: Region) -> None:
    near, far = region.launch(zone_name=ZONES[0]), region.launch(zone_name=ZONES[1])
    volume_id = region.volume(ZONES[0])
    region.refuses("InvalidVolume.ZoneMismatch", volumes.attach, AttachVolume(volume_id, far))
    region.refuses("InvalidVolume.NotFound", volumes.attach, AttachVolume(f"vol-{UNKNOWN}", near))
    region.refuses("InvalidVolume.Malformed", volumes.attach, AttachVolume("vol-", near))
    region.refuses("InvalidInstanceID.NotFound", volumes.attach, AttachVolume(volume_id, f"i-{UNKNOWN}"))
    region.refuses("InvalidInstanceID.Malformed", volumes.attach, AttachVolume(volume_id, "i-" + "F" * 17))
    for device in ("/dev/sda1", "/dev/sda", "/dev/xvdf", "sdf", "/dev/sdf1", "/dev/sdf\n"):
        region.refuses("InvalidParameterValue", volumes.attach, AttachVolume(volume_id, near, device))
    region.do(volumes.attach, AttachVolume(volume_id, near, "/dev/sdf"))
    again = region.refuses("VolumeInUse", volumes.attach, AttachVolume(volume_id, near))
    assert again.blocking_ids == (near,)
    other = region.volume(ZONES[0])
    region.refuses("InvalidParameterValue", volumes.attach, AttachVolume(other, near, "/dev/sdf"))
    assert region.do(volumes.attach, AttachVolume(other, near)).startswith(other)
    assert region.attachments(near)[-1].device_name == "/dev/sdg"
    region.do(power.terminate, [near])
    third = region.volume(ZONES[0])
    region.refuses("IncorrectInstanceState", volumes.attach, AttachVolume(third, near))


def test_an_instance_has_at_most_so_many_volumes(region: Region) -> None:
    instance_id = region.launch(zone_name=ZONES[0])
    for _ in range(10):
        region.do(volumes.attach, AttachVolume(region.volume(ZONES[0]), instance_id))
    region.refuses("AttachmentLimitExceeded", volumes.attach, AttachVolume(region.volume(ZONES[0]), instance_id))


def test_detaching_and_deleting_are_refused(region: Region) -> None:
    instance_id = region.launch(zone_name=ZONES[0])
    root = region.root_volume(instance_id).id
    region.refuses("OperationNotPermitted", volumes.detach, DetachVolume(root))
    error = region.refuses("VolumeInUse", volumes.delete, root)
    assert error.blocking_ids == (instance_id,)
    free = region.volume(ZONES[0])
    region.refuses("InvalidAttachment.NotFound", volumes.detach, DetachVolume(free))
    region.refuses("InvalidAttachment.NotFound", volumes.detach, DetachVolume(root, f"i-{UNKNOWN}"))
    region.refuses("InvalidVolume.NotFound", volumes.detach, DetachVolume(f"vol-{UNKNOWN}"))
    region.do(power.stop, StopInstances([instance_id]))
    region.refuses("OperationNotPermitted", volumes.detach, DetachVolume(root))
    region.converge()
    region.do(volumes.detach, DetachVolume(root))
    region.converge()
    assert region.volume_state(root) == "available"


def test_a_deleted_volume_cannot_be_attached(region: Region) -> None:
    instance_id, volume_id = region.launch(zone_name=ZONES[0]), region.volume(ZONES[0])
    region.do(volumes.delete, volume_id)
    region.refuses("IncorrectState", volumes.attach, AttachVolume(volume_id, instance_id))


def test_other_projects_volumes_do_not_exist(region: Region) -> None:
    instance_id, volume_id = region.launch(zone_name=ZONES[0]), region.volume(ZONES[0])
    other = region.do(projects.create, "other")
    region.refuses("InvalidVolume.NotFound", volumes.attach, AttachVolume(volume_id, instance_id), project_id=other)
    region.refuses("InvalidVolume.NotFound", volumes.detach, DetachVolume(volume_id), project_id=other)
    region.refuses("InvalidVolume.NotFound", volumes.delete, volume_id, project_id=other)


def test_ports_of_a_storage_host_are_used_again_late_and_wrap_round(
    region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "COUNT", 3)
    instance_id = region.launch(zone_name=ZONES[0])
    first = region.attachments(instance_id)[0].port
    used = []
    for _ in range(4):
        volume_id = region.volume(ZONES[0])
        region.do(volumes.attach, AttachVolume(volume_id, instance_id))
        used.append(region.attachments(instance_id)[-1].port)
        region.do(volumes.detach, DetachVolume(volume_id))
        region.converge()
    assert first not in used
    assert set(used) < {ports.FIRST_PORT + step for step in range(3)}
    for _ in range(2):
        region.do(volumes.attach, AttachVolume(region.volume(ZONES[0]), instance_id))
    region.refuses("AttachmentLimitExceeded", volumes.attach, AttachVolume(region.volume(ZONES[0]), instance_id))


def test_a_zone_without_storage_hosts_makes_no_volumes() -> None:
    region = Region()
    host_id = region.add_host(roles=(HostRole.COMPUTE,))
    error = region.refuses("InsufficientVolumeCapacity", volumes.create, CreateVolume(ZONES[0], 1))
    assert [row.host_id for row in error.refusals] == [host_id]


def test_detaching_waits_for_both_sides(region: Region) -> None:
    region = Region()
    compute = region.add_host(roles=(HostRole.COMPUTE,))
    storage = region.add_host(roles=(HostRole.STORAGE,))
    instance_id, volume_id = region.launch(), region.volume()
    attachment_id = region.do(volumes.attach, AttachVolume(volume_id, instance_id))
    region.converge()
    region.do(volumes.detach, DetachVolume(volume_id))
    region.exchange(storage)
    assert region.state.attachments[attachment_id].phase is Phase.DETACHING, "the compute host has not let go"
    region.exchange(compute)
    assert region.state.attachments[attachment_id].phase is Phase.RELEASED
    region.exchange(compute)
    assert region.volume_state(volume_id) == "in-use", "the storage host has not closed the export"
    region.exchange(storage)
    assert region.volume_state(volume_id) == "available"


def stopped_without_root(region: Region) -> tuple[str, str]:
    """Instance and what was its root volume."""
    instance_id = region.launch(zone_name=ZONES[0])
    root = region.root_volume(instance_id).id
    region.do(power.stop, StopInstances([instance_id]))
    region.converge()
    region.do(volumes.detach, DetachVolume(root))
    return instance_id, root


def test_an_instance_without_a_root_cannot_be_started(region: Region) -> None:
    instance_id, root = stopped_without_root(region)
    error = region.refuses("IncorrectInstanceState", power.start, [instance_id])
    assert "attach one as /dev/sda1" in error.message
    region.converge()
    region.refuses("IncorrectInstanceState", power.start, [instance_id])
    region.do(volumes.attach, AttachVolume(root, instance_id, "/dev/sdf"))
    region.refuses("IncorrectInstanceState", power.start, [instance_id])


def test_a_root_is_attached_again(region: Region) -> None:
    instance_id, root = stopped_without_root(region)
    region.converge()
    region.do(volumes.attach, AttachVolume(root, instance_id, "/dev/sda1"))
    region.do(power.start, [instance_id])
    region.converge()
    assert region.state_of(instance_id) == "running"
    assert region.root_volume(instance_id).id == root


def test_a_root_goes_back_to_its_place_by_default(region: Region) -> None:
    instance_id, root = stopped_without_root(region)
    region.converge()
    empty = region.do(volumes.create, CreateVolume(ZONES[0], 1))
    region.converge()
    region.do(volumes.attach, AttachVolume(empty, instance_id))
    region.do(volumes.attach, AttachVolume(root, instance_id))
    devices = {row.volume_id: row.device_name for row in region.state.attachments.instance.of(instance_id)}
    assert devices == {empty: "/dev/sdf", root: "/dev/sda1"}


def test_a_root_is_given_to_stopped_instances_only(region: Region) -> None:
    instance_id, _ = stopped_without_root(region)
    running = region.launch(zone_name=ZONES[0])
    other = region.volume(ZONES[0])
    region.refuses("InvalidParameterValue", volumes.attach, AttachVolume(other, running, "/dev/sda1"))
    region.do(volumes.attach, AttachVolume(other, instance_id, "/dev/sda1"))
    assert region.root_volume(instance_id).id == other


@pytest.mark.parametrize("asked_before", [False, True])
def test_by_force_the_storage_host_shuts_the_guest_out_first(asked_before: bool) -> None:
    region = Region()
    compute = region.add_host(roles=(HostRole.COMPUTE,))
    storage = region.add_host(roles=(HostRole.STORAGE,))
    instance_id, volume_id = region.launch(), region.volume()
    first = region.do(volumes.attach, AttachVolume(volume_id, instance_id))
    region.converge()
    region.agents[compute].stuck.add((ObservedKind.INSTANCE, instance_id))
    if asked_before:
        region.do(volumes.detach, DetachVolume(volume_id))
        region.converge()
        assert region.volume_state(volume_id) == "in-use", "the guest does not let go"
    region.do(volumes.detach, DetachVolume(volume_id, force=True))
    region.exchange(compute)
    assert region.volume_state(volume_id) == "in-use", "the export is still open"
    region.exchange(storage)
    assert region.volume_state(volume_id) == "available"
    assert (ObservedKind.EXPORT, first) not in region.agents[storage].has
    other = region.launch()
    second = region.do(volumes.attach, AttachVolume(volume_id, other))
    assert second != first
    region.converge()
    assert second in region.agents[compute].has[ObservedKind.INSTANCE, other].export_names
    region.refuses("OperationNotPermitted", volumes.detach, DetachVolume(region.root_volume(other).id, force=True))
