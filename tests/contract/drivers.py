"""What the tests of drivers share: a host's makers of drivers, fake or real, and what they are asked to make.

A `Maker` has one maker for each kind of driver: each call makes another driver object for the same host, as after a
restart of the agent. To run a class on other real drivers, give `on_fakes_and` a context manager like `fakes`, with the
markers that it needs.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.drivers.base import HostContext
from agent.drivers.fake import (
    FakeComputeDriver,
    FakeGatewayDriver,
    FakeNetworkDriver,
    FakeSettings,
    FakeStorageDriver,
    FakeWorld,
)
from agent.images import Images
from agent.model import (
    AddressMapping,
    DiskSpec,
    ExportSpec,
    GatewaySpec,
    GroupSpec,
    InstanceMetadata,
    InstanceSpec,
    InterfaceSpec,
    PortSpec,
    RuleSpec,
    SubnetSpec,
    VolumeSpec,
    VpcSpec,
)
from tests.contract import real_drivers
from tests.contract.real_drivers import ADDRESS, Maker

GIB = 1 << 30
VOLUME = VolumeSpec("vol-0c0ffee1", GIB)
TOMBSTONE = replace(VOLUME, deleted=True)
EXPORT = ExportSpec("vol-0c0ffee1-e3", "vol-0c0ffee1", 3, 20913, ("host-1",))
DISK = DiskSpec("vol-0c0ffee1", "vol-0c0ffee1-e3", ADDRESS, 20913, "/dev/sda1")
DATA = VolumeSpec("vol-0c0ffee2", GIB)
DATA_EXPORT = ExportSpec("vol-0c0ffee2-e1", "vol-0c0ffee2", 1, 20914, ("host-1",))
DATA_DISK = DiskSpec("vol-0c0ffee2", "vol-0c0ffee2-e1", ADDRESS, 20914, "/dev/sdf")
NIC = InterfaceSpec("eni-0c0ffee1", "vpc-0c0ffee1", "02:c0:ff:ee:00:01", "172.31.0.5")
INTERFACE_IDS = "eni-0c0ffee1", "eni-0c0ffee2"
PORT = PortSpec(
    "eni-0c0ffee1", "i-0c0ffee1", NIC.mac_address, NIC.private_ip, "subnet-0c0ffee1", ("sg-0c0ffee1",), "ip-172-31-0-5"
)
SECOND_NIC = InterfaceSpec("eni-0c0ffee2", "vpc-0c0ffee1", "02:c0:ff:ee:00:02", "172.31.0.6")
SECOND_PORT = replace(PORT, interface_id="eni-0c0ffee2", mac_address=SECOND_NIC.mac_address, private_ip="172.31.0.6")
VPC = VpcSpec(
    vpc_id="vpc-0c0ffee1",
    vni=4242,
    cidr_block="172.31.0.0/16",
    subnets=(SubnetSpec("subnet-0c0ffee1", "172.31.0.0/20"),),
    ports=(PORT,),
    peers=(),
    host_number=1,
    gateway_host_number=1,
    groups=(GroupSpec("sg-0c0ffee1", (RuleSpec(False, "tcp", 22, 22, cidr_ipv4="0.0.0.0/0"),)),),
    group_members=(),
)
GATEWAY = GatewaySpec("vpc-0c0ffee1", 1, (AddressMapping("198.51.100.7", NIC.private_ip),), ("10.99.0.1",))
METADATA = InstanceMetadata(
    *("ami-1", "t3.nano", "home-1a", "home-1", "ip-172-31-0-5", "", "", "", ("default",), b"", "r-1", 0),
    *("subnet-0c0ffee1", "172.31.0.0/20"),
)
INSTANCE = InstanceSpec("i-0c0ffee1", 1, True, 0, 10, 1, 128, (NIC,), (DISK,), METADATA)


@contextmanager
def fakes(directory: Path) -> Iterator[Maker]:
    context = HostContext("host-1", ADDRESS, directory, directory / "run", directory / "pki", Images(no_images))

    def make(driver: Callable[[FakeSettings, HostContext], Any]) -> Callable[[], Any]:
        return lambda: driver(FakeSettings(storage_gib=100), context)

    yield Maker(
        make(FakeStorageDriver),
        make(FakeNetworkDriver),
        make(FakeGatewayDriver),
        make(FakeComputeDriver),
        empty_trash=FakeWorld.of(context).empty_trash,
    )
    assert FakeWorld.of(context).violations == []
    FakeWorld.forget(directory)


async def empty(host: Maker) -> None:
    """Of exports and volumes."""
    await real_drivers.close_all(host.storage())
    for volume_id, file in (await host.storage().list_volumes()).items():
        await host.storage().ensure_volume(VolumeSpec(volume_id, file.size_bytes, deleted=True))
    host.empty_trash()


async def no_images(image: object, target: Path) -> None:
    raise AssertionError("no volume here is made from an image")


def on_fakes_and(real: Callable[[Path], AbstractContextManager[Maker]], *marks: pytest.MarkDecorator) -> Any:
    """Run each test of a class on two hosts, which its tests share and leave empty."""
    hosts = [pytest.param(fakes, id="fake"), pytest.param(real, id="real", marks=marks)]
    return pytest.mark.parametrize("host", hosts, indirect=True)
