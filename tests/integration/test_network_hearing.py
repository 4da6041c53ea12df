"""What the drivers do themselves is no event for them; what anybody else does is, also in the middle of it."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from agent.host.ear import HOST
from agent.model import AddressMapping, GatewaySpec, PortSpec, RuleSpec
from agent.objects import ObjectKind, ObjectRef
from tests.integration.netlab import ALL_IN, ALL_OUT, Host, Namespace, Vpc, lab, tcp_in, without_carrier

pytestmark = pytest.mark.host

MEMBERS = 50


def endpoint(port: PortSpec) -> ObjectRef:
    return ObjectRef(ObjectKind.ENDPOINT, port.interface_id)


class Place:
    """A VPC with a guest on the first of two hosts, whose changes are listened to."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.vpc = Vpc(1, rules={"sg-a": (ALL_OUT, ALL_IN, tcp_in(22, "sg-a")), "sg-b": (ALL_OUT,)})
        self.port = self.vpc.add_port(1, 5, "sg-a")
        self.vpc.add_port(2, 7, "sg-a")
        self.pass_over()
        self.name = f"stead-{self.vpc.vpc_id}"
        self.namespace = host.namespace(self.name)
        host.call("hear", self.name, HOST)

    def pass_over(self) -> None:
        self.host.call("network.ensure", self.vpc.view(1))

    def set_rules(self, group_id: str, *rules: RuleSpec) -> ObjectRef:
        self.vpc.rules[group_id] = rules
        return ObjectRef(ObjectKind.SECURITY_GROUP, group_id)

    def join(self, last_byte: int) -> PortSpec:
        port = self.vpc.add_port(2, last_byte, "sg-a")
        self.host.call("network.ensure", self.vpc.view(1), frozenset({endpoint(port)}))
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
        ("ip rule del pref 3", "ip rule | grep blackhole"),
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


LISTING = "nft -s list ruleset; ip route; ip neigh show nud permanent; ip neigh show proxy; bridge fdb"


def listing(*places: Namespace) -> list[str]:
    return sorted(line for place in places for line in without_carrier(place.run(LISTING)).splitlines())


def test_step_by_step_there_is_what_a_new_agent_makes(place: Place) -> None:
    """The other way: all of it is deleted, and made by a look at everything."""
    place.host.start_guest(place.port)
    rule = tcp_in(80, "sg-b")
    steps: list[Callable[[], ObjectRef]] = [
        lambda: endpoint(place.vpc.add_port(1, 6, "sg-a", "sg-b")),
        lambda: endpoint(place.vpc.add_port(2, 8, "sg-b")),
        lambda: place.set_rules("sg-a", ALL_OUT, rule),
        lambda: endpoint(place.vpc.change_port(5, "sg-b")),
        lambda: place.set_rules("sg-b", ALL_OUT, ALL_IN, rule),
        lambda: endpoint(place.vpc.drop_port(6)),
        lambda: endpoint(place.vpc.drop_port(8)),
    ]
    for step in steps:
        changed = frozenset({step()})
        place.host.call("network.ensure", place.vpc.view(1), changed)
    assert place.host.call("heard") == set()
    there = listing(place.namespace)
    place.namespace.run(
        "nft flush ruleset; ip route flush table main; ip neigh flush nud permanent dev stx000000000001"
    )
    place.host.call("start")
    place.pass_over()
    assert listing(place.namespace) == there


def test_a_gateway_is_none(place: Place) -> None:
    mapping = AddressMapping("198.51.100.50", place.port.private_ip)
    other = AddressMapping("198.51.100.51", "172.31.0.7")
    gateway = place.host.namespace(f"stead-gw-{place.vpc.vpc_id}")
    place.host.call("gateway.ensure", GatewaySpec(place.vpc.vpc_id, 1, (), ("10.99.0.1",)))
    for mappings in ((mapping,), (mapping, other), (replace(mapping, private_ip="172.31.0.9"),)):
        spec = GatewaySpec(place.vpc.vpc_id, 1, mappings, ("10.99.0.1",))
        place.host.call("gateway.ensure", spec, frozenset())
        there = listing(gateway, place.host)
        place.host.call("gateway.ensure", spec)
        assert listing(gateway, place.host) == there
    assert place.host.call("gateway.probe").problems == ()
    assert place.host.call("heard") == set()
    place.host.call("gateway.remove", place.vpc.vpc_id)
    assert place.host.call("heard") == set()
