"""What instances and volumes claim of their hosts."""

from controlplane.model.value import value


@value(frozen=True, slots=True)
class Resources:
    vcpus: int = 0
    memory_mib: int = 0
    storage_gib: int = 0

    def __add__(self, other: "Resources") -> "Resources":
        return Resources(
            self.vcpus + other.vcpus, self.memory_mib + other.memory_mib, self.storage_gib + other.storage_gib
        )

    def __sub__(self, other: "Resources") -> "Resources":
        return Resources(
            self.vcpus - other.vcpus, self.memory_mib - other.memory_mib, self.storage_gib - other.storage_gib
        )


NOTHING = Resources()
