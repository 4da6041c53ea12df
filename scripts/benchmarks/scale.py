"""A region that is full: launches by the hundred (P3), lists (P19), and a restart (P10)."""

import time
from collections.abc import Awaitable

from benchmarks.figures import Figure, Progress, Scale
from benchmarks.region import Running, running
from client.connection import Stead
from stead.v1.instances_pb2 import DescribeInstancesRequest
from stead.v1.volumes_pb2 import CreateVolumeRequest

INSTANCES = 10_000
PER_CALL = 1000
# Hosts count as reachable without their agents, whose share of the work is none of this.
PATIENT = "[timing]\nheartbeat_timeout_s = 100000\nreconnect_grace_s = 100000\n"


async def measure(scale: Scale, progress: Progress) -> list[Figure]:
    count = scale.of(INSTANCES, PER_CALL)
    progress(f"scale: {count} instances")
    async with running(zones=4, hosts=8, more=PATIENT) as region:
        region.fleet.end()
        launched_ms = [await _ms(_launch(region, 100)) for _ in range(scale.rounds)]
        for _ in range(count // PER_CALL):
            await _launch(region, PER_CALL)
        page_ms = [await _ms(_list(region.stead, 1000)) for _ in range(scale.rounds)]
        instance_id = await _any_id(region.stead)
        one_ms = [await _ms(_describe(region.stead, instance_id)) for _ in range(scale.rounds)]
        region.control_plane.end()
        restarts = [await _restart(region) for _ in range(scale.rounds)]
    reads, writes = zip(*restarts, strict=True)
    return [
        Figure("RunInstances of 100 in one call (P3)", "ms", launched_ms),
        Figure(f"page of 1,000 instances, of {count} (P19)", "ms", page_ms),
        Figure(f"one instance by id, of {count} (P19)", "ms", one_ms),
        Figure(f"restart with {count} instances to the first read (P10)", "s", reads),
        Figure(f"restart with {count} instances to the first write (P10)", "s", writes),
    ]


async def _launch(region: Running, count: int) -> None:
    await region.stead.instances.RunInstances(region.launch(count))


async def _list(stead: Stead, page_size: int) -> None:
    reply = await stead.instances.DescribeInstances(DescribeInstancesRequest(page_size=page_size))
    assert len(reply.instances) == page_size


async def _any_id(stead: Stead) -> str:
    reply = await stead.instances.DescribeInstances(DescribeInstancesRequest(page_size=1))
    return str(reply.instances[0].instance_id)


async def _describe(stead: Stead, instance_id: str) -> None:
    await stead.instances.DescribeInstances(DescribeInstancesRequest(instance_ids=[instance_id]))


async def _ms(call: Awaitable[None]) -> float:
    began = time.perf_counter()
    await call
    return (time.perf_counter() - began) * 1000


async def _restart(region: Running) -> tuple[float, float]:
    """From the start of the process to a page that is right, and to a durable change, s. Ends it again."""
    began = time.perf_counter()
    with region.region.control_plane():
        async with Stead(region.region.client) as stead:
            await _list(stead, 1000)
            read_s = time.perf_counter() - began
            await stead.volumes.CreateVolume(CreateVolumeRequest(zone_name=region.region.zones[0], size_gib=1))
            return read_s, time.perf_counter() - began
