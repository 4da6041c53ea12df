"""The life cycle under everything that can befall it: no accepted call is lost, nothing is given twice, sums match."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from .ground import Ground
from .record import EFFECTS
from .simulation import play
from .stage import WEIGHTS

pytestmark = pytest.mark.timeout(3600)  # A search takes as long as it is asked to be.

# The seed that a long search begins with.
FIRST = int(os.environ.get("STEAD_SIMULATION_FIRST", "0"))
OFTEN = 0.04  # In a run, of each rule and effect, on average. Most come up ten times as often.

_ROOT = Path(__file__).parents[2]
_TELL = """
import sys
from pathlib import Path
import structlog
from tests.simulation.ground import Ground
from tests.simulation.simulation import play
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
ground = Ground(Path(sys.argv[1]))
for seed in range(2):
    print(*play(seed, ground)[0], sep="\\n")
"""


def test_the_region_keeps_its_promises(in_memory: Path, runs: int) -> None:
    """And whatever can be done to it was done, often."""
    ground, done = Ground(in_memory), Counter[str]()
    for seed in range(FIRST, FIRST + runs):
        done += play(seed, ground)[1]
    rare = {what: done[what] for what in (*WEIGHTS, *EFFECTS) if done[what] < OFTEN * runs}
    assert not rare, f"in {runs} runs, too seldom to find anything: {rare}"


def test_a_seed_is_the_same_story_whatever_the_order_of_sets(in_memory: Path) -> None:
    assert _stories(in_memory / "one", "1") == _stories(in_memory / "two", "2")


def _stories(directory: Path, hash_seed: str) -> str:
    directory.mkdir()
    program = [sys.executable, "-c", _TELL, str(directory)]
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    done = subprocess.run(program, cwd=_ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout
