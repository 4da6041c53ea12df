"""Managed prefix lists: entries, versions, sizes, and the rules that name them."""

from typing import Any

import pytest

from controlplane.service import prefix_lists, projects, security_group_rules, security_groups
from controlplane.service.permissions import Permission
from controlplane.service.prefix_lists import CreatePrefixList, Entry, ModifyPrefixList
from controlplane.service.security_group_rules import Authorize, Revoke
from controlplane.service.security_groups import CreateSecurityGroup
from tests.unit.region import Region

OFFICE, HOME = Entry("192.0.2.0/24", "the office"), Entry("198.51.100.7/32")


@pytest.fixture
def region() -> Region:
    return Region()


def create(region: Region, *entries: Entry, max_entries: int = 5) -> str:
    made: str = region.do(prefix_lists.create, CreatePrefixList("offices", max_entries, entries))
    return made


def modify(region: Region, list_id: str, **request: Any) -> None:
    region.do(prefix_lists.modify, ModifyPrefixList(list_id, **request))


def cidrs(region: Region, list_id: str) -> list[str]:
    return [entry.cidr for entry in region.state.prefix_lists[list_id].entries]


def group_with(region: Region, *list_ids: str) -> str:
    group_id: str = region.do(security_groups.create, CreateSecurityGroup("web", "x"))
    named = [Permission("tcp", 22, 22, "", "", "", list_id) for list_id in list_ids]
    region.do(security_group_rules.authorize, Authorize(group_id, False, named))
    return group_id


def admitted(region: Region, group_id: str) -> list[str]:
    rules = security_group_rules.permitted(region.state, group_id)
    return [rule.cidr_ipv4 for rule in rules if not rule.is_egress]


def test_each_change_of_the_entries_is_a_version(region: Region) -> None:
    list_id = create(region, OFFICE)
    modify(region, list_id, add_entries=[HOME], remove_entries=[Entry(OFFICE.cidr)], current_version=1)
    modify(region, list_id, prefix_list_name="homes")
    row = region.state.prefix_lists[list_id]
    assert (row.name, row.version, cidrs(region, list_id)) == ("homes", 2, [HOME.cidr])
    stale = ModifyPrefixList(list_id, current_version=1, add_entries=[OFFICE])
    region.refuses("PrefixListVersionMismatch", prefix_lists.modify, stale)


def test_an_entry_is_there_once(region: Region) -> None:
    list_id = create(region, OFFICE)
    for added, removed in (([OFFICE], []), ([HOME, HOME], []), ([], [HOME])):
        request = ModifyPrefixList(list_id, add_entries=added, remove_entries=removed)
        region.refuses("InvalidPrefixListModification", prefix_lists.modify, request)
    modify(region, list_id, add_entries=[Entry(OFFICE.cidr, "another word")], remove_entries=[OFFICE])
    assert [entry.description for entry in region.state.prefix_lists[list_id].entries] == ["another word"]


def test_there_are_no_more_entries_than_there_may_be(region: Region) -> None:
    region.refuses("PrefixListMaxEntriesExceeded", prefix_lists.create, CreatePrefixList("n", 1, [OFFICE, HOME]))
    list_id = create(region, OFFICE, max_entries=1)
    region.refuses("PrefixListMaxEntriesExceeded", prefix_lists.modify, ModifyPrefixList(list_id, add_entries=[HOME]))
    modify(region, list_id, max_entries=2)
    modify(region, list_id, add_entries=[HOME])
    region.refuses("PrefixListMaxEntriesExceeded", prefix_lists.modify, ModifyPrefixList(list_id, max_entries=1))
    assert cidrs(region, list_id) == [OFFICE.cidr, HOME.cidr]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (CreatePrefixList("", 1), "MissingParameter"),
        (CreatePrefixList("com.amazonaws.mine", 1), "InvalidParameterValue"),
        (CreatePrefixList("pl-office", 1), "InvalidParameterValue"),
        (CreatePrefixList(" ", 1), "InvalidParameterValue"),
        (CreatePrefixList("n", 0), "InvalidParameterValue"),
        (CreatePrefixList("n", 1001), "InvalidParameterValue"),
        (CreatePrefixList("n", 1, address_family="IPv6"), "InvalidParameterValue"),
        (CreatePrefixList("n", 1, [Entry("192.0.2.1")]), "InvalidParameterValue"),
        (CreatePrefixList("n", 1, [Entry("")]), "InvalidParameterValue"),
        (CreatePrefixList("n", 1, [Entry("192.0.2.0/24", "x" * 256)]), "InvalidParameterValue"),
        (CreatePrefixList("n", 1000, [Entry(f"10.0.{n}.0/24") for n in range(101)]), "InvalidParameterValue"),
    ],
)
def test_a_list_that_cannot_be_is_refused(region: Region, request_: CreatePrefixList, code: str) -> None:
    region.refuses(code, prefix_lists.create, request_)


def test_a_change_says_one_thing(region: Region) -> None:
    list_id = create(region)
    region.refuses("MissingParameter", prefix_lists.modify, ModifyPrefixList(list_id))
    both = ModifyPrefixList(list_id, max_entries=7, add_entries=[HOME])
    region.refuses("InvalidParameterCombination", prefix_lists.modify, both)


def test_a_rule_admits_what_its_list_has_at_the_time(region: Region) -> None:
    first, second = create(region, OFFICE), create(region, OFFICE, HOME)
    group_id = group_with(region, first, second)
    assert admitted(region, group_id) == [OFFICE.cidr, HOME.cidr], "each network once"
    modify(region, second, remove_entries=[HOME])
    assert admitted(region, group_id) == [OFFICE.cidr]
    modify(region, first, remove_entries=[OFFICE])
    modify(region, second, remove_entries=[OFFICE])
    assert admitted(region, group_id) == [], "an empty list admits nobody"


def test_a_rule_counts_as_many_as_its_list_may_have_entries() -> None:
    region = Region(rules_per_group_and_direction=6)
    list_id = create(region, max_entries=5)
    group_id = group_with(region, list_id)
    ssh, web = Permission("tcp", 22, 22, "0.0.0.0/0", "", ""), Permission("tcp", 80, 80, "0.0.0.0/0", "", "")
    region.do(security_group_rules.authorize, Authorize(group_id, False, [ssh]))
    too_many = Authorize(group_id, False, [web])
    region.refuses("RulesPerSecurityGroupLimitExceeded", security_group_rules.authorize, too_many)
    larger = ModifyPrefixList(list_id, max_entries=6)
    region.refuses("RulesPerSecurityGroupLimitExceeded", prefix_lists.modify, larger)
    modify(region, list_id, max_entries=4)
    region.do(security_group_rules.authorize, too_many)


def test_a_list_that_rules_name_stays(region: Region) -> None:
    list_id = create(region, OFFICE)
    group_id = group_with(region, list_id)
    refused = region.refuses("DependencyViolation", prefix_lists.delete, list_id)
    assert list(refused.blocking_ids) == [group_id]
    named = Permission("tcp", 22, 22, "", "", "", list_id)
    region.do(security_group_rules.revoke, Revoke(group_id, False, [named], []))
    region.do(prefix_lists.delete, list_id)
    region.refuses("InvalidPrefixListID.NotFound", prefix_lists.delete, list_id)


def test_anothers_list_is_not_there(region: Region) -> None:
    list_id, other = create(region), region.do(projects.create, "other")
    for use_case, request in (
        (prefix_lists.modify, ModifyPrefixList(list_id, max_entries=1)),
        (prefix_lists.delete, list_id),
    ):
        region.refuses("InvalidPrefixListID.NotFound", use_case, request, project_id=other)
    named = Permission("tcp", 22, 22, "", "", "", list_id)
    theirs = next(row for row in region.state.security_groups if row.project_id == other)
    asked = Authorize(theirs.id, False, [named])
    region.refuses("InvalidPrefixListID.NotFound", security_group_rules.authorize, asked, project_id=other)


def test_a_project_has_so_many_lists(region: Region) -> None:
    for _ in range(prefix_lists.MAX_LISTS):
        create(region)
    region.refuses("PrefixListLimitExceeded", prefix_lists.create, CreatePrefixList("n", 1))
