"""Objects by scope, and what is put together of them: the same step by step as in one."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace

import pytest

from agent import legacy
from agent.model import (
    AddressMapping,
    ExportSpec,
    GatewaySpec,
    InstanceSpec,
    Kind,
    Limits,
    Machine,
    NamesSpec,
    NatSpec,
    NatWay,
    Ref,
    RouteSpec,
    RouteTableSpec,
    RuleSpec,
    Spec,
)
from agent.objects import (
    Address,
    Attachment,
    Change,
    Endpoint,
    Host,
    Instance,
    InternetGateway,
    NatGateway,
    Object,
    ObjectKind,
    ObjectRef,
    Objects,
    Peering,
    Put,
    Route,
    RouteTable,
    ScopeChange,
    SecurityGroup,
    Subnet,
    Volume,
    Vpc,
    net,
    ref_of,
)
from agent.views import View, Views
from agent.vpc import NOWHERE, VpcView

from .host import ADDRESS, EVERYTHING, EXPORT, GATEWAY, INSTANCE, PORT, VPC

LOCAL = Route("172.31.0.0/16", "local")
ME, OTHER = "host-1", "host-2"
RULES = (RuleSpec(False, "tcp", 22, 22, group_id="sg-1"), RuleSpec(True, "-1", -1, -1, cidr_ipv4="0.0.0.0/0"))
ENDPOINT = Endpoint("eni-1", "vpc-1", "subnet-1", ME, "i-1", 0, "02:00:00:00:00:01", "172.31.0.5", ("sg-1",))


def put(value: Object) -> Put:
    return Put(ref_of(value), value, b"")


def told(scope: str, *values: Object, reset: bool = False) -> ScopeChange:
    return ScopeChange(scope, reset, tuple(map(put, values)))


def specs(views: Views) -> dict[Ref, Spec]:
    return {ref: view.spec if isinstance(view, VpcView) else view for ref, view in views.by_ref.items()}


class World:
    """What a host knows, step by step."""

    def __init__(self, host_id: str = ME) -> None:
        self.objects, self.views = Objects(), Views(host_id)

    def tell(self, *changes: ScopeChange, left: Iterable[str] = ()) -> dict[Ref, frozenset[ObjectRef]]:
        return self.views.apply(self.objects.apply(net(changes), left))

    def anew(self, host_id: str = ME) -> dict[Ref, Spec]:
        """What all that is known by now makes in one step."""
        fresh = World(host_id)
        scopes = self.objects.scopes.items()
        fresh.tell(*(ScopeChange(scope, put=tuple(map(put, rows.values()))) for scope, rows in scopes))
        return specs(fresh.views)


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


def test_a_route_table_and_a_foreign_gateway_of_an_unknown_vpc_concern_nobody() -> None:
    world = World()
    assert world.tell(told("vpc-1", RouteTable("rtb-1", "vpc-1", True, (LOCAL,)))) == {}
    assert world.tell(told("vpc-1", InternetGateway("igw-1", "vpc-1", OTHER, 4))) == {}
    assert world.views.by_ref == {}


def test_a_route_table_decides_for_its_subnets_what_leads_out() -> None:
    world = World()
    subnet = Subnet(ENDPOINT.subnet_id, "vpc-1", "172.31.0.0/20")
    gateway = InternetGateway("igw-1", "vpc-1", ME, 4)
    public = RouteTable("rtb-1", "vpc-1", True, (LOCAL, Route("0.0.0.0/0", "igw-1")), 1)
    private = RouteTable("rtb-2", "vpc-1", False, (LOCAL, Route("0.0.0.0/0", "igw-gone")), 2)
    world.tell(
        told("region", Host(ME, 1, ADDRESS)),
        told("vpc-1", Vpc("vpc-1", 7, "172.31.0.0/16"), subnet, gateway, ENDPOINT, public, private),
        told("vpc-1", Address("eipalloc-1", "vpc-1", "eni-1", "198.51.100.7")),
    )
    tables = (RouteTableSpec(1, (RouteSpec("0.0.0.0/0", leads_out=True),)),)

    def seen() -> tuple[int, int]:
        spec, door = world.views.vpc("vpc-1").spec, world.views.by_ref[GATEWAY.ref]
        assert isinstance(door, GatewaySpec)
        assert spec.route_tables == door.route_tables
        assert spec.route_tables in (tables, ())
        return spec.ports[0].route_table, len(door.mappings)

    assert seen() == (1, 1)
    named = replace(subnet, route_table_id="rtb-2")
    assert world.tell(told("vpc-1", named)).keys() >= {VPC.ref, GATEWAY.ref}
    assert seen() == (2, 0), "nobody outside reaches what has no way out"
    world.tell(told("vpc-1", replace(subnet, route_table_id="rtb-unknown")))
    assert seen() == (NOWHERE, 0)
    world.tell(told("vpc-1", subnet))
    assert seen() == (1, 1)
    assert world.tell(told("vpc-1", replace(public, routes=(LOCAL,)))).keys() == {VPC.ref, GATEWAY.ref}
    assert seen() == (1, 0)
    world.tell(told("vpc-1", replace(public, is_main=False)))
    assert seen() == (NOWHERE, 0), "it is not known which is the main one"
    world.tell(told("vpc-1", replace(public, number=0)))
    assert seen() == (0, 1), "of a control plane that knows of no numbers"


def test_a_nat_gateway_carries_what_leads_to_it_and_gets_out_of_its_own_subnet() -> None:
    world = World()
    nat = NatGateway("nat-1", "vpc-1", "subnet-2", "172.31.16.9", "198.51.100.7")
    private = RouteTable("rtb-2", "vpc-1", False, (LOCAL, Route("0.0.0.0/0", nat.id), Route("10.0.0.0/8", "igw-1")), 2)
    public = RouteTable("rtb-1", "vpc-1", True, (LOCAL, Route("0.0.0.0/1", "igw-1")), 1)
    subnets = (
        Subnet(ENDPOINT.subnet_id, "vpc-1", "172.31.0.0/20", private.id),
        Subnet("subnet-2", "vpc-1", "172.31.16.0/20"),
    )
    world.tell(
        told("region", Host(ME, 1, ADDRESS)),
        told("vpc-1", Vpc("vpc-1", 7, "172.31.0.0/16"), *subnets, ENDPOINT, public, private, nat),
        told("vpc-1", InternetGateway("igw-1", "vpc-1", ME, 4)),
    )

    def seen() -> tuple[tuple[NatSpec, ...], list[list[bool]]]:
        spec, door = world.views.vpc("vpc-1").spec, world.views.by_ref[GATEWAY.ref]
        assert isinstance(door, GatewaySpec)
        return door.nat_gateways, [[route.leads_out for route in table.routes] for table in spec.route_tables]

    ways = [("0.0.0.0", "9.255.255.255"), ("11.0.0.0", "127.255.255.255")]
    carried = NatSpec(nat.id, nat.public_ip, tuple(NatWay("172.31.0.0/20", *way) for way in ways))
    assert seen() == ((carried,), [[True], [True, True]])
    assert world.tell(told("vpc-1", replace(public, routes=(LOCAL,)))).keys() == {VPC.ref, GATEWAY.ref}
    assert seen() == ((replace(carried, ways=()),), [[False, True]]), "its own subnet leads nowhere"
    world.tell(told("vpc-1", public))
    assert world.tell(ScopeChange("vpc-1", remove=(ref_of(nat),))).keys() == {VPC.ref, GATEWAY.ref}
    assert seen() == ((), [[True], [False, True]])


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


def test_changes_of_one_scope_follow_one_another() -> None:
    volume, other = Volume("vol-1", 1), Volume("vol-2", 1)
    grown = replace(volume, size_bytes=2)
    (change,) = net([told(ME, volume, other), ScopeChange(ME, remove=(ref_of(other),)), told(ME, grown)])
    assert change == ScopeChange(ME, put=(put(grown),), remove=(ref_of(other),))
    assert net([told(ME, volume), told(ME, other, reset=True)]) == (told(ME, other, reset=True),)
    again = [ScopeChange(ME, remove=(ref_of(other),)), told(ME, other)]
    assert net(again) == (told(ME, other),)
    assert net([told(ME, volume, reset=True), told("region")]) == (told(ME, volume, reset=True), told("region"))


def test_a_reset_and_a_scope_that_is_left_say_what_is_gone() -> None:
    objects = Objects()
    vpc, subnet, volume = Vpc("vpc-1", 7, "10.0.0.0/16"), Subnet("subnet-1", "vpc-1", "10.0.0.0/24"), Volume("vol-1", 1)
    objects.apply([told("vpc-1", vpc, subnet), told(ME, volume)])
    changes = objects.apply([told("vpc-1", vpc, reset=True)], left=[ME])
    assert changes == {ref_of(subnet): Change(subnet, None), ref_of(volume): Change(volume, None)}
    assert objects.scopes == {"vpc-1": {ref_of(vpc): vpc}}
    assert objects.apply([told("vpc-1", vpc, reset=True)]) == {}


def test_what_is_put_twice_is_put() -> None:
    objects, volume = Objects(), Volume("vol-1", 1)
    objects.apply([told(ME, volume)])
    grown = replace(volume, size_bytes=2)
    twice = told(ME, grown, grown, reset=True)
    assert objects.apply(net([twice, twice])) == {ref_of(volume): Change(volume, grown)}
    other = Subnet("subnet-1", "vpc-1", "10.0.0.0/24")
    assert objects.apply([told("vpc-1", other, other)]) == {ref_of(other): Change(None, other)}


def test_what_only_a_later_agent_knows_is_left_alone() -> None:
    objects = Objects()
    unknown = Put(ObjectRef(99, "x-1"), None, b"new")
    assert objects.apply([ScopeChange("region", put=(unknown,))]) == {}
    assert objects.apply([ScopeChange("region", remove=(unknown.ref,))]) == {}


@pytest.mark.parametrize("seed", range(20))
def test_step_by_step_it_is_the_same_as_in_one(seed: int) -> None:
    chance, world = random.Random(seed), World()
    known: dict[Ref, View] = {}
    for _ in range(60):
        changes = [_change(chance, world) for _ in range(chance.randint(1, 4))]
        left = ["vpc-1"] if chance.random() < 0.05 else []
        causes = world.tell(*changes, left=left)
        assert specs(world.views) == world.anew()
        differing = {ref for ref in known.keys() | world.views.by_ref.keys() if _other(known, world.views.by_ref, ref)}
        assert differing <= causes.keys()
        assert all(ref in causes for ref in differing)
        known = dict(world.views.by_ref)


def _other(old: Mapping[Ref, View], new: Mapping[Ref, View], ref: Ref) -> bool:
    a, b = (table.get(ref) for table in (old, new))
    if isinstance(a, VpcView) and isinstance(b, VpcView):
        return a.spec != b.spec
    return a != b


def _change(chance: random.Random, world: World) -> ScopeChange:
    scope, value = _anything(chance)
    there = list(world.objects.scopes.get(scope, {}))
    remove = (chance.choice(there),) if there and chance.random() < 0.4 else ()
    return ScopeChange(scope, reset=chance.random() < 0.03, put=(put(value),), remove=remove)


def _anything(chance: random.Random) -> tuple[str, Object]:
    vpc_id = chance.choice(["vpc-1", "vpc-2"])
    number, host_id = chance.randint(1, 4), chance.choice([ME, OTHER, "host-3"])
    tail = f"{vpc_id[-1]}{number}"
    ip = f"172.31.{vpc_id[-1]}.{number}" if chance.random() < 0.9 else ""
    groups = tuple(sorted(chance.sample([f"sg-{vpc_id[-1]}{n}" for n in (1, 2, 3)], chance.randint(1, 3))))
    rules = tuple(chance.sample([*RULES, RuleSpec(False, "tcp", 1, 1, group_id=chance.choice(groups))], 2))
    instance = next(iter(legacy.scopes([INSTANCE], ME, ADDRESS)[ME].values()))
    assert isinstance(instance, Instance)
    choices: list[tuple[str, Object]] = [
        ("region", Host(f"host-{number}", number, f"192.0.2.{number}", chance.choice(["", "key"]))),
        (vpc_id, Vpc(vpc_id, 7 + int(vpc_id[-1]), "172.31.0.0/16", chance.choice(["", "x.internal"]))),
        (vpc_id, Subnet(*_subnet(chance, vpc_id))),
        (vpc_id, SecurityGroup(chance.choice(groups), vpc_id, f"name-{number}", rules)),
        (vpc_id, InternetGateway(f"igw-{vpc_id}", vpc_id, chance.choice([host_id, ""]), number)),
        (vpc_id, RouteTable(*_table(chance, vpc_id))),
        (
            vpc_id,
            NatGateway(f"nat-{tail}", vpc_id, f"subnet-{vpc_id[-1]}{chance.randint(1, 2)}", "", f"192.0.2.{tail}"),
        ),
        (vpc_id, Endpoint(f"eni-{tail}", vpc_id, f"subnet-{vpc_id[-1]}1", host_id, f"i-{number}", 0, "m", ip, groups)),
        (vpc_id, Address(f"eipalloc-{vpc_id}-{chance.randint(1, 2)}", vpc_id, f"eni-{tail}", f"198.51.100.{tail}")),
        (ME, Volume(f"vol-{number}", 1 << 30, deleted=chance.random() < 0.2)),
        (ME, Attachment(*_attachment(chance, number, host_id))),
        (ME, replace(instance, id=f"i-{number}", generation=chance.randint(1, 2))),
    ]
    return chance.choice(choices)


def _subnet(chance: random.Random, vpc_id: str) -> tuple[str, str, str, str]:
    number, table = chance.randint(1, 2), chance.choice(["", f"rtb-{vpc_id}-2"])
    return f"subnet-{vpc_id[-1]}{number}", vpc_id, f"172.31.{number}{chance.randint(0, 3)}.0/24", table


def _table(chance: random.Random, vpc_id: str) -> tuple[str, str, bool, tuple[Route, ...], int]:
    number = chance.randint(1, 2)
    routes = (
        Route(cidr, chance.choice([f"igw-{vpc_id}", *(f"nat-{vpc_id[-1]}{n}" for n in (1, 2))]))
        for cidr in ("0.0.0.0/0", "10.0.0.0/8")
    )
    return f"rtb-{vpc_id}-{number}", vpc_id, number == 1, (LOCAL, *routes), number


def _attachment(
    chance: random.Random, number: int, host_id: str
) -> tuple[str, str, str, int, str, str, int, str, bool]:
    epoch, client = chance.randint(1, 2), chance.choice([ME, OTHER])
    name = f"vol-{number}-e{epoch}"
    return name, f"vol-{number}", f"i-{number}", epoch, host_id, client, 20000, "/dev/sda1", chance.random() < 0.7


def test_the_port_of_an_endpoint() -> None:
    world = World()
    for scope, rows in legacy.scopes(EVERYTHING, ME, ADDRESS).items():
        world.tell(told(scope, *rows.values()))
    assert world.views.vpc("vpc-1").spec.ports == (PORT,)
    assert ref_of(ENDPOINT) == ObjectRef(ObjectKind.ENDPOINT, "eni-1")
    assert Ref(Kind.VPC, "vpc-1") == VPC.ref


THIRD = "host-3"
HOSTS = tuple(Host(id, number, f"192.0.2.{number}") for number, id in enumerate((ME, OTHER, THIRD), start=1))
ONE = Vpc("vpc-1", 7, "10.1.0.0/16", peerings=(Peering("pcx-1", "vpc-2", "10.2.0.0/16"),))
TWO = Vpc("vpc-2", 8, "10.2.0.0/16", peerings=(Peering("pcx-1", "vpc-1", "10.1.0.0/16"),))
HERE = replace(ENDPOINT, private_ip="10.1.0.5")
THERE = Endpoint("eni-2", "vpc-2", "subnet-2", OTHER, "i-2", 0, "02:00:00:00:00:02", "10.2.0.5", ("sg-2",))
PEERED = Ref(Kind.VPC, "vpc-2")


def peered() -> World:
    """A guest of the one here, and a guest of the other elsewhere."""
    world = World()
    world.tell(told("region", *HOSTS), told("vpc-1", ONE, HERE), told("vpc-2", TWO, THERE))
    return world


def vpc(world: World, ref: Ref) -> VpcView:
    view = world.views.by_ref[ref]
    assert isinstance(view, VpcView)
    return view


def test_peers_have_a_part_in_each_other() -> None:
    world = peered()
    one, two = vpc(world, Ref(Kind.VPC, "vpc-1")).spec, vpc(world, PEERED).spec
    assert [peer.host_number for peer in one.peers] == [2], "it has no guest of this VPC, but of its peer"
    assert one.peers[0].private_ips == ()
    assert [peer.private_ips for peer in two.peers] == [("10.2.0.5",)]
    assert [(each.peering_id, each.vpc_id, each.cidr_block) for each in one.peerings] == [
        ("pcx-1", "vpc-2", "10.2.0.0/16")
    ]
    assert specs(world.views) == world.anew()


def test_a_route_to_a_peer_leads_there_while_both_are_here() -> None:
    world = peered()
    table = RouteTable("rtb-1", "vpc-1", True, (Route("10.1.0.0/16", "local"), Route("10.2.0.0/16", "pcx-1")), 1)
    world.tell(told("vpc-1", table))
    way = RouteTableSpec(1, (RouteSpec("10.2.0.0/16", leads_out=False, peering_id="pcx-1"),))
    assert vpc(world, Ref(Kind.VPC, "vpc-1")).spec.route_tables == (way,)
    world.tell(left=["vpc-2"])
    assert vpc(world, Ref(Kind.VPC, "vpc-1")).spec.route_tables == ()
    assert vpc(world, Ref(Kind.VPC, "vpc-1")).spec.peerings == ()


def test_a_host_that_joins_a_peer_joins_both() -> None:
    world = peered()
    more = replace(THERE, id="eni-3", host_id=THIRD, private_ip="10.2.0.6")
    changed = world.tell(told("vpc-2", more))
    assert changed[Ref(Kind.VPC, "vpc-1")] == {ObjectRef(ObjectKind.VPC, "vpc-1")}, "that takes a look at all of it"
    assert [peer.host_number for peer in vpc(world, Ref(Kind.VPC, "vpc-1")).spec.peers] == [2, 3]
    again = replace(THERE, id="eni-4", host_id=THIRD, private_ip="10.2.0.7")
    assert Ref(Kind.VPC, "vpc-1") not in world.tell(told("vpc-2", again)), "it has a part in both already"
    removed = ScopeChange("vpc-2", remove=(ref_of(more), ref_of(again)))
    assert Ref(Kind.VPC, "vpc-1") in world.tell(removed)
    assert [peer.host_number for peer in vpc(world, Ref(Kind.VPC, "vpc-1")).spec.peers] == [2]
    assert specs(world.views) == world.anew()


def test_a_peering_ends_for_both() -> None:
    world = peered()
    changed = world.tell(told("vpc-1", replace(ONE, peerings=())), told("vpc-2", replace(TWO, peerings=())))
    assert changed.keys() >= {Ref(Kind.VPC, "vpc-1"), PEERED}
    assert vpc(world, Ref(Kind.VPC, "vpc-1")).spec.peers == ()
    assert vpc(world, PEERED).spec.peerings == ()
