"""Command lines that list, with what each asks of the control plane."""

from typing import Any

from stead.v1 import addresses_pb2 as addresses
from stead.v1 import audit_pb2 as audit
from stead.v1 import hosts_pb2 as hosts
from stead.v1 import images_pb2 as images
from stead.v1 import instance_types_pb2 as types
from stead.v1 import instances_pb2 as instances
from stead.v1 import key_pairs_pb2 as keys
from stead.v1 import projects_pb2 as projects
from stead.v1 import regions_pb2 as regions
from stead.v1 import volumes_pb2 as volumes
from tests.unit.test_cli import cases_of_interfaces as interfaces
from tests.unit.test_cli import cases_of_rules as rules
from tests.unit.test_cli import cases_of_vpcs as vpcs
from tests.unit.test_cli.cases import AMI, BY_NAME, I1, VOL

# Command line, method, an empty reply, one with a resource in it, and what must be seen of that.
LISTS: list[tuple[str, str, Any, Any, str]] = [
    (
        "instance list",
        "DescribeInstances",
        instances.DescribeInstancesResponse(),
        instances.DescribeInstancesResponse(instances=[instances.Instance(instance_id=I1)]),
        I1,
    ),
    (
        "volume list",
        "DescribeVolumes",
        volumes.DescribeVolumesResponse(),
        volumes.DescribeVolumesResponse(volumes=[volumes.Volume(volume_id=VOL)]),
        VOL,
    ),
    (
        "volume list --deleted",
        "ListVolumesInRecycleBin",
        volumes.ListVolumesInRecycleBinResponse(),
        volumes.ListVolumesInRecycleBinResponse(volumes=[volumes.RecycledVolume(volume_id=VOL)]),
        VOL,
    ),
    ("image list", "DescribeImages", images.DescribeImagesResponse(), BY_NAME["DescribeImages"], AMI),
    *interfaces.LISTS,
    *rules.LISTS,
    ("address list", "DescribeAddresses", addresses.DescribeAddressesResponse(), BY_NAME["DescribeAddresses"], "203."),
    (
        "key list",
        "DescribeKeyPairs",
        keys.DescribeKeyPairsResponse(),
        keys.DescribeKeyPairsResponse(key_pairs=[keys.KeyPair(key_name="me", key_type=keys.KEY_TYPE_RSA)]),
        "rsa",
    ),
    (
        "host orphans",
        "DescribeOrphanVolumes",
        hosts.DescribeOrphanVolumesResponse(),
        hosts.DescribeOrphanVolumesResponse(volumes=[hosts.OrphanVolume(host_id="host-1", volume_id=VOL)]),
        VOL,
    ),
    (
        "host list",
        "DescribeHosts",
        hosts.DescribeHostsResponse(),
        hosts.DescribeHostsResponse(
            hosts=[hosts.Host(host_id="host-1", roles=["HOST_ROLE_COMPUTE", "HOST_ROLE_GATEWAY"])]
        ),
        "compute, gateway",
    ),
    (
        "host list",
        "DescribeHosts",
        hosts.DescribeHostsResponse(),
        hosts.DescribeHostsResponse(
            hosts=[hosts.Host(pools=[hosts.StoragePool(name="ssd", storage_gib=9), hosts.StoragePool(name="hdd")])]
        ),
        "ssd 0/9, hdd 0/0",
    ),
    *vpcs.LISTS,
    (
        "az list",
        "DescribeAvailabilityZones",
        regions.DescribeAvailabilityZonesResponse(),
        regions.DescribeAvailabilityZonesResponse(availability_zones=[regions.AvailabilityZone(zone_name="home-1a")]),
        "home-1a",
    ),
    (
        "instance-type list",
        "DescribeInstanceTypes",
        types.DescribeInstanceTypesResponse(),
        types.DescribeInstanceTypesResponse(instance_types=[types.InstanceType(instance_type="t3.nano")]),
        "t3.nano",
    ),
    (
        "audit list --latest 1",
        "DescribeAuditRecords",
        audit.DescribeAuditRecordsResponse(),
        audit.DescribeAuditRecordsResponse(
            audit_records=[audit.AuditRecord(operation="RunInstances", resource_ids=[I1, VOL])]
        ),
        "RunInstances",
    ),
    (
        "token list",
        "DescribeTokens",
        projects.DescribeTokensResponse(),
        projects.DescribeTokensResponse(tokens=[projects.Token(token_id="tok-1", role="ROLE_READER")]),
        "reader",
    ),
    ("project list", "DescribeProjects", projects.DescribeProjectsResponse(), BY_NAME["DescribeProjects"], "proj-1"),
]
