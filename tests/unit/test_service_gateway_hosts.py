"""Which hosts carry gateways: spread when they come, moved when their hosts are away for long."""

from collections import Counter
from datetime import timedelta

import pytest

from controlplane.model.host import HostRole
from controlplane.model.instance import ObservedKind
from controlplane.service import gateway_hosts, host_removal, hosts, internet_gateways, vpcs
from controlplane.service.gateway_hosts import STEADY
from controlplane.service.internet_gateways import AttachInternetGateway, CreateInternetGateway
from controlplane.service.presence import HostStatus, Presence
from controlplane.service.vpcs import CreateVpc
from tests.unit.region import NOW, Region

AFTER = timedelta(seconds=30)
HERE, AWAY, BACK = HostStatus.CONNECTED, HostStatus.UNREACHABLE, HostStatus.RECONNECTING


class Doors:
    """Three gateway hosts, of which the third is given nothing at first, and VPCs with gateways."""

    def __init__(self, vpc_count: int = 4) -> None:
        self.region = Region(vpcs=10, internet_gateways=10)
        self.hosts = [self.region.add_host(roles=(HostRole.GATEWAY,)) for _ in range(2)]
        for _ in range(vpc_count - 1):  # Beside the default one.
            self.attach()
        self.hosts.append(self.region.add_host(roles=(HostRole.GATEWAY,)))
        self.status = dict.fromkeys(self.hosts, HERE)
        self.seen_at = dict.fromkeys(self.hosts, NOW)
        self.since = dict.fromkeys(self.hosts, NOW)

    def attach(self) -> str:
        vpc_id = self.region.do(vpcs.create, CreateVpc("10.0.0.0/16"))
        gateway_id: str = self.region.do(internet_gateways.create, CreateInternetGateway())
        self.region.do(internet_gateways.attach, AttachInternetGateway(gateway_id, vpc_id))
        return self.region.state.internet_gateways[gateway_id].host_id

    def look(self, host_id: str) -> Presence:
        return Presence(self.status[host_id], self.since[host_id], "", self.seen_at[host_id])

    def leave(self, host_id: str) -> None:
        self.status[host_id] = AWAY
        self.region.apply(hosts.missed(self.region.state, host_id, self.seen_at[host_id]))

    def fail_over(self, passed: timedelta = AFTER) -> None:
        self.region.apply(gateway_hosts.fail_over(self.region.state, self.look, AFTER, NOW + passed))

    def carried(self) -> list[int]:
        """How many each host has."""
        counts = Counter(row.host_id for row in self.region.state.internet_gateways)
        return [counts[host_id] for host_id in self.hosts]


@pytest.fixture
def doors() -> Doors:
    return Doors()


def test_gateways_are_spread_over_hosts_that_are_there(doors: Doors) -> None:
    assert doors.carried() == [2, 2, 0]
    assert doors.attach() == doors.hosts[2]
    doors.leave(doors.hosts[2])
    assert doors.attach() != doors.hosts[2]
    for host_id in doors.hosts:
        doors.leave(host_id)
    assert doors.attach() == doors.hosts[2], "none is there, and one may come back"


def test_they_move_when_their_host_was_away_for_long_and_are_spread_anew(doors: Doors) -> None:
    before = {row.id: row.epoch for row in doors.region.state.internet_gateways}
    doors.leave(doors.hosts[0])
    doors.fail_over(AFTER - timedelta(seconds=1))
    assert doors.carried() == [2, 2, 0], "its time is not over"
    doors.fail_over()
    assert doors.carried() == [0, 2, 2]
    epochs = [row.epoch - before[row.id] for row in doors.region.state.internet_gateways]
    assert sorted(epochs) == [0, 0, 1, 1]
    revision = doors.region.state.revision
    doors.fail_over()
    assert doors.region.state.revision == revision
    doors.leave(doors.hosts[1])
    doors.fail_over()
    assert doors.carried() == [0, 0, 4]


def test_nothing_moves_to_a_host_that_is_not_connected_nor_from_one_that_may_come_back(doors: Doors) -> None:
    for host_id in doors.hosts:
        doors.leave(host_id)
    doors.fail_over()
    assert doors.carried() == [2, 2, 0], "it is the control plane that is cut off"
    doors.status[doors.hosts[2]] = BACK
    doors.fail_over()
    assert doors.carried() == [2, 2, 0]
    doors.status.update({doors.hosts[0]: BACK, doors.hosts[2]: HERE})
    doors.fail_over()
    assert doors.carried() == [2, 0, 2]


def test_who_has_only_just_connected_is_given_nothing(doors: Doors) -> None:
    doors.leave(doors.hosts[0])
    for host_id in doors.hosts[1:]:
        doors.since[host_id] = NOW + AFTER - STEADY + timedelta(seconds=1)
    doors.fail_over()
    assert doors.carried() == [2, 2, 0], "the control plane was cut off, and others are about to come back"
    doors.since[doors.hosts[2]] = NOW + AFTER - STEADY
    doors.fail_over()
    assert doors.carried() == [0, 2, 2]


def test_who_comes_back_has_none_of_them_any_more(doors: Doors) -> None:
    region, (first, *_) = doors.region, doors.hosts
    region.add_host(roles=(HostRole.COMPUTE, HostRole.STORAGE))
    (default,) = (row for row in region.state.vpcs if row.is_default)
    region.launch()
    (gateway,) = region.state.internet_gateways.vpc.of(default.id)
    old = gateway.host_id
    assert (ObservedKind.GATEWAY, default.id) in region.agents[old].has
    doors.leave(old)
    doors.fail_over()
    (moved,) = region.state.internet_gateways.vpc.of(default.id)
    assert moved.host_id != old
    region.apply(hosts.seen(region.state, old, region.now))
    region.converge()
    assert not region.agents[old].has
    assert (ObservedKind.GATEWAY, default.id) in region.agents[moved.host_id].has
    assert first in doors.hosts


def test_those_of_a_lost_host_are_spread(doors: Doors) -> None:
    doors.attach()
    doors.region.reachable.discard(doors.hosts[0])
    doors.region.do(host_removal.declare_lost, doors.hosts[0])
    assert doors.carried() == [0, 3, 2]


def test_those_of_a_lost_host_wait_for_one_that_connects() -> None:
    doors = Doors()
    for host_id in doors.hosts:
        doors.leave(host_id)
    doors.region.reachable.clear()
    doors.region.do(host_removal.declare_lost, doors.hosts[0])
    doors.status[doors.hosts[0]] = HostStatus.LOST
    assert doors.carried()[0] == 0, "others may come back before"
    doors.status[doors.hosts[2]] = HERE
    doors.fail_over()
    assert doors.carried() == [0, 0, 4]
