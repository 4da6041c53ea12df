"""Launching, starting, stopping, rebooting, ending: checks, addresses, capacity, all or none."""

from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest

from controlplane.errors import Category, NoCapacity
from controlplane.keys import KeyType, create
from controlplane.model.capacity import Resources
from controlplane.model.instance import ROOT_DEVICE, Instance
from controlplane.reconcile import messages
from controlplane.service import addresses, catalogue, images, instances, key_pairs, power, projects, security_groups
from controlplane.service.instances import BlockDeviceMapping, RunInstances
from controlplane.service.key_pairs import StoreKeyPair
from controlplane.service.power import StopInstances
from controlplane.service.security_groups import CreateSecurityGroup
from tests.unit.region import ZONES, Region


@pytest.fixture
def region() -> Region:
    region = Region()
    region.add_host(ZONES[0])
    region.add_host(ZONES[1])
    region.add_image()
    return region


def image_of(region: Region) -> str:
    return next(iter(region.state.images)).id


def new_group(region: Region, name: str = "web", project_id: str = "", vpc_id: str = "") -> str:
    made: str = region.do(security_groups.create, CreateSecurityGroup(name, "for tests", vpc_id), project_id=project_id)
    return made


UNKNOWN = "f" * 17
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "image unknown": ({"image_id": f"ami-{UNKNOWN}"}, "InvalidAMIID.NotFound"),
    "image malformed": ({"image_id": "ami-1"}, "InvalidAMIID.Malformed"),
    "image of another kind": ({"image_id": f"vol-{UNKNOWN}"}, "InvalidAMIID.Malformed"),
    "type": ({"instance_type": "t9.nano"}, "InvalidInstanceType"),
    "key": ({"key_name": "nobody"}, "InvalidKeyPair.NotFound"),
    "subnet unknown": ({"subnet_id": f"subnet-{UNKNOWN}"}, "InvalidSubnetID.NotFound"),
    "subnet malformed": ({"subnet_id": "subnet"}, "InvalidSubnetID.Malformed"),
    "group unknown": ({"security_group_ids": (f"sg-{UNKNOWN}",)}, "InvalidGroup.NotFound"),
    "group malformed": ({"security_group_ids": ("default",)}, "InvalidGroup.Malformed"),
    "zone": ({"zone_name": "home-1z"}, "InvalidZone.NotFound"),
    "max below min": ({"min_count": 3, "max_count": 2}, "InvalidParameterValue"),
    "too many": ({"max_count": 1001}, "InvalidParameterValue"),
    "user data": ({"user_data": b"x" * 17 * 1024}, "InvalidParameterValue"),
    "shutdown behaviour": ({"instance_initiated_shutdown_behavior": "hibernate"}, "InvalidParameterValue"),
    "one address for two": ({"private_ip_address": "172.31.0.9", "max_count": 2}, "InvalidParameterCombination"),
    "address malformed": ({"private_ip_address": "172.31.0", "zone_name": ZONES[0]}, "InvalidParameterValue"),
    "address reserved": ({"private_ip_address": "172.31.0.3", "zone_name": ZONES[0]}, "InvalidParameterValue"),
    "address of another subnet": (
        {"private_ip_address": "172.31.16.9", "zone_name": ZONES[0]},
        "InvalidParameterValue",
    ),
    "tags": ({"tags": {str(n): "" for n in range(51)}}, "TagLimitExceeded"),
    "tag key": ({"tags": {"aws:x": ""}}, "InvalidTagKey.Malformed"),
    "tag key empty": ({"tags": {"": ""}}, "InvalidTagKey.Malformed"),
    "tag value": ({"tags": {"k": "v" * 257}}, "InvalidParameterValue"),
    "root too small": ({"block_device_mappings": (BlockDeviceMapping(ROOT_DEVICE, 1),)}, "InvalidParameterValue"),
    "disk without size": ({"block_device_mappings": (BlockDeviceMapping("/dev/sdf"),)}, "MissingParameter"),
    "disk of no size": ({"block_device_mappings": (BlockDeviceMapping("/dev/sdf", 0),)}, "InvalidParameterValue"),
    "root of no size": ({"block_device_mappings": (BlockDeviceMapping("/dev/sda1", 0),)}, "InvalidParameterValue"),
    "none": ({"min_count": 0}, "InvalidParameterValue"),
    "at most none": ({"max_count": 0}, "InvalidParameterValue"),
    "disk too large": ({"block_device_mappings": (BlockDeviceMapping("/dev/sdf", 65537),)}, "InvalidParameterValue"),
    "device malformed": ({"block_device_mappings": (BlockDeviceMapping("sdf", 1),)}, "InvalidParameterValue"),
    "device twice": ({"block_device_mappings": (BlockDeviceMapping("/dev/sdf", 1),) * 2}, "InvalidParameterValue"),
    "too many disks": (
        {"block_device_mappings": tuple(BlockDeviceMapping(f"/dev/sd{c}", 1) for c in "bcdefghijkl")},
        "AttachmentLimitExceeded",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_launch_that_is_refused(region: Region, case: str) -> None:
    changes, code = REFUSED[case]
    image_id = region.add_image(size_bytes=2 << 30)
    region.refuses(code, instances.run, replace(RunInstances(image_id), **changes))


def test_more_refusals(region: Region) -> None:
    subnet = region.subnet(ZONES[0])
    request = RunInstances(image_of(region), subnet_id=subnet.id)
    region.refuses("InvalidParameterCombination", instances.run, replace(request, zone_name=ZONES[1]))
    groups = tuple(new_group(region, f"g{n}") for n in range(6))
    limit = replace(request, security_group_ids=groups)
    region.refuses("SecurityGroupsPerInterfaceLimitExceeded", instances.run, limit)
    region.launch(subnet_id=subnet.id, private_ip_address="172.31.0.77")
    region.refuses("InvalidIPAddress.InUse", instances.run, replace(request, private_ip_address="172.31.0.77"))
    other_vpc = replace(region.state.vpcs[subnet.vpc_id], id=f"vpc-{UNKNOWN}", vni=99, is_default=False)
    region.put(other_vpc)
    foreign = new_group(region, vpc_id=other_vpc.id)
    region.refuses("InvalidParameter", instances.run, replace(request, security_group_ids=(foreign,)))
    region.put(replace(region.state.vpcs[subnet.vpc_id], is_default=False))
    region.refuses("VPCIdNotSpecified", instances.run, RunInstances(image_of(region)))


def test_the_default_is_one_micro_from_the_default_subnet_and_group(region: Region) -> None:
    (instance_id,) = region.run()
    instance, interface = region.instance(instance_id), region.interface(instance_id)
    assert (instance.instance_type, instance.vcpus, instance.memory_mib) == ("t3.micro", 2, 1024)
    assert region.state_of(instance_id) == "pending"
    assert interface.private_ip == "172.31.0.4"
    assert [region.state.security_groups[row].name for row in interface.group_ids] == ["default"]
    address = region.public_address(instance_id)
    assert address is not None
    assert (address.public_ip, address.is_elastic) == ("192.0.2.1", False)
    (root,) = region.attachments(instance_id)
    assert (root.device_name, root.delete_on_termination, root.epoch) == (ROOT_DEVICE, True, 1)
    assert region.root_volume(instance_id).size_gib == 1
    assert region.state.used(instance.host_id) == Resources(2, 1024, 1)


def test_an_instance_keeps_its_images_machine(region: Region) -> None:
    image = replace(region.state.images[image_of(region)], boot_mode="uefi")
    region.put(image)
    instance = region.state.instances[region.run(image_id=image.id)[0]]
    assert (instance.architecture, instance.boot_mode, instance.machine_type) == ("x86_64", "uefi", "q35")
    region.put(replace(image, boot_mode="legacy-bios"))
    told = messages.instance(region.state, instance, "home-1")
    assert (told.machine_type, told.firmware, told.architecture, told.cpu_model) == ("q35", "uefi", "x86_64", "")


def test_a_host_whose_agent_knows_no_firmware_is_given_no_guest_that_boots_by_uefi(region: Region) -> None:
    """It would start it by BIOS; what starts by BIOS it is given."""
    hosts = list(region.state.hosts)
    region.put(*(replace(host, features=(), agent_version="0.9") for host in hosts))
    image = region.state.images[image_of(region)]
    region.put(replace(image, boot_mode="uefi"))
    with pytest.raises(NoCapacity) as error:
        region.run(image_id=image.id)
    reasons = {row.reason for row in error.value.refusals}
    assert "agent: version 0.9 does not know 'firmware'; upgrade it" in reasons
    region.put(image)
    assert region.run(image_id=image.id)
    region.put(*hosts, replace(image, boot_mode="uefi"))
    assert region.run(image_id=image.id)


def test_a_guest_that_boots_by_uefi_starts_again_where_that_is_known(region: Region) -> None:
    image = region.state.images[image_of(region)]
    region.put(replace(image, boot_mode="uefi"))
    instance_id = region.launch(image_id=image.id)
    region.do(power.stop, StopInstances([instance_id]))
    region.converge()
    region.put(replace(region.state.hosts[region.instance(instance_id).host_id], features=()))
    error = region.refuses("InsufficientInstanceCapacity", power.start, [instance_id])
    assert "does not know 'firmware'" in error.refusals[0].reason


def test_what_was_asked_for_is_taken_over(region: Region) -> None:
    _, public_key = create(KeyType.ED25519)
    region.do(key_pairs.store, StoreKeyPair("laptop", public_key))
    group_id = new_group(region)
    made = region.run(
        min_count=2,
        max_count=2,
        key_name="laptop",
        zone_name=ZONES[1],
        security_group_ids=(group_id, group_id),
        associate_public_ip_address=False,
        user_data=b"x" * 16384,
        instance_initiated_shutdown_behavior="terminate",
        tags={"Name": "web"},
        block_device_mappings=(
            BlockDeviceMapping(ROOT_DEVICE, 3, delete_on_termination=False),
            BlockDeviceMapping("/dev/sdf", 5),
        ),
    )
    first, second = map(region.instance, made)
    assert first.reservation_id == second.reservation_id
    assert [first.launch_index, second.launch_index] == [0, 1]
    assert (first.public_key, first.tags, first.zone) == (public_key.line, {"Name": "web"}, ZONES[1])
    assert region.interface(made[0]).group_ids == (group_id,)
    assert region.public_address(made[0]) is None
    disks = [(row.device_name, row.delete_on_termination) for row in region.attachments(made[0])]
    assert disks == [(ROOT_DEVICE, False), ("/dev/sdf", True)]
    assert [region.state.volumes[row.volume_id].size_gib for row in region.attachments(made[1])] == [3, 5]


BATCHES: list[Any] = [power.start, power.reboot, power.terminate]


@pytest.mark.parametrize("act", [*BATCHES, power.stop])
def test_a_batch_is_all_or_none(region: Region, act: Any) -> None:
    instance_id = region.launch()

    def request(*ids: str) -> Any:
        return StopInstances(ids) if act is power.stop else ids

    region.refuses("InvalidInstanceID.NotFound", act, request(instance_id, f"i-{UNKNOWN}"))
    region.refuses("InvalidInstanceID.Malformed", act, request(instance_id, "i-xyz"))
    region.refuses("MissingParameter", act, request())


def test_a_batch_with_one_in_the_wrong_state_leaves_the_others(region: Region) -> None:
    stopped, running = region.launch(), region.launch()
    region.do(power.stop, StopInstances([stopped]))
    region.converge()
    error = region.refuses("IncorrectInstanceState", power.reboot, [running, stopped])
    assert stopped in error.message


def test_stop_and_start_keep_the_private_address_and_change_the_public_one(region: Region) -> None:
    instance_id = region.launch()
    before, private_ip = region.public_address(instance_id), region.interface(instance_id).private_ip
    assert region.do(power.stop, StopInstances([instance_id])) == [(instance_id, 16, 64)]
    assert region.public_address(instance_id) is None
    assert region.do(power.stop, StopInstances([instance_id], force=True)) == [(instance_id, 64, 64)]
    assert region.instance(instance_id).stop_timeout_s == 0
    region.converge()
    assert region.state_of(instance_id) == "stopped"
    assert region.do(power.stop, StopInstances([instance_id])) == [(instance_id, 80, 80)]
    reason = region.instance(instance_id).state_reason
    assert reason is not None
    assert reason.code == "Client.UserInitiatedShutdown"
    assert region.do(power.start, [instance_id]) == [(instance_id, 80, 0)]
    assert region.do(power.start, [instance_id]) == [(instance_id, 0, 0)]
    region.converge()
    after = region.public_address(instance_id)
    assert region.state_of(instance_id) == "running"
    assert region.interface(instance_id).private_ip == private_ip
    assert before is not None
    assert after is not None
    assert before.public_ip != after.public_ip
    assert region.instance(instance_id).state_reason is None


def test_a_stopped_instance_claims_its_volume_alone(region: Region) -> None:
    instance_id = region.launch()
    host_id = region.instance(instance_id).host_id
    region.do(power.stop, StopInstances([instance_id]))
    assert region.state.used(host_id) == Resources(2, 1024, 1)
    region.converge()
    assert region.state.used(host_id) == Resources(0, 0, 1)


def test_a_start_can_lack_capacity_and_then_changes_nothing() -> None:
    region = Region()
    region.add_host(vcpus=4)
    first, second = region.launch(), region.launch()
    region.do(power.stop, StopInstances([first, second]))
    region.converge()
    region.launch()
    error = region.refuses("InsufficientInstanceCapacity", power.start, [first, second])
    assert [row.reason for row in error.refusals] == ["vcpus: 2 asked, 0 free of 4"]
    assert error.category is Category.CAPACITY
    region.do(power.start, [second])


def test_reboot_counts_and_changes_nothing_else(region: Region) -> None:
    (instance_id,) = region.run()
    region.do(power.reboot, [instance_id])
    assert region.instance(instance_id).reboot_count == 0, "a pending instance boots anyway"
    region.converge()
    before = region.instance(instance_id)
    assert region.do(power.reboot, [instance_id, instance_id]) == [(instance_id, 16, 16)]
    assert region.instance(instance_id) == replace(before, reboot_count=1)
    region.converge()
    assert region.state_of(instance_id) == "running"


def test_termination_protection_saves_the_whole_batch(region: Region) -> None:
    other, protected = region.launch(), region.launch(disable_api_termination=True)
    error = region.refuses("OperationNotPermitted", power.terminate, [other, protected])
    assert error.blocking_ids == (protected,)
    assert region.state_of(other) == "running"


def test_terminate_is_final_and_may_be_repeated(region: Region) -> None:
    instance_id = region.launch()
    assert region.do(power.terminate, [instance_id]) == [(instance_id, 16, 32)]
    assert region.do(power.terminate, [instance_id]) == [(instance_id, 32, 32)]
    region.converge()
    assert region.do(power.terminate, [instance_id]) == [(instance_id, 48, 48)]
    for act in (power.start, power.reboot):
        region.refuses("IncorrectInstanceState", act, [instance_id])
    region.refuses("IncorrectInstanceState", power.stop, StopInstances([instance_id]))


def test_projects_do_not_see_each_other(region: Region) -> None:
    instance_id, group_id = region.launch(), new_group(region)
    allocation_id = region.do(addresses.allocate, addresses.AllocateAddress())
    other = region.do(projects.create, "other")
    own_vpc, others_vpc = (
        next(row for row in region.state.vpcs if row.project_id == p) for p in (region.project_id, other)
    )
    assert own_vpc.cidr_block == others_vpc.cidr_block
    assert own_vpc.vni != others_vpc.vni
    foreign: list[tuple[str, Any, Any]] = [
        ("InvalidAMIID", instances.run, RunInstances(image_of(region))),
        ("InvalidAMIID", images.deregister, image_of(region)),
        ("InvalidInstanceID", power.terminate, [instance_id]),
        ("InvalidInstanceID", power.stop, StopInstances([instance_id])),
        ("InvalidGroup", security_groups.delete, group_id),
        ("InvalidAllocationID", addresses.release, allocation_id),
    ]
    for error, use_case, request in foreign:
        region.refuses(f"{error}.NotFound", use_case, request, project_id=other)
    image_id = region.add_image(other)
    request = RunInstances(image_id)
    own: list[dict[str, Any]] = [{"subnet_id": region.subnet().id}, {"security_group_ids": (group_id,)}]
    for changes, error in zip(own, ("InvalidSubnetID", "InvalidGroup"), strict=True):
        region.refuses(f"{error}.NotFound", instances.run, replace(request, **changes), project_id=other)
    made = region.run(project_id=other, zone_name=ZONES[0])
    assert region.interface(made[0]).vpc_id == others_vpc.id


def test_a_deregistered_image_launches_nothing_and_its_name_is_free(region: Region) -> None:
    image = region.state.images[image_of(region)]
    region.launch()
    region.do(images.deregister, image.id)
    region.refuses("InvalidAMIID.NotFound", instances.run, RunInstances(image.id))
    region.refuses("InvalidAMIID.NotFound", images.deregister, image.id)
    again = images.RegisterImage(image.name, "", "raw", 512, 512, "0" * 64, {})
    assert region.do(images.register, region.add_image(), again)
    assert images.is_needed(region.state, image.id), "a volume was made from it"


def test_instances_keep_their_size_when_the_type_is_gone(region: Region) -> None:
    region.do(catalogue.create, catalogue.CreateInstanceType("lab.huge", 4, 4096))
    instance_id = region.launch(instance_type="lab.huge")
    region.do(catalogue.delete, "lab.huge")
    row: Instance = region.instance(instance_id)
    assert (row.vcpus, row.memory_mib) == (4, 4096)


def pool_of(count: int) -> Region:
    first = int(IPv4Address("192.0.2.1"))
    return Region(public_pool=((first, first + count - 1),))


def test_as_many_are_launched_as_there_are_public_addresses() -> None:
    region = pool_of(2)
    region.add_host()
    launched = region.run(min_count=1, max_count=5)
    assert len(launched) == 2
    request = RunInstances(region.add_image(), min_count=1, max_count=5)
    error = region.refuses("InsufficientAddressCapacity", instances.run, request)
    assert "0 free in the pool" in error.message
    assert len(region.run(max_count=5, associate_public_ip_address=False)) == 5


def test_fewer_public_addresses_than_asked_at_least_launch_none() -> None:
    region = pool_of(2)
    region.add_host()
    request = RunInstances(region.add_image(), min_count=3, max_count=5)
    region.refuses("InsufficientAddressCapacity", instances.run, request)


def test_whatever_runs_short_first_gives_the_number() -> None:
    region = pool_of(4)
    region.add_host(memory_mib=3 * 1024)
    subnet = region.subnet()
    region.put(replace(subnet, cidr_block="172.31.0.0/28"))  # 11 addresses for instances.
    assert len(region.run(max_count=20)) == 3, "memory"
    region.add_host(memory_mib=1 << 20, vcpus=1 << 10)
    assert len(region.run(max_count=20)) == 1, "public addresses"
    assert len(region.run(max_count=20, zone_name=ZONES[0], associate_public_ip_address=False)) == 7, "the subnet"
    request = RunInstances(region.add_image(), max_count=20, associate_public_ip_address=False)
    region.refuses("InsufficientFreeAddressesInSubnet", instances.run, request)


def test_a_zone_without_hosts_says_so() -> None:
    region = Region()
    image_id = region.add_image()
    error = region.refuses("InsufficientInstanceCapacity", instances.run, RunInstances(image_id, zone_name=ZONES[1]))
    assert [(row.host_id, row.reason.partition(";")[0]) for row in error.refusals] == [("", "hosts: home-1b has none")]
