"""Looking back over the record of calls, which is longer than any list: page by page, each with a bound."""

from collections.abc import Iterator, Sequence
from itertools import dropwhile, islice

from controlplane.model.audit import CallRecord
from controlplane.model.table import Table
from controlplane.service.listing import Attributes, Filter, decode, encode, matching, page_length

# Calls that one page looks at. More: everybody waits for longer. Fewer: more pages for a filter that matches little.
LOOKED_AT = 10_000
_LISTING = "DescribeAuditRecords"

ATTRIBUTES: Attributes[CallRecord] = {
    "project-id": lambda row: row.project_id,
    "token-id": lambda row: row.token_id,
    "request-id": lambda row: row.request_id,
    "operation": lambda row: row.operation,
    "resource-id": lambda row: row.resource_ids,
}


def look_back(
    calls: Table[CallRecord], filters: Sequence[Filter], page_size: int, page_token: str
) -> tuple[list[CallRecord], str]:
    """A page of calls, the latest first, and the token of the next: it names the last call that was looked at."""
    seen = list(islice(_before(calls, page_token), LOOKED_AT))
    found, length = list(matching(seen, filters, ATTRIBUTES)), page_length(page_size)
    if len(found) > length:
        return found[:length], encode(_LISTING, ("", found[length - 1].id))
    return found, encode(_LISTING, ("", seen[-1].id)) if len(seen) == LOOKED_AT else ""


def _before(calls: Table[CallRecord], page_token: str) -> Iterator[CallRecord]:
    """From the latest back. When the token's call is forgotten, all that came before it are."""
    if not page_token:
        return reversed(calls)
    _, last = decode(_LISTING, page_token)
    return islice(dropwhile(lambda row: row.id != last, reversed(calls)), 1, None)
