"""Where a VPC's packets go, of what a host was told: by route tables, NAT gateways and peerings."""

from dataclasses import replace

from agent.model import GatewaySpec, Kind, NatSpec, NatWay, Ref, RouteSpec, RouteTableSpec
from agent.objects import (
    Address,
    Endpoint,
    Host,
    InternetGateway,
    NatGateway,
    ObjectKind,
    ObjectRef,
    Peering,
    Route,
    RouteTable,
    ScopeChange,
    Subnet,
    Vpc,
    ref_of,
)
from agent.vpc import VpcView
from agent.ways import NOWHERE

from .host import ADDRESS, GATEWAY, VPC
from .worlds import ENDPOINT, LOCAL, ME, OTHER, World, specs, told


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
    before = world.views.vpc("vpc-1").ways
    world.tell(told("vpc-1", replace(ENDPOINT, id="eni-9", private_ip="172.31.0.9")))
    assert world.views.vpc("vpc-1").ways is before, "who comes and goes makes no difference to where routes lead"
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
    before = world.views.vpc("vpc-1").ways
    world.tell(told("vpc-1", replace(ENDPOINT, id="eni-9", private_ip="172.31.0.9")))
    assert world.views.vpc("vpc-1").ways is before, "who comes and goes makes no difference to where routes lead"
    assert world.tell(told("vpc-1", replace(public, routes=(LOCAL,)))).keys() == {VPC.ref, GATEWAY.ref}
    assert seen() == ((replace(carried, ways=()),), [[False, True]]), "its own subnet leads nowhere"
    world.tell(told("vpc-1", public))
    assert world.tell(ScopeChange("vpc-1", remove=(ref_of(nat),))).keys() == {VPC.ref, GATEWAY.ref}
    assert seen() == ((), [[True], [False, True]])


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
