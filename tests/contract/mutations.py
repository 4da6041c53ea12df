"""A request for every mutating call, and what they are about."""

from typing import Any

from controlplane.model.instance import Observation, ObservedKind, VolumeFile, observation_id
from controlplane.model.project import Role
from controlplane.model.state import Change
from tests.contract.control_plane import ControlPlane

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHX0QlHtCPpJfBmDGwFjBeYGWzd8VTTvQHmRGtcTKRAg"
SSH = {"ip_protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_ipv4": "0.0.0.0/0"}
ENTRY = {"protocol": "tcp", "rule_action": "allow", "cidr_block": "0.0.0.0/0", "from_port": 22, "to_port": 22}
PERMITTED = {**SSH, "from_port": 1}
ADOPTED, UNWANTED = "vol-" + "a" * 17, "vol-" + "b" * 17


def show_orphan(cloud: ControlPlane, host_id: str, volume_id: str) -> None:
    file, change = VolumeFile(1 << 30, deleted=False, epoch=0, changed_at=0), Change()
    row_id = observation_id(host_id, ObservedKind.VOLUME, volume_id)
    change.put(Observation(row_id, host_id, ObservedKind.VOLUME, volume_id, False, "orphan", False, file=file))
    cloud.journal.apply(change)


# For every mutating method fields with which it succeeds, whatever the others did before. <names> are of `things`.
REQUESTS: dict[str, dict[str, Any]] = {
    "CreateProject": {"name": "new"},
    "CreateToken": {"project_id": "<project>", "role": 2},
    "RevokeToken": {"token_id": "<token>"},
    "CreateHostToken": {"zone_name": "home-1a", "roles": [1]},
    "DeclareHostLost": {"host_id": "<away>"},
    "RemoveHost": {"host_id": "<empty>"},
    "ReleaseHost": {"host_id": "<host>"},
    "AdoptOrphanVolume": {"host_id": "<host>", "volume_id": ADOPTED, "project_id": "<project>"},
    "DeleteOrphanVolume": {"host_id": "<host>", "volume_id": UNWANTED},
    "CreateInstanceType": {"instance_type": {"instance_type": "a.new", "vcpus": 1, "memory_mib": 64}},
    "DeleteInstanceType": {"instance_type": "a.old"},
    "DeregisterImage": {"image_id": "<other image>"},
    "CreateKeyPair": {"key_name": "new"},
    "ImportKeyPair": {"key_name": "brought", "public_key_material": PUBLIC_KEY},
    "DeleteKeyPair": {"key_name": "old"},
    "CreateNetworkInterface": {"subnet_id": "<subnet>"},
    "ModifyNetworkInterfaceAttribute": {"network_interface_id": "<interface>", "source_dest_check": False},
    "AttachNetworkInterface": {"network_interface_id": "<free interface>", "instance_id": "<running>"},
    "DetachNetworkInterface": {"attachment_id": "<attachment>"},
    "DeleteNetworkInterface": {"network_interface_id": "<doomed interface>"},
    "AssignPrivateIpAddresses": {"network_interface_id": "<interface>", "secondary_private_ip_address_count": 1},
    "UnassignPrivateIpAddresses": {"network_interface_id": "<interface>", "private_ip_addresses": ["<secondary>"]},
    "CreateSecurityGroup": {"group_name": "new", "description": "x"},
    "DeleteSecurityGroup": {"group_id": "<doomed group>"},
    "AuthorizeSecurityGroupIngress": {"group_id": "<group>", "permissions": [SSH]},
    "AuthorizeSecurityGroupEgress": {"group_id": "<group>", "permissions": [SSH]},
    "UpdateSecurityGroupRuleDescriptionsIngress": {
        "group_id": "<group>",
        "permissions": [{**PERMITTED, "description": "new"}],
    },
    "UpdateSecurityGroupRuleDescriptionsEgress": {
        "group_id": "<group>",
        "rule_descriptions": [{"rule_id": "<egress rule>", "description": "new"}],
    },
    "ModifySecurityGroupRules": {
        "group_id": "<group>",
        "rules": [{"rule_id": "<egress rule>", "permission": {**PERMITTED, "description": "newer"}}],
    },
    "RevokeSecurityGroupIngress": {"group_id": "<group>", "permissions": [PERMITTED]},
    "RevokeSecurityGroupEgress": {"group_id": "<group>", "permissions": [PERMITTED]},
    "CreateManagedPrefixList": {"prefix_list_name": "new", "max_entries": 1, "entries": [{"cidr": "10.0.0.0/8"}]},
    "ModifyManagedPrefixList": {"prefix_list_id": "<list>", "add_entries": [{"cidr": "10.0.0.0/8"}]},
    "DeleteManagedPrefixList": {"prefix_list_id": "<doomed list>"},
    "RunInstances": {"image_id": "<image>"},
    "StartInstances": {"instance_ids": ["<stopped>"]},
    "StopInstances": {"instance_ids": ["<running>"]},
    "RebootInstances": {"instance_ids": ["<rebooted>"]},
    "TerminateInstances": {"instance_ids": ["<ended>"]},
    "ModifyInstanceAttribute": {"instance_id": "<attached>", "instance_initiated_shutdown_behavior": "terminate"},
    "ModifyInstanceMetadataOptions": {"instance_id": "<attached>", "http_put_response_hop_limit": 1},
    "CreateVpc": {"cidr_block": "10.9.0.0/16"},
    "CreateDefaultVpc": {"secret": "<secret of a project without VPCs>"},
    "ModifyVpcAttribute": {"vpc_id": "<vpc>", "enable_dns_support": False},
    "DeleteVpc": {"vpc_id": "<doomed vpc>"},
    "CreateDhcpOptions": {"dhcp_configurations": [{"key": "domain-name", "values": ["corp.example"]}]},
    "AssociateDhcpOptions": {"dhcp_options_id": "<options>", "vpc_id": "<vpc>"},
    "DeleteDhcpOptions": {"dhcp_options_id": "<doomed options>"},
    "CreateSubnet": {"vpc_id": "<vpc>", "cidr_block": "10.0.9.0/24"},
    "CreateDefaultSubnet": {"zone_name": "home-1b"},
    "DeleteSubnet": {"subnet_id": "<doomed subnet>"},
    "CreateInternetGateway": {},
    "AttachInternetGateway": {"internet_gateway_id": "<free igw>", "vpc_id": "<open vpc>"},
    "DetachInternetGateway": {"internet_gateway_id": "<igw to detach>", "vpc_id": "<vpc that had it>"},
    "DeleteInternetGateway": {"internet_gateway_id": "<doomed igw>"},
    "CreateNatGateway": {"subnet_id": "<subnet 1>", "allocation_id": "<free address>"},
    "DeleteNatGateway": {"nat_gateway_id": "<doomed nat>"},
    "CreateVpcPeeringConnection": {"vpc_id": "<open vpc>", "peer_vpc_id": "<vpc that had it>"},
    "AcceptVpcPeeringConnection": {"vpc_peering_connection_id": "<peering to accept>"},
    "RejectVpcPeeringConnection": {"vpc_peering_connection_id": "<peering to reject>"},
    "DeleteVpcPeeringConnection": {"vpc_peering_connection_id": "<peering to delete>"},
    "CreateRouteTable": {"vpc_id": "<vpc>"},
    "DeleteRouteTable": {"route_table_id": "<doomed table>"},
    "AssociateRouteTable": {"route_table_id": "<table>", "subnet_id": "<unserved subnet>"},
    "DisassociateRouteTable": {"route_table_association_id": "<association of 1>"},
    "ReplaceRouteTableAssociation": {
        "route_table_association_id": "<association of 2>",
        "route_table_id": "<other table>",
    },
    "CreateNetworkAcl": {"vpc_id": "<vpc>"},
    "DeleteNetworkAcl": {"network_acl_id": "<doomed acl>"},
    "CreateNetworkAclEntry": {"network_acl_id": "<acl>", "rule_number": 200, **ENTRY},
    "ReplaceNetworkAclEntry": {"network_acl_id": "<acl>", "rule_number": 100, **ENTRY},
    "DeleteNetworkAclEntry": {"network_acl_id": "<acl>", "rule_number": 110},
    "ReplaceNetworkAclAssociation": {"association_id": "<acl association>", "network_acl_id": "<acl>"},
    "CreateRoute": {"route_table_id": "<table>", "destination_cidr_block": "192.0.2.0/24", "gateway_id": "<igw>"},
    "ReplaceRoute": {"route_table_id": "<table>", "destination_cidr_block": "0.0.0.0/0", "gateway_id": "<igw>"},
    "DeleteRoute": {"route_table_id": "<table>", "destination_cidr_block": "198.51.100.0/24"},
    "ModifySubnetAttribute": {"subnet_id": "<subnet>", "map_public_ip_on_launch": False},
    "ModifyImageAttribute": {"image_id": "<image>", "is_public": True},
    "CreateTags": {"resource_ids": ["<held>", "<image>"], "tags": {"a": "b"}},
    "DeleteTags": {"resource_ids": ["<held>"], "tags": [{"key": "a"}]},
    "CreateVolume": {"zone_name": "home-1a", "size_gib": 1},
    "AttachVolume": {"volume_id": "<free>", "instance_id": "<attached>"},
    "DetachVolume": {"volume_id": "<held>"},
    "DeleteVolume": {"volume_id": "<doomed>"},
    "RestoreVolumeFromRecycleBin": {"volume_id": "<deleted>"},
    "AllocateAddress": {},
    "AssociateAddress": {"allocation_id": "<allocated>", "instance_id": "<attached>"},
    "DisassociateAddress": {"association_id": "<association>"},
    "ReleaseAddress": {"allocation_id": "<doomed address>"},
}


async def requests(cloud: ControlPlane) -> dict[str, dict[str, Any]]:
    made = await things(cloud)
    return {name: filled(fields, made) for name, fields in REQUESTS.items()}


def filled(value: Any, made: dict[str, str]) -> Any:
    """With the things' ids in place of their <names>."""
    if isinstance(value, dict):
        return {key: filled(part, made) for key, part in value.items()}
    if isinstance(value, list):
        return [filled(part, made) for part in value]
    return made[value] if isinstance(value, str) and value.startswith("<") else value


async def things(cloud: ControlPlane) -> dict[str, str]:
    """What the requests are about: ids by <name>."""
    host_id = await cloud.add_host()
    made = {"<host>": host_id, "<project>": cloud.project_id, "<image>": await cloud.import_image("a")}
    made |= {"<other image>": await cloud.import_image("b")}
    made |= await some_instances(cloud, made["<image>"])
    for name in ("<free>", "<held>", "<doomed>", "<deleted>"):
        made[name] = (await cloud.ask("CreateVolume", zone_name="home-1a", size_gib=1)).volume.volume_id
    await cloud.ask("CreateKeyPair", key_name="old")
    await cloud.ask("CreateInstanceType", instance_type={"instance_type": "a.old", "vcpus": 1, "memory_mib": 64})
    made |= await some_rules(cloud)
    made |= await some_vpcs(cloud)
    made |= await some_peerings(cloud, made)
    made |= await some_routes(cloud, made)
    made |= await some_acls(cloud, made)
    made["<secret of a project without VPCs>"] = await project_without_vpcs(cloud)
    await cloud.converge()
    await cloud.ask("StopInstances", instance_ids=[made["<stopped>"]])
    await cloud.ask("AttachVolume", volume_id=made["<held>"], instance_id=made["<attached>"])
    await cloud.ask("DeleteVolume", volume_id=made["<deleted>"])
    await cloud.converge()
    made |= await some_addresses(cloud, made["<mapped>"])
    address = (await cloud.ask("AllocateAddress")).address
    doomed = await cloud.ask("CreateNatGateway", subnet_id=made["<subnet 1>"], allocation_id=address.allocation_id)
    made["<doomed nat>"] = doomed.nat_gateway.nat_gateway_id
    made |= await some_interfaces(cloud, made["<subnet>"], made["<rebooted>"])
    await cloud.token(Role.READER)
    for volume_id in (ADOPTED, UNWANTED):
        show_orphan(cloud, host_id, volume_id)
    away, empty = await cloud.add_host(is_away=True), await cloud.add_host(is_away=True)
    return {**made, "<away>": away, "<empty>": empty, "<token>": list(cloud.journal.state.tokens)[-1].id}


async def some_instances(cloud: ControlPlane, image_id: str) -> dict[str, str]:
    names = ("<running>", "<mapped>", "<stopped>", "<ended>", "<rebooted>", "<attached>")
    rows = (await cloud.ask("RunInstances", image_id=image_id, min_count=len(names))).instances
    launched = {name: row.instance_id for name, row in zip(names, rows, strict=True)}
    return {**launched, "<subnet>": rows[0].subnet_id}


async def some_interfaces(cloud: ControlPlane, subnet_id: str, instance_id: str) -> dict[str, str]:
    """Attached to nothing, but for that of an attachment."""
    names = ("<interface>", "<free interface>", "<doomed interface>", "<attached interface>")
    made = {
        name: (
            await cloud.ask("CreateNetworkInterface", subnet_id=subnet_id, secondary_private_ip_address_count=1)
        ).network_interface
        for name in names
    }
    ids = {name: row.network_interface_id for name, row in made.items()}
    reply = await cloud.ask(
        "AttachNetworkInterface", network_interface_id=ids["<attached interface>"], instance_id=instance_id
    )
    secondary = made["<interface>"].private_ip_addresses[1].private_ip_address
    return {**ids, "<secondary>": secondary, "<attachment>": reply.attachment.attachment_id}


async def some_rules(cloud: ControlPlane) -> dict[str, str]:
    made = {}
    for name, said in (("<group>", "one"), ("<doomed group>", "two")):
        reply = await cloud.ask("CreateSecurityGroup", group_name=said, description="x")
        made[name] = reply.security_group.group_id
    await cloud.ask("AuthorizeSecurityGroupIngress", group_id=made["<group>"], permissions=[PERMITTED])
    egress = await cloud.ask("AuthorizeSecurityGroupEgress", group_id=made["<group>"], permissions=[PERMITTED])
    made["<egress rule>"] = egress.rules[0].rule_id
    for name, said in (("<list>", "kept"), ("<doomed list>", "doomed")):
        reply = await cloud.ask("CreateManagedPrefixList", prefix_list_name=said, max_entries=2)
        made[name] = reply.prefix_list.prefix_list_id
    return made


async def some_vpcs(cloud: ControlPlane) -> dict[str, str]:
    """VPCs, one of them with subnets, and gateways, two of them attached. A zone's default subnet is gone."""
    made = {}
    for name in ("<vpc>", "<doomed vpc>", "<open vpc>", "<vpc that had it>"):
        cidr_block = "10.1.0.0/16" if name == "<open vpc>" else "10.0.0.0/16"
        made[name] = (await cloud.ask("CreateVpc", cidr_block=cidr_block)).vpc.vpc_id
    for number, name in enumerate(("<doomed subnet>", "<unserved subnet>", "<subnet 1>", "<subnet 2>")):
        reply = await cloud.ask("CreateSubnet", vpc_id=made["<vpc>"], cidr_block=f"10.0.{number}.0/24")
        made[name] = reply.subnet.subnet_id
    for name in ("<igw>", "<igw to detach>", "<free igw>", "<doomed igw>"):
        made[name] = (await cloud.ask("CreateInternetGateway")).internet_gateway.internet_gateway_id
    for gateway, vpc in (("<igw>", "<vpc>"), ("<igw to detach>", "<vpc that had it>")):
        await cloud.ask("AttachInternetGateway", internet_gateway_id=made[gateway], vpc_id=made[vpc])
    for name in ("<options>", "<doomed options>"):
        configurations = [{"key": "domain-name-servers", "values": ["10.0.0.53,10.0.0.54"]}]
        reply = await cloud.ask("CreateDhcpOptions", dhcp_configurations=configurations)
        made[name] = reply.dhcp_options.dhcp_options_id
    wanted = {"name": "availability-zone", "values": ["home-1b"]}
    (default,) = (
        await cloud.ask("DescribeSubnets", filters=[wanted, {"name": "default-for-az", "values": ["true"]}])
    ).subnets
    await cloud.ask("DeleteSubnet", subnet_id=default.subnet_id)
    return made


async def some_peerings(cloud: ControlPlane, made: dict[str, str]) -> dict[str, str]:
    """All wait to be accepted."""
    wanted = {"name": "is-default", "values": ["true"]}
    (default,) = (await cloud.ask("DescribeVpcs", filters=[wanted])).vpcs
    peers = {"accept": "<vpc>", "reject": "<open vpc>", "delete": "<vpc that had it>"}
    peerings = {}
    for what, vpc in peers.items():
        reply = await cloud.ask("CreateVpcPeeringConnection", vpc_id=default.vpc_id, peer_vpc_id=made[vpc])
        peerings[f"<peering to {what}>"] = reply.vpc_peering_connection.vpc_peering_connection_id
    return peerings


async def some_acls(cloud: ControlPlane, made: dict[str, str]) -> dict[str, str]:
    acls = {}
    for name in ("<acl>", "<doomed acl>"):
        reply = await cloud.ask("CreateNetworkAcl", vpc_id=made["<vpc>"])
        acls[name] = reply.network_acl.network_acl_id
    for number in (100, 110):
        fields: dict[str, Any] = {"network_acl_id": acls["<acl>"], "rule_number": number, **ENTRY}
        await cloud.ask("CreateNetworkAclEntry", **fields)
    wanted = {"name": "association.subnet-id", "values": [made["<subnet 1>"]]}
    (acl,) = (await cloud.ask("DescribeNetworkAcls", filters=[wanted])).network_acls
    ids = {row.subnet_id: row.association_id for row in acl.associations}
    return {**acls, "<acl association>": ids[made["<subnet 1>"]]}


async def some_routes(cloud: ControlPlane, made: dict[str, str]) -> dict[str, str]:
    tables = {}
    for name in ("<table>", "<other table>", "<doomed table>"):
        reply = await cloud.ask("CreateRouteTable", vpc_id=made["<vpc>"])
        tables[name] = reply.route_table.route_table_id
    served = {"route_table_id": tables["<table>"]}
    for number in ("1", "2"):
        reply = await cloud.ask("AssociateRouteTable", **served, subnet_id=made[f"<subnet {number}>"])
        tables[f"<association of {number}>"] = reply.route_table_association_id
    for cidr in ("0.0.0.0/0", "198.51.100.0/24"):
        await cloud.ask("CreateRoute", **served, destination_cidr_block=cidr, gateway_id=made["<igw>"])
    return tables


async def project_without_vpcs(cloud: ControlPlane) -> str:
    """A token of it."""
    project_id = (await cloud.ask("CreateProject", name="bare")).project.project_id
    secret = await cloud.token(Role.MEMBER, project_id)
    (vpc,) = (await cloud.ask("DescribeVpcs", secret=secret)).vpcs
    for subnet in (await cloud.ask("DescribeSubnets", secret=secret)).subnets:
        await cloud.ask("DeleteSubnet", secret=secret, subnet_id=subnet.subnet_id)
    (gateway,) = (await cloud.ask("DescribeInternetGateways", secret=secret)).internet_gateways
    ids = {"internet_gateway_id": gateway.internet_gateway_id, "vpc_id": vpc.vpc_id}
    await cloud.ask("DetachInternetGateway", secret=secret, **ids)
    await cloud.ask("DeleteVpc", secret=secret, vpc_id=vpc.vpc_id)
    return secret


async def some_addresses(cloud: ControlPlane, instance_id: str) -> dict[str, str]:
    """The mapped one is an association's."""
    names = ("<allocated>", "<mapped address>", "<doomed address>", "<free address>")
    made = {name: (await cloud.ask("AllocateAddress")).address.allocation_id for name in names}
    mapped = await cloud.ask("AssociateAddress", allocation_id=made["<mapped address>"], instance_id=instance_id)
    return {**made, "<association>": mapped.association_id}
