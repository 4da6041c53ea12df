"""Looking back over the record of calls, which is longer than any list: page by page, each with a bound."""

from collections.abc import Iterator
from itertools import dropwhile, islice

from controlplane.model.audit import CallRecord
from controlplane.model.table import Table
from controlplane.service.listing import Listing, Place, matching

# Calls that one page looks at. More: everybody waits for longer. Fewer: more pages for a filter that matches little.
LOOKED_AT = 10_000


def look_back(calls: Table[CallRecord], listing: Listing) -> tuple[list[CallRecord], str]:
    """A page of calls, the latest first, and the token of the next: it names the last call that was looked at."""
    length = listing.length
    seen = list(islice(_before(calls, listing.after()), LOOKED_AT))
    found = list(islice(matching(seen, listing.filters, calls.attributes), length + 1))
    if len(found) > length:
        return found[:length], listing.next_page_token(found[length - 1])
    return found, listing.next_page_token(seen[-1]) if len(seen) == LOOKED_AT else ""


def _before(calls: Table[CallRecord], last: Place | None) -> Iterator[CallRecord]:
    """From the latest back. When the token's call is forgotten, all that came before it are."""
    if last is None:
        return reversed(calls)
    return islice(dropwhile(lambda row: row.id != last[1], reversed(calls)), 1, None)
