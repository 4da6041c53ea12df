"""What lists and descriptions show, and how they are narrowed."""

import json
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from typer.testing import Result

from client.cli.options import parse_filters
from stead.v1 import addresses_pb2 as addresses
from stead.v1 import audit_pb2 as audit
from stead.v1 import instances_pb2 as instances
from stead.v1 import security_groups_pb2 as groups
from stead.v1.common_pb2 import Filter

from .cases import BY_NAME, I1, I2, SG, VOL
from .cases_of_lists import LISTS
from .fake_cloud import Cloud, Stead


def listed(result: Result) -> tuple[list[Any], int]:
    """The rows and the revision of a list in JSON, which has nothing else."""
    document = json.loads(result.stdout)
    revision = document.pop("revision")
    (rows,) = document.values()
    return rows, revision


@pytest.mark.parametrize(("line", "method", "nothing", "reply", "seen"), LISTS, ids=[case[0] for case in LISTS])
def test_lists(cloud: Cloud, stead: Stead, line: str, method: str, nothing: Any, reply: Any, seen: str) -> None:
    cloud.answers[method] = reply
    assert seen in stead(*line.split()).stdout
    result = stead(*line.split(), "--filter", "name=a,b*", "--filter", "tag:k=v=w", "--output", "json")
    rows, _ = listed(result)
    assert len(rows) == 1
    filters = [Filter(name="name", values=["a", "b*"]), Filter(name="tag:k", values=["v=w"])]
    assert list(cloud.asked(method)[-1].filters) == filters

    cloud.answers[method] = nothing
    empty = stead(*line.split())
    assert (empty.exit_code, empty.stdout) == (0, "")
    assert empty.stderr.startswith("No ")
    assert stead(*line.split(), "--filter", "name=a").stderr == "Nothing matches the filter.\n"
    assert listed(stead("--output", "json", *line.split())) == ([], 0)


def test_addresses_are_listed_with_their_names(cloud: Cloud, stead: Stead) -> None:
    door = addresses.Address(public_ip="203.0.113.9", tags={"Name": "door"})
    cloud.answers["DescribeAddresses"] = addresses.DescribeAddressesResponse(addresses=[door])
    head, row = stead("address", "list").stdout.splitlines()
    assert (head.split()[-1], row.split()[-1]) == ("NAME", "door")


def test_descriptions(cloud: Cloud, stead: Stead) -> None:
    cloud.answers["DescribeInstances"] = instances.DescribeInstancesResponse(
        instances=[instances.Instance(instance_id=I1, status_detail="no host"), instances.Instance(instance_id=I2)]
    )
    result = stead("instance", "describe", I1, I2)
    assert f"instance_id: {I1}" in result.stdout
    assert "status_detail: no host" in result.stdout
    assert list(cloud.asked("DescribeInstances")[0].instance_ids) == [I1, I2]
    cloud.answers |= BY_NAME
    assert "0.0.0.0/0" in stead("sg", "describe", "web").stdout
    assert "10.1.0.0/16" in stead("prefix-list", "describe", "office").stdout


def test_lists_say_what_is_wrong_to_people_alone(cloud: Cloud, stead: Stead) -> None:
    ill = instances.Instance(instance_id=I1, status="impaired", status_detail="no disk")
    cloud.answers["DescribeInstances"] = instances.DescribeInstancesResponse(
        instances=[ill, instances.Instance(instance_id=I2, status="ok")]
    )
    assert stead("instance", "list").stderr == f"{I1}: no disk\n"
    assert stead("instance", "list", "--output", "json").stderr == ""
    late = groups.SecurityGroup(group_id=SG, status="pending", status_detail="hosts that are late: 1", rules=[{}])
    cloud.answers["DescribeSecurityGroups"] = groups.DescribeSecurityGroupsResponse(security_groups=[late])
    for verb in (["list"], ["describe", SG]):
        assert stead("sg", *verb).stderr == f"{SG}: hosts that are late: 1\n"
        assert stead("sg", *verb, "--output", "json").stderr == ""
    idle = groups.SecurityGroupRule(rule_id="sgr-1", status="no-effect", status_detail="no IPv6 yet")
    cloud.answers["DescribeSecurityGroupRules"] = groups.DescribeSecurityGroupRulesResponse(rules=[idle])
    assert stead("sg", "rules").stderr == "sgr-1: has no effect: no IPv6 yet\n"


def test_what_was_not_there_to_revoke_is_told(cloud: Cloud, stead: Stead) -> None:
    asked = groups.IpPermission(ip_protocol="tcp", from_port=22, to_port=23, cidr_ipv4="10.0.0.0/8")
    reply = groups.RevokeSecurityGroupIngressResponse(unknown_permissions=[asked])
    cloud.answers["RevokeSecurityGroupIngress"] = reply
    result = stead("sg", "revoke", SG, "--port", "22-23", "--cidr", "10.0.0.0/8")
    assert result.stdout == f"Revoked 0 rules of {SG}\n"
    assert result.stderr == f"{SG}: had no rule tcp 22-23, 10.0.0.0/8\n"


def test_the_record_of_calls_is_about_what_changed(cloud: Cloud, stead: Stead) -> None:
    time = Timestamp(seconds=1_700_000_000, nanos=5)
    launch = audit.AuditRecord(operation="RunInstances", resource_ids=[I1, VOL, "eni-1"], call_time=time)
    idle = audit.AuditRecord(operation="StopInstances", call_time=time)
    cloud.answers["DescribeAuditRecords"] = audit.DescribeAuditRecordsResponse(audit_records=[idle, launch])
    _, line = stead("audit", "list", "--latest", "2").stdout.splitlines()
    assert line.split() == ["2023-11-14T22:13:20Z", "RunInstances", I1, "+2"]
    assert len(json.loads(stead("audit", "list", "--latest", "2", "--output", "json").stdout)["audit_records"]) == 2


def test_calls_that_changed_nothing_do_not_count_among_the_latest(cloud: Cloud, stead: Stead) -> None:
    idle = audit.AuditRecord(operation="StopInstances")
    launch = audit.AuditRecord(operation="RunInstances", resource_ids=[I1])
    cloud.answers["DescribeAuditRecords"] = [
        audit.DescribeAuditRecordsResponse(audit_records=[idle], next_page_token="2"),
        audit.DescribeAuditRecordsResponse(audit_records=[launch], next_page_token="3"),
    ]
    assert "RunInstances" in stead("audit", "list", "--latest", "1").stdout


@pytest.mark.parametrize(
    ("text", "values"),
    [("a,b", ["a", "b"]), ("", [""]), (r"a\,b,c", ["a,b", "c"]), (r"a\*\\,b", [r"a\*\\", "b"]), (",a,", ["", "a", ""])],
)
def test_a_comma_can_be_part_of_a_filters_value(text: str, values: list[str]) -> None:
    assert parse_filters([f"tag:x={text}"]) == [Filter(name="tag:x", values=values)]
