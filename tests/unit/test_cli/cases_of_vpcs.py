"""Command lines about VPCs and what gives them their shape: see `cases` and `cases_of_lists`."""

from typing import Any

from stead.v1 import dhcp_options_pb2 as dhcp
from stead.v1 import internet_gateways_pb2 as gateways
from stead.v1 import nat_gateways_pb2 as nat
from stead.v1 import network_acls_pb2 as acls
from stead.v1 import route_tables_pb2 as tables
from stead.v1 import subnets_pb2 as subnets
from stead.v1 import vpc_peering_connections_pb2 as pcx
from stead.v1 import vpcs_pb2 as vpcs
from tests.unit.test_cli.cases_of_interfaces import ENI

VPC, IGW = vpcs.Vpc(vpc_id="vpc-1"), gateways.InternetGateway(internet_gateway_id="igw-1", vpc_id="vpc-1")
SUBNET = subnets.Subnet(subnet_id="subnet-1", vpc_id="vpc-1")
TABLE = tables.RouteTable(
    route_table_id="rtb-1",
    associations=[
        tables.RouteTableAssociation(route_table_association_id=f"rtbassoc-{n}", subnet_id=f"subnet-{n}")
        for n in (2, 1)
    ],
)
OPTIONS = dhcp.DhcpOptions(
    dhcp_options_id="dopt-1", dhcp_configurations=[dhcp.DhcpConfiguration(key="domain-name", values=["corp.example"])]
)
PCX = pcx.VpcPeeringConnection(
    vpc_peering_connection_id="pcx-1", status=pcx.VpcPeeringConnectionStateReason(code="pending-acceptance")
)
NAT = nat.NatGateway(
    nat_gateway_id="nat-1", state="available", nat_gateway_addresses=[nat.NatGatewayAddress(public_ip="192.0.2.7")]
)
ACL = acls.NetworkAcl(
    network_acl_id="acl-1",
    associations=[acls.NetworkAclAssociation(association_id="aclassoc-1", subnet_id="subnet-1")],
    entries=[
        acls.NetworkAclEntry(rule_number=n, egress=is_out) for n, is_out in ((100, True), (7, False), (100, False))
    ],
)
BY_NAME = {
    "DescribeVpcs": vpcs.DescribeVpcsResponse(vpcs=[VPC]),
    "DescribeSubnets": subnets.DescribeSubnetsResponse(subnets=[SUBNET]),
    "DescribeInternetGateways": gateways.DescribeInternetGatewaysResponse(internet_gateways=[IGW]),
    "DescribeRouteTables": tables.DescribeRouteTablesResponse(route_tables=[TABLE]),
    "DescribeVpcPeeringConnections": pcx.DescribeVpcPeeringConnectionsResponse(vpc_peering_connections=[PCX]),
    "DescribeNatGateways": nat.DescribeNatGatewaysResponse(nat_gateways=[NAT]),
    "DescribeDhcpOptions": dhcp.DescribeDhcpOptionsResponse(dhcp_options=[OPTIONS]),
    "DescribeNetworkAcls": acls.DescribeNetworkAclsResponse(network_acls=[ACL]),
}
ROUTE: dict[str, Any] = {"route_table_id": "rtb-1", "destination_cidr_block": "0.0.0.0/0"}
NO_VPCS, NO_SUBNETS = vpcs.DescribeVpcsResponse(), subnets.DescribeSubnetsResponse()
NO_PEERINGS = pcx.DescribeVpcPeeringConnectionsResponse()
NO_NATS = nat.DescribeNatGatewaysResponse()
NO_ACLS = acls.DescribeNetworkAclsResponse()
NO_OPTIONS = dhcp.DescribeDhcpOptionsResponse()
NO_GATEWAYS, NO_TABLES = gateways.DescribeInternetGatewaysResponse(), tables.DescribeRouteTablesResponse()

MUTATIONS: list[tuple[str, str, Any, Any]] = [
    (
        "vpc create 10.0.0.0/16 --tag Name=lab",
        "CreateVpc",
        vpcs.CreateVpcRequest(cidr_block="10.0.0.0/16", tags={"Name": "lab"}),
        vpcs.CreateVpcResponse(vpc=VPC),
    ),
    (
        "vpc create-default",
        "CreateDefaultVpc",
        vpcs.CreateDefaultVpcRequest(),
        vpcs.CreateDefaultVpcResponse(vpc=VPC),
    ),
    (
        "vpc modify lab --no-dns --public-names",
        "ModifyVpcAttribute",
        vpcs.ModifyVpcAttributeRequest(vpc_id="vpc-1", enable_dns_support=False, enable_dns_hostnames=True),
        vpcs.ModifyVpcAttributeResponse(vpc=VPC),
    ),
    ("vpc delete lab", "DeleteVpc", vpcs.DeleteVpcRequest(vpc_id="vpc-1"), vpcs.DeleteVpcResponse()),
    (
        "dhcp-options create --domain-name corp.example --dns 10.0.0.53,AmazonProvidedDNS --ntp 10.0.0.1"
        " --netbios 10.0.0.9 --netbios-node-type 2 --tag Name=corp",
        "CreateDhcpOptions",
        dhcp.CreateDhcpOptionsRequest(
            dhcp_configurations=[
                dhcp.DhcpConfiguration(key=key, values=[value])
                for key, value in (
                    ("domain-name", "corp.example"),
                    ("domain-name-servers", "10.0.0.53,AmazonProvidedDNS"),
                    ("ntp-servers", "10.0.0.1"),
                    ("netbios-name-servers", "10.0.0.9"),
                    ("netbios-node-type", "2"),
                )
            ],
            tags={"Name": "corp"},
        ),
        dhcp.CreateDhcpOptionsResponse(dhcp_options=OPTIONS),
    ),
    (
        "dhcp-options associate corp --vpc lab",
        "AssociateDhcpOptions",
        dhcp.AssociateDhcpOptionsRequest(dhcp_options_id="dopt-1", vpc_id="vpc-1"),
        dhcp.AssociateDhcpOptionsResponse(),
    ),
    (
        "dhcp-options associate default --vpc lab",
        "AssociateDhcpOptions",
        dhcp.AssociateDhcpOptionsRequest(dhcp_options_id="default", vpc_id="vpc-1"),
        dhcp.AssociateDhcpOptionsResponse(),
    ),
    (
        "dhcp-options delete corp",
        "DeleteDhcpOptions",
        dhcp.DeleteDhcpOptionsRequest(dhcp_options_id="dopt-1"),
        dhcp.DeleteDhcpOptionsResponse(),
    ),
    (
        "subnet create 10.0.1.0/24 --vpc lab --az z --tag Name=a",
        "CreateSubnet",
        subnets.CreateSubnetRequest(vpc_id="vpc-1", cidr_block="10.0.1.0/24", zone_name="z", tags={"Name": "a"}),
        subnets.CreateSubnetResponse(subnet=SUBNET),
    ),
    (
        "subnet create-default --az z",
        "CreateDefaultSubnet",
        subnets.CreateDefaultSubnetRequest(zone_name="z"),
        subnets.CreateDefaultSubnetResponse(subnet=SUBNET),
    ),
    (
        "subnet modify subnet-1 --no-public-ip",
        "ModifySubnetAttribute",
        subnets.ModifySubnetAttributeRequest(subnet_id="subnet-1", map_public_ip_on_launch=False),
        subnets.ModifySubnetAttributeResponse(subnet=SUBNET),
    ),
    (
        "subnet delete a",
        "DeleteSubnet",
        subnets.DeleteSubnetRequest(subnet_id="subnet-1"),
        subnets.DeleteSubnetResponse(),
    ),
    (
        "igw create --tag Name=door",
        "CreateInternetGateway",
        gateways.CreateInternetGatewayRequest(tags={"Name": "door"}),
        gateways.CreateInternetGatewayResponse(internet_gateway=IGW),
    ),
    (
        "igw attach door --vpc lab",
        "AttachInternetGateway",
        gateways.AttachInternetGatewayRequest(internet_gateway_id="igw-1", vpc_id="vpc-1"),
        gateways.AttachInternetGatewayResponse(),
    ),
    (
        "igw detach door",
        "DetachInternetGateway",
        gateways.DetachInternetGatewayRequest(internet_gateway_id="igw-1", vpc_id="vpc-1"),
        gateways.DetachInternetGatewayResponse(),
    ),
    (
        "igw delete door",
        "DeleteInternetGateway",
        gateways.DeleteInternetGatewayRequest(internet_gateway_id="igw-1"),
        gateways.DeleteInternetGatewayResponse(),
    ),
    (
        "route-table create --vpc lab --tag Name=public",
        "CreateRouteTable",
        tables.CreateRouteTableRequest(vpc_id="vpc-1", tags={"Name": "public"}),
        tables.CreateRouteTableResponse(route_table=TABLE),
    ),
    (
        "route-table delete public",
        "DeleteRouteTable",
        tables.DeleteRouteTableRequest(route_table_id="rtb-1"),
        tables.DeleteRouteTableResponse(),
    ),
    (
        "route-table associate public --subnet a",
        "AssociateRouteTable",
        tables.AssociateRouteTableRequest(route_table_id="rtb-1", subnet_id="subnet-1"),
        tables.AssociateRouteTableResponse(route_table_association_id="rtbassoc-1"),
    ),
    (
        "route-table disassociate rtbassoc-1",
        "DisassociateRouteTable",
        tables.DisassociateRouteTableRequest(route_table_association_id="rtbassoc-1"),
        tables.DisassociateRouteTableResponse(),
    ),
    (
        "route-table disassociate --subnet subnet-1",
        "DisassociateRouteTable",
        tables.DisassociateRouteTableRequest(route_table_association_id="rtbassoc-1"),
        tables.DisassociateRouteTableResponse(),
    ),
    (
        "route-table replace-association rtbassoc-1 public",
        "ReplaceRouteTableAssociation",
        tables.ReplaceRouteTableAssociationRequest(route_table_association_id="rtbassoc-1", route_table_id="rtb-1"),
        tables.ReplaceRouteTableAssociationResponse(route_table_association_id="rtbassoc-2"),
    ),
    (
        "route-table create-route public 0.0.0.0/0 --igw door",
        "CreateRoute",
        tables.CreateRouteRequest(**ROUTE, gateway_id="igw-1"),
        tables.CreateRouteResponse(),
    ),
    (
        "route-table create-route public 0.0.0.0/0 --interface side",
        "CreateRoute",
        tables.CreateRouteRequest(**ROUTE, network_interface_id=ENI),
        tables.CreateRouteResponse(),
    ),
    (
        "route-table replace-route public 0.0.0.0/0 --instance i-1",
        "ReplaceRoute",
        tables.ReplaceRouteRequest(**ROUTE, instance_id="i-1"),
        tables.ReplaceRouteResponse(),
    ),
    (
        "route-table create-route public 0.0.0.0/0 --nat-gateway out",
        "CreateRoute",
        tables.CreateRouteRequest(**ROUTE, nat_gateway_id="nat-1"),
        tables.CreateRouteResponse(),
    ),
    (
        "route-table create-route public 10.2.0.0/16 --peering them",
        "CreateRoute",
        tables.CreateRouteRequest(
            route_table_id="rtb-1", destination_cidr_block="10.2.0.0/16", vpc_peering_connection_id="pcx-1"
        ),
        tables.CreateRouteResponse(),
    ),
    (
        "vpc-peering create --vpc lab --peer vpc-00000000000000002 --owner proj-2 --tag Name=them",
        "CreateVpcPeeringConnection",
        pcx.CreateVpcPeeringConnectionRequest(
            vpc_id="vpc-1", peer_vpc_id="vpc-00000000000000002", peer_owner_id="proj-2", tags={"Name": "them"}
        ),
        pcx.CreateVpcPeeringConnectionResponse(vpc_peering_connection=PCX),
    ),
    (
        "vpc-peering accept them",
        "AcceptVpcPeeringConnection",
        pcx.AcceptVpcPeeringConnectionRequest(vpc_peering_connection_id="pcx-1"),
        pcx.AcceptVpcPeeringConnectionResponse(vpc_peering_connection=PCX),
    ),
    (
        "vpc-peering reject them",
        "RejectVpcPeeringConnection",
        pcx.RejectVpcPeeringConnectionRequest(vpc_peering_connection_id="pcx-1"),
        pcx.RejectVpcPeeringConnectionResponse(),
    ),
    (
        "vpc-peering delete them",
        "DeleteVpcPeeringConnection",
        pcx.DeleteVpcPeeringConnectionRequest(vpc_peering_connection_id="pcx-1"),
        pcx.DeleteVpcPeeringConnectionResponse(),
    ),
    (
        "nat-gateway create --subnet a --address 203.0.113.7 --private-ip 10.0.1.9 --tag Name=out",
        "CreateNatGateway",
        nat.CreateNatGatewayRequest(
            subnet_id="subnet-1", allocation_id="eipalloc-1", private_ip_address="10.0.1.9", tags={"Name": "out"}
        ),
        nat.CreateNatGatewayResponse(nat_gateway=NAT),
    ),
    (
        "nat-gateway delete out",
        "DeleteNatGateway",
        nat.DeleteNatGatewayRequest(nat_gateway_id="nat-1"),
        nat.DeleteNatGatewayResponse(nat_gateway_id="nat-1"),
    ),
    (
        "route-table replace-route public 0.0.0.0/0 --igw igw-2",
        "ReplaceRoute",
        tables.ReplaceRouteRequest(**ROUTE, gateway_id="igw-2"),
        tables.ReplaceRouteResponse(),
    ),
    (
        "route-table delete-route public 0.0.0.0/0",
        "DeleteRoute",
        tables.DeleteRouteRequest(**ROUTE),
        tables.DeleteRouteResponse(),
    ),
    (
        "network-acl create --vpc lab --tag Name=web",
        "CreateNetworkAcl",
        acls.CreateNetworkAclRequest(vpc_id="vpc-1", tags={"Name": "web"}),
        acls.CreateNetworkAclResponse(network_acl=ACL),
    ),
    (
        "network-acl delete web",
        "DeleteNetworkAcl",
        acls.DeleteNetworkAclRequest(network_acl_id="acl-1"),
        acls.DeleteNetworkAclResponse(),
    ),
    (
        "network-acl create-entry web 100 allow --cidr 0.0.0.0/0 --protocol tcp --port 22-23 --egress",
        "CreateNetworkAclEntry",
        acls.CreateNetworkAclEntryRequest(
            network_acl_id="acl-1",
            rule_number=100,
            protocol="tcp",
            rule_action="allow",
            egress=True,
            cidr_block="0.0.0.0/0",
            from_port=22,
            to_port=23,
        ),
        acls.CreateNetworkAclEntryResponse(),
    ),
    (
        "network-acl create-entry web 7 deny --cidr 10.0.0.0/8",
        "CreateNetworkAclEntry",
        acls.CreateNetworkAclEntryRequest(
            network_acl_id="acl-1", rule_number=7, protocol="-1", rule_action="deny", cidr_block="10.0.0.0/8"
        ),
        acls.CreateNetworkAclEntryResponse(),
    ),
    (
        "network-acl replace-entry acl-1 100 deny --cidr ::/0 --protocol icmpv6 --icmp-type 128",
        "ReplaceNetworkAclEntry",
        acls.ReplaceNetworkAclEntryRequest(
            network_acl_id="acl-1",
            rule_number=100,
            protocol="58",
            rule_action="deny",
            ipv6_cidr_block="::/0",
            icmp_type=128,
            icmp_code=-1,
        ),
        acls.ReplaceNetworkAclEntryResponse(),
    ),
    (
        "network-acl delete-entry web 100 --egress",
        "DeleteNetworkAclEntry",
        acls.DeleteNetworkAclEntryRequest(network_acl_id="acl-1", rule_number=100, egress=True),
        acls.DeleteNetworkAclEntryResponse(),
    ),
    (
        "network-acl replace-association web --subnet a",
        "ReplaceNetworkAclAssociation",
        acls.ReplaceNetworkAclAssociationRequest(association_id="aclassoc-1", network_acl_id="acl-1"),
        acls.ReplaceNetworkAclAssociationResponse(new_association_id="aclassoc-2"),
    ),
    (
        "network-acl replace-association acl-2 --association aclassoc-9",
        "ReplaceNetworkAclAssociation",
        acls.ReplaceNetworkAclAssociationRequest(association_id="aclassoc-9", network_acl_id="acl-2"),
        acls.ReplaceNetworkAclAssociationResponse(new_association_id="aclassoc-2"),
    ),
]

LISTS: list[tuple[str, str, Any, Any, str]] = [
    ("vpc list", "DescribeVpcs", NO_VPCS, BY_NAME["DescribeVpcs"], "vpc-1"),
    ("dhcp-options list", "DescribeDhcpOptions", NO_OPTIONS, BY_NAME["DescribeDhcpOptions"], "corp.example"),
    ("subnet list", "DescribeSubnets", NO_SUBNETS, BY_NAME["DescribeSubnets"], "subnet-1"),
    (
        "vpc-peering list",
        "DescribeVpcPeeringConnections",
        NO_PEERINGS,
        BY_NAME["DescribeVpcPeeringConnections"],
        "pending-acceptance",
    ),
    ("nat-gateway list", "DescribeNatGateways", NO_NATS, BY_NAME["DescribeNatGateways"], "192.0.2.7"),
    ("igw list", "DescribeInternetGateways", NO_GATEWAYS, BY_NAME["DescribeInternetGateways"], "igw-1"),
    ("route-table list", "DescribeRouteTables", NO_TABLES, BY_NAME["DescribeRouteTables"], "rtb-1"),
    ("network-acl list", "DescribeNetworkAcls", NO_ACLS, BY_NAME["DescribeNetworkAcls"], "acl-1"),
]
