"""Sets of DHCP options: what they may say, which VPC has which, and what keeps them."""

from collections.abc import Sequence
from typing import Any

import pytest

from controlplane.model.dhcp_options import DEFAULT_ID, PROVIDED_DNS
from controlplane.reconcile import messages
from controlplane.service import dhcp_options, projects, vpcs
from controlplane.service.dhcp_options import AssociateDhcpOptions, CreateDhcpOptions, DhcpConfiguration
from controlplane.service.vpcs import CreateVpc
from tests.unit.region import NAME, Region

DOMAIN = DhcpConfiguration("domain-name", ("corp.example",))


def create(region: Region, *configurations: DhcpConfiguration, **request: Any) -> str:
    made: str = region.do(dhcp_options.create, CreateDhcpOptions(configurations or (DOMAIN,), **request))
    return made


def test_a_set_has_what_was_given_key_by_key() -> None:
    region = Region()
    given: dict[str, tuple[str, ...]] = {
        "domain-name": ("corp.example lab.example",),
        "domain-name-servers": (f"10.0.0.53,{PROVIDED_DNS}", "10.0.0.54", "10.0.0.53"),
        "ntp-servers": ("10.0.0.123",),
        "netbios-name-servers": ("10.0.0.9", "10.0.0.8"),
        "netbios-node-type": ("2",),
    }
    row = region.state.dhcp_options[create(region, *(DhcpConfiguration(*each) for each in given.items()))]
    assert row.configurations == {**given, "domain-name-servers": ("10.0.0.53", PROVIDED_DNS, "10.0.0.54")}


@pytest.mark.parametrize(
    ("key", "values", "code"),
    [
        ("domain-name", (), "InvalidParameterValue"),
        ("domain-name", ("",), "MissingParameter"),
        ("domain-name", ("a", "b"), "InvalidParameterValue"),
        ("domain-name", ("corp.example,evil",), "InvalidParameterValue"),
        ("domain-name", ("corp.example\nlog-queries",), "InvalidParameterValue"),
        ("domain-name", ("-corp.example",), "InvalidParameterValue"),
        ("domain-name", (".".join(["a" * 60] * 5),), "InvalidParameterValue"),
        ("domain-name-servers", (), "InvalidParameterValue"),
        ("domain-name-servers", ("amazonprovideddns",), "InvalidParameterValue"),
        ("domain-name-servers", ("fd00::53",), "InvalidParameterValue"),
        ("domain-name-servers", ("10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4,10.0.0.5",), "InvalidParameterValue"),
        ("ntp-servers", (PROVIDED_DNS,), "InvalidParameterValue"),
        ("ntp-servers", ("10.0.0",), "InvalidParameterValue"),
        ("netbios-name-servers", ("",), "InvalidParameterValue"),
        ("netbios-node-type", ("3",), "InvalidParameterValue"),
        ("netbios-node-type", ("2", "2"), "InvalidParameterValue"),
        ("ipv6-address-preferred-lease-time", ("140",), "InvalidParameterValue"),
        ("", ("x",), "InvalidParameterValue"),
    ],
)
def test_what_no_option_can_say_is_refused(key: str, values: Sequence[str], code: str) -> None:
    asked = CreateDhcpOptions([DhcpConfiguration(key, values)])
    assert Region().refuses(code, dhcp_options.create, asked).parameter is not None


def test_a_set_says_something_and_each_key_once() -> None:
    region = Region()
    refused = region.refuses("MissingParameter", dhcp_options.create, CreateDhcpOptions())
    assert "one of domain-name, domain-name-servers, ntp-servers" in refused.message
    region.refuses("InvalidParameterValue", dhcp_options.create, CreateDhcpOptions([DOMAIN, DOMAIN]))
    region.refuses("InvalidTagKey.Malformed", dhcp_options.create, CreateDhcpOptions([DOMAIN], {"aws:a": ""}))


def test_a_project_has_so_many_sets_and_another_its_own() -> None:
    region = Region(dhcp_options=1)
    create(region)
    region.refuses("DhcpOptionsLimitExceeded", dhcp_options.create, CreateDhcpOptions([DOMAIN]))
    other = region.do(projects.create, "other")
    region.do(dhcp_options.create, CreateDhcpOptions([DOMAIN]), project_id=other)


def test_hosts_are_told_the_options_of_a_vpc_as_long_as_it_has_them() -> None:
    region = Region()
    vpc_id, options_id = region.do(vpcs.create, CreateVpc("10.0.0.0/16")), create(region)
    for _ in range(2):
        region.do(dhcp_options.associate, AssociateDhcpOptions(options_id, vpc_id))
    assert messages.vpc(region.state, region.state.vpcs[vpc_id], NAME).dhcp_options.domain_name == "corp.example"
    region.do(dhcp_options.associate, AssociateDhcpOptions(DEFAULT_ID, vpc_id))
    assert not messages.vpc(region.state, region.state.vpcs[vpc_id], NAME).HasField("dhcp_options")


def test_a_set_that_a_vpc_has_is_kept() -> None:
    region = Region()
    vpc_id, options_id = region.do(vpcs.create, CreateVpc("10.0.0.0/16")), create(region)
    region.do(dhcp_options.associate, AssociateDhcpOptions(options_id, vpc_id))
    refused = region.refuses("DependencyViolation", dhcp_options.delete, options_id)
    assert refused.blocking_ids == (vpc_id,)
    assert refused.message.startswith(f"{vpc_id} has {options_id}; ")
    region.do(vpcs.delete, vpc_id)
    region.do(dhcp_options.delete, options_id)
    region.refuses("InvalidDhcpOptionID.NotFound", dhcp_options.delete, options_id)


def test_others_sets_and_vpcs_are_not_there() -> None:
    region = Region()
    vpc_id, options_id = region.do(vpcs.create, CreateVpc("10.0.0.0/16")), create(region)
    other = region.do(projects.create, "other")
    theirs = region.do(vpcs.create, CreateVpc("10.0.0.0/16"), project_id=other)
    for code, asked in (
        ("InvalidVpcID.NotFound", AssociateDhcpOptions(options_id, theirs)),
        ("InvalidDhcpOptionID.Malformed", AssociateDhcpOptions("Default", vpc_id)),
        ("MissingParameter", AssociateDhcpOptions("", vpc_id)),
    ):
        region.refuses(code, dhcp_options.associate, asked)
    asked = AssociateDhcpOptions(options_id, theirs)
    region.refuses("InvalidDhcpOptionID.NotFound", dhcp_options.associate, asked, project_id=other)
