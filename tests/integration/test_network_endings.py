"""What becomes of connections when rules go: untracked ones end, tracked ones live, or are dropped."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from agent.model import RuleSpec
from agent.objects import ObjectKind, ObjectRef
from tests.integration.netlab import ALL_IN, ALL_OUT, DEADLINE_S, DROPPED_S, Guest, Lab, Vpc, echoes, tcp_in

pytestmark = pytest.mark.host

SUBNET = "172.31.0.0/16"
FROM_SUBNET = RuleSpec(False, "tcp", 22, 22, cidr_ipv4=SUBNET)
Ensure = Callable[[Vpc, Lab, str], None]


def whole(vpc: Vpc, lab: Lab, group_id: str) -> None:
    vpc.ensure(lab)


def by_step(vpc: Vpc, lab: Lab, group_id: str) -> None:
    """As when a host is told of the group alone."""
    for number in vpc.hosts:
        changed = frozenset({ObjectRef(ObjectKind.SECURITY_GROUP, group_id)})
        lab.hosts[number - 1].ensure(vpc.view(number), changed)


def after_a_restart(vpc: Vpc, lab: Lab, group_id: str) -> None:
    """The agent was away when the rules changed."""
    for number in vpc.hosts:
        lab.hosts[number - 1].call("start")
    vpc.ensure(lab)


WAYS = pytest.mark.parametrize("ensure", [whole, by_step, after_a_restart])


def pair(lab: Lab, rules: tuple[RuleSpec, ...], *, hosts: tuple[int, ...] = (1, 2)) -> tuple[Vpc, Guest, Guest]:
    """A client in sg-b, which may do everything outwards, and a server in sg-a."""
    vpc = Vpc(1, hosts=hosts, rules={"sg-a": rules, "sg-b": (ALL_OUT,)})
    ports = vpc.add_port(hosts[0], 5, "sg-b"), vpc.add_port(hosts[-1], 6, "sg-a")
    vpc.ensure(lab)
    client, server = (lab.hosts[vpc.ports[port] - 1].start_guest(port) for port in ports)
    server.listen(22)
    return vpc, client, server


def _drop_the_guard(lab: Lab, vpc: Vpc, guest: Guest) -> None:
    chain = f"inet stead {guest.port.interface_id}.out"
    place = lab.hosts[vpc.ports[guest.port] - 1].namespace(f"stead-{vpc.vpc_id}")
    place.run(f"nft 'flush chain {chain}; add rule {chain} jump sg-a.out'")


@contextmanager
def connected(client: Guest) -> Iterator[socket.socket]:
    with client.connect("172.31.0.6", 22) as connection:
        assert connection.recv(64)
        assert echoes(connection)
        yield connection


@WAYS
def test_an_untracked_connection_ends_with_its_rule(hosts: Lab, ensure: Ensure) -> None:
    """Open to everybody, and everything may go out: so its answers were allowed without tracking."""
    vpc, client, _ = pair(hosts, (ALL_OUT, tcp_in(22)))
    with connected(client) as connection:
        vpc.rules["sg-a"] = (ALL_OUT,)
        ensure(vpc, hosts, "sg-a")
        assert not echoes(connection)
        assert not client.reaches("172.31.0.6", 22)


@pytest.mark.parametrize(
    "rules",
    [(ALL_OUT, FROM_SUBNET), (tcp_in(22),), (RuleSpec(True, "tcp", 1024, 65535, cidr_ipv4="0.0.0.0/0"), tcp_in(22))],
    ids=["not open to everybody", "nothing goes out", "not all ports go out"],
)
def test_a_tracked_connection_lives_on(hosts: Lab, rules: tuple[RuleSpec, ...]) -> None:
    vpc, client, _ = pair(hosts, rules)
    with connected(client) as connection:
        vpc.rules["sg-a"] = ()
        by_step(vpc, hosts, "sg-a")
        after_a_restart(vpc, hosts, "sg-a")
        assert echoes(connection)
        assert not client.reaches("172.31.0.6", 22), "nothing new begins"


def test_an_untracked_connection_ends_with_the_rule_that_lets_its_answers_out(hosts: Lab) -> None:
    vpc, client, _ = pair(hosts, (ALL_OUT, tcp_in(22)))
    with connected(client) as connection:
        vpc.rules["sg-a"] = (ALL_OUT, tcp_in(22), tcp_in(80))
        vpc.ensure(hosts)
        assert echoes(connection), "more rules end nothing"
        vpc.rules["sg-a"] = (tcp_in(22),)
        vpc.ensure(hosts)
        assert not echoes(connection)
        assert client.reaches("172.31.0.6", 22), "a new one is tracked"


def test_a_connection_that_another_rule_allows_lives_on(hosts: Lab) -> None:
    vpc, client, _ = pair(hosts, (ALL_OUT, tcp_in(22), FROM_SUBNET))
    with connected(client) as connection:
        vpc.rules["sg-a"] = (ALL_OUT, FROM_SUBNET)
        vpc.ensure(hosts)
        assert echoes(connection)


def test_a_group_that_a_running_instance_loses_takes_untracked_connections_along(hosts: Lab) -> None:
    vpc, client, _ = pair(hosts, (ALL_OUT, tcp_in(22)))
    with connected(client) as connection:
        changed = vpc.change_port(6, "sg-b")
        for number in vpc.hosts:
            refs = frozenset({ObjectRef(ObjectKind.ENDPOINT, changed.interface_id)})
            hosts.hosts[number - 1].ensure(vpc.view(number), refs)
        assert not echoes(connection)
        assert not client.reaches("172.31.0.6", 22)
        vpc.change_port(6, "sg-b", "sg-a")
        vpc.ensure(hosts)
        assert client.reaches("172.31.0.6", 22), "of several groups, one that allows is enough"


def test_a_senders_untracked_connection_ends_with_its_rule(hosts: Lab) -> None:
    vpc, client, _ = pair(hosts, (ALL_IN,), hosts=(1,))
    vpc.rules["sg-b"] = (ALL_OUT, ALL_IN)
    vpc.ensure(hosts)
    with connected(client) as connection:
        vpc.rules["sg-b"] = (ALL_IN,)
        vpc.ensure(hosts)
        assert not echoes(connection)


@WAYS
def test_who_asks_for_it_has_tracked_connections_dropped_and_no_others(hosts: Lab, ensure: Ensure) -> None:
    vpc, client, server = pair(hosts, (FROM_SUBNET, tcp_in(23, "sg-b")))
    server.listen(23)
    with connected(client) as dropped, client.connect("172.31.0.6", 23) as kept:
        assert kept.recv(64)
        vpc.rules["sg-a"], vpc.drops["sg-a"] = (tcp_in(23, "sg-b"),), 7
        ensure(vpc, hosts, "sg-a")
        assert not echoes(dropped)
        assert echoes(kept), "a rule allows it"
        vpc.rules["sg-a"] = ()
        ensure(vpc, hosts, "sg-a")
        assert echoes(kept), "nobody asked for that, nor does the agent ask again when it starts anew"
        vpc.drops["sg-a"] = 8
        ensure(vpc, hosts, "sg-a")
        assert not echoes(kept)


@pytest.mark.parametrize("drops", [(), ("sg-a", "sg-b", "sg-c")], ids=["not asked for", "asked for"])
@pytest.mark.parametrize("leaves", [5, 6], ids=["whom a rule let in as a member", "whose rules let others in"])
def test_who_leaves_a_group_keeps_tracked_connections_unless_that_is_asked_for(
    hosts: Lab, leaves: int, drops: tuple[str, ...]
) -> None:
    vpc, client, _ = pair(hosts, (tcp_in(22, "sg-b"),))
    vpc.rules["sg-c"] = (ALL_OUT,)
    with connected(client) as connection:
        changed = vpc.change_port(leaves, "sg-c")
        vpc.drops |= dict.fromkeys(drops, 7)
        refs = {ObjectRef(ObjectKind.SECURITY_GROUP, group_id) for group_id in drops}
        refs.add(ObjectRef(ObjectKind.ENDPOINT, changed.interface_id))
        for number in vpc.hosts:
            hosts.hosts[number - 1].ensure(vpc.view(number), frozenset(refs))
        assert echoes(connection) is not bool(drops)
        assert not client.reaches("172.31.0.6", 22), "nothing new begins"


def test_what_was_dropped_is_not_taken_up_by_who_sends_next(hosts: Lab) -> None:
    """The server's next packet would open a connection of its own, to which the client's would be answers."""
    vpc, client, server = pair(hosts, (ALL_OUT, FROM_SUBNET))
    listener = server.inside(lambda: socket.create_server(("0.0.0.0", 24)))
    vpc.rules["sg-a"] = (ALL_OUT, RuleSpec(False, "tcp", 24, 24, cidr_ipv4=SUBNET))
    vpc.ensure(hosts)
    with client.connect("172.31.0.6", 24) as near, listener, listener.accept()[0] as far:
        vpc.rules["sg-a"], vpc.drops["sg-a"] = (ALL_OUT,), 1
        vpc.ensure(hosts)
        near.settimeout(DROPPED_S)
        far.sendall(b"x")
        with pytest.raises(TimeoutError):
            near.recv(1)
        _drop_the_guard(hosts, vpc, server)
        near.settimeout(DEADLINE_S)
        assert near.recv(1) == b"x", "without the guard it would be"


def test_untracked_datagrams_end_with_their_rule_and_answers_go_on_being_tracked(hosts: Lab) -> None:
    dns = RuleSpec(False, "udp", 53, 53, cidr_ipv4="0.0.0.0/0")
    vpc, client, server = pair(hosts, (ALL_OUT, dns))
    near, far = (guest.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for guest in (client, server))
    with near, far:
        far.bind(("172.31.0.6", 53))
        for end in (near, far):
            end.settimeout(DROPPED_S)

        def asks() -> bool:
            near.sendto(b"?", ("172.31.0.6", 53))
            try:
                _, peer = far.recvfrom(1)
                far.sendto(b"!", peer)
                return near.recv(1) == b"!"
            except TimeoutError:
                return False

        assert asks()
        assert asks()
        vpc.rules["sg-a"] = (ALL_OUT,)
        vpc.ensure(hosts)
        assert not asks()


def test_pings_are_tracked_by_type_and_code(hosts: Lab) -> None:
    vpc, client, _ = pair(hosts, (RuleSpec(False, "icmp", 8, 0, cidr_ipv4="0.0.0.0/0"),))
    assert client.pings("172.31.0.6")
    vpc.rules["sg-a"] = (RuleSpec(False, "icmp", 13, -1, cidr_ipv4="0.0.0.0/0"),)
    vpc.ensure(hosts)
    assert not client.pings("172.31.0.6")
    vpc.rules["sg-a"] = (RuleSpec(False, "icmp", -1, -1, cidr_ipv4="0.0.0.0/0"),)
    vpc.ensure(hosts)
    assert client.pings("172.31.0.6")
