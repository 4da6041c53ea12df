"""Makes of an image, whoever uploaded it, a raw file on this host: the `ImageService` of `agent.drivers.base`.

Nothing in an image is trusted: it must not lead to other files of the host, nor take memory, time or room without end.
"""

import json
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from agent.drivers.base import Claim, Permanent
from agent.host.process import CommandFailed, run
from agent.host.threads import Threads
from agent.model import ImageSource

MAX_VIRTUAL_BYTES = 16 << 40  # EC2's largest gp3 volume; a header may claim anything.
CONVERT_TIMEOUT_S = 3600.0  # Lower: a large image on a slow disk never gets in. Higher: a hung disk shows up later.
SYNC_DEADLINE_S = (
    300.0  # Of all of it at once, many GiB. Lower: a slow disk counts as stuck. Higher: a hung one is hidden.
)
# A crafted header can make qemu-img take all memory and time there is (CVE-2015-5162).
INSPECT = ("prlimit", f"--as={1 << 30}", "--cpu=30", "qemu-img")

# Writes the upload to a file that does not exist, checks its size and SHA-256, and leaves none behind where it raises.
Fetch = Callable[[ImageSource, Path], Awaitable[None]]


class Images:
    """See ImageService."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._threads = Threads("the disk that images come to", 4, SYNC_DEADLINE_S)

    async def bring(self, image: ImageSource, target: Path, claim: Claim) -> None:
        if image.format not in ("raw", "qcow2"):
            raise Permanent(f"image {image.image_id} has format {image.format!r}; use raw or qcow2")
        upload = target.with_name(f"{target.name}.upload")
        await self._threads.run(str(target), _unlink, target, upload)
        try:
            await claim(image.size_bytes)
            await self._fetch(image, target if image.format == "raw" else upload)
            if image.format == "qcow2":
                await self._convert(image, upload, target, claim)
            await self._threads.run(str(target), _sync, target)
        except BaseException:
            await self._threads.run(str(target), _unlink, target)
            raise
        finally:
            await self._threads.run(str(target), _unlink, upload)

    async def _convert(self, image: ImageSource, upload: Path, target: Path, claim: Claim) -> None:
        try:
            info = json.loads(await run(*INSPECT, "info", "-f", "qcow2", "--output=json", upload))
            refuse_unsafe(image.image_id, info)
            size = json.loads(await run(*INSPECT, "measure", "-f", "qcow2", "-O", "raw", "--output=json", upload))
            await claim(size["required"])
            await run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", upload, target, timeout_s=CONVERT_TIMEOUT_S)
        except CommandFailed as error:
            raise Permanent(f"image {image.image_id} cannot be converted from qcow2: {error.stderr}") from error


def refuse_unsafe(image_id: str, info: Mapping[str, Any]) -> None:
    """Judge the output of `qemu-img info`: an image must not lead to other files of the host, or to absurd sizes."""
    reason = None
    if info.get("backing-filename"):
        reason = f"has a backing file {info['backing-filename']!r}; flatten it with `qemu-img convert`"
    elif info.get("format-specific", {}).get("data", {}).get("data-file"):
        reason = "keeps its data in an external file; flatten it with `qemu-img convert`"
    elif info.get("encrypted"):
        reason = "is encrypted; decrypt it with `qemu-img convert`"
    elif info["virtual-size"] > MAX_VIRTUAL_BYTES:
        reason = f"has a virtual size of {info['virtual-size']} bytes; {MAX_VIRTUAL_BYTES} is the limit"
    if reason:
        raise Permanent(f"image {image_id} {reason}")


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _unlink(*paths: Path) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
