"""The simulation finds bugs: each of those in `plants`, by random search alone.

The seeds are those with which `test_simulation` finds nothing where nothing is planted.
"""

from pathlib import Path

import pytest

from agent import bugs

from .ground import Ground
from .plants import PLANTS, Plant
from .simulation import play
from .test_simulation import RUNS


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_bug_is_found(plant: Plant, in_memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        _search(Ground(in_memory))
    bugs.told.clear()  # Those that agents noticed by themselves.


def _search(ground: Ground) -> None:
    for seed in range(RUNS):
        play(seed, ground)
