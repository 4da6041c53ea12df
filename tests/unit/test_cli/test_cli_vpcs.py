"""What commands about VPCs and network interfaces show beside what they ask for."""

from stead.v1 import instances_pb2 as instances
from stead.v1 import nat_gateways_pb2 as nat
from stead.v1 import network_acls_pb2 as acls
from stead.v1 import network_interfaces_pb2 as interfaces
from stead.v1.paths_pb2 import GetPathExplanationResponse

from .cases import BY_NAME
from .cases_of_interfaces import ENI, INTERFACE
from .cases_of_vpcs import NAT
from .fake_cloud import Cloud, Stead


def test_the_way_of_an_echo_needs_no_port(cloud: Cloud, stead: Stead) -> None:
    cloud.answers["GetPathExplanation"] = GetPathExplanationResponse(is_reachable=True)
    ends = ("network", "explain", "--from", "eni-1", "--to", "eni-2")
    assert stead(*ends, "--protocol", "icmp").exit_code == 0
    for protocol in ("tcp", "udp"):
        result = stead(*ends, "--protocol", protocol)
        assert (result.exit_code, f"{protocol} needs one, e.g. 22" in result.stderr) == (2, True)
    assert stead(*ends, "--port", "0").exit_code == 2
    assert len(cloud.asked("GetPathExplanation")) == 1


def test_an_interface_is_listed_with_what_has_it(cloud: Cloud, stead: Stead) -> None:
    gateways = instances.NetworkInterface(network_interface_id="eni-2", interface_type="nat_gateway")
    gateways.nat_gateway_id = "nat-1"
    cloud.answers["DescribeNetworkInterfaces"] = interfaces.DescribeNetworkInterfacesResponse(
        network_interfaces=[INTERFACE, gateways]
    )
    rows = [line.split() for line in stead("interface", "list").stdout.splitlines()[1:]]
    assert rows == [[ENI, INTERFACE.attachment.instance_id, "0"], ["eni-2", "nat-1"]]


def test_a_new_nat_gateway_shows_what_is_in_its_way(cloud: Cloud, stead: Stead) -> None:
    made = nat.NatGateway()
    made.CopyFrom(NAT)
    made.state_detail = "subnet-1 has no route to an internet gateway"
    cloud.answers |= BY_NAME | {"CreateNatGateway": nat.CreateNatGatewayResponse(nat_gateway=made)}
    result = stead("nat-gateway", "create", "--subnet", "subnet-1", "--address", "203.0.113.7")
    assert (result.exit_code, result.stderr) == (0, "nat-1: subnet-1 has no route to an internet gateway\n")


def test_options_that_say_nothing_are_not_made(cloud: Cloud, stead: Stead) -> None:
    result = stead("dhcp-options", "create", "--tag", "Name=empty")
    assert result.exit_code == 2
    assert "--domain-name, --dns, --ntp, --netbios or --netbios-node-type" in " ".join(result.stderr.split())
    assert not cloud.requests


def test_an_acls_new_entry_is_shown_as_it_is_kept(cloud: Cloud, stead: Stead) -> None:
    kept = [
        acls.NetworkAclEntry(rule_number=100, egress=True, cidr_block="192.0.2.0/24"),
        acls.NetworkAclEntry(rule_number=100, cidr_block="10.0.0.0/16", protocol="-1", rule_action="allow"),
    ]
    acl = acls.NetworkAcl(network_acl_id="acl-1", entries=kept)
    cloud.answers |= {
        "CreateNetworkAclEntry": acls.CreateNetworkAclEntryResponse(),
        "DescribeNetworkAcls": acls.DescribeNetworkAclsResponse(network_acls=[acl]),
    }
    line = ("network-acl", "create-entry", "acl-1", "100", "allow", "--cidr", "10.0.0.1/16")
    (row,) = stead(*line).stdout.splitlines()[1:]
    assert row.split() == ["100", "in,", "from", "10.0.0.0/16", "all", "all", "allow"]
    kept[1].MergeFrom(acls.NetworkAclEntry(status="no-effect", status_detail="VPCs have no IPv6"))
    cloud.answers["DescribeNetworkAcls"] = acls.DescribeNetworkAclsResponse(
        network_acls=[acls.NetworkAcl(network_acl_id="acl-1", entries=kept)]
    )
    assert stead(*line).stderr == "100: has no effect: VPCs have no IPv6\n"
    cloud.answers["DescribeNetworkAcls"] = acls.DescribeNetworkAclsResponse()
    gone = stead(*line)
    assert (gone.exit_code, gone.stderr) == (0, "acl-1 has no entry 100 any more.\n")


def test_the_subnet_that_an_acl_guards_now_is_named(cloud: Cloud, stead: Stead) -> None:
    row = acls.NetworkAclAssociation(association_id="aclassoc-2", subnet_id="subnet-1")
    cloud.answers |= {
        "ReplaceNetworkAclAssociation": acls.ReplaceNetworkAclAssociationResponse(new_association_id="aclassoc-2"),
        "DescribeNetworkAcls": acls.DescribeNetworkAclsResponse(network_acls=[acls.NetworkAcl(associations=[row])]),
    }
    for which in (("--subnet", "subnet-1"), ("--association", "aclassoc-1")):
        result = stead("network-acl", "replace-association", "acl-1", *which)
        assert result.stdout == "acl-1: guards subnet-1 (aclassoc-2)\n"
