"""The simulation finds bugs: each of these, planted on purpose, within a few runs."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from agent.converge.observations import Observations
from agent.drivers.fake import FakeExportDriver
from agent.drivers.fake.world import FakeWorld
from controlplane.engine import Engine
from controlplane.model import lifecycle, state
from controlplane.model.instance import Instance, Observation
from controlplane.model.state import Change
from controlplane.reconcile import absorb
from controlplane.service import addresses
from controlplane.sessions import Session

from .machine import simulation

Plant = Callable[[pytest.MonkeyPatch], None]


def it_answers_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    async def durable(self: Engine, revision: int) -> None:
        pass

    patch.setattr(Engine, "durable", durable)


def it_takes_any_report_for_an_answer(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(absorb, "_due", lambda rows, revision, answered: list(rows))


def it_gives_an_address_away_before_the_gateway_forgot_it(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(addresses, "_release", lambda state, change, address: change.delete(address))


def it_calls_off_what_is_not_running_yet(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(absorb, "_is_off", lambda observation: not observation.running)


def it_counts_a_stopped_instance_again_when_it_ends(patch: pytest.MonkeyPatch) -> None:
    def claims_host(instance: Instance) -> bool:
        return instance.desired is lifecycle.Desired.ON or not instance.is_settled

    patch.setattr("controlplane.model.capacity.claims_host", claims_host)


def it_forgets_that_a_token_was_used(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("controlplane.service.idempotency._result_of", None)
    patch.setattr(
        state.Table, "get", lambda self, row_id: None if self.kind == "client-token" else self._rows.get(row_id)
    )


def it_frees_a_volume_before_its_export_is_closed(patch: pytest.MonkeyPatch) -> None:
    def release(found: Any, change: Change, attachment: Any) -> None:
        absorb._forget(found, change, attachment)

    patch.setattr(absorb, "_release", release)


def it_opens_a_new_epoch_beside_the_old(patch: pytest.MonkeyPatch) -> None:
    ensure = FakeExportDriver.ensure

    async def beside(self: FakeExportDriver, spec: Any) -> None:
        before = dict(self.world.exports)
        await ensure(self, spec)
        self.world.exports.update({**before, spec.export_name: spec})

    patch.setattr(FakeExportDriver, "ensure", beside)


def its_agent_does_not_acknowledge(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Observations, "acknowledge", lambda self: None)
    patch.setattr(Observations, "_report_full", lambda self, revision: replace(_full(self, revision), revision=0))


_full = Observations._report_full

PLANTS = [value for name, value in list(globals().items()) if name.startswith(("it_", "its_"))]


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_found(plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    plant(monkeypatch)
    import time

    t = time.time()
    n = [0]
    cls = simulation(tmp_path)

    def make():
        n[0] += 1
        return cls()

    try:
        with pytest.raises((AssertionError, Exception)) as e:
            run_state_machine_as_test(
                make,
                settings=settings(
                    max_examples=150,
                    stateful_step_count=50,
                    derandomize=True,
                    database=None,
                    deadline=None,
                    phases=[Phase.generate],
                    report_multiple_bugs=False,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        with capsys.disabled():
            print("FOUND", plant.__name__, n, f"{time.time() - t:.1f}s", repr(str(e.value))[:300])
    except BaseException:
        with capsys.disabled():
            print("NOT FOUND", plant.__name__, n, f"{time.time() - t:.1f}s")
        raise
