"""The simulation finds bugs: each of these, planted on purpose. Without them, the same runs find nothing.

The first few turn up wherever one looks. The others need a certain story, told again and again with other timing.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from agent.converge.observations import Observations
from controlplane.engine import Engine
from controlplane.model.instance import Desired, Instance
from controlplane.model.state import Table
from controlplane.reconcile import absorb
from controlplane.service import addresses

from .machine import Simulation, simulation

Plant = Callable[[pytest.MonkeyPatch], None]
Story = Callable[[Simulation, float], None]
MOST_RUNS = 40


def it_answers_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    async def durable(self: Engine, revision: int) -> None:
        pass

    patch.setattr(Engine, "durable", durable)


def it_forgets_that_a_token_was_used(patch: pytest.MonkeyPatch) -> None:
    get = Table.get
    patch.setattr(Table, "get", lambda self, id: None if self.kind == "call" else get(self, id))


@pytest.mark.parametrize("plant", [it_answers_before_the_commit, it_forgets_that_a_token_was_used])
def test_a_planted_bug_is_found(plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    few = settings(
        max_examples=MOST_RUNS,
        stateful_step_count=50,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(simulation(tmp_path), settings=few)


def it_takes_any_report_for_an_answer(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(absorb, "_due", lambda rows, revision, answered: list(rows))


def it_calls_off_what_is_not_running_yet(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(absorb, "_is_off", lambda observation: not observation.running)


def it_gives_an_address_away_before_the_gateway_forgot_it(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(addresses, "_release", lambda state, change, address: change.delete(address))


def it_counts_a_stopped_instance_again_when_it_ends(patch: pytest.MonkeyPatch) -> None:
    def claims_host(instance: Instance) -> bool:
        return instance.desired is Desired.ON or not instance.is_settled

    patch.setattr("controlplane.model.capacity.claims_host", claims_host)


def its_agent_does_not_acknowledge(patch: pytest.MonkeyPatch) -> None:
    full = Observations._report_full
    patch.setattr(Observations, "acknowledge", lambda self: None)
    patch.setattr(Observations, "_report_full", lambda self, revision: replace(full(self, revision), revision=0))


def a_change_of_mind(run: Simulation, gap_s: float) -> None:
    run.wire_changes(0.0, 2, "slow")
    for which in range(4):
        run.restart_and_think_again(gap_s, which, "StopInstances")


def an_address_that_moves(run: Simulation, gap_s: float) -> None:
    run.drivers_fail(0.0, 3, 0.5)
    for which in range(4):
        run.make_room(gap_s, which, "StopInstances")


def a_full_host(run: Simulation, gap_s: float) -> None:
    for which in range(4):
        run.make_room(3.0 + gap_s, which, "StopInstances")
    for which in range(8):
        run.change_power(gap_s, "TerminateInstances", which)


def an_end_that_is_cut_short(run: Simulation, gap_s: float) -> None:
    for which in range(4):
        run.change_power(gap_s, "TerminateInstances", which)
        run.wire_changes(gap_s, which, "reset")


PLANTS: dict[Plant, Story] = {
    it_takes_any_report_for_an_answer: a_change_of_mind,
    it_calls_off_what_is_not_running_yet: a_change_of_mind,
    it_gives_an_address_away_before_the_gateway_forgot_it: an_address_that_moves,
    it_counts_a_stopped_instance_again_when_it_ends: a_full_host,
    its_agent_does_not_acknowledge: an_end_that_is_cut_short,
}


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_bug_is_found_in_its_story(plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    assert any(_tell(PLANTS[plant], tmp_path))


@pytest.mark.parametrize("story", dict.fromkeys(PLANTS.values()))
def test_without_it_the_story_ends_well(story: Story, tmp_path: Path) -> None:
    assert not any(_tell(story, tmp_path))


def _tell(story: Story, directory: Path) -> Iterator[str]:
    """What was wrong, for each telling; empty where nothing was."""
    make: Any = simulation(directory)
    for seed, gap_s in product(range(4), (0.0, 0.1, 0.2, 0.5)):
        run = make()
        try:
            run.begin(seed=seed)
            story(run, gap_s)
            run.finish()
            yield ""
        except AssertionError as error:
            yield str(error)
        finally:
            run.teardown()
