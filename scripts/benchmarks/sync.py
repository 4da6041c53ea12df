"""What it costs to tell many hosts that one endpoint of their VPC changed (P7), and all hosts everything (P11)."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any

import grpc

from agent.simulate import Fleet
from benchmarks import fan
from benchmarks.figures import Figure, Progress, Scale
from benchmarks.machine import cpu_s
from benchmarks.process import Process, is_open
from benchmarks.region import Region, free_port, import_image, scratch
from client.connection import Stead
from controlplane import ca
from controlplane.authorities import AuthorityFiles
from stead.v1.instances_pb2 import ModifyInstanceAttributeRequest, RunInstancesRequest
from stead.v1.security_groups_pb2 import CreateSecurityGroupRequest

ENDPOINTS = 10_000
HOSTS = (100, 1000)
PER_CALL = 1000  # Instances.
CHANGES = 50  # In a round. Fewer: the kernel's ticks of 10 ms show in the figures.
QUIET_S = 1.5  # After which no message is under way.
# Whoever has joined counts as reachable, also while the streams come back.
MORE = "[timing]\nheartbeat_timeout_s = 100000\n"


@dataclass(frozen=True)
class Seen:
    """See `streams`."""

    snapshots: int
    messages: int
    message_bytes: int


class Streams:
    """The process with the agents' streams."""

    def __init__(
        self, directory: Path, endpoint: str, authority: str, pairs: list[list[str]], *, is_bare: bool
    ) -> None:
        self.pair = pairs[0]
        given = directory / f"streams-{'bare' if is_bare else 'stead'}.json"
        given.write_text(json.dumps({"endpoint": endpoint, "ca": authority, "pairs": pairs, "is_bare": is_bare}))
        self._file = given.with_suffix(".seen")
        self._file.unlink(missing_ok=True)
        self.process = Process.module("streams", given, log=directory / "streams.log", prefix=("nice", "-n", "5"))

    @property
    def seen(self) -> Seen:
        return Seen(**json.loads(self._file.read_text())) if self._file.exists() else Seen(0, 0, 0)

    async def until(self, condition: Callable[[Seen], bool], deadline_s: float = 60) -> None:
        async with asyncio.timeout(deadline_s):
            while not condition(self.seen):  # noqa: ASYNC110 - another process counts
                await asyncio.sleep(0.005)

    async def quiet(self) -> None:
        """Until nothing has come for a while."""
        before = None
        while before != (before := self.seen):  # noqa: ASYNC110 - another process counts
            await asyncio.sleep(QUIET_S)


async def measure(scale: Scale, progress: Progress) -> list[Figure]:
    figures: list[Figure] = []
    for hosts in HOSTS:
        progress(f"sync: {scale.of(hosts)} hosts, {scale.of(ENDPOINTS)} endpoints")
        with scratch() as directory:
            figures += await Sync(Region(directory, zones=4, more=MORE), scale.of(hosts), scale).measure()
    return figures


class Sync:
    """One region with so many hosts, all of which have a part in one VPC."""

    def __init__(self, region: Region, hosts: int, scale: Scale) -> None:
        self._region = region
        self._hosts = hosts
        self._scale = scale
        self._process = region.control_plane()

    async def measure(self) -> list[Figure]:
        try:
            async with Stead(self._region.client) as stead:
                pairs = await self._join(stead)
                streams = self._streams(self._region.agents_endpoint, pairs)
                with streams.process:
                    await streams.until(lambda seen: seen.snapshots >= self._hosts)
                    guest = await self._fill(stead, streams)
                    rounds = [await self._round(guest, streams, pairs) for _ in range(self._scale.rounds)]
                    back_s = [await self._come_back(streams) for _ in range(self._scale.rounds)]
        finally:
            self._process.end()
        ours_ms, floors_ms, sizes = zip(*rounds, strict=True)
        return [
            Figure(f"one endpoint's change to {self._hosts} hosts, CPU (P7)", "ms", ours_ms, "bare fan-out", floors_ms),
            Figure(f"the same, on the wire to each of {self._hosts} hosts", "bytes", sizes),
            Figure(f"restart to all {self._hosts} agents back and told everything (P11)", "s", back_s),
        ]

    async def _join(self, stead: Stead) -> list[list[str]]:
        """Machines with all roles; returns the key and the certificate of each, in PEM."""
        with scratch("/dev/shm") as directory:
            fleet = Fleet(directory, self._hosts, tokens=await self._region.host_tokens(stead, self._hosts))
            machines = fleet.machines()
            for machine in machines:
                await machine.join()
            controls = [machine.identities.load().control for machine in machines]
        return [[control.key.decode(), control.certificate.decode()] for control in controls]

    def _streams(self, endpoint: str, pairs: list[list[str]], *, is_bare: bool = False) -> Streams:
        return Streams(self._region.directory, endpoint, self._region.client.ca, pairs, is_bare=is_bare)

    async def _fill(self, stead: Stead, streams: Streams) -> "Guest":
        image_id = await import_image(stead)
        left = dict.fromkeys(self._region.zones, self._scale.of(ENDPOINTS) // len(self._region.zones))
        while zone := next((zone for zone in left if left[zone]), None):
            count = min(PER_CALL, left[zone])
            left[zone] -= count
            request = RunInstancesRequest(image_id=image_id, instance_type="t3.nano", min_count=count, zone_name=zone)
            made = await stead.instances.RunInstances(request)
        await streams.quiet()
        group = CreateSecurityGroupRequest(group_name="other", description="x")
        other = (await stead.security_groups.CreateSecurityGroup(group)).security_group.group_id
        instance = made.instances[0]
        return Guest(stead, instance.instance_id, cycle([other, instance.security_groups[0].group_id]))

    async def _round(self, guest: "Guest", streams: Streams, pairs: list[list[str]]) -> tuple[float, float, float]:
        """The control plane's processor time for a change, beyond that of the call; the floor's; bytes to each host."""

        async def change(_number: int) -> None:
            due = streams.seen.messages + self._hosts
            await guest.modify(security_group_ids=[next(guest.group_ids)])
            await streams.until(lambda seen: seen.messages >= due)

        call_ms = await self._cpu_ms(
            self._process, lambda number: guest.modify(disable_api_termination=bool(number % 2))
        )
        await streams.quiet()
        before = streams.seen
        told_ms = await self._cpu_ms(self._process, change)
        seen = streams.seen
        size = (seen.message_bytes - before.message_bytes) / (seen.messages - before.messages)
        return told_ms - call_ms, await self._floor_ms(bytes(round(size)), pairs), size

    async def _cpu_ms(self, process: Process, step: Callable[[int], Awaitable[None]]) -> float:
        before = cpu_s(process.pid)
        for number in range(CHANGES):
            await step(number)
        return (cpu_s(process.pid) - before) * 1000 / CHANGES

    async def _floor_ms(self, message: bytes, pairs: list[list[str]]) -> float:
        directory, port = self._region.directory, free_port()
        authority = AuthorityFiles(directory).load().control
        server = ca.issue_server(authority, ["localhost"], ["127.0.0.1"], datetime.now(UTC))
        (directory / "server.key").write_bytes(server.key)
        (directory / "server.pem").write_bytes(server.certificate)
        with Process.module("fan", directory, port, log=directory / "fan.log") as process:
            process.wait_until(lambda: is_open(port), "the fan listens")
            streams = self._streams(f"127.0.0.1:{port}", pairs, is_bare=True)
            with streams.process:
                return await self._fanned_ms(process, port, streams, message)

    async def _fanned_ms(self, process: Process, port: int, streams: Streams, message: bytes) -> float:
        pair = [part.encode() for part in streams.pair]
        tls = grpc.ssl_channel_credentials(self._region.client.ca.encode(), *pair)
        async with grpc.aio.secure_channel(f"127.0.0.1:{port}", tls) as opened:
            channel: Any = opened
            send = channel.unary_unary(fan.SEND)

            async def change(_number: int) -> None:
                due = streams.seen.messages + self._hosts
                await send(message)
                await streams.until(lambda seen: seen.messages >= due)

            await streams.until(lambda seen: seen.snapshots >= self._hosts)
            return await self._cpu_ms(process, change)

    async def _come_back(self, streams: Streams) -> float:
        """From the start of a process, after the last one has ended."""
        due = streams.seen.snapshots + self._hosts
        self._process.end()
        self._process = self._region.control_plane()
        began = time.perf_counter()
        await streams.until(lambda seen: seen.snapshots >= due)
        return time.perf_counter() - began


@dataclass(frozen=True)
class Guest:
    """One of the VPC's instances."""

    stead: Stead
    instance_id: str
    group_ids: Iterator[str]  # Those that it has in turn, for ever.

    async def protect(self, number: int) -> None:
        """A change of which no host is told."""
        await self.modify(disable_api_termination=bool(number % 2))

    async def modify(self, **attributes: Any) -> None:
        request = ModifyInstanceAttributeRequest(instance_id=self.instance_id, **attributes)
        await self.stead.instances.ModifyInstanceAttribute(request)
