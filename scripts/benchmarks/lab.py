"""A real cloud to measure: one host with all roles in a lab of its own, or others, and the tiny image. Needs root."""

import os
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.process import SCRIPTS, environment
from client.config import load
from client.connection import Stead
from homelab import Lab
from homelab.cloud import Cloud
from homelab.guest import Guest
from stead.v1.events_pb2 import WatchRequest
from stead.v1.instances_pb2 import DescribeInstancesRequest, RunInstancesRequest, TerminateInstancesRequest

HOST = "one"
IMAGE = "tiny.raw"
AGENT_TOML = "[drivers.libvirt]\nvcpus_per_core = 64\n"  # Guests that idle are many.


@dataclass(frozen=True)
class Launch:
    """How long it took until the call was answered, and until all ran, in seconds."""

    instances: Sequence[Any]
    accepted_s: float
    running_s: float


class LabCloud:
    """With the image `tiny`, the key pair `bench`, and the group `ssh`, which opens port 22."""

    def __init__(self, cloud: Cloud, stead: Stead) -> None:
        self.cloud = cloud
        self.stead = stead
        self.host = cloud.lab.node(cloud.lab.hosts[0].name)
        self.outside = cloud.lab.node("outside")
        self.key = cloud.directory / "bench.pem"
        self.image = cloud.lab.directory / IMAGE
        self.image_id: str = cloud.json("image", "list")["images"][0]["image_id"]
        self.group_id = self.group("ssh")
        cloud.stead("sg", "authorize", "ssh", "--port", "22", "--cidr", "0.0.0.0/0")
        cloud.stead("key", "create", "bench", "--output-file", str(self.key))

    def group(self, name: str) -> str:
        """A new security group."""
        made = self.cloud.json("sg", "create", name, "--description", "for a benchmark")
        return str(made["security_group"]["group_id"])

    async def run(self, *group_ids: str, count: int = 1) -> "Launch":
        """Launch instances of the smallest type and wait until all run."""
        request = RunInstancesRequest(
            image_id=self.image_id, instance_type="t3.nano", key_name="bench", min_count=count,
            security_group_ids=[self.group_id, *group_ids],
        )  # fmt: skip
        began = time.perf_counter()
        instances = (await self.stead.instances.RunInstances(request)).instances
        accepted_s = time.perf_counter() - began
        await self.reach("running", *(row.instance_id for row in instances))
        return Launch(instances, accepted_s, time.perf_counter() - began)

    async def reach(self, state: str, *instance_ids: str) -> None:
        """As `Watch` tells: to ask again and again would take the processor that a launch needs."""
        listed = await self.stead.instances.DescribeInstances(DescribeInstancesRequest(instance_ids=instance_ids))
        missing = {row.instance_id for row in listed.instances if row.state.name != state}
        request = WatchRequest(after_revision=listed.revision, kinds=["instance"], with_contents=True)
        watch = self.stead.events.Watch(request)
        try:
            while missing:
                changes = (await anext(aiter(watch))).changes
                missing -= {change.id for change in changes if change.instance.state.name == state}
        finally:
            watch.cancel()

    async def terminate(self, *instance_ids: str) -> None:
        await self.stead.instances.TerminateInstances(TerminateInstancesRequest(instance_ids=instance_ids))
        await self.reach("terminated", *instance_ids)

    def pids(self, pattern: str) -> list[int]:
        """The host's processes whose command line matches the regular expression, as the machine numbers them."""
        command = ["pgrep", "--full", "--ns", str(self.host.pid), "--nslist", "pid", "--", pattern]
        return [int(pid) for pid in subprocess.run(command, capture_output=True, check=False).stdout.split()]

    def guest(self, instance_id: str) -> Guest:
        return Guest(self.cloud, instance_id, self.key)


@asynccontextmanager
async def running(agent_toml: str = "", layout: str = "single") -> AsyncIterator[LabCloud]:
    if os.geteuid() != 0:
        raise PermissionError("a lab is made of namespaces, mounts and links: run this benchmark as root")
    lab = Lab("bench")
    lab.down()
    try:
        cloud = _up(
            lab, layout, agent_toml
        )  # In this thread: another would go on making things while `down` removes them.
        async with Stead(load(cloud.client_config, {})) as stead:
            yield LabCloud(cloud, stead)
    finally:
        lab.down()


def _up(lab: Lab, layout: str, agent_toml: str) -> Cloud:
    lab.up(layout)
    cloud = Cloud(lab, more="[timing]\nstop_timeout_s = 5\n", agent_toml=AGENT_TOML + agent_toml)
    cloud.up()
    image = cloud.lab.directory / IMAGE
    subprocess.run([SCRIPTS / "build-image", image], check=True, stdout=subprocess.DEVNULL, env=environment())
    cloud.stead("image", "import", str(image), "--name", "tiny")
    return cloud
