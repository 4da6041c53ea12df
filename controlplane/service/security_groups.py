"""Security groups and their rules."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from controlplane.errors import (
    Conflict,
    Invalid,
    NotFound,
    Parameter,
    invalid_value,
    missing,
    none_given,
    shown,
    within,
)
from controlplane.ids import Prefix
from controlplane.model.cidr import ipv4_network
from controlplane.model.network import SecurityGroup, SecurityGroupRule
from controlplane.model.prefix_list import PrefixList
from controlplane.model.state import Change, State
from controlplane.model.vpc import Vpc
from controlplane.service import vpcs
from controlplane.service.call import Call, check_id, check_tags, check_text, find

_TEXT = r"[A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}"
_TEXT_MEANS = "1 to 255 of letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*"
_PORT_PROTOCOLS = ("tcp", "udp")
_NUMBERS = {"1": "icmp", "6": "tcp", "17": "udp"}


@dataclass(frozen=True, slots=True)
class CreateSecurityGroup:
    group_name: str
    description: str
    vpc_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def create(state: State, call: Call, request: CreateSecurityGroup) -> tuple[Change, str]:
    name = request.group_name
    check_text("group_name", name, rf"(?!sg-| ){_TEXT}(?<! )", f"{_TEXT_MEANS}, not beginning sg-, no outer spaces")
    check_text("description", request.description, _TEXT, _TEXT_MEANS)
    check_tags(request.tags)
    if name.lower() == "default":
        raise Invalid("InvalidGroup.Reserved", "The name 'default' belongs to the VPC's default group; choose another")
    vpc = find_vpc(state, call, request.vpc_id)
    for other in state.security_groups.vpc.of(vpc.id):
        if other.name.lower() == name.lower():
            raise Conflict(
                "InvalidGroup.Duplicate", f"The name {name!r} belongs to {other.id} in {vpc.id}; choose another"
            )
    limit = call.policy.security_groups
    if state.security_groups.project.count(call.project_id) >= limit:
        raise Conflict("SecurityGroupLimitExceeded", f"The project has {limit} security groups; delete one first")
    group = SecurityGroup(
        id=call.mint(Prefix.SECURITY_GROUP),
        project_id=call.project_id,
        vpc_id=vpc.id,
        name=name,
        description=request.description,
        created_at=call.now,
        tags=request.tags,
    )
    change = Change()
    change.put(group, vpcs.allow_all(call, group, is_egress=True, cidr_ipv4=vpcs.ANYWHERE))
    return change, group.id


def find_vpc(state: State, call: Call, vpc_id: str) -> Vpc:
    """The named VPC; for an empty id the default one. Raises `VPCIdNotSpecified` where there is none."""
    if vpc_id:
        return find(state.vpcs, vpc_id, call)
    vpc = vpcs.default_vpc(state, call.project_id)
    if vpc is None:
        raise Invalid("VPCIdNotSpecified", "The project has no default VPC; name a VPC or a subnet")
    return vpc


def delete(state: State, call: Call, group_id: str) -> tuple[Change, None]:
    group = find(state.security_groups, group_id, call)
    if group.name == "default":
        raise Conflict("CannotDelete", f"{group_id} is the default group of {group.vpc_id}; it goes with the VPC")
    users = [row.instance_id for row in state.interfaces.group.of(group_id)]
    namers = [row.group_id for row in state.rules.source.of(group_id) if row.group_id != group_id]
    if blockers := list(dict.fromkeys(users + namers)):
        raise Conflict(
            "DependencyViolation",
            f"{group_id} ({group.name}) is in use by {', '.join(blockers)}; take it out there first",
            blocking_ids=blockers,
        )
    change = Change()
    change.delete(*state.rules.group.of(group_id), group)
    return change, None


@dataclass(frozen=True, slots=True)
class Permission:
    """As `IpPermission` in security_groups.proto; exactly one of the peers is not empty."""

    ip_protocol: str
    from_port: int | None
    to_port: int | None
    cidr_ipv4: str
    group_id: str
    description: str
    prefix_list_id: str = ""


@dataclass(frozen=True, slots=True)
class Authorize:
    group_id: str
    is_egress: bool
    permissions: Sequence[Permission]


def authorize(state: State, call: Call, request: Authorize) -> tuple[Change, list[str]]:
    group = find(state.security_groups, request.group_id, call)
    if not request.permissions:
        raise none_given("permissions")
    held = {row.permits: row.id for row in state.rules.group.of(group.id)}
    change, made = Change(), []
    for rule in _rules(state, call, group, request):
        if (twin := held.get(rule.permits)) is not None:
            why = (
                f"The request has {_what(rule)} twice"
                if twin in made
                else f"{group.id} permits this already, by {twin}"
            )
            raise Conflict("InvalidPermission.Duplicate", why)
        held[rule.permits] = rule.id
        change.put(rule)
        made.append(rule.id)
    check_room(state, call, group.id, request.is_egress, added=change.rows_of(SecurityGroupRule))
    change.put(*pending(state, [group.id]))
    return change, made


def pending(state: State, group_ids: Iterable[str]) -> list[SecurityGroup]:
    """These groups, whose rules this change alters: until the hosts of their VPCs have them. Without hosts at once."""
    groups = [state.security_groups[group_id] for group_id in group_ids]
    told = [group for group in groups if state.interfaces.vpc.count(group.vpc_id)]
    return [replace(group, pending_revision=state.revision + 1) for group in told]


def _rules(
    state: State, call: Call, group: SecurityGroup, request: "Authorize | Revoke"
) -> Iterator[SecurityGroupRule]:
    for index, asked in enumerate(request.permissions):
        with within(f"permissions[{index}]"):
            rule = _rule(state, call, group, asked, request.is_egress)
        yield rule


def check_room(
    state: State,
    call: Call,
    group_id: str,
    is_egress: bool,
    *,
    added: Sequence[SecurityGroupRule] = (),
    resized: PrefixList | None = None,
) -> None:
    """Whether the group can have its rules in a direction, with those added, and with the prefix list as it will be.

    Raises `RulesPerSecurityGroupLimitExceeded`.
    """
    rules = [row for row in (*state.rules.group.of(group_id), *added) if row.is_egress is is_egress]
    limit = call.policy.rules_per_group_and_direction
    if sum(_weight(state, row, resized) for row in rules) > limit:
        raise Conflict(
            "RulesPerSecurityGroupLimitExceeded",
            f"{group_id} would have over {limit} rules in this direction, of which one with a prefix list counts as its"
            " max_entries",
        )


def _weight(state: State, rule: SecurityGroupRule, resized: PrefixList | None) -> int:
    if not rule.prefix_list_id:
        return 1
    named = state.prefix_lists[rule.prefix_list_id]
    return (resized if resized and resized.id == named.id else named).max_entries


def _rule(state: State, call: Call, group: SecurityGroup, asked: Permission, is_egress: bool) -> SecurityGroupRule:
    protocol, from_port, to_port = _protocol_and_ports(asked)
    if asked.group_id:
        source = find(state.security_groups, asked.group_id, call)
        if source.vpc_id != group.vpc_id:
            message = f"{source.id} is in {source.vpc_id}, {group.id} in {group.vpc_id}"
            raise Invalid("InvalidGroup.NotFound", message, parameter=Parameter("", source.id))
    if asked.prefix_list_id:
        find(state.prefix_lists, asked.prefix_list_id, call)
    if len(asked.description) > 255:
        raise invalid_value("description", asked.description, "at most 255 characters")
    return SecurityGroupRule(
        id=call.mint(Prefix.SECURITY_GROUP_RULE),
        project_id=call.project_id,
        group_id=group.id,
        is_egress=is_egress,
        ip_protocol=protocol,
        from_port=from_port,
        to_port=to_port,
        cidr_ipv4=_cidr_of(asked),
        source_group_id=asked.group_id,
        description=asked.description,
        created_at=call.now,
        prefix_list_id=asked.prefix_list_id,
    )


def _cidr_of(asked: Permission) -> str:
    if asked.group_id or asked.prefix_list_id:
        return ""
    return str(ipv4_network("cidr_ipv4", asked.cidr_ipv4, ", or a group or prefix list id"))


def _protocol_and_ports(asked: Permission) -> tuple[str, int, int]:
    """In canonical form: names for tcp, udp and icmp, -1 for ports where there are none. Raises `...Malformed`."""
    protocol = asked.ip_protocol
    if is_number := re.fullmatch(r"[0-9]{1,3}", protocol) is not None:
        protocol = _NUMBERS.get(str(int(protocol)), str(int(protocol)))
    if protocol in _PORT_PROTOCOLS:
        first, last = _given(asked, "a port from 0 to 65535", "a port from 0 to 65535")
        if not 0 <= first <= last <= 65535:
            name = "to_port" if 0 <= first <= 65535 else "from_port"
            raise _malformed(asked, name, "ports are 0 to 65535, the first not above the last")
        return protocol, first, last
    if protocol == "icmp":
        kind, code = _given(asked, "an ICMP type, or -1 for all", "an ICMP code, or -1 for all")
        if not (-1 <= kind <= 255 and -1 <= code <= 255):
            name = "to_port" if -1 <= kind <= 255 else "from_port"
            raise _malformed(asked, name, "an ICMP type and code are 0 to 255, or -1 for all")
        if kind == -1 and code != -1:
            raise _malformed(asked, "from_port", "an ICMP code needs a type")
        return protocol, kind, code
    if protocol != "-1" and not (is_number and int(protocol) <= 255):
        raise _malformed(
            asked, "ip_protocol", "the protocol is tcp, udp, icmp, a number 0 to 255, or -1 for everything"
        )
    return protocol, -1, -1


def _given(asked: Permission, first: str, last: str) -> tuple[int, int]:
    """Both ports, which this protocol has. Raises `MissingParameter`, with what is expected."""
    if asked.from_port is None:
        raise missing("from_port", first)
    if asked.to_port is None:
        raise missing("to_port", last)
    return asked.from_port, asked.to_port


def _malformed(asked: Permission, name: str, why: str) -> Invalid:
    what = f"protocol {shown(asked.ip_protocol)}, ports {asked.from_port} to {asked.to_port}"
    return Invalid("InvalidPermission.Malformed", f"{what}: {why}", parameter=Parameter(name, getattr(asked, name)))


def permitted(state: State, group_id: str) -> list[SecurityGroupRule]:
    """A group's rules as hosts are told them: in place of one with a prefix list, one for each network of the list."""
    rules = (row for rule in state.rules.group.of(group_id) for row in _expanded(state, rule))
    return list({row.permits: row for row in rules}.values())


def _expanded(state: State, rule: SecurityGroupRule) -> list[SecurityGroupRule]:
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


def revoke(state: State, call: Call, request: Revoke) -> tuple[Change, None]:
    """All or none. Stricter than EC2 in the default VPC, where a rule that is not there is passed over there."""
    group = find(state.security_groups, request.group_id, call)
    if not request.permissions and not request.rule_ids:
        raise Invalid("MissingParameter", "permissions or rule_ids: name at least one")
    rules = [row for row in state.rules.group.of(group.id) if row.is_egress is request.is_egress]
    by_permits, by_id = {row.permits: row for row in rules}, {row.id: row for row in rules}
    change = Change()
    for rule in _rules(state, call, group, request):
        change.delete(_present(by_permits.get(rule.permits), group, _what(rule)))
    for rule_id in request.rule_ids:
        check_id(state.rules.kind, rule_id)
        change.delete(_present(by_id.get(rule_id), group, rule_id))
    change.put(*pending(state, [group.id]))
    return change, None


def _what(rule: SecurityGroupRule) -> str:
    """What it permits, for people."""
    peer = rule.cidr_ipv4 or rule.source_group_id or rule.prefix_list_id
    return f"{rule.ip_protocol} {rule.from_port}-{rule.to_port}, {peer}"


def _present(row: SecurityGroupRule | None, group: SecurityGroup, what: str) -> SecurityGroupRule:
    if row is None:
        raise NotFound(
            "InvalidPermission.NotFound",
            f"{group.id} has no such rule in this direction: {what}; `stead sg describe {group.id}` shows its rules",
        )
    return row
