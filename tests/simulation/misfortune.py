"""What guests do unasked, what time brings, and what breaks, as rules."""

from collections.abc import Callable
from datetime import timedelta

from agent.messages import Role

from . import region
from .host import Host
from .stage import often
from .users import Users
from .wire import QUICK_S, SLOW_S

# After which a host may be declared lost: one whose line is cut, and one whose agent hung up.
_SILENT_S = 32.0
_GONE_S = 12.0


class Misfortune(Users):
    # Guests

    @often(4)
    def guest_goes_off(self) -> None:
        """By its own will, or because its QEMU dies."""
        host = self.a_host()
        for instance_id in self.some(self.guests(host)):
            crashes = self.perhaps(0.3)
            self.tell(f"{instance_id} {'crashes' if crashes else 'powers itself off'}")
            if crashes:
                host.world.crash(instance_id)
            else:
                self.cloud.record.guest_off.add(host.power_off(instance_id))

    @often(2)
    def guest_does_not_listen(self) -> None:
        world = self.a_host().world
        for instance_id in self.some(world.domains):
            clings = self.perhaps(0.5)
            self.tell(f"{instance_id} {'clings to its disks' if clings else 'is deaf'}")
            (world.clinging_guests if clings else world.deaf_guests).add(instance_id)

    @often(6)
    def guests_work(self) -> None:
        """They write to their disks, and have some of it made durable."""
        for host in self.cloud.hosts:
            for instance_id in self.guests(host):
                if self.perhaps(0.8):
                    self.tell(f"{instance_id} works")
                    self.cloud.disks.write(self.cloud.worlds, host.world, instance_id, flushes=self.perhaps(0.5))

    @often(8)
    def storage_fails_under_work(self) -> None:
        """The power goes where somebody's disk is, and comes back, and they work on."""
        hosts = {host.machine.host_id: host for host in self.cloud.hosts}
        far = [row for row in self.durable.attachments if row.storage_host_id != row.client_host_id]
        for attachment in self.some(row for row in far if row.storage_host_id in hosts):
            self.guests_work()
            host = hosts[attachment.storage_host_id]
            self.tell(f"{attachment.storage_host_id}: power, under {attachment.instance_id}")
            self.cloud.cut_power(host)
            host.start()
            self.wait(self.chance.choice((1.0, 3.0, 12.0)))
            self.guests_work()

    # Hosts

    @often(4)
    def drivers_fail(self) -> None:
        host = self.a_host()
        host.failure_rate = self.chance.choice((0.0, 0.2, 0.7))
        self.tell(f"{host.machine.host_id}: {host.failure_rate:.0%} of its verbs fail")

    @often(6)
    def host_fails(self) -> None:
        host = self.a_host()
        self._break(host)
        self._mend_later(host.start)

    def _break(self, host: Host) -> None:
        """Its agent dies, or all of it, or its ledger is a new one, or one of another time."""
        how = self.chance.choice(("agent", "agent", "power", "power", "ledger", "old ledger", "old ledger"))
        self.tell(f"{host.machine.host_id}: {how}")
        if how == "power":
            self.cloud.cut_power(host)
        else:
            self.cloud.loop.run_until_complete(host.kill())
        if "ledger" in how:
            self.cloud.record.strangers.clear()  # It has forgotten them, too.
        if how == "ledger":
            host.lose_ledger()
        elif how == "old ledger":
            self.cloud.record.out_of_step.add(host.machine.host_id)
            host.restore_ledger()

    @often(2)
    def machine_joins(self) -> None:
        scrapped = [machine.address for machine in self.cloud.scrapped]
        for machine in self.some(machine for machine in region.NEWCOMERS if machine.address not in scrapped):
            self.tell(f"{machine.address} joins")
            for _ in range(self.chance.choice((1, 1, 2))):
                self.cloud.join(machine)

    @often(3)
    def host_is_declared_lost(self) -> None:
        """It may run all the same. What it had is moved or ended, and perhaps it comes back."""
        host = self.a_host()
        self.tell(f"{host.machine.host_id}: lost")
        if self.perhaps(0.5):
            host.wire.cut()
        else:
            self.cloud.cut_power(host)
        self.wait(_SILENT_S)
        self.cloud.declare_lost(host.machine.host_id)
        for row in self.some(row for row in self.instances() if row.host_id == host.machine.host_id):
            self.wait(self.chance.choice((0.1, 3.0)))
            self._power("StopInstances", [row])
            self.wait(3.0)
            self._power(self.chance.choice(("StartInstances", "TerminateInstances")), [row])
        self.wait(self.chance.choice((0.1, 3.0)))
        self._mend_later(lambda: self._come_back(host))

    def _come_back(self, host: Host) -> None:
        host.wire.is_up = True
        host.start()

    @often(2)
    def machine_is_scrapped(self) -> None:
        """Of those with guests, as long as there is another."""
        workers = [host for host in self.cloud.hosts if Role.COMPUTE in host.machine.roles]
        for host in self.some(workers if len(workers) > 1 else ()):
            self.tell(f"{host.machine.host_id}: scrapped")
            self.cloud.scrap(host)
            self.wait(_GONE_S)
            self.cloud.remove_scrapped()
            self.wait(self.chance.choice((0.1, 3.0)))

    def _mend_later(self, restart: Callable[[], None]) -> None:
        """Some things are mended in a moment, others only when everything is."""
        if self.perhaps(0.7):
            self.wait(self.chance.choice((0.0, 0.5, 3.0)))
            restart()

    @often(5)
    def wire_changes(self) -> None:
        host = self.a_host()
        how = self.chance.choice(("cut", "reset", "slow", "repeating", "good"))
        self.tell(f"{host.machine.host_id}: its wire is {how}")
        host.wire.is_up, host.wire.is_repeating = True, how == "repeating"
        host.wire.latency_s = SLOW_S if how == "slow" else QUICK_S
        if how == "cut":
            host.wire.cut()
        elif how == "reset":
            host.wire.reset()

    # The control plane

    @often(4)
    def control_plane_dies(self) -> None:
        """By force, or by its next commit, before, amidst or after that is durable."""
        how = self.chance.choice(("killed", "killed", "before", "amidst", "after"))
        self.tell(f"it is {how}")
        self.wait(
            self.chance.uniform(0.0, 0.01)
        )  # What was just asked is anywhere between its first step and its reply.
        if how == "killed":
            self.cloud.kill_process()
        elif self.cloud.process is not None:
            self.cloud.process.disk.failing = how
        self._mend_later(self.cloud.start_process)

    @often(6)
    def control_plane_is_away(self) -> None:
        """For longer than agents wait for it, while hosts fail."""
        self.tell("the control plane is away")
        self.cloud.kill_process()
        for host in self.chance.sample(self.cloud.hosts, self.chance.randint(1, min(3, len(self.cloud.hosts)))):
            self._break(host)
            host.start()
        self.wait(12.0)
        self.guests_work()
        self.cloud.start_process()

    @often(2)
    def database_is_backed_up(self) -> None:
        self.wait(0.1)  # Until what is durable is known to be.
        self.tell("the database is backed up")
        self.cloud.back_up()

    @often(5)
    def database_goes_back(self) -> None:
        """To its backup, whatever came since. Users go on, and hosts hold until an admin has looked."""
        if not self.cloud.has_backup:
            self.database_is_backed_up()
        if self.perhaps(0.7):
            self.launch(self.a_project())
            self.wait(self.chance.choice((0.5, 3.0, 6.0)))
        if not self.cloud.has_backup:
            return  # A machine joined meanwhile, of which it knows nothing.
        says_so = self.perhaps(0.7)
        self.tell(f"the backup is restored, and {'said' if says_so else 'not said'} to be one")
        self.cloud.restore(says_so=says_so)

    # Time

    @often(2)
    def everything_is_mended(self) -> None:
        self.tell("everything is mended")
        self.cloud.heal()

    @often(1)
    def all_is_well_for_once(self) -> None:
        self.come_to_rest()

    @often(4)
    def time_passes(self) -> None:
        """Longer than an agent waits for its control plane, than a host may be silent, than anything is kept."""
        seconds = self.chance.choice((1.0, 12.0, 12.0, 40.0))
        self.tell(f"{seconds} s pass")
        self.wait(seconds)

    @often(2)
    def clock_moves(self) -> None:
        seconds = self.chance.choice((-30, 30, 3600))
        self.tell(f"the clock moves by {seconds} s")
        self.move_clock(timedelta(seconds=seconds))
