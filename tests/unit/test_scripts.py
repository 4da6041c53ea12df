"""What can be seen of the scripts without running what they are for."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.mark.parametrize("name", ["bench", "demo", "test"])
def test_help_comes_without_the_set_up(name: str, tmp_path: Path) -> None:
    shutil.copy(SCRIPTS / name, tmp_path)
    for option in ("-h", "--help"):
        shown = subprocess.run([tmp_path / name, option], capture_output=True, text=True, check=True).stdout
        assert shown.startswith(f"{name}")
        assert "set -euo" not in shown


def test_the_help_of_bench_has_its_options() -> None:
    shown = subprocess.run([SCRIPTS / "bench", "--help"], capture_output=True, text=True, check=True).stdout
    known = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--help"],
        env={"PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    options = {word.strip(",[]") for word in known.split() if word.startswith(("--", "[--"))} - {"--help"}
    assert {word for word in shown.split() if word.startswith("--")} == options
