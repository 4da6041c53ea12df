"""Security groups; of their rules, those that a group begins with."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from controlplane.errors import Conflict, Invalid, several
from controlplane.ids import Prefix
from controlplane.model.network import SecurityGroup
from controlplane.model.state import Change, State
from controlplane.model.vpc import Vpc
from controlplane.service import vpcs
from controlplane.service.call import Call, check_tags, check_text, find
from controlplane.service.permissions import TEXT, TEXT_MEANS
from controlplane.service.quotas import check_one_more


@dataclass(frozen=True, slots=True)
class CreateSecurityGroup:
    group_name: str
    description: str
    vpc_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def create(state: State, call: Call, request: CreateSecurityGroup) -> tuple[Change, str]:
    name = request.group_name
    check_text("group_name", name, rf"(?!sg-| ){TEXT}(?<! )", f"{TEXT_MEANS}, not beginning sg-, no outer spaces")
    check_text("description", request.description, TEXT, TEXT_MEANS)
    check_tags(request.tags)
    if name.lower() == "default":
        raise Invalid("InvalidGroup.Reserved", "The name 'default' belongs to the VPC's default group; choose another")
    vpc = find_vpc(state, call, request.vpc_id)
    for other in state.security_groups.vpc.of(vpc.id):
        if other.name.lower() == name.lower():
            raise Conflict(
                "InvalidGroup.Duplicate", f"The name {name!r} belongs to {other.id} in {vpc.id}; choose another"
            )
    held, limit = state.security_groups.project.count(call.project_id), call.policy.security_groups
    check_one_more("SecurityGroupLimitExceeded", "The project", "security groups", held, limit)
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
    users = [row.id for row in state.interfaces.group.of(group_id)]
    namers = [row.group_id for row in state.rules.source.of(group_id) if row.group_id != group_id]
    if blockers := list(dict.fromkeys(users + namers)):
        raise Conflict(
            "DependencyViolation",
            f"{group_id} ({group.name}) is in use by {several(blockers)}; take it out there first",
            blocking_ids=blockers,
        )
    change = Change()
    change.delete(*state.rules.group.of(group_id), group)
    return change, None
