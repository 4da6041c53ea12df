"""What leads out of a VPC is what its route tables say, on the gateway's host and on another."""

import pytest

from agent.objects import Route, RouteTable
from tests.integration.gateways import FIRST, SECOND, map_addresses, vpc_with_guests
from tests.integration.netlab import OUTSIDE, Guest, Lab, Vpc, echoes, wait_until

pytestmark = pytest.mark.host

LOCAL = Route("172.31.0.0/16", "local")
ANYWHERE = "0.0.0.0/0"


def main(*routes: Route, number: int = 1) -> RouteTable:
    return RouteTable(f"rtb-{number}", "vpc-" + "1".zfill(17), True, (LOCAL, *routes), number)


def routed(hosts: Lab, vpc: Vpc, *tables: RouteTable, named: str = "") -> None:
    """Both hosts have these tables, and the gateway what follows from them."""
    vpc.tables, vpc.table_id = tables, named
    vpc.ensure(hosts)
    map_addresses(hosts, vpc, (FIRST, "172.31.0.5"), (SECOND, "172.31.0.6"))


def out(vpc: Vpc, cidr_block: str = ANYWHERE) -> Route:
    """To the VPC's gateway."""
    return Route(cidr_block, vpc.gateway_id)


def get_out(*guests: Guest) -> list[bool]:
    return [guest.reaches(OUTSIDE, 80) for guest in guests]


def test_a_route_that_goes_takes_the_way_out_along_at_once(hosts: Lab) -> None:
    vpc, guests = vpc_with_guests(hosts)
    routed(hosts, vpc, main(out(vpc)))
    hosts.outside.listen(80)
    for guest in guests:
        guest.listen(22)
    assert get_out(*guests) == [True, True]
    with guests[0].connect(OUTSIDE, 80) as first, guests[1].connect(OUTSIDE, 80) as second:
        assert first.recv(64)
        assert second.recv(64)
        routed(hosts, vpc, main())
        assert not echoes(first)
        assert not echoes(second)
        assert get_out(*guests) == [False, False]
        assert not hosts.outside.reaches(FIRST, 22)
        assert guests[0].reaches("172.31.0.6", 22), "the VPC's own addresses are there all the same"
        assert guests[0].pings("172.31.0.1")
    routed(hosts, vpc, main(out(vpc)))
    assert get_out(*guests) == [True, True]
    assert [hosts.outside.reaches(address, 22) for address in (FIRST, SECOND)] == [True, True]


def test_the_longest_prefix_wins(hosts: Lab) -> None:
    vpc, guests = vpc_with_guests(hosts)
    hosts.outside.listen(80)
    gone = Route("198.51.100.0/24", "igw-gone")
    routed(hosts, vpc, main(out(vpc), gone))
    assert get_out(*guests) == [False, False]
    routed(hosts, vpc, main(out(vpc), gone, out(vpc, f"{OUTSIDE}/32")))
    assert get_out(*guests) == [True, True]
    routed(hosts, vpc, main(out(vpc, f"{OUTSIDE}/32")))
    assert get_out(*guests) == [True, True]
    routed(hosts, vpc, main(out(vpc, "203.0.113.0/24")))
    assert get_out(*guests) == [False, False]


def test_a_gateway_that_comes_late_takes_no_black_holes_place(hosts: Lab) -> None:
    """One worker has the network, another the gateway: this one is still at what was wanted before."""
    vpc, guests = vpc_with_guests(hosts)
    hosts.outside.listen(80)
    before, after = (main(out(vpc), to) for to in (out(vpc, f"{OUTSIDE}/32"), Route(f"{OUTSIDE}/32", "igw-gone")))
    routed(hosts, vpc, before)
    assert get_out(*guests) == [True, True]
    vpc.tables = (after,)
    vpc.ensure(hosts)
    for tables in (before, after):
        vpc.tables = (tables,)
        map_addresses(hosts, vpc, (FIRST, "172.31.0.5"), (SECOND, "172.31.0.6"))
    assert get_out(*guests) == [False, False]
    routed(hosts, vpc, before)
    assert get_out(*guests) == [True, True]


def test_a_subnet_obeys_the_table_that_it_names(hosts: Lab) -> None:
    vpc, guests = vpc_with_guests(hosts)
    hosts.outside.listen(80)
    private = RouteTable("rtb-2", vpc.vpc_id, False, (LOCAL,), 2)
    routed(hosts, vpc, main(out(vpc)), private, named="rtb-2")
    assert get_out(*guests) == [False, False]
    routed(hosts, vpc, main(out(vpc)), private)
    assert get_out(*guests) == [True, True]
    routed(hosts, vpc, main(out(vpc)), private, named="rtb-unknown")
    assert get_out(*guests) == [False, False]


def test_without_its_routing_rules_nothing_leads_out_and_they_come_back(hosts: Lab) -> None:
    vpc, guests = vpc_with_guests(hosts)
    hosts.outside.listen(80)
    routed(hosts, vpc, main(out(vpc)))
    for host in hosts.hosts:
        place = host.namespace(f"stead-{vpc.vpc_id}")
        before = place.run("ip rule; ip route show table all")
        for damage in ("ip rule del pref 2; ip rule del pref 2", "ip route flush table 1001"):
            place.run(damage)
            assert False in get_out(*guests)
            routed(hosts, vpc, main(out(vpc)))
            wait_until(lambda: get_out(*guests) == [True, True], "all is well again")
        place.run("ip rule add pref 2 from all lookup main; ip route add 203.0.113.0/24 dev lo table 1001")
        routed(hosts, vpc, main(out(vpc)))
        assert sorted(place.run("ip rule; ip route show table all").splitlines()) == sorted(before.splitlines())
