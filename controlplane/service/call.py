"""What every use case knows about its caller, and how it finds the caller's resources."""

import re
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from controlplane.errors import Conflict, Invalid, NotFound, invalid_value, missing, shown
from controlplane.ids import Prefix, is_valid
from controlplane.model.policy import Policy
from controlplane.model.project import Role
from controlplane.model.state import State
from controlplane.model.table import Row, Table


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls, when, and what the operator allows. `mint` makes a new id; `reachable` has the hosts that answer."""

    project_id: str
    role: Role
    now: datetime
    mint: Callable[[Prefix], str]
    policy: Policy
    reachable: Container[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """How a resource is named in errors: EC2's error prefix, a word for people, and the call that lists them."""

    prefix: Prefix
    error: str
    word: str
    listing: str
    where: str = " in this project"


INSTANCE = ResourceKind(Prefix.INSTANCE, "InvalidInstanceID", "instance", "DescribeInstances")
IMAGE = ResourceKind(Prefix.IMAGE, "InvalidAMIID", "image", "DescribeImages")
VOLUME = ResourceKind(Prefix.VOLUME, "InvalidVolume", "volume", "DescribeVolumes")
VPC = ResourceKind(Prefix.VPC, "InvalidVpcID", "VPC", "DescribeVpcs")
SUBNET = ResourceKind(Prefix.SUBNET, "InvalidSubnetID", "subnet", "DescribeSubnets")
INTERNET_GATEWAY = ResourceKind(
    Prefix.INTERNET_GATEWAY, "InvalidInternetGatewayID", "internet gateway", "DescribeInternetGateways"
)
ROUTE_TABLE = ResourceKind(Prefix.ROUTE_TABLE, "InvalidRouteTableID", "route table", "DescribeRouteTables")
GROUP = ResourceKind(Prefix.SECURITY_GROUP, "InvalidGroup", "security group", "DescribeSecurityGroups")
ALLOCATION = ResourceKind(Prefix.ADDRESS_ALLOCATION, "InvalidAllocationID", "address", "DescribeAddresses")
ASSOCIATION = ResourceKind(Prefix.ADDRESS_ASSOCIATION, "InvalidAssociationID", "association", "DescribeAddresses")
RULE = ResourceKind(
    Prefix.SECURITY_GROUP_RULE, "InvalidSecurityGroupRuleId", "security group rule", "DescribeSecurityGroups"
)
KEY_PAIR = ResourceKind(Prefix.KEY_PAIR, "InvalidKeyPair", "key pair", "DescribeKeyPairs")
DELETED = replace(VOLUME, where=": it was deleted", listing="`stead volume undelete`, which brings it back")
RECYCLED = replace(VOLUME, listing="ListVolumesInRecycleBin", where=" in the recycle bin")
HOST = ResourceKind(Prefix.HOST, "InvalidHostID", "host", "DescribeHosts", where="")
PROJECT = ResourceKind(Prefix.PROJECT, "InvalidProject", "project", "DescribeProjects", where="")
TOKEN = ResourceKind(Prefix.TOKEN, "InvalidToken", "token", "DescribeTokens", where="")

R = TypeVar("R", bound=Row)


def check_id(kind: ResourceKind, resource_id: str) -> None:
    """Raises `...Malformed`, or `MissingParameter` where it is empty."""
    expected = f"{kind.prefix}- and 17 hexadecimal digits"
    if not resource_id:
        raise missing(f"The {kind.word}'s id", expected)
    if not is_valid(kind.prefix, resource_id):
        raise Invalid(f"{kind.error}.Malformed", f"{shown(resource_id)} is no {kind.word} id: expected {expected}")


def not_found(kind: ResourceKind, name: str) -> NotFound:
    message = f"The {kind.word} {shown(name)} does not exist{kind.where}; see {kind.listing}"
    return NotFound(f"{kind.error}.NotFound", message)


def find(table: Table[R], kind: ResourceKind, resource_id: str, call: Call) -> R:
    """The caller's own row. Raises `...Malformed` or `...NotFound`; another project's resource is not there."""
    check_id(kind, resource_id)
    row = table.get(resource_id)
    if row is None or getattr(row, "project_id", call.project_id) != call.project_id:
        raise not_found(kind, resource_id)
    return row


def check_project(state: State, project_id: str) -> None:
    """Raises where there is no such project."""
    check_id(PROJECT, project_id)
    if project_id not in state.projects:
        raise not_found(PROJECT, project_id)


def find_zone(state: State, name: str) -> None:
    known = ", ".join(zone.id for zone in state.zones)
    if not name:
        raise missing("zone_name", f"one of {known}")
    if name not in state.zones:
        raise NotFound("InvalidZone.NotFound", f"The zone {shown(name)} does not exist; there are: {known}")


def check_tags(tags: Mapping[str, str]) -> None:
    """EC2's limits. Raises `TagLimitExceeded`, `InvalidTagKey.Malformed`, `InvalidParameterValue`."""
    if len(tags) > 50:
        raise Conflict("TagLimitExceeded", f"{len(tags)} tags; a resource has at most 50: leave some out")
    for key, value in tags.items():
        if not 1 <= len(key) <= 128 or key.startswith("aws:"):
            raise Invalid(
                "InvalidTagKey.Malformed", f"Tag key {shown(key)}: expected 1 to 128 characters, not beginning aws:"
            )
        if len(value) > 256:
            raise invalid_value(f"Value of tag {shown(key)}", value, "at most 256 characters")


def check_text(parameter: str, value: str, pattern: str, expected: str) -> None:
    """Raises `InvalidParameterValue`, or `MissingParameter` where it is empty."""
    if not value:
        raise missing(parameter, expected)
    if not re.fullmatch(pattern, value, re.ASCII):
        raise invalid_value(parameter, value, expected)


def require_ids(parameter: str, ids: Iterable[str]) -> list[str]:
    """The ids without repetitions, in order. Raises `MissingParameter` when there are none."""
    unique = list(dict.fromkeys(ids))
    if not unique:
        raise Invalid("MissingParameter", f"{parameter}: name at least one")
    return unique
