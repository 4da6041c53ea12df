"""Images, key pairs and instance types: what an instance is launched from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from controlplane.ids import Prefix
from controlplane.model.kind import Kind
from controlplane.model.table import Owned, Table

EVERYBODY = "*"  # In place of a project's id.


@dataclass(frozen=True, slots=True)
class InstanceType:
    """`id` is its name, e.g. t3.nano."""

    id: str
    vcpus: int
    memory_mib: int
    created_at: datetime


class InstanceTypes(Table[InstanceType]):
    kind = Kind("instance-type")
    row_type = InstanceType
    stored_as = "instance_types"


@dataclass(frozen=True, slots=True)
class Image:
    """An upload that is complete. `deregistered_at`: nobody sees it any more, but volumes may still be made from it.

    Others than its project may launch from it where it is public, or they are among `launch_permissions` (project ids).
    `architecture` and `boot_mode` have EC2's values.
    """

    id: str
    project_id: str
    name: str
    description: str
    format: str
    size_bytes: int
    virtual_size_bytes: int
    sha256: str
    created_at: datetime
    tags: Mapping[str, str]
    deregistered_at: datetime | None = None
    is_public: bool = False
    launch_permissions: tuple[str, ...] = ()
    architecture: str = "x86_64"
    boot_mode: str = "legacy-bios"

    @property
    def seen_by(self) -> tuple[str, ...]:
        """Ids of the projects that see it and may launch from it, or EVERYBODY."""
        if self.deregistered_at is not None:
            return ()
        everybody = (EVERYBODY,) if self.is_public else ()
        return tuple(dict.fromkeys((self.project_id, *self.launch_permissions, *everybody)))


class Images(Owned[Image]):
    kind = Kind("image", Prefix.IMAGE, "InvalidAMIID", "DescribeImages", is_public=True)
    row_type = Image
    stored_as = "images"
    filters = {
        "image-id": lambda row: row.id,
        "name": lambda row: row.name,
        "state": lambda row: "available",
        "owner-id": lambda row: row.project_id,
        "is-public": lambda row: row.is_public,
        "architecture": lambda row: row.architecture,
        "boot-mode": lambda row: row.boot_mode,
    }

    def __init__(self) -> None:
        super().__init__()
        self.name = self.unique(lambda row: None if row.deregistered_at else (row.project_id, row.name))
        self.seen_by = self.index_each(lambda row: row.seen_by)
        self.size_bytes = self.counter(lambda row: (row.project_id,), lambda row: row.size_bytes, 0)

    def lists(self, row: Image) -> bool:
        return row.deregistered_at is None


@dataclass(frozen=True, slots=True)
class KeyPair:
    """`key_type` is "ed25519" or "rsa"; `public_key` one line in OpenSSH format."""

    id: str
    project_id: str
    name: str
    key_type: str
    fingerprint: str
    public_key: str
    created_at: datetime
    tags: Mapping[str, str]


class KeyPairs(Owned[KeyPair]):
    kind = Kind("key-pair", Prefix.KEY_PAIR, "InvalidKeyPair", "DescribeKeyPairs", is_public=True)
    row_type = KeyPair
    stored_as = "key_pairs"
    unique_fields = (("project_id", "name"),)
    filters = {
        "key-name": lambda row: row.name,
        "key-pair-id": lambda row: row.id,
        "fingerprint": lambda row: row.fingerprint,
    }

    def __init__(self) -> None:
        super().__init__()
        self.name = self.unique(lambda row: (row.project_id, row.name))
