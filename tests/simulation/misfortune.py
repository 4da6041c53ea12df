"""What guests do unasked and what breaks, as rules."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import rule

from . import region
from .stage import PAUSE_S, WHICH, Stage, pick
from .wire import QUICK_S, SLOW_S

HOST = st.integers(0, len(region.MACHINES) - 1)


class Misfortune(Stage):
    @rule(pause_s=PAUSE_S, where=HOST, which=WHICH, crashes=st.booleans())
    def guest_goes_off(self, pause_s: float, where: int, which: int, crashes: bool) -> None:
        host = self.cloud.hosts[where]
        for instance_id in pick(self.guests(host), which):
            if crashes:
                host.world.crash(instance_id)
            else:
                self.cloud.record.guest_off.add((instance_id, host.world.domains[instance_id].facts.generation))
                host.world.power_off(instance_id)
        self.wait(pause_s)

    @rule(where=HOST, which=WHICH, clings=st.booleans())
    def guest_does_not_listen(self, where: int, which: int, clings: bool) -> None:
        world = self.cloud.hosts[where].world
        for instance_id in pick(world.domains, which):
            (world.clinging_guests if clings else world.deaf_guests).add(instance_id)

    @rule(pause_s=PAUSE_S, where=HOST, rate=st.sampled_from((0.0, 0.1, 0.5)))
    def drivers_fail(self, pause_s: float, where: int, rate: float) -> None:
        self.cloud.hosts[where].failure_rate = rate
        self.wait(pause_s)

    @rule(pause_s=PAUSE_S, where=HOST, loses_power=st.booleans(), stays_down=st.booleans())
    def host_fails(self, pause_s: float, where: int, loses_power: bool, stays_down: bool) -> None:
        """Its agent dies, or all of it does."""
        host = self.cloud.hosts[where]
        self.cloud.loop.run_until_complete(host.cut_power() if loses_power else host.kill())
        self.wait(pause_s)
        if not stays_down:
            host.start()

    @rule(pause_s=PAUSE_S, where=HOST, how=st.sampled_from(("cut", "reset", "slow", "repeating", "good")))
    def wire_changes(self, pause_s: float, where: int, how: str) -> None:
        wire = self.cloud.hosts[where].wire
        wire.is_up, wire.latency_s, wire.repeats_reports = (
            True,
            SLOW_S if how == "slow" else QUICK_S,
            how == "repeating",
        )
        if how == "cut":
            wire.cut()
        elif how == "reset":
            wire.reset()
        self.wait(pause_s)

    @rule(pause_s=PAUSE_S, how=st.sampled_from(("killed", "before", "after")), stays_down=st.booleans())
    def control_plane_dies(self, pause_s: float, how: str, stays_down: bool) -> None:
        """By force, or by its next commit, before or after that is durable."""
        if how == "killed":
            self.cloud.kill_process()
        elif self.cloud.process is not None:
            self.cloud.process.disk.failing = how
        self.wait(pause_s)
        if not stays_down:
            self.cloud.start_process()

    @rule(pause_s=PAUSE_S)
    def everything_is_mended(self, pause_s: float) -> None:
        self.cloud.heal()
        self.wait(pause_s)

    @rule(seconds=st.sampled_from((1.0, 15.0, 40.0)))
    def time_passes(self, seconds: float) -> None:
        self.wait(seconds)

    @rule(is_mended=st.booleans())
    def clock_moves(self, is_mended: bool) -> None:
        """Terminated instances are forgotten at the next sweep. And now and then all is well."""
        if is_mended:
            self.come_to_rest()
        self.cloud.move_clock(timedelta(minutes=61))
        self.wait(61.0)
