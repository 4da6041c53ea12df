"""Volumes on hosts of which the region knows nothing: what they take, and what becomes of them."""

from dataclasses import replace

import pytest

from controlplane.model.instance import Observation, ObservedKind, VolumeFile, observation_id
from controlplane.service import capacity, orphans, projects, volumes
from controlplane.service.orphans import AdoptOrphan, DeleteOrphan
from tests.unit.region import ZONES, Region

GIB = 1 << 30
STRAY = "vol-" + "5" * 17
FILE = VolumeFile(3 * GIB - 5, deleted=False, epoch=7, changed_at=1_700_000_000)
BURIED = replace(FILE, deleted=True)


@pytest.fixture
def region() -> Region:
    return Region()


def show(region: Region, host_id: str, file: VolumeFile = FILE, volume_id: str = STRAY) -> None:
    """Its host has it, and reports it."""
    row_id = observation_id(host_id, ObservedKind.VOLUME, volume_id)
    error = "" if file.deleted else "orphan: nobody asked for it"
    row = Observation(row_id, host_id, ObservedKind.VOLUME, volume_id, False, error, False, file=file)
    region.agents[host_id].has[ObservedKind.VOLUME, volume_id] = row
    region.converge()


def found(region: Region, *host_ids: str) -> list[tuple[str, VolumeFile | None]]:
    return [(row.id, row.file) for row in orphans.select(region.state, region.call(), host_ids)]


def test_an_orphan_is_what_no_row_speaks_of(region: Region) -> None:
    first, second = region.add_host(), region.add_host()
    known = region.volume()
    show(region, first)
    show(region, second, volume_id=known)
    assert found(region) == [(f"{first}/{STRAY}", FILE), (f"{second}/{known}", FILE)]
    assert found(region, second) == [(f"{second}/{known}", FILE)]


def test_no_volume_is_placed_where_orphans_have_the_room(region: Region) -> None:
    full, other = region.add_host(storage_gib=100), region.add_host(storage_gib=50)
    show(region, full, replace(FILE, size_bytes=60 * GIB))
    assert region.state.volumes[region.volume(size_gib=20)].host_id == other
    error = region.refuses("InsufficientVolumeCapacity", volumes.create, volumes.CreateVolume(ZONES[0], 50))
    reasons = [(row.host_id, row.reason) for row in error.refusals]
    assert reasons == [
        (full, "storage: 50 GiB asked, 40 GiB free of 100"),
        (other, "storage: 50 GiB asked, 30 GiB free of 50"),
    ]


def test_what_a_host_has_counts_once_whoever_owns_it(region: Region) -> None:
    host_id = region.add_host()
    known = region.volume(size_gib=3)
    seen = region.state.observed(ObservedKind.VOLUME, known, host_id)
    assert seen
    region.put(replace(seen, file=FILE))
    assert capacity.used(region.state, host_id).storage_gib == 3
    volume = region.state.volumes[known]
    region.state.delete(type(volume), known)
    assert capacity.used(region.state, host_id).storage_gib == 3
    region.put(volume)
    assert capacity.used(region.state, host_id).storage_gib == 3


def test_what_lies_in_the_trash_gives_way(region: Region) -> None:
    host_id = region.add_host(storage_gib=10)
    show(region, host_id, replace(BURIED, size_bytes=10 * GIB))
    assert region.volume_state(region.volume(size_gib=10)) == "available"


def test_an_adopted_orphan_is_a_volume_as_it_was(region: Region) -> None:
    host_id = region.add_host()
    show(region, host_id)
    other = region.do(projects.create, "other")
    assert region.do(orphans.adopt, AdoptOrphan(host_id, STRAY, other, {"Name": "found"})) == STRAY
    row = region.state.volumes[STRAY]
    assert (row.project_id, row.zone, row.host_id, row.size_gib) == (other, ZONES[0], host_id, 3)
    assert (row.tags, row.is_ready) == ({"Name": "found"}, True)
    assert region.volume_state(STRAY) == "available"
    assert found(region) == []
    assert capacity.used(region.state, host_id).storage_gib == 3
    region.converge()
    assert region.volume_state(STRAY) == "available"


def test_its_next_epoch_is_later_than_any_before(region: Region) -> None:
    host_id = region.add_host()
    instance_id = region.launch()
    show(region, host_id)
    region.do(orphans.adopt, AdoptOrphan(host_id, STRAY, region.project_id))
    region.do(volumes.attach, volumes.AttachVolume(STRAY, instance_id))
    assert region.state.attachments.volume.of(STRAY)[0].epoch == FILE.epoch + 1


def test_no_agent_can_exhaust_the_epochs(region: Region) -> None:
    host_id = region.add_host()
    instance_id = region.launch()
    show(region, host_id, replace(FILE, epoch=(1 << 63) - 1))
    region.do(orphans.adopt, AdoptOrphan(host_id, STRAY, region.project_id))
    region.do(volumes.attach, volumes.AttachVolume(STRAY, instance_id))
    assert region.state.attachments.volume.of(STRAY)[0].epoch == orphans.MOST_EPOCHS + 1


def test_one_in_the_trash_is_adopted_where_there_is_room(region: Region) -> None:
    host_id = region.add_host(storage_gib=5)
    show(region, host_id, BURIED)
    volume_id, asked = region.volume(size_gib=3), AdoptOrphan(host_id, STRAY, region.project_id)
    region.refuses("InsufficientVolumeCapacity", orphans.adopt, asked)
    region.do(volumes.delete, volume_id)
    region.converge()
    assert region.do(orphans.adopt, asked) == STRAY


def test_adoption_counts_in_the_projects_quota(region: Region) -> None:
    host_id = region.add_host()
    show(region, host_id)
    region.policy = replace(region.policy, volume_gib=2)
    region.refuses("VolumeLimitExceeded", orphans.adopt, AdoptOrphan(host_id, STRAY, region.project_id))


def test_a_deleted_orphan_goes_into_the_trash_and_can_be_brought_back(region: Region) -> None:
    host_id = region.add_host()
    show(region, host_id)
    assert region.do(orphans.delete, DeleteOrphan(host_id, STRAY)) == STRAY
    assert found(region) == []
    assert region.volume_state(STRAY) == "deleting"
    region.exchange()
    assert region.agents[host_id].specs[ObservedKind.VOLUME, STRAY]["deleted"]
    assert region.state.volumes[STRAY].recycled_at
    assert capacity.used(region.state, host_id).storage_gib == 0
    region.do(volumes.restore, STRAY)
    region.converge()
    assert region.volume_state(STRAY) == "available"


def test_a_deleted_orphan_is_forgotten_with_the_trash(region: Region) -> None:
    host_id = region.add_host()
    show(region, host_id)
    region.do(orphans.delete, DeleteOrphan(host_id, STRAY))
    region.converge()
    region.empty_trash()
    assert STRAY not in region.state.volumes
    assert found(region) == []


@pytest.mark.parametrize("size_bytes", [0, (64 << 40) + 1])
def test_an_orphan_of_whatever_size_can_be_deleted_for_good(region: Region, size_bytes: int) -> None:
    host_id = region.add_host(storage_gib=1 << 20)
    show(region, host_id, replace(FILE, size_bytes=size_bytes))
    region.policy = replace(region.policy, volume_gib=1 << 20)
    region.refuses("InvalidParameterValue", orphans.adopt, AdoptOrphan(host_id, STRAY, region.project_id))
    region.do(orphans.delete, DeleteOrphan(host_id, STRAY))
    region.converge()
    assert region.state.volumes[STRAY].recycled_at
    region.refuses("InvalidParameterValue", volumes.restore, STRAY)
    region.empty_trash()
    assert STRAY not in region.state.volumes


@pytest.mark.parametrize("is_deleted", [False, True])
def test_what_the_region_knows_elsewhere_is_neither_adopted_nor_deleted(region: Region, is_deleted: bool) -> None:
    first, second = region.add_host(), region.add_host()
    known = region.volume()
    (other,) = {first, second} - {region.state.volumes[known].host_id}
    show(region, other, volume_id=known)
    if is_deleted:
        region.do(volumes.delete, known)
    for verb, request in (
        (orphans.delete, DeleteOrphan(other, known)),
        (orphans.adopt, AdoptOrphan(other, known, region.project_id)),
    ):
        error = region.refuses("IncorrectState", verb, request)
        assert f"The region has a volume {known}, on" in error.message


def test_a_second_call_is_not_told_to_move_the_file_away(region: Region) -> None:
    host_id = region.add_host()
    show(region, host_id)
    asked = AdoptOrphan(host_id, STRAY, region.project_id)
    region.do(orphans.adopt, asked)
    for verb, request in ((orphans.adopt, asked), (orphans.delete, DeleteOrphan(host_id, STRAY))):
        error = region.refuses("IncorrectState", verb, request)
        assert error.message.endswith(f"is no orphan: project {region.project_id} has it as a volume")
    region.do(volumes.delete, STRAY)
    error = region.refuses("IncorrectState", orphans.delete, DeleteOrphan(host_id, STRAY))
    assert error.message.endswith("deleted it; `stead volume undelete` brings it back")


def test_what_is_no_orphan_there_is_refused(region: Region) -> None:
    first, second = region.add_host(), region.add_host()
    show(region, first)
    for host_id, volume_id, code in (
        (second, STRAY, "InvalidVolume.NotFound"),
        (first, "vol-x", "InvalidVolume.Malformed"),
        ("host-" + "f" * 17, STRAY, "InvalidHostID.NotFound"),
    ):
        region.refuses(code, orphans.delete, DeleteOrphan(host_id, volume_id))
        region.refuses(code, orphans.adopt, AdoptOrphan(host_id, volume_id, region.project_id))
    region.refuses("InvalidProject.NotFound", orphans.adopt, AdoptOrphan(first, STRAY, "proj-" + "f" * 17))
    show(region, first, replace(FILE, size_bytes=0))
    region.refuses("InvalidParameterValue", orphans.adopt, AdoptOrphan(first, STRAY, region.project_id))


def test_one_of_which_its_host_has_not_told_has_to_wait(region: Region) -> None:
    host_id = region.add_host()
    row_id = observation_id(host_id, ObservedKind.VOLUME, STRAY)
    region.put(Observation(row_id, host_id, ObservedKind.VOLUME, STRAY, False, "orphan", False))
    error = region.refuses("IncorrectState", orphans.delete, DeleteOrphan(host_id, STRAY))
    assert "try again in half a minute" in error.message
