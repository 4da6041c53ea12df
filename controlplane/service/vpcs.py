"""VPCs: what each begins and ends with. The default one is made in `default_vpcs`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network

from controlplane.errors import Conflict, Invalid, Parameter, missing, several, shown
from controlplane.ids import Prefix
from controlplane.model.addressing import NOT_FOR_HOSTS
from controlplane.model.cidr import ipv4_network
from controlplane.model.network import SecurityGroup, SecurityGroupRule
from controlplane.model.network_acl import NetworkAcl
from controlplane.model.state import Change, State
from controlplane.model.vpc import LOCAL, Route, RouteTable, Vpc
from controlplane.service import vpc_peerings
from controlplane.service.call import Call, check_tags, find
from controlplane.service.network_acls import new_acl
from controlplane.service.quotas import check_one_more

ANYWHERE = "0.0.0.0/0"
SIZES = range(16, 29)  # EC2's, of VPCs and of subnets.


@dataclass(frozen=True, slots=True)
class CreateVpc:
    cidr_block: str
    tags: Mapping[str, str] = field(default_factory=dict)


def create(state: State, call: Call, request: CreateVpc) -> tuple[Change, str]:
    """With its main route table, default network ACL and default group. Other VPCs may have the same addresses."""
    network = _network(request.cidr_block)
    check_tags(request.tags)
    change = Change()
    vpc, _, _ = new_vpc(state, call, change, call.project_id, network, tags=request.tags)
    return change, vpc.id


def _network(cidr_block: str) -> IPv4Network:
    network = required_network("cidr_block", cidr_block)
    if network.prefixlen not in SIZES or any(network.overlaps(other) for other in NOT_FOR_HOSTS):
        raise bad_range("InvalidVpc.Range", cidr_block, "a /16 to /28 of addresses for hosts, such as 10.0.0.0/16")
    return network


def required_network(parameter: str, text: str) -> IPv4Network:
    """A network that has no default. Raises `MissingParameter`, `InvalidParameterValue`."""
    if not text:
        raise missing(parameter, "an IPv4 network such as 10.0.0.0/16")
    return ipv4_network(parameter, text)


def bad_range(code: str, cidr_block: str, expected: str) -> Invalid:
    message = f"cidr_block: {shown(cidr_block)} is not valid; expected {expected}"
    return Invalid(code, message, parameter=Parameter("cidr_block", cidr_block))


def new_vpc(
    state: State,
    call: Call,
    change: Change,
    project_id: str,
    network: IPv4Network,
    *,
    is_default: bool = False,
    tags: Mapping[str, str],
) -> tuple[Vpc, RouteTable, NetworkAcl]:
    """A VPC with what all have, its main table and its default ACL. Raises `VpcLimitExceeded`."""
    held = state.vpcs.project.count(project_id)
    check_one_more("VpcLimitExceeded", "The project", "VPCs", held, call.policy.vpcs)
    vpc = Vpc(
        id=call.mint(Prefix.VPC),
        project_id=project_id,
        cidr_block=str(network),
        vni=_free_vni(state, call),
        is_default=is_default,
        created_at=call.now,
        tags=tags,
        enable_dns_hostnames=is_default,
    )
    table = new_table(call, vpc, 1, {}, main_association_id=call.mint(Prefix.ROUTE_TABLE_ASSOCIATION))
    group = SecurityGroup(
        id=call.mint(Prefix.SECURITY_GROUP),
        project_id=project_id,
        vpc_id=vpc.id,
        name="default",
        description="default VPC security group",
        created_at=call.now,
        tags={},
    )
    acl = new_acl(call, vpc, {}, is_default=True)
    change.put(vpc, acl, table, group)
    change.put(allow_all(call, group, is_egress=False, source_group_id=group.id))
    change.put(allow_all(call, group, is_egress=True, cidr_ipv4=ANYWHERE))
    return vpc, table, acl


def new_table(
    call: Call, vpc: Vpc, number: int, tags: Mapping[str, str], *, main_association_id: str = ""
) -> RouteTable:
    return RouteTable(
        id=call.mint(Prefix.ROUTE_TABLE),
        project_id=vpc.project_id,
        vpc_id=vpc.id,
        number=number,
        main_association_id=main_association_id,
        routes=(Route(vpc.cidr_block, LOCAL),),
        created_at=call.now,
        tags=tags,
    )


def allow_all(
    call: Call, group: SecurityGroup, *, is_egress: bool, cidr_ipv4: str = "", source_group_id: str = ""
) -> SecurityGroupRule:
    """A rule for every protocol and port."""
    return SecurityGroupRule(
        id=call.mint(Prefix.SECURITY_GROUP_RULE),
        project_id=group.project_id,
        group_id=group.id,
        is_egress=is_egress,
        ip_protocol="-1",
        from_port=-1,
        to_port=-1,
        cidr_ipv4=cidr_ipv4,
        source_group_id=source_group_id,
        description="",
        created_at=call.now,
    )


def _free_vni(state: State, call: Call) -> int:
    """24 bits of an id that nobody gets to see: who can forge a host's address on the underlay must guess them, too."""
    while True:
        vni = int(call.mint(Prefix.VPC)[-6:], 16)
        if vni and vni not in state.vpcs.vni:
            return vni


@dataclass(frozen=True, slots=True)
class ModifyVpcAttribute:
    vpc_id: str
    enable_dns_support: bool | None = None
    enable_dns_hostnames: bool | None = None


def modify(state: State, call: Call, request: ModifyVpcAttribute) -> tuple[Change, str]:
    vpc = find(state.vpcs, request.vpc_id, call)
    names = ("enable_dns_support", "enable_dns_hostnames")
    asked = {name: value for name in names if (value := getattr(request, name)) is not None}
    if not asked:
        raise Invalid("MissingParameter", f"Nothing of {vpc.id} is to change; name one of {', '.join(names)}")
    change = Change()
    change.put(replace(vpc, **asked))
    return change, vpc.id


def delete(state: State, call: Call, vpc_id: str) -> tuple[Change, None]:
    """Its main table, default ACL and default group go with it, and peerings that nobody accepted; nothing else."""
    vpc = find(state.vpcs, vpc_id, call)
    blockers = [
        *(row.id for row in state.subnets.vpc.of(vpc.id)),
        *(row.id for row in state.internet_gateways.vpc.of(vpc.id)),
        *(row.id for row in state.route_tables.vpc.of(vpc.id) if not row.is_main),
        *(row.id for row in state.network_acls.vpc.of(vpc.id) if not row.is_default),
        *(row.id for row in state.security_groups.vpc.of(vpc.id) if row.name != "default"),
        *(row.id for row in state.vpc_peering_connections.active.of(vpc.id)),
    ]
    if blockers:
        raise Conflict(
            "DependencyViolation",
            f"{vpc.id} has {several(blockers)}; delete these, and detach gateways, first",
            blocking_ids=blockers,
        )
    group = default_group(state, vpc.id)
    change = Change()
    change.put(*vpc_peerings.withdrawn(state, call, vpc.id))
    change.delete(*state.rules.group.of(group.id), group)
    change.delete(*state.route_tables.vpc.of(vpc.id), *state.network_acls.vpc.of(vpc.id), vpc)
    return change, None


def default_vpc(state: State, project_id: str) -> Vpc | None:
    return next((vpc for vpc in state.vpcs.project.of(project_id) if vpc.is_default), None)


def default_group(state: State, vpc_id: str) -> SecurityGroup:
    return next(group for group in state.security_groups.vpc.of(vpc_id) if group.name == "default")
