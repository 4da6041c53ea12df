"""From what people remember to ids: a resource's name, or its tag `Name`; an elastic address by the address itself.

What begins like an id is taken for one. A name that several have is refused, with their ids: nothing is guessed.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from client.errors import SteadError
from stead.v1.addresses_pb2 import Address, DescribeAddressesRequest
from stead.v1.common_pb2 import Filter
from stead.v1.hosts_pb2 import DescribeHostsRequest
from stead.v1.images_pb2 import DescribeImagesRequest
from stead.v1.instances_pb2 import DescribeInstancesRequest
from stead.v1.network_acls_pb2 import DescribeNetworkAclsRequest
from stead.v1.network_interfaces_pb2 import DescribeNetworkInterfacesRequest
from stead.v1.prefix_lists_pb2 import DescribeManagedPrefixListsRequest
from stead.v1.projects_pb2 import DescribeProjectsRequest
from stead.v1.security_groups_pb2 import DescribeSecurityGroupsRequest
from stead.v1.volumes_pb2 import DescribeVolumesRequest, ListVolumesInRecycleBinRequest
from stead.v1.vpcs_pb2 import (
    DescribeDhcpOptionsRequest,
    DescribeInternetGatewaysRequest,
    DescribeNatGatewaysRequest,
    DescribeRouteTablesRequest,
    DescribeSubnetsRequest,
    DescribeVpcPeeringConnectionsRequest,
    DescribeVpcsRequest,
)

if TYPE_CHECKING:
    from client.connection import Stead


# Those that a name can mean: a terminated instance keeps its tags for an hour.
LIVING = Filter(name="instance-state-name", values=("pending", "running", "stopping", "stopped", "shutting-down"))


@dataclass(frozen=True, slots=True)
class Named:
    """A kind of resource that goes by its id, which begins with `prefix`, or by what `filter` finds.

    `service` is the attribute of `Stead` that lists it; `rows` and `id` are fields, of the reply and of each row.
    `command` is what lists it at the command line, where that is another word. `narrow` has filters more, and `where`
    says so for people. `gone` finds those that have ended. `joint` stands between `error` and the rest of a code.
    """

    word: str
    prefix: str
    error: str
    filter: str
    request: Any
    service: str
    rows: str
    id: str
    command: str = ""
    narrow: tuple[Filter, ...] = ()
    where: str = ""
    gone: "Named | None" = None
    joint: str = "."

    async def __call__(self, stead: "Stead", text: str, *, or_gone: bool = False) -> str:
        """The id of the resource of that id or name. `or_gone`: of one that has ended, where none is there, since the
        call that ends it may be a repetition.
        """
        if text.startswith(self.prefix):
            return text
        self._check_kind(text)
        request = self.request(filters=[exactly(self.filter, text), *self.narrow])
        describe = getattr(getattr(stead, self.service), self.request.DESCRIPTOR.name.removesuffix("Request"))
        rows = getattr(await stead.all_pages(describe, request), self.rows)
        return await self.gone(stead, text) if or_gone and self.gone and not rows else self._only(rows, text)

    def _check_kind(self, text: str) -> None:
        """Raises SteadError where it is the id of something else."""
        prefix = _ID.fullmatch(text)
        if prefix and (other := _WORDS.get(prefix[1])):
            message = f"{text} is the id of {_a(other)}, and {_a(self.word)} is wanted; {self._shows}"
            raise SteadError(f"{self.error}{self.joint}Malformed", message)

    @property
    def _shows(self) -> str:
        return f"`stead {self.command or self.word} list` shows them."

    def _only(self, rows: Sequence[Any], name: str) -> str:
        """Of images, one's own come before others'."""
        own = [row for row in rows if getattr(row, "owner_alias", "self") == "self"] or rows
        ids: list[str] = [getattr(row, self.id) for row in own]
        if not ids:
            message = f"No {self.word} is named {name!r}{self.where}; {self._shows}"
            raise SteadError(f"{self.error}{self.joint}NotFound", message)
        if len(ids) > 1:
            message = f"{len(ids)} {self.word}s are named {name!r}{self.where}; say which by id: {', '.join(ids)}."
            raise SteadError("InvalidParameterValue", message)
        return ids[0]


async def instance_ids(stead: "Stead", texts: Sequence[str], *, or_gone: bool = False) -> list[str]:
    """The ids of the instances of these ids or names."""
    return [await instance_id(stead, text, or_gone=or_gone) for text in texts]


async def group_ids(
    stead: "Stead", texts: Sequence[str], find_vpc: Callable[[], Awaitable[str]], which: str
) -> list[str]:
    """The ids of the security groups of these ids or names. Names are those of one VPC, which is looked for where there
    are any, and which people are told by what it is; without one, all VPCs' count.
    """
    if all(text.startswith(group_id.prefix) for text in texts):
        return list(texts)
    vpc_id = await find_vpc()
    narrow = (exactly("vpc-id", vpc_id),)
    there = replace(group_id, narrow=narrow, where=f" in {vpc_id}, {which}") if vpc_id else group_id
    return [await there(stead, text) for text in texts]


async def vpc_of_subnet(stead: "Stead", subnet_id: str) -> str:
    """The id of its VPC; of no subnet, the default one's, empty where there is none."""
    if subnet_id:
        subnets = (await stead.vpcs.DescribeSubnets(DescribeSubnetsRequest(subnet_ids=[subnet_id]))).subnets
        return subnets[0].vpc_id if subnets else ""
    vpcs = (await stead.vpcs.DescribeVpcs(DescribeVpcsRequest(filters=[exactly("is-default", "true")]))).vpcs
    return vpcs[0].vpc_id if vpcs else ""


async def vpc_of_instance(stead: "Stead", instance_id: str) -> str:
    """The id of its VPC; empty where it is in none any more."""
    request = DescribeInstancesRequest(instance_ids=[instance_id])
    instances = (await stead.instances.DescribeInstances(request)).instances
    return instances[0].vpc_id if instances else ""


async def vpc_of_interface(stead: "Stead", interface_id: str) -> str:
    """The id of its VPC; empty where there is no such interface any more."""
    request = DescribeNetworkInterfacesRequest(network_interface_ids=[interface_id])
    found = (await stead.network_interfaces.DescribeNetworkInterfaces(request)).network_interfaces
    return found[0].vpc_id if found else ""


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


def _a(word: str) -> str:
    return f"an {word}" if word[0] in "aei" else f"a {word}"


_ID = re.compile(r"([a-z]+-(?:attach-)?)[0-9a-f]{17}")
_TAG = "tag:Name"
_ended_instance_id = Named(
    "instance",
    "i-",
    "InvalidInstanceID",
    _TAG,
    DescribeInstancesRequest,
    "instances",
    "instances",
    "instance_id",
    narrow=(Filter(name="instance-state-name", values=("terminated",)),),
)
instance_id = replace(_ended_instance_id, narrow=(LIVING,), gone=_ended_instance_id)
_VOLUMES = ("volumes", "volumes", "volume_id")
_recycled_volume_id = Named("volume", "vol-", "InvalidVolume", _TAG, ListVolumesInRecycleBinRequest, *_VOLUMES)
volume_id = replace(_recycled_volume_id, request=DescribeVolumesRequest, gone=_recycled_volume_id)
host_id = Named("host", "host-", "InvalidHostID", "host-name", DescribeHostsRequest, "hosts", "hosts", "host_id")
vpc_id = Named("VPC", "vpc-", "InvalidVpcID", _TAG, DescribeVpcsRequest, "vpcs", "vpcs", "vpc_id", command="vpc")
subnet_id = Named("subnet", "subnet-", "InvalidSubnetID", _TAG, DescribeSubnetsRequest, "vpcs", "subnets", "subnet_id")
internet_gateway_id = Named(
    "internet gateway",
    "igw-",
    "InvalidInternetGatewayID",
    _TAG,
    DescribeInternetGatewaysRequest,
    "vpcs",
    "internet_gateways",
    "internet_gateway_id",
    command="igw",
)
route_table_id = Named(
    "route table",
    "rtb-",
    "InvalidRouteTableID",
    _TAG,
    DescribeRouteTablesRequest,
    "vpcs",
    "route_tables",
    "route_table_id",
    command="route-table",
)
_ended_nat_gateway_id = Named(
    "NAT gateway",
    "nat-",
    "NatGateway",
    _TAG,
    DescribeNatGatewaysRequest,
    "vpcs",
    "nat_gateways",
    "nat_gateway_id",
    command="nat-gateway",
    joint="",
)
nat_gateway_id = replace(
    _ended_nat_gateway_id,
    narrow=(Filter(name="state", values=("pending", "available", "failed")),),
    gone=_ended_nat_gateway_id,
)
_ended_vpc_peering_id = Named(
    "VPC peering connection",
    "pcx-",
    "InvalidVpcPeeringConnectionID",
    _TAG,
    DescribeVpcPeeringConnectionsRequest,
    "vpcs",
    "vpc_peering_connections",
    "vpc_peering_connection_id",
    command="vpc-peering",
)
vpc_peering_id = replace(
    _ended_vpc_peering_id,
    narrow=(Filter(name="status-code", values=("pending-acceptance", "active")),),
    gone=_ended_vpc_peering_id,
)
dhcp_options_id = Named(
    "DHCP option set",
    "dopt-",
    "InvalidDhcpOptionID",
    _TAG,
    DescribeDhcpOptionsRequest,
    "vpcs",
    "dhcp_options",
    "dhcp_options_id",
    command="dhcp-options",
)
network_acl_id = Named(
    "network ACL",
    "acl-",
    "InvalidNetworkAclID",
    _TAG,
    DescribeNetworkAclsRequest,
    "vpcs",
    "network_acls",
    "network_acl_id",
    command="network-acl",
)
interface_id = Named(
    "network interface",
    "eni-",
    "InvalidNetworkInterfaceID",
    _TAG,
    DescribeNetworkInterfacesRequest,
    "network_interfaces",
    "network_interfaces",
    "network_interface_id",
    command="interface",
)
image_id = Named("image", "ami-", "InvalidAMIID", "name", DescribeImagesRequest, "images", "images", "image_id")
group_id = Named(
    "security group",
    "sg-",
    "InvalidGroup",
    "group-name",
    DescribeSecurityGroupsRequest,
    "security_groups",
    "security_groups",
    "group_id",
    command="sg",
)
prefix_list_id = Named(
    "prefix list",
    "pl-",
    "InvalidPrefixListID",
    "prefix-list-name",
    DescribeManagedPrefixListsRequest,
    "prefix_lists",
    "prefix_lists",
    "prefix_list_id",
    command="prefix-list",
)
project_id = Named(
    "project", "proj-", "InvalidProject", "name", DescribeProjectsRequest, "projects", "projects", "project_id"
)
_NAMED = (
    instance_id,
    volume_id,
    host_id,
    vpc_id,
    subnet_id,
    internet_gateway_id,
    nat_gateway_id,
    vpc_peering_id,
    route_table_id,
    dhcp_options_id,
    network_acl_id,
    interface_id,
    image_id,
    group_id,
    prefix_list_id,
    project_id,
)
_WORDS = {kind.prefix: kind.word for kind in _NAMED} | {
    "aclassoc-": "network ACL's association",
    "eipalloc-": "elastic address",
    "eipassoc-": "elastic address's association",
    "eni-attach-": "network interface's attachment",
    "key-": "key pair",
    "rtbassoc-": "route table's association",
    "sgr-": "security group's rule",
}
