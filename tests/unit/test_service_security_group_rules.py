"""What becomes of rules: revoked, changed, described, tagged, about IPv6; and when hosts are told."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.errors import CloudError
from controlplane.model.network import SecurityGroupRule
from controlplane.service import describing, health, projects, security_group_rules, security_groups, tagging
from controlplane.service.listing import Filter, Listing, page
from controlplane.service.permissions import Permission, fields_of
from controlplane.service.security_group_rules import (
    Authorize,
    DescribeRules,
    ModifyRules,
    Revoke,
    RuleDescription,
    RuleUpdate,
    permitted,
)
from controlplane.service.security_groups import CreateSecurityGroup
from controlplane.service.tagging import CreateTags
from tests.unit.region import Region

UNKNOWN = "f" * 17
SSH = Permission("tcp", 22, 22, "0.0.0.0/0", "", "")
HTTP = replace(SSH, from_port=80, to_port=80)
SSH_6 = replace(SSH, cidr_ipv4="", cidr_ipv6="2001:DB8::1/32")


@pytest.fixture
def region() -> Region:
    return Region()


def create(region: Region, name: str = "web", vpc_id: str = "") -> str:
    made: str = region.do(security_groups.create, CreateSecurityGroup(name, "for tests", vpc_id))
    return made


def own_vpc(region: Region) -> str:
    """A VPC that is not the default one."""
    vpc = replace(next(iter(region.state.vpcs)), id=f"vpc-{UNKNOWN}", vni=9, is_default=False)
    region.put(vpc)
    return vpc.id


def authorize(region: Region, group_id: str, *asked: Permission, is_egress: bool = False, **tags: str) -> list[str]:
    made: list[str] = region.do(security_group_rules.authorize, Authorize(group_id, is_egress, asked, tags))
    return made


def revoke(
    region: Region, group_id: str, *asked: Permission, rule_ids: tuple[str, ...] = (), drop: bool = False
) -> Any:
    return region.do(security_group_rules.revoke, Revoke(group_id, False, asked, rule_ids, drop))


def ingress(region: Region, group_id: str) -> list[SecurityGroupRule]:
    return [row for row in region.state.rules.group.of(group_id) if not row.is_egress]


def test_in_a_vpc_of_its_own_a_rule_that_is_not_there_is_an_error_and_nothing_is_revoked(region: Region) -> None:
    group_id = create(region, vpc_id=own_vpc(region))
    (ssh_id,) = authorize(region, group_id, SSH)
    both = Revoke(group_id, False, [SSH, HTTP], [])
    error = region.refuses("InvalidPermission.NotFound", security_group_rules.revoke, both)
    assert "tcp 80-80, 0.0.0.0/0; `stead sg describe" in error.message
    described = replace(SSH, description="whatever")
    assert revoke(region, group_id, described) == {"revoked": [ssh_id], "unknown": []}


def test_in_a_default_vpc_a_rule_that_is_not_there_is_told_and_the_others_go(region: Region) -> None:
    group_id = create(region)
    ssh_id, http_id = authorize(region, group_id, SSH, HTTP)
    dns = replace(SSH, ip_protocol="udp", from_port=53, to_port=53)
    assert revoke(region, group_id, dns, SSH, rule_ids=(http_id,)) == {"revoked": [ssh_id, http_id], "unknown": [0]}
    assert ingress(region, group_id) == []
    assert revoke(region, group_id, SSH) == {"revoked": [], "unknown": [0]}


def test_a_rule_that_is_named_twice_is_revoked_once(region: Region) -> None:
    group_id = create(region)
    (ssh_id,) = authorize(region, group_id, SSH)
    assert revoke(region, group_id, SSH, replace(SSH, ip_protocol="6"), rule_ids=(ssh_id,))["revoked"] == [ssh_id]


def test_ids_of_rules_are_the_groups_own_and_of_the_direction(region: Region) -> None:
    group_id, other = create(region), create(region, "other")
    (ssh_id,) = authorize(region, group_id, SSH)
    for asked in (
        Revoke(group_id, True, [], [ssh_id]),
        Revoke(other, False, [], [ssh_id]),
        Revoke(group_id, False, [SSH], [f"sgr-{UNKNOWN}"]),
    ):
        region.refuses("InvalidSecurityGroupRuleId.NotFound", security_group_rules.revoke, asked)
    malformed = Revoke(group_id, False, [], ["sgr-1"])
    region.refuses("InvalidSecurityGroupRuleId.Malformed", security_group_rules.revoke, malformed)
    region.refuses("MissingParameter", security_group_rules.revoke, Revoke(group_id, False, [], []))


def test_rules_are_modified_in_place_and_may_swap(region: Region) -> None:
    group_id = create(region)
    ssh_id, http_id = authorize(region, group_id, SSH, HTTP, team="a")
    swapped = ModifyRules(group_id, [RuleUpdate(ssh_id, replace(HTTP, description="now")), RuleUpdate(http_id, SSH)])
    assert region.do(security_group_rules.modify, swapped) == [ssh_id, http_id]
    found = {row.id: (row.from_port, row.description, row.tags) for row in ingress(region, group_id)}
    assert found == {ssh_id: (80, "now", {"team": "a"}), http_id: (22, "", {"team": "a"})}


@pytest.mark.parametrize(
    ("code", "updates"),
    [
        ("MissingParameter", []),
        ("InvalidPermission.Duplicate", [("<ssh>", HTTP)]),
        ("InvalidPermission.Duplicate", [("<ssh>", SSH_6), ("<http>", SSH_6)]),
        ("InvalidParameterValue", [("<ssh>", SSH_6), ("<ssh>", HTTP)]),
        ("InvalidPermission.Malformed", [("<ssh>", replace(SSH, to_port=21))]),
        ("InvalidSecurityGroupRuleId.NotFound", [(f"sgr-{UNKNOWN}", SSH)]),
        ("InvalidGroup.NotFound", [("<ssh>", replace(SSH, cidr_ipv4="", group_id=f"sg-{UNKNOWN}"))]),
    ],
)
def test_modifications_are_refused_whole(region: Region, code: str, updates: list[tuple[str, Permission]]) -> None:
    group_id = create(region)
    ids = dict(zip(("<ssh>", "<http>"), authorize(region, group_id, SSH, HTTP), strict=True))
    asked = ModifyRules(group_id, [RuleUpdate(ids.get(name, name), permission) for name, permission in updates])
    error = region.refuses(code, security_group_rules.modify, asked)
    if code == "InvalidPermission.Malformed":
        assert error.parameter
        assert error.parameter.name == "rules[0].permission.to_port"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (replace(SSH, ip_protocol="foo", from_port=None), "ip_protocol: 'foo' is not valid; expected tcp, udp, icmp,"),
        (
            replace(SSH, to_port=21),
            "protocol 'tcp', ports 22 to 21: ports are 0 to 65535, the first not above the last",
        ),
        (replace(SSH, ip_protocol="1", from_port=300, to_port=-1), "protocol '1', type 300, code -1: an ICMP type and"),
        (replace(SSH, cidr_ipv4="203.0.113.5"), r"or 203\.0\.113\.7/32 for one address$"),
        (replace(SSH, cidr_ipv4=""), "for one address, or a group or prefix list id$"),
    ],
)
def test_what_is_wrong_with_a_permission_is_told_in_its_own_words(asked: Permission, message: str) -> None:
    with pytest.raises(CloudError, match=message):
        fields_of(asked)


def test_descriptions_change_and_no_host_is_told(region: Region) -> None:
    region.add_host()
    group_id = create(region)
    region.launch(security_group_ids=(group_id,))
    ssh_id, http_id = authorize(region, group_id, SSH, HTTP)
    region.put(replace(region.state.security_groups[group_id], pending_revision=0))
    asked = DescribeRules(group_id, False, [replace(SSH, description="a")], [RuleDescription(http_id, "b")])
    region.do(security_group_rules.update_descriptions, asked)
    assert {row.id: row.description for row in ingress(region, group_id)} == {ssh_id: "a", http_id: "b"}
    assert region.state.security_groups[group_id].pending_revision == 0
    for code, wrong in (
        ("MissingParameter", replace(asked, permissions=[], rule_descriptions=[])),
        ("InvalidPermission.NotFound", replace(asked, is_egress=True, rule_descriptions=[])),
        ("InvalidSecurityGroupRuleId.NotFound", replace(asked, is_egress=True, permissions=[])),
        ("InvalidParameterValue", replace(asked, rule_descriptions=[RuleDescription(http_id, "b\n")])),
    ):
        region.refuses(code, security_group_rules.update_descriptions, wrong)


@pytest.mark.parametrize("text", ["two\nlines", "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "a%b", 'a"b', "x" * 256])
def test_descriptions_have_ec2s_characters(region: Region, text: str) -> None:
    group_id = create(region)
    authorize(region, group_id, replace(HTTP, description="a-Z 0 ._-:/()#,@[]+=&;{}!$*"))
    asked = Authorize(group_id, False, [replace(SSH, description=text)])
    region.refuses("InvalidParameterValue", security_group_rules.authorize, asked)


def test_rules_about_ipv6_are_kept_and_say_that_they_have_no_effect(region: Region) -> None:
    group_id = create(region)
    ping_6 = Permission("58", 128, 0, "", group_id, "")
    authorize(region, group_id, SSH, SSH_6, ping_6)
    shown = [(row.cidr_ipv4 or row.cidr_ipv6, health.of_rule(row)[0]) for row in ingress(region, group_id)]
    assert shown == [("0.0.0.0/0", "in-effect"), ("2001:db8::/32", "no-effect"), ("", "no-effect")]
    told = [row.cidr_ipv4 for row in permitted(region.state, group_id) if not row.is_egress]
    assert told == ["0.0.0.0/0"], "hosts are told of none"
    again = Authorize(group_id, False, [replace(SSH_6, cidr_ipv6="2001:db8::/32")])
    region.refuses("InvalidPermission.Duplicate", security_group_rules.authorize, again)
    for cidr in ("::", "::/129", "10.0.0.0/8"):
        asked = Authorize(group_id, False, [replace(SSH_6, cidr_ipv6=cidr)])
        region.refuses("InvalidParameterValue", security_group_rules.authorize, asked)


def test_rules_about_ipv6_are_counted_apart() -> None:
    region = Region(rules_per_group_and_direction=2)
    group_id = create(region)
    ports = [replace(SSH, from_port=port, to_port=port) for port in range(3)]
    ports_6 = [replace(SSH_6, from_port=port, to_port=port) for port in range(3)]
    authorize(region, group_id, *ports[:2], *ports_6[:2])
    for one_more in (ports[2], ports_6[2]):
        asked = Authorize(group_id, False, [one_more])
        region.refuses("RulesPerSecurityGroupLimitExceeded", security_group_rules.authorize, asked)
    rule_id = ingress(region, group_id)[0].id
    to_ipv6 = ModifyRules(group_id, [RuleUpdate(rule_id, ports_6[2])])
    region.refuses("RulesPerSecurityGroupLimitExceeded", security_group_rules.modify, to_ipv6)


def test_rules_are_tagged_when_they_are_made_and_later(region: Region) -> None:
    group_id = create(region)
    (rule_id,) = authorize(region, group_id, SSH, team="a")
    region.do(tagging.create, CreateTags([rule_id], {"why": "b"}))
    assert region.state.rules[rule_id].tags == {"team": "a", "why": "b"}
    asked = Authorize(group_id, False, [HTTP], {"aws:x": "y"})
    region.refuses("InvalidTagKey.Malformed", security_group_rules.authorize, asked)


def test_rules_belong_to_their_project(region: Region) -> None:
    (rule_id,) = authorize(region, create(region), SSH)
    other = region.do(projects.create, "other")
    assert {row.project_id for row in describing.own(region.state.rules, [], region.call(other))} == {other}
    with pytest.raises(CloudError) as caught:
        describing.own(region.state.rules, [rule_id], region.call(other))
    assert caught.value.code == "InvalidSecurityGroupRuleId.NotFound"
    region.refuses(
        "InvalidSecurityGroupRuleId.NotFound", tagging.create, CreateTags([rule_id], {"a": "b"}), project_id=other
    )


def test_who_wants_connections_dropped_is_remembered_with_the_revision(region: Region) -> None:
    region.add_host()
    group_id = create(region)
    region.launch(security_group_ids=(group_id,))
    ssh_id, _ = authorize(region, group_id, SSH, HTTP)
    assert region.state.security_groups[group_id].drop_revision == 0
    revoke(region, group_id, HTTP)
    assert region.state.security_groups[group_id].drop_revision == 0
    region.do(security_group_rules.modify, ModifyRules(group_id, [RuleUpdate(ssh_id, HTTP)], drop_established=True))
    first = region.state.security_groups[group_id].drop_revision
    assert first == region.state.revision
    revoke(region, group_id, HTTP, drop=True)
    assert region.state.security_groups[group_id].drop_revision == region.state.revision > first


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("ip-permission.cidr", "0.0.0.0/0", ["web"]),
        ("ip-permission.from-port", "22", ["web"]),
        ("ip-permission.to-port", "23", []),
        ("ip-permission.protocol", "tcp", ["web"]),
        ("ip-permission.protocol", "-1", ["default"]),
        ("ip-permission.ipv6-cidr", "2001:db8::/32", ["web"]),
        ("ip-permission.group-name", "default", ["default"]),
        ("egress.ip-permission.cidr", "0.0.0.0/0", ["default", "web"]),
        ("egress.ip-permission.from-port", "22", []),
        ("group-name", "w*", ["web"]),
    ],
)
def test_groups_are_found_by_what_their_rules_permit(region: Region, name: str, value: str, found: list[str]) -> None:
    authorize(region, create(region), SSH, SSH_6)
    listing = Listing("DescribeSecurityGroups", "", (Filter(name, (value,)),))
    rows, _ = page(listing, region.state.security_groups, describing.group_filters(region.state))
    assert [row.name for row in rows] == found


PERMISSIONS = st.builds(
    Permission,
    ip_protocol=st.sampled_from(["tcp", "udp", "icmp", "icmpv6", "-1", "1", "6", "17", "58", "50", "0"])
    | st.text(max_size=4),
    from_port=st.none() | st.integers(-2, 70000),
    to_port=st.none() | st.integers(-2, 70000),
    cidr_ipv4=st.tuples(st.ip_addresses(v=4), st.integers(0, 32)).map(lambda parts: f"{parts[0]}/{parts[1]}"),
    group_id=st.just(""),
    description=st.just(""),
)


@given(PERMISSIONS)
def test_what_is_kept_of_a_permission_permits_the_same_again(asked: Permission) -> None:
    try:
        kept = fields_of(asked)
    except CloudError:
        return
    again = replace(asked, **{name: kept[name] for name in ("ip_protocol", "from_port", "to_port", "cidr_ipv4")})
    assert fields_of(again) == kept
    if kept["ip_protocol"] in ("tcp", "udp"):
        assert (kept["from_port"], kept["to_port"]) == (asked.from_port, asked.to_port)
        assert 0 <= kept["from_port"] <= kept["to_port"] <= 65535
