"""Accepted launches per second (P1, P4) beside servers that only echo, and calls at half of that (P5)."""

from collections.abc import Callable

from benchmarks import echo, half
from benchmarks.figures import Figure, Progress, Scale
from benchmarks.floor import Timed, echoes, timed
from benchmarks.half import Half
from benchmarks.region import RUN_INSTANCES, Running, running

CLIENTS = 100
# A default subnet has room for some 4,000; a fast machine accepts 10,000 in a round.
ZONES = 3


async def measure(scale: Scale, progress: Progress) -> list[Figure]:
    calls = scale.of(2000, CLIENTS)
    rounds: list[dict[str, Timed]] = []
    halves: list[Half] = []
    for number in range(scale.rounds):
        progress(f"accept: round {number + 1} of {scale.rounds}")
        async with running(ZONES) as region:
            result = {"stead": _launches(region, calls, CLIENTS)}
            await region.settled(calls)  # The hosts' work is none of the floors'.
            payload = region.launch().SerializeToString()
            for mode in echo.MODES:
                result[mode] = echoes(mode, payload, calls, CLIENTS)
            halves.append(await half.measure(region, result["stead"][0].per_s, scale))
            result["stead one"] = _launches(region, scale.of(300), 1)
            result["group one"] = echoes("group", payload, scale.of(300), 1)
        rounds.append(result)
    return [*_figures(rounds), *_half_figures(halves)]


def _launches(region: Running, calls: int, clients: int) -> Timed:
    return timed(region.control_plane, region.region.load(RUN_INSTANCES, region.launch(), calls, clients))


def _figures(rounds: list[dict[str, Timed]]) -> list[Figure]:
    def per_s(what: str) -> list[float]:
        return [row[what][0].per_s for row in rounds]

    def cpu_ms(what: str) -> list[float]:
        return [row[what][1] for row in rounds]

    name = f"RunInstances accepted, {CLIENTS} clients (P1)"
    floors = {"commit": "echo + a commit each", "group": "echo + group commit"}
    one, floor_one = ([row[what][0].p50_ms for row in rounds] for what in ("stead one", "group one"))
    return [
        Figure(name, "/s", per_s("stead"), "echo", per_s("bare"), "P1"),
        *(Figure(name, "/s", per_s("stead"), text, per_s(mode)) for mode, text in floors.items()),
        Figure("RunInstances, 99th percentile of that", "ms", [row["stead"][0].p99_ms for row in rounds]),
        Figure("RunInstances, server's CPU per call", "ms", cpu_ms("stead"), "echo", cpu_ms("bare")),
        Figure("RunInstances, one client, median (P4)", "ms", one, "echo + one commit", floor_one, "P4"),
    ]


def _half_figures(halves: list[Half]) -> list[Figure]:
    def ms(what: Callable[[Half], float]) -> list[float]:
        return [what(each) for each in halves]

    write, read, stall = "RunInstances at half of that", "reads meanwhile", "longest stall of the loop meanwhile"
    return [
        Figure(f"{write}, 99th percentile (P5)", "ms", ms(lambda each: each.write_p99_ms), target="P5 write"),
        Figure(f"{read}, 99th percentile (P5)", "ms", ms(lambda each: each.read_p99_ms), target="P5 read"),
        Figure(
            *(f"{stall} (P5)", "ms", ms(lambda each: each.longest_ms)),
            *("at rest", ms(lambda each: each.longest_at_rest_ms), "P5 stall"),
        ),
    ]
