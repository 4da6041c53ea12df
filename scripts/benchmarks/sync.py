"""What it costs to tell many hosts that one endpoint of their VPC changed (P7), and all that come back what they lack
(P11).
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import cycle
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
from stead.v1.common_pb2 import ROLE_MEMBER
from stead.v1.images_pb2 import ModifyImageAttributeRequest
from stead.v1.instances_pb2 import ModifyInstanceAttributeRequest, RunInstancesRequest
from stead.v1.projects_pb2 import CreateProjectRequest, CreateTokenRequest
from stead.v1.security_groups_pb2 import CreateSecurityGroupRequest

ENDPOINTS = 10_000
HOSTS = (100, 1000)
VPCS, PER_VPC = 100, 16  # As many projects have; instances of each, on a host each.
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


@dataclass(frozen=True)
class Restart:
    """How long it took, and the new process's share of the processors."""

    took_s: float
    cpu_s: float


class Streams:
    """The process with the agents' streams."""

    def __init__(
        self,
        region: Region,
        endpoint: str,
        pairs: list[list[str]],
        *,
        bare_bytes: int | None = None,
        have_ledgers: bool = False,
    ) -> None:
        """`bare_bytes`: what a bare server at the endpoint sends at first; None: it is a control plane."""
        directory, ca = region.directory, region.client.ca
        given = directory / f"streams-{'stead' if bare_bytes is None else 'bare'}.json"
        said = {"endpoint": endpoint, "ca": ca, "pairs": pairs, "bare_bytes": bare_bytes, "have_ledgers": have_ledgers}
        given.write_text(json.dumps(said))
        self._file = given.with_suffix(".seen")
        self._file.unlink(missing_ok=True)
        self.process = Process.module("streams", given, log=directory / "streams.log", prefix=("nice", "-n", "5"))

    @property
    def seen(self) -> Seen:
        return Seen(**json.loads(self._file.read_text())) if self._file.exists() else Seen(0, 0, 0)

    async def all_back(self, restart: Callable[[], Process], count: int) -> "Restart":
        """From a restart of what they follow, until all have what they are told at first."""
        due = self.seen.snapshots + count
        began = time.perf_counter()
        process = restart()
        await self.until(lambda seen: seen.snapshots >= due, deadline_s=300)
        return Restart(time.perf_counter() - began, cpu_s(process.pid))

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
    progress(f"sync: {scale.of(HOSTS[-1])} hosts, {scale.of(VPCS)} VPCs")
    with scratch() as directory:
        region = Region(directory, zones=4, more=MORE)
        figures += await Sync(region, scale.of(HOSTS[-1]), scale).measure_many()
    return figures


class Sync:
    """One region with so many hosts."""

    def __init__(self, region: Region, hosts: int, scale: Scale) -> None:
        self._region = region
        self._hosts = hosts
        self._scale = scale
        self._process = region.control_plane()

    async def measure(self) -> list[Figure]:
        """All hosts have a part in one VPC."""
        async with self._connected() as (stead, streams, pairs):
            guest = await self._fill(stead, streams)
            rounds = [await self._round(guest, streams, pairs) for _ in range(self._scale.rounds)]
            backs = await self._come_back_both(streams, pairs, "one VPC")
        ours_ms, floors_ms, sizes = zip(*rounds, strict=True)
        return [
            Figure(f"one endpoint's change to {self._hosts} hosts, CPU (P7)", "ms", ours_ms, "bare fan-out", floors_ms),
            Figure(f"the same, on the wire to each of {self._hosts} hosts", "bytes", sizes),
            *backs,
        ]

    async def measure_many(self) -> list[Figure]:
        """Many VPCs, each with a part on some of the hosts."""
        async with self._connected() as (stead, streams, pairs):
            await self._fill_many(stead, streams)
            return await self._come_back_both(streams, pairs, f"{self._scale.of(VPCS)} VPCs on {PER_VPC} of them")

    async def _come_back_both(self, streams: Streams, pairs: list[list[str]], what: str) -> list[Figure]:
        """In place of these streams: agents that have their ledgers, and agents that know nothing."""
        streams.process.end()
        figures: list[Figure] = []
        for have_ledgers, how in ((True, "back"), (False, "back and told everything")):
            streams = Streams(self._region, self._region.agents_endpoint, pairs, have_ledgers=have_ledgers)
            with streams.process:
                await streams.until(lambda seen: seen.snapshots >= self._hosts, deadline_s=300)
                figures += await self._come_back_often(streams, pairs, f"agents {how}, {what}")
        return figures

    async def _come_back_often(self, streams: Streams, pairs: list[list[str]], what: str) -> list[Figure]:
        backs = [await self._come_back(streams, pairs) for _ in range(self._scale.rounds)]
        ours, floors, sizes = zip(*backs, strict=True)
        name, floor = f"restart to all {self._hosts} {what}", "bare server that sends as many bytes"
        target = "P11 1000" if self._hosts == HOSTS[-1] else ""

        def times(of: tuple[Restart, ...]) -> tuple[list[float], list[float]]:
            return [each.took_s for each in of], [each.cpu_s for each in of]

        (ours_s, ours_cpu_s), (floors_s, floors_cpu_s) = times(ours), times(floors)
        return [
            Figure(f"{name} (P11)", "s", ours_s, floor, floors_s, target),
            Figure("the same, server's CPU", "s", ours_cpu_s, floor, floors_cpu_s),
            Figure("the same, on the wire to each", "bytes", sizes),
        ]

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[Stead, Streams, list[list[str]]]]:
        try:
            async with Stead(self._region.client) as stead:
                pairs = await self._join(stead)
                streams = Streams(self._region, self._region.agents_endpoint, pairs)
                with streams.process:
                    await streams.until(lambda seen: seen.snapshots >= self._hosts)
                    yield stead, streams, pairs
        finally:
            self._process.end()

    async def _join(self, stead: Stead) -> list[list[str]]:
        """Machines with all roles; returns the key and the certificate of each, in PEM."""
        with scratch("/dev/shm") as directory:
            fleet = Fleet(directory, self._hosts, tokens=await self._region.host_tokens(stead, self._hosts))
            machines = fleet.machines()
            for machine in machines:
                await machine.join()
            controls = [machine.identities.load().control for machine in machines]
        return [[control.key.decode(), control.certificate.decode()] for control in controls]

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

    async def _fill_many(self, stead: Stead, streams: Streams) -> None:
        """A project, and so a VPC, after the other."""
        image_id = await import_image(stead)
        await stead.images.ModifyImageAttribute(ModifyImageAttributeRequest(image_id=image_id, is_public=True))
        for number in range(self._scale.of(VPCS)):
            made = await stead.projects.CreateProject(CreateProjectRequest(name=f"p{number}"))
            asked = CreateTokenRequest(project_id=made.project.project_id, role=ROLE_MEMBER)
            token = (await stead.projects.CreateToken(asked)).secret
            async with Stead(replace(self._region.client, token=token)) as tenant:
                for zone in self._region.zones:
                    count = PER_VPC // len(self._region.zones)
                    await tenant.instances.RunInstances(
                        RunInstancesRequest(image_id=image_id, instance_type="t3.nano", min_count=count, zone_name=zone)
                    )
        await streams.quiet()

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
        bare = Bare(self._region)
        with bare.server() as process:
            streams = Streams(self._region, bare.endpoint, pairs, bare_bytes=0)
            with streams.process:
                return await self._fanned_ms(process, bare.endpoint, streams, message, pairs[0])

    async def _fanned_ms(
        self, process: Process, endpoint: str, streams: Streams, message: bytes, pair: list[str]
    ) -> float:
        tls = grpc.ssl_channel_credentials(self._region.client.ca.encode(), *(part.encode() for part in pair))
        async with grpc.aio.secure_channel(endpoint, tls) as opened:
            channel: Any = opened
            send = channel.unary_unary(fan.SEND)

            async def change(_number: int) -> None:
                due = streams.seen.messages + self._hosts
                await send(message)
                await streams.until(lambda seen: seen.messages >= due)

            await streams.until(lambda seen: seen.snapshots >= self._hosts)
            return await self._cpu_ms(process, change)

    async def _come_back(self, streams: Streams, pairs: list[list[str]]) -> tuple[Restart, Restart, int]:
        """From the end of a process to all agents told by the next one; the floor's; bytes to each."""

        def restart() -> Process:
            self._process.end()
            self._process = self._region.control_plane()
            return self._process

        before = streams.seen.message_bytes
        ours = await streams.all_back(restart, self._hosts)
        each_bytes = (streams.seen.message_bytes - before) // self._hosts
        return ours, await self._floor_back(pairs, each_bytes), each_bytes

    async def _floor_back(self, pairs: list[list[str]], each_bytes: int) -> Restart:
        bare = Bare(self._region, each_bytes)
        process = bare.server()

        def restart() -> Process:
            nonlocal process
            process.end()
            process = bare.server()
            return process

        try:
            streams = Streams(self._region, bare.endpoint, pairs, bare_bytes=each_bytes)
            with streams.process:
                await streams.until(lambda seen: seen.snapshots >= self._hosts, deadline_s=300)
                return await streams.all_back(restart, self._hosts)
        finally:
            process.end()


class Bare:
    """The floor's server, with a certificate of the region's. It sends so many bytes to each new stream."""

    def __init__(self, region: Region, greeting_bytes: int = 0) -> None:
        self._directory = region.directory
        self._port = free_port()
        self._greeting_bytes = greeting_bytes
        authority = AuthorityFiles(self._directory).load().control
        server = ca.issue_server(authority, ["localhost"], ["127.0.0.1"], datetime.now(UTC))
        (self._directory / "server.key").write_bytes(server.key)
        (self._directory / "server.pem").write_bytes(server.certificate)

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self._port}"

    def server(self) -> Process:
        given = self._directory, self._port, self._greeting_bytes
        process = Process.module("fan", *given, log=self._directory / "fan.log")
        process.wait_until(lambda: is_open(self._port), "the fan listens")
        return process


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
