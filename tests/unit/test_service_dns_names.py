"""Names of instances: which a tag gives, and which a public address has."""

import pytest

from controlplane.model.addressing import label
from controlplane.reconcile import messages
from controlplane.service import dns_names, tagging, vpcs
from controlplane.service.tagging import CreateTags
from controlplane.service.vpcs import ModifyVpcAttribute
from tests.unit.region import NAME, Region


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("web", "web"),
        ("Web-1", "web-1"),
        ("a" * 63, "a" * 63),
        ("ipad", "ipad"),
        ("ip-web", "ip-web"),
        ("1", "1"),
        ("", ""),
        ("a" * 64, ""),
        ("web server", ""),
        ("web.example", ""),
        ("-web", ""),
        ("web-", ""),
        ("wéb", ""),
        ("web\n", ""),
        ("ip-10-0-0-9", ""),
        ("İp-10-0-0-9", ""),
    ],
)
def test_a_tag_is_a_name_where_it_can_be_one(name: str, expected: str) -> None:
    assert label(name) == expected


def test_hosts_are_told_the_name_that_an_instance_has_by_now() -> None:
    region = Region()
    region.add_host()
    instance_id = region.launch(tags={"Name": "Web"})
    assert _told_name(region, instance_id) == "web"
    region.do(tagging.create, CreateTags([instance_id], {"Name": "two words"}))
    assert _told_name(region, instance_id) == ""


def test_public_names_are_told_and_shown_where_the_vpc_has_dns_and_wants_them() -> None:
    region = Region()
    region.add_host()
    vpc_id = region.interface(region.launch()).vpc_id
    for support, hostnames, expected in ((True, True, True), (True, False, False), (False, True, False)):
        region.do(vpcs.modify, ModifyVpcAttribute(vpc_id, support, hostnames))
        name = dns_names.public_dns_name(region.state, vpc_id, "192.0.2.5")
        assert name == ("ec2-192-0-2-5.home-1.compute.stead.internal" if expected else "")
        told = messages.vpc(region.state, region.state.vpcs[vpc_id], NAME)
        assert told.public_domain == ("home-1.compute.stead.internal" if expected else "")


def _told_name(region: Region, instance_id: str) -> str:
    return messages.endpoint(region.state, region.interface(instance_id), NAME).name
