"""A real cloud to measure: one host with all roles in a lab of its own, and the tiny image. Needs root."""

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.process import SCRIPTS, environment
from benchmarks.region import scratch
from client.config import load
from client.connection import Stead
from homelab import Lab
from homelab.cloud import Cloud
from homelab.guest import Guest
from stead.v1.instances_pb2 import DescribeInstancesRequest, RunInstancesRequest, TerminateInstancesRequest

HOST = "one"
# Shorter: asking takes the processor that the launch needs. Longer: figures are coarse.
POLL_S = 0.005


class LabCloud:
    """With the image `tiny`, the key pair `bench`, and the group `ssh`, which opens port 22."""

    def __init__(self, cloud: Cloud, stead: Stead) -> None:
        self.cloud = cloud
        self.stead = stead
        self.host = cloud.lab.node(HOST)
        self.outside = cloud.lab.node("outside")
        self.key = cloud.directory / "bench.pem"
        self.image_id: str = cloud.json("image", "list")["images"][0]["image_id"]
        self.group_id = self.group("ssh")
        cloud.stead("sg", "authorize", "ssh", "--port", "22", "--cidr", "0.0.0.0/0")
        cloud.stead("key", "create", "bench", "--output-file", str(self.key))

    def group(self, name: str) -> str:
        """A new security group."""
        made = self.cloud.json("sg", "create", name, "--description", "for a benchmark")
        return str(made["security_group"]["group_id"])

    async def run(self, *group_ids: str) -> tuple[Any, float]:
        """Launch an instance of the smallest type and wait until it runs; how long that took, in seconds."""
        request = RunInstancesRequest(
            image_id=self.image_id, instance_type="t3.nano", key_name="bench",
            security_group_ids=[self.group_id, *group_ids],
        )  # fmt: skip
        began = time.perf_counter()
        instance = (await self.stead.instances.RunInstances(request)).instances[0]
        await self.reaches(instance.instance_id, "running")
        return instance, time.perf_counter() - began

    async def reaches(self, instance_id: str, state: str) -> None:
        request = DescribeInstancesRequest(instance_ids=[instance_id])
        while (await self.stead.instances.DescribeInstances(request)).instances[0].state.name != state:  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)

    async def terminate(self, instance_id: str) -> None:
        await self.stead.instances.TerminateInstances(TerminateInstancesRequest(instance_ids=[instance_id]))
        await self.reaches(instance_id, "terminated")

    def guest(self, instance_id: str) -> Guest:
        return Guest(self.cloud, instance_id, self.key)


@asynccontextmanager
async def running() -> AsyncIterator[LabCloud]:
    if os.geteuid() != 0:
        raise PermissionError("a lab is made of namespaces, mounts and links: run this benchmark as root")
    lab = Lab("bench")
    lab.down()
    try:
        with scratch() as directory:
            cloud = _up(lab, directory / "tiny.raw")
        async with Stead(load(cloud.client_config, {})) as stead:
            yield LabCloud(cloud, stead)
    finally:
        lab.down()


def _up(lab: Lab, image: Path) -> Cloud:
    lab.up("single")
    cloud = Cloud(lab, more="[timing]\nstop_timeout_s = 5\n")
    cloud.up()
    subprocess.run([SCRIPTS / "build-image", image], check=True, stdout=subprocess.DEVNULL, env=environment())
    cloud.stead("image", "import", str(image), "--name", "tiny")
    return cloud
