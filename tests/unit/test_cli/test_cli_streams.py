"""Images that are sent, consoles, what hosts counted, and changes as they happen."""

import hashlib
import json
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from client.cli import watch
from stead.v1 import images_pb2 as images
from stead.v1 import instances_pb2 as instances
from stead.v1 import key_pairs_pb2 as keys
from stead.v1 import security_groups_pb2 as groups
from stead.v1 import volumes_pb2 as volumes
from stead.v1.dropped_packets_pb2 import DroppedPacket, GetDroppedPacketsResponse
from stead.v1.effective_rules_pb2 import EffectiveRule, GetEffectiveRulesResponse
from stead.v1.events_pb2 import ResourceChange, WatchEvent
from stead.v1.paths_pb2 import GetPathExplanationResponse, PathStep

from .cases import AMI, I1
from .cases_of_vpcs import PCX
from .fake_cloud import Cloud, Refusal, Stead


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


def test_the_console_is_printed_as_it_is(cloud: Cloud, stead: Stead) -> None:
    cloud.answers["GetConsoleOutput"] = instances.GetConsoleOutputResponse(output=b"\x1b[1mlogin\xff\r\n")
    assert stead("instance", "console-log", I1).stdout_bytes == b"\x1b[1mlogin\xff\r\n"
    assert json.loads(stead("instance", "console-log", I1, "--output", "json").stdout)["output"] == "G1sxbWxvZ2lu/w0K"


def test_what_guards_an_instance_is_shown_with_what_it_matched(cloud: Cloud, stead: Stead) -> None:
    common: dict[str, Any] = {
        "network_interface_id": "eni-1",
        "from_port": -1,
        "to_port": -1,
        "peer": "0.0.0.0/0",
        "protocol": "-1",
    }
    last = EffectiveRule(**common, guard_id="acl-1", rule_number=32767, rule_action="deny", is_egress=True, packets=4)
    ping = {**common, "protocol": "1", "from_port": 8}
    rule = EffectiveRule(**ping, guard_id="sg-1", rule_id="sgr-1", rule_action="allow")
    reply = GetEffectiveRulesResponse(rules=[last, rule], not_counted="its host is away")
    cloud.answers["GetEffectiveRules"] = reply
    result = stead("instance", "rules", I1)
    first, second = (line.split() for line in result.stdout.splitlines()[1:])
    assert first == ["acl-1", "*", "out,", "to", "0.0.0.0/0", "all", "all", "deny", "4", "-", "eni-1"]
    assert second == ["sg-1", "sgr-1", "in,", "from", "0.0.0.0/0", "icmp", "8", "allow", "-", "-", "eni-1"]
    assert result.stderr == "Nothing was counted: its host is away\n"
    assert "packets" not in json.loads(stead("instance", "rules", I1, "--output", "json").stdout)["rules"][1]


def test_what_is_dropped_is_streamed_from_where_the_last_answer_ended(cloud: Cloud, stead: Stead) -> None:
    ends: dict[str, Any] = {"source": "10.0.0.1", "destination": "10.0.0.2", "network_interface_id": "eni-1"}
    first = DroppedPacket(
        **ends, guard="acl-in", protocol=6, source_port=9, destination_port=22, drop_time=Timestamp(seconds=1)
    )
    ping = DroppedPacket(**ends, guard="group-out", protocol=1, source_port=8, drop_time=Timestamp(seconds=2))
    cloud.answers["GetDroppedPackets"] = [
        GetDroppedPacketsResponse(after=4, packets=[first]),
        Refusal(grpc.StatusCode.UNAVAILABLE, "Unavailable", "its host is not connected", retryable=True),
        GetDroppedPacketsResponse(after=5, packets=[ping]),
        Refusal(grpc.StatusCode.NOT_FOUND, "InvalidInstanceID.NotFound", "it is gone"),
    ]
    result = stead("network", "drops", I1)
    assert result.stdout.splitlines() == [
        "1970-01-01T00:00:01.000Z acl-in tcp 10.0.0.1:9 > 10.0.0.2:22 eni-1",
        "1970-01-01T00:00:02.000Z group-out icmp 10.0.0.1 > 10.0.0.2 type 8 code 0 eni-1",
    ]
    assert "it is gone" in result.stderr
    assert [asked.after for asked in cloud.asked("GetDroppedPackets")] == [0, 4, 4, 5]


def test_a_path_is_explained_line_by_line(cloud: Cloud, stead: Stead) -> None:
    steps = [
        PathStep(kind="network-acl", resource_id="acl-1", line="100", allows=True, detail="tcp to port 22"),
        PathStep(kind="security-group", resource_id="sg-1", detail="no rule"),
    ]
    cloud.answers["GetPathExplanation"] = GetPathExplanationResponse(steps=steps)
    result = stead("network", "explain", "--from", I1, "--to", "198.51.100.9", "--port", "22")
    assert [line.split()[-4:] for line in result.stdout.splitlines()[1:2]] == [["tcp", "to", "port", "22"]]
    assert result.stdout.splitlines()[-1] == "It does not get there."
    (asked,) = cloud.asked("GetPathExplanation")
    assert (asked.source, asked.destination, asked.protocol, asked.port) == (I1, "198.51.100.9", "tcp", 22)


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


@pytest.mark.parametrize(
    ("change", "state"),
    [
        (
            ResourceChange(instance=instances.Instance(state=instances.InstanceState(code=16, name="running"))),
            "running",
        ),
        (ResourceChange(volume=volumes.Volume(state="in-use")), "in-use"),
        (ResourceChange(security_group=groups.SecurityGroup(status="pending")), "pending"),
        (ResourceChange(vpc_peering_connection=PCX), "pending-acceptance"),
        (ResourceChange(key_pair=keys.KeyPair(key_name="me")), ""),
        (ResourceChange(), ""),
    ],
)
def test_a_line_of_a_watch_has_the_state(cloud: Cloud, stead: Stead, change: ResourceChange, state: str) -> None:
    change.id = "id-1"
    cloud.answers |= {"Watch": [WatchEvent(revision=7, changes=[change])], "stay": False}
    assert stead("watch").stdout.partition("id-1")[2].strip() == state
    assert cloud.watched[-1].with_contents


def test_a_watch_goes_on_after_a_restart(cloud: Cloud, stead: Stead, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "PAUSE_S", 0)
    restarting = Refusal(grpc.StatusCode.UNAVAILABLE, "Unavailable", "Restarting.", retryable=True)
    streams = {6: [WatchEvent(revision=7), restarting], 7: [WatchEvent(revision=9)]}
    cloud.answers |= {"Watch": lambda request: streams[request.after_revision], "stay": False}
    result = stead("watch", "--after", "6", "--output", "json")
    assert [json.loads(line)["revision"] for line in result.stdout.splitlines()] == [7, 9]
    assert "Restarting. Going on after revision 7." in result.stderr


def test_a_revision_that_has_not_been_is_told_from_one_of_long_ago(cloud: Cloud, stead: Stead) -> None:
    cloud.answers |= {"Watch": [WatchEvent(revision=8, resync=True)], "stay": False}
    assert stead("watch", "--after", "9").stdout.split(maxsplit=1)[1].startswith("revision 9 is later than now")
    assert stead("watch", "--after", "7").stdout.split(maxsplit=1)[1].startswith("earlier changes are no longer kept")


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
