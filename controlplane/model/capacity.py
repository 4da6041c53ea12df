"""What instances and volumes claim of their hosts."""

from dataclasses import dataclass

from controlplane.model.instance import Instance, Volume
from controlplane.model.lifecycle import claims_host


@dataclass(frozen=True, slots=True)
class Resources:
    vcpus: int = 0
    memory_mib: int = 0
    storage_gib: int = 0

    def plus(self, other: "Resources", times: int = 1) -> "Resources":
        return Resources(
            self.vcpus + times * other.vcpus,
            self.memory_mib + times * other.memory_mib,
            self.storage_gib + times * other.storage_gib,
        )


NOTHING = Resources()


def claim_of(row: object) -> tuple[str, Resources] | None:
    """Host and what the row claims there; None for rows that claim nothing, as a volume whose room is there to take."""
    if isinstance(row, Instance):
        return (row.host_id, Resources(row.vcpus, row.memory_mib)) if claims_host(row) else None
    if isinstance(row, Volume) and row.recycled_at is None:
        return row.host_id, Resources(storage_gib=row.size_gib)
    return None
