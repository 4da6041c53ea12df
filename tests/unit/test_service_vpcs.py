"""VPCs and their subnets: what they may be, what they begin with, and what keeps them."""

from typing import Any

import pytest

from controlplane.service import (
    default_vpcs,
    internet_gateways,
    power,
    projects,
    route_tables,
    security_groups,
    subnets,
    vpcs,
)
from controlplane.service.internet_gateways import AttachInternetGateway, CreateInternetGateway
from controlplane.service.route_tables import CreateRouteTable
from controlplane.service.security_groups import CreateSecurityGroup
from controlplane.service.subnets import CreateSubnet
from controlplane.service.vpcs import CreateVpc, ModifyVpcAttribute
from tests.unit.region import ZONES, Region


@pytest.fixture
def region() -> Region:
    region = Region()
    region.add_host()
    return region


def create(region: Region, cidr_block: str = "10.0.0.0/16", **request: Any) -> str:
    made: str = region.do(vpcs.create, CreateVpc(cidr_block, **request))
    return made


def create_subnet(region: Region, vpc_id: str, cidr_block: str = "10.0.1.0/24", zone: str = ZONES[0]) -> str:
    made: str = region.do(subnets.create, CreateSubnet(vpc_id, cidr_block, zone))
    return made


def default_id(region: Region) -> str:
    return next(row.id for row in region.state.vpcs if row.is_default and row.project_id == region.project_id)


def delete_default(region: Region) -> None:
    """With all that is in it."""
    vpc_id = default_id(region)
    for subnet in region.state.subnets.vpc.of(vpc_id):
        region.do(subnets.delete, subnet.id)
    (gateway,) = region.state.internet_gateways.vpc.of(vpc_id)
    region.do(internet_gateways.detach, AttachInternetGateway(gateway.id, vpc_id))
    region.do(internet_gateways.delete, gateway.id)
    region.do(vpcs.delete, vpc_id)


def test_a_vpc_begins_with_a_main_table_and_a_default_group(region: Region) -> None:
    vpc_id = create(region, "10.7.8.9/16", tags={"Name": "lab"})
    vpc = region.state.vpcs[vpc_id]
    assert (vpc.cidr_block, vpc.is_default, vpc.tags) == ("10.7.0.0/16", False, {"Name": "lab"})
    assert (vpc.enable_dns_support, vpc.enable_dns_hostnames) == (True, False)
    (table,) = region.state.route_tables.vpc.of(vpc_id)
    assert table.is_main
    assert [(route.cidr_block, route.target) for route in table.routes] == [("10.7.0.0/16", "local")]
    (group,) = region.state.security_groups.vpc.of(vpc_id)
    inbound, outbound = sorted(region.state.rules.group.of(group.id), key=lambda rule: rule.is_egress)
    assert (group.name, inbound.source_group_id, outbound.cidr_ipv4) == ("default", group.id, "0.0.0.0/0")
    assert not region.state.subnets.vpc.of(vpc_id)
    assert not region.state.internet_gateways.vpc.of(vpc_id)


def test_vpcs_may_have_the_same_addresses_and_never_the_same_vni(region: Region) -> None:
    first, second = create(region), create(region)
    region.do(vpcs.create, CreateVpc("172.31.0.0/16"))
    assert region.state.vpcs[first].vni != region.state.vpcs[second].vni
    for vpc_id in (first, second):
        create_subnet(region, vpc_id, "10.0.0.0/16")
    ids = [region.launch(subnet_id=row.id, private_ip_address="10.0.0.9") for row in list(region.state.subnets)[-2:]]
    assert [region.interface(id).private_ip for id in ids] == ["10.0.0.9", "10.0.0.9"]
    assert [region.interface(id).vpc_id for id in ids] == [first, second]


@pytest.mark.parametrize(
    ("cidr_block", "code"),
    [
        ("10.0.0.0/15", "InvalidVpc.Range"),
        ("10.0.0.0/29", "InvalidVpc.Range"),
        ("127.0.0.0/16", "InvalidVpc.Range"),
        ("169.254.0.0/16", "InvalidVpc.Range"),
        ("224.0.0.0/16", "InvalidVpc.Range"),
        ("0.0.0.0/16", "InvalidVpc.Range"),
        ("10.0.0.0", "InvalidParameterValue"),
        ("fd00::/48", "InvalidParameterValue"),
        ("", "MissingParameter"),
    ],
)
def test_what_no_vpc_can_have_is_refused(region: Region, cidr_block: str, code: str) -> None:
    assert region.refuses(code, vpcs.create, CreateVpc(cidr_block)).parameter is not None


def test_a_project_has_so_many_vpcs_and_another_its_own() -> None:
    region = Region(vpcs=2)
    create(region)
    region.refuses("VpcLimitExceeded", vpcs.create, CreateVpc("10.0.0.0/16"))
    other = region.do(projects.create, "other")
    region.do(vpcs.create, CreateVpc("10.0.0.0/16"), project_id=other)


def test_attributes_are_changed_one_by_one_and_hosts_are_told(region: Region) -> None:
    vpc_id = create(region)
    region.do(vpcs.modify, ModifyVpcAttribute(vpc_id, enable_dns_hostnames=True))
    region.do(vpcs.modify, ModifyVpcAttribute(vpc_id, enable_dns_support=False))
    vpc = region.state.vpcs[vpc_id]
    assert (vpc.enable_dns_support, vpc.enable_dns_hostnames) == (False, True)
    region.refuses("MissingParameter", vpcs.modify, ModifyVpcAttribute(vpc_id))
    other = region.do(projects.create, "other")
    asked = ModifyVpcAttribute(vpc_id, enable_dns_support=True)
    region.refuses("InvalidVpcID.NotFound", vpcs.modify, asked, project_id=other)


def test_a_vpc_is_deleted_with_what_it_began_with_and_nothing_else(region: Region) -> None:
    before = {row.id for table in region.state.tables.values() for row in table}
    vpc_id = create(region)
    gateway_id = region.do(internet_gateways.create, CreateInternetGateway())
    region.do(internet_gateways.attach, AttachInternetGateway(gateway_id, vpc_id))
    blockers = [
        create_subnet(region, vpc_id),
        gateway_id,
        region.do(route_tables.create, CreateRouteTable(vpc_id)),
        region.do(security_groups.create, CreateSecurityGroup("web", "web", vpc_id)),
    ]
    refused = region.refuses("DependencyViolation", vpcs.delete, vpc_id)
    assert list(refused.blocking_ids) == blockers
    assert all(id in refused.message for id in blockers)
    region.do(subnets.delete, blockers[0])
    region.do(internet_gateways.detach, AttachInternetGateway(gateway_id, vpc_id))
    region.do(internet_gateways.delete, gateway_id)
    region.do(route_tables.delete, blockers[2])
    region.do(security_groups.delete, blockers[3])
    region.do(vpcs.delete, vpc_id)
    assert {row.id for table in region.state.tables.values() for row in table} == before
    region.refuses("InvalidVpcID.NotFound", vpcs.delete, vpc_id)


def test_a_default_vpc_is_made_again_where_it_is_gone(region: Region) -> None:
    held = region.refuses("DefaultVpcAlreadyExists", default_vpcs.create, None)
    assert list(held.blocking_ids) == [default_id(region)]
    delete_default(region)
    region.refuses("DefaultVpcDoesNotExist", default_vpcs.create_subnet, ZONES[0])
    vpc_id = region.do(default_vpcs.create, None)
    vpc = region.state.vpcs[vpc_id]
    assert (vpc.is_default, vpc.enable_dns_hostnames, vpc.cidr_block) == (True, True, "172.31.0.0/16")
    assert {row.zone for row in region.state.subnets.vpc.of(vpc_id)} == set(ZONES)
    (gateway,) = region.state.internet_gateways.vpc.of(vpc_id)
    (table,) = region.state.route_tables.vpc.of(vpc_id)
    assert [route.target for route in table.routes] == ["local", gateway.id]
    assert region.public_address(region.launch()) is not None


def test_a_zones_default_subnet_is_made_again_in_a_free_block(region: Region) -> None:
    vpc_id = default_id(region)
    region.refuses("DefaultSubnetAlreadyExistsInAvailabilityZone", default_vpcs.create_subnet, ZONES[0])
    region.refuses("InvalidZone.NotFound", default_vpcs.create_subnet, "nowhere")
    region.do(subnets.delete, region.subnet().id)
    create_subnet(region, vpc_id, "172.31.0.0/28", ZONES[0])
    made = region.state.subnets[region.do(default_vpcs.create_subnet, ZONES[0])]
    assert (made.cidr_block, made.default_for_az, made.map_public_ip_on_launch) == ("172.31.32.0/20", True, True)
    region.do(subnets.delete, made.id)
    for block in range(2, 16):
        create_subnet(region, vpc_id, f"172.31.{block * 16}.0/20")
    region.refuses("InsufficientCidrBlocks", default_vpcs.create_subnet, ZONES[0])


def test_without_a_default_vpc_or_subnet_a_launch_names_one(region: Region) -> None:
    region.do(subnets.delete, region.subnet().id)
    image_id = region.add_image()
    from_image = {"image_id": image_id}
    with pytest.raises(Exception, match="no default subnet") as caught:
        region.run(zone_name=ZONES[0], **from_image)
    assert getattr(caught.value, "code", "") == "MissingInput"
    delete_default(region)
    with pytest.raises(Exception, match="no default VPC") as caught:
        region.run(**from_image)
    assert getattr(caught.value, "code", "") == "VPCIdNotSpecified"
    region.refuses("VPCIdNotSpecified", security_groups.create, CreateSecurityGroup("web", "web"))


def test_a_subnet_is_in_a_zone_and_private(region: Region) -> None:
    vpc_id = create(region)
    row = region.state.subnets[create_subnet(region, vpc_id, "10.0.1.7/24", ZONES[1])]
    assert (row.cidr_block, row.zone, row.vpc_id) == ("10.0.1.0/24", ZONES[1], vpc_id)
    assert not row.map_public_ip_on_launch
    assert not row.default_for_az
    chosen = [region.do(subnets.create, CreateSubnet(vpc_id, f"10.0.{n}.0/24")) for n in (2, 3, 4)]
    assert [region.state.subnets[id].zone for id in chosen] == [ZONES[0], ZONES[0], ZONES[1]], "the emptiest"


@pytest.mark.parametrize(
    ("cidr_block", "code"),
    [
        ("10.1.0.0/24", "InvalidSubnet.Range"),
        ("10.0.0.0/15", "InvalidSubnet.Range"),
        ("10.0.9.0/29", "InvalidSubnet.Range"),
        ("10.0.1.128/25", "InvalidSubnet.Conflict"),
        ("10.0.0.0/16", "InvalidSubnet.Conflict"),
        ("10.0.9.0", "InvalidParameterValue"),
    ],
)
def test_what_no_subnet_can_have_is_refused(region: Region, cidr_block: str, code: str) -> None:
    vpc_id = create(region)
    there = create_subnet(region, vpc_id)
    refused = region.refuses(code, subnets.create, CreateSubnet(vpc_id, cidr_block, ZONES[0]))
    assert list(refused.blocking_ids) == ([there] if code == "InvalidSubnet.Conflict" else [])


def test_a_vpc_has_so_many_subnets() -> None:
    region = Region(subnets_per_vpc=2)
    vpc_id = create(region)
    for n in (1, 2):
        create_subnet(region, vpc_id, f"10.0.{n}.0/24")
    region.refuses("SubnetLimitExceeded", subnets.create, CreateSubnet(vpc_id, "10.0.3.0/24"))
    region.do(subnets.delete, region.subnet().id)
    region.do(default_vpcs.create_subnet, ZONES[0])
    region.refuses("DefaultSubnetAlreadyExistsInAvailabilityZone", default_vpcs.create_subnet, ZONES[0])


def test_five_addresses_of_a_subnet_are_nobodys(region: Region) -> None:
    subnet_id = create_subnet(region, create(region, "10.0.0.0/28"), "10.0.0.0/28")
    region.add_host()
    ids = region.run(subnet_id=subnet_id, min_count=11)
    held = {region.interface(id).private_ip for id in ids}
    assert held == {f"10.0.0.{n}" for n in range(4, 15)}
    with pytest.raises(Exception, match="has 0 free addresses"):
        region.run(subnet_id=subnet_id)


def test_what_to_do_is_said_however_much_stands_in_the_way(region: Region) -> None:
    subnet_id = create_subnet(region, create(region))
    for _ in range(6):
        region.launch(subnet_id=subnet_id)
    refused = region.refuses("DependencyViolation", subnets.delete, subnet_id)
    assert len(refused.blocking_ids) == 6
    assert refused.message.count("eni-") == 4
    assert refused.message.endswith(" and 2 more; terminate their instances or delete them first")


def test_a_subnet_that_instances_are_in_stays(region: Region) -> None:
    subnet_id = create_subnet(region, create(region))
    instance_id = region.launch(subnet_id=subnet_id)
    assert region.public_address(instance_id) is None, "it is not asked for"
    refused = region.refuses("DependencyViolation", subnets.delete, subnet_id)
    assert list(refused.blocking_ids) == [region.interface(instance_id).id]
    assert instance_id in refused.message
    region.do(power.terminate, [instance_id])
    region.refuses("DependencyViolation", subnets.delete, subnet_id)
    region.converge()
    region.do(subnets.delete, subnet_id)
    region.refuses("InvalidSubnetID.NotFound", subnets.delete, subnet_id)


def test_another_projects_are_not_there(region: Region) -> None:
    vpc_id = create(region)
    subnet_id, other = create_subnet(region, vpc_id), region.do(projects.create, "other")
    for use_case, request, code in (
        (vpcs.delete, vpc_id, "InvalidVpcID.NotFound"),
        (subnets.create, CreateSubnet(vpc_id, "10.0.2.0/24"), "InvalidVpcID.NotFound"),
        (subnets.delete, subnet_id, "InvalidSubnetID.NotFound"),
    ):
        region.refuses(code, use_case, request, project_id=other)
