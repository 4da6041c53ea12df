"""Command lines that change something, with what each asks of the control plane."""

from typing import Any

from stead.v1 import addresses_pb2 as addresses
from stead.v1 import hosts_pb2 as hosts
from stead.v1 import images_pb2 as images
from stead.v1 import instance_types_pb2 as types
from stead.v1 import instances_pb2 as instances
from stead.v1 import key_pairs_pb2 as keys
from stead.v1 import projects_pb2 as projects
from stead.v1 import tags_pb2 as tags
from stead.v1 import volumes_pb2 as volumes
from tests.unit.test_cli import cases_of_interfaces as interfaces
from tests.unit.test_cli import cases_of_rules as rules
from tests.unit.test_cli import cases_of_vpcs as vpcs

I1, I2 = "i-00000000000000001", "i-00000000000000002"
VOL, AMI = "vol-00000000000000001", "ami-00000000000000001"
SG, PL = rules.SG, rules.PL
ADDRESS = addresses.Address(allocation_id="eipalloc-1", public_ip="203.0.113.9", association_id="eipassoc-1")
BY_NAME = {
    "DescribeInstances": instances.DescribeInstancesResponse(instances=[instances.Instance(vpc_id="vpc-1")]),
    "DescribeImages": images.DescribeImagesResponse(images=[images.Image(image_id=AMI)]),
    **interfaces.BY_NAME,
    **rules.BY_NAME,
    **vpcs.BY_NAME,
    "DescribeProjects": projects.DescribeProjectsResponse(projects=[projects.Project(project_id="proj-1")]),
    "DescribeAddresses": addresses.DescribeAddressesResponse(addresses=[ADDRESS]),
}

# Command line, method, request (its client token aside), reply.
MUTATIONS: list[tuple[str, str, Any, Any]] = [
    (
        f"instance run --image tiny --type t3.nano --key me --sg web --sg {SG} --count 3 --min-count 2 --volume-size 9"
        " --no-public-ip --az z --tag a=b=c --protect --shutdown-behavior terminate --metadata-tags",
        "RunInstances",
        instances.RunInstancesRequest(
            image_id=AMI,
            instance_type="t3.nano",
            key_name="me",
            security_group_ids=[SG, SG],
            min_count=2,
            max_count=3,
            block_device_mappings=[instances.BlockDeviceMapping(device_name="/dev/sda1", volume_size_gib=9)],
            associate_public_ip_address=False,
            zone_name="z",
            tags={"a": "b=c"},
            disable_api_termination=True,
            instance_initiated_shutdown_behavior="terminate",
            metadata_options=instances.InstanceMetadataOptionsRequest(instance_metadata_tags="enabled"),
        ),
        instances.RunInstancesResponse(instances=[instances.Instance(instance_id=I1)]),
    ),
    (
        f"instance modify {I1} --wait --no-protect --shutdown-behavior terminate --public-ip --type t3.nano --sg web"
        " --drop-established --delete-on-termination /dev/sdf --keep-on-termination /dev/sda1",
        "ModifyInstanceAttribute",
        instances.ModifyInstanceAttributeRequest(
            instance_id=I1,
            drop_established=True,
            disable_api_termination=False,
            instance_initiated_shutdown_behavior="terminate",
            associate_public_ip_address=True,
            instance_type="t3.nano",
            security_group_ids=[SG],
            block_device_mappings=[
                instances.BlockDeviceMapping(device_name="/dev/sdf", delete_on_termination=True),
                instances.BlockDeviceMapping(device_name="/dev/sda1", delete_on_termination=False),
            ],
        ),
        instances.ModifyInstanceAttributeResponse(instance=instances.Instance(instance_id=I1)),
    ),
    (
        f"instance modify-metadata-options {I1} --http-tokens optional --no-metadata-endpoint --hop-limit 2"
        " --no-metadata-tags",
        "ModifyInstanceMetadataOptions",
        instances.ModifyInstanceMetadataOptionsRequest(
            instance_id=I1,
            http_tokens="optional",
            http_endpoint="disabled",
            http_put_response_hop_limit=2,
            instance_metadata_tags="disabled",
        ),
        instances.ModifyInstanceMetadataOptionsResponse(
            instance_id=I1, instance_metadata_options=instances.InstanceMetadataOptions(http_tokens="optional")
        ),
    ),
    *interfaces.MUTATIONS,
    *vpcs.MUTATIONS,
    (
        "image modify tiny --description new --public --share proj-1 --unshare proj-2",
        "ModifyImageAttribute",
        images.ModifyImageAttributeRequest(
            image_id=AMI,
            description="new",
            is_public=True,
            add_launch_permissions=["proj-1"],
            remove_launch_permissions=["proj-2"],
        ),
        images.ModifyImageAttributeResponse(image=images.Image(image_id=AMI)),
    ),
    (
        "host lost host-1",
        "DeclareHostLost",
        hosts.DeclareHostLostRequest(host_id="host-1"),
        hosts.DeclareHostLostResponse(),
    ),
    (
        "host remove host-1 --force",
        "RemoveHost",
        hosts.RemoveHostRequest(host_id="host-1", force=True),
        hosts.RemoveHostResponse(lost_ids=[I1]),
    ),
    (
        "token revoke tok-1",
        "RevokeToken",
        projects.RevokeTokenRequest(token_id="tok-1"),
        projects.RevokeTokenResponse(),
    ),
    (
        "project token web --role reader --lifetime 3600",
        "CreateToken",
        projects.CreateTokenRequest(project_id="proj-1", role="ROLE_READER", lifetime_s=3600),
        projects.CreateTokenResponse(token_id="tok-1", secret="s"),
    ),
    (
        f"tag create {I1} {VOL} --tag a=b=c --tag d=",
        "CreateTags",
        tags.CreateTagsRequest(resource_ids=[I1, VOL], tags={"a": "b=c", "d": ""}),
        tags.CreateTagsResponse(),
    ),
    (
        f"tag delete {I1} --tag a --tag b= --tag c=d",
        "DeleteTags",
        tags.DeleteTagsRequest(
            resource_ids=[I1],
            tags=[tags.DeletedTag(key="a"), tags.DeletedTag(key="b", value=""), tags.DeletedTag(key="c", value="d")],
        ),
        tags.DeleteTagsResponse(),
    ),
    (
        f"instance run --image {AMI}",
        "RunInstances",
        instances.RunInstancesRequest(
            image_id=AMI,
            instance_type="t3.micro",
            min_count=1,
            max_count=1,
            instance_initiated_shutdown_behavior="stop",
        ),
        instances.RunInstancesResponse(instances=[instances.Instance(instance_id=I1)]),
    ),
    (
        f"instance start {I1} {I2}",
        "StartInstances",
        instances.StartInstancesRequest(instance_ids=[I1, I2]),
        instances.StartInstancesResponse(starting_instances=[instances.InstanceStateChange(instance_id=I1)]),
    ),
    (
        f"instance stop {I1} --force",
        "StopInstances",
        instances.StopInstancesRequest(instance_ids=[I1], force=True),
        instances.StopInstancesResponse(stopping_instances=[instances.InstanceStateChange(instance_id=I1)]),
    ),
    (
        f"instance reboot {I1}",
        "RebootInstances",
        instances.RebootInstancesRequest(instance_ids=[I1]),
        instances.RebootInstancesResponse(),
    ),
    (
        f"instance terminate {I1}",
        "TerminateInstances",
        instances.TerminateInstancesRequest(instance_ids=[I1]),
        instances.TerminateInstancesResponse(terminating_instances=[instances.InstanceStateChange(instance_id=I1)]),
    ),
    (
        "volume create --az z --size 8 --tag Name=data",
        "CreateVolume",
        volumes.CreateVolumeRequest(zone_name="z", size_gib=8, tags={"Name": "data"}),
        volumes.CreateVolumeResponse(volume=volumes.Volume(volume_id=VOL)),
    ),
    (
        f"volume attach {VOL} {I1} --device /dev/sdf",
        "AttachVolume",
        volumes.AttachVolumeRequest(volume_id=VOL, instance_id=I1, device_name="/dev/sdf"),
        volumes.AttachVolumeResponse(attachment=volumes.VolumeAttachment(volume_id=VOL)),
    ),
    (
        f"volume detach {VOL}",
        "DetachVolume",
        volumes.DetachVolumeRequest(volume_id=VOL),
        volumes.DetachVolumeResponse(attachment=volumes.VolumeAttachment(volume_id=VOL)),
    ),
    (
        f"volume detach {VOL} --instance {I1} --force",
        "DetachVolume",
        volumes.DetachVolumeRequest(volume_id=VOL, instance_id=I1, force=True),
        volumes.DetachVolumeResponse(attachment=volumes.VolumeAttachment(volume_id=VOL)),
    ),
    (
        f"volume delete {VOL}",
        "DeleteVolume",
        volumes.DeleteVolumeRequest(volume_id=VOL),
        volumes.DeleteVolumeResponse(),
    ),
    (
        f"volume undelete {VOL}",
        "RestoreVolumeFromRecycleBin",
        volumes.RestoreVolumeFromRecycleBinRequest(volume_id=VOL),
        volumes.RestoreVolumeFromRecycleBinResponse(),
    ),
    *rules.MUTATIONS,
    (
        "address allocate",
        "AllocateAddress",
        addresses.AllocateAddressRequest(),
        addresses.AllocateAddressResponse(address=ADDRESS),
    ),
    (
        "address allocate --address 203.0.113.9",
        "AllocateAddress",
        addresses.AllocateAddressRequest(address="203.0.113.9"),
        addresses.AllocateAddressResponse(address=ADDRESS),
    ),
    (
        f"address associate 203.0.113.9 {I1} --no-reassociate",
        "AssociateAddress",
        addresses.AssociateAddressRequest(allocation_id="eipalloc-1", instance_id=I1, allow_reassociation=False),
        addresses.AssociateAddressResponse(association_id="eipassoc-1"),
    ),
    (
        "address associate 203.0.113.9 --interface side --private-ip 10.0.1.10",
        "AssociateAddress",
        addresses.AssociateAddressRequest(
            allocation_id="eipalloc-1",
            network_interface_id=interfaces.ENI,
            private_ip_address="10.0.1.10",
            allow_reassociation=True,
        ),
        addresses.AssociateAddressResponse(association_id="eipassoc-1"),
    ),
    (
        "address disassociate eipalloc-1",
        "DisassociateAddress",
        addresses.DisassociateAddressRequest(association_id="eipassoc-1"),
        addresses.DisassociateAddressResponse(),
    ),
    (
        "address release 203.0.113.9",
        "ReleaseAddress",
        addresses.ReleaseAddressRequest(allocation_id="eipalloc-1"),
        addresses.ReleaseAddressResponse(),
    ),
    (
        "image deregister tiny",
        "DeregisterImage",
        images.DeregisterImageRequest(image_id=AMI),
        images.DeregisterImageResponse(),
    ),
    (
        "key delete key-laptop",
        "DeleteKeyPair",
        keys.DeleteKeyPairRequest(key_name="key-laptop"),
        keys.DeleteKeyPairResponse(),
    ),
    (
        "key delete key-00000000000000001",
        "DeleteKeyPair",
        keys.DeleteKeyPairRequest(key_pair_id="key-00000000000000001"),
        keys.DeleteKeyPairResponse(key_pair_id="key-00000000000000001"),
    ),
    (
        f"host adopt-orphan host-1 {VOL} --project proj-1 --tag a=b",
        "AdoptOrphanVolume",
        hosts.AdoptOrphanVolumeRequest(host_id="host-1", volume_id=VOL, project_id="proj-1", tags={"a": "b"}),
        hosts.AdoptOrphanVolumeResponse(volume_id=VOL, size_gib=3, zone_name="z"),
    ),
    (
        f"host delete-orphan host-1 {VOL}",
        "DeleteOrphanVolume",
        hosts.DeleteOrphanVolumeRequest(host_id="host-1", volume_id=VOL),
        hosts.DeleteOrphanVolumeResponse(),
    ),
    (
        "host release host-1",
        "ReleaseHost",
        hosts.ReleaseHostRequest(host_id="host-1"),
        hosts.ReleaseHostResponse(),
    ),
    (
        "host token --az z --role compute --role storage",
        "CreateHostToken",
        hosts.CreateHostTokenRequest(
            zone_name="z",
            roles=["HOST_ROLE_COMPUTE", "HOST_ROLE_STORAGE"],
            lifetime_s=3600,
        ),
        hosts.CreateHostTokenResponse(token="T"),
    ),
    (
        "host rejoin host-1",
        "CreateHostToken",
        hosts.CreateHostTokenRequest(host_id="host-1"),
        hosts.CreateHostTokenResponse(token="T"),
    ),
    (
        "instance-type create lab.huge --vcpus 4 --memory 9",
        "CreateInstanceType",
        types.CreateInstanceTypeRequest(
            instance_type=types.InstanceType(instance_type="lab.huge", vcpus=4, memory_mib=9)
        ),
        types.CreateInstanceTypeResponse(instance_type=types.InstanceType(instance_type="lab.huge")),
    ),
    (
        "instance-type delete lab.huge",
        "DeleteInstanceType",
        types.DeleteInstanceTypeRequest(instance_type="lab.huge"),
        types.DeleteInstanceTypeResponse(),
    ),
    (
        "project create lab",
        "CreateProject",
        projects.CreateProjectRequest(name="lab"),
        projects.CreateProjectResponse(project=projects.Project(project_id="proj-1")),
    ),
    (
        "project token lab --role reader",
        "CreateToken",
        projects.CreateTokenRequest(project_id="proj-1", role="ROLE_READER"),
        projects.CreateTokenResponse(secret="S"),
    ),
]
