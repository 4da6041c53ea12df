"""Commands that change something: what each asks of the control plane, and what it shows."""

import json
import stat
from pathlib import Path
from typing import Any

import grpc
import pytest

from stead.v1 import hosts_pb2 as hosts
from stead.v1 import instances_pb2 as instances
from stead.v1 import key_pairs_pb2 as keys
from stead.v1 import volumes_pb2 as volumes
from stead.v1.common_pb2 import Filter

from .cases import AMI, BY_NAME, I1, MUTATIONS, VOL
from .fake_cloud import Cloud, Refusal, Stead


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


def test_a_modification_shows_what_it_changed(cloud: Cloud, stead: Stead) -> None:
    changed = instances.Instance(instance_id=I1, disable_api_termination=True)
    cloud.answers["ModifyInstanceAttribute"] = instances.ModifyInstanceAttributeResponse(instance=changed)
    assert "disable_api_termination: yes" in stead("instance", "modify", I1, "--protect").stdout


def test_a_dry_run_that_would_have_succeeded_is_a_success(cloud: Cloud, stead: Stead) -> None:
    cloud.answers["TerminateInstances"] = Refusal(grpc.StatusCode.FAILED_PRECONDITION, "DryRunOperation", "Would have.")
    result = stead("instance", "terminate", I1, "--dry-run")
    assert (result.exit_code, result.stdout) == (0, "Dry run: the request would have succeeded.\n")
    assert json.loads(stead("instance", "terminate", I1, "--dry-run", "--output", "json").stdout)["dry_run"] is True


def test_user_data_is_sent_as_it_is(cloud: Cloud, stead: Stead) -> None:
    cloud.answers["RunInstances"] = instances.RunInstancesResponse()
    stead("instance", "run", "--image", AMI, "--user-data-file", "-", input=b"\x00\xff")
    assert cloud.asked("RunInstances")[0].user_data == b"\x00\xff"


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
