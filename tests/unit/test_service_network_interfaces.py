"""Network interfaces beside instances: made, attached, detached, deleted, and the codes that EC2 gives."""

from dataclasses import replace
from typing import Any

import pytest

from controlplane.api.network_interfaces import to_interface
from controlplane.model.instance import ObservedKind
from controlplane.model.network import NetworkInterface
from controlplane.service import (
    addresses,
    describing,
    health,
    instance_attributes,
    interface_attachments,
    nat_gateways,
    network_interfaces,
    power,
    private_addresses,
    projects,
    security_groups,
    subnets,
)
from controlplane.service.addresses import AllocateAddress, AssociateAddress
from controlplane.service.instance_attributes import ModifyInstanceAttribute
from controlplane.service.interface_attachments import AttachNetworkInterface, DetachNetworkInterface
from controlplane.service.nat_gateways import CreateNatGateway
from controlplane.service.network_interfaces import CreateNetworkInterface, ModifyNetworkInterfaceAttribute
from controlplane.service.power import StopInstances
from controlplane.service.private_addresses import AssignPrivateIpAddresses, UnassignPrivateIpAddresses
from controlplane.service.security_groups import CreateSecurityGroup
from tests.unit.region import ZONES, Region
from tests.unit.told import objects_of

UNKNOWN = "f" * 17


@pytest.fixture
def region() -> Region:
    region = Region()
    region.add_host(ZONES[0])
    region.add_host(ZONES[1])
    return region


def create(region: Region, zone: str = ZONES[0], **asked: object) -> NetworkInterface:
    request = CreateNetworkInterface(region.subnet(zone).id, **asked)  # type: ignore[arg-type]
    return region.state.interfaces[region.do(network_interfaces.create, request)]


def attach(region: Region, interface_id: str, instance_id: str, index: int | None = None) -> str:
    request = AttachNetworkInterface(interface_id, instance_id, index)
    made: str = region.do(interface_attachments.attach, request)
    return made


def detach(region: Region, attachment_id: str, *, force: bool = False) -> None:
    region.do(interface_attachments.detach, DetachNetworkInterface(attachment_id, force))


def status(region: Region, interface_id: str) -> str:
    return network_interfaces.status_of(region.state, region.state.interfaces[interface_id])


def endpoints(region: Region, host_id: str) -> dict[str, bool]:
    """What a host is told of, with whether it is to leave."""
    scopes = objects_of(region.state, host_id).values()
    return {row_id: row.is_detaching for rows in scopes for (kind, row_id), row in rows.items() if kind == "endpoint"}


def test_one_is_made_modified_and_deleted(region: Region) -> None:
    made = create(region, description="side", secondary_private_ip_address_count=2, tags={"Name": "a"})
    assert (made.instance_id, made.description, made.tags) == ("", "side", {"Name": "a"})
    assert len({made.private_ip, *made.secondary_ips}) == 3
    assert [region.state.security_groups[id].name for id in made.group_ids] == ["default"]
    assert status(region, made.id) == "available"
    assert not any(endpoints(region, host_id) for host_id in region.agents), "no host has a part in it"
    region.do(
        network_interfaces.modify,
        ModifyNetworkInterfaceAttribute(made.id, description="other", source_dest_check=False),
    )
    row = region.state.interfaces[made.id]
    assert (row.description, row.source_dest_check) == ("other", False)
    region.do(network_interfaces.delete, made.id)
    region.refuses("InvalidNetworkInterfaceID.NotFound", network_interfaces.delete, made.id)
    assert region.state.interfaces.holder(made.vpc_id, made.private_ip) is None


def test_what_is_refused_of_a_new_one(region: Region) -> None:
    subnet = region.subnet()
    taken = create(region, secondary_private_ip_address_count=1)
    other = region.do(projects.create, "other")
    refused: tuple[tuple[str, dict[str, Any]], ...] = (
        ("InvalidSubnetID.NotFound", {"subnet_id": f"subnet-{UNKNOWN}"}),
        ("InvalidGroup.NotFound", {"security_group_ids": [f"sg-{UNKNOWN}"]}),
        ("InvalidParameterValue", {"private_ip_address": "10.9.9.9"}),
        ("InvalidIPAddress.InUse", {"private_ip_address": taken.private_ip}),
        ("InvalidIPAddress.InUse", {"private_ip_address": taken.secondary_ips[0]}),
        ("InvalidIPAddress.InUse", {"secondary_private_ip_addresses": [taken.private_ip]}),
        ("InvalidParameterValue", {"description": "x" * 256}),
        ("InvalidParameterValue", {"secondary_private_ip_address_count": 0}),
        ("PrivateIpAddressLimitExceeded", {"secondary_private_ip_address_count": 15}),
    )
    for code, asked in refused:
        region.refuses(code, network_interfaces.create, CreateNetworkInterface(**{"subnet_id": subnet.id, **asked}))
    both = CreateNetworkInterface(
        subnet.id, secondary_private_ip_addresses=["172.31.0.9"], secondary_private_ip_address_count=1
    )
    region.refuses("InvalidParameterCombination", network_interfaces.create, both)
    wanted = CreateNetworkInterface(subnet.id)
    region.refuses("InvalidSubnetID.NotFound", network_interfaces.create, wanted, project_id=other)


def test_a_project_has_its_quota(region: Region) -> None:
    region.policy = replace(region.policy, network_interfaces=2)
    create(region)
    region.launch()
    request = CreateNetworkInterface(region.subnet().id)
    region.refuses("NetworkInterfaceLimitExceeded", network_interfaces.create, request)


def test_one_comes_and_goes_under_a_running_guest(region: Region) -> None:
    instance_id, made = region.launch(zone_name=ZONES[0]), create(region)
    host_id = region.instance(instance_id).host_id
    attachment_id = attach(region, made.id, instance_id)
    assert status(region, made.id) == "attaching"
    assert endpoints(region, host_id)[made.id] is False
    assert [row.device_index for row in region.state.interfaces.of(instance_id)] == [0, 1]
    region.converge()
    assert status(region, made.id) == "in-use"
    region.refuses(
        "InvalidNetworkInterface.InUse", interface_attachments.attach, AttachNetworkInterface(made.id, instance_id)
    )
    detach(region, attachment_id)
    detach(region, attachment_id)
    assert status(region, made.id) == "detaching"
    assert endpoints(region, host_id)[made.id] is True, "it stays on the network until the guest has let go of it"
    region.converge()
    row = region.state.interfaces[made.id]
    assert (row.instance_id, row.attachment_id, row.attached_at, row.detach_host_id) == ("", "", None, "")
    assert (row.private_ip, row.mac_address) == (made.private_ip, made.mac_address)
    assert made.id not in endpoints(region, host_id)
    region.refuses("InvalidAttachmentID.NotFound", interface_attachments.detach, DetachNetworkInterface(attachment_id))
    assert attach(region, made.id, instance_id) != attachment_id


def test_a_guest_that_does_not_let_go_is_not_asked_by_force(region: Region) -> None:
    instance_id, made = region.launch(zone_name=ZONES[0]), create(region)
    host_id = region.instance(instance_id).host_id
    attachment_id = attach(region, made.id, instance_id)
    region.converge()
    region.agents[host_id].stuck.add((ObservedKind.INSTANCE, instance_id))
    detach(region, attachment_id)
    region.converge()
    assert status(region, made.id) == "detaching"
    assert "by force" in health.of_interface(region.state, region.state.interfaces[made.id])[1]
    detach(region, attachment_id, force=True)
    assert made.id not in endpoints(region, host_id)
    assert status(region, made.id) == "detaching", "its host has not taken it off the network yet"
    region.converge()
    assert status(region, made.id) == "available"
    refused = region.refuses(
        "IncorrectState", interface_attachments.attach, AttachNetworkInterface(made.id, instance_id)
    )
    assert "has not let go" in refused.message
    other = region.launch(zone_name=ZONES[0])
    attach(region, made.id, other)
    region.converge()
    assert status(region, made.id) == "in-use"


def test_where_one_can_be_attached(region: Region) -> None:
    instance_id, made = region.launch(zone_name=ZONES[0]), create(region)
    elsewhere = create(region, ZONES[1])
    first = region.interface(instance_id)
    for code, request in (
        ("InvalidParameterCombination", AttachNetworkInterface(elsewhere.id, instance_id)),
        ("InvalidParameterValue", AttachNetworkInterface(made.id, instance_id, 0)),
        ("InvalidParameterValue", AttachNetworkInterface(made.id, instance_id, 4)),
        ("InvalidInstanceID.NotFound", AttachNetworkInterface(made.id, f"i-{UNKNOWN}")),
        ("InvalidNetworkInterfaceID.NotFound", AttachNetworkInterface(f"eni-{UNKNOWN}", instance_id)),
        ("InvalidNetworkInterface.InUse", AttachNetworkInterface(first.id, instance_id)),
    ):
        region.refuses(code, interface_attachments.attach, request)
    attach(region, made.id, instance_id, 2)
    second = create(region)
    taken = AttachNetworkInterface(second.id, instance_id, 2)
    assert made.id in region.refuses("InvalidParameterValue", interface_attachments.attach, taken).message
    attach(region, second.id, instance_id)
    attach(region, create(region).id, instance_id)
    assert [row.device_index for row in region.state.interfaces.of(instance_id)] == [0, 1, 2, 3]
    more = AttachNetworkInterface(create(region).id, instance_id)
    region.refuses("AttachmentLimitExceeded", interface_attachments.attach, more)


def test_a_host_whose_agent_is_too_old_is_named(region: Region) -> None:
    instance_id, made = region.launch(zone_name=ZONES[0]), create(region)
    host = region.state.hosts[region.instance(instance_id).host_id]
    region.put(replace(host, features=()))
    request = AttachNetworkInterface(made.id, instance_id)
    region.refuses("UnsupportedOperation", interface_attachments.attach, request)


def test_an_interface_on_an_agent_that_is_too_old_gets_nothing_that_it_does_not_know(region: Region) -> None:
    instance_id, free = region.launch(zone_name=ZONES[0]), create(region)
    host, first = region.state.hosts[region.instance(instance_id).host_id], region.interface(instance_id)
    region.put(replace(host, features=()))

    def asked(interface_id: str) -> tuple[tuple[Any, Any], ...]:
        return (
            (private_addresses.assign, AssignPrivateIpAddresses(interface_id, secondary_private_ip_address_count=1)),
            (network_interfaces.modify, ModifyNetworkInterfaceAttribute(interface_id, source_dest_check=False)),
        )

    for use_case, request in asked(first.id):
        assert "interfaces" in region.refuses("UnsupportedOperation", use_case, request).message
    region.do(network_interfaces.modify, ModifyNetworkInterfaceAttribute(first.id, "x", source_dest_check=True))
    for use_case, request in asked(free.id):
        region.do(use_case, request)
    region.do(power.stop, StopInstances([instance_id]))
    region.converge()
    for use_case, request in asked(first.id):
        region.do(use_case, request)
    region.refuses("InsufficientInstanceCapacity", power.start, [instance_id])


def test_the_first_one_stays_with_its_instance(region: Region) -> None:
    instance_id = region.launch()
    first = region.interface(instance_id)
    for force in (False, True):
        request = DetachNetworkInterface(first.attachment_id, force)
        region.refuses("OperationNotPermitted", interface_attachments.detach, request)
    refused = region.refuses("InvalidNetworkInterface.InUse", network_interfaces.delete, first.id)
    assert list(refused.blocking_ids) == [instance_id]


def test_what_becomes_of_them_with_their_instance(region: Region) -> None:
    instance_id = region.launch(zone_name=ZONES[0])
    first, kept, going, leaving = region.interface(instance_id), create(region), create(region), create(region)
    for made in (kept, going, leaving):
        attach(region, made.id, instance_id)
    for made in (going, leaving):
        modified = ModifyNetworkInterfaceAttribute(made.id, delete_on_termination=True)
        region.do(network_interfaces.modify, modified)
    region.converge()
    detach(region, region.state.interfaces[leaving.id].attachment_id)
    region.do(power.terminate, [instance_id])
    modified = ModifyNetworkInterfaceAttribute(going.id, delete_on_termination=False)
    region.refuses("IncorrectInstanceState", network_interfaces.modify, modified)
    region.converge()
    assert {row.id for row in region.state.interfaces} == {kept.id, leaving.id}
    assert {status(region, row.id) for row in region.state.interfaces} == {"available"}
    assert first.id not in region.state.interfaces
    modified = ModifyNetworkInterfaceAttribute(kept.id, delete_on_termination=True)
    region.refuses("IncorrectState", network_interfaces.modify, modified)


def test_of_an_instance_that_is_off_one_goes_at_once(region: Region) -> None:
    instance_id, made = region.launch(zone_name=ZONES[0]), create(region)
    region.do(power.stop, StopInstances([instance_id]))
    region.converge()
    attachment_id = attach(region, made.id, instance_id)
    assert status(region, made.id) == "in-use"
    detach(region, attachment_id)
    assert status(region, made.id) == "available"
    attach(region, made.id, instance_id)
    region.do(power.start, [instance_id])
    region.converge()
    assert status(region, made.id) == "in-use"


def test_an_instance_that_stops_while_one_leaves_has_let_go_of_it(region: Region) -> None:
    instance_id, made = region.launch(zone_name=ZONES[0]), create(region)
    attachment_id = attach(region, made.id, instance_id)
    region.converge()
    detach(region, attachment_id)
    region.do(power.stop, StopInstances([instance_id]))
    region.converge()
    assert status(region, made.id) == "available"


def test_what_they_stand_in_the_way_of(region: Region) -> None:
    group_id = region.do(security_groups.create, CreateSecurityGroup("web", "x"))
    made = create(region, security_group_ids=[group_id])
    for use_case, resource_id in ((security_groups.delete, group_id), (subnets.delete, made.subnet_id)):
        refused = region.refuses("DependencyViolation", use_case, resource_id)
        assert list(refused.blocking_ids) == [made.id]
    region.do(network_interfaces.delete, made.id)
    region.do(security_groups.delete, group_id)
    region.do(subnets.delete, made.subnet_id)


def test_each_has_groups_of_its_own(region: Region) -> None:
    group_id = region.do(security_groups.create, CreateSecurityGroup("web", "x"))
    instance_id, made = region.launch(zone_name=ZONES[0]), create(region)
    attach(region, made.id, instance_id)
    modified = ModifyNetworkInterfaceAttribute(made.id, security_group_ids=[group_id])
    region.do(network_interfaces.modify, modified)
    assert region.state.interfaces[made.id].group_ids == (group_id,)
    assert group_id not in region.interface(instance_id).group_ids
    assert region.state.security_groups[group_id].pending_revision
    of_instance = ModifyInstanceAttribute(instance_id, security_group_ids=[group_id])
    refused = region.refuses("InvalidInstanceID", instance_attributes.modify, of_instance)
    assert made.id in refused.message


def test_secondary_addresses_come_go_and_move(region: Region) -> None:
    one, two = create(region), create(region)
    free = describing.free_addresses(region.state, region.subnet())
    ips = region.do(private_addresses.assign, AssignPrivateIpAddresses(one.id, (), 2))
    assert region.state.interfaces[one.id].secondary_ips == tuple(ips)
    assert describing.free_addresses(region.state, region.subnet()) == free - 2
    assert region.do(private_addresses.assign, AssignPrivateIpAddresses(one.id, ips)) == ips, "it has them already"
    taken = AssignPrivateIpAddresses(two.id, [ips[0]])
    assert list(region.refuses("InvalidIPAddress.InUse", private_addresses.assign, taken).blocking_ids) == [one.id]
    region.do(private_addresses.assign, replace(taken, allow_reassignment=True))
    assert region.state.interfaces[one.id].secondary_ips == (ips[1],)
    assert region.state.interfaces[two.id].secondary_ips == (ips[0],)
    primary = AssignPrivateIpAddresses(two.id, [one.private_ip], allow_reassignment=True)
    region.refuses("InvalidIPAddress.InUse", private_addresses.assign, primary)
    region.refuses("MissingParameter", private_addresses.assign, AssignPrivateIpAddresses(one.id))
    for more in (14, 5000):  # The subnet has not so many.
        too_many = AssignPrivateIpAddresses(one.id, (), more)
        region.refuses("PrivateIpAddressLimitExceeded", private_addresses.assign, too_many)
    region.do(private_addresses.unassign, UnassignPrivateIpAddresses(one.id, [ips[1]]))
    assert describing.free_addresses(region.state, region.subnet()) == free - 1
    for code, asked in (
        ("InvalidParameterValue", [ips[1]]),
        ("MissingParameter", []),
        ("InvalidParameterValue", ["x"]),
    ):
        region.refuses(code, private_addresses.unassign, UnassignPrivateIpAddresses(one.id, asked))


def test_what_the_filters_find(region: Region) -> None:
    instance_id = region.launch(zone_name=ZONES[0])
    made, free = create(region, secondary_private_ip_address_count=1, description="side"), create(region)
    attach(region, made.id, instance_id)
    region.converge()
    made = region.state.interfaces[made.id]
    public = region.public_address(instance_id)
    assert public is not None
    found = describing.interface_filters(region.state)

    def matching(name: str, value: str) -> set[str]:
        def values(row: NetworkInterface) -> object:
            return found[name](row)

        rows = [(row.id, values(row)) for row in region.state.interfaces]
        return {id for id, has in rows if has == value or (not isinstance(has, str | bool) and value in has)}  # type: ignore[operator]

    assert matching("attachment.instance-id", instance_id) == {made.id, region.interface(instance_id).id}
    assert matching("attachment.attachment-id", made.attachment_id) == {made.id}
    assert matching("attachment.device-index", "1") == {made.id}
    assert matching("attachment.status", "attached") == {made.id, region.interface(instance_id).id}
    assert matching("addresses.private-ip-address", made.secondary_ips[0]) == {made.id}
    assert matching("private-ip-address", made.secondary_ips[0]) == set()
    assert matching("addresses.primary", "false") == {made.id}
    assert matching("status", "available") == {free.id}
    assert matching("association.public-ip", public.public_ip) == {region.interface(instance_id).id}
    assert matching("mac-address", free.mac_address) == {free.id}
    assert matching("description", "side") == {made.id}
    assert len(matching("group-name", "default")) == 3


def test_a_nat_gateways_is_its_own(region: Region) -> None:
    allocation_id = region.do(addresses.allocate, AllocateAddress())
    other = region.do(addresses.allocate, AllocateAddress())
    gateway_id = region.do(nat_gateways.create, CreateNatGateway(region.subnet().id, allocation_id))
    id = region.state.nat_gateways[gateway_id].interface_id
    assert status(region, id) == "in-use"
    shown = to_interface(region.state, region.state.interfaces[id])
    assert (shown.interface_type, shown.nat_gateway_id) == ("nat_gateway", gateway_id)
    instance_id = region.launch(zone_name=ZONES[0])
    refused: tuple[tuple[Any, Any], ...] = (
        (network_interfaces.modify, ModifyNetworkInterfaceAttribute(id, description="x")),
        (network_interfaces.delete, id),
        (interface_attachments.attach, AttachNetworkInterface(id, instance_id)),
        (private_addresses.assign, AssignPrivateIpAddresses(id, (), 1)),
        (private_addresses.unassign, UnassignPrivateIpAddresses(id, ["172.31.0.9"])),
        (addresses.associate, AssociateAddress(other, network_interface_id=id)),
    )
    for use_case, request in refused:
        assert list(region.refuses("OperationNotPermitted", use_case, request).blocking_ids) == [gateway_id]
