"""Each command: what it asks of the control plane, and what it shows."""

import hashlib
import json
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from typer.testing import Result

from client.cli import watch
from client.cli.app import app
from client.cli.options import parse_filters
from stead.v1 import addresses_pb2 as addresses
from stead.v1 import audit_pb2 as audit
from stead.v1 import hosts_pb2 as hosts
from stead.v1 import images_pb2 as images
from stead.v1 import instances_pb2 as instances
from stead.v1 import key_pairs_pb2 as keys
from stead.v1 import projects_pb2 as projects
from stead.v1 import security_groups_pb2 as groups
from stead.v1 import volumes_pb2 as volumes
from stead.v1.common_pb2 import Filter, HostRefusal
from stead.v1.events_pb2 import ResourceChange, WatchEvent

from .cases import AMI, BY_NAME, I1, I2, LISTS, MUTATIONS, SG, VOL
from .fake_cloud import Cloud, Refusal

Stead = Callable[..., Result]


@pytest.mark.parametrize(("line", "method", "request_", "reply"), MUTATIONS, ids=[case[0] for case in MUTATIONS])
def test_what_a_command_asks_for(cloud: Cloud, stead: Stead, line: str, method: str, request_: Any, reply: Any) -> None:
    cloud.answers |= BY_NAME | {method: reply}
    result = stead(*line.split())
    assert result.exit_code == 0, result.stderr
    asked = cloud.asked(method)[-1]
    assert asked.client_token
    asked.client_token = ""
    assert asked == request_
    assert result.stdout.strip()

    result = stead(*line.split(), "--output", "json", "--client-token", "mine", "--dry-run")
    assert isinstance(json.loads(result.stdout), dict)
    assert (cloud.asked(method)[-1].client_token, cloud.asked(method)[-1].dry_run) == ("mine", True)


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


def test_the_private_key_goes_into_a_new_file_that_nobody_else_can_read(
    cloud: Cloud, stead: Stead, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cloud.answers["CreateKeyPair"] = keys.CreateKeyPairResponse(key_material="PRIVATE\n")
    assert stead("key", "create", "me", "--type", "rsa").stdout == "me.pem\n"
    assert (tmp_path / "me.pem").read_text() == "PRIVATE\n"
    assert stat.S_IMODE((tmp_path / "me.pem").stat().st_mode) == 0o600
    assert cloud.asked("CreateKeyPair")[0].key_type == keys.KEY_TYPE_RSA

    again = stead("key", "create", "me")
    assert again.exit_code == 2
    assert len(cloud.asked("CreateKeyPair")) == 1
    assert (tmp_path / "me.pem").read_text() == "PRIVATE\n"

    result = stead("key", "create", "me", "--output-file", "other", "--output", "json")
    assert "PRIVATE" not in result.output
    assert json.loads(result.stdout)["key_file"] == "other"


@pytest.mark.parametrize(
    "answer",
    [
        keys.CreateKeyPairResponse(),  # a replay: the private key is shown once
        Refusal(grpc.StatusCode.ALREADY_EXISTS, "InvalidKeyPair.Duplicate"),
        Refusal(grpc.StatusCode.FAILED_PRECONDITION, "DryRunOperation"),
    ],
)
def test_without_a_private_key_no_file_is_left(cloud: Cloud, stead: Stead, tmp_path: Path, answer: Any) -> None:
    cloud.answers["CreateKeyPair"] = answer
    stead("key", "create", "me", "--output-file", str(tmp_path / "me.pem"))
    assert not (tmp_path / "me.pem").exists()


def test_a_public_key_is_imported(cloud: Cloud, stead: Stead, tmp_path: Path) -> None:
    cloud.answers["ImportKeyPair"] = keys.ImportKeyPairResponse(key_pair=keys.KeyPair(key_name="me"))
    (tmp_path / "id.pub").write_text("ssh-ed25519 AAAA me")
    assert stead("key", "import", "me", str(tmp_path / "id.pub")).exit_code == 0
    assert cloud.asked("ImportKeyPair")[0].public_key_material == "ssh-ed25519 AAAA me"


def test_an_image_is_sent_whole_with_its_format_size_and_digest(cloud: Cloud, stead: Stead, tmp_path: Path) -> None:
    cloud.answers["GetImageUpload"] = images.GetImageUploadResponse()
    cloud.answers["ImportImage"] = images.ImportImageResponse(image=images.Image(image_id=AMI))
    (tmp_path / "tiny.img").write_bytes(content := bytes(range(256)) * 10_000)
    assert stead("image", "import", str(tmp_path / "tiny.img")).exit_code == 0
    first, *others = cloud.asked("ImportImage")[0]
    assert (first.header.name, first.header.format, first.header.size_bytes) == ("tiny", "raw", len(content))
    assert first.header.sha256 == hashlib.sha256(content).hexdigest()
    assert b"".join(part.chunk for part in others) == content
    assert max(len(part.chunk) for part in others) <= 2**20


def test_an_image_that_breaks_off_goes_on_where_it_was(cloud: Cloud, stead: Stead, tmp_path: Path) -> None:
    (tmp_path / "tiny.img").write_bytes(content := bytes(range(256)) * 10_000)
    broken = Refusal(grpc.StatusCode.UNAVAILABLE, "Unavailable", "The control plane is restarting.", retryable=True)
    cloud.answers["GetImageUpload"] = [images.GetImageUploadResponse(received_bytes=n) for n in (0, 1 << 20)]
    cloud.answers["ImportImage"] = [broken, images.ImportImageResponse(image=images.Image(image_id=AMI))]
    result = stead("image", "import", str(tmp_path / "tiny.img"))
    assert result.exit_code == 0
    assert "Not finished yet: The control plane is restarting." in result.stderr
    assert "Going on from 1 of 2 MiB" in result.stderr
    (first, *_), (second, *rest) = cloud.asked("ImportImage")
    assert (first.header.offset, second.header.offset) == (0, 1 << 20)
    assert first.header.client_token == second.header.client_token != ""
    assert b"".join(part.chunk for part in rest) == content[1 << 20 :]


def test_an_image_of_which_nothing_arrives_is_given_up(cloud: Cloud, stead: Stead, tmp_path: Path) -> None:
    (tmp_path / "tiny.img").write_bytes(b"x")
    cloud.answers["GetImageUpload"] = images.GetImageUploadResponse()
    cloud.answers["ImportImage"] = Refusal(grpc.StatusCode.UNAVAILABLE, "Unavailable", retryable=True)
    assert stead("image", "import", str(tmp_path / "tiny.img")).exit_code == 1
    assert len(cloud.asked("ImportImage")) == 5


def test_a_file_whose_format_its_name_does_not_tell_is_not_guessed_at(stead: Stead, tmp_path: Path) -> None:
    (tmp_path / "disk.iso").write_bytes(b"x")
    result = stead("image", "import", str(tmp_path / "disk.iso"))
    assert result.exit_code == 2
    assert "--format" in result.stderr


def test_user_data_is_sent_as_it_is(cloud: Cloud, stead: Stead) -> None:
    cloud.answers["RunInstances"] = instances.RunInstancesResponse()
    stead("instance", "run", "--image", AMI, "--user-data-file", "-", input=b"\x00\xff")
    assert cloud.asked("RunInstances")[0].user_data == b"\x00\xff"


def test_the_console_is_printed_as_it_is(cloud: Cloud, stead: Stead) -> None:
    cloud.answers["GetConsoleOutput"] = instances.GetConsoleOutputResponse(output=b"\x1b[1mlogin\xff\r\n")
    assert stead("instance", "console-log", I1).stdout_bytes == b"\x1b[1mlogin\xff\r\n"
    assert json.loads(stead("instance", "console-log", I1, "--output", "json").stdout)["output"] == "G1sxbWxvZ2lu/w0K"


def test_a_watch_goes_on_after_a_restart(cloud: Cloud, stead: Stead, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "PAUSE_S", 0)
    restarting = Refusal(grpc.StatusCode.UNAVAILABLE, "Unavailable", "Restarting.", retryable=True)
    streams = {6: [WatchEvent(revision=7), restarting], 7: [WatchEvent(revision=9)]}
    cloud.answers |= {"Watch": lambda request: streams[request.after_revision], "stay": False}
    result = stead("watch", "--after", "6", "--output", "json")
    assert [json.loads(line)["revision"] for line in result.stdout.splitlines()] == [7, 9]
    assert "Restarting. Going on after revision 7." in result.stderr


def test_streams_come_back_when_they_are_asked_to(
    cloud: Cloud, stead: Stead, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(watch, "PAUSE_S", 0)
    busy = Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "RequestLimitExceeded", retry_after_s=0.01, retryable=True)
    streams = [[busy], [WatchEvent(revision=7)]]
    cloud.answers |= {"Watch": lambda _: streams.pop(0), "stay": False}
    assert json.loads(stead("watch", "--output", "json").stdout)["revision"] == 7
    (tmp_path / "tiny.img").write_bytes(b"x")
    cloud.answers["GetImageUpload"] = images.GetImageUploadResponse()
    cloud.answers["ImportImage"] = [busy, images.ImportImageResponse(image=images.Image(image_id=AMI))]
    assert stead("image", "import", str(tmp_path / "tiny.img")).exit_code == 0


def test_watching(cloud: Cloud, stead: Stead) -> None:
    gone = ResourceChange(kind="instance", id=I1, deleted=True)
    noon = Timestamp(seconds=12 * 3600)
    events = [
        WatchEvent(revision=6, bookmark=True),
        WatchEvent(revision=7, changes=[gone], commit_time=noon, token_id="tok-1"),
        WatchEvent(revision=8, resync=True),
    ]
    cloud.answers |= {"Watch": events, "stay": False}
    first, second = stead("watch", "--after", "6", "--kind", "instance").stdout.splitlines()
    assert first.split() == ["7", "12:00:00Z", "instance", I1, "deleted", "by", "tok-1"]
    assert list(cloud.watched[-1].kinds) == ["instance"]
    assert "list again" in second
    lines = stead("watch", "--contents", "--output", "json").stdout.splitlines()
    assert [json.loads(line)["revision"] for line in lines] == [6, 7, 8]
    assert cloud.watched[-1].with_contents


def test_a_name_does_where_an_id_does(cloud: Cloud, stead: Stead) -> None:
    cloud.answers |= {
        "DescribeInstances": instances.DescribeInstancesResponse(instances=[instances.Instance(instance_id=I1)]),
        "DescribeVolumes": volumes.DescribeVolumesResponse(volumes=[volumes.Volume(volume_id=VOL)]),
        "DescribeHosts": hosts.DescribeHostsResponse(hosts=[hosts.Host(host_id="host-1")]),
        "RebootInstances": instances.RebootInstancesResponse(),
        "AttachVolume": volumes.AttachVolumeResponse(),
        "RemoveHost": hosts.RemoveHostResponse(),
    }
    assert I1 in stead("instance", "reboot", "web").stdout
    assert list(cloud.asked("RebootInstances")[0].instance_ids) == [I1]
    name, living = cloud.asked("DescribeInstances")[0].filters
    assert (name, "terminated" in living.values) == (Filter(name="tag:Name", values=["web"]), False)
    stead("volume", "attach", "data", "web")
    asked = cloud.asked("AttachVolume")[0]
    assert (asked.volume_id, asked.instance_id) == (VOL, I1)
    stead("host", "remove", "b1")
    assert cloud.asked("RemoveHost")[0].host_id == "host-1"


def test_a_repeated_end_finds_what_is_gone_by_its_name(cloud: Cloud, stead: Stead) -> None:
    gone = instances.DescribeInstancesResponse(instances=[instances.Instance(instance_id=I1)])
    cloud.answers |= {
        "DescribeInstances": [instances.DescribeInstancesResponse(), gone, instances.DescribeInstancesResponse()],
        "TerminateInstances": instances.TerminateInstancesResponse(),
        "DescribeVolumes": volumes.DescribeVolumesResponse(),
        "ListVolumesInRecycleBin": volumes.ListVolumesInRecycleBinResponse(
            volumes=[volumes.RecycledVolume(volume_id=VOL)]
        ),
        "DeleteVolume": volumes.DeleteVolumeResponse(),
    }
    assert stead("instance", "terminate", "web", "--client-token", "x").exit_code == 0
    assert list(cloud.asked("TerminateInstances")[0].instance_ids) == [I1]
    assert list(cloud.asked("DescribeInstances")[1].filters[1].values) == ["terminated"]
    assert stead("instance", "terminate", "web").exit_code == 1, "a call without a token is none that was made before"
    assert stead("volume", "delete", "data", "--client-token", "y").exit_code == 0
    assert cloud.asked("DeleteVolume")[0].volume_id == VOL
    assert cloud.asked("ListVolumesInRecycleBin")[0].filters[0] == Filter(name="tag:Name", values=["data"])
    assert stead("volume", "delete", "data").exit_code == 1


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
    ("text", "values"),
    [("a,b", ["a", "b"]), ("", [""]), (r"a\,b,c", ["a,b", "c"]), (r"a\*\\,b", [r"a\*\\", "b"]), (",a,", ["", "a", ""])],
)
def test_a_comma_can_be_part_of_a_filters_value(text: str, values: list[str]) -> None:
    assert parse_filters([f"tag:x={text}"]) == [Filter(name="tag:x", values=values)]


def test_what_leads_nowhere_can_not_be_disassociated(cloud: Cloud, stead: Stead) -> None:
    idle = addresses.Address(allocation_id="eipalloc-1", public_ip="203.0.113.9")
    cloud.answers["DescribeAddresses"] = addresses.DescribeAddressesResponse(addresses=[idle])
    result = stead("address", "disassociate", "203.0.113.9")
    assert (result.exit_code, result.stderr) == (
        1,
        "stead: InvalidAssociationID.NotFound: 203.0.113.9 leads to no instance; nothing was changed.\n",
    )


def test_a_modification_shows_what_it_changed(cloud: Cloud, stead: Stead) -> None:
    changed = instances.Instance(instance_id=I1, disable_api_termination=True)
    cloud.answers["ModifyInstanceAttribute"] = instances.ModifyInstanceAttributeResponse(instance=changed)
    assert "disable_api_termination: yes" in stead("instance", "modify", I1, "--protect").stdout


def test_help_cuts_no_name(stead: Stead, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for group in app.registered_groups:
        assert group.typer_instance
        assert "...\n" not in stead(str(group.name), "--help").stdout.partition("Commands:")[2]
        for verb in group.typer_instance.registered_commands:
            text = stead(str(group.name), str(verb.name), "--help").stdout
            assert "…" not in text
            assert not re.search(r"^ +--.*<(str|int|list\[str)", text, re.MULTILINE), "a type says less than a word"
    assert "--delete-on-termination" in stead("instance", "modify", "--help").stdout


@pytest.mark.parametrize(
    "line",
    [
        "instance list --filter nonsense",
        "instance run --image a --tag nonsense",
        f"sg authorize {SG} --port 22",
        f"sg authorize {SG} --cidr 0.0.0.0/0",
        f"sg authorize {SG} --protocol icmp --port 1 --cidr 0.0.0.0/0",
        f"sg authorize {SG} --protocol icmp --icmp-type echo --cidr 0.0.0.0/0",
        f"sg authorize {SG} --port 1 --icmp-type 8 --cidr 0.0.0.0/0",
        "instance dance",
    ],
)
def test_wrong_use_is_told_from_failure_by_the_exit_code(cloud: Cloud, stead: Stead, line: str) -> None:
    cloud.answers |= BY_NAME
    assert stead(*line.split()).exit_code == 2


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


def test_a_dry_run_that_would_have_succeeded_is_a_success(cloud: Cloud, stead: Stead) -> None:
    cloud.answers["TerminateInstances"] = Refusal(grpc.StatusCode.FAILED_PRECONDITION, "DryRunOperation", "Would have.")
    result = stead("instance", "terminate", I1, "--dry-run")
    assert (result.exit_code, result.stdout) == (0, "Dry run: the request would have succeeded.\n")
    assert json.loads(stead("instance", "terminate", I1, "--dry-run", "--output", "json").stdout)["dry_run"] is True


def test_the_documentation_names_every_command() -> None:
    lines = (Path(__file__).parents[3] / "docs" / "cli.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| `")]
    for group in app.registered_groups:
        (row,) = [row for row in rows if f"`{group.name}`" in row.split("|")[1]]
        assert group.typer_instance
        for verb in group.typer_instance.registered_commands:
            assert f"`{verb.name}`" in row


def test_many_host_tokens_are_for_each_zone_in_turn(cloud: Cloud, stead: Stead) -> None:
    cloud.answers["CreateHostToken"] = hosts.CreateHostTokenResponse(token="T")
    line = ("host", "token", "--az", "a", "--az", "b", "--role", "compute", "--count", "3")
    result = stead(*line)
    assert (result.stdout, len(result.stderr.splitlines())) == ("T\nT\nT\n", 1)
    asked = cloud.asked("CreateHostToken")
    assert [request.zone_name for request in asked] == ["a", "b", "a"]
    assert len({request.client_token for request in asked}) == 3
    result = stead(*line, "--client-token", "mine")
    assert result.exit_code == 2
    assert "--count" in result.stderr
