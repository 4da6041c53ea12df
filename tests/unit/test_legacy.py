"""What a host shall have, out of the rows: complete, minimal, and in the shape of the contract."""

from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from controlplane.model.host import HostRole
from controlplane.model.instance import ROOT_DEVICE, ObservedKind
from controlplane.reconcile.legacy import Spec, render, render_all
from controlplane.service import addresses, power, private_addresses, security_group_rules, security_groups, volumes
from controlplane.service.addresses import AllocateAddress, AssociateAddress
from controlplane.service.instances import BlockDeviceMapping
from controlplane.service.permissions import Permission
from controlplane.service.power import StopInstances
from controlplane.service.private_addresses import AssignPrivateIpAddresses
from controlplane.service.security_group_rules import Authorize
from controlplane.service.security_groups import CreateSecurityGroup
from controlplane.service.volumes import DetachVolume
from stead.v1 import agent_pb2 as pb
from tests.unit.region import NAME, ZONES, Region

COMPUTE, STORAGE, GATEWAY = HostRole.COMPUTE, HostRole.STORAGE, HostRole.GATEWAY


class Lab:
    """A compute and storage host in each zone, and a gateway."""

    def __init__(self) -> None:
        self.region = Region()
        self.a = self.region.add_host(ZONES[0], (COMPUTE, STORAGE))
        self.b = self.region.add_host(ZONES[1], (COMPUTE, STORAGE))
        self.gateway = self.region.add_host(ZONES[0], (GATEWAY,))

    def spec(self, host_id: str, kind: ObservedKind, resource_id: str) -> Spec:
        spec = render(self.region.state, host_id, (kind, resource_id), NAME)
        assert spec is not None
        return spec

    def kinds(self, host_id: str) -> list[str]:
        return sorted(kind.value for kind, _ in render_all(self.region.state, host_id, NAME))

    @property
    def vpc_id(self) -> str:
        return next(iter(self.region.state.vpcs)).id


@pytest.fixture
def lab() -> Lab:
    return Lab()


def test_hosts_without_resources_have_nothing(lab: Lab) -> None:
    assert [lab.kinds(host) for host in (lab.a, lab.b, lab.gateway)] == [[], [], []]


def test_each_host_has_what_concerns_it_alone(lab: Lab) -> None:
    lab.region.run(zone_name=ZONES[0])
    assert lab.kinds(lab.a) == ["export", "instance", "volume", "vpc"]
    assert lab.kinds(lab.b) == []
    assert lab.kinds(lab.gateway) == ["gateway", "vpc"]


def test_everything_rendered_is_in_the_contract(lab: Lab) -> None:
    region = lab.region
    group_id = region.do(security_groups.create, CreateSecurityGroup("web", "x"))
    by_group = Permission("icmp", -1, -1, "", group_id, "")
    region.do(security_group_rules.authorize, Authorize(group_id, False, [by_group]))
    for zone in ZONES:
        region.run(
            zone_name=zone,
            security_group_ids=(group_id,),
            user_data=b"\0\xff",
            block_device_mappings=(BlockDeviceMapping("/dev/sdf", 2),),
        )
    kinds = set()
    for host_id in (lab.a, lab.b, lab.gateway):
        for (kind, resource_id), spec in render_all(region.state, host_id, NAME).items():
            message = pb.Resource(**{kind.value: spec})
            assert message.WhichOneof("spec") == kind.value
            assert resource_id in MessageToDict(getattr(message, kind.value)).values()
            assert pb.Resource.FromString(message.SerializeToString()) == message
            kinds.add(kind)
    assert kinds == set(ObservedKind)


def test_an_instance_learns_where_its_disks_are_the_root_first(lab: Lab) -> None:
    region = lab.region
    mappings = (BlockDeviceMapping("/dev/sdb", 1), BlockDeviceMapping("/dev/sdf", 1))
    instance_id = region.launch(zone_name=ZONES[0], block_device_mappings=mappings)
    spec = lab.spec(lab.a, ObservedKind.INSTANCE, instance_id)
    assert [disk["device_name"] for disk in spec["disks"]] == [ROOT_DEVICE, "/dev/sdb", "/dev/sdf"]
    for disk in spec["disks"]:
        export = lab.spec(lab.a, ObservedKind.EXPORT, disk["export_name"])
        assert (disk["port"], disk["address"]) == (export["port"], "10.0.0.1")
        assert export["client_host_ids"] == [lab.a]
    region.do(volumes.detach, DetachVolume(spec["disks"][1]["volume_id"]))
    after = lab.spec(lab.a, ObservedKind.INSTANCE, instance_id)
    assert [disk["device_name"] for disk in after["disks"]] == [ROOT_DEVICE, "/dev/sdf"]
    assert lab.kinds(lab.a).count("export") == 3, "open until the instance is seen to have let go"


def test_a_stopped_instance_stays_with_its_disks_and_a_terminated_one_goes(lab: Lab) -> None:
    region = lab.region
    instance_id = region.launch(zone_name=ZONES[0])
    region.do(power.stop, StopInstances([instance_id]))
    spec = lab.spec(lab.a, ObservedKind.INSTANCE, instance_id)
    assert (spec["power_on"], spec["stop_timeout_s"], len(spec["disks"])) == (False, 120, 1)
    region.do(power.terminate, [instance_id])
    assert lab.kinds(lab.a) == ["export", "volume", "vpc"], "until the host has let go"


def test_metadata_tells_the_public_address_that_the_guest_has_now(lab: Lab) -> None:
    region = lab.region
    instance_id = region.launch(zone_name=ZONES[0], user_data=b"#!")
    metadata = lab.spec(lab.a, ObservedKind.INSTANCE, instance_id)["metadata"]
    assert metadata["host_name"] == "ip-172-31-0-4.home-1.compute.internal"
    assert (metadata["public_ip"], metadata["user_data"]) == ("192.0.2.1", b"#!")
    assert metadata["security_groups"] == ["default"]
    allocation_id = region.do(addresses.allocate, AllocateAddress())
    region.do(addresses.associate, AssociateAddress(allocation_id, instance_id))
    assert lab.spec(lab.a, ObservedKind.INSTANCE, instance_id)["metadata"]["public_ip"] == "192.0.2.2"
    gateway = lab.spec(lab.gateway, ObservedKind.GATEWAY, lab.vpc_id)
    assert gateway["mappings"] == [{"public_ip": "192.0.2.2", "private_ip": "172.31.0.4"}]


def test_a_public_address_is_of_the_private_one_that_it_is_mapped_to(lab: Lab) -> None:
    region = lab.region
    instance_id = region.launch(zone_name=ZONES[0], associate_public_ip_address=False)
    interface = region.interface(instance_id)
    (secondary,) = region.do(private_addresses.assign, AssignPrivateIpAddresses(interface.id, (), 1))
    allocation_id = region.do(addresses.allocate, AllocateAddress())
    asked = AssociateAddress(allocation_id, network_interface_id=interface.id, private_ip_address=secondary)
    region.do(addresses.associate, asked)
    public_ip = region.state.addresses[allocation_id].public_ip
    gateway = lab.spec(lab.gateway, ObservedKind.GATEWAY, lab.vpc_id)
    assert gateway["mappings"] == [{"public_ip": public_ip, "private_ip": secondary}]
    assert not lab.spec(lab.a, ObservedKind.INSTANCE, instance_id)["metadata"]["public_ip"]


def peers(spec: Spec) -> dict[int, list[str]]:
    return {peer["host_number"]: peer["private_ips"] for peer in spec["peers"]}


def test_the_hosts_of_a_vpc_know_each_other(lab: Lab) -> None:
    region = lab.region
    for zone in (*ZONES, ZONES[1]):
        region.run(zone_name=zone)
    specs = [lab.spec(host_id, ObservedKind.VPC, lab.vpc_id) for host_id in (lab.a, lab.b, lab.gateway)]
    local = ["172.31.0.4"], ["172.31.16.4", "172.31.16.5"]
    assert [[port["private_ip"] for port in spec["ports"]] for spec in specs] == [*local, []]
    assert peers(specs[0]) == {2: local[1], 3: []}
    assert peers(specs[1]) == {1: local[0], 3: []}
    assert peers(specs[2]) == {1: local[0], 2: local[1]}
    assert {spec["gateway_host_number"] for spec in specs} == {3}
    assert [spec["host_number"] for spec in specs] == [1, 2, 3]


def test_groups_of_local_ports_with_members_wherever_they_are(lab: Lab) -> None:
    region = lab.region
    default = next(iter(region.state.security_groups)).id
    group_id = region.do(security_groups.create, CreateSecurityGroup("web", "x"))
    from_default = Permission("tcp", 80, 80, "", default, "")
    region.do(security_group_rules.authorize, Authorize(group_id, False, [from_default]))
    region.run(zone_name=ZONES[0], security_group_ids=(group_id,))
    region.run(zone_name=ZONES[1])
    spec = lab.spec(lab.a, ObservedKind.VPC, lab.vpc_id)
    assert [group["group_id"] for group in spec["groups"]] == [group_id]
    rules: list[dict[str, Any]] = spec["groups"][0]["rules"]
    assert [(rule["is_egress"], rule.get("cidr_ipv4"), rule.get("group_id")) for rule in rules] == [
        (True, "0.0.0.0/0", None),
        (False, None, default),
    ]
    assert spec["group_members"] == [{"group_id": default, "private_ips": ["172.31.16.4"]}]


def test_without_a_gateway_host_a_vpc_has_no_way_out() -> None:
    region = Region()
    host_id = region.add_host(roles=(COMPUTE, STORAGE))
    region.run()
    vpc_id = next(iter(region.state.vpcs)).id
    spec = render(region.state, host_id, (ObservedKind.VPC, vpc_id), NAME)
    assert spec is not None
    assert (spec["gateway_host_number"], spec["peers"]) == (0, [])
    assert render(region.state, host_id, (ObservedKind.GATEWAY, vpc_id), NAME) is None
