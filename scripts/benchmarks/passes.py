"""What it costs an agent to see that nothing is to do (P12), with real drivers, beside one question to libvirt."""

import asyncio
from collections.abc import Mapping, Sequence

from benchmarks import lab
from benchmarks.figures import Figure, Progress, Scale
from benchmarks.lab import LabCloud
from benchmarks.machine import MIB, cpu_s, pss_bytes
from benchmarks.process import ask

INSTANCES = 1000
EXPORTS = 200  # Each is a process, of some 2 MiB; a thousand would take minutes to start.
ALONE = "[session]\nreconnect_first_s = 600.0\nreconnect_cap_s = 600.0\n"  # In vain: there is no control plane.
PASS_EVERY_S = 15  # Shorter: passes over thousands take a part of it, and are fewer than counted.
PASSES = 2  # In a round.
VOLUMES = "/var/lib/stead/pool/volumes"
AGENT, LIBVIRTD, DAEMON = "stead-agent run", "/usr/sbin/libvirtd", "qemu-storage-daemon"


async def measure(scale: Scale, progress: Progress) -> list[Figure]:
    count, exports, every_s = scale.of(INSTANCES), scale.of(EXPORTS), scale.lasting(PASS_EVERY_S, 2)
    progress("passes: a lab, a cloud, an image")
    async with lab.running(f"[converge]\nfull_pass_s = {every_s}\n{ALONE}") as cloud:
        await cloud.run()
        cloud.cloud.kill_control_plane()
        progress(f"passes: {count} domains")
        await asyncio.to_thread(_crowd, cloud, {"instances": count})
        await _converged(cloud, 1, 1)
        alone = await _rounds(cloud, scale.rounds, every_s)
        progress(f"passes: {count} volumes, {exports} exports")
        await asyncio.to_thread(_crowd, cloud, {"volumes": count, "exports": exports})
        await _converged(cloud, count, exports)
        with_storage = await _rounds(cloud, scale.rounds, every_s)
        daemons_mib = [pss_bytes(pid) / MIB for pid in cloud.pids(DAEMON)]
    return [
        _figure(f"agent's idle pass over {count} instances, CPU (P12)", alone, "P12"),
        _figure(f"the same, with {count} volumes and {exports} exports", with_storage, ""),
        Figure(f"a storage daemon's memory, of {exports}", "MiB", [sum(daemons_mib) / len(daemons_mib)]),
    ]


def _figure(name: str, rounds: Sequence[tuple[float, float]], target: str) -> Figure:
    ours_ms, stats_ms = zip(*rounds, strict=True)
    return Figure(name, "ms", ours_ms, "getAllDomainStats", stats_ms, target)


def _crowd(cloud: LabCloud, counts: Mapping[str, int]) -> None:
    """The agent goes by its ledger."""
    cloud.host.kill(AGENT)
    for what, count in counts.items():
        ask("crowd", what, count, prefix=cloud.host.command([]))
    cloud.cloud.start_agent(lab.HOST)


async def _rounds(cloud: LabCloud, count: int, every_s: float) -> list[tuple[float, float]]:
    await asyncio.sleep(every_s * PASSES)  # What came last was looked at again.
    return [(await _pass_ms(cloud, every_s), await _stats_ms(cloud)) for _ in range(count)]


async def _converged(cloud: LabCloud, count: int, exports: int, deadline_s: float = 600) -> None:
    def is_so() -> bool:
        volumes = cloud.host.run("sh", "-c", f"ls {VOLUMES} | wc -l").stdout
        return len(cloud.pids(DAEMON)) == exports and int(volumes) >= count

    async with asyncio.timeout(deadline_s):
        while not await asyncio.to_thread(is_so):  # noqa: ASYNC110 - another process's work
            await asyncio.sleep(0.5)


async def _pass_ms(cloud: LabCloud, every_s: float) -> float:
    """Processor time of the agent, and of libvirtd for it, from one pass to the next."""
    pids = [*cloud.pids(AGENT), *cloud.pids(LIBVIRTD)]
    before = sum(map(cpu_s, pids))
    await asyncio.sleep(every_s * PASSES)
    return (sum(map(cpu_s, pids)) - before) * 1000 / PASSES


async def _stats_ms(cloud: LabCloud) -> float:
    return float(await asyncio.to_thread(ask, "stats", prefix=cloud.host.command([]))) * 1000
