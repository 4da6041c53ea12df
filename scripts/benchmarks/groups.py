"""A security group's rule, from the call until each host of its members has answered (P7), beside a bare fan-out."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from statistics import quantiles
from typing import Any

import grpc

from benchmarks import fan
from benchmarks.figures import Figure, Progress, Scale
from benchmarks.region import Region, import_image, scratch
from benchmarks.sync import MORE, Bare, Streams, Sync
from client.connection import Stead
from stead.v1.instances_pb2 import RunInstancesRequest
from stead.v1.security_groups_pb2 import (
    AuthorizeSecurityGroupIngressRequest,
    CreateSecurityGroupRequest,
    IpPermission,
    RevokeSecurityGroupIngressRequest,
)

HOSTS = 1000  # And as many members, one on each.
CHANGES = 20  # In a round.
REST_S = 0.2  # A host that was just told of something is told of the next a little later.
Change = Callable[[], Awaitable[None]]


async def measure(scale: Scale, progress: Progress) -> list[Figure]:
    hosts = scale.of(HOSTS)
    progress(f"groups: {hosts} hosts, a member on each")
    with scratch() as directory:
        return await Groups(Region(directory, zones=4, more=MORE), hosts, scale).measure_rules()


class Port:
    """One that a group opens, and closes the next time."""

    def __init__(self, stead: Stead, group_id: str) -> None:
        self._groups = stead.security_groups
        self._group_id = group_id
        self._rule_ids: list[str] = []

    async def change(self) -> None:
        if self._rule_ids:
            asked = RevokeSecurityGroupIngressRequest(group_id=self._group_id, rule_ids=self._rule_ids)
            await self._groups.RevokeSecurityGroupIngress(asked)
            self._rule_ids = []
        else:
            permission = IpPermission(ip_protocol="tcp", from_port=80, to_port=80, cidr_ipv4="0.0.0.0/0")
            request = AuthorizeSecurityGroupIngressRequest(group_id=self._group_id, permissions=[permission])
            made = await self._groups.AuthorizeSecurityGroupIngress(request)
            self._rule_ids = [row.rule_id for row in made.rules]


class Groups(Sync):
    """Hosts as in `sync`: streams that read and answer, and nothing else."""

    async def measure_rules(self) -> list[Figure]:
        ours_ms, floors_ms = [], []
        async with self._connected() as (stead, streams, pairs):
            change = await self._members(stead, streams)
            async with self._fan_out(pairs, await self._size(change, streams)) as (send, bare_streams):
                for _ in range(self._scale.rounds):
                    ours_ms.append(await self._p99_ms(change, streams))
                    floors_ms.append(await self._p99_ms(send, bare_streams))
        name = f"a group's rule answered by all {self._hosts} hosts, 99th percentile (P7)"
        return [Figure(name, "ms", ours_ms, "bare fan-out", floors_ms, "P7")]

    async def _members(self, stead: Stead, streams: Streams) -> Change:
        """Launch them; returns what changes the group's rules each time."""
        image_id = await import_image(stead)
        request = CreateSecurityGroupRequest(group_name="members", description="x")
        group_id = (await stead.security_groups.CreateSecurityGroup(request)).security_group.group_id
        launch = RunInstancesRequest(image_id=image_id, instance_type="t3.nano", security_group_ids=[group_id])
        for zone in self._region.zones:
            launch.zone_name, launch.min_count = zone, -(-self._hosts // len(self._region.zones))
            await stead.instances.RunInstances(launch)
        await streams.quiet()
        return Port(stead, group_id).change

    async def _size(self, change: Change, streams: Streams) -> int:
        """Of what a host is told, bytes."""
        before = streams.seen.message_bytes
        await self._told_ms(change, streams)
        return (streams.seen.message_bytes - before) // self._hosts

    @asynccontextmanager
    async def _fan_out(self, pairs: list[list[str]], size: int) -> AsyncIterator[tuple[Change, Streams]]:
        bare = Bare(self._region)
        tls = grpc.ssl_channel_credentials(self._region.client.ca.encode(), *(part.encode() for part in pairs[0]))
        with bare.server():
            streams = Streams(self._region, bare.endpoint, pairs, bare_bytes=0)
            with streams.process:
                await streams.until(lambda seen: seen.snapshots >= self._hosts)
                async with grpc.aio.secure_channel(bare.endpoint, tls) as opened:
                    channel: Any = opened
                    call = channel.unary_unary(fan.SEND)

                    async def send() -> None:
                        await call(bytes(size))

                    yield send, streams

    async def _p99_ms(self, change: Change, streams: Streams) -> float:
        took_ms = []
        for _ in range(self._scale.of(CHANGES, 3)):
            await asyncio.sleep(REST_S)
            took_ms.append(await self._told_ms(change, streams))
        return quantiles(took_ms, n=100, method="inclusive")[98]

    async def _told_ms(self, change: Change, streams: Streams) -> float:
        due = streams.seen.messages + self._hosts
        began = time.perf_counter()
        await change()
        await streams.until(lambda seen: seen.messages >= due)
        return (time.perf_counter() - began) * 1000
