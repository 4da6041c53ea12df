"""Benchmarks run and yield figures; what these are is not this test's business."""

import json
import subprocess
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[2] / "scripts" / "bench"


@pytest.mark.parametrize(
    "name",
    [
        "accept",
        pytest.param("memory", marks=pytest.mark.deep),
        pytest.param("scale", marks=pytest.mark.deep),
        pytest.param("large", marks=pytest.mark.deep),
        "placement",
        "fill",
        pytest.param("fleet", marks=pytest.mark.deep),
        pytest.param("sync", marks=pytest.mark.deep),
        "groups",
        pytest.param("paths", marks=pytest.mark.host),
        pytest.param("takeover", marks=[pytest.mark.host, pytest.mark.deep]),
        pytest.param("volumes", marks=[pytest.mark.host, pytest.mark.pool]),
        pytest.param("passes", marks=[pytest.mark.host, pytest.mark.vm, pytest.mark.deep]),
        pytest.param("launch", marks=[pytest.mark.host, pytest.mark.vm]),
        pytest.param("ports", marks=[pytest.mark.host, pytest.mark.vm, pytest.mark.deep]),
    ],
)
def test_a_benchmark_yields_figures(name: str, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    done = subprocess.run([BENCH, name, "--quick", "--json", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(file.read_text())
    assert report["machine"]["cores"]
    assert report["figures"]
    for figure in report["figures"]:
        assert figure["name"] in done.stdout
        assert figure["value"] >= 0
