"""Launches (P13, P14), to running domains and to an answer over ssh, beside libvirt alone."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks import lab
from benchmarks.figures import Figure, Progress, Scale
from benchmarks.lab import LabCloud
from benchmarks.process import ask

TOGETHER = 20
ROUNDS_TOGETHER = 3
SETTLE_S = 2.0  # The agent looks at what somebody did to the host's links. Shorter: the next launch waits beside it.


@dataclass(frozen=True)
class Times:
    """From the call, s; the first is when it was answered."""

    accepted_s: float
    running_s: float
    answered_s: float = 0.0  # By ssh.
    virt_type: str = ""

    @property
    def agent_s(self) -> float:
        return self.running_s - self.accepted_s


Round = tuple[Times, Times]  # Ours, and libvirt's.


async def measure(scale: Scale, progress: Progress) -> list[Figure]:
    progress("launch: a lab, a cloud, an image")
    together = scale.of(TOGETHER, 3)
    async with lab.running() as cloud:
        # It stays: the others find its VPC on the host, as they usually do.
        stays = (await cloud.run()).instances[0].instance_id
        single = [await _single(cloud, stays, progress) for _ in range(scale.rounds)]
        many = [await _together(cloud, stays, together, progress) for _ in range(min(scale.rounds, ROUNDS_TOGETHER))]
    kind = single[0][1].virt_type
    return [
        _figure(f"RunInstances to a running domain, {kind} (P14)", single, lambda each: each.running_s, "P14 running"),
        _figure(f"RunInstances to ssh's banner, {kind} (P14)", single, lambda each: each.answered_s, "P14 ssh"),
        _figure(f"agent's part of a launch, {kind} (P13)", single, lambda each: each.agent_s, "P13 one"),
        _figure(f"agent's part of {together} launches, {kind} (P13)", many, lambda each: each.agent_s, "P13 twenty"),
    ]


def _figure(name: str, rounds: Sequence[Round], what: Callable[[Times], float], target: str) -> Figure:
    ours, bare = ([what(each) for each in column] for column in zip(*rounds, strict=True))
    return Figure(name, "s", ours, "libvirt alone", bare, target)


async def _single(cloud: LabCloud, stays: str, progress: Progress) -> Round:
    progress("launch: one instance")
    began = time.monotonic()
    launch = await cloud.run()
    (instance,) = launch.instances
    outside = cloud.outside.command([])
    answered_at = await asyncio.to_thread(ask, "banner", instance.public_ip_address, prefix=outside)
    await cloud.terminate(instance.instance_id)
    await asyncio.sleep(SETTLE_S)
    return Times(launch.accepted_s, launch.running_s, answered_at - began), await _bare(cloud, stays, 1)


async def _together(cloud: LabCloud, stays: str, count: int, progress: Progress) -> Round:
    progress(f"launch: {count} instances")
    launch = await cloud.run(count=count)
    await cloud.terminate(*(row.instance_id for row in launch.instances))
    await asyncio.sleep(SETTLE_S)
    return Times(launch.accepted_s, launch.running_s), await _bare(cloud, stays, count)


async def _bare(cloud: LabCloud, stays: str, count: int) -> Times:
    """libvirt, when nothing else is to do."""
    found = await asyncio.to_thread(ask, "domain", stays, cloud.image, count, prefix=cloud.host.command([]))
    await asyncio.sleep(SETTLE_S)
    return Times(0.0, **found)
