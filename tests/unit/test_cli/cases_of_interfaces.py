"""Command lines about network interfaces: see `cases` and `cases_of_lists`."""

from typing import Any

from stead.v1 import instances_pb2 as instances
from stead.v1 import network_interfaces_pb2 as interfaces

ENI, ATTACHMENT = "eni-00000000000000001", "eni-attach-00000000000000001"
I1, SG = "i-00000000000000001", "sg-00000000000000001"
ATTACHED = instances.NetworkInterfaceAttachment(attachment_id=ATTACHMENT, instance_id=I1, status="attached")
INTERFACE = instances.NetworkInterface(network_interface_id=ENI, vpc_id="vpc-1", attachment=ATTACHED)
BY_NAME = {"DescribeNetworkInterfaces": interfaces.DescribeNetworkInterfacesResponse(network_interfaces=[INTERFACE])}

MUTATIONS: list[tuple[str, str, Any, Any]] = [
    (
        f"instance run --image ami-1 --interface side --interface {ENI}",
        "RunInstances",
        instances.RunInstancesRequest(
            image_id="ami-1",
            instance_type="t3.micro",
            min_count=1,
            max_count=1,
            network_interfaces=[
                instances.InstanceNetworkInterfaceSpecification(device_index=index, network_interface_id=ENI)
                for index in range(2)
            ],
            instance_initiated_shutdown_behavior="stop",
        ),
        instances.RunInstancesResponse(instances=[instances.Instance(instance_id=I1)]),
    ),
    (
        "interface create --subnet lab --sg web --private-ip 10.0.1.9 --address 10.0.1.10 --description side --tag a=b",
        "CreateNetworkInterface",
        interfaces.CreateNetworkInterfaceRequest(
            subnet_id="subnet-1",
            description="side",
            security_group_ids=[SG],
            private_ip_address="10.0.1.9",
            secondary_private_ip_addresses=["10.0.1.10"],
            tags={"a": "b"},
        ),
        interfaces.CreateNetworkInterfaceResponse(network_interface=INTERFACE),
    ),
    (
        "interface create --subnet lab --count 2",
        "CreateNetworkInterface",
        interfaces.CreateNetworkInterfaceRequest(subnet_id="subnet-1", secondary_private_ip_address_count=2),
        interfaces.CreateNetworkInterfaceResponse(network_interface=INTERFACE),
    ),
    (
        "interface modify side --description other --sg web --drop-established --no-source-dest-check"
        " --delete-on-termination --wait",
        "ModifyNetworkInterfaceAttribute",
        interfaces.ModifyNetworkInterfaceAttributeRequest(
            network_interface_id=ENI,
            description="other",
            security_group_ids=[SG],
            source_dest_check=False,
            delete_on_termination=True,
            drop_established=True,
        ),
        interfaces.ModifyNetworkInterfaceAttributeResponse(network_interface=INTERFACE),
    ),
    (
        f"interface attach side {I1} --index 2 --wait",
        "AttachNetworkInterface",
        interfaces.AttachNetworkInterfaceRequest(network_interface_id=ENI, instance_id=I1, device_index=2),
        interfaces.AttachNetworkInterfaceResponse(attachment=ATTACHED),
    ),
    (
        "interface detach side --force",
        "DetachNetworkInterface",
        interfaces.DetachNetworkInterfaceRequest(attachment_id=ATTACHMENT, force=True),
        interfaces.DetachNetworkInterfaceResponse(attachment=ATTACHED),
    ),
    (
        f"interface detach {ATTACHMENT}",
        "DetachNetworkInterface",
        interfaces.DetachNetworkInterfaceRequest(attachment_id=ATTACHMENT),
        interfaces.DetachNetworkInterfaceResponse(attachment=ATTACHED),
    ),
    (
        "interface delete side",
        "DeleteNetworkInterface",
        interfaces.DeleteNetworkInterfaceRequest(network_interface_id=ENI),
        interfaces.DeleteNetworkInterfaceResponse(),
    ),
    (
        "interface assign side --address 10.0.1.10 --reassign",
        "AssignPrivateIpAddresses",
        interfaces.AssignPrivateIpAddressesRequest(
            network_interface_id=ENI, private_ip_addresses=["10.0.1.10"], allow_reassignment=True
        ),
        interfaces.AssignPrivateIpAddressesResponse(
            network_interface_id=ENI, assigned_private_ip_addresses=["10.0.1.10"]
        ),
    ),
    (
        "interface unassign side --address 10.0.1.10 --address 10.0.1.11",
        "UnassignPrivateIpAddresses",
        interfaces.UnassignPrivateIpAddressesRequest(
            network_interface_id=ENI, private_ip_addresses=["10.0.1.10", "10.0.1.11"]
        ),
        interfaces.UnassignPrivateIpAddressesResponse(),
    ),
]

LISTS: list[tuple[str, str, Any, Any, str]] = [
    (
        "interface list",
        "DescribeNetworkInterfaces",
        interfaces.DescribeNetworkInterfacesResponse(),
        BY_NAME["DescribeNetworkInterfaces"],
        ENI,
    ),
]
