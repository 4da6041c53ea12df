"""What a caller is told of an error."""

import pytest
from google.rpc.status_pb2 import Status

from controlplane.api.status import Reply, status_of
from controlplane.errors import Conflict, NoCapacity, Refusal, Throttled
from stead.v1.common_pb2 import ErrorDetail

HOST = "host-0123456789abcdef0"


def detail_of(reply: Reply) -> ErrorDetail:
    detail = ErrorDetail()
    assert Status.FromString(reply[2][0][1]).details[0].Unpack(detail)
    return detail


def test_only_who_may_see_hosts_is_told_of_them() -> None:
    refusals = [Refusal(HOST, "vcpus: 16 asked, 4 free of 8"), Refusal(f"{HOST[:-1]}1", "vcpus: 16 asked, 6 free of 8")]
    error = NoCapacity("InsufficientInstanceCapacity", f"No room on {HOST}.", refusals=refusals)
    seen, hidden = (status_of(error, "req-1", sees_hosts=sees) for sees in (True, False))
    assert [(row.host_id, row.reason) for row in detail_of(seen).host_refusals] == [
        (row.host_id, row.reason) for row in refusals
    ]
    assert [(row.host_id, row.reason) for row in detail_of(hidden).host_refusals] == [("", "vcpus")]
    assert detail_of(seen).message == f"No room on {HOST}."
    assert detail_of(hidden).message == "No room on a host."
    assert "host-" not in str(hidden)


def test_an_error_of_a_large_region_fits_into_what_clients_accept() -> None:
    refusals = [Refusal(HOST, "memory: 512 MiB asked, 256 MiB free of 4096")] * 10_000
    error = NoCapacity("InsufficientInstanceCapacity", "x" * 1000, refusals=refusals, blocking_ids=["i-1"] * 10_000)
    reply = status_of(error, "req-1", sees_hosts=True)
    assert 40 < len(detail_of(reply).host_refusals) <= 100
    assert sum(len(part) for part in (reply[1], reply[2][0][1])) < 5000


@pytest.mark.parametrize(("error", "count"), [(Throttled("Slow down.", 0.25), 2), (Conflict("VolumeInUse", "No."), 1)])
def test_only_what_may_come_back_is_told_when(error: Conflict, count: int) -> None:
    assert len(Status.FromString(status_of(error, "req-1", sees_hosts=False)[2][0][1]).details) == count
