"""The simulation finds bugs: each of those in `plants`, by random search alone.

The seeds are those with which `test_simulation` finds nothing where nothing is planted.
"""

from pathlib import Path

import pytest

from agent import bugs

from .ground import Ground
from .plants import PLANTS, RARE, Plant
from .simulation import play

pytestmark = pytest.mark.timeout(3600)  # As of a search that finds nothing.


@pytest.mark.parametrize("plant", [*PLANTS, *(pytest.param(plant, marks=pytest.mark.deep) for plant in RARE)])
def test_a_planted_bug_is_found(plant: Plant, runs: int, in_memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        _search(Ground(in_memory), runs)
    bugs.told.clear()  # Those that agents noticed by themselves.


def _search(ground: Ground, runs: int) -> None:
    for seed in range(runs):
        play(seed, ground)
