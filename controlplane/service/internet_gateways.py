"""Internet gateways: which VPC has which, and what host carries it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain

from controlplane.errors import Conflict, several
from controlplane.ids import Prefix
from controlplane.model.state import Change, State
from controlplane.model.vpc import InternetGateway, Vpc
from controlplane.service import gateway_hosts
from controlplane.service.call import Call, check_tags, find
from controlplane.service.quotas import check_one_more


@dataclass(frozen=True, slots=True)
class CreateInternetGateway:
    tags: Mapping[str, str] = field(default_factory=dict)


def create(state: State, call: Call, request: CreateInternetGateway) -> tuple[Change, str]:
    check_tags(request.tags)
    gateway = new_gateway(state, call, call.project_id, request.tags)
    change = Change()
    change.put(gateway)
    return change, gateway.id


def new_gateway(state: State, call: Call, project_id: str, tags: Mapping[str, str]) -> InternetGateway:
    """A detached one. Raises `InternetGatewayLimitExceeded`."""
    held, limit = state.internet_gateways.project.count(project_id), call.policy.internet_gateways
    check_one_more("InternetGatewayLimitExceeded", "The project", "internet gateways", held, limit)
    return InternetGateway(call.mint(Prefix.INTERNET_GATEWAY), project_id, "", "", 0, call.now, tags)


@dataclass(frozen=True, slots=True)
class AttachInternetGateway:
    """Of DetachInternetGateway as well."""

    internet_gateway_id: str
    vpc_id: str


def attach(state: State, call: Call, request: AttachInternetGateway) -> tuple[Change, None]:
    gateway, vpc = _both(state, call, request)
    if gateway.vpc_id:
        raise _already_associated(f"{gateway.id} is attached to {gateway.vpc_id}", gateway.vpc_id)
    if other := state.internet_gateways.vpc.first(vpc.id):
        raise _already_associated(f"{vpc.id} has the internet gateway {other.id}", other.id)
    change = Change()
    change.put(attached(state, gateway, vpc.id))
    return change, None


def _both(state: State, call: Call, request: AttachInternetGateway) -> tuple[InternetGateway, Vpc]:
    return find(state.internet_gateways, request.internet_gateway_id, call), find(state.vpcs, request.vpc_id, call)


def _already_associated(why: str, blocking_id: str) -> Conflict:
    return Conflict("Resource.AlreadyAssociated", f"{why}; detach it first", blocking_ids=[blocking_id])


def attached(state: State, gateway: InternetGateway, vpc_id: str) -> InternetGateway:
    """A VPC's gateways come in ever later epochs: each takes a revision, and so does every move to another host."""
    return replace(gateway, vpc_id=vpc_id, host_id=gateway_hosts.choose(state), epoch=state.revision + 1)


def detach(state: State, call: Call, request: AttachInternetGateway) -> tuple[Change, None]:
    gateway, vpc = _both(state, call, request)
    if gateway.vpc_id != vpc.id:
        raise Conflict("Gateway.NotAttached", f"{gateway.id} is not attached to {vpc.id}")
    if blockers := list(_users(state, vpc.id)):
        raise Conflict(
            "DependencyViolation",
            f"{vpc.id} has public addresses in use: {several(blockers)}; disassociate them, stop these instances, "
            "delete these NAT gateways",
            blocking_ids=blockers,
        )
    change = Change()
    change.put(replace(gateway, vpc_id="", host_id=""))
    return change, None


def _users(state: State, vpc_id: str) -> Iterator[str]:
    """The allocations of elastic addresses that are mapped in a VPC, the instances that have automatic ones, and NAT
    gateways, also those that their host has yet to let go of.
    """
    subnets = state.subnets.vpc.of(vpc_id)
    for interface in chain.from_iterable(state.interfaces.subnet.of(subnet.id) for subnet in subnets):
        if nat_gateway := state.nat_gateways.interface.get(interface.id):
            yield nat_gateway.id
        for address in state.addresses.interface.of(interface.id):
            yield address.id if address.is_elastic else interface.instance_id


def delete(state: State, call: Call, gateway_id: str) -> tuple[Change, None]:
    gateway = find(state.internet_gateways, gateway_id, call)
    if gateway.vpc_id:
        raise Conflict(
            "DependencyViolation",
            f"{gateway.id} is attached to {gateway.vpc_id}; detach it first",
            blocking_ids=[gateway.vpc_id],
        )
    change = Change()
    change.delete(gateway)
    return change, None


def is_needed(state: State, vpc_id: str) -> bool:
    """Whether a VPC's gateway has anything to carry, or may have: then its host takes part in the VPC."""
    return bool(state.interfaces.vpc.count(vpc_id) or state.nat_gateways.vpc.count(vpc_id))
