"""Labels of resources: one mechanism for every kind of row that has `tags`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from controlplane.errors import Invalid, Parameter, none_given, shown
from controlplane.ids import Prefix
from controlplane.model.instance import Instance
from controlplane.model.state import Change, State
from controlplane.model.table import Row
from controlplane.service import addresses, images, metadata_options
from controlplane.service.call import Call, check_tags, find, require_ids

MAX_RESOURCES = 1000  # EC2's, in one call.

Find = Callable[[State, Call, str], Any]


def _find_in(row_type: type[Row], state: State, call: Call, resource_id: str) -> Any:
    return find(state.tables[row_type], resource_id, call)


# By the prefix of an id. Of images and addresses, what a project finds is not all that is its own.
FINDERS: Mapping[str, Find] = {
    **{table.kind.prefix: partial(_find_in, table.row_type) for table in State().tables.values() if table.has_tags},
    Prefix.IMAGE: images.find_own,
    Prefix.ADDRESS_ALLOCATION: addresses.find_elastic,
}


@dataclass(frozen=True, slots=True)
class CreateTags:
    resource_ids: Sequence[str]
    tags: Mapping[str, str]


def create(state: State, call: Call, request: CreateTags) -> tuple[Change, None]:
    if not request.tags:
        raise none_given("tags")
    check_tags(request.tags)
    change = Change()
    for row in _rows(state, call, request.resource_ids):
        tags = {**row.tags, **request.tags}
        check_tags(tags)
        if isinstance(row, Instance):
            metadata_options.check_tags(row.metadata_options, tags)
        _put(change, row, tags)
    return change, None


@dataclass(frozen=True, slots=True)
class DeletedTag:
    key: str
    value: str | None = None


@dataclass(frozen=True, slots=True)
class DeleteTags:
    resource_ids: Sequence[str]
    tags: Sequence[DeletedTag] = ()


def delete(state: State, call: Call, request: DeleteTags) -> tuple[Change, None]:
    check_tags({tag.key: tag.value or "" for tag in request.tags})
    named: dict[str, set[str | None]] = {}  # Once for all resources: a key may come with a thousand values.
    for tag in request.tags:
        named.setdefault(tag.key, set()).add(tag.value)
    change = Change()
    for row in _rows(state, call, request.resource_ids):
        left = {key: value for key, value in row.tags.items() if named.get(key, set()).isdisjoint((None, value))}
        _put(change, row, left if named else {})
    return change, None


def _rows(state: State, call: Call, resource_ids: Sequence[str]) -> list[Any]:
    ids = require_ids("resource_ids", resource_ids)
    if len(ids) > MAX_RESOURCES:
        message = f"resource_ids: {len(ids)} given; at most {MAX_RESOURCES} in one call"
        raise Invalid("InvalidParameterValue", message, parameter=Parameter("resource_ids", ids))
    return [_finder(resource_id)(state, call, resource_id) for resource_id in ids]


def _finder(resource_id: str) -> Find:
    found = FINDERS.get(resource_id.partition("-")[0])
    if found is None:
        known = ", ".join(f"{prefix}-" for prefix in FINDERS)
        message = f"{shown(resource_id)} names nothing that has tags; ids of such begin {known}"
        raise Invalid("InvalidID", message, parameter=Parameter("", resource_id))
    return found


def _put(change: Change, row: Any, tags: Mapping[str, str]) -> None:
    if tags != row.tags:
        change.put(replace(row, tags=tags))
