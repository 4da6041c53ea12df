"""Which pool this is: a UUID in the pool, and in the host's state_dir that of the pool which has its volumes. Blocks.

A blank disk, or somebody else's, in the pool's place is refused. There this host's volumes would seem to be lost, and
new ones would be made where nobody looks for them later.
"""

import threading
import uuid
from dataclasses import dataclass
from pathlib import Path

from agent.drivers.base import Transient
from agent.files import write_durably

NAME = "pool-id"
_DRIVER = "nbd"  # A pool that is called as the driver is has no name in its file's.
_FIRST = threading.Lock()


def ensure(pool: Path) -> None:
    """Give the pool an identity, unless it has one."""
    if not (pool / NAME).exists():
        write_durably(pool / NAME, f"{uuid.uuid4()}\n".encode(), mode=0o644)


@dataclass(frozen=True, slots=True)
class Identity:
    """`known` has the UUID of the host's own pool, from the first time that it saw one; its other pools' are beside."""

    pool: Path
    known: Path

    def check(self) -> None:
        """Raises Transient when it is another pool, or none: it heals when the right one is mounted."""
        found = _read(self.pool / NAME)
        if not found:
            raise Transient(f"{self.pool} is not a pool, or not mounted: {hint(self.pool)}")
        known = self._recall(found)
        if found != known:
            raise Transient(
                f"{self.pool} has pool {found}, and the volumes of this host are in pool {known}: mount the disk that "
                f"has it; or give that one up, with all volumes in it, by removing {self.known}"
            )

    def _recall(self, found: str) -> str:
        """The host's own pool: this one, where it is the first."""
        with _FIRST:
            if not self.known.exists():
                self._check_free(found)
                write_durably(self.known, f"{found}\n".encode())
            return _read(self.known)

    def _check_free(self, found: str) -> None:
        """One pool under two names would be promised twice; under a new one, its volumes would count in another."""
        for other in sorted(self.known.parent.glob(f"{NAME}*")):
            if _read(other) == found:
                name = other.name.removeprefix(f"{NAME}-") if other.name != NAME else _DRIVER
                raise Transient(
                    f"{self.pool} has the pool that this host calls {name}: a pool's name is for ever, so call it that "
                    f"in [drivers], or mount another here; if no volume is left in it, remove {other}"
                )


def _read(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""


def hint(pool: Path) -> str:
    """How to have one."""
    return (
        f"run `python -m agent.drivers.volume_nbd.pool mount --dir {pool}`, or, for a new one, "
        f"`python -m agent.drivers.volume_nbd.pool create --dir {pool} --size-gib N`"
    )
