"""What users do, as rules. They see what is durable, and choose at random."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from controlplane.model.instance import ROOT_DEVICE
from stead.v1 import addresses_pb2, instances_pb2, security_groups_pb2, volumes_pb2

from . import region
from .stage import PAUSE_S, WHICH, Stage, pick

PROJECT = st.integers(0, 1)
_BY_IDS: dict[str, Any] = {
    "StartInstances": instances_pb2.StartInstancesRequest,
    "StopInstances": instances_pb2.StopInstancesRequest,
    "RebootInstances": instances_pb2.RebootInstancesRequest,
    "TerminateInstances": instances_pb2.TerminateInstancesRequest,
}


class Users(Stage):
    @rule(
        pause_s=PAUSE_S,
        project=PROJECT,
        zone=st.sampled_from(("", *region.ZONES)),
        least=st.integers(1, 2),
        more=st.integers(0, 2),
        size=st.sampled_from(("t3.nano", "t3.small")),
        ends=st.sampled_from(("", "terminate")),
        has_data=st.booleans(),
        group=WHICH,
        is_public=st.booleans(),
    )
    def run(
        self,
        pause_s: float,
        project: int,
        zone: str,
        least: int,
        more: int,
        size: str,
        ends: str,
        has_data: bool,
        group: int,
        is_public: bool,
    ) -> None:
        owner = list(self.durable.projects)[project]
        image = next(row for row in self.durable.images if row.project_id == owner.id)
        groups = [row.id for row in self.durable.security_groups if row.project_id == owner.id]
        request = instances_pb2.RunInstancesRequest(
            image_id=image.id,
            instance_type=size,
            zone_name=zone,
            min_count=least,
            max_count=least + more,
            instance_initiated_shutdown_behavior=ends,
            security_group_ids=pick(groups, group),
            associate_public_ip_address=is_public,
        )
        if has_data:
            request.block_device_mappings.add(device_name="/dev/sdf", volume_size_gib=1)
        self.ask("RunInstances", request, owner)
        self.wait(pause_s)

    @rule(pause_s=PAUSE_S, method=st.sampled_from(sorted(_BY_IDS)), which=WHICH)
    def change_power(self, pause_s: float, method: str, which: int) -> None:
        more = {"force": which % 3 == 0} if method == "StopInstances" else {}
        for row in pick(self.instances(), which):
            self.ask(method, _BY_IDS[method](instance_ids=[row.id], **more), row)
        self.wait(pause_s)

    @rule(gap_s=PAUSE_S, which=WHICH, then=st.sampled_from(sorted(_BY_IDS)))
    def restart_and_think_again(self, gap_s: float, which: int, then: str) -> None:
        """Stopped and started, it may come up on another host; and while it does, its owner's mind changes."""
        for row in pick(self.instances(), which):
            for method, pause_s in (("StopInstances", 3.0), ("StartInstances", gap_s), (then, gap_s)):
                self.ask(method, _BY_IDS[method](instance_ids=[row.id]), row)
                self.wait(pause_s)

    @rule(gap_s=PAUSE_S, which=WHICH, method=st.sampled_from(("StopInstances", "TerminateInstances")))
    def make_room(self, gap_s: float, which: int, method: str) -> None:
        """Somebody's instance goes, and somebody else's takes its place, and what addresses it can get."""
        for row in pick(self.instances(), which):
            self.ask(method, _BY_IDS[method](instance_ids=[row.id]), row)
            self.wait(gap_s)
            other = next(number for number, one in enumerate(self.durable.projects) if one.id != row.project_id)
            self.run(gap_s, other, row.zone, 1, 0, "t3.nano", "", False, 0, True)

    @rule(pause_s=PAUSE_S, zone=st.sampled_from(region.ZONES), project=PROJECT)
    def create_volume(self, pause_s: float, zone: str, project: int) -> None:
        owner = list(self.durable.projects)[project]
        self.ask("CreateVolume", volumes_pb2.CreateVolumeRequest(zone_name=zone, size_gib=1), owner)
        self.wait(pause_s)

    @rule(pause_s=PAUSE_S, volume=WHICH, instance=WHICH)
    def attach(self, pause_s: float, volume: int, instance: int) -> None:
        """A free volume to an instance beside it."""
        pairs = [(row, target) for row in self._free_volumes() for target in self.instances() if _are_near(row, target)]
        for row, target in pick(pairs, volume + instance):
            request = volumes_pb2.AttachVolumeRequest(volume_id=row.id, instance_id=target.id)
            self.ask("AttachVolume", request, row)
        self.wait(pause_s)

    @rule(pause_s=PAUSE_S, which=WHICH, deletes=st.booleans())
    def detach_or_delete(self, pause_s: float, which: int, deletes: bool) -> None:
        attached = [row for row in self.durable.attachments if which == 0 or row.device_name != ROOT_DEVICE]
        if deletes:
            for row in pick(self.durable.volumes if which == 0 else self._free_volumes(), which):
                self.ask("DeleteVolume", volumes_pb2.DeleteVolumeRequest(volume_id=row.id), row)
        else:
            for bond in pick(attached, which):
                self.ask("DetachVolume", volumes_pb2.DetachVolumeRequest(volume_id=bond.volume_id), bond)
        self.wait(pause_s)

    def _free_volumes(self) -> list[Any]:
        return [row for row in self.durable.volumes if not self.durable.attachments.count("volume", row.id)]

    @rule(pause_s=PAUSE_S, project=PROJECT)
    def allocate(self, pause_s: float, project: int) -> None:
        owner = list(self.durable.projects)[project]
        self.ask("AllocateAddress", addresses_pb2.AllocateAddressRequest(), owner)
        self.wait(pause_s)

    @rule(pause_s=PAUSE_S, which=WHICH, what=st.sampled_from(("associate", "disassociate", "release")))
    def change_address(self, pause_s: float, which: int, what: str) -> None:
        elastic = [row for row in self.durable.addresses if row.is_elastic and not row.is_released]
        for row in pick(elastic, which):
            if what == "release":
                self.ask("ReleaseAddress", addresses_pb2.ReleaseAddressRequest(allocation_id=row.id), row)
            elif what == "disassociate" and row.association_id:
                request = addresses_pb2.DisassociateAddressRequest(association_id=row.association_id)
                self.ask("DisassociateAddress", request, row)
            else:
                for target in pick([one for one in self.instances() if one.project_id == row.project_id], which):
                    asked = addresses_pb2.AssociateAddressRequest(allocation_id=row.id, instance_id=target.id)
                    self.ask("AssociateAddress", asked, row)
        self.wait(pause_s)

    @rule(pause_s=PAUSE_S, which=WHICH, what=st.sampled_from(("create", "delete", "open or close a port")))
    def change_group(self, pause_s: float, which: int, what: str) -> None:
        for row in pick(self.durable.security_groups, which):
            method, request = self._group_request(row, what)
            self.ask(method, request, row)
        self.wait(pause_s)

    def _group_request(self, row: Any, what: str) -> tuple[str, Any]:
        rules = [one.id for one in self.durable.rules.by("group", row.id) if one.from_port == 22]
        if what == "create":
            asked = security_groups_pb2.CreateSecurityGroupRequest(group_name="another", description="simulated")
            return "CreateSecurityGroup", asked
        if what == "delete":
            return "DeleteSecurityGroup", security_groups_pb2.DeleteSecurityGroupRequest(group_id=row.id)
        if rules:
            revoke = security_groups_pb2.RevokeSecurityGroupIngressRequest(group_id=row.id, rule_ids=rules)
            return "RevokeSecurityGroupIngress", revoke
        authorize = security_groups_pb2.AuthorizeSecurityGroupIngressRequest(group_id=row.id)
        authorize.permissions.add(ip_protocol="tcp", from_port=22, to_port=22, cidr_ipv4="0.0.0.0/0")
        return "AuthorizeSecurityGroupIngress", authorize

    @rule(pause_s=PAUSE_S, which=WHICH)
    def repeat(self, pause_s: float, which: int) -> None:
        """A call is made again with its token: after an answer, without one, or while it is under way."""
        for earlier in pick(reversed(self.cloud.record.asked), which):
            self.cloud.ask(earlier.method, earlier.request, earlier.project_id)
        self.wait(pause_s)


def _are_near(volume: Any, instance: Any) -> bool:
    return bool(volume.zone == instance.zone and volume.project_id == instance.project_id)
