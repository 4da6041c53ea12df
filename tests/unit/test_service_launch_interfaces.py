"""Launches with network interfaces of one's own: several, or ones that are there already."""

from dataclasses import replace
from typing import Any

import pytest

from controlplane.service import instances, network_interfaces, power, security_groups
from controlplane.service.instances import RunInstances
from controlplane.service.launch_interfaces import NetworkInterfaceSpecification as Asked
from controlplane.service.network_interfaces import CreateNetworkInterface
from controlplane.service.security_groups import CreateSecurityGroup
from tests.unit.region import ZONES, Region

UNKNOWN = f"eni-{'f' * 17}"


@pytest.fixture
def region() -> Region:
    region = Region()
    region.add_host(ZONES[0])
    region.add_host(ZONES[1])
    return region


def free(region: Region, zone: str = ZONES[0], **asked: Any) -> str:
    made: str = region.do(network_interfaces.create, CreateNetworkInterface(region.subnet(zone).id, **asked))
    return made


def test_several_new_ones(region: Region) -> None:
    subnet_id = region.subnet().id
    group_id = region.do(security_groups.create, CreateSecurityGroup("web", "x"))
    interfaces = (
        Asked(2, description="side", security_group_ids=[group_id], secondary_private_ip_address_count=2),
        Asked(0, subnet_id=subnet_id, delete_on_termination=False),
        Asked(1, subnet_id=subnet_id),
    )
    launched = region.run(network_interfaces=interfaces, min_count=3)
    region.converge()
    for instance_id in launched:
        first, second, third = region.state.interfaces.of(instance_id)
        assert [row.subnet_id for row in (first, second, third)] == [subnet_id] * 3
        assert [row.delete_on_termination for row in (first, second, third)] == [False, True, True]
        assert (third.description, third.group_ids, len(third.secondary_ips)) == ("side", (group_id,), 2)
        assert region.public_address(instance_id) is None, "EC2 gives none to instances with several"
    region.do(power.terminate, launched)
    region.converge()
    assert [row.instance_id for row in region.state.interfaces] == [""] * 3


def test_ones_that_are_there(region: Region) -> None:
    first, second = free(region), free(region)
    (instance_id,) = region.run(network_interfaces=(Asked(0, first), Asked(1, second, delete_on_termination=True)))
    region.converge()
    assert [row.id for row in region.state.interfaces.of(instance_id)] == [first, second]
    assert region.instance(instance_id).zone == ZONES[0]
    region.do(power.terminate, [instance_id])
    region.converge()
    assert [row.id for row in region.state.interfaces] == [first]


def test_a_single_one_has_the_public_address_that_its_subnet_says(region: Region) -> None:
    (instance_id,) = region.run(network_interfaces=(Asked(secondary_private_ip_address_count=1),))
    assert region.public_address(instance_id) is not None
    (other,) = region.run(network_interfaces=(Asked(associate_public_ip_address=False),))
    assert region.public_address(other) is None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"private_ip_address": "172.31.0.4"}),
        ({}, {"secondary_private_ip_addresses": ["172.31.0.4"]}),
        ({"secondary_private_ip_addresses": ["172.31.0.4"]}, {}),
    ],
)
def test_the_next_free_address_may_be_named_for_another_place(
    region: Region, first: dict[str, Any], second: dict[str, Any]
) -> None:
    subnet_id = region.subnet().id
    interfaces = (Asked(0, subnet_id=subnet_id, **first), Asked(1, subnet_id=subnet_id, **second))
    assert region.state.interfaces.subnet.latest(subnet_id) is None, "172.31.0.4 is the next one"
    (instance_id,) = region.run(network_interfaces=interfaces)
    rows = region.state.interfaces.of(instance_id)
    held = [ip for row in rows for ip in row.private_ips]
    assert len(set(held)) == len(held)
    assert "172.31.0.4" in held
    assert rows[0].private_ip == "172.31.0.5"


def test_what_is_refused(region: Region) -> None:
    here, there, taken = free(region), free(region, ZONES[1]), region.interface(region.launch()).id
    subnet_id, image_id = region.subnet().id, region.add_image()
    refused: tuple[tuple[str, tuple[Asked, ...], dict[str, Any]], ...] = (
        ("InvalidParameterValue", (Asked(1),), {}),
        ("InvalidParameterValue", (Asked(0), Asked(0)), {}),
        ("InvalidParameterValue", (Asked(0), Asked(4)), {}),
        ("InvalidParameterCombination", (Asked(0),), {"subnet_id": subnet_id}),
        ("InvalidParameterCombination", (Asked(0),), {"associate_public_ip_address": False}),
        ("InvalidParameterCombination", (Asked(0), Asked(1, associate_public_ip_address=True)), {}),
        ("InvalidParameterCombination", (Asked(0, here, description="x"),), {}),
        ("InvalidParameterCombination", (Asked(0, here),), {"max_count": 2}),
        ("InvalidParameterCombination", (Asked(0, here), Asked(1, here)), {}),
        ("InvalidParameterCombination", (Asked(0, here), Asked(1, there)), {}),
        ("InvalidParameterCombination", (Asked(0, subnet_id=subnet_id), Asked(1, there)), {}),
        ("InvalidNetworkInterfaceID.NotFound", (Asked(0, UNKNOWN),), {}),
        ("InvalidNetworkInterface.InUse", (Asked(0, taken),), {}),
        ("InvalidGroup.NotFound", (Asked(0), Asked(1, security_group_ids=[f"sg-{'f' * 17}"])), {}),
    )
    for code, interfaces, more in refused:
        region.refuses(code, instances.run, RunInstances(image_id, network_interfaces=interfaces, **more))


def test_the_quota_counts_new_ones(region: Region) -> None:
    region.policy = replace(region.policy, network_interfaces=5)
    assert len(region.run(network_interfaces=(Asked(0), Asked(1)), min_count=1, max_count=5)) == 2
    asked = RunInstances(region.add_image(), network_interfaces=(Asked(0), Asked(1)))
    region.refuses("NetworkInterfaceLimitExceeded", instances.run, asked)
    free(region)
