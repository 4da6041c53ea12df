"""Which hosts take part in a VPC is followed as instances and gateways come and go."""

import asyncio
from dataclasses import replace

from hypothesis import HealthCheck, given, settings

from controlplane.errors import CloudError
from controlplane.model.host import HostRole
from controlplane.model.state import Change
from controlplane.reconcile.members import Members
from controlplane.reconcile.objects import hosts_of
from controlplane.service import addresses, nat_gateways, power, subnets, vpcs
from controlplane.service.addresses import AllocateAddress
from controlplane.service.nat_gateways import CreateNatGateway
from controlplane.service.subnets import CreateSubnet
from controlplane.service.vpcs import CreateVpc
from tests.unit.happenings import MOVES, STEPS, Missing, peer
from tests.unit.live import Live
from tests.unit.region import ZONES


class Followed:
    """Asked for every VPC that there has been at first, so that what it says is what it followed."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._members = Members(live.state)
        self._vpc_ids = [vpc.id for vpc in live.state.vpcs]
        live.journal.witness(lambda revision: self._members.follow(revision.entries))
        self.hosts()

    def hosts(self) -> set[str]:
        found = [self._members.of(vpc_id) for vpc_id in self._vpc_ids]
        assert found == [hosts_of(self._live.state, vpc_id) for vpc_id in self._vpc_ids]
        return {host_id for each in found for host_id in each}


async def test_hosts_join_with_a_first_instance_and_leave_with_the_last() -> None:
    async with Live.running() as live:
        live.add_image()
        first, second = (live.add_host(zone) for zone in ZONES[:2])
        for host_id in (first, second):
            live.connect(host_id)
        gateway_host = {row.host_id for row in live.state.internet_gateways}
        followed = Followed(live)
        assert followed.hosts() == set()
        launched = [live.run(zone_name=zone) for zone in (ZONES[0], ZONES[1], ZONES[1])]
        assert followed.hosts() == {first, second}
        await live.quiet()
        instance_ids = [row.id for row in live.state.instances]
        assert len(instance_ids) == len(launched)
        for number, instance_id in enumerate(instance_ids, 1):
            live.do(power.terminate, [instance_id])
            await live.quiet()
            left = {live.state.instances[other].host_id for other in instance_ids[number:]}
            assert followed.hosts() == (left | gateway_host if left else set())


async def test_hosts_of_an_instance_that_moves_and_of_a_gateway_that_does() -> None:
    async with Live.running() as live:
        live.add_image()
        first, second, third = (live.add_host(zone) for zone in (ZONES[0], ZONES[1], ZONES[1]))
        followed = Followed(live)
        live.run(zone_name=ZONES[0])
        (instance,), (gateway,) = live.state.instances, live.state.internet_gateways
        live.put(replace(gateway, host_id=second))
        assert followed.hosts() == {first, second}
        live.put(replace(instance, host_id=third))
        assert followed.hosts() == {second, third}
        live.put(replace(gateway, host_id=""))
        assert followed.hosts() == {third}


async def test_a_vpc_that_goes_is_forgotten() -> None:
    async with Live.running() as live:
        followed = Followed(live)
        change = Change()
        change.delete(next(iter(live.state.vpcs)))
        live.journal.apply(change)
        assert followed.hosts() == set()


async def test_hosts_of_either_vpc_take_part_in_both_while_they_peer() -> None:
    async with Live.running() as live:
        live.add_image()
        first, second, third = (live.add_host(zone) for zone in (ZONES[0], ZONES[1], ZONES[1]))
        live.do(vpcs.create, CreateVpc("10.1.0.0/16"))
        default, other = live.state.vpcs
        subnet_id = live.do(subnets.create, CreateSubnet(other.id, "10.1.1.0/24", ZONES[0]))
        live.run(subnet_id=subnet_id)
        members = Members(live.state)
        live.journal.witness(lambda revision: members.follow(revision.entries))
        for _ in range(2):
            assert (members.of(default.id), members.of(other.id)) == (set(), {first})
            peer(live, 0, 1)
            assert members.of(default.id) == members.of(other.id) == {first}
            peer(live, 0, 1)
        peer(live, 0, 1)
        instance = live.state.instances[live.run(zone_name=ZONES[1])[0]]
        home = {instance.host_id}
        assert home < {second, third}
        gateway_host = {row.host_id for row in live.state.internet_gateways}
        assert members.of(default.id) == {first} | home | gateway_host
        assert members.of(other.id) == {first} | home


async def test_a_gateways_host_takes_part_where_a_nat_gateway_alone_needs_it() -> None:
    async with Live.running() as live:
        live.add_host()
        followed = Followed(live)
        subnet = next(iter(live.state.subnets))
        gateway_host = {row.host_id for row in live.state.internet_gateways}
        nat_id = live.do(
            nat_gateways.create, CreateNatGateway(subnet.id, live.do(addresses.allocate, AllocateAddress()))
        )
        assert followed.hosts() == gateway_host
        live.do(nat_gateways.delete, nat_id)
        assert followed.hosts() == set()


async def test_what_changes_nobody_s_part_has_nobody_look_anew() -> None:
    async with Live.running() as live:
        live.add_image()
        live.add_host()
        live.run()
        members, (vpc,) = Members(live.state), live.state.vpcs
        live.journal.witness(lambda revision: members.follow(revision.entries))
        known = members.of(vpc.id)
        live.run()
        (gateway,) = live.state.internet_gateways
        live.put(replace(gateway, tags={"a": "b"}), replace(vpc, tags={"a": "b"}))
        assert members.of(vpc.id) is known
        live.put(replace(gateway, host_id=""))
        assert members.of(vpc.id) is not known


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(MOVES)
def test_whatever_happens_it_is_followed(moves: list[tuple[str, int, int, bool]]) -> None:
    async def story() -> None:
        async with Live.running() as live:
            live.add_image()
            for zone in ZONES[:2]:
                live.connect(live.add_host(zone, tuple(HostRole)))
            live.do(vpcs.create, CreateVpc("10.1.0.0/16"))
            followed = Followed(live)
            for name, a, b, is_paused in moves:
                try:
                    STEPS[name](live, a, b)
                except (CloudError, Missing):
                    continue
                followed.hosts()
                if is_paused:
                    await live.quiet()
                    followed.hosts()

    asyncio.run(story())
