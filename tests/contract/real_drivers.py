"""Hosts with real drivers for the tests of drivers: context managers that leave nothing behind.

Volumes are in an XFS pool of their own, networks and gateways on a host of `netlab`, guests under a libvirtd of their
own.
"""

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from agent.drivers.base import ComputeDriver, GatewayDriver, HostContext, NetworkDriver, StorageDriver
from agent.drivers.compute_libvirt import LibvirtComputeDriver, Settings, qemu_conf
from agent.drivers.fake import FakeNetworkDriver, FakeSettings, FakeWorld
from agent.drivers.volume_nbd import NbdStorageDriver, trash
from agent.drivers.volume_nbd.files import PoolFiles
from agent.drivers.volume_nbd.identity import NAME
from agent.drivers.volume_nbd.pool import create_pool, destroy_pool
from agent.drivers.volume_nbd.settings import NbdSettings
from agent.host.process import run
from agent.images import Images
from agent.model import ImageSource, PortSpec
from tests.integration.compute_libvirt.libvirt_host import libvirt_host, make_pki
from tests.integration.netlab import ROOT, Host, lab

ADDRESS = "127.0.0.1"


def _not_here() -> Any:
    raise AssertionError("this host has no driver of that kind")


@dataclass(frozen=True)
class Maker:
    """Makes driver objects for one host, any number of times, of the kinds that it has."""

    storage: Callable[[], StorageDriver] = _not_here
    network: Callable[[], NetworkDriver] = _not_here
    gateway: Callable[[], GatewayDriver] = _not_here
    compute: Callable[[], ComputeDriver] = _not_here
    empty_trash: Callable[[], None] = _not_here  # For good.
    image: ImageSource | None = None  # What guests boot from, where they need anything.


@contextmanager
def storage(directory: Path) -> Iterator[Maker]:
    context, pool = _context(directory), directory / "pool"
    settings = NbdSettings(pool_dir=pool)
    make_pki(context.pki_dir)
    context.state_dir.mkdir(exist_ok=True)
    context.server_pki_dir.symlink_to(context.pki_dir)
    asyncio.run(create_pool(pool, size_gib=4))
    try:
        yield Maker(
            storage=lambda: NbdStorageDriver(settings, context),
            empty_trash=lambda: trash.empty(trash.select(PoolFiles(pool, context.state_dir / NAME))),
        )
    finally:
        asyncio.run(close_all(NbdStorageDriver(settings, context)))
        asyncio.run(destroy_pool(pool))


@contextmanager
def network(directory: Path) -> Iterator[Maker]:
    with lab(1) as made:
        (host,) = made.hosts
        yield Maker(
            network=lambda: cast(NetworkDriver, _RemoteDriver(host, "network")),
            gateway=lambda: cast(GatewayDriver, _RemoteDriver(host, "gateway")),
        )


@contextmanager
def compute(directory: Path) -> Iterator[Maker]:
    context, file = _context(directory), directory / "image.raw"
    subprocess.run([ROOT / "scripts/build-image", file], check=True)
    image = ImageSource("ami-0c0ffee1", "raw", file.stat().st_size, sha256="")
    with storage(directory) as made, _taps(context) as taps, _libvirt(directory, context.pki_dir) as settings:
        yield replace(made, network=taps, compute=lambda: LibvirtComputeDriver(settings, context), image=image)


class _RemoteDriver:
    """A driver in the process that is the lab's host, without a memory of what was before."""

    def __init__(self, host: Host, kind: str) -> None:
        host.call("start")
        self._host = host
        self._kind = kind

    def __getattr__(self, verb: str) -> Any:
        call = partial(self._host.call, f"{self._kind}.{verb}")
        return call if verb in ("namespace", "tap_name") else partial(asyncio.to_thread, call)


class Taps(FakeNetworkDriver):
    """No network, but taps that QEMU can open. They stay down."""

    async def create_tap(self, port: PortSpec) -> None:
        await super().create_tap(port)
        if not _has_link(self.tap_name(port.interface_id)):
            await run("ip", "tuntap", "add", "dev", self.tap_name(port.interface_id), "mode", "tap")

    async def unplug(self, interface_id: str) -> None:
        await super().unplug(interface_id)
        if _has_link(self.tap_name(interface_id)):
            await run("ip", "link", "delete", self.tap_name(interface_id))


@contextmanager
def _taps(context: HostContext) -> Iterator[Callable[[], NetworkDriver]]:
    try:
        yield lambda: Taps(FakeSettings(), context)
    finally:
        asyncio.run(_unplug_all(Taps(FakeSettings(), context)))
        FakeWorld.forget(context.state_dir)


async def _unplug_all(driver: NetworkDriver) -> None:
    for interface_id in await driver.list_ports():
        await driver.unplug(interface_id)


def _has_link(name: str) -> bool:
    return Path("/sys/class/net", name).exists()


@contextmanager
def _libvirt(directory: Path, pki: Path) -> Iterator[Settings]:
    configuration = directory / "qemu.conf"
    configuration.write_text("cgroup_controllers = []\n")
    qemu_conf.ensure(configuration, pki)
    with libvirt_host(directory / "host", configuration.read_text()) as host:
        yield Settings(
            uri=host.uri,
            virt_type="qemu",
            qemu_conf=host.directory / "etc/libvirt/qemu.conf",
            libvirtd_pid_file=host.root / "run/libvirtd.pid",
        )


def _context(directory: Path) -> HostContext:
    async def fetch_image(image: ImageSource, target: Path) -> None:
        await run("cp", directory / "image.raw", target)

    return HostContext(
        "host-1", ADDRESS, directory / "state", directory / "run", directory / "pki", Images(fetch_image)
    )


async def close_all(storage: StorageDriver) -> None:
    for export_name in await storage.list_exports():
        await storage.remove_export(export_name)
