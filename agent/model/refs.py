"""What names a resource on a host."""

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """The kinds of resources, in the order in which one pass brings them up; they are taken down in reverse."""

    VOLUME = "volume"
    EXPORT = "export"
    VPC = "vpc"
    GATEWAY = "gateway"
    INSTANCE = "instance"


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """Names one resource on this host."""

    kind: Kind
    id: str

    def __hash__(self) -> int:
        return hash(self.id)  # Ids of different kinds are others, but for a VPC's gateway.

    def __str__(self) -> str:
        return f"{self.kind.value} {self.id}"
