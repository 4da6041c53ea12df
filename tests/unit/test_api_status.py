"""What a caller is told of an error."""

from typing import Any

import pytest
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from controlplane.api.fields import path_of
from controlplane.api.status import Reply, status_of
from controlplane.errors import CloudError, Conflict, NoCapacity, Parameter, Refusal, Throttled, invalid_value
from controlplane.gate.credentials import Principal
from controlplane.gate.failure import failure_of
from controlplane.gate.invocation import Invocation, Operation
from controlplane.model.project import Role
from stead.v1.common_pb2 import ErrorDetail, Filter
from stead.v1.images_pb2 import ImportImageHeader, ImportImageRequest
from stead.v1.security_groups_pb2 import AuthorizeSecurityGroupIngressRequest, IpPermission
from stead.v1.volumes_pb2 import CreateVolumeRequest, DescribeVolumesRequest

HOST = "host-0123456789abcdef0"


def reply_to(error: CloudError, role: Role = Role.MEMBER, request: Message | None = None) -> Reply:
    call = Invocation(Operation("Run", Role.READER), "", principal=Principal("proj-1", role, "tok-1"), id="req-1")
    return status_of(failure_of(error, call), request)


def details_of(reply: Reply) -> dict[str, Any]:
    """By their name."""
    packed = Status.FromString(reply[2][0][1]).details
    kinds: tuple[type[Message], ...] = (ErrorDetail, ErrorInfo, BadRequest, RetryInfo)
    found: dict[str, Any] = {}
    for part in packed:
        kind = next(kind for kind in kinds if part.Is(kind.DESCRIPTOR))
        found[kind.DESCRIPTOR.name] = kind.FromString(part.value)
    return found


def detail_of(reply: Reply) -> ErrorDetail:
    detail = ErrorDetail()
    assert Status.FromString(reply[2][0][1]).details[0].Unpack(detail)
    return detail


def test_only_who_may_see_hosts_is_told_of_them() -> None:
    refusals = [Refusal(HOST, "vcpus: 16 asked, 4 free of 8"), Refusal(f"{HOST[:-1]}1", "vcpus: 16 asked, 6 free of 8")]
    error = NoCapacity("InsufficientInstanceCapacity", f"No room on {HOST}.", refusals=refusals)
    seen, hidden = (reply_to(error, role) for role in (Role.ADMIN, Role.MEMBER))
    assert [(row.host_id, row.reason) for row in detail_of(seen).host_refusals] == [
        (row.host_id, row.reason) for row in refusals
    ]
    assert [(row.host_id, row.reason) for row in detail_of(hidden).host_refusals] == [("", "vcpus")]
    assert detail_of(seen).message == f"No room on {HOST}. (2 of 2 hosts: vcpus)"
    assert detail_of(hidden).message == "No room on a host."
    assert "host-" not in str(hidden)


def test_refusals_are_counted_by_filter_and_hosts_that_are_not_named_are_told_as_such() -> None:
    other = f"{HOST[:-1]}1"
    refusals = [Refusal(HOST, "status: gone"), Refusal(other, "memory: 2"), Refusal("", "memory: 3 more hosts", 3)]
    detail = detail_of(reply_to(NoCapacity("X", "No room", refusals=refusals), Role.ADMIN))
    assert detail.message == "No room (4 of 5 hosts: memory, 1 of 5 hosts: status)"
    assert (detail.host_refusals[2].host_id, detail.host_refusals[2].reason) == ("", "memory: 3 more hosts")


def test_where_there_is_no_host_none_is_counted() -> None:
    refusals = [Refusal("", "hosts: home-1a has none", 0)]
    detail = detail_of(reply_to(NoCapacity("X", "No room", refusals=refusals), Role.ADMIN))
    assert (detail.message, detail.host_refusals[0].reason) == ("No room", "hosts: home-1a has none")


def test_an_error_of_a_large_region_fits_into_what_clients_accept() -> None:
    refusals = [Refusal(HOST, "memory: 512 MiB asked, 256 MiB free of 4096")] * 10_000
    request = CreateVolumeRequest(tags={"\N{SNOWMAN}" * 50: "x"})
    error = NoCapacity(
        "InsufficientInstanceCapacity",
        "\N{SNOWMAN}" * 1000,
        parameter=Parameter("", "x"),
        refusals=refusals,
        blocking_ids=["i-1"] * 10_000,
    )
    reply = reply_to(error, Role.ADMIN, request)
    assert 40 < len(detail_of(reply).host_refusals) <= 100
    assert "BadRequest" in details_of(reply)
    # As it is on the wire: base64, and percent-encoded.
    assert len(reply[2][0][1]) * 4 / 3 + len(reply[1].encode()) * 3 < 8000


@pytest.mark.parametrize(("error", "is_told"), [(Throttled("Slow.", 0.25), True), (Conflict("InUse", "No."), False)])
def test_only_what_may_come_back_is_told_when(error: CloudError, is_told: bool) -> None:
    details = details_of(reply_to(error))
    assert ("RetryInfo" in details) is is_told
    if is_told:
        assert details["RetryInfo"].retry_delay.ToMilliseconds() == 250


def test_programs_that_know_the_standard_details_alone_are_told_the_code_and_the_field() -> None:
    request = AuthorizeSecurityGroupIngressRequest(
        group_id="sg-1", permissions=[IpPermission(cidr_ipv4="10.0.0.0/8"), IpPermission(cidr_ipv4="10.0.0.1/8")]
    )
    details = details_of(reply_to(invalid_value("cidr_ipv4", "10.0.0.1/8", "a network"), request=request))
    info, (violation,) = details["ErrorInfo"], details["BadRequest"].field_violations
    assert (info.reason, info.domain, dict(info.metadata)) == (
        "InvalidParameterValue",
        "stead",
        {"request_id": "req-1"},
    )
    assert violation.field == "permissions[1].cidr_ipv4"
    assert violation.description == details["ErrorDetail"].message
    assert "BadRequest" not in details_of(reply_to(Conflict("InUse", "No."), request=request))


@pytest.mark.parametrize(
    ("request_", "parameter", "path"),
    [
        (CreateVolumeRequest(size_gib=5), Parameter("size_gib", 5), "size_gib"),
        (CreateVolumeRequest(), Parameter("zone_name", ""), "zone_name"),
        # A use case that made something else of it.
        (CreateVolumeRequest(size_gib=5), Parameter("size_gib", "five"), "size_gib"),
        # By its value alone: an id that is not there.
        (DescribeVolumesRequest(volume_ids=["vol-1", "vol-2"]), Parameter("", "vol-2"), "volume_ids[1]"),
        (CreateVolumeRequest(tags={"a": "b"}), Parameter("", "b"), "tags['a']"),
        # With its whole path.
        (
            DescribeVolumesRequest(filters=[Filter(values=["a"]), Filter(values=["a", "b"])]),
            Parameter("filters[1].values[0]", "a"),
            "filters[1].values[0]",
        ),
        (DescribeVolumesRequest(), Parameter("filters", ()), "filters"),
        (ImportImageRequest(header=ImportImageHeader(format="vdi")), Parameter("format", "vdi"), "header.format"),
        # What is missing, by the name of one although there may be several.
        (DescribeVolumesRequest(volume_ids=["vol-1", ""]), Parameter("volume_id", ""), "volume_ids[1]"),
        # With a name for people.
        (
            DescribeVolumesRequest(filters=[Filter(values=["a*"])]),
            Parameter("Filter 'x'", "a*"),
            "filters[0].values[0]",
        ),
        # Not in this request, or in several places.
        (CreateVolumeRequest(), Parameter("disk size", 7), ""),
        # Whoever knows where it stands is believed.
        (CreateVolumeRequest(), Parameter("tags['a']", is_path=True), "tags['a']"),
        (CreateVolumeRequest(), Parameter("", "vol-1"), ""),
        (DescribeVolumesRequest(filters=[Filter(name="a"), Filter(name="b")]), Parameter("name", "c"), ""),
    ],
)
def test_a_parameter_is_found_where_it_stands_in_the_request(
    request_: Message, parameter: Parameter, path: str
) -> None:
    assert path_of(request_, parameter) == path


class Incomparable(list[Any]):
    """Each comparison would go through all of it."""

    __hash__ = None

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared")


def test_a_list_is_not_compared_with_each_of_its_items() -> None:
    request = DescribeVolumesRequest(filters=[Filter(name="a", values=["b"])], volume_ids=["vol-1"])
    assert path_of(request, Parameter("filters", Incomparable(request.filters))) == "filters"
    assert path_of(request, Parameter("values", Incomparable(["b"]))) == ""
