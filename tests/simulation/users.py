"""What users do, as rules. They see what is durable, and choose at random."""

import hashlib
from typing import Any

from controlplane.model.instance import ROOT_DEVICE, Desired
from stead.v1 import addresses_pb2, images_pb2, instances_pb2, network_interfaces_pb2, security_groups_pb2, volumes_pb2

from . import region
from .controlplane import upload
from .stage import Stage, often

_BY_IDS: dict[str, Any] = {
    "StartInstances": instances_pb2.StartInstancesRequest,
    "StopInstances": instances_pb2.StopInstancesRequest,
    "RebootInstances": instances_pb2.RebootInstancesRequest,
    "TerminateInstances": instances_pb2.TerminateInstancesRequest,
}


class Users(Stage):
    # Instances

    @often(3)
    def run_instances(self) -> None:
        self.launch(self.a_project())

    def launch(self, owner: Any, **given: Any) -> None:
        least = self.chance.choice((1, 1, 1, 2))
        wishes = {
            "image_id": self.chance.choice([row.id for row in self._images(owner)]),
            "instance_type": self.chance.choice(("t3.nano", "t3.nano", "t3.small")),
            "zone_name": self.chance.choice(("", *self._zones())),
            "min_count": least,
            "max_count": least + self.chance.choice((0, 0, 1)),
            "instance_initiated_shutdown_behavior": self.chance.choice(("", "terminate")),
            "security_group_ids": self.some(self._groups(owner)),
            "associate_public_ip_address": self.perhaps(0.3),
        }
        request = instances_pb2.RunInstancesRequest(**wishes | given)
        if self.perhaps(0.4):
            request.block_device_mappings.add(device_name="/dev/sdf", volume_size_gib=1)
        self.ask("RunInstances", request, owner)

    @often(4)
    def change_power(self) -> None:
        method = self.chance.choice(("StartInstances", "StartInstances", *_BY_IDS))
        for row in self.some(self.instances()):
            self._power(method, [row])

    @often(2)
    def change_power_of_all(self) -> None:
        """Of one project, in one call."""
        owner = self.a_project()
        if rows := [row for row in self.instances() if row.project_id == owner.id]:
            self._power(self.chance.choice(("StartInstances", "StopInstances")), rows)

    @often(10)
    def think_again(self) -> None:
        """Something is to start, and before it has, its owner's mind changes."""
        before = {row.id for row in self.durable.instances}
        stopped = [row for row in self.instances() if row.desired is Desired.OFF and row.is_settled]
        starting = self.some(stopped)
        if starting:
            self._power("StartInstances", starting)
        else:
            self.launch(self.a_project())
        self.wait(self.chance.choice((0.02, 0.05, 0.1, 0.2, 0.5)))
        for row in starting or [row for row in self.durable.instances if row.id not in before]:
            self._power(self.chance.choice(("StopInstances", "TerminateInstances")), [row])

    @often(4)
    def stop_and_start(self) -> None:
        """It may come up on another host."""
        for row in self.some(self.instances()):
            self._power("StopInstances", [row])
            self.wait(self.chance.choice((1.0, 3.0, 6.0)))
            self._power("StartInstances", [row])

    @often(5)
    def make_room(self) -> None:
        """An instance goes, and another takes its place, and what addresses it can get."""
        for row in self.some(self.instances()):
            self._power(self.chance.choice(("StopInstances", "TerminateInstances")), [row])
            self.wait(self.chance.choice((0.02, 0.1, 0.5, 3.0)))
            wishes = {"min_count": 1, "max_count": 1, "associate_public_ip_address": True}
            self.launch(self.a_project(), zone_name=row.zone, **wishes)

    def _power(self, method: str, rows: list[Any]) -> None:
        more = {"force": self.perhaps(0.3)} if method == "StopInstances" else {}
        self.ask(method, _BY_IDS[method](instance_ids=[row.id for row in rows], **more), rows[0])

    # Volumes

    @often(2)
    def create_a_volume(self) -> None:
        self.create_volume(self.a_project())

    def create_volume(self, owner: Any) -> None:
        zone = self.chance.choice(self._zones())
        self.ask("CreateVolume", volumes_pb2.CreateVolumeRequest(zone_name=zone, size_gib=1), owner)

    def _zones(self) -> list[str]:
        """Those where there is anything."""
        return list(dict.fromkeys(host.zone for host in self.durable.hosts))

    @often(6)
    def attach(self) -> None:
        """A free volume to an instance of its zone, on another host where there is one."""
        pairs = [(row, target) for row in self._free_volumes() for target in self.instances() if _are_near(row, target)]
        far = [(row, target) for row, target in pairs if row.host_id != target.host_id]
        for row, target in self.some(far or pairs):
            self.ask("AttachVolume", volumes_pb2.AttachVolumeRequest(volume_id=row.id, instance_id=target.id), row)

    @often(6)
    def detach(self) -> None:
        with_roots = self.perhaps(0.1)
        for attachment in self.some(
            row for row in self.durable.attachments if with_roots or row.device_name != ROOT_DEVICE
        ):
            self.ask("DetachVolume", volumes_pb2.DetachVolumeRequest(volume_id=attachment.volume_id), attachment)

    @often(4)
    def move_a_volume(self) -> None:
        """From one instance to another, as soon as it is free."""
        for attachment in self.some(row for row in self.durable.attachments if row.device_name != ROOT_DEVICE):
            volume = self.durable.volumes[attachment.volume_id]
            targets = [row for row in self.instances() if row.id != attachment.instance_id and _are_near(volume, row)]
            self.ask("DetachVolume", volumes_pb2.DetachVolumeRequest(volume_id=volume.id), attachment)
            for target in self.some(targets):
                self.wait(self.chance.choice((0.2, 0.5, 1.0)))
                request = volumes_pb2.AttachVolumeRequest(volume_id=volume.id, instance_id=target.id)
                self.ask("AttachVolume", request, attachment)

    @often(2)
    def delete_volume(self) -> None:
        which = self.durable.volumes if self.perhaps(0.1) else self._free_volumes()
        for row in self.some(which):
            self.ask("DeleteVolume", volumes_pb2.DeleteVolumeRequest(volume_id=row.id), row)

    @often(4)
    def undelete(self) -> None:
        """A volume that was deleted: before its host has come to it, or after."""
        deleted = [row for row in self.durable.volumes if row.is_deleted]
        for row in self.some(deleted or self._free_volumes()):
            if not deleted:
                self.ask("DeleteVolume", volumes_pb2.DeleteVolumeRequest(volume_id=row.id), row)
                self.wait(self.chance.choice((0.02, 0.1, 0.5, 3.0)))
            request = volumes_pb2.RestoreVolumeFromRecycleBinRequest(volume_id=row.id)
            self.ask("RestoreVolumeFromRecycleBin", request, row)

    def _free_volumes(self) -> list[Any]:
        return [row for row in self.durable.volumes if not self.durable.attachments.volume.count(row.id)]

    # Network interfaces

    def _create_interface(self, owner: Any) -> None:
        subnets = [row.id for row in self.durable.subnets if row.project_id == owner.id]
        request = network_interfaces_pb2.CreateNetworkInterfaceRequest(
            subnet_id=self.chance.choice(subnets), secondary_private_ip_address_count=self.chance.choice((None, 1))
        )
        self.ask("CreateNetworkInterface", request, owner)
        self.wait(0.1)

    @often(3)
    def attach_interface(self) -> None:
        """One that is free, or was made for it."""
        if not self._free_interfaces():
            self._create_interface(self.a_project())
        for row in self.some(self._free_interfaces()):
            self._attach_interface(row)

    def _attach_interface(self, row: Any) -> None:
        zone = self.durable.subnets[row.subnet_id].zone
        near = [one for one in self.instances() if (one.project_id, one.zone) == (row.project_id, zone)]
        for target in self.some(near):
            request = network_interfaces_pb2.AttachNetworkInterfaceRequest(
                network_interface_id=row.id, instance_id=target.id
            )
            self.ask("AttachNetworkInterface", request, row)

    @often(3)
    def detach_interface(self) -> None:
        """And perhaps it is another's as soon as it is free. Where none is attached, one is for it."""
        if not self._attached_interfaces():
            self.attach_interface()
            self.wait(self.chance.choice((0.2, 1.0, 3.0)))
        for row in self.some(self._attached_interfaces()):
            request = network_interfaces_pb2.DetachNetworkInterfaceRequest(
                attachment_id=row.attachment_id, force=self.perhaps(0.3)
            )
            self.ask("DetachNetworkInterface", request, row)
            if self.perhaps(0.5):
                self.wait(self.chance.choice((0.2, 0.5, 1.0)))
                self._attach_interface(row)

    def _attached_interfaces(self) -> list[Any]:
        return [row for row in self.durable.interfaces if row.instance_id and row.device_index]

    @often(1)
    def delete_interface(self) -> None:
        if not self._free_interfaces():
            self._create_interface(self.a_project())
        for row in self.some(self._free_interfaces()):
            request = network_interfaces_pb2.DeleteNetworkInterfaceRequest(network_interface_id=row.id)
            self.ask("DeleteNetworkInterface", request, row)

    def _free_interfaces(self) -> list[Any]:
        return [row for row in self.durable.interfaces if not row.instance_id]

    # Addresses

    @often(3)
    def allocate(self) -> None:
        self._allocate(self.a_project())

    def _allocate(self, owner: Any) -> None:
        self.ask("AllocateAddress", addresses_pb2.AllocateAddressRequest(), owner)

    @often(3)
    def associate(self) -> None:
        for row in self._newest_address(self.a_project()):
            self._associate(row)

    @often(4)
    def move_an_address(self) -> None:
        """From one instance to another, which has it at once."""
        for address in self._newest_address(self.a_project()):
            self._associate(address)
            self.wait(self.chance.choice((0.1, 0.5, 3.0)))
            for row in self._elastic():
                if row.id == address.id:
                    self._associate(row)

    def _associate(self, row: Any) -> None:
        """With another instance than it is."""
        holder = self.durable.interfaces.get(row.interface_id)
        others = [one for one in self.instances() if not holder or one.id != holder.instance_id]
        for target in self.some(one for one in others if one.project_id == row.project_id):
            request = addresses_pb2.AssociateAddressRequest(allocation_id=row.id, instance_id=target.id)
            self.ask("AssociateAddress", request, row)

    @often(5)
    def disassociate(self) -> None:
        """One that somebody has; where nobody has any, one is associated for it."""
        if not self._associated():
            self.associate()
            self.wait(self.chance.choice((0.1, 0.5, 3.0)))
        for row in self.some(self._associated()):
            request = addresses_pb2.DisassociateAddressRequest(association_id=row.association_id)
            self.ask("DisassociateAddress", request, row)

    @often(5)
    def hand_an_address_over(self) -> None:
        """One has it mapped and gives it up; whoever comes next, takes it."""
        giver, taker = self.chance.sample(list(self.durable.projects), 2)
        for row in self._newest_address(giver):
            self._associate(row)
            self.wait(self.chance.choice((0.5, 2.0)))
            self.ask("ReleaseAddress", addresses_pb2.ReleaseAddressRequest(allocation_id=row.id), row)
        self.wait(self.chance.choice((0.0, 0.1, 0.5)))
        for row in self._newest_address(taker):
            self._associate(row)

    def _newest_address(self, owner: Any) -> list[Any]:
        """The last that the project was given, or one that it is given now."""
        self._allocate(owner)
        self.wait(0.1)
        return [row for row in self._elastic() if row.project_id == owner.id][-1:]

    def _associated(self) -> list[Any]:
        return [row for row in self._elastic() if row.association_id]

    def _elastic(self) -> list[Any]:
        return [row for row in self.durable.addresses if row.is_elastic and not row.is_released]

    # Security groups

    @often(4)
    def change_group(self) -> None:
        what = self.chance.choice(("create", "delete", "port", "port"))
        others = [row for row in self.durable.security_groups if row.name != "default"]
        for row in self.some(others if what == "delete" and others else self.durable.security_groups):
            method, request = self._group_request(row, what)
            self.ask(method, request, row)

    @often(2)
    def try_a_group(self) -> None:
        """It is made and perhaps used, and goes if nobody uses it."""
        owner = self.a_project()
        create = security_groups_pb2.CreateSecurityGroupRequest(group_name="a try", description="simulated")
        self.ask("CreateSecurityGroup", create, owner)
        self.wait(0.1)
        newest = self._groups(owner)[-1]
        if self.perhaps(0.3):
            self.launch(owner, security_group_ids=[newest])
        delete = security_groups_pb2.DeleteSecurityGroupRequest(group_id=newest)
        self.ask("DeleteSecurityGroup", delete, owner)

    def _groups(self, owner: Any) -> list[str]:
        return [row.id for row in self.durable.security_groups if row.project_id == owner.id]

    def _group_request(self, row: Any, what: str) -> tuple[str, Any]:
        """`port`: open or close one."""
        rules = [one.id for one in self.durable.rules.group.of(row.id) if one.from_port == 22]
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

    # Images

    @often(3)
    def import_an_image(self) -> None:
        """And perhaps launch from it and forget it while the volume is still being made."""
        owner = self.a_project()
        self.import_image(owner, f"image {self.chance.randint(1, 3)}")
        if self.perhaps(0.7):
            self.wait(self.chance.choice((0.1, 0.5)))
            newest = self._images(owner)[-1]
            self.launch(owner, image_id=newest.id)
            self.wait(self.chance.choice((0.0, 0.1, 0.5)))
            self._deregister(newest)

    def import_image(self, owner: Any, name: str) -> None:
        content = upload(name)
        header = images_pb2.ImportImageHeader(name=name, format="raw", size_bytes=len(content))
        header.sha256 = hashlib.sha256(content).hexdigest()
        self.ask("ImportImage", header, owner)

    @often(2)
    def deregister_image(self) -> None:
        """One that was imported; if there is none, it is, for another time."""
        owner = self.a_project()
        imported = [row for row in self._images(owner) if row.name != region.IMAGE_NAME]
        for row in self.some(imported):
            self._deregister(row)
        if not imported:
            self.import_image(owner, "another image")

    def _deregister(self, row: Any) -> None:
        if row.name != region.IMAGE_NAME:  # There is always one to launch from.
            self.ask("DeregisterImage", images_pb2.DeregisterImageRequest(image_id=row.id), row)

    def _images(self, owner: Any) -> list[Any]:
        return [row for row in self.durable.images if row.project_id == owner.id and not row.deregistered_at]

    # Any

    @often(5)
    def repeat(self) -> None:
        """A call is made again with its token: after an answer, without one, or while it is under way."""
        recent = self.cloud.record.asked[-8:]
        for earlier in self.some(recent):
            self.cloud.ask(earlier.method, earlier.request, earlier.project_id)

    @often(3)
    def ask_twice_at_once(self) -> None:
        """As a client does whose first answer is late."""
        before = len(self.cloud.record.asked)
        self.chance.choice((self.run_instances, self.change_power, self.attach, self.allocate))()
        for asked in self.cloud.record.asked[before:]:
            self.cloud.ask(asked.method, asked.request, asked.project_id)

    def a_project(self) -> Any:
        return self.chance.choice(list(self.durable.projects))


def _are_near(volume: Any, instance: Any) -> bool:
    return bool(volume.zone == instance.zone and volume.project_id == instance.project_id)
