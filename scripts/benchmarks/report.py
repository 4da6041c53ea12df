"""Figures as a table, for people, as Markdown, for the documentation, and as JSON, for programs and to go on from."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure
from benchmarks.machine import facts

# Of the longest lines. Rich would cut them off at the terminal's width, or at 80 columns where there is none.
WIDTH = 240
COLUMNS = ("value", "floor", "ratio", "spread", "gate", "met", "floor is")


class Report:
    """What was found, benchmark by benchmark, kept in a file if there is one."""

    def __init__(self, file: Path | None = None, *, resume: bool = False) -> None:
        self._file = file
        self.figures: dict[str, Sequence[Figure]] = {}
        self.machine: Mapping[str, Any] = facts()
        if file and resume and file.exists():
            known = json.loads(file.read_text())
            self.machine = known["machine"]
            for row in known["figures"]:
                self.figures[row["benchmark"]] = [*self.figures.get(row["benchmark"], ()), Figure.from_json(row)]

    @property
    def all(self) -> list[Figure]:
        return [row for figures in self.figures.values() for row in figures]

    def add(self, benchmark: str, figures: Sequence[Figure]) -> None:
        self.figures[benchmark] = figures
        self.machine = facts()
        if self._file:
            self._file.write_text(json.dumps(self._as_json(), indent=2) + "\n")

    def _as_json(self) -> dict[str, Any]:
        rows = [{"benchmark": name, **row.as_json()} for name, figures in self.figures.items() for row in figures]
        return {"machine": self.machine, "figures": rows}

    def show(self) -> None:
        table = Table(caption=self._caption, caption_justify="left")
        table.add_column("figure", no_wrap=True)
        for column in COLUMNS[:-1]:
            table.add_column(column, justify="right", no_wrap=True)
        table.add_column(COLUMNS[-1])
        for row in self.all:
            table.add_row(row.name, *_cells(row))
        Console(width=WIDTH).print(table)

    def markdown(self, before: "Report") -> str:
        """The table of docs/benchmarks.md; `before` are the figures of an earlier version."""
        earlier = {(row.name, row.floor_name): row for row in before.all}
        lines = [_line("figure", "before", *COLUMNS), _line("---", *["--:"] * 7, "---")]
        for row in self.all:
            was = earlier.get((row.name, row.floor_name)) or earlier.get((row.name, ""))
            lines.append(_line(row.name, _was(was) if was else "", *_cells(row)))
        return "\n".join([*lines, "", self._caption])

    @property
    def _caption(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in self.machine.items())


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _was(row: Figure) -> str:
    return f"{_short(row.value)} {row.unit}" + (f" ({row.ratio:.2f})" if row.ratio is not None else "")


def _cells(row: Figure) -> list[str]:
    floor = "" if row.floor is None else f"{_short(row.floor)} {row.unit}"
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    spread = f"{row.spread:.0%}" if len(row.values) > 1 else ""
    return [f"{_short(row.value)} {row.unit}", floor, ratio, spread, str(row.gate or ""), row.verdict, row.floor_name]


def _short(number: float) -> str:
    """Three digits that count, without an exponent."""
    return f"{number:.0f}" if abs(number) >= 100 else f"{number:.3g}"
