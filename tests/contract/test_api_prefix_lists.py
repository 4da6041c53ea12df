"""Managed prefix lists as their users see them."""

from tests.contract.control_plane import ControlPlane


async def test_a_rule_names_a_list_whose_entries_change(cloud: ControlPlane) -> None:
    made = await cloud.ask(
        "CreateManagedPrefixList",
        prefix_list_name="offices",
        max_entries=3,
        entries=[{"cidr": "192.0.2.0/24", "description": "north"}],
        tags={"team": "net"},
    )
    list_id = made.prefix_list.prefix_list_id
    assert (made.prefix_list.version, made.prefix_list.state) == (1, "create-complete")
    group_id = (await cloud.ask("DescribeSecurityGroups")).security_groups[0].group_id
    permission = {"ip_protocol": "tcp", "from_port": 22, "to_port": 22, "prefix_list_id": list_id}
    rules = (await cloud.ask("AuthorizeSecurityGroupIngress", group_id=group_id, permissions=[permission])).rules
    assert [rule.permission.prefix_list_id for rule in rules] == [list_id]
    done = await cloud.ask(
        "ModifyManagedPrefixList",
        prefix_list_id=list_id,
        current_version=1,
        add_entries=[{"cidr": "198.51.100.7/32"}],
        remove_entries=[{"cidr": "192.0.2.0/24"}],
    )
    assert (done.prefix_list.version, done.prefix_list.state) == (2, "modify-complete")
    found = await cloud.ask("GetManagedPrefixListEntries", prefix_list_id=list_id)
    assert ([entry.cidr for entry in found.entries], found.version) == (["198.51.100.7/32"], 2)
    for name, value in {"prefix-list-name": "off*", "tag:team": "net", "owner-id": cloud.project_id}.items():
        listed = await cloud.ask("DescribeManagedPrefixLists", filters=[{"name": name, "values": [value]}])
        assert listed.prefix_lists == [done.prefix_list]
    others = await cloud.ask("DescribeManagedPrefixLists", filters=[{"name": "tag:team", "values": ["x"]}])
    assert not others.prefix_lists
