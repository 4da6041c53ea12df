"""The libvirt compute driver against a libvirtd of its own, with real guests, NBD disks over mutual TLS, and taps."""

import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agent.drivers.base import HostContext, Transient
from agent.drivers.compute_libvirt import LibvirtComputeDriver, Settings, qemu_conf
from agent.images import Images
from agent.model import ImageSource, InstanceMetadata, InstanceSpec, InterfaceSpec
from tests.integration.compute_libvirt.guests import INSTANCE_ID, INTERFACE_ID, NAMESPACE, TAP, Storage, ip, plug, says
from tests.integration.compute_libvirt.libvirt_host import LibvirtHost, libvirt_host, make_pki

REPOSITORY = Path(__file__).parents[3]
METADATA = InstanceMetadata("", "", "", "", "", "", "", "", (), b"", "", 0, "", "")


@pytest.fixture(scope="package")
def directory() -> Iterator[Path]:
    """Readable by libvirt-qemu, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="stead-virt-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="package")
def image(directory: Path) -> Path:
    path = directory / "image.raw"
    subprocess.run([REPOSITORY / "scripts/build-image", path], check=True)
    return path


@pytest.fixture(scope="package")
def host(directory: Path) -> Iterator[LibvirtHost]:
    configuration = directory / "qemu.conf"
    configuration.write_text("cgroup_controllers = []\n")
    assert qemu_conf.ensure(configuration, make_pki(directory / "pki"))
    with libvirt_host(directory / "host", configuration.read_text()) as running:
        yield running


@pytest.fixture
def new_driver(host: LibvirtHost, directory: Path) -> Callable[[], LibvirtComputeDriver]:
    async def fetch_image(image: ImageSource, target: Path) -> None:
        raise Transient("no images here")

    context = HostContext(
        "host-1", "127.0.0.1", directory / "state", directory / "run", directory / "pki", Images(fetch_image)
    )
    settings = Settings(
        uri=host.uri,
        qemu_conf=host.directory / "etc/libvirt/qemu.conf",
        libvirtd_pid_file=host.root / "run/libvirtd.pid",
    )
    return lambda: LibvirtComputeDriver(settings, context)


@pytest.fixture
async def driver(new_driver: Callable[[], LibvirtComputeDriver]) -> AsyncIterator[LibvirtComputeDriver]:
    driver = new_driver()
    yield driver
    for instance_id in await driver.list():
        await driver.remove(instance_id)


@pytest.fixture
def storage(directory: Path) -> Iterator[Storage]:
    with ExitStack() as stack:
        yield Storage(directory, stack)


@pytest.fixture
def taps() -> Iterator[dict[str, str]]:
    """A tap in the host's namespace and a namespace to move it to."""
    ip("netns", "add", NAMESPACE)
    ip("tuntap", "add", "dev", TAP, "mode", "tap")
    ip("link", "set", TAP, "mtu", "1390")
    yield {INTERFACE_ID: TAP}
    subprocess.run(["ip", "link", "delete", TAP], capture_output=True)
    subprocess.run(["ip", "-n", NAMESPACE, "link", "delete", TAP], capture_output=True)
    ip("netns", "delete", NAMESPACE)


@pytest.fixture
def spec(storage: Storage, image: Path) -> InstanceSpec:
    interface = InterfaceSpec(INTERFACE_ID, "vpc-0123456789abcdef0", "02:00:00:00:00:01", "172.31.0.5")
    return InstanceSpec(INSTANCE_ID, 3, True, 0, 120, 1, 128, (interface,), (storage.export(1, image),), METADATA)


@pytest.fixture
async def started(driver: LibvirtComputeDriver, spec: InstanceSpec, taps: dict[str, str]) -> InstanceSpec:
    """A guest that has only just begun to boot, for what does not depend on what it does."""
    await driver.start_paused(spec, taps)
    plug()
    await driver.note_run(spec.instance_id)
    await driver.resume(spec.instance_id)
    return spec


@pytest.fixture
async def guest(driver: LibvirtComputeDriver, started: InstanceSpec) -> InstanceSpec:
    """Booted as far as user space."""
    await says(driver, b"udhcpc: started")
    return started
