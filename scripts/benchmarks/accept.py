"""Accepted launches per second (P1, P4) beside servers that only echo."""

from datetime import UTC, datetime
from pathlib import Path

from benchmarks import echo
from benchmarks.figures import Figure, Progress, Scale
from benchmarks.load import Load, Run
from benchmarks.machine import cpu_s
from benchmarks.process import Process, is_open
from benchmarks.region import RUN_INSTANCES, Running, free_port, running, scratch
from controlplane import ca

CLIENTS = 100


async def measure(scale: Scale, progress: Progress) -> list[Figure]:
    calls = scale.of(2000, CLIENTS)
    rounds: list[dict[str, tuple[Run, float]]] = []
    for number in range(scale.rounds):
        progress(f"accept: round {number + 1} of {scale.rounds}")
        async with running() as region:
            result = {"stead": _launches(region, calls, CLIENTS)}
            await region.settled(calls)  # The hosts' work is none of the floors'.
            payload = region.launch().SerializeToString()
            for mode in echo.MODES:
                result[mode] = _echoes(mode, payload, calls, CLIENTS)
            result["stead one"] = _launches(region, scale.of(300), 1)
            result["group one"] = _echoes("group", payload, scale.of(300), 1)
        rounds.append(result)
    return _figures(rounds)


def _figures(rounds: list[dict[str, tuple[Run, float]]]) -> list[Figure]:
    def per_s(what: str) -> list[float]:
        return [row[what][0].per_s for row in rounds]

    def cpu_ms(what: str) -> list[float]:
        return [row[what][1] for row in rounds]

    name = f"RunInstances accepted, {CLIENTS} clients (P1)"
    floors = {"bare": "echo", "commit": "echo + a commit each", "group": "echo + group commit"}
    throughput = [Figure(name, "/s", per_s("stead"), text, per_s(mode)) for mode, text in floors.items()]
    latency = [[row[what][0].p50_ms for row in rounds] for what in ("stead one", "group one")]
    return [
        *throughput,
        Figure("RunInstances, 99th percentile of that", "ms", [row["stead"][0].p99_ms for row in rounds]),
        Figure("RunInstances, server's CPU per call", "ms", cpu_ms("stead"), "echo", cpu_ms("bare")),
        Figure("RunInstances, one client, median (P4)", "ms", latency[0], "echo + one commit", latency[1]),
    ]


def _launches(region: Running, calls: int, clients: int) -> tuple[Run, float]:
    return _timed(region.control_plane, region.region.load(RUN_INSTANCES, region.launch(), calls, clients))


def _echoes(mode: str, payload: bytes, calls: int, clients: int) -> tuple[Run, float]:
    with scratch() as directory:
        ca_pem = _make_certificates(directory)
        port = free_port()
        load = Load(f"127.0.0.1:{port}", ca_pem, "", echo.METHOD, payload, calls, clients)
        with Process.module("echo", mode, directory, port, log=directory / "log") as server:
            server.wait_until(lambda: is_open(port), "the echo listens")
            return _timed(server, load)


def _make_certificates(directory: Path) -> str:
    """The control plane's kind of certificate; returns the CA's."""
    now = datetime.now(UTC)
    authority = ca.create("bench-1", now)
    server = ca.issue_server(authority, ["localhost"], ["127.0.0.1"], now)
    (directory / "server.key").write_bytes(server.key)
    (directory / "server.pem").write_bytes(server.certificate)
    return authority.certificate.decode()


def _timed(server: Process, load: Load) -> tuple[Run, float]:
    """The run, and the server's processor time per call in ms."""
    before = cpu_s(server.pid)
    run = load.run()
    return run, (cpu_s(server.pid) - before) * 1000 / load.calls
