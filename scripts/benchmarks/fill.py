"""10,000 hosts filled with 100,000 instances (P21), by the use case of RunInstances. In this process.

State, placement, addresses and volumes are the real ones, without a database, streams and agents.
"""

import time
from collections.abc import Callable
from ipaddress import IPv4Address
from itertools import cycle, islice
from typing import TypeVar

from benchmarks import hosts
from benchmarks.figures import Figure, Progress, Scale
from controlplane.ids import mint
from controlplane.model.policy import Policy
from controlplane.model.project import Role
from controlplane.model.state import Change, State
from controlplane.model.table import Row
from controlplane.service import instances, projects, regions
from controlplane.service.call import Call

HOSTS = 10_000
INSTANCES = 100_000
ZONES = ("bench-1a", "bench-1b", "bench-1c", "bench-1d")
PROJECTS = 100
NO_LIMIT = 1_000_000
POOL = (int(IPv4Address("100.64.0.0")), int(IPv4Address("100.127.255.255")))
POLICY = Policy(
    region="bench-1",
    zones=ZONES,
    public_pool=(POOL,),
    instances=NO_LIMIT,
    vcpus=NO_LIMIT,
    volumes=NO_LIMIT,
    volume_gib=NO_LIMIT,
)

T = TypeVar("T")


async def measure(scale: Scale, progress: Progress) -> list[Figure]:
    count, host_count = scale.of(INSTANCES), scale.of(HOSTS)
    progress(f"fill: {host_count:,} hosts with {count:,} instances")
    region = _Region(host_count)
    projects_ids = [region.project(number) for number in range(PROJECTS)]
    took_us = [region.launch_us(project_id) for project_id in islice(cycle(projects_ids), count)]
    tenth = count // 10
    first, last = (sum(part) / tenth for part in (took_us[:tenth], took_us[-tenth:]))
    filled = f"{host_count:,} hosts filled with {count:,} instances"
    return [
        Figure(f"{filled} (P21)", "s", [sum(took_us) / 1e6], target="P21"),
        Figure("a launch of the last tenth of these", "us", [last], "of the first tenth", [first]),
    ]


class _Region:
    def __init__(self, host_count: int) -> None:
        self._state = State()
        self._images: dict[str, str] = {}
        self._reachable: set[str] = set()
        self._do(regions.sync, "")
        rows = [hosts.host(number, zone) for number, zone in enumerate(islice(cycle(ZONES), host_count), 1)]
        self._reachable = {row.id for row in rows}
        self._put(*rows)

    def project(self, number: int) -> str:
        """One with an image; its id."""
        project_id = self._do(lambda state, call: projects.create(state, call, f"tenant-{number}"), "")
        image = hosts.image(project_id)
        self._put(image)
        self._images[project_id] = image.id
        return project_id

    def launch_us(self, project_id: str) -> float:
        request = instances.RunInstances(image_id=self._images[project_id], instance_type="t3.nano")
        began = time.perf_counter()
        self._do(lambda state, call: instances.run(state, call, request), project_id)
        return (time.perf_counter() - began) * 1e6

    def _do(self, use_case: Callable[[State, Call], tuple[Change, T]], project_id: str) -> T:
        change, result = use_case(self._state, Call(project_id, Role.MEMBER, hosts.NOW, mint, POLICY, self._reachable))
        self._state.apply(change)
        return result

    def _put(self, *rows: Row) -> None:
        change = Change()
        change.put(*rows)
        self._state.apply(change)
