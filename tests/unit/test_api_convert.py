"""Messages to requests and rows to messages: nothing is lost, unset is not zero, a reply says what the state says."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from controlplane.api import convert
from controlplane.api.addresses import to_address
from controlplane.api.fleet import to_host
from controlplane.api.instances import to_instance
from controlplane.api.route_tables import to_route_table
from controlplane.api.subnets import to_subnet
from controlplane.api.volumes import to_volume
from controlplane.model.host import Pool
from controlplane.model.instance import ObservedKind
from controlplane.model.project import Role
from controlplane.service import addresses, images, power, private_addresses, volumes
from controlplane.service.addresses import AllocateAddress, AssociateAddress
from controlplane.service.instances import BlockDeviceMapping, RunInstances
from controlplane.service.power import StopInstances
from controlplane.service.private_addresses import AssignPrivateIpAddresses
from controlplane.service.security_group_rules import Authorize, DescribeRules, ModifyRules, Revoke
from controlplane.service.volumes import AttachVolume, DetachVolume
from stead.v1 import addresses_pb2, common_pb2, images_pb2, instances_pb2, security_groups_pb2, volumes_pb2
from tests.unit.live import Live
from tests.unit.region import NOW, ZONES, Region


def test_a_launch_is_taken_over_whole() -> None:
    message = instances_pb2.RunInstancesRequest(
        client_token="t",
        image_id="ami-1",
        instance_type="t3.nano",
        min_count=1,
        max_count=2,
        key_name="k",
        subnet_id="subnet-1",
        zone_name="home-1a",
        security_group_ids=["sg-1", "sg-2"],
        associate_public_ip_address=False,
        private_ip_address="10.0.0.4",
        user_data=b"\0\xff",
        block_device_mappings=[
            instances_pb2.BlockDeviceMapping(device_name="/dev/sdf", volume_size_gib=3, delete_on_termination=False),
            instances_pb2.BlockDeviceMapping(device_name="/dev/sda1"),
        ],
        instance_initiated_shutdown_behavior="stop",
        disable_api_termination=True,
        tags={"a": "b"},
    )
    assert convert.to_request(message, RunInstances) == RunInstances(
        image_id="ami-1",
        instance_type="t3.nano",
        min_count=1,
        max_count=2,
        key_name="k",
        subnet_id="subnet-1",
        zone_name="home-1a",
        security_group_ids=("sg-1", "sg-2"),
        associate_public_ip_address=False,
        private_ip_address="10.0.0.4",
        user_data=b"\0\xff",
        block_device_mappings=(BlockDeviceMapping("/dev/sdf", 3, False), BlockDeviceMapping("/dev/sda1", None, None)),
        instance_initiated_shutdown_behavior="stop",
        disable_api_termination=True,
        tags={"a": "b"},
    )


@pytest.mark.parametrize("value", [None, True, False])
def test_unset_is_not_false(value: bool | None) -> None:
    given = {} if value is None else {"allow_reassociation": value}
    message = addresses_pb2.AssociateAddressRequest(**given)  # type: ignore[arg-type]
    assert convert.to_request(message, AssociateAddress).allow_reassociation is value


def test_the_peer_that_is_not_set_is_empty() -> None:
    for peer in ({"cidr_ipv4": "10.0.0.0/8"}, {"group_id": "sg-1"}, {}):
        permission = security_groups_pb2.IpPermission(ip_protocol="tcp", from_port=1, to_port=2, **peer)
        message = security_groups_pb2.AuthorizeSecurityGroupIngressRequest(group_id="sg", permissions=[permission])
        request = convert.to_request(message, Authorize, is_egress=True)
        (asked,) = request.permissions
        assert (asked.cidr_ipv4, asked.group_id) == (peer.get("cidr_ipv4", ""), peer.get("group_id", ""))
        assert request.is_egress


HOW = {"client_token", "dry_run", "offset"}  # How a call is made, not what is asked.


@pytest.mark.parametrize(
    ("message", "request_type", "given"),
    [
        (images_pb2.ImportImageHeader(), images.RegisterImage, {"virtual_size_bytes"}),
        (volumes_pb2.CreateVolumeRequest(), volumes.CreateVolume, set()),
        (volumes_pb2.AttachVolumeRequest(), AttachVolume, set()),
        (volumes_pb2.DetachVolumeRequest(), DetachVolume, set()),
        (instances_pb2.StopInstancesRequest(), StopInstances, set()),
        (instances_pb2.RunInstancesRequest(), RunInstances, set()),
        (security_groups_pb2.AuthorizeSecurityGroupIngressRequest(), Authorize, {"is_egress"}),
        (security_groups_pb2.RevokeSecurityGroupIngressRequest(), Revoke, {"is_egress"}),
        (security_groups_pb2.ModifySecurityGroupRulesRequest(), ModifyRules, set()),
        (security_groups_pb2.UpdateSecurityGroupRuleDescriptionsEgressRequest(), DescribeRules, {"is_egress"}),
    ],
)
def test_requests_have_the_fields_of_their_messages(message: Any, request_type: Any, given: set[str]) -> None:
    """Else a field that callers set would be passed over in silence."""
    names = {field.name for field in fields(request_type)} - given
    assert names == set(message.DESCRIPTOR.fields_by_name) - HOW


def test_filters() -> None:
    message = common_pb2.Filter(name="tag:a", values=["x", "y"])
    assert convert.to_filters([message])[0].values == ("x", "y")


async def shown(live: Live, instance_id: str, role: Role = Role.ADMIN) -> instances_pb2.Instance:
    row = live.instance(instance_id)
    return to_instance(live.state, live.sessions, row, role)


async def test_an_instance_through_its_life() -> None:
    async with Live.running() as live:
        live.connect(live.add_host())
        live.add_image()
        (instance_id,) = live.run(tags={"Name": "web"})
        message = await shown(live, instance_id)
        assert (message.state.name, message.status) == ("pending", "initializing")
        assert [disk.status for disk in message.block_devices] == ["attaching"]
        await live.quiet()
        message = await shown(live, instance_id)
        assert (message.state.code, message.status, message.status_detail) == (16, "ok", "")
        assert [disk.status for disk in message.block_devices] == ["attached"]
        assert (message.private_ip_address, message.public_ip_address) == ("172.31.0.4", "192.0.2.1")
        assert [group.group_name for group in message.security_groups] == ["default"]
        assert dict(message.tags) == {"Name": "web"}
        live.do(power.terminate, [instance_id])
        await live.quiet()
        message = await shown(live, instance_id)
        assert (message.state.name, message.status, message.private_ip_address) == ("terminated", "not-applicable", "")
        assert message.state_reason.code == "Client.UserInitiatedShutdown"


async def test_an_instance_has_the_public_address_of_its_primary_one() -> None:
    async with Live.running() as live:
        live.connect(live.add_host())
        live.add_image()
        (instance_id,) = live.run(associate_public_ip_address=False)
        await live.quiet()
        interface_id = live.interface(instance_id).id
        (secondary,) = live.do(private_addresses.assign, AssignPrivateIpAddresses(interface_id, (), 1))
        of_secondary, of_primary = (live.do(addresses.allocate, AllocateAddress()) for _ in range(2))
        for allocation_id, private_ip in ((of_secondary, secondary), (of_primary, "")):
            assert (await shown(live, instance_id)).public_ip_address == ""
            asked = AssociateAddress(allocation_id, network_interface_id=interface_id, private_ip_address=private_ip)
            live.do(addresses.associate, asked)
        expected = live.state.addresses[of_primary].public_ip
        assert (await shown(live, instance_id)).public_ip_address == expected


async def test_a_guest_that_is_down_is_impaired_and_a_host_that_is_away_unreachable() -> None:
    async with Live.running() as live:
        host_id = live.add_host()
        live.connect(host_id)
        live.add_image()
        (instance_id,) = live.run()
        await live.quiet()
        live.agents[host_id].lose((ObservedKind.INSTANCE, instance_id))
        live.answer(host_id)
        live.sessions.hear(host_id)
        message = await shown(live, instance_id)
        assert (message.state.name, message.status) == ("running", "impaired")
        assert message.status_detail == "its host was last seen without it"
        seen, live.now = live.now, live.now + timedelta(days=400)
        message = await shown(live, instance_id)
        assert (message.state.name, message.status) == ("running", "unreachable")
        assert "its host is unreachable: it has been silent since 2024-05-17" in message.status_detail
        assert message.last_seen_time == convert.timestamp(seen)


async def test_hosts_are_for_admins() -> None:
    async with Live.running() as live:
        host_id = live.add_host()
        live.connect(host_id)
        live.add_image()
        (instance_id,) = live.run()
        assert (await shown(live, instance_id)).host_id == host_id
        assert (await shown(live, instance_id, Role.MEMBER)).host_id == ""
        volume = live.root_volume(instance_id)
        assert to_volume(live.state, live.sessions, volume, Role.READER).host_id == ""
        message = to_host(live.state, live.sessions, live.state.hosts[host_id])
        assert (message.vcpus_used, message.memory_mib_used, message.storage_gib_used) == (2, 1024, 1)
        live.put(replace(live.state.hosts[host_id], pools=(Pool("ssd", 40), Pool("hdd", 60))))
        pools = to_host(live.state, live.sessions, live.state.hosts[host_id]).pools
        assert [(pool.name, pool.storage_gib_used, pool.storage_gib) for pool in pools] == [
            ("ssd", 1, 40),
            ("hdd", 0, 60),
        ]
        assert (message.status, list(message.roles)) == ("connected", [1, 2, 3])


async def test_volumes_and_addresses() -> None:
    region = Live()
    host_id = region.add_host()
    instance_id, volume_id = region.launch(), region.volume(size_gib=2)
    region.do(volumes.attach, AttachVolume(volume_id, instance_id))
    message = to_volume(region.state, region.sessions, region.state.volumes[volume_id], Role.ADMIN)
    assert (message.state, message.size_gib, message.host_id, message.zone_name) == ("in-use", 2, host_id, ZONES[0])
    assert [(row.instance_id, row.state) for row in message.attachments] == [(instance_id, "attaching")]
    allocation_id = region.do(addresses.allocate, AllocateAddress())
    address = to_address(region.state, region.state.addresses[allocation_id])
    assert (address.public_ip, address.instance_id, address.association_id) == ("192.0.2.2", "", "")
    association_id = region.do(addresses.associate, AssociateAddress(allocation_id, instance_id))
    address = to_address(region.state, region.state.addresses[allocation_id])
    assert (address.instance_id, address.association_id) == (instance_id, association_id)
    assert address.private_ip_address == "172.31.0.4"


def test_subnets_count_the_addresses_that_nobody_holds() -> None:
    region = Region()
    region.add_host()
    assert to_subnet(region.state, region.subnet()).available_ip_address_count == 4091
    instance_id = region.launch()
    region.do(power.stop, StopInstances([instance_id]))
    region.converge()
    assert to_subnet(region.state, region.subnet()).available_ip_address_count == 4090


def test_times_are_utc() -> None:
    assert convert.timestamp(NOW).ToJsonString() == "2024-05-17T12:30:00Z"
    early = datetime(1969, 12, 31, 23, 59, 59, 5, timezone(timedelta(hours=2)))
    assert convert.timestamp(early).ToDatetime(UTC) == early


def test_routes_through_a_gateway_that_is_gone_are_black_holes() -> None:
    region = Region()
    (table,) = region.state.route_tables
    assert [row.state for row in to_route_table(region.state, table).routes] == ["active", "active"]
    region.state.delete(type(next(iter(region.state.internet_gateways))), table.routes[1].target)
    assert [row.state for row in to_route_table(region.state, table).routes] == ["active", "blackhole"]
