"""A region to measure: the real `stead-controlplane` on this machine's disk, with simulated hosts beside it."""

import asyncio
import hashlib
import json
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from benchmarks.load import Load
from benchmarks.process import BIN, Process, is_open
from client.config import Config, load
from client.connection import Stead
from stead.v1.hosts_pb2 import (
    HOST_ROLE_COMPUTE,
    HOST_ROLE_GATEWAY,
    HOST_ROLE_STORAGE,
    CreateHostTokenRequest,
    DescribeHostsRequest,
)
from stead.v1.images_pb2 import ImportImageHeader, ImportImageRequest
from stead.v1.instances_pb2 import DescribeInstancesRequest, RunInstancesRequest

_TOML = """
[region]
name = "bench-1"
zones = {zones}

[api]
listen = "127.0.0.1:{port}"
agents_listen = "127.0.0.1:{agents_port}"
advertise = ["127.0.0.1"]

[store]
url = "sqlite:///{directory}/controlplane.db"

[paths]
state_dir = "{directory}"

[network]
public_pool = ["10.128.0.0/9"]

[limits]
instances = 1000000
network_interfaces = 1000000
vcpus = 1000000
volumes = 1000000
volume_gib = 1000000
reads_per_s = 1000000
reads_burst = 1000000
changes_per_s = 1000000
changes_burst = 1000000
compute_ms_per_s = 1000000
calls_in_progress = 10000
calls_in_progress_per_address = 10000
{more}"""
# Hosts count as reachable without their agents, or while these wait for the processor.
PATIENT = "[timing]\nheartbeat_timeout_s = 100000\nreconnect_grace_s = 100000\n"
ROLES = (HOST_ROLE_COMPUTE, HOST_ROLE_STORAGE, HOST_ROLE_GATEWAY)
ROOMY = {"vcpus": 1_000_000, "memory-mib": 1_000_000_000, "storage-gib": 1_000_000}
RUN_INSTANCES = "/stead.v1.Instances/RunInstances"
DESCRIBE_INSTANCES = "/stead.v1.Instances/DescribeInstances"


class Region:
    """A default subnet has room for some 4,000 instances; so many zones as are needed for more."""

    def __init__(self, directory: Path, zones: int = 2, more: str = "") -> None:
        self.directory = directory
        self.zones = [f"bench-1{chr(ord('a') + index)}" for index in range(zones)]
        self._toml = directory / "controlplane.toml"
        self._client_toml = directory / "client.toml"
        self.port, agents_port = free_port(), free_port()
        self.agents_endpoint = f"127.0.0.1:{agents_port}"
        self._toml.write_text(
            _TOML.format(
                zones=json.dumps(self.zones), port=self.port, agents_port=agents_port, directory=directory, more=more
            )
        )
        command = [str(BIN / "stead-controlplane"), "init", "--config", str(self._toml)]
        subprocess.run([*command, "--client-config", str(self._client_toml)], check=True, stdout=subprocess.DEVNULL)

    @property
    def client(self) -> Config:
        return load(self._client_toml, {})

    def control_plane(self) -> Process:
        """The process, once it listens."""
        command = [str(BIN / "stead-controlplane"), "run", "--config", str(self._toml)]
        process = Process(command, self.directory / "controlplane.log")
        process.wait_until(lambda: is_open(self.port), "the control plane listens")
        return process

    def load(self, method: str, request: Any, calls: int, clients: int = 100, *, is_mutating: bool = True) -> Load:
        client = self.client
        data = request.SerializeToString()
        return Load(client.endpoint, client.ca, client.token, method, data, calls, clients, is_mutating)

    async def host_tokens(self, stead: Stead, count: int) -> list[str]:
        """For hosts with all roles, spread over the zones."""
        asked = [CreateHostTokenRequest(zone_name=zone, roles=ROLES) for zone in islice(cycle(self.zones), count)]
        return [(await stead.hosts.CreateHostToken(request)).token for request in asked]

    async def add_hosts(self, stead: Stead, count: int, home: Path, full_pass_s: float) -> Process:
        """Simulated hosts, spread over the zones, each with all roles, and room for whatever comes.

        `home` is their disks' directory: in memory, since the real ones' disks are not the control plane's.
        """
        file, config = self.directory / "tokens", self.directory / "fleet.toml"
        file.write_text("\n".join(await self.host_tokens(stead, count)))
        config.write_text(f"[converge]\nfull_pass_s = {full_pass_s}\n")
        options = {"hosts": count, "tokens": file, "state-dir": home, "config": config, **ROOMY}
        said = [f"--{name}={value}" for name, value in options.items()]
        # Real agents have machines of their own: these give way to the control plane and its clients.
        command = ["nice", "-n", "15", str(BIN / "stead-agent"), "simulate", *said]
        fleet = Process(command, self.directory / "fleet.log")
        while not await are_ready(stead, count):
            fleet.wait_until(lambda: True, "the fleet lives")
            await asyncio.sleep(0.1)
        return fleet


async def are_ready(stead: Stead, count: int) -> bool:
    hosts = (await stead.all_pages(stead.hosts.DescribeHosts, DescribeHostsRequest(page_size=1000))).hosts
    return len([host for host in hosts if host.vcpus and host.storage_gib]) == count


@contextmanager
def scratch(root: str | None = None) -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="stead-bench-", dir=root))
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@asynccontextmanager
async def controlled(zones: int, more: str = "") -> AsyncIterator[tuple[Region, Process, Stead]]:
    """A region without hosts."""
    with scratch() as directory:
        region = Region(directory, zones, more)
        with region.control_plane() as control_plane:
            async with Stead(region.client) as stead:
                yield region, control_plane, stead


@asynccontextmanager
async def running(
    zones: int = 2, hosts: int = 10, more: str = "", full_pass_s: float = 30.0
) -> AsyncIterator["Running"]:
    """A region with an image, up and complete; gone afterwards."""
    async with controlled(zones, more) as (region, control_plane, stead):
        with scratch("/dev/shm") as home, await region.add_hosts(stead, hosts, home, full_pass_s) as fleet:
            yield Running(region, stead, control_plane, fleet, await import_image(stead))


class Running:
    """A region and its processes."""

    def __init__(self, region: Region, stead: Stead, control_plane: Process, fleet: Process, image_id: str) -> None:
        self.region = region
        self.stead = stead
        self.control_plane = control_plane
        self.fleet = fleet
        self.image_id = image_id

    def launch(self, count: int = 1, **more: Any) -> RunInstancesRequest:
        return RunInstancesRequest(image_id=self.image_id, instance_type="t3.nano", min_count=count, **more)

    async def any_instance_id(self) -> str:
        reply = await self.stead.instances.DescribeInstances(DescribeInstancesRequest(page_size=1))
        return str(reply.instances[0].instance_id)

    async def settled(self, count: int, deadline_s: float = 300) -> None:
        """Wait until so many instances run."""
        describe = self.stead.instances.DescribeInstances
        async with asyncio.timeout(deadline_s):
            while True:
                reply = await self.stead.all_pages(describe, DescribeInstancesRequest(page_size=1000))
                if sum(row.state.name == "running" for row in reply.instances) >= count:
                    return
                await asyncio.sleep(0.5)


async def import_image(stead: Stead, content: bytes = bytes(1 << 20)) -> str:
    digest = hashlib.sha256(content).hexdigest()
    header = ImportImageHeader(name="bench", format="raw", size_bytes=len(content), sha256=digest)

    async def parts() -> AsyncIterator[ImportImageRequest]:
        yield ImportImageRequest(header=header)
        yield ImportImageRequest(chunk=content)

    return str((await stead.images.ImportImage(parts())).image.image_id)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
