"""A gateway host loses power: how long its public addresses are out of reach, and how long after that was noticed."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from benchmarks import lab
from benchmarks.figures import Figure, Progress, Scale
from benchmarks.lab import LabCloud
from benchmarks.process import ask
from homelab.node import wait_until
from stead.v1.hosts_pb2 import DescribeHostsRequest

EVERY_S = 0.1  # Between looks at the host's status, which the control plane takes every 2 s.


@dataclass(frozen=True)
class Times:
    """On the monotonic clock, s."""

    cut_at: float
    declared_at: float  # The host was unreachable.
    answered_at: float  # The instance's ssh server, asked at its public address.


async def measure(scale: Scale, progress: Progress) -> list[Figure]:
    progress("failover: a lab with two gateway hosts, a cloud, an image")
    rounds = []
    async with lab.running(layout="doors") as cloud:
        (instance,) = (await cloud.run()).instances
        await _answer(cloud, instance)
        for number in range(scale.rounds):
            progress(f"failover: round {number + 1} of {scale.rounds}")
            rounds.append(await _lose_gateway(cloud, instance))
    declared = [each.answered_at - each.declared_at for each in rounds]
    noticed = [each.declared_at - each.cut_at for each in rounds]
    return [
        Figure("gateway host's loss declared to its addresses at another", "s", declared, target="failover"),
        Figure("gateway host's loss of power to its loss declared", "s", noticed),
    ]


async def _lose_gateway(cloud: LabCloud, instance: Any) -> Times:
    """And have it back; what it carried stays with the other one."""
    name = _holder(cloud, instance.public_ip_address)
    await asyncio.to_thread(cloud.cloud.lab.power_cut, name)
    cut_at = time.monotonic()
    while await _status(cloud, name) != "unreachable":  # noqa: ASYNC110 (nobody tells of it)
        await asyncio.sleep(EVERY_S)
    declared_at = time.monotonic()
    answered_at = await _answer(cloud, instance)
    await asyncio.to_thread(cloud.cloud.lab.power_on, name)
    cloud.cloud.start_agent(name)
    await asyncio.to_thread(wait_until, cloud.cloud.is_complete, f"{name} is back", 60)
    return Times(cut_at, declared_at, answered_at)


def _holder(cloud: LabCloud, address: str) -> str:
    """The gateway host that answers for a public address."""
    gateways = (host.name for host in cloud.cloud.lab.hosts if "gateway" in host.roles)
    return next(name for name in gateways if _has(cloud, name, address))


def _has(cloud: LabCloud, name: str, address: str) -> bool:
    return address in cloud.cloud.lab.node(name).run("ip", "neigh", "show", "proxy").stdout.split()


async def _status(cloud: LabCloud, name: str) -> str:
    hosts = (await cloud.stead.hosts.DescribeHosts(DescribeHostsRequest())).hosts
    return next(str(host.status) for host in hosts if host.host_name == name)


async def _answer(cloud: LabCloud, instance: Any) -> float:
    """When the instance's ssh server said who it is."""
    prefix = cloud.outside.command([])
    answered_at: float = await asyncio.to_thread(ask, "banner", instance.public_ip_address, prefix=prefix)
    return answered_at
