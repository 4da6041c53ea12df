"""A storage host's volumes. Run on a node: Stead's driver in a pool of its own, and qemu-nbd beside it.

    ROUNDS REQUESTS   how often, and how many requests of 4 KiB each time

Prints, for each round, how long volumes of a small and of a large image took, in seconds, and requests per second.
"""

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.drivers.base import HostContext
from agent.drivers.volume_nbd import NbdStorageDriver
from agent.drivers.volume_nbd.pool import create_pool
from agent.drivers.volume_nbd.settings import NbdSettings
from agent.images import Images
from agent.model import ExportSpec, ImageSource, VolumeSpec

HOME = Path("/run/stead")
POOL = HOME / "pool"
POOL_GIB = 256  # Sparse.
MIB, GIB = 1 << 20, 1 << 30
DATA_BYTES = 128 * MIB  # Of each image; the rest is a hole.
SMALL = ImageSource("ami-small", "raw", DATA_BYTES, "")
LARGE = ImageSource("ami-large", "raw", 8 * GIB, "")
SOCKET = HOME / "bare.sock"


async def measure(rounds: int, requests: int) -> dict[str, list[float]]:
    _mount_pool()
    await create_pool(POOL)
    driver = NbdStorageDriver(NbdSettings(pool_dir=POOL), _context())
    for image in (SMALL, LARGE):
        await _volume_s(driver, f"vol-{image.image_id}", image)  # The image comes with it.
    spec = ExportSpec("vol-ours-e1", "vol-ours", 1, 0, (_context().host_id,))
    for volume_id in ("vol-ours", "vol-bare"):
        await _volume_s(driver, volume_id, LARGE)
    await driver.ensure_export(spec)
    (file,) = POOL.glob("volumes/vol-bare*")
    ours = f"nbd+unix:///{spec.export_name}?socket={_context().export_socket(spec.export_name)}"
    bare = f"nbd+unix:///bare?socket={SOCKET}"
    found: dict[str, list[float]] = {key: [] for key in ("small", "large", "read", "bare read", "write", "bare write")}
    with _bare(file):
        for number in range(rounds):
            found["small"].append(await _volume_s(driver, f"vol-s{number}", SMALL))
            found["large"].append(await _volume_s(driver, f"vol-l{number}", LARGE))
            for what, options in (("read", ()), ("write", ("-w",))):
                found[what].append(_per_s(ours, requests, *options))
                found[f"bare {what}"].append(_per_s(bare, requests, *options))
    await driver.remove_export(spec.export_name)
    return found


def _mount_pool() -> None:
    """In memory, so that no disk is measured."""
    POOL.mkdir(parents=True)
    backing = HOME / "pool.xfs"
    subprocess.run(["truncate", f"--size={POOL_GIB}G", backing], check=True)
    subprocess.run(["mkfs.xfs", "-q", backing], check=True)
    subprocess.run(["mount", "-o", "loop", backing, POOL], check=True)


def _context() -> HostContext:
    async def copy(image: ImageSource, target: Path) -> None:
        with target.open("wb") as file:
            file.write(b"\xab" * DATA_BYTES)
            file.truncate(image.size_bytes)

    for name in ("state", "run"):
        (HOME / name).mkdir(parents=True, exist_ok=True)
    return HostContext("host-1", "127.0.0.1", HOME / "state", HOME / "run", HOME / "pki", Images(copy))


async def _volume_s(driver: NbdStorageDriver, volume_id: str, image: ImageSource) -> float:
    began = time.perf_counter()
    await driver.ensure_volume(VolumeSpec(volume_id, image.size_bytes, image))
    return time.perf_counter() - began


@contextmanager
def _bare(file: Path) -> Iterator[None]:
    options = ["--persistent", "--format=raw", "--cache=none", "--aio=native", "--discard=unmap"]
    server = subprocess.Popen(["qemu-nbd", *options, f"--socket={SOCKET}", "--export-name=bare", str(file)])
    try:
        while not SOCKET.exists():
            if server.poll() is not None:
                raise RuntimeError("qemu-nbd ended before it served")
            time.sleep(0.02)
        yield
    finally:
        server.kill()
        server.wait()


def _per_s(target: str, requests: int, *options: str) -> float:
    """Requests within the data, 32 at once."""
    command = ["qemu-img", "bench", "-f", "raw", "-t", "none", "-d", "32", "-s", "4096", "-c", str(requests)]
    done = subprocess.run([*command, *options, target], capture_output=True, text=True, check=True)
    (took_s,) = re.findall(r"Run completed in ([\d.]+) seconds", done.stdout)
    return requests / float(took_s)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(int(sys.argv[1]), int(sys.argv[2])))))
