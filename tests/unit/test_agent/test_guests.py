"""Guests are shut down before their machine, and nothing is noted about it: they come back with it."""

from agent.guests import shut_down
from agent.model import OffReason, Power

from .host import EVERYTHING, INSTANCE, Host


async def test_guests_power_off_and_start_again_with_the_machine(host: Host) -> None:
    async with host.agent():
        await host.want(*EVERYTHING)
        await host.settle()
    compute = host.make_drivers().compute
    assert compute is not None
    assert await shut_down(compute, 5.0) == ()
    assert host.world.domains["i-1"].facts.power is Power.OFF
    host.world.reboot_host()
    host.world.alter("i-1", off_reason=OffReason.UNKNOWN)  # libvirt remembers nothing over a reboot.
    async with host.agent() as engine:
        engine.follow_ledger()
        await host.settle()
        seen = engine.observations[INSTANCE.ref].instance
        assert seen is not None
        assert seen.running


async def test_a_guest_that_does_not_listen_delays_the_machine_no_longer_than_that(host: Host) -> None:
    async with host.agent():
        await host.want(*EVERYTHING)
        await host.settle()
    host.world.deaf_guests.add("i-1")
    compute = host.make_drivers().compute
    assert compute is not None
    assert await shut_down(compute, 0.01) == ("i-1",)
