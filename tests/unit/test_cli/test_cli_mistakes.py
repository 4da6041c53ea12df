"""What is wrong with a command line, or refused, and how that is said."""

import grpc
import pytest

from stead.v1 import addresses_pb2 as addresses
from stead.v1 import images_pb2 as images
from stead.v1 import instances_pb2 as instances
from stead.v1 import projects_pb2 as projects
from stead.v1 import security_groups_pb2 as groups
from stead.v1.common_pb2 import Filter, HostRefusal

from .cases import BY_NAME, I1, I2, SG
from .fake_cloud import Cloud, Refusal, Stead


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("address allocate --tag Name", "'Name' is not of the form KEY=VALUE"),
        ("address allocate --tag Name=x --tag a=b --tag Name=y", "the key 'Name' is given twice"),
        ("sg authorize sg-1 --cidr 0.0.0.0/0", "tcp needs one, e.g. 22 or 8000-8010"),
        ("sg revoke sg-1 --rule sgr-1 --port 22 --cidr 0.0.0.0/0", "--rule: names the rules"),
        ("sg revoke sg-1 --rule sgr-1 --protocol tcp", "--rule: names the rules"),
        ("watch --contents", "--contents: is for programs: add --output json"),
    ],
)
def test_what_a_line_lacks_is_named_before_anything_is_done(
    cloud: Cloud, stead: Stead, line: str, complaint: str
) -> None:
    result = stead(*line.split())
    assert result.exit_code == 2
    assert complaint in result.stderr
    assert not cloud.requests
    assert not cloud.watched


@pytest.mark.parametrize(
    "line",
    [
        "instance list --filter nonsense",
        "instance run --image a --tag nonsense",
        "instance run --image a --volume-size 0",
        "prefix-list modify pl-1 --max-entries 0",
        f"sg authorize {SG} --port 22",
        f"sg authorize {SG} --cidr 0.0.0.0/0",
        f"sg authorize {SG} --protocol icmp --port 1 --cidr 0.0.0.0/0",
        f"sg authorize {SG} --protocol icmp --icmp-type echo --cidr 0.0.0.0/0",
        f"sg authorize {SG} --port 1 --icmp-type 8 --cidr 0.0.0.0/0",
        *(
            f"sg authorize {SG} --port {port} --cidr 0.0.0.0/0"
            for port in ("022", "+22", "2_2", "22-", "-22", "\N{FULLWIDTH DIGIT TWO}")
        ),
        *(
            f"sg authorize {SG} --protocol {name} --cidr 0.0.0.0/0"
            for name in ("TCP", "006", "-2", "\N{FULLWIDTH DIGIT SIX}")
        ),
        f"sg authorize {SG} --protocol icmp --icmp-type 8:00 --cidr 0.0.0.0/0",
        f"sg modify-rule {SG} sgr-1 --port 22 --cidr 0.0.0.0/0 --source-group {SG}",
        f"instance modify {I1} --protect --wait",
        f"instance modify {I1} --protect --drop-established",
        "instance dance",
    ],
)
def test_wrong_use_is_told_from_failure_by_the_exit_code(cloud: Cloud, stead: Stead, line: str) -> None:
    cloud.answers |= BY_NAME
    assert stead(*line.split()).exit_code == 2


def test_a_name_is_looked_up_to_the_letter(cloud: Cloud, stead: Stead) -> None:
    cloud.answers["DescribeImages"] = images.DescribeImagesResponse()
    result = stead("image", "deregister", "a*b")
    assert list(cloud.asked("DescribeImages")[0].filters) == [Filter(name="name", values=[r"a\*b"])]
    assert result.exit_code == 1
    assert result.stderr == "stead: InvalidAMIID.NotFound: No image is named 'a*b'; `stead image list` shows them.\n"


def test_an_ambiguous_name_asks_for_an_id(cloud: Cloud, stead: Stead) -> None:
    twins = [groups.SecurityGroup(group_id="sg-1"), groups.SecurityGroup(group_id="sg-2")]
    cloud.answers["DescribeSecurityGroups"] = groups.DescribeSecurityGroupsResponse(security_groups=twins)
    result = stead("sg", "delete", "web")
    assert result.exit_code == 1
    assert "sg-1, sg-2" in result.stderr


def test_a_name_of_several_or_of_none_changes_nothing(cloud: Cloud, stead: Stead) -> None:
    twins = [instances.Instance(instance_id=I1), instances.Instance(instance_id=I2)]
    cloud.answers["DescribeInstances"] = instances.DescribeInstancesResponse(instances=twins)
    result = stead("instance", "terminate", "web")
    assert result.exit_code == 1
    assert f"2 instances are named 'web'; say which by id: {I1}, {I2}." in result.stderr
    assert not cloud.asked("TerminateInstances")
    cloud.answers["DescribeProjects"] = projects.DescribeProjectsResponse()
    assert "InvalidProject.NotFound: No project is named 'nope'; `stead" in stead("project", "token", "nope").stderr
    cloud.answers["DescribeSecurityGroups"] = groups.DescribeSecurityGroupsResponse()
    assert "No security group is named 'nope'; `stead sg list` shows them." in stead("sg", "delete", "nope").stderr


def test_what_leads_nowhere_can_not_be_disassociated(cloud: Cloud, stead: Stead) -> None:
    idle = addresses.Address(allocation_id="eipalloc-1", public_ip="203.0.113.9")
    cloud.answers["DescribeAddresses"] = addresses.DescribeAddressesResponse(addresses=[idle])
    result = stead("address", "disassociate", "203.0.113.9")
    assert (result.exit_code, result.stderr) == (
        1,
        "stead: InvalidAssociationID.NotFound: 203.0.113.9 leads to no instance; nothing was changed.\n",
    )


def test_an_error_says_all_it_takes_to_get_past_it(cloud: Cloud, stead: Stead) -> None:
    cloud.answers["TerminateInstances"] = Refusal(
        grpc.StatusCode.FAILED_PRECONDITION,
        "DependencyViolation",
        "In use.",
        blocking_ids=["eni-1", "eni-2"],
        host_refusals=[HostRefusal(host_id="host-1", reason="too small"), HostRefusal(reason="vcpus")],
        request_id="req-1",
    )
    result = stead("instance", "terminate", I1, "--output", "json")
    assert (result.exit_code, result.stdout) == (1, "")
    expected = "stead: DependencyViolation: In use.\n  in the way: eni-1, eni-2\n  host-1: too small\n  vcpus\n"
    assert result.stderr == expected
