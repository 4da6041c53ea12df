"""From what people remember to ids: images, security groups and projects by name, addresses by the address itself."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from client.errors import SteadError
from stead.v1.addresses_pb2 import Address, DescribeAddressesRequest
from stead.v1.common_pb2 import Filter
from stead.v1.images_pb2 import DescribeImagesRequest
from stead.v1.projects_pb2 import DescribeProjectsRequest
from stead.v1.security_groups_pb2 import DescribeSecurityGroupsRequest

if TYPE_CHECKING:
    from client.connection import Stead


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
    """The id of the project of that name; what is no name is taken for an id."""
    request = DescribeProjectsRequest(filters=[exactly("name", text)])
    reply = await stead.all_pages(stead.projects.DescribeProjects, request)
    return reply.projects[0].project_id if reply.projects else text


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
        raise SteadError(code, f"No {kind} is named {name!r}.")
    if len(ids) > 1:
        raise SteadError("InvalidParameterValue", f"Several are named {name!r}; say which by id: {', '.join(ids)}.")
    return ids[0]
