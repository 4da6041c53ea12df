"""scripts/bench: runs benchmarks, prints a table, writes JSON."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Awaitable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import uvloop
from rich.console import Console

from benchmarks import (
    accept,
    failover,
    fill,
    fleet,
    groups,
    launch,
    memory,
    passes,
    paths,
    placement,
    ports,
    sync,
    takeover,
    volumes,
)
from benchmarks import scale as full
from benchmarks.figures import Scale
from benchmarks.report import Report

BENCHMARKS = {
    "accept": accept.measure,
    "launch": launch.measure,
    "passes": passes.measure,
    "ports": ports.measure,
    "memory": memory.measure,
    "scale": full.measure,
    "large": full.measure_large,
    "placement": placement.measure,
    "fill": fill.measure,
    "paths": paths.measure,
    "takeover": takeover.measure,
    "failover": failover.measure,
    "volumes": volumes.measure,
    "fleet": fleet.measure,
    "sync": sync.measure,
    "groups": groups.measure,
}
ROUNDS_AT_MOST = {"large": 1, "passes": 2, "sync": 2, "failover": 3}  # Those whose rounds take a minute.
T = TypeVar("T")
QUICK = Scale(rounds=1, size=20)


def main() -> None:
    arguments = parse()
    if arguments.markdown:
        print(Report(arguments.markdown, resume=True).markdown(Report(arguments.before, resume=True)))
        return
    scale = QUICK if arguments.quick else Scale(rounds=arguments.rounds)
    report = Report(arguments.json, resume=arguments.resume)
    run([name for name in arguments.names or BENCHMARKS if name not in report.figures], scale, report)
    report.show()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Measures Stead, each figure beside its floor.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all when none is named")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all values of all rounds there")
    parser.add_argument("--resume", action="store_true", help="go on with the benchmarks that FILE does not have yet")
    parser.add_argument("--rounds", type=int, default=Scale().rounds, help="how often everything is measured")
    parser.add_argument("--quick", action="store_true", help="one round at a twentieth of the size: does it work?")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="only print the table of what --json wrote there")
    parser.add_argument("--before", type=Path, metavar="FILE", help="with another's figures in a column of that table")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(BENCHMARKS):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    if arguments.resume and not arguments.json:
        parser.error("--resume goes on with a file: name it with --json")
    return arguments


async def interruptible(work: Awaitable[T]) -> T:
    """The first signal ends it; others find it removing what it made, and wait."""
    signals, loop, task = iter((True,)), asyncio.get_running_loop(), asyncio.current_task()

    def interrupt() -> None:
        if task and next(signals, False):
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    return await work


def run(names: list[str], scale: Scale, report: Report) -> None:
    """One after the other; what was found is kept when a later one fails."""
    console = Console(stderr=True, highlight=False)
    with console.status("") as status:
        for name in names:
            rounds = min(scale.rounds, ROUNDS_AT_MOST.get(name, scale.rounds))
            found = uvloop.run(interruptible(BENCHMARKS[name](replace(scale, rounds=rounds), status.update)))
            # Targets are set for the whole size.
            report.add(name, found if scale.size == 1 else [replace(row, target="") for row in found])


if __name__ == "__main__":
    try:
        main()
    except asyncio.CancelledError:
        sys.exit("bench: interrupted")
