"""How long calls take at half of what the control plane can accept (P5), and the longest time that it does nothing."""

import asyncio
from dataclasses import dataclass, replace

from benchmarks.figures import Scale
from benchmarks.load import Load
from benchmarks.region import DESCRIBE_INSTANCES, RUN_INSTANCES, Running
from stead.v1.instances_pb2 import DescribeInstancesRequest

FOR_S = 4
CLIENTS = 50
READS_PER_S = 50
# Health checks, which need nothing but a turn of the loop. More cost more than they tell.
PINGS_PER_S = 200


@dataclass(frozen=True)
class Half:
    write_p99_ms: float
    read_p99_ms: float
    longest_ms: float
    longest_at_rest_ms: float


async def measure(region: Running, accepted_per_s: float, scale: Scale) -> Half:
    """In a region that has an instance to read."""
    of, for_s = region.region.load, scale.lasting(FOR_S, 1)
    one = DescribeInstancesRequest(instance_ids=[await region.any_instance_id()])
    write = _paced(of(RUN_INSTANCES, region.launch(), 0, CLIENTS), accepted_per_s / 2, for_s)
    read = _paced(of(DESCRIBE_INSTANCES, one, 0, 1, is_mutating=False), READS_PER_S, for_s)
    ping = _paced(replace(read, method="/grpc.health.v1.Health/Check", request=b""), PINGS_PER_S, for_s)
    at_rest = await asyncio.to_thread(ping.run)
    longer = replace(ping, calls=ping.calls * 2)  # Writers need time to connect.
    runs = await asyncio.gather(*(asyncio.to_thread(load.run) for load in (write, read, longer)))
    return Half(runs[0].p99_ms, runs[1].p99_ms, runs[2].longest_ms, at_rest.longest_ms)


def _paced(load: Load, per_s: float, for_s: float) -> Load:
    return replace(load, calls=int(per_s * for_s) + 2, pace=per_s)
