"""Which hosts take part in a VPC is followed as instances and gateways come and go."""

from dataclasses import replace

from controlplane.model.state import Change
from controlplane.reconcile.members import Members
from controlplane.reconcile.objects import hosts_of
from controlplane.service import power
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
