"""From RunInstances to a running domain, and to an answer over ssh (P14), beside libvirt alone."""

import asyncio
import time
from typing import Any

from benchmarks import lab
from benchmarks.figures import Figure, Progress, Scale
from benchmarks.lab import LabCloud
from benchmarks.process import ask


async def measure(scale: Scale, progress: Progress) -> list[Figure]:
    progress("launch: a lab, a cloud, an image")
    running_ms, bare_ms, ssh_s, virt_type = [], [], [], ""
    async with lab.running() as cloud:
        await cloud.run()  # It stays: the others find its VPC on the host, as they usually do.
        for number in range(scale.rounds):
            progress(f"launch: round {number + 1} of {scale.rounds}")
            launched_s, answered_s, bare = await _round(cloud)
            running_ms.append(launched_s * 1000)
            bare_ms.append(bare["took_s"] * 1000)
            ssh_s.append(answered_s)
            virt_type = bare["virt_type"]
    return [
        Figure(f"RunInstances to a running domain, {virt_type} (P14)", "ms", running_ms, "libvirt alone", bare_ms),
        Figure(f"RunInstances to ssh's banner, {virt_type} (P14)", "s", ssh_s),
    ]


async def _round(cloud: LabCloud) -> tuple[float, float, dict[str, Any]]:
    began = time.monotonic()
    instance, launched_s = await cloud.run()
    outside = cloud.outside.command([])
    answered_at = await asyncio.to_thread(ask, "banner", instance.public_ip_address, prefix=outside)
    await asyncio.sleep(2)  # The guest has booted and is idle: the floor has the processors for itself.
    bare = await asyncio.to_thread(ask, "domain", instance.instance_id, prefix=cloud.host.command([]))
    await cloud.terminate(instance.instance_id)
    return launched_s, answered_at - began, bare
