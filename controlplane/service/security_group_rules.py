"""Rules of security groups: adding, changing and removing them, and which of them hosts are told."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from controlplane.errors import Conflict, Invalid, NotFound, Parameter, none_given, within
from controlplane.ids import Prefix
from controlplane.model.network import SecurityGroup, SecurityGroupRule
from controlplane.model.prefix_list import PrefixList
from controlplane.model.state import Change, State
from controlplane.service.call import Call, check_tags, find, not_found
from controlplane.service.permissions import Permission, check_description, described, fields_of


@dataclass(frozen=True, slots=True)
class Authorize:
    group_id: str
    is_egress: bool
    permissions: Sequence[Permission]
    tags: Mapping[str, str] = field(default_factory=dict)


def authorize(state: State, call: Call, request: Authorize) -> tuple[Change, list[str]]:
    """Returns the new rules' ids."""
    group = find(state.security_groups, request.group_id, call)
    if not request.permissions:
        raise none_given("permissions")
    check_tags(request.tags)
    permitted = [fields for _, fields in _permitted(state, call, group, request.permissions)]
    made = [_made(call, group, request, fields) for fields in permitted]
    held = {row.permits: row.id for row in state.rules.group.of(group.id)}
    for rule in made:
        _check_unlike(group, rule, held)
        held[rule.permits] = ""
    check_room(state, call, group.id, request.is_egress, added=made)
    change = Change()
    change.put(*made, *pending(state, [group.id]))
    return change, [rule.id for rule in made]


def _made(call: Call, group: SecurityGroup, request: Authorize, fields: Mapping[str, Any]) -> SecurityGroupRule:
    return SecurityGroupRule(
        id=call.mint(Prefix.SECURITY_GROUP_RULE),
        project_id=group.project_id,
        group_id=group.id,
        is_egress=request.is_egress,
        created_at=call.now,
        tags=request.tags,
        **fields,
    )


def _check_unlike(group: SecurityGroup, rule: SecurityGroupRule, held: Mapping[tuple[object, ...], str]) -> None:
    """`held`: what is permitted, and by which rule; "" for one of the request's."""
    if (twin := held.get(rule.permits)) is not None:
        why = f"{group.id} permits this already, by {twin}" if twin else f"The request has {described(rule)} twice"
        raise Conflict("InvalidPermission.Duplicate", why)


def _permitted(
    state: State, call: Call, group: SecurityGroup, permissions: Sequence[Permission], path: str = "permissions[{}]"
) -> Iterator[tuple[Permission, dict[str, Any]]]:
    """Each with the fields of a rule of the group's that permits it. `path` is where the request has it."""
    for index, asked in enumerate(permissions):
        with within(path.format(index)):
            fields = fields_of(asked)
            _check_peer(state, call, group, asked)
        yield asked, fields


def _check_peer(state: State, call: Call, group: SecurityGroup, asked: Permission) -> None:
    if asked.group_id:
        source = find(state.security_groups, asked.group_id, call)
        if source.vpc_id != group.vpc_id:
            where = f"{source.id} is in {source.vpc_id}, {group.id} in {group.vpc_id}"
            message = f"{where}; name a group of {group.vpc_id}"
            raise Invalid("InvalidGroup.NotFound", message, parameter=Parameter("", source.id))
    if asked.prefix_list_id:
        find(state.prefix_lists, asked.prefix_list_id, call)


def pending(state: State, group_ids: Iterable[str], *, drop: bool = False) -> list[SecurityGroup]:
    """These groups, whose rules or members this change alters, until the hosts of their VPCs have that.

    Where there are none, it is in force at once. `drop`: there, connections end that no rule allows any more.
    """
    now = state.revision + 1
    return [
        replace(
            group,
            generation=now,
            pending_revision=now if state.interfaces.vpc.count(group.vpc_id) else 0,
            drop_revision=now if drop else group.drop_revision,
        )
        for group in map(state.security_groups.__getitem__, group_ids)
    ]


def check_room(
    state: State,
    call: Call,
    group_id: str,
    is_egress: bool,
    *,
    added: Sequence[SecurityGroupRule] = (),
    resized: PrefixList | None = None,
) -> None:
    """Whether the group can have its rules in a direction, with those added or changed, and with the prefix list as it
    will be. Those with an IPv6 network are counted apart, as in EC2.

    Raises `RulesPerSecurityGroupLimitExceeded`.
    """
    rules = {row.id: row for row in (*state.rules.group.of(group_id), *added)}.values()
    limit = call.policy.rules_per_group_and_direction
    for is_ipv6 in (False, True):
        counted = (row for row in rules if row.is_egress is is_egress and bool(row.cidr_ipv6) is is_ipv6)
        if sum(_weight(state, row, resized) for row in counted) > limit:
            raise Conflict(
                "RulesPerSecurityGroupLimitExceeded",
                f"{group_id} would have over {limit} rules in this direction, of which one with a prefix list counts as"
                " its max_entries",
            )


def _weight(state: State, rule: SecurityGroupRule, resized: PrefixList | None) -> int:
    if not rule.prefix_list_id:
        return 1
    named = state.prefix_lists[rule.prefix_list_id]
    return (resized if resized and resized.id == named.id else named).max_entries


def permitted(state: State, group_id: str) -> list[SecurityGroupRule]:
    """A group's rules as hosts are told them: in place of one with a prefix list, one for each network of the list, and
    none about IPv6, which no VPC has yet.
    """
    rules = (row for rule in state.rules.group.of(group_id) for row in expanded(state, rule) if not rule.is_ipv6)
    return list({row.permits: row for row in rules}.values())


def expanded(state: State, rule: SecurityGroupRule) -> list[SecurityGroupRule]:
    """In place of one with a prefix list, one for each network of the list."""
    if not rule.prefix_list_id:
        return [rule]
    entries = state.prefix_lists[rule.prefix_list_id].entries
    return [replace(rule, cidr_ipv4=entry.cidr, prefix_list_id="") for entry in entries]


@dataclass(frozen=True, slots=True)
class Revoke:
    group_id: str
    is_egress: bool
    permissions: Sequence[Permission]
    rule_ids: Sequence[str]
    drop_established: bool = False


def revoke(state: State, call: Call, request: Revoke) -> tuple[Change, dict[str, Any]]:
    """Returns the `revoked` rules' ids, and which of the request's permissions, by number, are `unknown`: only in a
    default VPC, where EC2 passes over them. Elsewhere nothing is removed then.
    """
    group = find(state.security_groups, request.group_id, call)
    if not request.permissions and not request.rule_ids:
        raise Invalid("MissingParameter", "permissions or rule_ids: name at least one")
    by_permits = {row.permits: row for row in _in_direction(state, group, request.is_egress)}
    found, unknown = list[SecurityGroupRule](), list[int]()
    for number, (_, fields) in enumerate(_permitted(state, call, group, request.permissions)):
        wanted = _sample(group, request.is_egress, fields)
        if (row := by_permits.get(wanted.permits)) is not None:
            found.append(row)
        elif state.vpcs[group.vpc_id].is_default:
            unknown.append(number)
        else:
            raise _no_such_rule(group, wanted)
    found += [_own(state, call, group, rule_id, is_egress=request.is_egress) for rule_id in request.rule_ids]
    gone = {row.id: row for row in found}
    change = Change()
    change.delete(*gone.values())
    if gone:
        change.put(*pending(state, [group.id], drop=request.drop_established))
    return change, {"revoked": list(gone), "unknown": unknown}


def _in_direction(state: State, group: SecurityGroup, is_egress: bool) -> list[SecurityGroupRule]:
    return [row for row in state.rules.group.of(group.id) if row.is_egress is is_egress]


def _sample(group: SecurityGroup, is_egress: bool, fields: Mapping[str, Any]) -> SecurityGroupRule:
    """A rule of the group's that permits this, to compare others with."""
    return SecurityGroupRule("", group.project_id, group.id, is_egress, created_at=group.created_at, **fields)


def _no_such_rule(group: SecurityGroup, wanted: SecurityGroupRule) -> NotFound:
    return NotFound(
        "InvalidPermission.NotFound",
        f"{group.id} has no such rule in this direction: {described(wanted)}; `stead sg describe {group.id}` shows its"
        " rules",
    )


def _own(
    state: State, call: Call, group: SecurityGroup, rule_id: str, *, is_egress: bool | None = None
) -> SecurityGroupRule:
    """The group's own rule, in this direction if one is given. Raises `InvalidSecurityGroupRuleId.NotFound`."""
    row = find(state.rules, rule_id, call)
    if row.group_id != group.id or is_egress not in (None, row.is_egress):
        where = "" if is_egress is None else " in this direction"
        raise not_found(state.rules.kind, rule_id, f" among the rules of {group.id}{where}")
    return row


@dataclass(frozen=True, slots=True)
class RuleUpdate:
    """As `SecurityGroupRuleUpdate` in security_groups.proto."""

    rule_id: str
    permission: Permission


@dataclass(frozen=True, slots=True)
class ModifyRules:
    """As `ModifySecurityGroupRulesRequest` in security_groups.proto."""

    group_id: str
    rules: Sequence[RuleUpdate]
    drop_established: bool = False


def modify(state: State, call: Call, request: ModifyRules) -> tuple[Change, list[str]]:
    """Rules may take each other's place. Returns their ids, in the order asked for."""
    group = find(state.security_groups, request.group_id, call)
    if not request.rules:
        raise none_given("rules")
    asked = [update.permission for update in request.rules]
    fields = [each for _, each in _permitted(state, call, group, asked, "rules[{}].permission")]
    rows = [_own(state, call, group, update.rule_id) for update in request.rules]
    changed = [replace(row, **each) for row, each in zip(rows, fields, strict=True)]
    if len({row.id for row in rows}) < len(rows):
        raise Invalid("InvalidParameterValue", "rules: the request changes a rule twice; name each once")
    ids = {row.id for row in rows}
    held = {row.permits: row.id for row in state.rules.group.of(group.id) if row.id not in ids}
    for rule in changed:
        _check_unlike(group, rule, held)
        held[rule.permits] = ""
    for is_egress in {rule.is_egress for rule in changed}:
        check_room(state, call, group.id, is_egress, added=changed)
    change = Change()
    change.put(*changed)
    if any(old.permits != new.permits for old, new in zip(rows, changed, strict=True)):
        change.put(*pending(state, [group.id], drop=request.drop_established))
    return change, [row.id for row in changed]


@dataclass(frozen=True, slots=True)
class RuleDescription:
    """As `SecurityGroupRuleDescription` in security_groups.proto."""

    rule_id: str
    description: str


@dataclass(frozen=True, slots=True)
class DescribeRules:
    """As `UpdateSecurityGroupRuleDescriptionsIngressRequest` in security_groups.proto."""

    group_id: str
    is_egress: bool
    permissions: Sequence[Permission]
    rule_descriptions: Sequence[RuleDescription]


def update_descriptions(state: State, call: Call, request: DescribeRules) -> tuple[Change, None]:
    """What rules permit stays, so no host is told."""
    group = find(state.security_groups, request.group_id, call)
    if not request.permissions and not request.rule_descriptions:
        raise Invalid("MissingParameter", "permissions or rule_descriptions: name at least one")
    by_permits = {row.permits: row for row in _in_direction(state, group, request.is_egress)}
    changed = list[SecurityGroupRule]()
    for asked, fields in _permitted(state, call, group, request.permissions):
        wanted = _sample(group, request.is_egress, fields)
        if (row := by_permits.get(wanted.permits)) is None:
            raise _no_such_rule(group, wanted)
        changed.append(replace(row, description=asked.description))
    for index, update in enumerate(request.rule_descriptions):
        with within(f"rule_descriptions[{index}]"):
            check_description(update.description)
        row = _own(state, call, group, update.rule_id, is_egress=request.is_egress)
        changed.append(replace(row, description=update.description))
    change = Change()
    change.put(*changed)
    return change, None
