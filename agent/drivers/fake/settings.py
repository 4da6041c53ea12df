"""Settings of all fake drivers: the table `[drivers.fake]`."""

from dataclasses import dataclass
from typing import Annotated

from agent.settings import Within


@dataclass(frozen=True, slots=True)
class FakeSettings:
    vcpus: Annotated[int, Within(0)] = 64  # What the host claims to have.
    memory_mib: Annotated[int, Within(0)] = 262_144
    storage_gib: Annotated[int, Within(0)] = 10_000
    seed: int = 0  # Of the random faults.
    failure_rate: Annotated[float, Within(0, 1)] = 0.0  # Share of the verbs that fail with Transient, 0 to 1.
    latency_s: Annotated[float, Within(0, 3600)] = 0.0  # What each verb that changes something takes, seconds.
    # Whether exports at an address of no fake host in this process count as open: for fleets in several processes.
    trust_foreign_exports: bool = False
    # Whether a volume that was made once is there although this process did not make it: for fleets that are run again.
    keeps_volumes: bool = False
    fetch_images: bool = False  # Whether a volume's image is fetched, although nothing is kept of it.
