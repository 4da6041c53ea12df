"""What to do next for one instance: a pure function of what it shall be, what it is, and what we did before.

Owns every decision about a domain and its taps, and does nothing itself. A plan is made anew after each one that was
carried out, so none looks further ahead than it must:

    absent or off --create taps, start paused--> paused --note that it runs, plug taps, resume--> running

A tap is plugged while the guest's CPUs stand still, so that no packet passes before its rules stand. A running guest's
devices are brought to what they shall be one by one (`agent.devices`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from agent import devices
from agent.converge import device_steps
from agent.converge.steps import (
    CountReboot,
    Define,
    Destroy,
    DetachDevice,
    NoteGuestOff,
    NoteRun,
    Plug,
    PressPowerButton,
    Reboot,
    Remove,
    Reset,
    Resume,
    SetLinks,
    StartPaused,
    Step,
    Unplug,
)
from agent.messages import ObservedInstance
from agent.model import Domain, InstanceSpec, InterfaceSpec, OffReason, PortState, Power, Stall

# Longest wait before an instance that keeps crashing is started again. Shorter burns CPU that others pay for; longer
# makes people wait once they have mended it.
RESTART_CAP_S = 60.0
# Longest wait before a guest that its disk stalled is resumed again. Shorter fills the log while a pool stays full;
# longer leaves the guest standing once there is room.
RESUME_CAP_S = 30.0
# A resumed guest that stalls again within this was not well meanwhile. Shorter calls it well between two stalls.
PROBATION_S = 5.0
# A guest that stood still does not know it: its clock is behind by that, and a Debian guest's systemd-timesyncd may not
# ask for the time again for 34 minutes. So it goes on without a link for this long, and asks at once when that is back.
# Shorter, and a busy guest does not see the link go. Longer cuts it off for longer.
LINK_DOWN_S = 2.0
# How long after a guest went off the event may come that tells by whose will. Shorter may start again one that was to
# stay off; longer delays one that a signal ended.
PROOF_S = 2.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in order. With none, no delay and no reason the instance is as it shall be."""

    steps: tuple[Step, ...] = ()
    check_after_s: float | None = None  # When to plan again although nothing happened.
    reason: str = ""  # Why it is not as it shall be, for people.

    @property
    def is_done(self) -> bool:
        return not self.steps and self.check_after_s is None and not self.reason


@dataclass(frozen=True, slots=True)
class Past:
    """What this agent did to an instance, as far as it matters for what comes next. Lost with the process: harmless."""

    generation: int = 0  # Of `starts` and `started_at`.
    starts: int = 0
    started_at: float = 0.0
    power_button_at: float | None = None
    off_since: float | None = None
    reboot_asked: int = 0  # The count that the guest was last asked for,
    reboot_at: float = 0.0  # and when.
    stall: Stall | None = None  # What it was last resumed from,
    resumes: int = 0  # how many times in a row,
    resumed_at: float = 0.0  # and when last.
    stood_still: bool = False  # Its QEMU was stopped, and it was not told since.
    link_down_at: float = 0.0
    detach_at: Mapping[str, float] = field(default_factory=dict)  # By alias.

    def then(self, step: Step, now: float) -> "Past":
        match step:
            case StartPaused(spec):
                starts = self.starts + 1 if spec.generation == self.generation else 1
                return Past(spec.generation, starts, now)
            case PressPowerButton():
                return replace(self, power_button_at=now)
            case Reboot(reboot_count):
                return replace(self, reboot_asked=reboot_count, reboot_at=now)
            case Resume(_, Stall() as stall):
                is_again = now < self.resumed_at + 2 * RESUME_CAP_S
                return replace(self, stall=stall, resumes=self.resumes + 1 if is_again else 1, resumed_at=now)
            case SetLinks(is_up=False):
                return replace(self, stood_still=False, link_down_at=now)
            case DetachDevice(alias):
                return replace(self, detach_at={**self.detach_at, alias: now})
            case Unplug(interface_id):
                gone = devices.alias_of(interface_id)
                return replace(self, detach_at={alias: at for alias, at in self.detach_at.items() if alias != gone})
        return self

    def saw(self, domain: Domain | None, now: float) -> "Past":
        """With what is seen of it now."""
        is_off = domain is not None and domain.power is Power.OFF
        off_since = (now if self.off_since is None else self.off_since) if is_off else None
        stood_still = domain is not None and not is_off and (self.stood_still or domain.is_stopped)
        return replace(self, off_since=off_since, detach_at=self._still_of_use(domain), stood_still=stood_still)

    def _still_of_use(self, domain: Domain | None) -> Mapping[str, float]:
        """A disk is forgotten when the guest has let go of it, an interface when its tap is unplugged."""
        held = domain.devices if domain is not None else {}
        taps = devices.interface_ids(self.detach_at)
        return {name: at for name, at in self.detach_at.items() if name in held or devices.id_of(name) in taps}


def plan(
    spec: InstanceSpec | None,
    domain: Domain | None,
    ports: Mapping[str, PortState],
    guest_off: int,
    past: Past,
    now: float,
    reboot_s: float,
) -> Plan:
    """The next steps. `ports` are the instance's taps; `guest_off` is the generation noted in the ledger, or 0.

    A guest has `reboot_s` to hear that it shall restart, before it is reset.
    """
    if spec is None:
        return _absent(domain, ports)
    is_off = domain is None or domain.power is Power.OFF
    if not spec.power_on:
        return _stop(spec, domain, ports, past, now)
    if is_off and guest_off == spec.generation:
        return Plan(device_steps.unplug(ports), reason="the guest powered itself off")
    if domain is None:
        return _start(spec, ports)
    if domain.damage and not is_off:
        return Plan(reason=f"somebody edited its domain ({domain.damage}); stop and start the instance to renew it")
    if domain.generation < spec.generation:  # Stopped and started again since.
        return _start(spec, ports) if is_off else Plan((Destroy(),))
    if domain.is_stopped:  # Whatever libvirt would be asked for hangs.
        return Plan(reason="its QEMU process is stopped; SIGCONT, or the debugger that holds it, lets it go on")
    match domain.power:
        case Power.OFF:
            return _revive(spec, domain, ports, past, now)
        case Power.PAUSED:
            return _let_run(spec, domain, ports, past, now)
        case Power.RUNNING:
            return _keep(spec, domain, ports, past, now, reboot_s)


def observe(domain: Domain | None, guest_off: int) -> ObservedInstance:
    """What to report of it."""
    if domain is None:
        return ObservedInstance(False, guest_off, guest_off > 0, guest_off > 0, 0, ())
    return ObservedInstance(
        running=domain.power is Power.RUNNING,
        generation=domain.generation,
        has_run=domain.has_run,
        powered_off_by_guest=domain.power is Power.OFF and guest_off == domain.generation > 0,
        reboot_count=domain.reboot_count,
        export_names=() if domain.power is Power.OFF else domain.export_names,
        interface_ids=() if domain.power is Power.OFF else tuple(sorted(devices.interface_ids(domain.devices))),
    )


def _absent(domain: Domain | None, ports: Mapping[str, PortState]) -> Plan:
    if domain is None:
        return Plan(device_steps.unplug(ports))
    pull: tuple[Step, ...] = () if domain.power is Power.OFF else (Destroy(),)
    return Plan((*pull, Remove(), *device_steps.unplug(ports)))


def _stop(spec: InstanceSpec, domain: Domain | None, ports: Mapping[str, PortState], past: Past, now: float) -> Plan:
    """The power button is pressed once; a guest that is paused, or its QEMU stopped, can't hear it."""
    if domain is None or domain.power is Power.OFF:
        return Plan(device_steps.unplug(ports))
    if domain.power is Power.PAUSED or domain.is_stopped or spec.stop_timeout_s == 0:
        return Plan((Destroy(),))
    if past.power_button_at is None:
        return Plan((PressPowerButton(),))
    left_s = past.power_button_at + spec.stop_timeout_s - now
    return Plan(check_after_s=left_s) if left_s > 0 else Plan((Destroy(),))


def _start(spec: InstanceSpec, ports: Mapping[str, PortState], reason: str = "") -> Plan:
    taps = (step for nic in spec.interfaces for step in device_steps.tap(nic, ports))
    plugs = (Plug(nic) for nic in spec.interfaces)
    return Plan((*taps, StartPaused(spec), NoteRun(), *plugs, Resume(spec)), reason=reason)


def _let_run(spec: InstanceSpec, domain: Domain, ports: Mapping[str, PortState], past: Past, now: float) -> Plan:
    there = _there(spec, domain)
    if any(nic.interface_id not in ports for nic in there):
        return Plan((Destroy(),), reason="a tap is gone under the paused domain")
    reason = _stalled(domain.stall) if domain.stall else ""
    left_s = past.resumed_at + min(2.0**past.resumes, RESUME_CAP_S) - now
    if domain.stall and past.resumes and left_s > 0:
        return Plan(check_after_s=left_s, reason=reason)
    before = SetLinks(is_up=False) if domain.has_run else NoteRun()
    return Plan((before, *device_steps.plug(there, ports), Resume(spec, domain.stall)), reason=reason)


def _there(spec: InstanceSpec, domain: Domain) -> tuple[InterfaceSpec, ...]:
    held = devices.recognised(domain.devices, spec.interfaces)
    return tuple(nic for nic in spec.interfaces if devices.alias(nic) in held)


def _stalled(stall: Stall) -> str:
    return f"paused: {stall.value}; it goes on when that is mended"


def _revive(spec: InstanceSpec, domain: Domain, ports: Mapping[str, PortState], past: Past, now: float) -> Plan:
    """It shall run and went off: by the guest's will, or by an accident, or by a stop that a restored database has
    forgotten.
    """
    if domain.off_reason is OffReason.SHUTDOWN and past.power_button_at is None:
        return Plan((NoteGuestOff(spec.generation), *device_steps.unplug(ports)))
    if domain.off_reason is OffReason.NEVER_STARTED:
        return _start(spec, ports)
    proof_s = (now if past.off_since is None else past.off_since) + PROOF_S - now
    if domain.off_reason is OffReason.UNPROVEN and proof_s > 0:
        return Plan(check_after_s=proof_s, reason="went off; by whose will is not known yet")
    reason = f"went off ({domain.off_reason.value}) and is started again"
    starts = past.starts if past.generation == spec.generation else 0
    left_s = past.started_at + min(2.0**starts, RESTART_CAP_S) - now
    return Plan(check_after_s=left_s, reason=reason) if starts and left_s > 0 else _start(spec, ports, reason)


def _keep(
    spec: InstanceSpec, domain: Domain, ports: Mapping[str, PortState], past: Past, now: float, reboot_s: float
) -> Plan:
    held = devices.recognised(domain.devices, spec.interfaces)
    rebooting, reboot_left_s = _reboot(spec, domain, past, now, reboot_s)
    detaching, detach_left_s = device_steps.detach(spec, held, past.detach_at, now)
    probation_s = past.resumed_at + PROBATION_S - now if past.stall else 0.0
    links, link_down_s = _links(domain, past, now)
    waits = [left_s for left_s in (reboot_left_s, detach_left_s, probation_s, link_down_s) if left_s and left_s > 0]
    reason = _stalled(past.stall) if past.stall and probation_s > 0 else ""
    define = (Define(),) if domain.is_transient else ()
    steps = (
        *define,
        *links,
        *device_steps.plug(_there(spec, domain), ports),
        *rebooting,
        *detaching,
        *device_steps.attach(spec, held, ports),
        *device_steps.release(spec, held, ports),
    )
    return Plan(steps, min(waits, default=None), reason)


def _links(domain: Domain, past: Past, now: float) -> tuple[tuple[Step, ...], float]:
    """Taken away from a guest that stood still, and given back."""
    if past.stood_still:
        return (SetLinks(is_up=False),), LINK_DOWN_S
    left_s = past.link_down_at + LINK_DOWN_S - now if domain.has_links_down else 0.0
    return (SetLinks(is_up=True),) if domain.has_links_down and left_s <= 0 else (), left_s


def _reboot(
    spec: InstanceSpec, domain: Domain, past: Past, now: float, reboot_s: float
) -> tuple[tuple[Step, ...], float | None]:
    """Asked for once, counted when it was seen; a guest that does not hear is reset, as EC2 does."""
    if domain.reboot_count >= spec.reboot_count:
        return (), None
    if past.reboot_asked < spec.reboot_count:
        return (Reboot(spec.reboot_count),), None
    if domain.has_rebooted:
        return (CountReboot(spec.reboot_count),), None
    left_s = past.reboot_at + reboot_s - now
    return ((), left_s) if left_s > 0 else ((Reset(), CountReboot(spec.reboot_count)), None)
