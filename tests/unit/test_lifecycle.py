"""The life-cycle tables: total, as the architecture has them, and without EC2's missing edge."""

from dataclasses import replace
from itertools import product

import pytest

from controlplane.errors import Conflict
from controlplane.model.instance import Desired, Instance, Observation, ObservedKind, Volume
from controlplane.model.lifecycle import (
    ADMISSION,
    STATE,
    Answer,
    InstanceState,
    Request,
    Seen,
    VolumeState,
    seen,
    state_of,
    volume_state,
)
from controlplane.service.admission import admit
from tests.unit.region import Region

IMPOSSIBLE = {(Desired.ON, Seen.ABSENT)}  # "As the two to the left": `seen` never says so.

# Wishes and what is known: (desired, settled, has run since this start, what the host last said of it).
SITUATIONS = list(product(Desired, (False, True), (False, True), ("nothing", "stale", "off", "running")))


@pytest.fixture(scope="module")
def launched() -> tuple[Instance, Observation]:
    region = Region()
    host_id = region.add_host()
    instance_id = region.launch()
    observation = region.state.observed(ObservedKind.INSTANCE, instance_id, host_id)
    assert observation is not None
    return region.instance(instance_id), observation


def situation(
    launched: tuple[Instance, Observation], desired: Desired, is_settled: bool, has_run: bool, said: str
) -> tuple[Instance, Observation | None]:
    instance, running = launched
    instance = replace(
        instance, desired=desired, is_settled=is_settled, generation=7, ran_generation=7 if has_run else 6
    )
    observation = replace(running, running=said in ("running", "stale"), generation=6 if said == "stale" else 7)
    return instance, None if said == "nothing" else observation


def test_the_state_table_is_total() -> None:
    assert set(STATE) == set(product(Desired, Seen)) - IMPOSSIBLE


def test_states_have_codes_and_names_of_ec2() -> None:
    assert {state.code: state.label for state in InstanceState} == {
        0: "pending",
        16: "running",
        32: "shutting-down",
        48: "terminated",
        64: "stopping",
        80: "stopped",
    }


@pytest.mark.parametrize("situated", SITUATIONS, ids=str)
def test_every_situation_has_a_state(
    launched: tuple[Instance, Observation], situated: tuple[Desired, bool, bool, str]
) -> None:
    desired, is_settled, has_run, said = situated
    instance, observation = situation(launched, *situated)
    expected = {
        Desired.ON: "running" if has_run or said == "running" else "pending",
        Desired.OFF: "stopping" if not is_settled or said == "running" else "stopped",
        Desired.ABSENT: "terminated" if is_settled else "shutting-down",
    }
    assert (desired, seen(instance, observation)) not in IMPOSSIBLE
    assert state_of(instance, observation).label == expected[desired]


@pytest.mark.parametrize("said", ["nothing", "stale", "off", "running"])
def test_what_has_run_never_becomes_pending(launched: tuple[Instance, Observation], said: str) -> None:
    assert state_of(*situation(launched, Desired.ON, False, True, said)) is InstanceState.RUNNING


def test_a_host_is_claimed_until_it_is_known_to_have_let_go(launched: tuple[Instance, Observation]) -> None:
    for desired, is_settled, has_run, said in SITUATIONS:
        instance, _ = situation(launched, desired, is_settled, has_run, said)
        assert instance.claims_host is (desired is Desired.ON or not is_settled)


def test_admission_is_total() -> None:
    assert set(ADMISSION) == set(Request)
    assert all(set(answers) == set(InstanceState) for answers in ADMISSION.values())


@pytest.mark.parametrize(
    ("request_", "accepted", "ignored"),
    [
        (Request.START, "stopped", "pending running"),
        (Request.STOP, "pending running stopping", "stopped"),
        (Request.REBOOT, "running", "pending"),
        (Request.TERMINATE, "pending running stopping stopped", "shutting-down terminated"),
        (Request.ATTACH_VOLUME, "pending running stopping stopped", ""),
        (Request.ASSOCIATE_ADDRESS, "running stopping stopped", ""),
    ],
)
def test_admission(request_: Request, accepted: str, ignored: str) -> None:
    for state, answer in ADMISSION[request_].items():
        is_accepted, is_ignored = state.label in accepted.split(), state.label in ignored.split()
        assert answer is (Answer.ACCEPT if is_accepted else Answer.IGNORE if is_ignored else Answer.DENY)


def test_what_is_denied_names_instance_and_state(launched: tuple[Instance, Observation]) -> None:
    region = Region()
    region.put(replace(launched[0], desired=Desired.ABSENT, is_settled=True))
    instance = region.instance(launched[0].id)
    with pytest.raises(Conflict, match=rf"'{instance.id}' is not in a state .* started: it is terminated") as caught:
        admit(region.state, instance, Request.START)
    assert caught.value.code == "IncorrectInstanceState"
    assert not admit(region.state, instance, Request.TERMINATE)


VOLUME = Volume("vol-1", "proj-1", "home-1a", "host-1", 1, "gp3", "", 0, Region().now, {})
MADE = Observation("o", "host-1", ObservedKind.VOLUME, "vol-1", converged=True, error="", permanent=False)
FAILED = replace(MADE, converged=False, error="no space", permanent=True)
BUSY = replace(MADE, converged=False)


@pytest.mark.parametrize(
    ("volume", "is_attached", "observation", "expected"),
    [
        (VOLUME, False, None, VolumeState.CREATING),
        (VOLUME, False, BUSY, VolumeState.CREATING),
        (VOLUME, False, FAILED, VolumeState.ERROR),
        (VOLUME, True, FAILED, VolumeState.IN_USE),
        (replace(VOLUME, is_ready=True), False, MADE, VolumeState.AVAILABLE),
        (replace(VOLUME, is_ready=True), False, None, VolumeState.AVAILABLE),
        (replace(VOLUME, is_ready=True), False, FAILED, VolumeState.ERROR),
        (replace(VOLUME, is_ready=True, is_deleted=True), False, MADE, VolumeState.DELETING),
    ],
)
def test_volume_state(
    volume: Volume, is_attached: bool, observation: Observation | None, expected: VolumeState
) -> None:
    assert volume_state(volume, is_attached, observation) is expected
