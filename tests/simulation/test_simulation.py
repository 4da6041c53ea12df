"""The life cycle under everything that can befall it: no accepted call is lost, nothing is given twice, sums match."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from .machine import simulation

EXAMPLES = int(os.environ.get("STEAD_SIMULATION_EXAMPLES", "0"))  # More than a test's share, drawn anew each time.


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Thousands of mishaps are no news here."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
    yield
    structlog.reset_defaults()


def test_the_region_keeps_its_promises(tmp_path: Path) -> None:
    run_state_machine_as_test(
        simulation(tmp_path),
        settings=settings(
            max_examples=EXAMPLES or 40,
            stateful_step_count=40,
            derandomize=not EXAMPLES,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
