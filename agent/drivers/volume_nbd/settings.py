"""What an operator may set for volumes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from agent.settings import Percent, Within


@dataclass(frozen=True, slots=True, kw_only=True)
class NbdSettings:
    # A directory on XFS or btrfs, prepared by `python -m agent.drivers.volume_nbd.pool create`, which two agents must
    # not share.
    pool_dir: Path = Path("/var/lib/stead/pool")
    # Per cent of the pool kept back for cached images and the filesystem's own needs. Lower: when many images are in
    # use, guests see write errors on volumes that were promised their full size. Higher: disk that is never used.
    reserve_percent: Annotated[int, Within(0, 90)] = 5
    # Hours that a deleted volume stays in the trash, if its room is not needed before. Lower: less time to regret it.
    # Higher: nothing lost but the room, which new volumes take back anyway.
    trash_hours: Annotated[int, Within(0, 8760)] = 24
    # Per cent of the pool that the trash may fill, at most. Lower: a few large volumes drive the others out early.
    trash_percent: Percent = 50
