"""Volumes, exports, pools."""

from dataclasses import dataclass, field

from agent.model.refs import Kind, Ref


@dataclass(frozen=True, slots=True)
class ImageSource:
    image_id: str
    format: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class VolumeSpec:
    volume_id: str
    size_bytes: int
    image: ImageSource | None = None
    is_ready: bool = False
    deleted: bool = False
    pool: str = ""

    @property
    def ref(self) -> Ref:
        return Ref(Kind.VOLUME, self.volume_id)


def export_name(volume_id: str, epoch: int) -> str:
    return f"{volume_id}-e{epoch}"


def parse_export_name(name: str) -> tuple[str, int]:
    """Volume id and epoch; an empty id where it is no name of ours."""
    volume_id, _, epoch = name.rpartition("-e")
    return (volume_id, int(epoch)) if epoch.isdecimal() else ("", 0)


@dataclass(frozen=True, slots=True)
class Limits:
    """Reads and writes together; 0: no limit."""

    iops: int = 0
    bytes_per_s: int = 0


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class ExportSpec:
    export_name: str
    volume_id: str
    epoch: int
    port: int
    client_host_ids: tuple[str, ...]
    limits: Limits = NO_LIMITS
    read_only: bool = False

    @property
    def ref(self) -> Ref:
        return Ref(Kind.EXPORT, self.export_name)


@dataclass(frozen=True, slots=True)
class Pool:
    """One of a host's, by its name in `[drivers]`."""

    name: str
    storage_gib: int


@dataclass(frozen=True, slots=True)
class VolumeFile:
    """What there is of a volume, `deleted` where it is in the trash. That the others alone differ is no news."""

    size_bytes: int
    deleted: bool = False
    epoch: int = 0
    changed_at: int = field(default=0, compare=False)
    pool: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Export:
    """An open export, as it was opened; `problem` says why it is not well, for people, and is empty where it is."""

    spec: ExportSpec
    problem: str = ""
