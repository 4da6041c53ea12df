"""Secondary addresses of interfaces, on two hosts."""

import pytest

from agent.objects import Route, RouteTable
from tests.integration.gateways import FIRST, map_addresses, vpc_with_guests
from tests.integration.netlab import ALL_OUT, Lab, tcp_in

pytestmark = pytest.mark.host

LOCAL = Route("172.31.0.0/16", "local")
SECONDARY = "172.31.0.66"


def test_a_secondary_address_is_its_interfaces_own_on_every_host(hosts: Lab) -> None:
    vpc, (guest, other) = vpc_with_guests(hosts)
    guest.run(f"ip addr add {SECONDARY}/32 dev eth0")
    assert not guest.pings("172.31.0.6", f"-I {SECONDARY}"), "it is nobody's"
    vpc.secondary[guest.port.interface_id] = (SECONDARY,)
    vpc.ensure(hosts)
    assert guest.pings("172.31.0.6", f"-I {SECONDARY}")
    assert other.pings(SECONDARY)
    vpc.rules = {"sg-a": (ALL_OUT, tcp_in(22, "sg-a"))}
    vpc.ensure(hosts)
    other.listen(22)
    with guest.connect("172.31.0.6", 22, SECONDARY) as connection:
        assert connection.recv(64).decode().strip() == SECONDARY, "its groups' rules name it as a member"

    vpc.secondary.clear()
    vpc.ensure(hosts)
    assert not guest.pings("172.31.0.6", f"-I {SECONDARY}")
    assert not other.reaches(SECONDARY, 22)
    assert guest.reaches("172.31.0.6", 22), "the primary one stays"


def test_a_public_address_leads_to_a_secondary_one(hosts: Lab) -> None:
    vpc, (guest, _) = vpc_with_guests(hosts)
    guest.run(f"ip addr add {SECONDARY}/32 dev eth0")
    vpc.secondary[guest.port.interface_id] = (SECONDARY,)
    vpc.tables = (RouteTable("rtb-1", vpc.vpc_id, True, (LOCAL, Route("0.0.0.0/0", vpc.gateway_id)), 1),)
    vpc.ensure(hosts)
    map_addresses(hosts, vpc, (FIRST, SECONDARY))
    guest.listen(22, SECONDARY)
    assert hosts.outside.reaches(FIRST, 22)
    server = hosts.outside.listen(80)
    with guest.connect("198.51.100.1", 80, SECONDARY) as connection:
        assert connection.recv(64).decode().strip() == FIRST
    assert server.accepted == 1
    assert not guest.reaches("198.51.100.1", 80), "the primary one has no public address"
