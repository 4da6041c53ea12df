"""From a change of a security group to its effect on a running instance, beside the same rule set by hand."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks import lab
from benchmarks.figures import Figure, Progress, Scale
from benchmarks.lab import LabCloud
from benchmarks.probe import EVERY_S
from benchmarks.process import ask
from stead.v1.security_groups_pb2 import (
    AuthorizeSecurityGroupIngressRequest,
    IpPermission,
    RevokeSecurityGroupIngressRequest,
)

PORT = 8080
OPEN_FOR_S = 0.7
KNOCK_FOR_S = 4.0  # More than a Python process takes to start, twice, and the port is open and closed.
Change = Callable[[], Awaitable[dict[str, float]]]


async def measure(scale: Scale, progress: Progress) -> list[Figure]:
    progress("ports: a lab, a cloud, an image")
    by_api, by_hand = [], []
    async with lab.running() as cloud:
        group_id = cloud.group("bench")
        (instance,) = (await cloud.run(group_id)).instances
        await asyncio.to_thread(ask, "banner", instance.public_ip_address, prefix=cloud.outside.command([]))
        for number in range(scale.rounds):
            progress(f"ports: round {number + 1} of {scale.rounds}")
            by_api.append(await _observe(cloud, instance, lambda: _by_api(cloud, group_id)))
            by_hand.append(await _observe(cloud, instance, lambda: _by_hand(cloud, instance, group_id)))
    floor = "a rule by nft"
    opened, closed = zip(*by_api, strict=True)
    opened_floor, closed_floor = zip(*by_hand, strict=True)
    return [
        Figure("AuthorizeSecurityGroupIngress to an open port", "ms", opened, floor, opened_floor),
        Figure("RevokeSecurityGroupIngress to a closed port", "ms", closed, floor, closed_floor),
    ]


async def _observe(cloud: LabCloud, instance: Any, change: Change) -> tuple[float, float]:
    """How long the port took to open, and to close, ms; as well as knocks can tell."""
    knocking = asyncio.to_thread(
        ask, "probe", instance.public_ip_address, PORT, KNOCK_FOR_S, prefix=cloud.outside.command([])
    )
    async with asyncio.TaskGroup() as tasks:
        probe = tasks.create_task(knocking)
        await asyncio.sleep(0.5)
        at = await change()
    answered = probe.result()
    opened_at = min(answered_at for _, answered_at in answered)
    closed_at = max(sent_at for sent_at, _ in answered) + EVERY_S
    return (opened_at - at["opened_at"]) * 1000, max(EVERY_S, closed_at - at["closed_at"]) * 1000


async def _by_api(cloud: LabCloud, group_id: str) -> dict[str, float]:
    permission = IpPermission(ip_protocol="tcp", from_port=PORT, to_port=PORT, cidr_ipv4="0.0.0.0/0")
    groups = cloud.stead.security_groups
    opened_at = time.monotonic()
    made = await groups.AuthorizeSecurityGroupIngress(
        AuthorizeSecurityGroupIngressRequest(group_id=group_id, permissions=[permission])
    )
    await asyncio.sleep(OPEN_FOR_S)
    closed_at = time.monotonic()
    await groups.RevokeSecurityGroupIngress(
        RevokeSecurityGroupIngressRequest(group_id=group_id, rule_ids=[row.rule_id for row in made.rules])
    )
    return {"opened_at": opened_at, "closed_at": closed_at}


async def _by_hand(cloud: LabCloud, instance: Any, group_id: str) -> dict[str, float]:
    inside = cloud.host.command(["ip", "netns", "exec", f"stead-{instance.vpc_id}"])
    cloud.host.kill("stead-agent run", signal.SIGSTOP)  # It would take the rule away again, as nobody's.
    try:
        at: dict[str, float] = await asyncio.to_thread(ask, "rule", f"{group_id}.in", PORT, OPEN_FOR_S, prefix=inside)
    finally:
        cloud.host.kill("stead-agent run", signal.SIGCONT)
    return at
