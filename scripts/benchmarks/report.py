"""Figures as a table for people and as JSON for programs."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure
from benchmarks.machine import facts


def show(figures: Sequence[Figure]) -> None:
    table = Table(caption=", ".join(f"{name} {value}" for name, value in facts().items()), caption_justify="left")
    table.add_column("figure")
    for column in ("value", "floor", "ratio", "spread", "rounds"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("floor is")
    for row in figures:
        table.add_row(*_cells(row))
    # Rich would fold it to 80 columns where there is no terminal.
    console = Console()
    Console(width=max(console.width, 140)).print(table)


def _cells(row: Figure) -> list[str]:
    floor = "" if row.floor is None else f"{_short(row.floor)} {row.unit}"
    ratio = f"{median(row.ratios):.2f}" if row.ratios else ""
    spread = f"{row.spread:.0%}" if len(row.values) > 1 else ""
    return [row.name, f"{_short(row.value)} {row.unit}", floor, ratio, spread, str(len(row.values)), row.floor_name]


def _short(number: float) -> str:
    """Three digits that count, without an exponent."""
    return f"{number:.0f}" if abs(number) >= 100 else f"{number:.3g}"


def as_json(figures: Sequence[Figure]) -> dict[str, Any]:
    return {"machine": facts(), "figures": [row.as_json() for row in figures]}
