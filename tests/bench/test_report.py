"""What is said of figures: whether targets are met, and what is kept between runs."""

from pathlib import Path

import pytest

from benchmarks.figures import Figure
from benchmarks.report import Report
from benchmarks.targets import Target


@pytest.mark.parametrize(
    ("target", "number", "verdict"),
    [
        (Target(0.45, 0.65), 0.44, "no"),
        (Target(0.45, 0.65), 0.45, "yes"),
        (Target(0.45, 0.65), 0.65, "ambition"),
        (Target(30, 15, "ms"), 31, "no"),
        (Target(30, 15, "ms"), 16, "yes"),
        (Target(30, 15, "ms"), 15, "ambition"),
    ],
)
def test_where_the_ambition_is_above_the_gate_more_is_better(target: Target, number: float, verdict: str) -> None:
    assert target.verdict(number) == verdict


def test_a_target_without_a_unit_is_one_of_the_ratio() -> None:
    assert Figure("launches", "/s", [500.0], "echo", [1000.0], "P1").verdict == "yes"
    assert Figure("launches", "/s", [400.0], "echo", [1000.0], "P1").verdict == "no"


def test_a_figure_in_another_unit_than_its_target_is_refused() -> None:
    with pytest.raises(ValueError, match="P3"):
        Figure("a call", "s", [0.02], target="P3").verdict  # noqa: B018 - what it raises


def test_a_run_goes_on_from_what_an_earlier_one_wrote(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    Report(file).add("scale", [Figure("a call", "ms", [20.0, 22.0], target="P3")])
    resumed = Report(file, resume=True)
    (known,) = resumed.all
    assert (known.name, known.values, known.verdict) == ("a call", [20.0, 22.0], "yes")
    resumed.add("accept", [Figure("another", "ms", [3.0])])
    assert list(Report(file, resume=True).figures) == ["scale", "accept"]


def test_the_documentation_has_what_was_before_beside_what_is() -> None:
    before, now = Report(), Report()
    before.add("scale", [Figure("a call", "ms", [40.0], "echo", [10.0])])
    now.add("scale", [Figure("a call", "ms", [20.0], "echo", [10.0]), Figure("new", "s", [3.0], target="P21")])
    table = now.markdown(before)
    assert "| a call | 40 ms (4.00) | 20 ms | 10 ms | 2.00 |  |  |  | echo |" in table
    assert "| new |  | 3 s |  |  |  | <= 600 s | ambition |  |" in table
