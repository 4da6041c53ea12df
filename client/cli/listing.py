"""The control plane's advice, which names calls of the API, in commands. Pure."""

import re

# By the call that lists a kind of resource.
COMMANDS = {
    "DescribeAddresses": "address list",
    "DescribeDhcpOptions": "dhcp-options list",
    "DescribeHosts": "host list",
    "DescribeImages": "image list",
    "DescribeInstanceTypes": "instance-type list",
    "DescribeInstances": "instance list",
    "DescribeInternetGateways": "igw list",
    "DescribeNetworkInterfaces": "interface list",
    "DescribeKeyPairs": "key list",
    "DescribeManagedPrefixLists": "prefix-list list",
    "DescribeNatGateways": "nat-gateway list",
    "DescribeOrphanVolumes": "host orphans",
    "DescribeProjects": "project list",
    "DescribeRouteTables": "route-table list",
    "DescribeNetworkAcls": "network-acl list",
    "DescribeSecurityGroupRules": "sg rules",
    "DescribeSecurityGroups": "sg list",
    "DescribeSubnets": "subnet list",
    "DescribeTokens": "token list",
    "DescribeVolumes": "volume list",
    "DescribeVpcPeeringConnections": "vpc-peering list",
    "DescribeVpcs": "vpc list",
    "ListVolumesInRecycleBin": "volume list --deleted",
}
_ADVICE = re.compile(rf"\bsee ({'|'.join(COMMANDS)})\b")


def in_commands(message: str) -> str:
    """ "see DescribeVpcs" becomes "`stead vpc list` shows them"."""
    return _ADVICE.sub(lambda found: f"`stead {COMMANDS[found[1]]}` shows them", message)
