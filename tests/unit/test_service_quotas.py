"""What one project may have, and that another is not concerned."""

from controlplane.service import instances, power, projects, volumes
from controlplane.service.instances import BlockDeviceMapping, RunInstances
from controlplane.service.power import StopInstances
from controlplane.service.volumes import CreateVolume
from tests.unit.region import ZONES, Region


def test_the_number_of_instances_is_limited_and_terminated_ones_do_not_count() -> None:
    region = Region(instances=2)
    region.add_host()
    asked = RunInstances(region.add_image())
    first, second = (region.do(instances.run, asked)[0] for _ in range(2))
    refusal = region.refuses("InstanceLimitExceeded", instances.run, asked)
    assert "has 2 of at most 2" in refusal.message
    region.do(power.stop, StopInstances([first]))
    region.refuses("InstanceLimitExceeded", instances.run, asked)
    region.do(power.terminate, [second])
    region.converge()
    region.do(instances.run, asked)


def test_a_launch_takes_what_the_quota_leaves_but_not_less_than_its_least() -> None:
    region = Region(instances=5, vcpus=6, volumes=4)
    region.add_host(vcpus=64)
    image_id = region.add_image()
    asked = RunInstances(image_id, "t3.nano", min_count=1, max_count=9)
    assert len(region.do(instances.run, asked)) == 3, "of two vCPUs each"
    region.refuses("VcpuLimitExceeded", instances.run, asked)
    region.do(volumes.create, CreateVolume(ZONES[0], 1))
    region.refuses("VolumeLimitExceeded", volumes.create, CreateVolume(ZONES[0], 1))


def test_only_instances_that_are_not_stopped_take_vcpus() -> None:
    region = Region(vcpus=4)
    region.add_host(vcpus=64)
    asked = RunInstances(region.add_image(), "t3.nano", min_count=2)
    stopped = region.do(instances.run, asked)
    region.converge()
    region.refuses("VcpuLimitExceeded", instances.run, asked)
    region.do(power.stop, StopInstances(stopped))
    region.converge()
    others = region.do(instances.run, RunInstances(asked.image_id, "t3.nano"))
    region.converge()
    region.refuses("VcpuLimitExceeded", power.start, stopped)
    region.do(power.start, stopped[:1])
    region.refuses("VcpuLimitExceeded", power.start, stopped[1:])
    region.do(power.terminate, others)
    region.converge()
    region.do(power.start, stopped[1:])


def test_the_size_of_volumes_is_limited_with_root_volumes() -> None:
    region = Region(volume_gib=10)
    region.add_host()
    image_id = region.add_image()
    region.do(volumes.create, CreateVolume(ZONES[0], 6))
    region.refuses("VolumeLimitExceeded", volumes.create, CreateVolume(ZONES[0], 5))
    large = RunInstances(image_id, block_device_mappings=(BlockDeviceMapping("/dev/sda1", 5),))
    region.refuses("VolumeLimitExceeded", instances.run, large)
    other = region.do(projects.create, "other")
    region.do(volumes.create, CreateVolume(ZONES[0], 10), project_id=other)


def test_a_volume_comes_back_from_the_recycle_bin_within_the_quota() -> None:
    region = Region(volumes=1)
    region.add_host()
    volume_id = region.do(volumes.create, CreateVolume(ZONES[0], 1))
    region.converge()
    region.do(volumes.delete, volume_id)
    other = region.do(volumes.create, CreateVolume(ZONES[0], 1))
    region.converge()
    region.refuses("VolumeLimitExceeded", volumes.restore, volume_id)
    region.do(volumes.delete, other)
    region.do(volumes.restore, volume_id)
