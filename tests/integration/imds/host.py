"""An agent's part of the metadata service of one VPC, in real network namespaces: the VPC's and that of two guests."""

import asyncio
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.host import namespaces, process
from agent.imds import Identities, MetadataServer, service
from agent.imds.identities import Identity
from agent.imds.service import ADDRESS
from agent.model import InstanceMetadata, InstanceSpec, InterfaceMetadata, InterfaceSpec
from tests.integration.imds.guest import GUEST

VPC_ID, USER = "vpc-test-imds", "dnsmasq"
VPC = namespaces.vpc_namespace(VPC_ID)
METADATA = InstanceMetadata(
    *("", "", "", "", "", "", "", "", (), b"raw \xff\0", "", 0, "", ""),
    interfaces=(InterfaceMetadata("eni-1", "", (), "", "", "", (), ()),),
)
SPECS = {
    ip: InstanceSpec(id_, 1, True, 0, 120, 1, 512, (InterfaceSpec("eni-1", VPC_ID, "02:00", ip),), (), METADATA)
    for ip, id_ in (("10.9.0.5", "i-00000000000000005"), ("10.9.0.6", "i-00000000000000006"))
}

UP = f"""
ip -n {VPC} link set lo up
ip -n {VPC} address add {ADDRESS}/32 dev lo
ip -n {VPC} link add guest type veth peer name eth0 netns {GUEST}
ip -n {VPC} address add 10.9.0.1/24 dev guest
ip -n {VPC} link set guest up
ip -n {GUEST} address add 10.9.0.5/24 dev eth0
ip -n {GUEST} address add 10.9.0.6/24 dev eth0
ip -n {GUEST} link set eth0 up
ip -n {GUEST} route add default via 10.9.0.1
"""


async def sign(instance_ids: Sequence[str]) -> Sequence[Identity]:
    """As the control plane does."""
    return [Identity(id, 1, f"document of {id}", f"signature of {id}", f"pkcs7 of {id}") for id in instance_ids]


class Host:
    """The agent's part, which may be started anew."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.specs = dict(SPECS)
        self.restart()

    def restart(self, user: str = USER) -> None:
        specs = self.specs
        self.server = MetadataServer(
            lambda vpc_id: dict(specs) if vpc_id == VPC_ID else {},
            Identities(sign, self.directory / "identities.json", lambda instance_id: True),
            *(self.directory, self.directory / "run", user),
        )

    async def converge(self) -> None:
        self.server.tell(VPC_ID)
        await self.server.ensure(VPC_ID)

    @property
    def run_dir(self) -> Path:
        return self.directory / "run" / "metadata" / VPC_ID

    def pids(self) -> list[int]:
        return [daemon.pid for daemon in process.find_running(service.__file__.encode(), bytes(self.run_dir))]

    def pid(self) -> int:
        (pid,) = self.pids()
        return pid


def shell(commands: str) -> None:
    done = subprocess.run(["sh", "-exc", commands], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))
