"""Command lines about security groups and prefix lists: see `cases`."""

from typing import Any

from stead.v1 import prefix_lists_pb2 as lists
from stead.v1 import security_groups_pb2 as groups

SG, PL = "sg-00000000000000001", "pl-00000000000000001"
SSH = groups.IpPermission(ip_protocol="tcp", from_port=22, to_port=22, cidr_ipv4="0.0.0.0/0")
OFFICE = lists.ManagedPrefixList(prefix_list_id=PL, prefix_list_name="office", max_entries=5)
BY_NAME = {
    "DescribeSecurityGroups": groups.DescribeSecurityGroupsResponse(
        security_groups=[groups.SecurityGroup(group_id=SG, rules=[groups.SecurityGroupRule(permission=SSH)])]
    ),
    "DescribeSecurityGroupRules": groups.DescribeSecurityGroupRulesResponse(
        rules=[groups.SecurityGroupRule(rule_id="sgr-1", group_id=SG, permission=SSH)]
    ),
    "DescribeManagedPrefixLists": lists.DescribeManagedPrefixListsResponse(prefix_lists=[OFFICE]),
    "GetManagedPrefixListEntries": lists.GetManagedPrefixListEntriesResponse(
        entries=[lists.PrefixListEntry(cidr="10.1.0.0/16")]
    ),
}

MUTATIONS: list[tuple[str, str, Any, Any]] = [
    (
        "sg create web",
        "CreateSecurityGroup",
        groups.CreateSecurityGroupRequest(group_name="web", description="web"),
        groups.CreateSecurityGroupResponse(security_group=groups.SecurityGroup(group_id=SG)),
    ),
    (
        "sg delete web",
        "DeleteSecurityGroup",
        groups.DeleteSecurityGroupRequest(group_id=SG),
        groups.DeleteSecurityGroupResponse(),
    ),
    (
        f"sg authorize {SG} --port 22 --cidr 0.0.0.0/0",
        "AuthorizeSecurityGroupIngress",
        groups.AuthorizeSecurityGroupIngressRequest(group_id=SG, permissions=[SSH]),
        groups.AuthorizeSecurityGroupIngressResponse(rules=[groups.SecurityGroupRule(permission=SSH)]),
    ),
    (
        f"sg authorize {SG} --egress --protocol udp --port 8000-8010 --source-group web --description why",
        "AuthorizeSecurityGroupEgress",
        groups.AuthorizeSecurityGroupEgressRequest(
            group_id=SG,
            permissions=[
                groups.IpPermission(ip_protocol="udp", from_port=8000, to_port=8010, group_id=SG, description="why")
            ],
        ),
        groups.AuthorizeSecurityGroupEgressResponse(rules=[groups.SecurityGroupRule(permission=SSH)]),
    ),
    *(
        (
            f"sg authorize {SG} --protocol {protocol} --cidr ::/0 --tag a=b",
            "AuthorizeSecurityGroupIngress",
            groups.AuthorizeSecurityGroupIngressRequest(
                group_id=SG, permissions=[groups.IpPermission(**asked, cidr_ipv6="::/0")], tags={"a": "b"}
            ),
            groups.AuthorizeSecurityGroupIngressResponse(rules=[groups.SecurityGroupRule(permission=SSH)]),
        )
        for protocol, asked in (
            ("58 --icmp-type 128:0", {"ip_protocol": "icmpv6", "from_port": 128, "to_port": 0}),
            ("icmpv6 --icmp-type -1", {"ip_protocol": "icmpv6", "from_port": -1, "to_port": -1}),
            ("6 --port 0", {"ip_protocol": "tcp", "from_port": 0, "to_port": 0}),
            ("50", {"ip_protocol": "50"}),
            ("-1", {"ip_protocol": "-1"}),
        )
    ),
    (
        f"sg modify-rule {SG} sgr-1 --port 22 --cidr 0.0.0.0/0 --drop-established",
        "ModifySecurityGroupRules",
        groups.ModifySecurityGroupRulesRequest(
            group_id=SG,
            rules=[groups.SecurityGroupRuleUpdate(rule_id="sgr-1", permission=SSH)],
            drop_established=True,
        ),
        groups.ModifySecurityGroupRulesResponse(rules=[groups.SecurityGroupRule(permission=SSH)]),
    ),
    (
        f"sg describe-rule {SG} --rule sgr-1 --description new",
        "UpdateSecurityGroupRuleDescriptionsIngress",
        groups.UpdateSecurityGroupRuleDescriptionsIngressRequest(
            group_id=SG, rule_descriptions=[groups.SecurityGroupRuleDescription(rule_id="sgr-1", description="new")]
        ),
        groups.UpdateSecurityGroupRuleDescriptionsIngressResponse(),
    ),
    (
        f"sg describe-rule {SG} --egress --port 22 --cidr 0.0.0.0/0 --description new",
        "UpdateSecurityGroupRuleDescriptionsEgress",
        groups.UpdateSecurityGroupRuleDescriptionsEgressRequest(
            group_id=SG,
            permissions=[
                groups.IpPermission(
                    ip_protocol="tcp", from_port=22, to_port=22, cidr_ipv4="0.0.0.0/0", description="new"
                )
            ],
        ),
        groups.UpdateSecurityGroupRuleDescriptionsEgressResponse(),
    ),
    (
        f"sg revoke {SG} --protocol all --cidr 10.0.0.0/8 --drop-established",
        "RevokeSecurityGroupIngress",
        groups.RevokeSecurityGroupIngressRequest(
            group_id=SG,
            permissions=[groups.IpPermission(ip_protocol="-1", cidr_ipv4="10.0.0.0/8")],
            drop_established=True,
        ),
        groups.RevokeSecurityGroupIngressResponse(),
    ),
    (
        f"sg revoke {SG} --protocol all --cidr 10.0.0.0/8",
        "RevokeSecurityGroupIngress",
        groups.RevokeSecurityGroupIngressRequest(
            group_id=SG,
            permissions=[groups.IpPermission(ip_protocol="-1", cidr_ipv4="10.0.0.0/8")],
        ),
        groups.RevokeSecurityGroupIngressResponse(),
    ),
    *(
        (
            f"sg revoke {SG} --protocol icmp --cidr 10.0.0.0/8{option}",
            "RevokeSecurityGroupIngress",
            groups.RevokeSecurityGroupIngressRequest(
                group_id=SG,
                permissions=[
                    groups.IpPermission(ip_protocol="icmp", from_port=first, to_port=last, cidr_ipv4="10.0.0.0/8")
                ],
            ),
            groups.RevokeSecurityGroupIngressResponse(),
        )
        for option, first, last in (("", -1, -1), (" --icmp-type 3", 3, -1), (" --icmp-type 8:0", 8, 0))
    ),
    (
        f"sg revoke {SG} --egress --rule sgr-1 --rule sgr-2",
        "RevokeSecurityGroupEgress",
        groups.RevokeSecurityGroupEgressRequest(group_id=SG, rule_ids=["sgr-1", "sgr-2"]),
        groups.RevokeSecurityGroupEgressResponse(),
    ),
    (
        f"sg authorize {SG} --port 22 --prefix-list office --cidr 10.0.0.0/8",
        "AuthorizeSecurityGroupIngress",
        groups.AuthorizeSecurityGroupIngressRequest(
            group_id=SG,
            permissions=[
                groups.IpPermission(ip_protocol="tcp", from_port=22, to_port=22, cidr_ipv4="10.0.0.0/8"),
                groups.IpPermission(ip_protocol="tcp", from_port=22, to_port=22, prefix_list_id=PL),
            ],
        ),
        groups.AuthorizeSecurityGroupIngressResponse(rules=[groups.SecurityGroupRule(permission=SSH)]),
    ),
    (
        f"sg revoke {SG} --egress --protocol all --prefix-list {PL}",
        "RevokeSecurityGroupEgress",
        groups.RevokeSecurityGroupEgressRequest(
            group_id=SG, permissions=[groups.IpPermission(ip_protocol="-1", prefix_list_id=PL)]
        ),
        groups.RevokeSecurityGroupEgressResponse(),
    ),
    (
        "prefix-list create office --max-entries 5 --entry 10.1.0.0/16=a=b --entry 10.2.0.0/16 --tag x=y",
        "CreateManagedPrefixList",
        lists.CreateManagedPrefixListRequest(
            prefix_list_name="office",
            max_entries=5,
            entries=[
                lists.PrefixListEntry(cidr="10.1.0.0/16", description="a=b"),
                lists.PrefixListEntry(cidr="10.2.0.0/16"),
            ],
            tags={"x": "y"},
        ),
        lists.CreateManagedPrefixListResponse(prefix_list=OFFICE),
    ),
    (
        "prefix-list modify office --add 10.3.0.0/16=new --remove 10.1.0.0/16 --version 1",
        "ModifyManagedPrefixList",
        lists.ModifyManagedPrefixListRequest(
            prefix_list_id=PL,
            current_version=1,
            add_entries=[lists.PrefixListEntry(cidr="10.3.0.0/16", description="new")],
            remove_entries=[lists.PrefixListEntry(cidr="10.1.0.0/16")],
        ),
        lists.ModifyManagedPrefixListResponse(prefix_list=OFFICE),
    ),
    (
        f"prefix-list modify {PL} --name home --max-entries 9",
        "ModifyManagedPrefixList",
        lists.ModifyManagedPrefixListRequest(prefix_list_id=PL, prefix_list_name="home", max_entries=9),
        lists.ModifyManagedPrefixListResponse(prefix_list=OFFICE),
    ),
    (
        "prefix-list delete office",
        "DeleteManagedPrefixList",
        lists.DeleteManagedPrefixListRequest(prefix_list_id=PL),
        lists.DeleteManagedPrefixListResponse(),
    ),
]

# Command line, method, empty reply, reply, what is shown.
LISTS: list[tuple[str, str, Any, Any, str]] = [
    (
        "sg list",
        "DescribeSecurityGroups",
        groups.DescribeSecurityGroupsResponse(),
        BY_NAME["DescribeSecurityGroups"],
        SG,
    ),
    (
        "sg rules",
        "DescribeSecurityGroupRules",
        groups.DescribeSecurityGroupRulesResponse(),
        BY_NAME["DescribeSecurityGroupRules"],
        "sgr-1",
    ),
    (
        "prefix-list list",
        "DescribeManagedPrefixLists",
        lists.DescribeManagedPrefixListsResponse(),
        BY_NAME["DescribeManagedPrefixLists"],
        PL,
    ),
]
