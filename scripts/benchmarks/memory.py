"""What control plane and agent hold at rest and with instances (P9), and what an idle pass over them costs."""

import asyncio

from benchmarks.figures import Figure, Progress, Scale
from benchmarks.machine import MIB, cpu_s, pss_bytes
from benchmarks.region import Running, running

INSTANCES = 1000
# After the last instance runs: reports have come, garbage has gone.
REST_S = 3
PASSES_S = 10
PASS_EVERY_S = 1.0


async def measure(scale: Scale, progress: Progress) -> list[Figure]:
    progress(f"memory: one host with {scale.of(INSTANCES)} simulated instances")
    count = scale.of(INSTANCES)
    async with running(zones=1, hosts=1, full_pass_s=PASS_EVERY_S) as region:
        control_plane, agent = await _at_rest(region, scale)
        await region.stead.instances.RunInstances(region.launch(count))
        await region.settled(count)
        full_control_plane, full_agent = await _at_rest(region, scale)
        before = cpu_s(region.fleet.pid)
        passes_s = scale.lasting(PASSES_S, 1)
        await asyncio.sleep(passes_s)
        share = (cpu_s(region.fleet.pid) - before) / passes_s
    per_instance_kib = (full_control_plane - control_plane) * 1024 / count
    return [
        Figure("control plane at rest (P9)", "MiB", [control_plane], target="P9 base"),
        Figure(f"control plane with {count} instances", "MiB", [full_control_plane]),
        Figure("control plane, per instance (P9)", "KiB", [per_instance_kib], target="P9 instance"),
        Figure("agent with fake drivers at rest", "MiB", [agent]),
        Figure(f"agent with fake drivers and {count} instances", "MiB", [full_agent]),
        Figure(f"agent's idle pass over {count} instances", "ms", [share * PASS_EVERY_S * 1000]),
    ]


async def _at_rest(region: Running, scale: Scale) -> tuple[float, float]:
    await asyncio.sleep(scale.lasting(REST_S, 0.5))
    return pss_bytes(region.control_plane.pid) / MIB, pss_bytes(region.fleet.pid) / MIB
