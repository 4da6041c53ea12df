"""Thousands of mishaps are no news here."""

import os
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture
def runs(request: pytest.FixtureRequest) -> int:
    """How many seeds are played. STEAD_SIMULATION_RUNS: for a long search."""
    usual = 150 if request.config.getoption("--all") else 40
    return int(os.environ.get("STEAD_SIMULATION_RUNS", usual))


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
    yield
    structlog.reset_defaults()
