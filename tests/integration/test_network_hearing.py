"""What the drivers do themselves is no event for them; what anybody else does is, also in the middle of it."""

from collections.abc import Iterator

import pytest

from agent.host.ear import HOST
from agent.model import AddressMapping, GatewaySpec, PortSpec
from agent.objects import ObjectKind, ObjectRef
from tests.integration.netlab import ALL_IN, ALL_OUT, Host, Vpc, lab, tcp_in

pytestmark = pytest.mark.host

MEMBERS = 50


class Place:
    """A VPC with a guest on the first of two hosts, whose changes are listened to."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.vpc = Vpc(1, rules={"sg-a": (ALL_OUT, ALL_IN, tcp_in(22, "sg-a"))})
        self.port = self.vpc.add_port(1, 5, "sg-a")
        self.vpc.add_port(2, 7, "sg-a")
        self.pass_over()
        self.name = f"stead-{self.vpc.vpc_id}"
        self.namespace = host.namespace(self.name)
        host.call("hear", self.name, HOST)

    def pass_over(self) -> None:
        self.host.call("network.ensure", self.vpc.view(1))

    def join(self, last_byte: int) -> PortSpec:
        port = self.vpc.add_port(2, last_byte, "sg-a")
        changed = frozenset({ObjectRef(ObjectKind.ENDPOINT, port.interface_id)})
        self.host.call("network.ensure", self.vpc.view(1), changed)
        return port


@pytest.fixture
def place() -> Iterator[Place]:
    with lab(2) as made:
        yield Place(made.hosts[0])


def test_members_that_come_are_no_event(place: Place) -> None:
    for last_byte in range(10, 10 + MEMBERS):
        place.join(last_byte)
    assert place.host.call("heard") == set()
    assert f"172.31.0.{9 + MEMBERS} via" in place.namespace.run("ip route")


@pytest.mark.parametrize(
    ("damage", "undone"),
    [
        ("nft delete element inet stead sg-a '{ 172.31.0.10 }'", "nft list set inet stead sg-a | grep 172.31.0.10"),
        ("ip route del 172.31.0.10", "ip route | grep 172.31.0.10"),
        ("ip neigh del 169.254.0.2 dev stx000000000001", "ip neigh show nud permanent | grep 169.254.0.2"),
    ],
)
def test_what_somebody_does_in_the_middle_is(place: Place, damage: str, undone: str) -> None:
    for last_byte in (10, 11):
        place.join(last_byte)
    place.namespace.run(damage)
    for last_byte in (12, 13):
        place.join(last_byte)
    assert place.host.call("heard") == {place.name}
    place.pass_over()
    assert place.namespace.run(undone)
    assert place.host.call("heard") == set()


def test_a_guest_that_comes_and_goes_is_none(place: Place) -> None:
    place.host.start_guest(place.port)
    place.pass_over()
    assert place.host.call("heard") == set()
    place.host.stop_guest(place.port)
    place.pass_over()
    assert place.host.call("heard") == set()


def test_a_gateway_is_none(place: Place) -> None:
    mapping = AddressMapping("198.51.100.50", place.port.private_ip)
    for mappings in ((), (mapping,), ()):
        place.host.call("gateway.ensure", GatewaySpec(place.vpc.vpc_id, 1, mappings, ("10.99.0.1",)))
    assert place.host.call("heard") == set()
    place.host.call("gateway.remove", place.vpc.vpc_id)
    assert place.host.call("heard") == set()
