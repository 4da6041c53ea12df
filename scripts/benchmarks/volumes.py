"""Volumes (P15): how long one of an image takes, and what their I/O loses, beside bare qemu-nbd."""

import asyncio

from benchmarks.figures import Figure, Progress, Scale
from benchmarks.places import places
from benchmarks.process import ask

REQUESTS = 30_000  # Of 4 KiB, one after the other: within what images have of data.


async def measure(scale: Scale, progress: Progress) -> list[Figure]:
    progress("volumes: a pool, images, exports")
    with places("volumes", "storage") as nodes:
        command = nodes["storage"].command([])
        found = await asyncio.to_thread(ask, "disk", scale.rounds, scale.of(REQUESTS), prefix=command)
    ms = {size: [took_s * 1000 for took_s in found[size]] for size in ("small", "large")}
    floor = "qemu-nbd on a UNIX socket"
    return [
        Figure("volume from an image of 128 MiB", "ms", ms["small"], target="P15 volume"),
        Figure("volume from an image of 8 GiB (P15)", "ms", ms["large"], target="P15 volume"),
        Figure("reads of 4 KiB by NBD (P15)", "/s", found["read"], floor, found["bare read"], "P15 io"),
        Figure("writes of 4 KiB by NBD (P15)", "/s", found["write"], floor, found["bare write"], "P15 io"),
    ]
