"""A new agent takes over the network of the one before (P18), beside loading the same rules with nft; packets go on."""

import asyncio
import time
from collections.abc import Awaitable
from pathlib import Path

from benchmarks import guests, vpc
from benchmarks.figures import Figure, Progress, Scale
from benchmarks.places import cable, inside, places
from benchmarks.process import ask
from benchmarks.region import scratch
from homelab.node import Node

PORTS = 1000
NEIGHBOUR = "10.99.0.2"


async def measure(scale: Scale, progress: Progress) -> list[Figure]:
    ports = scale.of(PORTS)
    progress(f"takeover: a host with {ports} ports, with five rules each")
    with places("takeover", "host-1", "host-2") as nodes, scratch() as directory:
        host = nodes["host-1"]
        cable(host, nodes["host-2"], "under0", (f"{vpc.underlay(1)}/24", f"{NEIGHBOUR}/24"))
        host.run("ip", "route", "add", "default", "via", NEIGHBOUR)
        await asyncio.to_thread(guests.boot, host, 1, 1, ports)
        took_s, bare_s, lost = [], [], []
        for number in range(scale.rounds):
            progress(f"takeover: round {number + 1} of {scale.rounds}")
            took, gone = await _while_packets_go(host, directory / f"stop-{number}", _take_over(host, ports))
            took_s.append(took)
            lost.append(gone)
            bare_s.append(await asyncio.to_thread(_load_rules, host, directory / "rules"))
    what = f"agent's first pass over {ports} ports"
    return [
        Figure(f"{what} (P18)", "s", took_s, "nft -f", bare_s, "P18"),
        Figure("packets of an established flow lost meanwhile (P18)", "packets", lost, target="P18 lost"),
    ]


async def _take_over(host: Node, ports: int) -> float:
    return await asyncio.to_thread(guests.make, host, 1, 1, ports)


async def _while_packets_go(host: Node, stop: Path, work: Awaitable[float]) -> tuple[float, int]:
    """What the work returns, and how many packets were lost."""
    source, sink = (inside(host, guests.guest_name(number)) for number in (1, 0))
    told = ("traffic", "flow-source", vpc.private_ip(1, 0), vpc.TRAFFIC_PORT, stop)
    async with asyncio.TaskGroup() as tasks:
        received = tasks.create_task(asyncio.to_thread(ask, "traffic", "flow-sink", vpc.TRAFFIC_PORT, prefix=sink))
        sent = tasks.create_task(asyncio.to_thread(ask, *told, prefix=source))
        await asyncio.sleep(1)  # They are on their way.
        took_s = await work
        await asyncio.to_thread(stop.touch)
    return took_s, sent.result() - received.result()


def _load_rules(host: Node, file: Path) -> float:
    """All of the namespace's rules in one transaction of nft(8), instead of those that are there."""
    namespace = ("ip", "netns", "exec", vpc.NAMESPACE)
    file.write_text("flush ruleset\n" + host.run(*namespace, "nft", "list", "ruleset").stdout)
    began = time.perf_counter()
    host.run(*namespace, "nft", "-f", str(file))
    return time.perf_counter() - began
