"""What every use case knows about its caller, and how it finds the caller's resources."""

import re
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from controlplane.errors import Conflict, Invalid, NotFound, invalid_value
from controlplane.ids import Prefix, is_valid
from controlplane.model.policy import Policy
from controlplane.model.project import Role
from controlplane.model.state import Row, State, Table


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
    """How a resource is named in errors: EC2's error prefix, and a word for people."""

    prefix: Prefix
    error: str
    word: str


INSTANCE = ResourceKind(Prefix.INSTANCE, "InvalidInstanceID", "instance")
IMAGE = ResourceKind(Prefix.IMAGE, "InvalidAMIID", "image")
VOLUME = ResourceKind(Prefix.VOLUME, "InvalidVolume", "volume")
VPC = ResourceKind(Prefix.VPC, "InvalidVpcID", "VPC")
SUBNET = ResourceKind(Prefix.SUBNET, "InvalidSubnetID", "subnet")
INTERNET_GATEWAY = ResourceKind(Prefix.INTERNET_GATEWAY, "InvalidInternetGatewayID", "internet gateway")
ROUTE_TABLE = ResourceKind(Prefix.ROUTE_TABLE, "InvalidRouteTableID", "route table")
GROUP = ResourceKind(Prefix.SECURITY_GROUP, "InvalidGroup", "security group")
ALLOCATION = ResourceKind(Prefix.ADDRESS_ALLOCATION, "InvalidAllocationID", "address")
ASSOCIATION = ResourceKind(Prefix.ADDRESS_ASSOCIATION, "InvalidAssociationID", "association")
KEY_PAIR = ResourceKind(Prefix.KEY_PAIR, "InvalidKeyPair", "key pair")
HOST = ResourceKind(Prefix.HOST, "InvalidHostID", "host")
PROJECT = ResourceKind(Prefix.PROJECT, "InvalidProject", "project")
TOKEN = ResourceKind(Prefix.TOKEN, "InvalidToken", "token")

R = TypeVar("R", bound=Row)


def check_id(kind: ResourceKind, resource_id: str) -> None:
    """Raises `...Malformed`."""
    if not is_valid(kind.prefix, resource_id):
        raise Invalid(
            f"{kind.error}.Malformed",
            f"{resource_id!r} is no {kind.word} id: expected {kind.prefix}- and 17 hexadecimal digits",
        )


def not_found(kind: ResourceKind, resource_id: str, where: str = "in this project") -> NotFound:
    return NotFound(f"{kind.error}.NotFound", f"The {kind.word} {resource_id!r} does not exist {where}")


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
        raise NotFound("InvalidProject.NotFound", f"The project {project_id!r} does not exist")


def find_zone(state: State, name: str) -> None:
    if name not in state.zones:
        known = ", ".join(zone.id for zone in state.zones)
        raise NotFound("InvalidZone.NotFound", f"The zone {name!r} does not exist; there are: {known}")


def check_tags(tags: Mapping[str, str]) -> None:
    """EC2's limits. Raises `TagLimitExceeded`, `InvalidTagKey.Malformed`, `InvalidParameterValue`."""
    if len(tags) > 50:
        raise Conflict("TagLimitExceeded", f"{len(tags)} tags; a resource has at most 50")
    for key, value in tags.items():
        if not 1 <= len(key) <= 128 or key.startswith("aws:"):
            raise Invalid(
                "InvalidTagKey.Malformed", f"Tag key {key!r}: expected 1 to 128 characters, not beginning aws:"
            )
        if len(value) > 256:
            raise invalid_value(f"Value of tag {key!r}", value, "at most 256 characters")


def check_text(parameter: str, value: str, pattern: str, expected: str) -> None:
    if not re.fullmatch(pattern, value, re.ASCII):
        raise invalid_value(parameter, value, expected)


def require_ids(parameter: str, ids: Iterable[str]) -> list[str]:
    """The ids without repetitions, in order. Raises `MissingParameter` when there are none."""
    unique = list(dict.fromkeys(ids))
    if not unique:
        raise Invalid("MissingParameter", f"{parameter}: name at least one")
    return unique
