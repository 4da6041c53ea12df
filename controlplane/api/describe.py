"""What all Describe methods do: the caller's rows, by id and filter, a page of them, as messages."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from controlplane.api.caller import Edge
from controlplane.api.convert import to_filters
from controlplane.model.state import State
from controlplane.model.table import Row, Table
from controlplane.service.call import Call, ResourceKind, find
from controlplane.service.listing import Attributes, Listed, page, select

R = TypeVar("R", bound=Row)
L = TypeVar("L", bound=Listed)
M = TypeVar("M")


def own(table: Table[R], kind: ResourceKind, ids: Sequence[str], call: Call) -> Iterable[R]:
    """The caller's rows: those named, or all."""
    if ids:
        return [find(table, kind, row_id, call) for row_id in dict.fromkeys(ids)]
    return [row for row in table if getattr(row, "project_id", call.project_id) == call.project_id]


def tagged(readers: Attributes[L]) -> Attributes[L]:
    """The readers and those for tags."""
    return {**readers, "tag-key": lambda row: list(row.tags)}  # type: ignore[attr-defined]


async def describe(
    edge: Edge,
    request: Any,
    rows: Callable[[State, Call], Iterable[L]],
    attributes: Callable[[State], Attributes[L]],
    to_message: Callable[[State, L, Call], M],
) -> tuple[list[M], str]:
    """A page of messages and the token of the next; all of them where the request has no pages."""

    def query(state: State, call: Call) -> tuple[list[M], str]:
        found = select(rows(state, call), to_filters(request.filters), attributes(state))
        is_paged = "page_size" in request.DESCRIPTOR.fields_by_name
        listing = request.DESCRIPTOR.name.removesuffix("Request")
        part, token = page(listing, found, request.page_size, request.page_token) if is_paged else (found, "")
        return [to_message(state, row, call) for row in part], token

    return await edge.read(query)
