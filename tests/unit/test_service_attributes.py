"""What can be set at creation can be changed later: of instances, their volumes, subnets and images."""

import pytest

from controlplane.model.project import Role
from controlplane.service import (
    images,
    instance_attributes,
    instances,
    power,
    projects,
    security_group_rules,
    security_groups,
    subnets,
)
from controlplane.service.images import ModifyImageAttribute
from controlplane.service.instance_attributes import ModifyInstanceAttribute
from controlplane.service.instances import BlockDeviceMapping, RunInstances
from controlplane.service.permissions import Permission
from controlplane.service.power import StopInstances
from controlplane.service.security_group_rules import Authorize
from controlplane.service.security_groups import CreateSecurityGroup
from controlplane.service.subnets import ModifySubnetAttribute
from tests.unit.region import Region
from tests.unit.told import objects_of


@pytest.fixture
def region() -> Region:
    region = Region()
    region.add_host()
    return region


def modify(region: Region, instance_id: str, **changes: object) -> None:
    region.do(instance_attributes.modify, ModifyInstanceAttribute(instance_id, **changes))  # type: ignore[arg-type]


def refuses(region: Region, code: str, instance_id: str, **changes: object) -> None:
    region.refuses(code, instance_attributes.modify, ModifyInstanceAttribute(instance_id, **changes))  # type: ignore[arg-type]


def test_termination_protection_can_be_cleared(region: Region) -> None:
    instance_id = region.launch(disable_api_termination=True)
    region.refuses("OperationNotPermitted", power.terminate, [instance_id])
    modify(region, instance_id, disable_api_termination=False)
    region.do(power.terminate, [instance_id])
    refuses(region, "IncorrectInstanceState", instance_id, disable_api_termination=True)


def test_what_a_guests_power_off_does(region: Region) -> None:
    instance_id = region.launch()
    modify(region, instance_id, instance_initiated_shutdown_behavior="terminate")
    refuses(region, "InvalidParameterValue", instance_id, instance_initiated_shutdown_behavior="reboot")
    next(iter(region.agents.values())).power_off_guest(instance_id)
    region.converge()
    assert region.state_of(instance_id) == "terminated"


def test_type_and_user_data_of_a_stopped_instance(region: Region) -> None:
    instance_id = region.launch(instance_type="t3.nano")
    bigger = ModifyInstanceAttribute(instance_id, instance_type="t3.large")
    error = region.refuses("IncorrectInstanceState", instance_attributes.modify, bigger)
    assert error.message.endswith("it is running, not stopped; stop it first")
    refuses(region, "IncorrectInstanceState", instance_id, user_data=b"x", disable_api_termination=True)
    assert not region.instance(instance_id).disable_api_termination, "all or none"
    region.do(power.stop, StopInstances([instance_id]))
    region.converge()
    modify(region, instance_id, instance_type="t3.large", user_data=b"#!/bin/sh")
    refuses(region, "InvalidInstanceType", instance_id, instance_type="t9.huge")
    refuses(region, "InvalidParameterValue", instance_id, user_data=b"x" * 16385)
    region.do(power.start, [instance_id])
    region.converge()
    host_id = region.instance(instance_id).host_id
    told = objects_of(region.state, host_id)[host_id]["instance", instance_id]
    assert (told.memory_mib, told.user_data) == (8192, b"#!/bin/sh")
    assert region.state.used(host_id).memory_mib == 8192
    modify_to_nothing = b""
    region.do(power.stop, StopInstances([instance_id]))
    region.converge()
    modify(region, instance_id, user_data=modify_to_nothing)
    assert region.instance(instance_id).user_data == b""


def test_groups_of_a_running_instance(region: Region) -> None:
    instance_id = region.launch()
    group_id = region.do(security_groups.create, CreateSecurityGroup("web", "x"))
    modify(region, instance_id, security_group_ids=[group_id])
    assert region.interface(instance_id).group_ids == (group_id,)
    vpc_id = region.interface(instance_id).vpc_id
    told = objects_of(region.state, region.instance(instance_id).host_id)[vpc_id]
    assert told["endpoint", region.interface(instance_id).id].group_ids == [group_id]
    other = region.do(projects.create, "other")
    foreign = next(row.id for row in region.state.security_groups if row.project_id == other)
    refuses(region, "InvalidGroup.NotFound", instance_id, security_group_ids=[foreign])
    many = [region.do(security_groups.create, CreateSecurityGroup(f"g{number}", "x")) for number in range(6)]
    refuses(region, "SecurityGroupsPerInterfaceLimitExceeded", instance_id, security_group_ids=many)


def test_connections_end_with_membership_where_that_is_asked_for(region: Region) -> None:
    instance_id = region.launch()
    web, inner, aside = (region.do(security_groups.create, CreateSecurityGroup(name, "x")) for name in "abc")
    modify(region, instance_id, security_group_ids=[web])
    from_web = [Permission("tcp", 80, 80, "", web, "")]
    region.do(security_group_rules.authorize, Authorize(inner, False, from_web))
    refuses(region, "InvalidParameterCombination", instance_id, disable_api_termination=True, drop_established=True)
    modify(region, instance_id, security_group_ids=[aside], drop_established=True)
    dropped = {row.id for row in region.state.security_groups if row.drop_revision}
    assert dropped == {web, aside, inner}, "a rule of the last one let it in as a member of the first"
    assert {row.drop_revision for row in region.state.security_groups if row.id in dropped} == {region.state.revision}
    modify(region, instance_id, security_group_ids=[aside, web], drop_established=False)
    assert region.state.security_groups[aside].drop_revision < region.state.revision


def test_a_public_address_comes_with_the_next_start(region: Region) -> None:
    instance_id = region.launch(associate_public_ip_address=False)
    modify(region, instance_id, associate_public_ip_address=True)
    region.do(power.stop, StopInstances([instance_id]))
    region.converge()
    region.do(power.start, [instance_id])
    assert region.public_address(instance_id)


def test_whether_a_volume_goes_with_its_instance(region: Region) -> None:
    instance_id = region.launch(block_device_mappings=(BlockDeviceMapping("/dev/sdf", 1),))
    root, other = (row.volume_id for row in region.attachments(instance_id))
    kept, gone = BlockDeviceMapping("/dev/sda1", None, False), BlockDeviceMapping("/dev/sdf", None, True)
    modify(region, instance_id, block_device_mappings=[kept, gone])
    for wrong in (BlockDeviceMapping("/dev/sdx", None, True), BlockDeviceMapping("", None, True)):
        refuses(region, "InvalidInstanceAttributeValue", instance_id, block_device_mappings=[kept, wrong])
    for size_gib in (9, 0):
        mapping = BlockDeviceMapping("/dev/sdf", size_gib)
        refuses(region, "InvalidParameterValue", instance_id, block_device_mappings=[mapping])
    region.do(power.terminate, [instance_id])
    region.converge()
    assert root in region.state.volumes
    assert other not in region.state.volumes or region.state.volumes[other].is_deleted


def test_a_change_of_nothing_is_a_mistake(region: Region) -> None:
    refuses(region, "MissingParameter", region.launch())
    region.refuses("MissingParameter", subnets.modify, ModifySubnetAttribute(region.subnet().id))
    region.refuses("MissingParameter", images.modify, ModifyImageAttribute(region.add_image()))


def test_a_subnet_no_longer_gives_public_addresses(region: Region) -> None:
    region.do(subnets.modify, ModifySubnetAttribute(region.subnet().id, False))
    assert region.public_address(region.launch()) is None
    other = region.do(projects.create, "other")
    request = ModifySubnetAttribute(region.subnet().id, True)
    region.refuses("InvalidSubnetID.NotFound", subnets.modify, request, project_id=other)


class Shared:
    """An image of the default project, and another project."""

    def __init__(self, region: Region) -> None:
        self.region = region
        self.other = region.do(projects.create, "other")
        self.image_id = region.add_image()

    def modify(self, role: Role = Role.MEMBER, project_id: str = "", **changes: object) -> None:
        call = self.region.call(project_id, role)
        change, _ = images.modify(self.region.state, call, ModifyImageAttribute(self.image_id, **changes))  # type: ignore[arg-type]
        self.region.apply(change)

    def launch_refused(self) -> None:
        request = RunInstances(self.image_id)
        self.region.refuses("InvalidAMIID.NotFound", instances.run, request, project_id=self.other)

    def launch(self) -> None:
        self.region.run(image_id=self.image_id, project_id=self.other)
        self.region.converge()


def test_an_image_is_shared_with_a_project_and_taken_back(region: Region) -> None:
    shared = Shared(region)
    shared.launch_refused()
    shared.modify(add_launch_permissions=[shared.other], description="for you")
    shared.launch()
    with pytest.raises(Exception, match="which alone can change it"):
        shared.modify(project_id=shared.other, description="mine")
    region.refuses("UnauthorizedOperation", images.deregister, shared.image_id, project_id=shared.other)
    shared.modify(remove_launch_permissions=[shared.other])
    shared.launch_refused()
    assert images.is_needed(region.state, shared.image_id)


def test_only_an_admin_makes_an_image_public(region: Region) -> None:
    shared = Shared(region)
    with pytest.raises(Exception, match="Only an admin"):
        shared.modify(is_public=True)
    shared.modify(Role.ADMIN, is_public=True)
    shared.launch()
    shared.modify(is_public=False)
    shared.launch_refused()


def test_an_image_is_shared_with_projects_that_exist(region: Region) -> None:
    image_id = region.add_image()
    for project_id, code in (("proj-1", "InvalidProject.Malformed"), (f"proj-{'0' * 17}", "InvalidProject.NotFound")):
        request = ModifyImageAttribute(image_id, add_launch_permissions=[project_id])
        region.refuses(code, images.modify, request)
    too_long = ModifyImageAttribute(image_id, description="x" * 256)
    region.refuses("InvalidParameterValue", images.modify, too_long)
