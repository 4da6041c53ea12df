"""One placement decision among many hosts (P6). In this process: it is pure."""

import time
from datetime import UTC, datetime
from statistics import median

from benchmarks.figures import Figure, Progress, Scale
from controlplane.model.capacity import Resources
from controlplane.model.host import Host, HostRole
from controlplane.placement import Candidate, choose

HOSTS = (10, 100, 1000)
DECISIONS = 200
WANTED = Resources(vcpus=2, memory_mib=512)


async def measure(scale: Scale, progress: Progress) -> list[Figure]:
    progress("placement")
    return [
        Figure(f"placement among {count} hosts (P6)", "us", [_decision_us(count) for _ in range(scale.rounds)])
        for count in HOSTS
    ]


def _decision_us(count: int) -> float:
    candidates = [_candidate(number) for number in range(count)]
    took = []
    for _ in range(DECISIONS):
        began = time.perf_counter()
        chosen = choose(candidates, WANTED, HostRole.COMPUTE)
        took.append(time.perf_counter() - began)
        assert chosen is not None
        chosen.take(WANTED)
    return median(took) * 1e6


def _candidate(number: int) -> Candidate:
    host = Host(
        id=f"host-{number:017x}",
        name=f"host-{number}",
        zone="bench-1a",
        roles=(HostRole.COMPUTE, HostRole.STORAGE),
        number=number,
        underlay_address=f"10.0.{number // 250}.{number % 250 + 1}",
        vcpus=64,
        memory_mib=262144,
        storage_gib=1000,
        created_at=datetime.now(UTC),
        join_token_id="",
    )
    return Candidate(host, True, Resources(64, 262144, 1000))
