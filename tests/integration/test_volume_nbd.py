"""The NBD drivers on the real thing: XFS in a loop-mounted file, qemu-storage-daemon, TLS with a throwaway CA."""

import asyncio
import contextlib
import ctypes
import datetime as dt
import fcntl
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from agent.drivers.base import HostContext, Permanent, Transient
from agent.drivers.volume_nbd import NbdExportDriver, NbdVolumeDriver, exports, identity, trash
from agent.drivers.volume_nbd.files import DIRECTORIES
from agent.drivers.volume_nbd.identity import NAME
from agent.drivers.volume_nbd.pool import create_pool, destroy_pool, mount_pool
from agent.drivers.volume_nbd.settings import NbdSettings
from agent.host.process import CommandFailed, Daemon, find_daemon, run, start_daemon
from agent.identity import make_request
from agent.model import ExportSpec, ImageSource, VolumeFile, VolumeSpec
from controlplane import ca

pytestmark = pytest.mark.host

ADDRESS = "127.0.0.1"
MIB, GIB = 1 << 20, 1 << 30
VOLUME = VolumeSpec("vol-0a", 64 * MIB)
TOMBSTONE = replace(VOLUME, deleted=True)


class Uploads:
    """An ImageFetcher that serves local files and counts."""

    def __init__(self) -> None:
        self.files: dict[str, Path] = {}
        self.count = 0

    async def __call__(self, image: ImageSource, target: Path) -> None:
        self.count += 1
        await run("cp", "--no-clobber", self.files[image.image_id], target)

    def add(self, image_id: str, path: Path, format: str = "raw") -> ImageSource:
        self.files[image_id] = path
        return ImageSource(image_id, format, path.stat().st_size, sha256="")


@dataclass(frozen=True)
class Host:
    """A storage host with its drivers, as a restart of the agent would make them anew."""

    context: HostContext
    settings: NbdSettings
    uploads: Uploads

    def volumes(self) -> NbdVolumeDriver:
        return NbdVolumeDriver(self.settings, self.context)

    def exports(self) -> NbdExportDriver:
        return NbdExportDriver(self.settings, self.context)

    @property
    def pool(self) -> Path:
        return Path(self.settings.pool_dir)

    def daemon(self, export_name: str) -> Daemon | None:
        return find_daemon(self.context.run_dir / "exports" / f"{export_name}.pid")

    def files(self) -> list[str]:
        roots = (self.pool, self.context.run_dir)
        found = (path for root in roots for path in root.rglob("*") if path.is_file())
        return sorted(str(path) for path in found if path != self.pool / NAME)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    directory = tmp_path_factory.mktemp("nbd") / "pool"
    asyncio.run(create_pool(directory, size_gib=2))
    yield directory
    asyncio.run(destroy_pool(directory))


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`host-1` and `host-2` as HostContext.pki_dir is, `server` as its server_pki_dir."""
    root, now = tmp_path_factory.mktemp("pki"), dt.datetime.now(dt.UTC)
    data = ca.create_data("home-1", now)
    for name in ("host-1", "host-2", "server"):
        request, end = make_request(name), "server" if name == "server" else "client"
        if name == "server":
            certificate = ca.sign_data_server(data, request.csr, "host-1", ADDRESS, now)
        else:
            certificate = ca.sign_data_client(data, request.csr, name, now)
        (root / name).mkdir()
        (root / name / "ca-cert.pem").write_bytes(data.certificate)
        (root / name / f"{end}-cert.pem").write_bytes(certificate)
        (root / name / f"{end}-key.pem").write_bytes(request.key)
    return root


@pytest.fixture
async def host(pool: Path, pki: Path, tmp_path: Path) -> AsyncIterator[Host]:
    uploads = Uploads()
    context = HostContext("host-1", ADDRESS, tmp_path / "state", tmp_path / "run", pki / "host-1", uploads)
    context.state_dir.mkdir()
    context.server_pki_dir.symlink_to(pki / "server")
    host = Host(context, NbdSettings(pool_dir=str(pool)), uploads)
    yield host
    for export_name in await host.exports().list():
        await host.exports().remove(export_name)
    for name in ("volumes", "images", "trash"):
        for path in (pool / name).iterdir():
            path.unlink()


@pytest.fixture
def export() -> ExportSpec:
    return ExportSpec("vol-0a-e1", "vol-0a", 1, _free_port(), ("host-1",))


def _free_port() -> int:
    with socket.create_server((ADDRESS, 0)) as server:
        port: int = server.getsockname()[1]
        return port


def next_epoch(spec: ExportSpec) -> ExportSpec:
    epoch = spec.epoch + 1
    return replace(spec, export_name=f"{spec.volume_id}-e{epoch}", epoch=epoch, port=_free_port())


def client(pki_dir: Path, spec: ExportSpec, tls: bool = True) -> tuple[str, ...]:
    """Arguments that make a QEMU tool open the export as raw."""
    target = f"driver=nbd,server.type=inet,server.host={ADDRESS},server.port={spec.port},export={spec.export_name}"
    if not tls:
        return ("--image-opts", target)
    credentials = f"tls-creds-x509,id=tls,endpoint=client,dir={pki_dir}"
    return ("--object", credentials, "--image-opts", f"{target},tls-creds=tls")


async def qemu_io(host: Host, spec: ExportSpec, *commands: str) -> None:
    """Raises CommandFailed when it can't connect or a command fails, as `read -P` does with other data."""
    steps = [argument for command in commands for argument in ("-c", command)]
    await run("qemu-io", *steps, *client(host.context.pki_dir, spec), timeout_s=20)


@pytest.fixture
def raw_image(host: Host, tmp_path: Path) -> ImageSource:
    path = tmp_path / "image.raw"
    path.write_bytes(b"\xab" * (4 * MIB))
    return host.uploads.add("ami-1", path)


# --- volumes ---------------------------------------------------------------------------------------------------------


async def test_probe_reports_what_volumes_may_fill(host: Host) -> None:
    capacity = await host.volumes().probe()
    assert capacity.storage_gib == 1  # 2 GiB, less 5 % and the filesystem's own.
    assert capacity.problems == ()


async def test_a_filesystem_that_cannot_clone_is_a_problem_and_a_permanent_error(host: Host, tmp_path: Path) -> None:
    shared_memory = Path("/dev/shm") / tmp_path.name  # tmpfs
    identity.ensure(shared_memory)
    for name in DIRECTORIES:
        (shared_memory / name).mkdir(parents=True)
    try:
        driver = NbdVolumeDriver(NbdSettings(pool_dir=str(shared_memory)), host.context)
        (problem,) = (await driver.probe()).problems
        assert f"{shared_memory} cannot clone" in problem
        with pytest.raises(Permanent, match=r"cannot clone .*pool create"):
            await driver.ensure(VOLUME)
    finally:
        await destroy_pool(shared_memory)
        shared_memory.rmdir()


async def test_an_unmounted_pool_is_not_mistaken_for_an_empty_one(host: Host, tmp_path: Path) -> None:
    driver = NbdVolumeDriver(NbdSettings(pool_dir=str(tmp_path)), host.context)
    with pytest.raises(Permanent, match="not mounted"):
        await driver.list()
    with pytest.raises(Permanent, match="not mounted"):
        await driver.ensure(VOLUME)
    assert (await driver.probe()).problems


async def test_creating_a_pool_again_keeps_its_volumes(host: Host) -> None:
    await host.volumes().ensure(VOLUME)
    await create_pool(host.pool, size_gib=2)
    for again in (create_pool(host.pool, size_gib=2), mount_pool(host.pool)):
        await run("umount", host.pool)  # As after a reboot.
        await again
        assert set(await host.volumes().list()) == {"vol-0a"}


async def test_mounting_makes_no_pool(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match=r"no pool at .*`create` makes a new one"):
        await mount_pool(tmp_path / "pool")
    assert list((tmp_path / "pool").iterdir()) == []


async def test_a_pool_of_an_earlier_version_is_completed(host: Host) -> None:
    (host.pool / NAME).unlink()
    (host.pool / "trash").rmdir()
    with pytest.raises(Permanent, match="not a pool"):
        await host.volumes().list()
    await mount_pool(host.pool)
    assert await host.volumes().list() == {}


async def test_the_room_of_a_pool_in_a_file_is_its_own_from_the_start(host: Host) -> None:
    file = host.pool.with_name("pool.xfs").stat()
    assert file.st_blocks * 512 >= file.st_size == 2 * GIB


async def test_another_pool_in_its_place_is_refused(host: Host, export: ExportSpec, tmp_path: Path) -> None:
    await host.volumes().ensure(VOLUME)
    other = replace(host, settings=NbdSettings(pool_dir=str(tmp_path / "pool")))
    await create_pool(other.pool, size_gib=1)
    try:
        shutil.copy(host.pool / "volumes" / "vol-0a.raw", other.pool / "volumes")
        for attempt in (other.volumes().list(), other.volumes().ensure(VOLUME), other.exports().ensure(export)):
            with pytest.raises(Permanent, match=r"the volumes of this host are in pool .*: mount the disk"):
                await attempt
        assert "mount the disk" in (await other.volumes().probe()).problems[0]
    finally:
        await destroy_pool(other.pool)
    assert set(await host.volumes().list()) == {"vol-0a"}


@pytest.fixture
async def device(tmp_path: Path) -> AsyncIterator[Path]:
    """A blank one of 512 MiB."""
    file = tmp_path / "device"
    await run("truncate", "--size=512M", file)
    loop = (await run("losetup", "--find", "--show", file)).strip()
    yield Path(loop)
    await run("losetup", "--detach", loop)


@pytest.mark.parametrize("offset", [0, 300 * MIB, 512 * MIB - 4096])
async def test_no_pool_is_made_on_a_device_with_anything_on_it(device: Path, tmp_path: Path, offset: int) -> None:
    """blkid(8) knows nothing of it."""
    with device.open("r+b") as file:
        file.seek(offset)
        file.write(b"somebody's data")
    with pytest.raises(Permanent, match=rf"{device} is not blank"):
        await create_pool(tmp_path / "pool", device=device)
    with device.open("rb") as file:
        file.seek(offset)
        assert file.read(15) == b"somebody's data"


async def test_a_pool_on_a_blank_device_is_made_once(device: Path, tmp_path: Path) -> None:
    pool = tmp_path / "pool"
    await create_pool(pool, device=device)
    (pool / "volumes" / "vol-0a.raw").write_bytes(b"data")
    for again in (create_pool(pool, device=device), mount_pool(pool, device)):
        await run("umount", pool)
        await again
        assert (pool / "volumes" / "vol-0a.raw").read_bytes() == b"data"
    await run("umount", pool)


async def test_a_blank_volume_is_sparse_and_zero_and_grows_but_never_shrinks(host: Host) -> None:
    await host.volumes().ensure(VOLUME)
    path = host.pool / "volumes" / "vol-0a.raw"
    assert path.stat().st_blocks == 0
    path.write_bytes(b"data" + path.read_bytes()[4:])

    await host.volumes().ensure(replace(VOLUME, size_bytes=128 * MIB))
    assert await host.volumes().list() == {"vol-0a": VolumeFile(128 * MIB)}
    assert path.read_bytes()[:8] == b"data\0\0\0\0"
    await host.volumes().ensure(VOLUME)
    assert path.stat().st_size == 128 * MIB


async def test_a_volume_is_an_independent_clone_of_its_image(host: Host, raw_image: ImageSource) -> None:
    driver = host.volumes()
    await driver.ensure(replace(VOLUME, image=raw_image))
    path = host.pool / "volumes" / "vol-0a.raw"
    with path.open("r+b") as volume:
        assert volume.read(4 * MIB) == b"\xab" * (4 * MIB)
        assert not any(volume.read())
        volume.seek(0)
        volume.write(b"changed")
    await driver.ensure(VolumeSpec("vol-0b", 64 * MIB, raw_image))
    assert (host.pool / "volumes" / "vol-0b.raw").read_bytes().startswith(b"\xab" * 7)

    await driver.ensure(replace(VOLUME, image=raw_image))  # Never refilled.
    assert path.read_bytes().startswith(b"changed")


async def test_volumes_of_one_image_fetch_it_once(host: Host, raw_image: ImageSource) -> None:
    driver = host.volumes()
    async with asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(driver.ensure(VolumeSpec(f"vol-{number}", 8 * MIB, raw_image)))
    assert host.uploads.count == 1
    assert len(await driver.list()) == 4


async def test_a_qcow2_image_is_converted(host: Host, tmp_path: Path) -> None:
    path = tmp_path / "image.qcow2"
    await run("qemu-img", "create", "-q", "-f", "qcow2", path, "8M")
    await run("qemu-io", "-f", "qcow2", "-c", "write -P 0xcd 1M 1M", path)
    image = host.uploads.add("ami-2", path, "qcow2")
    await host.volumes().ensure(replace(VOLUME, image=image))
    data = (host.pool / "volumes" / "vol-0a.raw").read_bytes()
    assert data[MIB : 2 * MIB] == b"\xcd" * MIB
    assert not any(data[:MIB])
    assert len(data) == 64 * MIB


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("-b", "/etc/passwd", "-F", "raw"), "backing file"),
        (("-o", "data_file={tmp}/data"), "external file"),
        (("-o", "size=32T"), "virtual size"),
    ],
)
async def test_an_unsafe_qcow2_image_is_refused(
    host: Host, tmp_path: Path, options: tuple[str, ...], reason: str
) -> None:
    path = tmp_path / "image.qcow2"
    options = tuple(option.format(tmp=tmp_path) for option in options)
    size = () if "-b" in options or "size" in options[1] else ("8M",)
    await run("qemu-img", "create", "-q", "-f", "qcow2", *options, path, *size)
    image = host.uploads.add("ami-2", path, "qcow2")
    with pytest.raises(Permanent, match=reason):
        await host.volumes().ensure(replace(VOLUME, image=image))
    assert host.files() == []


@pytest.mark.parametrize("format", ["qcow2", "vmdk"])
async def test_what_is_no_image_of_its_format_is_refused(host: Host, raw_image: ImageSource, format: str) -> None:
    with pytest.raises(Permanent, match="ami-1"):
        await host.volumes().ensure(replace(VOLUME, image=replace(raw_image, format=format)))
    assert host.files() == []


async def test_a_volume_smaller_than_its_image_is_refused(host: Host, raw_image: ImageSource) -> None:
    with pytest.raises(Permanent, match="does not fit"):
        await host.volumes().ensure(VolumeSpec("vol-0a", MIB, raw_image))
    assert await host.volumes().list() == {}


async def test_a_pool_promises_no_more_than_it_has(host: Host) -> None:
    driver = host.volumes()
    await driver.ensure(VolumeSpec("vol-0a", GIB))
    for spec in (VolumeSpec("vol-0b", GIB), VolumeSpec("vol-0a", 2 * GIB)):
        with pytest.raises(Permanent, match=r"full: volume vol-0\w needs 1073741824 bytes, \d+ are free"):
            await driver.ensure(spec)
    assert await driver.list() == {"vol-0a": VolumeFile(GIB)}


@pytest.mark.parametrize("is_announced", [True, False])
async def test_a_full_filesystem_is_permanent_and_leaves_nothing(
    host: Host, tmp_path: Path, is_announced: bool
) -> None:
    path = tmp_path / "image.raw"
    path.write_bytes(b"x" * (100 * MIB))
    image = host.uploads.add("ami-1", path)
    filler = host.pool / "filler"
    unwritten = os.statvfs(host.pool).f_bavail * os.statvfs(host.pool).f_bsize
    await run("fallocate", f"--length={unwritten - 50 * MIB}", filler)
    try:
        with pytest.raises(Permanent, match=r"full: image ami-1 needs \d+ bytes, \d+ are free"):
            await _ensure_from(host, image if is_announced else replace(image, size_bytes=0))
    finally:
        filler.unlink()
    assert host.files() == []


async def _ensure_from(host: Host, image: ImageSource) -> None:
    async def fetch(image: ImageSource, target: Path) -> None:
        await asyncio.to_thread(target.write_bytes, host.uploads.files[image.image_id].read_bytes())

    driver = NbdVolumeDriver(host.settings, replace(host.context, fetch_image=fetch))
    await driver.ensure(replace(VOLUME, image=image))


async def test_what_a_crash_left_of_an_image_is_swept(host: Host, raw_image: ImageSource) -> None:
    images = host.pool / "images"
    for name in ("ami-1.upload.part", "ami-1.raw.part", "ami-9.upload.part"):
        (images / name).write_bytes(b"half")
    await host.volumes().ensure(replace(VOLUME, image=raw_image))
    assert (images / "ami-1.raw").stat().st_size == 4 * MIB
    await host.volumes().list()
    assert [path.name for path in images.iterdir()] == ["ami-1.raw"]


async def test_a_deleted_volume_lies_in_the_trash_with_its_data(host: Host, export: ExportSpec) -> None:
    await host.volumes().ensure(VOLUME)
    await host.exports().ensure(export)
    await qemu_io(host, export, "write -P 0x42 0 1M", "flush")
    with pytest.raises(Transient, match="still exported"):
        await host.volumes().ensure(TOMBSTONE)
    await host.exports().remove(export.export_name)
    await host.exports().remove(export.export_name)
    for _ in range(2):
        await host.volumes().ensure(TOMBSTONE)
    assert host.files() == [str(host.pool / "trash" / "vol-0a.raw")]
    assert await host.volumes().list() == {"vol-0a": VolumeFile(64 * MIB, deleted=True)}

    await host.volumes().ensure(replace(VOLUME, is_ready=True))
    assert await host.volumes().list() == {"vol-0a": VolumeFile(64 * MIB)}
    await host.exports().ensure(export)
    await qemu_io(host, export, "read -P 0x42 0 1M")


async def test_the_trash_is_emptied_when_its_time_is_over(host: Host) -> None:
    for volume_id in ("vol-0a", "vol-0b"):
        await host.volumes().ensure(VolumeSpec(volume_id, 64 * MIB))
        await host.volumes().ensure(VolumeSpec(volume_id, 64 * MIB, deleted=True))
    yesterday = str(time.time() - 25 * 3600).encode()
    os.setxattr(host.pool / "trash" / "vol-0a.raw", trash.DELETED_AT, yesterday)
    assert set(await host.volumes().list()) == {"vol-0b"}
    assert host.files() == [str(host.pool / "trash" / "vol-0b.raw")]


async def test_the_trash_gives_way_from_its_earliest_on_and_never_in_vain(host: Host) -> None:
    """Of 1.8 GiB, volumes and trash have 1.2."""
    driver = host.volumes()
    for volume_id in ("vol-2", "vol-1"):
        await driver.ensure(VolumeSpec(volume_id, 400 * MIB))
        await driver.ensure(VolumeSpec(volume_id, 400 * MIB, deleted=True))
    await driver.ensure(VolumeSpec("vol-3", 400 * MIB))
    with pytest.raises(Permanent, match="full"):
        await driver.ensure(VolumeSpec("vol-4", 2 * GIB))
    assert set(await driver.list()) == {"vol-1", "vol-2", "vol-3"}
    await driver.ensure(VolumeSpec("vol-4", 800 * MIB))
    assert set(await driver.list()) == {"vol-1", "vol-3", "vol-4"}


async def test_the_trash_has_its_share_of_the_pool(host: Host) -> None:
    driver = NbdVolumeDriver(replace(host.settings, trash_percent=30), host.context)
    for volume_id in ("vol-2", "vol-1"):
        await driver.ensure(VolumeSpec(volume_id, GIB // 2))
        await driver.ensure(VolumeSpec(volume_id, GIB // 2, deleted=True))
    assert set(await driver.list()) == {"vol-1"}


async def test_a_volume_that_was_lost_is_never_made_anew(host: Host) -> None:
    await host.volumes().ensure(VOLUME)
    (host.pool / "volumes" / "vol-0a.raw").unlink()
    with pytest.raises(Permanent, match=r"vol-0a is lost: .*volumes/vol-0a\.raw is gone"):
        await host.volumes().ensure(replace(VOLUME, is_ready=True))
    assert host.files() == []


async def test_volumes_made_at_once_share_what_there_is(host: Host) -> None:
    driver = host.volumes()
    wanted = [driver.ensure(VolumeSpec(f"vol-{number}", GIB)) for number in range(6)]
    ends = await asyncio.gather(*wanted, return_exceptions=True)
    assert sum(end is None for end in ends) == 1
    assert sum(isinstance(end, Permanent) for end in ends) == 5
    assert len(await driver.list()) == 1


async def test_images_give_way_to_volumes_the_longest_unused_first(host: Host, tmp_path: Path) -> None:
    driver = host.volumes()
    for number in (1, 2, 3):
        path = tmp_path / f"image-{number}.raw"
        path.write_bytes(bytes([number]) * (200 * MIB))
        image = host.uploads.add(f"ami-{number}", path)
        await driver.ensure(VolumeSpec(f"vol-{number}", 200 * MIB, image))
    os.utime(host.pool / "images" / "ami-1.raw")
    await driver.ensure(VolumeSpec("vol-4", 800 * MIB))
    assert [path.name for path in sorted((host.pool / "images").iterdir())] == ["ami-1.raw", "ami-3.raw"]
    await driver.ensure(VolumeSpec("vol-5", 450 * MIB))
    assert list((host.pool / "images").iterdir()) == []
    assert (host.pool / "volumes" / "vol-2.raw").read_bytes() == b"\2" * (200 * MIB)


async def test_an_image_fits_where_its_volume_does(host: Host, tmp_path: Path) -> None:
    """What the host offers holds for a volume made from an image, too; the image then goes."""
    path = tmp_path / "image.raw"
    path.write_bytes(b"x" * (900 * MIB))
    image = host.uploads.add("ami-1", path)
    size_bytes = (await host.volumes().probe()).storage_gib * GIB
    await host.volumes().ensure(VolumeSpec("vol-0a", size_bytes, image))
    assert await host.volumes().list() == {"vol-0a": VolumeFile(size_bytes)}
    assert list((host.pool / "images").iterdir()) == []


# --- exports ---------------------------------------------------------------------------------------------------------


async def test_the_right_host_reads_and_writes(host: Host, export: ExportSpec) -> None:
    await host.volumes().ensure(VOLUME)
    await host.exports().ensure(export)
    assert await host.exports().list() == {export.export_name: export}
    await qemu_io(host, export, "write -P 0x5a 1M 64k", "flush", "read -P 0x5a 1M 64k", "read -P 0 0 1M")
    assert (host.pool / "volumes" / "vol-0a.raw").read_bytes()[MIB : MIB + 65536] == b"\x5a" * 65536


async def test_everyone_else_is_refused(host: Host, export: ExportSpec, pki: Path) -> None:
    await host.volumes().ensure(VOLUME)
    await host.exports().ensure(export)
    other_export = replace(export, export_name="vol-0a-e9")
    strangers = {
        client(pki / "host-2", export): "Cannot read from TLS channel",  # Cut off without a word.
        client(pki / "host-1", export, tls=False): "TLS",
        client(pki / "host-1", other_export): "export 'vol-0a-e9' not present",
    }
    for arguments, reason in strangers.items():
        with pytest.raises(CommandFailed, match=reason):
            await run("qemu-io", "-c", "read 0 4k", *arguments, timeout_s=20)
    await qemu_io(host, export, "read -P 0 0 4k")


async def test_two_hosts_may_share_an_epoch(host: Host, export: ExportSpec, pki: Path) -> None:
    """For the duration of a live migration."""
    await host.volumes().ensure(VOLUME)
    both = replace(export, client_host_ids=("host-1", "host-2"))
    for spec, may_second in ((export, False), (both, True), (export, False)):
        await host.exports().ensure(spec)
        await qemu_io(host, spec, "read 0 4k")
        with contextlib.nullcontext() if may_second else pytest.raises(CommandFailed):
            await run("qemu-io", "-c", "read 0 4k", *client(pki / "host-2", spec), timeout_s=20)


async def test_sockets_have_tcp_nodelay(host: Host, export: ExportSpec) -> None:
    """QEMU doesn't set it; without it, reads of 4 KiB are a hundred times slower."""
    await host.volumes().ensure(VOLUME)
    await host.exports().ensure(export)
    daemon = host.daemon(export.export_name)
    assert daemon
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection(ADDRESS, export.port)
        await reader.readexactly(8)
    try:
        sockets = [sock for sock in _sockets_of(daemon.pid) if sock.getsockname()[1] == export.port]
        assert len(sockets) == 2  # One listens, one has accepted.
        for sock in sockets:
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            sock.close()
    finally:
        writer.close()


def _sockets_of(pid: int) -> Iterator[socket.socket]:
    """Duplicates of another process's TCP sockets: pidfd_getfd(2), which Python doesn't have."""
    pidfd = os.pidfd_open(pid)
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        if os.readlink(entry).startswith("socket:"):
            fd = ctypes.CDLL(None, use_errno=True).syscall(438, pidfd, int(entry.name), 0)
            if fd < 0:
                raise OSError(ctypes.get_errno(), f"pidfd_getfd is refused: {os.strerror(ctypes.get_errno())}")
            yield socket.socket(fileno=fd)
    os.close(pidfd)


async def test_an_export_that_is_open_stays_as_it_is(host: Host, export: ExportSpec) -> None:
    await host.volumes().ensure(VOLUME)
    await host.exports().ensure(export)
    daemon = host.daemon(export.export_name)
    await host.exports().ensure(export)
    assert daemon == host.daemon(export.export_name)


async def test_a_killed_daemon_comes_back_with_its_data(host: Host, export: ExportSpec) -> None:
    await host.volumes().ensure(VOLUME)
    await host.exports().ensure(export)
    await qemu_io(host, export, "write -P 0x77 0 1M")
    await _kill_daemon(host, export)
    assert await host.exports().list() == {}
    assert not any("run/exports" in name for name in host.files())
    await host.exports().ensure(export)
    await qemu_io(host, export, "read -P 0x77 0 1M")


async def test_the_end_of_a_daemon_is_told_at_once_also_of_an_adopted_one(host: Host, export: ExportSpec) -> None:
    await host.volumes().ensure(VOLUME)
    await host.exports().ensure(export)
    later = host.exports()  # As after a restart of the agent.
    await later.ensure(export)
    await _kill_daemon(host, export)
    async with asyncio.timeout(5):
        assert await anext(later.events()) == export.export_name


async def _kill_daemon(host: Host, spec: ExportSpec) -> None:
    daemon = host.daemon(spec.export_name)
    assert daemon
    with daemon.pinned() as pidfd:
        assert pidfd
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        assert select.select([pidfd], [], [], 10)[0]


async def test_a_new_epoch_opens_only_when_the_old_daemon_is_gone(
    host: Host, export: ExportSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    await host.volumes().ensure(VOLUME)
    await host.exports().ensure(export)
    old = host.daemon(export.export_name)
    assert old
    writer = await _connected_writer(host, export)

    async def start_after_the_old_is_gone(*argv: str, **options: object) -> Daemon:
        assert not old.is_alive
        return await start_daemon(*argv, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(exports, "start_daemon", start_after_the_old_is_gone)
    new = next_epoch(export)
    await host.exports().ensure(new)
    assert await host.exports().list() == {new.export_name: new}
    output, _ = await asyncio.wait_for(writer.communicate(b"write -P 0x66 0 4k\n"), 20)
    assert b"failed" in output
    await qemu_io(host, new, "read -P 0x11 0 4k")
    with pytest.raises(CommandFailed):
        await qemu_io(host, replace(export, port=new.port), "read 0 4k")


async def _connected_writer(host: Host, spec: ExportSpec) -> asyncio.subprocess.Process:
    """A client that has written once and would go on."""
    writer = await asyncio.create_subprocess_exec(
        "qemu-io",
        *client(host.context.pki_dir, spec),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert writer.stdin
    assert writer.stdout
    writer.stdin.write(b"write -P 0x11 0 4k\n")
    async with asyncio.timeout(20):
        await writer.stdout.readuntil(b"wrote 4096/4096")
    return writer


async def test_an_old_epoch_never_opens_again(host: Host, export: ExportSpec) -> None:
    await host.volumes().ensure(VOLUME)
    new = next_epoch(export)
    await host.exports().ensure(new)
    with pytest.raises(Permanent, match="e1 is over for good"):
        await host.exports().ensure(export)
    assert host.daemon(new.export_name)

    await host.exports().remove(new.export_name)
    with pytest.raises(Permanent, match="e1 is over for good"):
        await host.exports().ensure(export)  # A new driver, as after a restart, with no export open.
    await host.exports().ensure(new)


async def test_an_epoch_ends_with_the_boot_it_was_opened_in(host: Host, export: ExportSpec) -> None:
    """A guest elsewhere goes on writing after a power cut, and must not be told that what it lost is safe."""
    await host.volumes().ensure(VOLUME)
    elsewhere = replace(export, client_host_ids=("host-2",))
    await host.exports().ensure(elsewhere)
    await _kill_daemon(host, elsewhere)
    await host.exports().ensure(elsewhere)
    await _kill_daemon(host, elsewhere)

    rebooted = NbdExportDriver(host.settings, replace(host.context, boot_id="another"))
    with pytest.raises(Permanent, match="vol-0a-e1 ended when its storage host went down"):
        await rebooted.ensure(elsewhere)
    assert await rebooted.list() == {}
    new = next_epoch(elsewhere)
    await rebooted.ensure(new)
    assert await rebooted.list() == {new.export_name: new}


async def test_an_epoch_of_a_guest_on_this_host_outlives_the_boot_that_ended_both(
    host: Host, export: ExportSpec
) -> None:
    await host.volumes().ensure(VOLUME)
    await host.exports().ensure(export)
    await _kill_daemon(host, export)
    rebooted = NbdExportDriver(host.settings, replace(host.context, boot_id="another"))
    await rebooted.ensure(export)
    assert await rebooted.list() == {export.export_name: export}


async def test_two_epochs_at_once_end_with_the_later(host: Host, export: ExportSpec) -> None:
    await host.volumes().ensure(VOLUME)
    driver, new = host.exports(), next_epoch(export)
    await asyncio.gather(driver.ensure(new), driver.ensure(export), return_exceptions=True)
    assert await driver.list() == {new.export_name: new}


async def test_two_agents_never_export_one_volume_at_once(host: Host, export: ExportSpec, tmp_path: Path) -> None:
    await host.volumes().ensure(VOLUME)
    await host.exports().ensure(export)
    daemon = host.daemon(export.export_name)
    second = NbdExportDriver(host.settings, replace(host.context, run_dir=tmp_path / "other"))
    other = replace(export, port=_free_port())
    await second.ensure(other)
    assert daemon
    assert not daemon.is_alive
    await second.remove(other.export_name)


async def test_a_volume_that_somebody_else_has_open_is_not_exported(host: Host, export: ExportSpec) -> None:
    await host.volumes().ensure(VOLUME)
    with (host.pool / "volumes" / "vol-0a.raw").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(Transient, match=r"still exported: `fuser .*vol-0a\.raw`"):
            await host.exports().ensure(export)
    await host.exports().ensure(export)


@pytest.fixture
async def stray(host: Host, export: ExportSpec) -> Daemon:
    """The daemon of an export, whose record is lost."""
    await host.volumes().ensure(VOLUME)
    await host.exports().ensure(export)
    daemon = host.daemon(export.export_name)
    assert daemon
    shutil.rmtree(host.context.run_dir / "exports")
    return daemon


async def test_a_daemon_without_a_record_is_found_and_adopted(host: Host, export: ExportSpec, stray: Daemon) -> None:
    assert await host.exports().list() == {export.export_name: export}
    await host.exports().ensure(export)
    assert host.daemon(export.export_name) == stray


async def test_it_is_killed_when_it_is_not_wanted(host: Host, export: ExportSpec, stray: Daemon) -> None:
    await host.exports().remove(export.export_name)
    assert not stray.is_alive
    await host.volumes().ensure(TOMBSTONE)


async def test_it_gives_way_to_a_newer_epoch(host: Host, export: ExportSpec, stray: Daemon) -> None:
    new = next_epoch(export)
    await host.exports().ensure(new)
    assert not stray.is_alive
    assert await host.exports().list() == {new.export_name: new}


async def test_it_keeps_its_port_no_longer_than_until_it_is_found(
    host: Host, export: ExportSpec, stray: Daemon
) -> None:
    other = ExportSpec("vol-0b-e1", "vol-0b", 1, export.port, ("host-1",))
    await host.volumes().ensure(VolumeSpec("vol-0b", 64 * MIB))
    with pytest.raises(Transient, match="in use"):
        await host.exports().ensure(other)
    for export_name in await host.exports().list():  # As the engine does with what is not wanted.
        await host.exports().remove(export_name)
    await host.exports().ensure(other)


async def test_a_host_of_another_pool_at_the_same_path_is_left_alone(
    host: Host, export: ExportSpec, stray: Daemon
) -> None:
    """As in a lab, where each host has a mount namespace of its own."""
    path = host.pool / "volumes" / "vol-0a.raw"
    path.rename(path.with_suffix(".elsewhere"))
    await host.volumes().ensure(VOLUME)
    assert await host.exports().list() == {}
    path.with_suffix(".elsewhere").rename(path)
    assert stray.is_alive


async def test_a_second_connection_of_the_same_host_waits(host: Host, export: ExportSpec) -> None:
    await host.volumes().ensure(VOLUME)
    await host.exports().ensure(export)
    first = await _connected_writer(host, export)
    with pytest.raises(CommandFailed, match="still running"):
        await run("qemu-io", "-c", "write -P 2 0 4k", *client(host.context.pki_dir, export), timeout_s=2)
    output, _ = await asyncio.wait_for(first.communicate(b"write -P 3 0 4k\nquit\n"), 20)
    assert b"wrote 4096/4096" in output
    await qemu_io(host, export, "read -P 3 0 4k")


async def test_an_export_waits_for_its_volume(host: Host, export: ExportSpec) -> None:
    with pytest.raises(Transient, match="not in pool"):
        await host.exports().ensure(export)
    assert host.files() == []


async def test_what_keeps_an_export_from_opening_is_said(host: Host, export: ExportSpec, tmp_path: Path) -> None:
    await host.volumes().ensure(VOLUME)
    with (
        socket.create_server((ADDRESS, export.port)),
        pytest.raises(Transient, match=r"vol-0a-e1 .* port \d+: .*in use"),
    ):
        await host.exports().ensure(export)
    empty = replace(host.context, state_dir=tmp_path / "empty")
    empty.server_pki_dir.mkdir(parents=True)
    driver = NbdExportDriver(host.settings, empty)
    assert len((await driver.probe()).problems) == 3
    with pytest.raises(Transient, match=r"ca-cert\.pem"):
        await driver.ensure(export)
    assert [Path(name).name for name in host.files()] == ["vol-0a.raw"]
    await host.exports().ensure(export)


AGENT = """
import asyncio, os, signal
from pathlib import Path
from agent.drivers.base import HostContext
from agent.drivers.volume_nbd import NbdExportDriver
from agent.drivers.volume_nbd.settings import NbdSettings
from agent.model import ExportSpec

async def main():
    context = HostContext("host-1", {address!r}, Path({state!r}), Path({run!r}), Path("/"), None)
    await NbdExportDriver(NbdSettings(pool_dir={pool!r}), context).ensure({spec!r})
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_an_export_outlives_its_agent_and_is_adopted(host: Host, export: ExportSpec) -> None:
    await host.volumes().ensure(VOLUME)
    context = host.context
    script = AGENT.format(
        address=ADDRESS, run=str(context.run_dir), state=str(context.state_dir), pool=str(host.pool), spec=export
    )
    with pytest.raises(CommandFailed) as killed:
        await run(sys.executable, "-c", script)
    assert killed.value.exit_code == -signal.SIGKILL
    daemon = host.daemon(export.export_name)
    assert await host.exports().list() == {export.export_name: export}
    await host.exports().ensure(export)
    assert host.daemon(export.export_name) == daemon
    await qemu_io(host, export, "write -P 1 0 4k")
