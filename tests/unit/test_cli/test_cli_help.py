"""What says which commands there are."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from client.cli.app import app


def helps(command: Any, above: typer.Context | None = None) -> Iterator[tuple[str, str]]:
    """What a command and all those below it say of themselves, with how they are called."""
    ctx = typer.Context(command, above, command.name)
    yield ctx.command_path, command.get_help(ctx)
    for below in getattr(command, "commands", {}).values():
        yield from helps(below, ctx)


def test_help_cuts_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    told = dict(helps(typer.main.get_command(app)))
    for text in told.values():
        assert "...\n" not in text.partition("Commands:")[2]
        assert "…" not in text
        assert not re.search(r"^ +--.*<(str|int|list\[str)", text, re.MULTILINE), "a type says less than a word"
    assert "--delete-on-termination" in told["stead instance modify"]
    assert "list" in told["stead vpc"]


def test_the_documentation_names_every_command() -> None:
    lines = (Path(__file__).parents[3] / "docs" / "cli.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| `")]
    for group in app.registered_groups:
        (row,) = [row for row in rows if f"`{group.name}`" in row.split("|")[1]]
        assert group.typer_instance
        for verb in group.typer_instance.registered_commands:
            assert f"`{verb.name}`" in row
