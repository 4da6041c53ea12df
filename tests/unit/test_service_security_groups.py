"""Security groups and rules: names, limits, duplicates, malformed permissions, dependencies."""

from dataclasses import replace
from typing import Any

import pytest

from controlplane.service import projects, security_group_rules, security_groups
from controlplane.service.permissions import Permission
from controlplane.service.security_group_rules import Authorize, Revoke
from controlplane.service.security_groups import CreateSecurityGroup
from tests.unit.region import Region

UNKNOWN = "f" * 17
SSH = Permission("tcp", 22, 22, "0.0.0.0/0", "", "")


@pytest.fixture
def region() -> Region:
    return Region()


def create(region: Region, name: str = "web", **request: Any) -> str:
    made: str = region.do(security_groups.create, CreateSecurityGroup(name, "for tests", **request))
    return made


def authorize(region: Region, group_id: str, *permissions: Permission, is_egress: bool = False) -> list[str]:
    made: list[str] = region.do(security_group_rules.authorize, Authorize(group_id, is_egress, permissions))
    return made


def default_group(region: Region) -> str:
    return next(iter(region.state.security_groups)).id


def test_the_default_group_admits_itself_and_lets_everything_out(region: Region) -> None:
    group_id = default_group(region)
    rules = [(row.is_egress, row.ip_protocol, row.cidr_ipv4, row.source_group_id) for row in region.state.rules]
    assert rules == [(False, "-1", "", group_id), (True, "-1", "0.0.0.0/0", "")]
    region.refuses("CannotDelete", security_groups.delete, group_id)


def test_a_new_group_lets_nothing_in_and_everything_out(region: Region) -> None:
    rules = region.state.rules.group.of(create(region))
    assert [(row.is_egress, row.ip_protocol, row.cidr_ipv4) for row in rules] == [(True, "-1", "0.0.0.0/0")]


@pytest.mark.parametrize(
    ("name", "description", "code"),
    [
        ("Default", "x", "InvalidGroup.Reserved"),
        ("WEB", "x", "InvalidGroup.Duplicate"),
        ("sg-mine", "x", "InvalidParameterValue"),
        ("", "x", "MissingParameter"),
        ("web ", "x", "InvalidParameterValue"),
        ("a" * 256, "x", "InvalidParameterValue"),
        ("caf\N{LATIN SMALL LETTER E WITH ACUTE}", "x", "InvalidParameterValue"),
        ("new", "", "MissingParameter"),
        ("new", "two\nlines", "InvalidParameterValue"),
    ],
)
def test_names_and_descriptions(region: Region, name: str, description: str, code: str) -> None:
    create(region)
    region.refuses(code, security_groups.create, CreateSecurityGroup(name, description))


def test_a_group_needs_a_vpc(region: Region) -> None:
    request = CreateSecurityGroup("new", "x", f"vpc-{UNKNOWN}")
    region.refuses("InvalidVpcID.NotFound", security_groups.create, request)
    region.refuses("InvalidVpcID.Malformed", security_groups.create, replace(request, vpc_id="vpc"))
    region.put(*(replace(row, is_default=False) for row in region.state.vpcs))
    region.refuses("VPCIdNotSpecified", security_groups.create, CreateSecurityGroup("new", "x"))


def test_a_project_has_at_most_so_many_groups() -> None:
    region = Region(security_groups=2)
    group_id = create(region)
    region.refuses("SecurityGroupLimitExceeded", security_groups.create, CreateSecurityGroup("more", "x"))
    region.do(projects.create, "other")
    region.do(security_groups.delete, group_id)
    create(region)


@pytest.mark.parametrize(
    ("protocol", "first", "last", "kept"),
    [
        ("tcp", 0, 65535, ("tcp", 0, 65535)),
        ("6", 22, 22, ("tcp", 22, 22)),
        ("17", 53, 53, ("udp", 53, 53)),
        ("1", -1, -1, ("icmp", -1, -1)),
        ("icmp", 8, -1, ("icmp", 8, -1)),
        ("-1", 5, 6, ("-1", -1, -1)),
        ("50", 5, 6, ("50", -1, -1)),
        ("58", None, None, ("icmpv6", -1, -1)),
        ("icmpv6", 128, 0, ("icmpv6", 128, 0)),
        ("-1", None, None, ("-1", -1, -1)),
        ("255", -1, -1, ("255", -1, -1)),
    ],
)
def test_permissions_are_kept_in_one_form(
    region: Region, protocol: str, first: int | None, last: int | None, kept: tuple[str, int, int]
) -> None:
    (rule_id,) = authorize(region, create(region), replace(SSH, ip_protocol=protocol, from_port=first, to_port=last))
    row = region.state.rules[rule_id]
    assert (row.ip_protocol, row.from_port, row.to_port) == kept


@pytest.mark.parametrize(
    ("protocol", "first", "last"),
    [
        ("tcp", 23, 22),
        ("tcp", -1, -1),
        ("udp", 0, 65536),
        ("icmp", -1, 3),
        ("icmp", 256, -1),
        ("icmp", 8, -2),
        ("256", -1, -1),
        ("icmpv6", 256, -1),
        ("006", 22, 22),
        ("050", 5, 6),
        ("TCP", 22, 22),
        ("", 22, 22),
        ("-2", 0, 0),
        ("9" * 5000, 0, 0),
        ("\N{ARABIC-INDIC DIGIT SIX}", 0, 0),
    ],
)
def test_malformed_permissions(region: Region, protocol: str, first: int, last: int) -> None:
    asked = replace(SSH, ip_protocol=protocol, from_port=first, to_port=last)
    request = Authorize(create(region), False, [SSH, asked])
    region.refuses("InvalidPermission.Malformed", security_group_rules.authorize, request)


@pytest.mark.parametrize("cidr", ["", "0.0.0.0/33", "0.0.0.0", "10.1.0.0/0.0.255.255", "example.org", "10.0.0.0/8 "])
def test_peers_are_networks(region: Region, cidr: str) -> None:
    request = Authorize(create(region), False, [replace(SSH, cidr_ipv4=cidr)])
    region.refuses("InvalidParameterValue", security_group_rules.authorize, request)


def test_duplicate_rules_are_refused_whatever_their_description(region: Region) -> None:
    group_id = create(region)
    (held,) = authorize(region, group_id, SSH)
    for again in (replace(SSH, description="again"), replace(SSH, ip_protocol="6")):
        error = region.refuses(
            "InvalidPermission.Duplicate", security_group_rules.authorize, Authorize(group_id, False, [again])
        )
        assert error.message == f"{group_id} permits this already, by {held}"
    one = replace(SSH, from_port=80, to_port=80, cidr_ipv4="192.0.2.0/24")
    twice = [one, replace(one, cidr_ipv4="192.0.2.7/24")]
    error = region.refuses(
        "InvalidPermission.Duplicate", security_group_rules.authorize, Authorize(group_id, False, twice)
    )
    assert error.message == "The request has tcp 80-80, 192.0.2.0/24 twice"
    authorize(region, group_id, SSH, is_egress=True)


def test_other_refusals_of_authorize(region: Region) -> None:
    group_id = create(region)
    region.refuses("MissingParameter", security_group_rules.authorize, Authorize(group_id, False, []))
    region.refuses("InvalidGroup.NotFound", security_group_rules.authorize, Authorize(f"sg-{UNKNOWN}", False, [SSH]))
    long = replace(SSH, description="x" * 256)
    region.refuses("InvalidParameterValue", security_group_rules.authorize, Authorize(group_id, False, [long]))
    unknown = replace(SSH, cidr_ipv4="", group_id=f"sg-{UNKNOWN}")
    region.refuses("InvalidGroup.NotFound", security_group_rules.authorize, Authorize(group_id, False, [unknown]))
    other_vpc = replace(next(iter(region.state.vpcs)), id=f"vpc-{UNKNOWN}", vni=9, is_default=False)
    region.put(other_vpc)
    far = replace(unknown, group_id=create(region, "far", vpc_id=other_vpc.id))
    region.refuses("InvalidGroup.NotFound", security_group_rules.authorize, Authorize(group_id, False, [far]))


def test_the_number_of_rules_is_limited_for_each_direction() -> None:
    region = Region(rules_per_group_and_direction=3)
    group_id = create(region)
    ports = [replace(SSH, from_port=port, to_port=port) for port in range(4)]
    all_four = Authorize(group_id, False, ports)
    region.refuses("RulesPerSecurityGroupLimitExceeded", security_group_rules.authorize, all_four)
    authorize(region, group_id, *ports[:3])
    authorize(region, group_id, *ports[:2], is_egress=True)
    third = Authorize(group_id, True, ports[2:3])
    region.refuses("RulesPerSecurityGroupLimitExceeded", security_group_rules.authorize, third)


def test_a_group_in_use_names_its_users(region: Region) -> None:
    region.add_host()
    group_id, namer = create(region), create(region, "namer")
    by_group = replace(SSH, cidr_ipv4="", group_id=group_id)
    authorize(region, namer, by_group)
    authorize(region, group_id, by_group)
    instance_id = region.launch(security_group_ids=(group_id,))
    error = region.refuses("DependencyViolation", security_groups.delete, group_id)
    assert set(error.blocking_ids) == {region.interface(instance_id).id, namer}
    free = create(region, "free")
    authorize(region, free, replace(SSH, cidr_ipv4="", group_id=free))
    region.do(security_groups.delete, free)
    assert not region.state.rules.group.of(free)
    region.refuses("InvalidGroup.NotFound", security_groups.delete, free)
    region.refuses("InvalidGroup.Malformed", security_groups.delete, "web")


def test_other_projects_groups_do_not_exist(region: Region) -> None:
    group_id, other = create(region), region.do(projects.create, "other")
    for use_case, request in (
        (security_group_rules.authorize, Authorize(group_id, False, [SSH])),
        (security_group_rules.revoke, Revoke(group_id, True, [SSH], [])),
        (security_groups.delete, group_id),
    ):
        region.refuses("InvalidGroup.NotFound", use_case, request, project_id=other)
    region.do(security_groups.create, CreateSecurityGroup("web", "same name"), project_id=other)
