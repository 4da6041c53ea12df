"""The life cycle under everything that can befall it: no accepted call is lost, nothing is given twice, sums match."""

import os
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from .machine import simulation

# For a long run: so many runs, other ones each time.
EXAMPLES = int(os.environ.get("STEAD_SIMULATION_EXAMPLES", "0"))


def test_the_region_keeps_its_promises(tmp_path: Path) -> None:
    run_state_machine_as_test(
        simulation(tmp_path),
        settings=settings(
            max_examples=EXAMPLES or 60,
            stateful_step_count=40,
            derandomize=not EXAMPLES,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
