"""From what people remember to ids: a resource's name, or its tag `Name`; an elastic address by the address itself.

What begins like an id is taken for one. A name that several have is refused, with their ids: nothing is guessed.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from client.errors import SteadError
from stead.v1.addresses_pb2 import Address, DescribeAddressesRequest
from stead.v1.common_pb2 import Filter
from stead.v1.hosts_pb2 import DescribeHostsRequest
from stead.v1.images_pb2 import DescribeImagesRequest
from stead.v1.instances_pb2 import DescribeInstancesRequest
from stead.v1.projects_pb2 import DescribeProjectsRequest
from stead.v1.security_groups_pb2 import DescribeSecurityGroupsRequest
from stead.v1.volumes_pb2 import DescribeVolumesRequest
from stead.v1.vpcs_pb2 import DescribeSubnetsRequest, DescribeVpcsRequest

if TYPE_CHECKING:
    from client.connection import Stead


# Those that a name can mean: a terminated instance keeps its tags for an hour.
LIVING = ("pending", "running", "stopping", "stopped", "shutting-down")

# What the command line calls a kind, where that is another word.
RESOURCES = {"security group": "sg", "VPC": "vpc"}


async def instance_ids(stead: "Stead", texts: Sequence[str]) -> list[str]:
    """The ids of the instances of these ids or names."""
    return [await instance_id(stead, text) for text in texts]


async def instance_id(stead: "Stead", text: str) -> str:
    """The id of the instance of that id or name."""
    if text.startswith("i-"):
        return text
    filters = [exactly("tag:Name", text), Filter(name="instance-state-name", values=LIVING)]
    reply = await stead.all_pages(stead.instances.DescribeInstances, DescribeInstancesRequest(filters=filters))
    found = [instance.instance_id for instance in reply.instances]
    return _only(found, "instance", text, "InvalidInstanceID.NotFound")


async def volume_id(stead: "Stead", text: str) -> str:
    """The id of the volume of that id or name."""
    if text.startswith("vol-"):
        return text
    request = DescribeVolumesRequest(filters=[exactly("tag:Name", text)])
    reply = await stead.all_pages(stead.volumes.DescribeVolumes, request)
    return _only([volume.volume_id for volume in reply.volumes], "volume", text, "InvalidVolume.NotFound")


async def host_id(stead: "Stead", text: str) -> str:
    """The id of the host of that id or host name."""
    if text.startswith("host-"):
        return text
    reply = await stead.all_pages(stead.hosts.DescribeHosts, DescribeHostsRequest(filters=[exactly("host-name", text)]))
    return _only([host.host_id for host in reply.hosts], "host", text, "InvalidHostID.NotFound")


async def vpc_id(stead: "Stead", text: str) -> str:
    """The id of the VPC of that id or name."""
    if text.startswith("vpc-"):
        return text
    reply = await stead.all_pages(stead.vpcs.DescribeVpcs, DescribeVpcsRequest(filters=[exactly("tag:Name", text)]))
    return _only([vpc.vpc_id for vpc in reply.vpcs], "VPC", text, "InvalidVpcID.NotFound")


async def subnet_id(stead: "Stead", text: str) -> str:
    """The id of the subnet of that id or name."""
    if text.startswith("subnet-"):
        return text
    request = DescribeSubnetsRequest(filters=[exactly("tag:Name", text)])
    reply = await stead.all_pages(stead.vpcs.DescribeSubnets, request)
    return _only([subnet.subnet_id for subnet in reply.subnets], "subnet", text, "InvalidSubnetID.NotFound")


async def image_id(stead: "Stead", text: str) -> str:
    """The id of the image of that id or name; one's own before others'."""
    if text.startswith("ami-"):
        return text
    reply = await stead.all_pages(stead.images.DescribeImages, DescribeImagesRequest(filters=[exactly("name", text)]))
    found = [image for image in reply.images if image.owner_alias == "self"] or reply.images
    return _only([image.image_id for image in found], "image", text, "InvalidAMIID.NotFound")


async def group_id(stead: "Stead", text: str) -> str:
    """The id of the security group of that id or name. A group's name can't begin with `sg-`."""
    if text.startswith("sg-"):
        return text
    request = DescribeSecurityGroupsRequest(filters=[exactly("group-name", text)])
    reply = await stead.all_pages(stead.security_groups.DescribeSecurityGroups, request)
    groups = [group.group_id for group in reply.security_groups]
    return _only(groups, "security group", text, "InvalidGroup.NotFound")


async def project_id(stead: "Stead", text: str) -> str:
    """The id of the project of that id or name."""
    if text.startswith("proj-"):
        return text
    request = DescribeProjectsRequest(filters=[exactly("name", text)])
    reply = await stead.all_pages(stead.projects.DescribeProjects, request)
    return _only([project.project_id for project in reply.projects], "project", text, "InvalidProject.NotFound")


async def address(stead: "Stead", text: str) -> Address:
    """The elastic address of that allocation id or association id, or the address itself."""
    prefix = text.rpartition("-")[0]
    name = {"eipalloc": "allocation-id", "eipassoc": "association-id"}.get(prefix, "public-ip")
    reply = await stead.addresses.DescribeAddresses(DescribeAddressesRequest(filters=[exactly(name, text)]))
    if not reply.addresses:
        code = "InvalidAssociationID.NotFound" if prefix == "eipassoc" else "InvalidAllocationID.NotFound"
        raise SteadError(code, f"No elastic address is {text!r}; `stead address list` shows them.")
    found: Address = reply.addresses[0]
    return found


def exactly(name: str, value: str) -> Filter:
    """A filter for one value, in which nothing is a wildcard."""
    return Filter(name=name, values=[re.sub(r"([*?\\])", r"\\\1", value)])


def _only(ids: Sequence[str], kind: str, name: str, code: str) -> str:
    if not ids:
        resource = RESOURCES.get(kind, kind)
        raise SteadError(code, f"No {kind} is named {name!r}; `stead {resource} list` shows them.")
    if len(ids) > 1:
        message = f"{len(ids)} {kind}s are named {name!r}; say which by id: {', '.join(ids)}."
        raise SteadError("InvalidParameterValue", message)
    return ids[0]
