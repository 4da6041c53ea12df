"""What every use case knows about its caller, and how it finds the caller's resources."""

import re
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from controlplane.errors import Conflict, Invalid, NotFound, Parameter, invalid_value, missing, none_given, shown
from controlplane.ids import Prefix, is_valid
from controlplane.model.kind import Kind
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


R = TypeVar("R", bound=Row)


def check_id(kind: Kind, resource_id: str) -> None:
    """Raises `...Malformed`, or `MissingParameter` where it is empty."""
    expected = f"{kind.prefix}- and 17 hexadecimal digits"
    if not resource_id:
        blamed = Parameter(kind.id_parameter, "")
        raise Invalid("MissingParameter", f"The {kind}'s id is missing; expected {expected}", parameter=blamed)
    if not is_valid(kind.prefix, resource_id):
        message = f"{shown(resource_id)} is no {kind} id: expected {expected}"
        raise Invalid(kind.malformed, message, parameter=Parameter("", resource_id))


def not_found(kind: Kind, name: str, where: str = "") -> NotFound:
    message = f"The {kind} {shown(name)} does not exist{where or kind.where}; see {kind.listing}"
    return NotFound(kind.not_found, message, parameter=Parameter("", name))


def find(table: Table[R], resource_id: str, call: Call) -> R:
    """The caller's own row. Raises `...Malformed` or `...NotFound`; another project's resource is not there."""
    check_id(table.kind, resource_id)
    row = table.get(resource_id)
    if row is None or getattr(row, "project_id", call.project_id) != call.project_id:
        raise not_found(table.kind, resource_id)
    return row


def check_project(state: State, project_id: str) -> None:
    """Raises where there is no such project."""
    check_id(state.projects.kind, project_id)
    if project_id not in state.projects:
        raise not_found(state.projects.kind, project_id)


def find_zone(state: State, name: str) -> None:
    known = ", ".join(zone.id for zone in state.zones)
    if not name:
        raise missing("zone_name", f"one of {known}")
    if name not in state.zones:
        message = f"The zone {shown(name)} does not exist; there are: {known}"
        raise NotFound("InvalidZone.NotFound", message, parameter=Parameter("", name))


def check_tags(tags: Mapping[str, str]) -> None:
    """EC2's limits. Raises `TagLimitExceeded`, `InvalidTagKey.Malformed`, `InvalidParameterValue`."""
    if len(tags) > 50:
        raise Conflict("TagLimitExceeded", f"{len(tags)} tags; a resource has at most 50: leave some out")
    for key, value in tags.items():
        if not 1 <= len(key) <= 128 or key.startswith("aws:"):
            message = f"Tag key {shown(key)}: expected 1 to 128 characters, not beginning aws:"
            raise Invalid("InvalidTagKey.Malformed", message, parameter=Parameter("tags", value))
        if len(value) > 256:
            message = f"Value of tag {shown(key)}: {shown(value)} is not valid; expected at most 256 characters"
            raise Invalid("InvalidParameterValue", message, parameter=Parameter("tags", value))


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
        raise none_given(parameter)
    return unique
