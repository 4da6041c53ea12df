"""`stead sg`, as far as it is about rules: `register` adds these commands to those about groups."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from google.protobuf.message import Message

from client.cli import lookup, permissions
from client.cli.options import Filters, Tags, Timeout, Wait, parse_filters, parse_tags
from client.cli.permissions import (
    RULE_COLUMNS,
    Cidrs,
    Description,
    DropEstablished,
    Egress,
    IcmpType,
    Port,
    Protocol,
    SourceGroups,
    SourcePrefixLists,
)
from client.cli.session import Cli, command
from client.cli.wait import wait_for_rules
from stead.v1.security_groups_pb2 import (
    AuthorizeSecurityGroupEgressRequest,
    AuthorizeSecurityGroupIngressRequest,
    DescribeSecurityGroupRulesRequest,
    IpPermission,
    ModifySecurityGroupRulesRequest,
    RevokeSecurityGroupEgressRequest,
    RevokeSecurityGroupIngressRequest,
    SecurityGroupRuleDescription,
    SecurityGroupRuleUpdate,
    UpdateSecurityGroupRuleDescriptionsEgressRequest,
    UpdateSecurityGroupRuleDescriptionsIngressRequest,
)

Group = Annotated[str, typer.Argument(metavar="GROUP", help="Id or name.", show_default=False)]
Rule = Annotated[str, typer.Argument(metavar="RULE", help="A rule's id.", show_default=False)]
Rules = Annotated[list[str] | None, typer.Option("--rule", metavar="RULE", help="A rule's id, instead of the rest.")]
LISTED_COLUMNS = {"GROUP": lambda rule: rule.group_id, **RULE_COLUMNS}


def register(app: typer.Typer) -> None:
    command(app, "rules")(rules)
    for name, body in (
        ("authorize", authorize),
        ("revoke", revoke),
        ("modify-rule", modify_rule),
        ("describe-rule", describe_rule),
    ):
        command(app, name, mutates=True)(body)


async def rules(cli: Cli, filter: Filters = None) -> None:
    """List rules, of all groups."""
    request = DescribeSecurityGroupRulesRequest(filters=parse_filters(filter))
    reply = await cli.stead.all_pages(cli.stead.security_groups.DescribeSecurityGroupRules, request)
    cli.table(reply, LISTED_COLUMNS, reply.rules, "No rules.")
    cli.notes(permissions.no_effect(reply.rules))


async def authorize(
    cli: Cli,
    group: Group,
    protocol: Protocol = "",
    port: Port = "",
    icmp_type: IcmpType = "",
    cidr: Cidrs = None,
    source_group: SourceGroups = None,
    prefix_list: SourcePrefixLists = None,
    description: Description = "",
    egress: Egress = False,
    tag: Tags = None,
    wait: Wait = False,
    timeout_s: Timeout = 60,
) -> None:
    """Add rules, which take effect on running instances at once."""
    peers = cidr, source_group, prefix_list
    asked = await permissions.permissions(cli.stead, protocol, port, icmp_type, peers, description)
    group_id = await lookup.group_id(cli.stead, group)
    fields = cli.mutation | {"group_id": group_id, "permissions": asked, "tags": parse_tags(tag)}
    groups = cli.stead.security_groups
    if egress:
        reply = await groups.AuthorizeSecurityGroupEgress(AuthorizeSecurityGroupEgressRequest(**fields))
    else:
        reply = await groups.AuthorizeSecurityGroupIngress(AuthorizeSecurityGroupIngressRequest(**fields))
    await _show(cli, reply, group_id, wait, timeout_s)


async def revoke(
    cli: Cli,
    group: Group,
    rule: Rules = None,
    protocol: Protocol = "",
    port: Port = "",
    icmp_type: IcmpType = "",
    cidr: Cidrs = None,
    source_group: SourceGroups = None,
    prefix_list: SourcePrefixLists = None,
    egress: Egress = False,
    drop_established: DropEstablished = False,
    wait: Wait = False,
    timeout_s: Timeout = 60,
) -> None:
    """Remove rules, by id or by what they permit.

    New connections stop at once. Those that are tracked live until they are idle.
    """
    asked = await _asked(cli, rule, protocol, port, icmp_type, (cidr, source_group, prefix_list))
    group_id = await lookup.group_id(cli.stead, group)
    fields = cli.mutation | {"group_id": group_id, "permissions": asked, "rule_ids": rule or ()}
    fields |= {"drop_established": drop_established}
    groups = cli.stead.security_groups
    if egress:
        reply = await groups.RevokeSecurityGroupEgress(RevokeSecurityGroupEgressRequest(**fields))
    else:
        reply = await groups.RevokeSecurityGroupIngress(RevokeSecurityGroupIngressRequest(**fields))
    if wait:
        await wait_for_rules(cli.stead, [group_id], timeout_s)
    count = len(reply.revoked_rule_ids)
    cli.say(reply, f"Revoked {count} {'rule' if count == 1 else 'rules'} of {group_id}")
    cli.notes((group_id, f"had no rule {permissions.show(each)}") for each in reply.unknown_permissions)


async def modify_rule(
    cli: Cli,
    group: Group,
    rule: Rule,
    protocol: Protocol = "",
    port: Port = "",
    icmp_type: IcmpType = "",
    cidr: Annotated[str, typer.Option(metavar="CIDR", help="The network at the other end.", show_default=False)] = "",
    source_group: Annotated[
        str, typer.Option(metavar="GROUP", help="The group, id or name, at the other end.", show_default=False)
    ] = "",
    prefix_list: Annotated[
        str, typer.Option(metavar="PREFIX-LIST", help="The prefix list, id or name, there.", show_default=False)
    ] = "",
    description: Description = "",
    drop_established: DropEstablished = False,
    wait: Wait = False,
    timeout_s: Timeout = 60,
) -> None:
    """Have a rule permit something else.

    It keeps its id, its direction and its tags, and nothing else that it had.
    """
    if description and not any((protocol, port, icmp_type, cidr, source_group, prefix_list)):
        instead = f"alone is for `stead sg describe-rule {group} --rule {rule}`; say here what the rule is to permit"
        raise typer.BadParameter(instead, param_hint="--description")
    peers = [cidr] if cidr else None, [source_group] if source_group else None, [prefix_list] if prefix_list else None
    asked = await permissions.permissions(cli.stead, protocol, port, icmp_type, peers, description)
    if len(asked) > 1:
        raise typer.BadParameter("a rule has one peer: --cidr, --source-group or --prefix-list", param_hint="--cidr")
    group_id = await lookup.group_id(cli.stead, group)
    request = ModifySecurityGroupRulesRequest(
        **cli.mutation,
        group_id=group_id,
        rules=[SecurityGroupRuleUpdate(rule_id=rule, permission=asked[0])],
        drop_established=drop_established,
    )
    reply = await cli.stead.security_groups.ModifySecurityGroupRules(request)
    await _show(cli, reply, group_id, wait, timeout_s)


async def describe_rule(
    cli: Cli,
    group: Group,
    description: Annotated[str, typer.Option(metavar="TEXT", help='Free text; "" for none.', show_default=False)],
    rule: Rules = None,
    protocol: Protocol = "",
    port: Port = "",
    icmp_type: IcmpType = "",
    cidr: Cidrs = None,
    source_group: SourceGroups = None,
    prefix_list: SourcePrefixLists = None,
    egress: Egress = False,
) -> None:
    """Change what rules are described as."""
    asked = await _asked(cli, rule, protocol, port, icmp_type, (cidr, source_group, prefix_list), description)
    by_id = [SecurityGroupRuleDescription(rule_id=rule_id, description=description) for rule_id in rule or ()]
    group_id = await lookup.group_id(cli.stead, group)
    fields = cli.mutation | {"group_id": group_id, "permissions": asked, "rule_descriptions": by_id}
    groups = cli.stead.security_groups
    reply: Message
    if egress:
        reply = await groups.UpdateSecurityGroupRuleDescriptionsEgress(
            UpdateSecurityGroupRuleDescriptionsEgressRequest(**fields)
        )
    else:
        reply = await groups.UpdateSecurityGroupRuleDescriptionsIngress(
            UpdateSecurityGroupRuleDescriptionsIngressRequest(**fields)
        )
    cli.say(reply, f"Described {len(asked or by_id)} of the rules of {group_id}")


async def _asked(
    cli: Cli,
    rule: Sequence[str] | None,
    protocol: str,
    port: str,
    icmp_type: str,
    peers: tuple[Sequence[str] | None, Sequence[str] | None, Sequence[str] | None],
    description: str = "",
) -> list[IpPermission]:
    """What the rules permit, where they are not named by their ids."""
    if rule and any((protocol, port, icmp_type, *peers)):
        raise typer.BadParameter("names the rules; leave out what they permit", param_hint="--rule")
    if rule:
        return []
    return await permissions.permissions(cli.stead, protocol, port, icmp_type, peers, description)


async def _show(cli: Cli, reply: Any, group_id: str, wait: bool, timeout_s: float) -> None:
    try:
        if wait:
            await wait_for_rules(cli.stead, [group_id], timeout_s)
    finally:  # Whatever becomes of the wait, there are rules now, and this tells their ids.
        cli.table(reply, RULE_COLUMNS, reply.rules)
        cli.notes(permissions.no_effect(reply.rules))
