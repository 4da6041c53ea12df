"""`--wait`: what it waits for, what it gives up on, and that changes hurry it along."""

import json
from typing import Any

import grpc
import pytest

from client.cli import wait
from stead.v1.events_pb2 import ResourceChange, WatchEvent
from stead.v1.instances_pb2 import (
    DescribeInstancesResponse,
    Instance,
    InstanceState,
    InstanceStateChange,
    RebootInstancesResponse,
    RunInstancesResponse,
    StartInstancesResponse,
    StateReason,
    StopInstancesResponse,
    TerminateInstancesResponse,
)
from stead.v1.network_acls_pb2 import DeleteNetworkAclEntryResponse, DescribeNetworkAclsResponse, NetworkAcl
from stead.v1.prefix_lists_pb2 import ModifyManagedPrefixListResponse
from stead.v1.security_groups_pb2 import (
    AuthorizeSecurityGroupIngressResponse,
    DescribeSecurityGroupsResponse,
    RevokeSecurityGroupIngressResponse,
    SecurityGroup,
    SecurityGroupRule,
)
from stead.v1.volumes_pb2 import (
    AttachVolumeResponse,
    CreateVolumeResponse,
    DeleteVolumeResponse,
    DescribeVolumesResponse,
    DetachVolumeResponse,
    Volume,
    VolumeAttachment,
)

from .cases import AMI, I1, I2, SG, VOL
from .fake_cloud import Cloud, Refusal, Stead


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOOK_AGAIN_S", "PAUSE_S", "TICK_S"):
        monkeypatch.setattr(wait, name, 0.01)


def instance(name: str, id: str = I1, **fields: Any) -> Instance:
    return Instance(instance_id=id, state=InstanceState(name=name), **fields)


def seen(*instances: Instance) -> DescribeInstancesResponse:
    return DescribeInstancesResponse(instances=instances)


def volume(state: str, attachment: str = "") -> DescribeVolumesResponse:
    attachments = [VolumeAttachment(volume_id=VOL, instance_id=I1, state=attachment)] if attachment else []
    return DescribeVolumesResponse(volumes=[Volume(volume_id=VOL, state=state, attachments=attachments)])


def test_run_waits_until_all_are_running_and_shows_them_as_they_are_then(cloud: Cloud, stead: Stead) -> None:
    cloud.answers |= {
        "RunInstances": RunInstancesResponse(instances=[instance("pending"), instance("pending", I2)]),
        "DescribeInstances": [
            seen(instance("pending"), instance("running", I2)),
            seen(instance("running", public_ip_address="203.0.113.9"), instance("running", I2)),
        ],
    }
    result = stead("instance", "run", "--image", AMI, "--count", "2", "--wait", "--output", "json")
    first, second = json.loads(result.stdout)["instances"]
    assert (first["state"]["name"], first["public_ip_address"], second["state"]["name"]) == (
        "running",
        "203.0.113.9",
        "running",
    )


def test_one_that_can_not_get_there_any_more_fails_with_its_reason(cloud: Cloud, stead: Stead) -> None:
    reason = StateReason(code="Server.InternalError", message="The disk is gone.")
    cloud.answers |= {
        "RunInstances": RunInstancesResponse(instances=[instance("pending")]),
        "DescribeInstances": [seen(instance("pending")), seen(instance("terminated", state_reason=reason))],
    }
    result = stead("instance", "run", "--image", AMI, "--wait")
    assert result.exit_code == 1
    assert f"WaitFailed: {I1} is terminated and will not be running." in result.stderr
    assert "Server.InternalError: The disk is gone." in result.stderr


def test_a_start_that_cannot_succeed_fails_at_once(cloud: Cloud, stead: Stead) -> None:
    broken = instance("pending", status_detail="the disk is gone", is_status_permanent=True)
    change = InstanceStateChange(instance_id=I1, previous_state=InstanceState(name="stopped"))
    cloud.answers |= {
        "StartInstances": StartInstancesResponse(starting_instances=[change]),
        "DescribeInstances": seen(broken),
    }
    result = stead("instance", "start", I1, "--wait")
    assert (result.exit_code, result.stderr) == (
        1,
        f"stead: WaitFailed: {I1} is pending, and stays so: the disk is gone\n",
    )


def test_a_cause_is_shown_once_while_it_waits(cloud: Cloud, stead: Stead, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait, "LASTING_S", 0)
    late = instance("pending", I2, status_detail="the pool is full")
    cloud.answers |= {
        "RunInstances": RunInstancesResponse(instances=[instance("pending"), instance("pending", I2)]),
        "DescribeInstances": [
            seen(instance("pending"), late),
            seen(instance("pending"), instance("pending", I2)),
            seen(instance("running"), late),
            seen(instance("running"), instance("running", I2)),
        ],
    }
    result = stead("instance", "run", "--image", AMI, "--count", "2", "--wait")
    assert result.exit_code == 0
    assert result.stderr == f"{I2} is pending, 0 of 2 running: the pool is full\n"


def test_a_cause_that_passes_is_not_worth_a_line(cloud: Cloud, stead: Stead) -> None:
    late = instance("pending", status_detail="its volume is being made")
    cloud.answers |= {
        "RunInstances": RunInstancesResponse(instances=[instance("pending")]),
        "DescribeInstances": [seen(late), seen(late), seen(instance("running"))],
    }
    assert stead("instance", "run", "--image", AMI, "--wait").stderr == ""


def test_the_new_id_is_told_whatever_becomes_of_the_wait(cloud: Cloud, stead: Stead) -> None:
    refused = Refusal(grpc.StatusCode.UNAUTHENTICATED, "AuthFailure", "The token was revoked.")
    created = Volume(volume_id=VOL, state="creating")
    cloud.answers |= {
        "RunInstances": RunInstancesResponse(instances=[instance("pending")]),
        "DescribeInstances": seen(instance("pending")),
        "CreateVolume": CreateVolumeResponse(volume=created),
        "DescribeVolumes": refused,
    }
    result = stead("instance", "run", "--image", AMI, "--wait", "--timeout", "0")
    assert (result.exit_code, result.stderr) == (
        1,
        f"stead: WaitTimeout: After 0 s: {I1} is pending. It goes on.\n",
    )
    assert I1 in result.stdout
    result = stead("volume", "create", "--az", "z", "--size", "1", "--wait", "--output", "json")
    assert (result.exit_code, json.loads(result.stdout)["volume"]["volume_id"]) == (1, VOL)


def test_what_was_added_is_told_whatever_becomes_of_the_wait(cloud: Cloud, stead: Stead) -> None:
    attachment = VolumeAttachment(volume_id=VOL, instance_id=I1, state="attaching", device_name="/dev/sdf")
    cloud.answers |= {
        "AuthorizeSecurityGroupIngress": AuthorizeSecurityGroupIngressResponse(
            rules=[SecurityGroupRule(rule_id="sgr-1")]
        ),
        "DescribeSecurityGroups": group("pending"),
        "AttachVolume": AttachVolumeResponse(attachment=attachment),
        "DescribeVolumes": volume("in-use", "attaching"),
    }
    late = ("--wait", "--timeout", "0", "--output", "json")
    result = stead("sg", "authorize", SG, "--port", "22", "--cidr", "0.0.0.0/0", *late)
    assert (result.exit_code, json.loads(result.stdout)["rules"][0]["rule_id"]) == (1, "sgr-1")
    result = stead("volume", "attach", VOL, I1, *late)
    assert (result.exit_code, json.loads(result.stdout)["attachment"]["device_name"]) == (1, "/dev/sdf")


def test_stop_and_terminate(cloud: Cloud, stead: Stead) -> None:
    change = InstanceStateChange(instance_id=I1, previous_state=InstanceState(name="running"))
    cloud.answers |= {
        "StopInstances": StopInstancesResponse(stopping_instances=[change]),
        "TerminateInstances": TerminateInstancesResponse(terminating_instances=[change]),
        "DescribeInstances": [seen(instance("stopping")), seen(instance("stopped"))],
    }
    assert "stopped" in stead("instance", "stop", I1, "--wait").stdout
    cloud.answers["DescribeInstances"] = [seen(instance("shutting-down")), seen()]  # gone is terminated
    assert stead("instance", "terminate", I1, "--wait").exit_code == 0


def test_giving_up_names_what_was_missing(cloud: Cloud, stead: Stead) -> None:
    cloud.answers |= {
        "RunInstances": RunInstancesResponse(instances=[instance("pending")]),
        "DescribeInstances": seen(instance("pending", status_detail="the host is unreachable")),
    }
    result = stead("instance", "run", "--image", AMI, "--wait", "--timeout", "0.1")
    assert result.exit_code == 1
    assert f"WaitTimeout: After 0.1 s: {I1} is pending (the host is unreachable)" in result.stderr


def test_an_error_while_waiting_is_shown_as_itself(cloud: Cloud, stead: Stead) -> None:
    cloud.answers |= {
        "RunInstances": RunInstancesResponse(instances=[instance("pending")]),
        "DescribeInstances": Refusal(grpc.StatusCode.UNAUTHENTICATED, "AuthFailure", "The token was revoked."),
    }
    result = stead("instance", "run", "--image", AMI, "--wait")
    assert (result.exit_code, result.stderr) == (1, "stead: AuthFailure: The token was revoked.\n")


def told(*changes: ResourceChange, **event: Any) -> WatchEvent:
    return WatchEvent(changes=changes, **event)


@pytest.fixture
def log_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is waited for is listed once, and then never again."""
    monkeypatch.setattr(wait, "LOOK_AGAIN_S", 1e9)


@pytest.mark.usefixtures("log_alone")
def test_the_revision_log_tells_when_it_has_happened(cloud: Cloud, stead: Stead) -> None:
    cloud.answers |= {
        "RunInstances": RunInstancesResponse(instances=[instance("pending"), instance("pending", I2)]),
        "DescribeInstances": DescribeInstancesResponse(
            instances=[instance("pending"), instance("pending", I2)], revision=6
        ),
        "Watch": [
            told(revision=6, bookmark=True),
            told(
                ResourceChange(kind="instance", id="i-another", instance=instance("running", "i-another")), revision=7
            ),
            told(ResourceChange(kind="instance", id=I1, instance=instance("running")), revision=8),
            told(
                ResourceChange(kind="instance", id=I2, instance=instance("running", I2, public_ip_address="192.0.2.1")),
                revision=9,
            ),
        ],
    }
    cloud.may_stream.set()
    result = stead("instance", "run", "--image", AMI, "--count", "2", "--wait", "--output", "json")
    _, second = json.loads(result.stdout)["instances"]
    assert second["public_ip_address"] == "192.0.2.1"
    assert len(cloud.asked("DescribeInstances")) == 1


@pytest.mark.usefixtures("log_alone")
def test_what_is_gone_is_told_by_the_revision_log(cloud: Cloud, stead: Stead) -> None:
    cloud.answers |= {
        "DeleteVolume": DeleteVolumeResponse(),
        "DescribeVolumes": volume("deleting"),
        "Watch": [told(ResourceChange(kind="volume", id=VOL, deleted=True), revision=7)],
    }
    cloud.may_stream.set()
    assert stead("volume", "delete", VOL, "--wait").stdout == f"Deleted {VOL}\n"


@pytest.mark.usefixtures("log_alone")
@pytest.mark.parametrize("stream", [[WatchEvent(revision=9, resync=True)], [Refusal(grpc.StatusCode.UNAVAILABLE)]])
def test_where_the_revision_log_fails_it_lists_again(cloud: Cloud, stead: Stead, stream: list[Any]) -> None:
    cloud.answers |= {
        "RunInstances": RunInstancesResponse(instances=[instance("pending")]),
        "DescribeInstances": [seen(instance("pending")), seen(instance("running"))],
        "Watch": stream,
    }
    cloud.may_stream.set()
    assert stead("instance", "run", "--image", AMI, "--wait").exit_code == 0


def test_what_no_event_tells_is_looked_for_now_and_then(cloud: Cloud, stead: Stead) -> None:
    cloud.answers |= {
        "RunInstances": RunInstancesResponse(instances=[instance("pending")]),
        "DescribeInstances": [seen(instance("pending")), seen(instance("running"))],
    }
    cloud.may_stream.set()
    assert stead("instance", "run", "--image", AMI, "--wait").exit_code == 0


def test_a_reboot_is_waited_for_until_the_guest_has_begun_anew(cloud: Cloud, stead: Stead) -> None:
    cloud.answers |= {
        "RebootInstances": RebootInstancesResponse(),
        "DescribeInstances": [seen(instance("running", is_reboot_pending=True)), seen(instance("running"))],
    }
    assert stead("instance", "reboot", I1, "--wait").stdout == f"Rebooted {I1}\n"
    cloud.answers["DescribeInstances"] = seen(instance("running", is_reboot_pending=True))
    result = stead("instance", "reboot", I1, "--wait", "--timeout", "0.1")
    assert f"{I1} is running, not yet rebooted. It goes on." in result.stderr


def test_volumes(cloud: Cloud, stead: Stead) -> None:
    attachment = VolumeAttachment(volume_id=VOL, state="attaching")
    cloud.answers |= {
        "CreateVolume": CreateVolumeResponse(volume=Volume(volume_id=VOL, state="creating")),
        "AttachVolume": AttachVolumeResponse(attachment=attachment),
        "DetachVolume": DetachVolumeResponse(attachment=attachment),
        "DeleteVolume": DeleteVolumeResponse(),
        "DescribeVolumes": [volume("creating"), volume("available")],
    }
    assert "available" in stead("volume", "create", "--az", "z", "--size", "1", "--wait").stdout
    cloud.answers["DescribeVolumes"] = [volume("in-use", "attaching"), volume("in-use", "attached")]
    assert "attached" in stead("volume", "attach", VOL, I1, "--wait").stdout
    cloud.answers["DescribeVolumes"] = [volume("in-use", "busy"), volume("available")]
    assert "detached" in stead("volume", "detach", VOL, "--wait").stdout
    cloud.answers["DescribeVolumes"] = [volume("deleting"), DescribeVolumesResponse()]
    assert stead("volume", "delete", VOL, "--wait").stdout == f"Deleted {VOL}\n"


def test_a_guest_that_holds_its_volume_is_shown_while_it_waits(
    cloud: Cloud, stead: Stead, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait, "LASTING_S", 0)
    held = VolumeAttachment(volume_id=VOL, state="busy", state_detail="the guest still has it")
    cloud.answers |= {
        "DetachVolume": DetachVolumeResponse(attachment=held),
        "DescribeVolumes": [
            DescribeVolumesResponse(volumes=[Volume(volume_id=VOL, state="in-use", attachments=[held])]),
            volume("available"),
        ],
    }
    result = stead("volume", "detach", VOL, "--wait")
    assert result.stderr == f"{VOL} is in-use and busy: the guest still has it\n"


def test_a_volume_in_error_fails(cloud: Cloud, stead: Stead) -> None:
    broken = Volume(volume_id=VOL, state="error", state_detail="the pool is full")
    cloud.answers |= {
        "CreateVolume": CreateVolumeResponse(volume=Volume(volume_id=VOL, state="creating")),
        "DescribeVolumes": DescribeVolumesResponse(volumes=[broken]),
    }
    result = stead("volume", "create", "--az", "z", "--size", "1", "--wait")
    assert (result.exit_code, result.stderr) == (1, f"stead: WaitFailed: {VOL} is in error: the pool is full\n")


def group(status: str, detail: str = "") -> DescribeSecurityGroupsResponse:
    return DescribeSecurityGroupsResponse(
        security_groups=[SecurityGroup(group_id=SG, status=status, status_detail=detail)]
    )


@pytest.mark.parametrize("verb", ["authorize", "revoke"])
def test_rules_are_waited_for_until_all_hosts_have_them(
    cloud: Cloud, stead: Stead, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setattr(wait, "LASTING_S", 0)
    late = group("pending", "hosts that do not have its rules yet: 2")
    cloud.answers |= {
        "AuthorizeSecurityGroupIngress": AuthorizeSecurityGroupIngressResponse(),
        "RevokeSecurityGroupIngress": RevokeSecurityGroupIngressResponse(),
        "DescribeSecurityGroups": [late, late, group("enforced")],
    }
    result = stead("sg", verb, SG, "--port", "22", "--cidr", "0.0.0.0/0", "--wait")
    assert (result.exit_code, result.stderr.count("hosts that do not have its rules yet: 2")) == (0, 1)
    assert stead("sg", verb, SG, "--port", "22", "--cidr", "0.0.0.0/0", "--wait").exit_code == 0


def test_a_network_acl_is_waited_for_until_all_hosts_have_it_or_it_is_gone(cloud: Cloud, stead: Stead) -> None:
    def acls(*statuses: str) -> DescribeNetworkAclsResponse:
        return DescribeNetworkAclsResponse(
            network_acls=[NetworkAcl(network_acl_id="acl-1", status=s) for s in statuses]
        )

    cloud.answers |= {
        "DeleteNetworkAclEntry": DeleteNetworkAclEntryResponse(),
        "DescribeNetworkAcls": [acls("pending"), acls("pending"), acls("enforced")],
    }
    line = ("network-acl", "delete-entry", "acl-1", "100", "--wait")
    assert stead(*line).stdout == "acl-1: deleted 100\n"
    assert [list(asked.filters[0].values) for asked in cloud.asked("DescribeNetworkAcls")] == [["acl-1"]] * 3
    cloud.answers["DescribeNetworkAcls"] = acls()
    assert stead(*line).exit_code == 0
    cloud.answers["DescribeNetworkAcls"] = acls("pending")
    result = stead(*line, "--timeout", "0.1")
    assert (result.exit_code, "After 0.1 s: acl-1 is pending" in result.stderr) == (1, True)


def test_a_prefix_list_is_waited_for_until_all_groups_that_name_it_have_its_networks(
    cloud: Cloud, stead: Stead
) -> None:
    late, nobody = group("pending"), DescribeSecurityGroupsResponse()
    cloud.answers |= {
        "ModifyManagedPrefixList": ModifyManagedPrefixListResponse(),
        "DescribeSecurityGroups": [nobody, late, late, group("enforced")],
    }
    line = ("prefix-list", "modify", "pl-1", "--add", "10.0.0.0/8", "--wait")
    assert stead(*line).exit_code == 0
    incoming, outgoing, *waiting = (asked.filters[0] for asked in cloud.asked("DescribeSecurityGroups"))
    assert (incoming.name, outgoing.name) == ("ip-permission.prefix-list-id", "egress.ip-permission.prefix-list-id")
    assert list(incoming.values) == list(outgoing.values) == ["pl-1"]
    assert [list(asked.values) for asked in waiting] == [[SG], [SG]]
    cloud.answers["DescribeSecurityGroups"] = nobody
    assert stead(*line).exit_code == 0
    cloud.answers["DescribeSecurityGroups"] = late
    result = stead(*line, "--timeout", "0.1")
    assert (result.exit_code, f"After 0.1 s: {SG} is pending" in result.stderr) == (1, True)
