"""A thousand hosts over sessions of their own: at rest (P8, P9), and filled with instances (P21)."""

import asyncio
import sqlite3
import time
from contextlib import AsyncExitStack, closing
from pathlib import Path

from benchmarks.figures import Figure, Progress, Scale
from benchmarks.machine import cpu_s, pss_bytes
from benchmarks.process import Process
from benchmarks.region import PATIENT, Running, controlled, import_image, scratch
from benchmarks.tenants import tenants_of

HOSTS = 1000
INSTANCES = 10_000
PROJECTS = 250  # A VPC each, whose hosts alone hear of its instances: with fewer, the fleet itself has most to do.
REST_S = 20  # Two heartbeats of each.
LOOK_EVERY_S = 0.05
# Of a core. Above, hosts are still being told of one another.
QUIET = 0.15


async def measure(scale: Scale, progress: Progress) -> list[Figure]:
    count, projects = scale.of(HOSTS), scale.of(PROJECTS, 5)
    instances = scale.of(INSTANCES) // projects * projects
    progress(f"fleet: {count} simulated hosts join")
    async with controlled(zones=4, more=PATIENT) as (region, process, stead):
        before = pss_bytes(process.pid)
        with scratch("/dev/shm") as home, await region.add_hosts(stead, count, home, 30.0) as fleet:
            await _quiet(process)
            per_agent_kib = (pss_bytes(process.pid) - before) / 1024 / count
            progress(f"fleet: {count} hosts at rest")
            share, commits = await _at_rest(process, region.directory / "controlplane.db", scale.lasting(REST_S, 1))
            progress(f"fleet: {instances:,} instances on {count} hosts")
            base = Running(region, stead, process, fleet, await import_image(stead))
            filled_s = await _fill(base, projects, instances // projects)
    return [
        Figure(f"control plane, per agent of {count} (P9)", "KiB", [per_agent_kib], target="P9 agent"),
        Figure(f"heartbeats of {count} agents, of a core (P8)", "%", [share * 100], target="P8 cpu"),
        Figure(f"commits by heartbeats of {count} agents (P8)", "commits", [commits], target="P8 writes"),
        Figure(f"{count} hosts with sessions filled with {instances} instances (P21)", "s", [filled_s]),
    ]


async def _quiet(process: Process, deadline_s: float = 300) -> None:
    """Until it has little to do."""
    async with asyncio.timeout(deadline_s):
        spent, before = 1.0, cpu_s(process.pid)
        while spent > QUIET:
            await asyncio.sleep(1)
            spent, before = cpu_s(process.pid) - before, cpu_s(process.pid)


async def _at_rest(process: Process, database: Path, for_s: float) -> tuple[float, int]:
    """Its share of a core, and how often its database was seen to be another than before."""
    with closing(sqlite3.connect(database)) as connection:
        versions, before = [], cpu_s(process.pid)
        began = time.perf_counter()
        while time.perf_counter() - began < for_s:
            versions.append(connection.execute("PRAGMA data_version").fetchone())
            await asyncio.sleep(LOOK_EVERY_S)
        return (cpu_s(process.pid) - before) / (time.perf_counter() - began), len(set(versions)) - 1


async def _fill(base: Running, projects: int, each: int) -> float:
    """From the first call until all run, s."""
    async with AsyncExitStack() as stack:
        tenants = await tenants_of(base, projects, stack)
        began = time.perf_counter()
        for tenant in tenants:
            await tenant.stead.instances.RunInstances(tenant.launch(each))
        for tenant in tenants:
            await tenant.settled(each)
        return time.perf_counter() - began
