"""The plan for one instance, as tables: what it shall be x what it is -> what to do next."""

from dataclasses import replace
from functools import partial
from itertools import product

import pytest

from agent import devices
from agent.converge import plan as converge_plan
from agent.converge.device_steps import DETACH_AGAIN_S
from agent.converge.plan import LINK_DOWN_S, PROBATION_S, PROOF_S, RESUME_CAP_S, Past, Plan, observe
from agent.converge.steps import (
    AttachDevice,
    CountReboot,
    CreateTap,
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

from .host import DATA_DISK, INSTANCE, NIC, ROOT_DISK, stopped

NOW = 1000.0
REBOOT_S = 240.0
plan = partial(converge_plan.plan, reboot_s=REBOOT_S)
ON = replace(INSTANCE, generation=2)
BOTH = replace(ON, disks=(ROOT_DISK, DATA_DISK))
OFF = stopped(ON)
FORCED_OFF = replace(OFF, stop_timeout_s=0)
PLUGGED = {"eni-1": PortState.PLUGGED}
CREATED = {"eni-1": PortState.CREATED}
NO_TAPS: dict[str, PortState] = {}


def domain(power: Power, generation: int = 2, reason: OffReason = OffReason.NEVER_STARTED) -> Domain:
    found = {} if power is Power.OFF else devices.digests(ON)
    return Domain("i-1", power, generation, power is Power.RUNNING, 0, ("vol-1-e1",), reason, devices=found)


def off(reason: OffReason, generation: int = 2) -> Domain:
    return domain(Power.OFF, generation, reason)


RUNNING, PAUSED = domain(Power.RUNNING), domain(Power.PAUSED)
OLD_RUNNING, OLD_PAUSED = domain(Power.RUNNING, 1), domain(Power.PAUSED, 1)
UNPLUG = Unplug("eni-1")
START = (CreateTap(NIC), StartPaused(ON), NoteRun(), Plug(NIC), Resume(ON))
RESTART = (UNPLUG, *START)  # The tap of the QEMU that is gone is out of reach for the next.

# What it shall be, what it is, its taps -> the steps.
STEPS: list[tuple[InstanceSpec | None, Domain | None, dict[str, PortState], tuple[Step, ...]]] = [
    # on
    (ON, None, NO_TAPS, START),
    (ON, None, CREATED, START),
    (ON, None, PLUGGED, RESTART),
    (ON, OLD_RUNNING, PLUGGED, (Destroy(),)),
    (ON, OLD_PAUSED, PLUGGED, (Destroy(),)),
    *((ON, off(reason, 1), PLUGGED, RESTART) for reason in OffReason),
    (ON, PAUSED, CREATED, (NoteRun(), Plug(NIC), Resume(ON))),
    (ON, PAUSED, PLUGGED, (NoteRun(), Resume(ON))),
    (ON, PAUSED, NO_TAPS, (Destroy(),)),
    (ON, RUNNING, PLUGGED, ()),
    (ON, RUNNING, CREATED, (Plug(NIC),)),
    (ON, off(OffReason.SHUTDOWN), PLUGGED, (NoteGuestOff(2), UNPLUG)),
    (ON, off(OffReason.SHUTDOWN), NO_TAPS, (NoteGuestOff(2),)),
    (ON, off(OffReason.NEVER_STARTED), CREATED, START),
    (ON, off(OffReason.DESTROYED), PLUGGED, RESTART),
    (ON, off(OffReason.CRASHED), PLUGGED, RESTART),
    (ON, off(OffReason.UNPROVEN), PLUGGED, ()),
    (ON, off(OffReason.UNKNOWN), NO_TAPS, START),
    # off
    (OFF, None, NO_TAPS, ()),
    (OFF, None, PLUGGED, (UNPLUG,)),
    *((OFF, off(reason), PLUGGED, (UNPLUG,)) for reason in OffReason),
    *((OFF, off(reason), NO_TAPS, ()) for reason in OffReason),
    (OFF, RUNNING, PLUGGED, (PressPowerButton(),)),
    (OFF, OLD_RUNNING, PLUGGED, (PressPowerButton(),)),
    (OFF, PAUSED, PLUGGED, (Destroy(),)),
    (FORCED_OFF, RUNNING, PLUGGED, (Destroy(),)),
    # absent
    (None, None, NO_TAPS, ()),
    (None, None, PLUGGED, (UNPLUG,)),
    (None, RUNNING, PLUGGED, (Destroy(), Remove(), UNPLUG)),
    (None, PAUSED, NO_TAPS, (Destroy(), Remove())),
    *((None, off(reason), PLUGGED, (Remove(), UNPLUG)) for reason in OffReason),
]


@pytest.mark.parametrize(("spec", "found", "ports", "steps"), STEPS)
def test_steps(
    spec: InstanceSpec | None, found: Domain | None, ports: dict[str, PortState], steps: tuple[Step, ...]
) -> None:
    assert plan(spec, found, ports, 0, Past(), NOW).steps == steps


def every_state() -> list[tuple[InstanceSpec | None, Domain | None, dict[str, PortState], int]]:
    states = [domain(power, g) for power in (Power.RUNNING, Power.PAUSED) for g in (1, 2, 3)]
    states += [off(reason, generation) for reason in OffReason for generation in (1, 2, 3)]
    return list(product((None, ON, OFF, FORCED_OFF), (None, *states), (NO_TAPS, CREATED, PLUGGED), (0, 1, 2)))


def test_the_rules_that_no_state_may_break() -> None:
    for spec, found, ports, guest_off in every_state():
        steps = plan(spec, found, ports, guest_off, Past(), NOW).steps
        is_off = found is None or found.power is Power.OFF
        case = f"{spec} {found} {ports} {guest_off} -> {steps}"
        kinds = [type(step) for step in steps]
        if Resume in kinds:
            assert Plug not in kinds[kinds.index(Resume) :], case
            assert Plug in kinds or ports == PLUGGED, case
            has_run = found is not None and StartPaused not in kinds and found.has_run
            assert has_run or NoteRun in kinds[: kinds.index(Resume)], case
        if StartPaused in kinds:
            assert is_off, case
            assert guest_off != 2, case
        if Unplug in kinds:
            assert is_off or {Destroy, Remove} <= set(kinds[: kinds.index(Unplug)]), case
        if spec is None or not spec.power_on:
            assert not {StartPaused, Resume, CreateTap, Plug} & set(kinds), case


def test_a_guest_that_powered_off_stays_off() -> None:
    for found in (None, off(OffReason.SHUTDOWN), off(OffReason.UNKNOWN)):
        todo = plan(ON, found, NO_TAPS, 2, Past(), NOW)
        assert todo == Plan(reason="the guest powered itself off")
        assert not todo.is_done
        assert plan(ON, found, PLUGGED, 2, Past(), NOW).steps == (UNPLUG,)
    assert plan(replace(ON, generation=3), off(OffReason.SHUTDOWN), NO_TAPS, 2, Past(), NOW).steps != ()


def test_the_button_is_pressed_once_and_the_plug_pulled_at_the_deadline() -> None:
    pressed = Past().then(PressPowerButton(), NOW)
    assert plan(OFF, RUNNING, PLUGGED, 0, pressed, NOW + 1) == Plan(check_after_s=119.0)
    assert plan(OFF, RUNNING, PLUGGED, 0, pressed, NOW + 120) == Plan((Destroy(),))
    assert plan(FORCED_OFF, RUNNING, PLUGGED, 0, pressed, NOW + 1) == Plan((Destroy(),))


def test_the_button_of_an_earlier_start_does_not_count() -> None:
    past = Past().then(PressPowerButton(), NOW).then(StartPaused(ON), NOW)
    assert plan(OFF, RUNNING, PLUGGED, 0, past, NOW + 500).steps == (PressPowerButton(),)


def test_a_guest_that_was_told_to_stop_did_not_power_itself_off() -> None:
    """The wish is taken back in the same generation when the control plane's database is restored."""
    pressed = Past().then(PressPowerButton(), NOW)
    assert NoteGuestOff not in map(type, plan(ON, off(OffReason.SHUTDOWN), NO_TAPS, 0, pressed, NOW).steps)
    assert NoteGuestOff in map(type, plan(ON, off(OffReason.SHUTDOWN), NO_TAPS, 0, Past(), NOW).steps)


def test_a_crashing_guest_is_started_again_later_and_later() -> None:
    past, waits = Past(), []
    for _ in range(8):
        past = past.then(StartPaused(ON), NOW)
        todo = plan(ON, off(OffReason.CRASHED), PLUGGED, 0, past, NOW)
        assert "crashed" in todo.reason
        waits.append(todo.check_after_s)
        assert plan(ON, off(OffReason.CRASHED), PLUGGED, 0, past, NOW + 60).steps == RESTART
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60]
    assert past.then(StartPaused(replace(ON, generation=3)), NOW).starts == 1


def test_a_reboot_is_asked_for_once_and_counted_when_it_was_seen() -> None:
    spec = replace(ON, reboot_count=3)
    assert plan(spec, RUNNING, PLUGGED, 0, Past(), NOW).steps == (Reboot(3),)
    asked = Past().then(Reboot(3), NOW)
    assert plan(spec, RUNNING, PLUGGED, 0, asked, NOW + 1) == Plan(check_after_s=REBOOT_S - 1)
    rebooted = replace(RUNNING, has_rebooted=True)
    assert plan(spec, rebooted, PLUGGED, 0, asked, NOW + 1).steps == (CountReboot(3),)
    assert plan(spec, rebooted, PLUGGED, 0, Past(), NOW).steps == (Reboot(3),), "of its own, before it was asked"
    assert plan(spec, replace(rebooted, reboot_count=3), PLUGGED, 0, asked, NOW).is_done
    assert plan(replace(spec, reboot_count=4), RUNNING, PLUGGED, 0, asked, NOW).steps == (Reboot(4),)


def test_a_guest_that_does_not_hear_of_a_reboot_is_reset() -> None:
    asked = Past().then(Reboot(1), NOW)
    todo = plan(replace(ON, reboot_count=1), RUNNING, PLUGGED, 0, asked, NOW + REBOOT_S)
    assert todo.steps == (Reset(), CountReboot(1))


def test_what_is_not_proven_ends_no_instance() -> None:
    """QEMU ended in good order: the event that tells by whose will may still come, or was missed."""
    ended = off(OffReason.UNPROVEN)
    past = Past().saw(RUNNING, NOW).saw(ended, NOW)
    assert plan(ON, ended, PLUGGED, 0, past, NOW).check_after_s == PROOF_S
    assert plan(ON, off(OffReason.SHUTDOWN), PLUGGED, 0, past, NOW + 1).steps == (NoteGuestOff(2), UNPLUG)
    assert plan(ON, ended, PLUGGED, 0, past.saw(ended, NOW + 1), NOW + PROOF_S).steps == RESTART
    assert past.saw(RUNNING, NOW + 5).saw(ended, NOW + 9).off_since == NOW + 9


@pytest.mark.parametrize("stall", Stall)
def test_a_stalled_guest_is_resumed_later_and_later_and_says_why(stall: Stall) -> None:
    stalled = replace(PAUSED, has_run=True, stall=stall)
    past, now, waits = Past(), NOW, []
    for _ in range(8):
        todo = plan(ON, stalled, PLUGGED, 0, past, now)
        assert stall.value in todo.reason
        assert todo.steps == (SetLinks(is_up=False), Resume(ON, stall))
        for step in todo.steps:
            past = past.then(step, now)
        todo = plan(ON, stalled, PLUGGED, 0, past, now)
        assert (todo.steps, stall.value in todo.reason) == ((), True)
        waits.append(todo.check_after_s)
        now += todo.check_after_s or 0
    assert waits == [2, 4, 8, 16, *[RESUME_CAP_S] * 4]

    running = plan(ON, RUNNING, PLUGGED, 0, past, past.resumed_at + 1)
    assert (running.steps, running.check_after_s) == ((), PROBATION_S - 1)
    assert stall.value in running.reason, "it may stall again at once"
    assert plan(ON, RUNNING, PLUGGED, 0, past, past.resumed_at + PROBATION_S).is_done
    later = past.then(Resume(ON, stall), past.resumed_at + 3600)
    assert later.resumes == 1


@pytest.mark.parametrize("stall", [None, *Stall])
def test_a_guest_that_stood_still_goes_on_without_a_link_for_a_moment(stall: Stall | None) -> None:
    """Also where another agent has resumed it."""
    unlinked = replace(RUNNING, has_links_down=True)
    todo = plan(ON, replace(PAUSED, has_run=True, stall=stall), PLUGGED, 0, Past(), NOW)
    assert todo.steps == (SetLinks(is_up=False), Resume(ON, stall))
    past = Past().then(todo.steps[0], NOW)
    todo = plan(ON, unlinked, PLUGGED, 0, past, NOW + 0.5)
    assert (todo.steps, todo.check_after_s) == ((), LINK_DOWN_S - 0.5)
    for resumed_by, now in ((past, NOW + LINK_DOWN_S), (Past(), NOW)):
        assert plan(ON, unlinked, PLUGGED, 0, resumed_by, now).steps == (SetLinks(is_up=True),)


def test_a_guest_whose_qemu_was_stopped_is_without_a_link_for_a_moment_once_it_goes_on() -> None:
    past = Past().saw(replace(RUNNING, is_stopped=True), NOW).saw(RUNNING, NOW + 60)
    todo = plan(ON, RUNNING, PLUGGED, 0, past, NOW + 60)
    assert (todo.steps, todo.check_after_s) == ((SetLinks(is_up=False),), LINK_DOWN_S)
    past = past.then(todo.steps[0], NOW + 60)
    assert plan(ON, RUNNING, PLUGGED, 0, past, NOW + 60).is_done
    assert not Past().saw(replace(RUNNING, is_stopped=True), NOW).saw(off(OffReason.CRASHED), NOW).stood_still


def test_a_stopped_qemu_is_told_of_and_asked_for_nothing() -> None:
    for stopped_domain in (replace(RUNNING, is_stopped=True), replace(PAUSED, is_stopped=True)):
        todo = plan(replace(ON, reboot_count=1), stopped_domain, PLUGGED, 0, Past(), NOW)
        assert (todo.steps, "SIGCONT" in todo.reason) == ((), True)
        assert plan(OFF, stopped_domain, PLUGGED, 0, Past(), NOW).steps == (Destroy(),), "it hears no power button"


def test_a_domain_that_somebody_undefined_is_defined_again() -> None:
    assert plan(ON, replace(RUNNING, is_transient=True), PLUGGED, 0, Past(), NOW).steps == (Define(),)


def test_a_domain_that_somebody_edited_is_left_alone_until_it_is_off() -> None:
    edited = replace(OLD_RUNNING, generation=0, damage="its metadata is {}")
    assert plan(ON, edited, PLUGGED, 0, Past(), NOW) == Plan(reason=plan(ON, edited, PLUGGED, 0, Past(), NOW).reason)
    assert "its metadata is {}" in plan(ON, edited, PLUGGED, 0, Past(), NOW).reason
    assert plan(OFF, edited, PLUGGED, 0, Past(), NOW).steps == (PressPowerButton(),)
    assert plan(ON, replace(edited, power=Power.OFF), PLUGGED, 0, Past(), NOW).steps == RESTART
    assert plan(None, edited, PLUGGED, 0, Past(), NOW).steps == (Destroy(), Remove(), UNPLUG)


def test_disks_follow() -> None:
    with_both = replace(RUNNING, devices=devices.digests(BOTH))
    assert plan(BOTH, RUNNING, PLUGGED, 0, Past(), NOW).steps == (AttachDevice(DATA_DISK),)
    assert plan(BOTH, with_both, PLUGGED, 0, Past(), NOW).is_done
    assert plan(ON, with_both, PLUGGED, 0, Past(), NOW).steps == (DetachDevice("ua-vol-2-e1"),)


def test_a_guest_is_asked_again_to_let_go_of_a_disk_but_not_at_once() -> None:
    with_both = replace(RUNNING, devices=devices.digests(BOTH))
    asked = Past().then(DetachDevice("ua-vol-2-e1"), NOW)
    assert plan(ON, with_both, PLUGGED, 0, asked, NOW + 1) == Plan(check_after_s=DETACH_AGAIN_S - 1)
    assert plan(ON, with_both, PLUGGED, 0, asked, NOW + DETACH_AGAIN_S).steps == (DetachDevice("ua-vol-2-e1"),)


def test_a_volume_of_a_new_epoch_waits_for_the_old_one_to_go() -> None:
    new = replace(DATA_DISK, export_name="vol-2-e2")
    spec = replace(ON, disks=(ROOT_DISK, new))
    with_old = replace(RUNNING, devices=devices.digests(BOTH))
    assert plan(spec, with_old, PLUGGED, 0, Past(), NOW).steps == (DetachDevice("ua-vol-2-e1"),)
    assert plan(spec, RUNNING, PLUGGED, 0, Past(), NOW).steps == (AttachDevice(new),)


SECOND = InterfaceSpec("eni-2", "vpc-1", "02:00:00:00:00:02", "172.31.0.9")
TWO = replace(ON, interfaces=(NIC, SECOND))
WITH_TWO = replace(RUNNING, devices=devices.digests(TWO))
TWO_PLUGGED = {**PLUGGED, "eni-2": PortState.PLUGGED}


def test_an_interface_comes_while_the_guest_runs() -> None:
    attach = (AttachDevice(SECOND), Plug(SECOND))
    assert plan(TWO, RUNNING, PLUGGED, 0, Past(), NOW).steps == (CreateTap(SECOND), *attach)
    assert plan(TWO, RUNNING, TWO_PLUGGED, 0, Past(), NOW).steps == (Unplug("eni-2"), CreateTap(SECOND), *attach)
    assert plan(TWO, WITH_TWO, {**PLUGGED, "eni-2": PortState.CREATED}, 0, Past(), NOW).steps == (Plug(SECOND),)
    assert plan(TWO, WITH_TWO, TWO_PLUGGED, 0, Past(), NOW).is_done


def test_an_interface_goes_while_the_guest_runs() -> None:
    leaving = replace(ON, leaving=("eni-2",))
    assert plan(leaving, WITH_TWO, TWO_PLUGGED, 0, Past(), NOW).steps == (DetachDevice("ua-eni-2"),)
    asked = Past().then(DetachDevice("ua-eni-2"), NOW)
    assert plan(leaving, WITH_TWO, TWO_PLUGGED, 0, asked, NOW + 1).steps == (), "QEMU holds the tap"
    assert plan(leaving, RUNNING, TWO_PLUGGED, 0, asked, NOW + 1).steps == (Unplug("eni-2"),)
    assert asked.then(Unplug("eni-2"), NOW + 1) == Past()


def test_an_interface_that_is_taken_by_force_loses_its_tap_at_once() -> None:
    assert plan(ON, WITH_TWO, TWO_PLUGGED, 0, Past(), NOW).steps == (DetachDevice("ua-eni-2"), Unplug("eni-2"))
    asked = Past().then(DetachDevice("ua-eni-2"), NOW)
    assert plan(ON, WITH_TWO, PLUGGED, 0, asked, NOW + 1) == Plan(check_after_s=DETACH_AGAIN_S - 1)


def test_a_device_that_shall_be_otherwise_goes_and_comes_again() -> None:
    other = replace(NIC, mac_address="02:00:00:00:00:09")
    spec, without = (
        replace(ON, interfaces=(other,)),
        replace(RUNNING, devices=devices.digests(replace(ON, interfaces=()))),
    )
    assert plan(spec, RUNNING, PLUGGED, 0, Past(), NOW).steps == (DetachDevice("ua-eni-1"),)
    steps = (UNPLUG, CreateTap(other), AttachDevice(other), Plug(other))
    assert plan(spec, without, PLUGGED, 0, Past(), NOW).steps == steps


def test_a_paused_guest_waits_for_no_interface_that_comes_later() -> None:
    assert plan(TWO, PAUSED, PLUGGED, 0, Past(), NOW).steps == (NoteRun(), Resume(TWO))


def test_a_domain_of_before_digests_is_left_as_it_is() -> None:
    before = replace(RUNNING, devices={"ua-vol-1-e1": "", "ua-02:00:00:00:00:01": ""})
    assert plan(ON, before, PLUGGED, 0, Past(), NOW).is_done
    assert plan(BOTH, before, PLUGGED, 0, Past(), NOW).steps == (AttachDevice(DATA_DISK),)
    assert plan(replace(ON, interfaces=()), before, {}, 0, Past(), NOW).steps == (DetachDevice("ua-02:00:00:00:00:01"),)


def test_where_a_disk_is_served_says_nothing_of_what_it_is() -> None:
    """Nobody takes a disk from a guest that may have it mounted; the next start connects anew."""
    moved = replace(ON, disks=(replace(ROOT_DISK, address="192.0.2.9", port=1),))
    assert plan(moved, RUNNING, PLUGGED, 0, Past(), NOW).is_done


def test_observations() -> None:
    assert observe(None, 0) == ObservedInstance(False, 0, False, False, 0, ())
    assert observe(None, 2) == ObservedInstance(False, 2, True, True, 0, ())
    assert observe(PAUSED, 0) == ObservedInstance(False, 2, False, False, 0, ("vol-1-e1",), ("eni-1",))
    assert observe(RUNNING, 0) == ObservedInstance(True, 2, True, False, 0, ("vol-1-e1",), ("eni-1",))
    assert observe(replace(off(OffReason.SHUTDOWN), has_run=True), 2) == ObservedInstance(False, 2, True, True, 0, ())
    assert not observe(off(OffReason.SHUTDOWN), 1).powered_off_by_guest


def test_what_a_guest_was_asked_to_let_go_of_is_forgotten_when_it_is_gone() -> None:
    disk, nic = devices.alias(DATA_DISK), devices.alias(NIC)
    past = Past().then(DetachDevice(disk), NOW).then(DetachDevice(nic), NOW)
    held = replace(RUNNING, devices=devices.digests(BOTH))
    assert past.saw(held, NOW).detach_at.keys() == {disk, nic}
    seen = past.saw(replace(RUNNING, devices={}), NOW)
    assert seen.detach_at.keys() == {nic}, "its tap is to be unplugged still"
    assert not seen.then(Unplug(NIC.interface_id), NOW).detach_at
