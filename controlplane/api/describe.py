"""What all Describe methods do: the caller's rows, by id and filter, a page of them, as messages.

A long page is made in steps between which others have their turn. It has the rows of its revision, some of them as they
are a little later: whoever watches from that revision on misses nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from controlplane.api.caller import Edge
from controlplane.api.convert import to_listing
from controlplane.model.state import State
from controlplane.model.table import Owned, OwnedRow
from controlplane.service.call import Call
from controlplane.service.describing import own
from controlplane.service.listing import Attributes, Listed, page

P = TypeVar("P", bound=OwnedRow)
L = TypeVar("L", bound=Listed)
M = TypeVar("M")


async def describe(
    edge: Edge,
    request: Any,
    rows: Callable[[State, Call], Iterable[L]],
    attributes: Callable[[State], Attributes[L]],
    to_message: Callable[[State, L, Call], M],
) -> tuple[list[M], dict[str, Any]]:
    """A page of messages, and the reply's other fields: the token of the next page, and of which revision this is."""

    def query(state: State, call: Call) -> tuple[list[L], list[M], dict[str, Any]]:
        part, token = page(to_listing(request, call), rows(state, call), attributes(state))
        first = [to_message(state, row, call) for row in part[: edge.per_step]]
        return part, first, {"next_page_token": token, "revision": state.revision}

    part, messages, fields = await edge.read(query)
    return messages + await edge.in_steps(part[edge.per_step :], to_message), fields


async def describe_own(
    edge: Edge,
    request: Any,
    table: Callable[[State], Owned[P]],
    ids: Sequence[str],
    to_message: Callable[[State, P, Call], M],
) -> tuple[list[M], dict[str, Any]]:
    """`describe` of the caller's rows of a table, where its filters are those that the table declares."""
    return await describe(
        edge,
        request,
        lambda state, call: own(table(state), ids, call),
        lambda state: table(state).attributes,
        to_message,
    )
