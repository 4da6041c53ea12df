"""What is wrong with a command line, or refused, and how that is said."""

import grpc
import pytest

from client.cli.app import app
from client.cli.listing import COMMANDS
from controlplane.model.state import State
from stead.v1 import addresses_pb2 as addresses
from stead.v1 import images_pb2 as images
from stead.v1 import instances_pb2 as instances
from stead.v1 import projects_pb2 as projects
from stead.v1 import route_tables_pb2 as tables
from stead.v1 import security_groups_pb2 as groups
from stead.v1.common_pb2 import Filter, HostRefusal

from .cases import BY_NAME, I1, I2, SG
from .fake_cloud import Cloud, Refusal, Stead

RULE = "sgr-00000000000000001"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("address allocate --tag Name", "'Name' is not of the form KEY=VALUE"),
        ("address allocate --tag Name=x --tag a=b --tag Name=y", "the key 'Name' is given twice"),
        ("sg authorize sg-1 --cidr 0.0.0.0/0", "tcp needs one, e.g. 22 or 8000-8010"),
        ("sg revoke sg-1 --rule sgr-1 --port 22 --cidr 0.0.0.0/0", "--rule: names the rules"),
        ("sg revoke sg-1 --rule sgr-1 --protocol tcp", "--rule: names the rules"),
        ("sg modify-rule web sgr-1 --description x", "alone is for `stead sg describe-rule web --rule sgr-1`"),
        ("sg modify-rule sg-1 sgr-1 --port 22 --cidr 10.0.0.0/8 --cidr 0.0.0.0/0", "--cidr: is given twice"),
        ("instance run --image ami-1 --subnet subnet-1 --subnet=subnet-2", "--subnet: is given twice"),
        ("vpc modify vpc-1 --dns --no-dns", "--dns: is given twice"),
        ("--output json vpc list --output table --output json", "--output: is given twice"),
        ("--output json --output table vpc list", "--output: is given twice"),
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
        f"sg authorize {SG} --protocol foo --cidr 0.0.0.0/0",
        f"sg authorize {SG} --protocol 256 --cidr 0.0.0.0/0",
        f"sg modify-rule {SG} sgr-1 --port 22 --cidr 0.0.0.0/0 --source-group {SG}",
        "route-table disassociate",
        "route-table disassociate rtbassoc-1 --subnet subnet-1",
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


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (
            f"subnet create 10.0.1.0/24 --vpc {SG}",
            f"InvalidVpcID.Malformed: {SG} is the id of a security group, and a VPC",
        ),
        (f"sg delete {I1}", f"InvalidGroup.Malformed: {I1} is the id of an instance, and a security group is wanted; "),
        (f"sg delete {RULE}", f"InvalidGroup.Malformed: {RULE} is the id of a security group's rule, and a security"),
        (f"instance run --image ami-1 --sg {I1}", f"InvalidGroup.Malformed: {I1} is the id of an instance, and"),
    ],
)
def test_the_id_of_something_else_is_taken_for_no_name(cloud: Cloud, stead: Stead, line: str, complaint: str) -> None:
    cloud.answers |= BY_NAME
    result = stead(*line.split())
    assert result.exit_code == 1
    assert complaint in result.stderr
    assert all(name.startswith("Describe") for name, _ in cloud.requests)


def test_a_groups_name_is_looked_for_in_a_vpc_that_is_told(cloud: Cloud, stead: Stead) -> None:
    cloud.answers |= BY_NAME | {"DescribeSecurityGroups": groups.DescribeSecurityGroupsResponse()}
    result = stead("instance", "run", "--image", "ami-1", "--subnet", "subnet-1", "--sg", "ssh")
    assert result.exit_code == 1
    assert "No security group is named 'ssh' in vpc-1, the subnet's VPC; `stead sg list` shows" in result.stderr


def test_a_subnet_without_a_table_of_its_own_can_not_be_disassociated(cloud: Cloud, stead: Stead) -> None:
    cloud.answers["DescribeRouteTables"] = tables.DescribeRouteTablesResponse()
    result = stead("route-table", "disassociate", "--subnet", "subnet-1")
    assert result.exit_code == 1
    assert "subnet-1 names no route table, so its VPC's main one serves it; nothing was changed." in result.stderr


def test_advice_names_commands_not_calls(cloud: Cloud, stead: Stead) -> None:
    message = "The VPC 'vpc-9' does not exist in this project; see DescribeVpcs"
    cloud.answers["DeleteVpc"] = Refusal(grpc.StatusCode.NOT_FOUND, "InvalidVpcID.NotFound", message)
    result = stead("vpc", "delete", "vpc-9")
    assert result.stderr.endswith("does not exist in this project; `stead vpc list` shows them\n")


def test_every_call_that_advice_names_is_a_command() -> None:
    calls = {table.kind.listing for table in State().tables.values()} - {""}
    assert calls <= set(COMMANDS)
    for line in COMMANDS.values():
        group, verb, *_ = line.split()
        (found,) = [each.typer_instance for each in app.registered_groups if each.name == group]
        assert found
        assert verb in [each.name for each in found.registered_commands]


def test_what_stands_in_the_way_is_told_once(cloud: Cloud, stead: Stead) -> None:
    cloud.answers["DeleteVpc"] = Refusal(
        grpc.StatusCode.FAILED_PRECONDITION,
        "DependencyViolation",
        "vpc-1 has subnet-1 and 1 more.",
        blocking_ids=["subnet-1", "igw-1"],
    )
    result = stead("vpc", "delete", "vpc-1")
    assert result.stderr == "stead: DependencyViolation: vpc-1 has subnet-1 and 1 more.\n  in the way: igw-1\n"


def test_rules_that_are_gone_are_counted(cloud: Cloud, stead: Stead) -> None:
    gone = groups.RevokeSecurityGroupIngressResponse(revoked_rule_ids=["sgr-1"])
    cloud.answers["RevokeSecurityGroupIngress"] = gone
    assert stead("sg", "revoke", SG, "--rule", "sgr-1", "--rule", "sgr-1").stdout == f"Revoked 1 rule of {SG}\n"


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
