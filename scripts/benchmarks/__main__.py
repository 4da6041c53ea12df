"""scripts/bench: runs benchmarks, prints a table, writes JSON."""

import argparse
import json
from pathlib import Path

import uvloop
from rich.console import Console

from benchmarks import accept, launch, memory, placement, ports, report, sync
from benchmarks import scale as full
from benchmarks.figures import Figure, Scale

BENCHMARKS = {
    "accept": accept.measure,
    "launch": launch.measure,
    "ports": ports.measure,
    "memory": memory.measure,
    "scale": full.measure,
    "placement": placement.measure,
    "sync": sync.measure,
}
QUICK = Scale(rounds=1, size=20)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description="Measures Stead, each figure beside its floor.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all when none is named")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all values of all rounds there")
    parser.add_argument("--rounds", type=int, default=Scale().rounds, help="how often everything is measured")
    parser.add_argument("--quick", action="store_true", help="one round at a twentieth of the size: does it work?")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(BENCHMARKS):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    scale = QUICK if arguments.quick else Scale(rounds=arguments.rounds)
    run(arguments.names or list(BENCHMARKS), scale, arguments.json)


def run(names: list[str], scale: Scale, file: Path | None) -> None:
    found: list[Figure] = []
    console = Console(stderr=True, highlight=False)
    with console.status("") as status:
        for name in names:
            found += uvloop.run(BENCHMARKS[name](scale, status.update))
    report.show(found)
    if file:
        file.write_text(json.dumps(report.as_json(found), indent=2) + "\n")


if __name__ == "__main__":
    main()
