"""A region that is full: launches by the hundred (P3), lists (P19), and a restart (P10)."""

import time
from collections.abc import Awaitable
from contextlib import AsyncExitStack

from benchmarks.figures import Figure, Progress, Scale
from benchmarks.floor import echoes, timed
from benchmarks.region import DESCRIBE_INSTANCES, PATIENT, Running, running
from benchmarks.tenants import tenants_of
from client.connection import Stead
from stead.v1.common_pb2 import Filter
from stead.v1.instances_pb2 import DescribeInstancesRequest
from stead.v1.volumes_pb2 import CreateVolumeRequest

INSTANCES = 10_000
LARGE = 100_000
PER_ZONE = 4000  # In a default subnet.
PER_CALL = 1000
TAGGED = {"bench": "few"}


async def measure(scale: Scale, progress: Progress) -> list[Figure]:
    count = scale.of(INSTANCES, PER_CALL)
    progress(f"scale: {count} instances")
    async with running(zones=count // PER_ZONE + 2, hosts=8, more=PATIENT) as region:
        region.fleet.end()
        launched_ms = [await _ms(_launch(region, 100, tags=TAGGED)) for _ in range(scale.rounds)]
        await _fill(region, count)
        lists = await _lists(region, count, scale)
        restarts = await _restarts(region, count, scale.rounds)
    return [Figure("RunInstances of 100 in one call (P3)", "ms", launched_ms, target="P3"), *lists, *restarts]


async def measure_large(scale: Scale, progress: Progress) -> list[Figure]:
    count = scale.of(LARGE, 2 * PER_CALL)
    progress(f"large: {count} instances")
    zones = count // 2 // PER_ZONE + 1
    async with running(zones, hosts=zones, more=PATIENT) as region, AsyncExitStack() as stack:
        region.fleet.end()
        for tenant in (region, *await tenants_of(region, 1, stack)):
            await _fill(tenant, count // 2)
        return await _restarts(region, count, scale.rounds)


async def _fill(region: Running, count: int) -> None:
    for _ in range(count // PER_CALL):
        await _launch(region, PER_CALL)


async def _lists(region: Running, count: int, scale: Scale) -> list[Figure]:
    request = DescribeInstancesRequest(instance_ids=[await region.any_instance_id()])
    payload = request.SerializeToString()
    load = region.region.load(DESCRIBE_INSTANCES, request, scale.of(300), 1, is_mutating=False)
    page_ms, tagged_ms, one_ms, echo_ms = [], [], [], []
    for _ in range(scale.rounds):
        page_ms.append(await _ms(_list(region.stead, 1000)))
        tagged_ms.append(await _ms(_list_tagged(region.stead, 100 * scale.rounds)))
        one_ms.append(timed(region.control_plane, load)[0].p50_ms)
        echo_ms.append(echoes("bare", payload, scale.of(300), 1)[0].p50_ms)
    return [
        Figure(f"page of 1,000 instances, of {count} (P19)", "ms", page_ms, target="P19 page"),
        Figure(f"one instance by id, of {count} (P19)", "ms", one_ms, "echo", echo_ms, "P19 one"),
        Figure(f"those with a tag, of {count} (P19)", "ms", tagged_ms, target="P19 tag"),
    ]


async def _restarts(region: Running, count: int, rounds: int) -> list[Figure]:
    region.control_plane.end()
    reads, writes = zip(*[await _restart(region) for _ in range(rounds)], strict=True)
    what, target = f"restart with {count} instances", f"P10 {count}" if count in (INSTANCES, LARGE) else ""
    return [
        Figure(f"{what} to the first read (P10)", "s", reads, target=target),
        Figure(f"{what} to the first write (P10)", "s", writes, target=target),
    ]


async def _launch(region: Running, count: int, **more: object) -> None:
    await region.stead.instances.RunInstances(region.launch(count, **more))


async def _list(stead: Stead, page_size: int) -> None:
    reply = await stead.instances.DescribeInstances(DescribeInstancesRequest(page_size=page_size))
    assert len(reply.instances) == page_size


async def _list_tagged(stead: Stead, count: int) -> None:
    filters = [Filter(name=f"tag:{key}", values=[value]) for key, value in TAGGED.items()]
    reply = await stead.instances.DescribeInstances(DescribeInstancesRequest(filters=filters, page_size=1000))
    assert len(reply.instances) == count


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
