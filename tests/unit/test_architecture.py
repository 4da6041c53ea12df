"""The table "When something dies" of docs/architecture.md: each line names the tests that show it."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
GUIDE = TESTS.parent / "docs/architecture.md"


def lines() -> list[list[str]]:
    table = GUIDE.read_text().partition("## When something dies")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")]
    return rows[1:]


@pytest.mark.parametrize("line", lines(), ids=lambda line: line[0])
def test_a_line_names_tests_that_exist_or_says_that_there_is_none(line: list[str]) -> None:
    _, what, tests = line
    assert what
    named = re.findall(r"`(.+?)`", tests)
    assert named or tests == "none"
    for name in named:
        path = name.removesuffix(".py")
        assert [*TESTS.glob(f"**/{path}"), *TESTS.glob(f"**/{path}.py")], name
