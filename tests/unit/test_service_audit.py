"""Looking back over the record of calls."""

from datetime import timedelta
from typing import Any

import pytest

from controlplane.errors import Invalid
from controlplane.model.audit import CallRecord
from controlplane.model.state import Change
from controlplane.service import audit, sweeping
from controlplane.service.listing import Filter, Listing
from tests.unit.region import NOW, Region


def record(number: int, operation: str = "RunInstances", project_id: str = "proj-a") -> CallRecord:
    """Several in a moment have no order by time."""
    return CallRecord(
        f"req-{number}",
        project_id,
        "tok",
        f"req-{number}",
        operation,
        "",
        "[]",
        (f"i-{number}",),
        NOW + number // 3 * timedelta(seconds=1),
    )


def region_with(*records: CallRecord, **policy: Any) -> Region:
    region = Region(**policy)
    change = Change()
    change.put(*records)
    region.apply(change)
    return region


def looked_up(region: Region, size: int, *filters: Filter) -> list[list[str]]:
    pages: list[list[str]] = []
    token = ""
    while not pages or token:
        part, token = audit.look_back(region.state.calls, Listing("DescribeAuditRecords", "all", filters, size, token))
        pages.append([row.id for row in part])
    return pages


def test_the_latest_come_first_and_pages_neither_skip_nor_repeat() -> None:
    region = region_with(*map(record, range(10)))
    latest = [f"req-{number}" for number in reversed(range(10))]
    for size in range(1, 12):
        pages = looked_up(region, size)
        assert [row for page in pages for row in page] == latest
        assert {len(page) for page in pages[:-1]} <= {size}


def test_a_page_looks_at_so_many_and_may_be_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "LOOKED_AT", 4)
    region = region_with(*(record(number, "StopInstances" if number == 0 else "RunInstances") for number in range(10)))
    assert looked_up(region, 5, Filter("operation", ("Stop*",))) == [[], [], ["req-0"]]
    assert looked_up(region, 5, Filter("resource-id", ("i-9", "i-0"))) == [["req-9"], [], ["req-0"]]


def of_two(token: str = "") -> Listing:
    return Listing("DescribeAuditRecords", "all", (), 2, token)


def test_what_a_token_stood_for_may_be_forgotten_meanwhile() -> None:
    region = region_with(*map(record, range(4)))
    _, token = audit.look_back(region.state.calls, of_two())
    change = Change()
    change.delete(*(region.state.calls[f"req-{number}"] for number in range(3)))
    region.apply(change)
    assert audit.look_back(region.state.calls, of_two(token)) == ([], "")
    with pytest.raises(Invalid, match="none that DescribeAuditRecords gave"):
        audit.look_back(region.state.calls, of_two("x"))


def test_of_a_busy_project_the_latest_calls_are_remembered() -> None:
    region = region_with(*(record(number, "StopInstances") for number in range(10)), calls_remembered=4)
    project_id = region.project_id
    change = Change()
    change.put(*(record(number, "StopInstances", project_id) for number in range(10, 20)))
    region.apply(change)
    region.now = NOW
    region.do(sweeping.sweep)
    kept = [row.id for row in region.state.calls if row.project_id == project_id]
    assert kept == [f"req-{number}" for number in range(16, 20)]
