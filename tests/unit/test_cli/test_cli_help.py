"""What says which commands there are."""

import re
from pathlib import Path

import pytest

from client.cli.app import app

from .fake_cloud import Stead


def test_help_cuts_no_name(stead: Stead, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for group in app.registered_groups:
        assert group.typer_instance
        assert "...\n" not in stead(str(group.name), "--help").stdout.partition("Commands:")[2]
        for verb in group.typer_instance.registered_commands:
            text = stead(str(group.name), str(verb.name), "--help").stdout
            assert "…" not in text
            assert not re.search(r"^ +--.*<(str|int|list\[str)", text, re.MULTILINE), "a type says less than a word"
    assert "--delete-on-termination" in stead("instance", "modify", "--help").stdout


def test_the_documentation_names_every_command() -> None:
    lines = (Path(__file__).parents[3] / "docs" / "cli.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| `")]
    for group in app.registered_groups:
        (row,) = [row for row in rows if f"`{group.name}`" in row.split("|")[1]]
        assert group.typer_instance
        for verb in group.typer_instance.registered_commands:
            assert f"`{verb.name}`" in row
