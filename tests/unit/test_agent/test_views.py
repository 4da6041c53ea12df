"""What is put together of objects."""

from dataclasses import asdict, replace

import pytest

from agent import legacy
from agent.model import AddressMapping, ExportSpec, GatewaySpec, InstanceSpec, Kind, Limits, Machine, NamesSpec, Ref
from agent.objects import (
    Address,
    Attachment,
    Host,
    Instance,
    InternetGateway,
    ObjectKind,
    ObjectRef,
    ScopeChange,
    SecurityGroup,
    Vpc,
    ref_of,
)

from .host import ADDRESS, EVERYTHING, EXPORT, GATEWAY, INSTANCE, PORT, VPC
from .worlds import ENDPOINT, ME, OTHER, RULES, World, specs, told


@pytest.mark.parametrize("machine", [Machine(), Machine("pc-q35-7.2", "uefi", "x86_64", "Skylake-Server")])
def test_an_instance_is_made_of_what_is_said_or_of_what_all_were_made_of(machine: Machine) -> None:
    (instance,) = (each for each in legacy.scopes([INSTANCE], ME, ADDRESS)[ME].values() if isinstance(each, Instance))
    world, said = World(), asdict(machine) if machine != Machine() else {}
    world.tell(told(ME, replace(instance, **said)))
    spec = specs(world.views)[INSTANCE.ref]
    assert isinstance(spec, InstanceSpec)
    assert spec.machine == machine


def test_resources_of_the_earlier_contract_come_out_as_they_went_in() -> None:
    world = World()
    found = legacy.scopes(EVERYTHING, ME, ADDRESS)
    world.tell(*(told(scope, *rows.values()) for scope, rows in found.items()))
    assert specs(world.views) == {spec.ref: spec for spec in EVERYTHING}


def test_an_export_is_there_without_its_instance_and_a_disk_without_its_export() -> None:
    world = World()
    for scope, rows in legacy.scopes([EXPORT], ME, ADDRESS).items():
        world.tell(told(scope, *rows.values()))
    assert specs(world.views) == {EXPORT.ref: EXPORT}
    elsewhere = replace(INSTANCE, disks=(replace(INSTANCE.disks[0], address="192.0.2.2"),))
    world = World()
    for scope, rows in legacy.scopes([VPC, GATEWAY, elsewhere], ME, ADDRESS).items():
        world.tell(told(scope, *rows.values()))
    assert specs(world.views)[INSTANCE.ref] == elsewhere
    assert EXPORT.ref not in world.views.by_ref


def test_a_new_member_elsewhere_costs_its_own_size() -> None:
    """All that the host has to look at are the endpoint, and tables of which it is the one row that is new."""
    world, count = World(), 1000
    members = [
        replace(
            ENDPOINT, id=f"eni-{n}", host_id=OTHER, instance_id=f"i-{n}", private_ip=f"172.31.{1 + n // 250}.{n % 250}"
        )
        for n in range(count)
    ]
    world.tell(
        told("region", Host(ME, 1, ADDRESS), Host(OTHER, 2, "192.0.2.2")),
        told("vpc-1", Vpc("vpc-1", 7, "172.31.0.0/16"), SecurityGroup("sg-1", "vpc-1", "default", RULES), *members),
    )
    before = world.views.vpc("vpc-1")
    new = replace(ENDPOINT, id="eni-new", host_id=OTHER, private_ip="172.31.0.9")
    assert world.tell(told("vpc-1", new)) == {VPC.ref: frozenset({ref_of(new)})}
    after = world.views.vpc("vpc-1")
    assert after.groups is before.groups
    assert after.hosts is before.hosts
    assert "spec" not in vars(after), "nothing was put together"
    assert after.by_host[OTHER].items() - before.by_host[OTHER].items() == {("eni-new", new)}
    assert len(before.endpoints) == count, "what a driver holds stays as it was"


def test_all_members_names_are_known_by_all_hosts() -> None:
    """Of two with one name both; of each address the name that the tag gives it comes first."""
    world = World()
    vpc = Vpc("vpc-1", 7, "172.31.0.0/16", "x.internal", public_domain="public.x.internal")
    here = replace(ENDPOINT, private_ip="172.31.0.5", secondary_private_ips=("172.31.0.6",), name="web")
    there = replace(ENDPOINT, id="eni-2", host_id=OTHER, instance_id="i-2", private_ip="172.31.0.7", name="web")
    plain = replace(ENDPOINT, id="eni-3", host_id=OTHER, instance_id="i-3", private_ip="172.31.0.8")
    addresses = (
        Address("eipalloc-1", "vpc-1", "eni-1", "198.51.100.7"),
        Address("eipalloc-2", "vpc-1", "eni-1", "198.51.100.8", "172.31.0.6"),
        Address("eipalloc-3", "vpc-1", "eni-of-nobody-here", "198.51.100.9"),
    )
    instance = next(iter(legacy.scopes([INSTANCE], ME, ADDRESS)[ME].values()))
    world.tell(told("vpc-1", vpc, here, there, plain, *addresses), told(ME, instance))
    web, public = "web.x.internal", "ec2-198-51-100-{}.public.x.internal"
    assert world.views.vpc("vpc-1").names == (
        NamesSpec("172.31.0.5", (web, "ip-172-31-0-5.x.internal", public.format(7))),
        NamesSpec("172.31.0.6", ("ip-172-31-0-6.x.internal", public.format(8))),
        NamesSpec("172.31.0.7", (web, "ip-172-31-0-7.x.internal")),
    )
    seen = world.views.by_ref[INSTANCE.ref]
    assert isinstance(seen, InstanceSpec)
    assert seen.metadata.interfaces[0].public_host_name == public.format(7)
    world.tell(told("vpc-1", replace(vpc, public_domain="")))
    assert [spec.names[-1] for spec in world.views.vpc("vpc-1").names] == [
        "ip-172-31-0-5.x.internal",
        "ip-172-31-0-7.x.internal",
    ]


def test_what_changes_of_an_endpoint_concerns_its_instance_and_its_gateway() -> None:
    world = World()
    address = Address("eipalloc-1", "vpc-1", "eni-1", "198.51.100.7")
    instance = next(iter(legacy.scopes([INSTANCE], ME, ADDRESS)[ME].values()))
    world.tell(
        told("region", Host(ME, 1, ADDRESS)),
        told("vpc-1", Vpc("vpc-1", 7, "172.31.0.0/16", "x.internal"), ENDPOINT, address),
        told("vpc-1", InternetGateway("igw-1", "vpc-1", ME, 4)),
        told(ME, instance),
    )
    gateway, seen = world.views.by_ref[GATEWAY.ref], world.views.by_ref[INSTANCE.ref]
    assert gateway == GatewaySpec("vpc-1", 4, (AddressMapping("198.51.100.7", "172.31.0.5"),), (ADDRESS,))
    assert isinstance(seen, InstanceSpec)
    assert (seen.metadata.public_ip, seen.metadata.host_name) == ("198.51.100.7", "ip-172-31-0-5.x.internal")
    assert seen.metadata.interfaces[0].public_host_name == ""
    gone = ScopeChange("vpc-1", remove=(ref_of(address),))
    assert world.tell(gone) == {ref: {ref_of(address)} for ref in (VPC.ref, GATEWAY.ref, INSTANCE.ref)}
    assert world.tell(gone) == {}, "some may never have been told"


def test_an_address_goes_from_one_vpc_to_another() -> None:
    world = World()
    there = replace(ENDPOINT, id="eni-2", vpc_id="vpc-2", instance_id="i-2")
    world.tell(
        told("vpc-1", Vpc("vpc-1", 7, "172.31.0.0/16"), ENDPOINT, InternetGateway("igw-1", "vpc-1", ME, 1)),
        told("vpc-2", Vpc("vpc-2", 8, "172.31.0.0/16"), there, InternetGateway("igw-2", "vpc-2", ME, 1)),
        told("vpc-1", address := Address("eipalloc-1", "vpc-1", "eni-1", "198.51.100.7")),
    )
    moved = told("vpc-2", replace(address, vpc_id="vpc-2", endpoint_id="eni-2"))
    world.tell(ScopeChange("vpc-1", remove=(ref_of(address),)), moved)
    gateways = [world.views.by_ref[Ref(Kind.GATEWAY, vpc_id)] for vpc_id in ("vpc-1", "vpc-2")]
    assert [len(each.mappings) for each in gateways if isinstance(each, GatewaySpec)] == [0, 1]


def test_an_endpoint_without_a_proper_address_is_no_news_of_the_others() -> None:
    """What can't be done with it is found out where it is tried, for its VPC alone."""
    world = World()
    instance = next(iter(legacy.scopes([INSTANCE], ME, ADDRESS)[ME].values()))
    bad = replace(ENDPOINT, private_ip="2001:db8::5")
    other = Vpc("vpc-2", 8, "172.31.0.0/16")
    causes = world.tell(told("vpc-1", Vpc("vpc-1", 7, "172.31.0.0/16"), bad), told(ME, instance), told("vpc-2", other))
    assert causes.keys() == {VPC.ref, INSTANCE.ref, Ref(Kind.VPC, "vpc-2")}


def test_of_a_volume_the_latest_epoch_is_the_instances_disk() -> None:
    """A database of before may speak of an older one; no storage host opens it."""
    world = World()
    first = Attachment("vol-1-e1", "vol-1", "i-1", 1, OTHER, ME, 20001, "/dev/sda1", True)
    second = replace(first, id="vol-1-e2", epoch=2, port=20002)
    data = replace(first, id="vol-2-e1", volume_id="vol-2", device_name="/dev/sdf")
    instance = next(iter(legacy.scopes([INSTANCE], ME, ADDRESS)[ME].values()))
    world.tell(told(ME, instance, data, first, second, replace(data, id="vol-3-e1", volume_id="vol-3", attached=False)))
    seen = world.views.by_ref[INSTANCE.ref]
    assert isinstance(seen, InstanceSpec)
    assert [disk.export_name for disk in seen.disks] == ["vol-1-e2", "vol-2-e1"]


def test_an_export_has_what_its_attachment_says_of_it() -> None:
    world = World()
    world.tell(told(ME, Attachment("vol-1-e1", "vol-1", "i-1", 1, ME, OTHER, 20001, "", False, Limits(500), True)))
    spec = ExportSpec("vol-1-e1", "vol-1", 1, 20001, (OTHER,), Limits(500), read_only=True)
    assert world.views.by_ref == {spec.ref: spec}


def test_a_disk_is_read_only_where_its_attachment_is() -> None:
    world = World()
    attachment = Attachment("vol-1-e1", "vol-1", "i-1", 1, OTHER, ME, 20001, "/dev/sda1", True, read_only=True)
    instance = next(iter(legacy.scopes([INSTANCE], ME, ADDRESS)[ME].values()))
    world.tell(told(ME, instance, attachment))
    seen = world.views.by_ref[INSTANCE.ref]
    assert isinstance(seen, InstanceSpec)
    assert [disk.read_only for disk in seen.disks] == [True]


def test_the_port_of_an_endpoint() -> None:
    world = World()
    for scope, rows in legacy.scopes(EVERYTHING, ME, ADDRESS).items():
        world.tell(told(scope, *rows.values()))
    assert world.views.vpc("vpc-1").spec.ports == (PORT,)
    assert ref_of(ENDPOINT) == ObjectRef(ObjectKind.ENDPOINT, "eni-1")
    assert Ref(Kind.VPC, "vpc-1") == VPC.ref
