"""Instances, volumes, attachments, and what hosts were seen to have."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from controlplane.ids import Prefix
from controlplane.model.capacity import NOTHING, Resources
from controlplane.model.kind import Kind
from controlplane.model.metadata_options import DEFAULT_OPTIONS, MetadataOptions
from controlplane.model.table import Owned, Table
from controlplane.model.value import value

ROOT_DEVICE = "/dev/sda1"


class Desired(Enum):
    """What an instance shall be."""

    ON = "on"
    OFF = "off"
    ABSENT = "absent"

    __hash__ = object.__hash__  # Enum's is a call in Python, and each instance of a list is looked up by it.


@dataclass(frozen=True, slots=True)
class StateReason:
    code: str
    message: str


@value(frozen=True, slots=True)
class Instance:
    """`generation` counts starts, `reboot_count` reboots. `vcpus` and `memory_mib` are the type's at launch.

    `desired_revision` is the revision that made `desired` what it is; `is_settled` says that the host has answered that
    one and agrees. `ran_generation` is the last start that was seen to run. `public_ip_wanted`: it gets an automatic
    public address at each start. `was_off`: it was off already when it was told to end.
    `architecture` and `boot_mode` are its image's, as in EC2; `machine_type` is QEMU's, the default at launch.
    """

    id: str
    project_id: str
    reservation_id: str
    launch_index: int
    image_id: str
    instance_type: str
    vcpus: int
    memory_mib: int
    zone: str
    host_id: str
    key_name: str
    public_key: str
    user_data: bytes
    desired: Desired
    desired_revision: int
    is_settled: bool
    generation: int
    ran_generation: int
    reboot_count: int
    stop_timeout_s: int
    public_ip_wanted: bool
    shutdown_behavior: str
    disable_api_termination: bool
    state_reason: StateReason | None
    launched_at: datetime
    created_at: datetime
    tags: Mapping[str, str]
    terminated_at: datetime | None = None
    was_off: bool = False
    architecture: str = "x86_64"
    boot_mode: str = "legacy-bios"
    machine_type: str = "q35"
    metadata_options: MetadataOptions = DEFAULT_OPTIONS

    @property
    def claims_host(self) -> bool:
        """Whether vCPUs and memory of its host are taken: it runs, shall run, or is not known to have ended."""
        return self.desired is Desired.ON or not (self.is_settled or self.was_off)

    @property
    def claim(self) -> Resources:
        return Resources(self.vcpus, self.memory_mib) if self.claims_host else NOTHING


class Instances(Owned[Instance]):
    kind = Kind("instance", Prefix.INSTANCE, "InvalidInstanceID", "DescribeInstances", is_public=True)
    row_type = Instance
    stored_as = "instances"
    filters = {
        "instance-id": lambda row: row.id,
        "instance-type": lambda row: row.instance_type,
        "image-id": lambda row: row.image_id,
        "key-name": lambda row: row.key_name,
        "availability-zone": lambda row: row.zone,
        "reservation-id": lambda row: row.reservation_id,
        "architecture": lambda row: row.architecture,
        "boot-mode": lambda row: row.boot_mode,
        "metadata-options.http-tokens": lambda row: row.metadata_options.http_tokens,
        "metadata-options.http-endpoint": lambda row: row.metadata_options.http_endpoint,
        "metadata-options.http-put-response-hop-limit": lambda row: str(
            row.metadata_options.http_put_response_hop_limit
        ),
        "metadata-options.instance-metadata-tags": lambda row: row.metadata_options.instance_metadata_tags,
    }

    def __init__(self) -> None:
        super().__init__()
        self.host = self.index(lambda row: row.host_id)
        self.ending = self.index(lambda row: None if row.is_settled or row.desired is Desired.ON else row.host_id)
        self.terminated = self.index(lambda row: True if row.terminated_at else None)
        self.live = self.counter(lambda row: (row.project_id,), lambda row: 0 if row.terminated_at else 1, 0)
        self.claimed = self.counter(lambda row: (row.host_id, row.project_id), lambda row: row.claim, NOTHING)


@value(frozen=True, slots=True)
class Volume:
    """A disk in a pool of a storage host. `epoch` is that of its latest attachment.

    `is_ready`: its host was seen to have made it; `is_deleted`: the host shall put it into its trash, where it was seen
    at `recycled_at`. From there it can be restored, or goes in due time.
    """

    id: str
    project_id: str
    zone: str
    host_id: str
    size_gib: int
    volume_type: str
    image_id: str
    epoch: int
    created_at: datetime
    tags: Mapping[str, str]
    is_ready: bool = False
    is_deleted: bool = False
    deleted_revision: int = 0
    recycled_at: datetime | None = None
    pool: str = ""

    @property
    def claim(self) -> Resources:
        """What is taken of its host: nothing where its room is there to take."""
        return Resources(storage_gib=self.size_gib) if self.recycled_at is None else NOTHING


class Volumes(Owned[Volume]):
    kind = Kind("volume", Prefix.VOLUME, "InvalidVolume", "DescribeVolumes", is_public=True)
    row_type = Volume
    stored_as = "volumes"
    filters = {
        "volume-id": lambda row: row.id,
        "availability-zone": lambda row: row.zone,
        "size": lambda row: str(row.size_gib),
        "volume-type": lambda row: row.volume_type,
    }

    def __init__(self) -> None:
        super().__init__()
        self.host = self.index(lambda row: row.host_id)
        self.image = self.index(lambda row: row.image_id or None)
        self.ending = self.index(lambda row: row.host_id if row.is_deleted and row.recycled_at is None else None)
        self.live = self.counter(lambda row: (row.project_id,), lambda row: 0 if row.is_deleted else 1, 0)
        self.claimed = self.counter(lambda row: (row.host_id, row.project_id), lambda row: row.claim, NOTHING)
        self.pool_gib = self.counter(lambda row: ((row.host_id, row.pool),), lambda row: row.claim.storage_gib, 0)

    def lists(self, row: Volume) -> bool:
        return row.recycled_at is None


class Phase(Enum):
    """An attachment's life: the compute host lets go, then the storage host closes the export, then the row goes.

    By force the storage host closes it first: what the guest then does with its disk reaches nothing.
    """

    ATTACHED = "attached"
    DETACHING = "detaching"  # The instance shall let go.
    RELEASED = "released"  # It has, or is not asked; the export shall close.


def attachment_id(volume_id: str, epoch: int) -> str:
    return f"{volume_id}-e{epoch}"


def volume_of(attachment_id: str) -> str:
    return attachment_id.rpartition("-e")[0]


@value(frozen=True, slots=True)
class Attachment:
    """What binds a volume to an instance for one epoch; `id` is the export's name, `<volume id>-e<epoch>`.

    `client_host_id` may open the export, which listens on `port` of `storage_host_id`. `phase_revision` is the revision
    that made `phase` what it is, and `phase_at` when that was. `is_busy`: it was noted that the guest does not let go.
    """

    id: str
    project_id: str
    volume_id: str
    instance_id: str
    device_name: str
    epoch: int
    port: int
    storage_host_id: str
    client_host_id: str
    delete_on_termination: bool
    phase: Phase
    phase_revision: int
    created_at: datetime
    phase_at: datetime | None = None
    is_busy: bool = False


class Attachments(Table[Attachment]):
    kind = Kind("attachment", is_public=True, part_of="instance_id")
    row_type = Attachment
    stored_as = "attachments"
    unique_fields = (("volume_id", "epoch"), ("storage_host_id", "port"))

    def __init__(self) -> None:
        super().__init__()
        self.volume = self.index(lambda row: row.volume_id)
        self.instance = self.index(lambda row: row.instance_id)
        self.storage_host = self.index(lambda row: row.storage_host_id)
        self.port = self.unique(lambda row: (row.storage_host_id, row.port))
        self.detaching = self.index(lambda row: row.client_host_id if row.phase is Phase.DETACHING else None)
        self.released = self.index(lambda row: row.storage_host_id if row.phase is Phase.RELEASED else None)


class ObservedKind(Enum):
    """The kinds of resources that a host can hold."""

    VOLUME = "volume"
    EXPORT = "export"
    VPC = "vpc"
    GATEWAY = "gateway"
    INSTANCE = "instance"

    __hash__ = object.__hash__  # See Desired: every report looks up each kind several times.


@dataclass(frozen=True, slots=True)
class VolumeFile:
    """A volume's file, `deleted` in the trash of its `pool`; `changed_at` in Unix seconds."""

    size_bytes: int
    deleted: bool
    epoch: int
    changed_at: int
    pool: str = ""


@value(frozen=True, slots=True)
class Observation:
    """What one host was last seen to have of one resource. No row: not seen there.

    `error` stays until the resource has converged; `since`: when it began. The fields from `running` to `export_names`,
    and `interface_ids`, are for instances; see `ObservedInstance` in session.proto. `file`: of a volume that its host
    was not asked to have.
    """

    id: str
    host_id: str
    kind: ObservedKind
    resource_id: str
    converged: bool
    error: str
    permanent: bool
    running: bool = False
    generation: int = 0
    has_run: bool = False
    powered_off_by_guest: bool = False
    reboot_count: int = 0
    export_names: tuple[str, ...] = ()
    since: datetime | None = None
    file: VolumeFile | None = None
    interface_ids: tuple[str, ...] = ()

    @property
    def devices(self) -> frozenset[str]:
        """Ids of the attachments and interfaces that the guest has."""
        return frozenset((*self.export_names, *self.interface_ids))


def observation_id(host_id: str, kind: ObservedKind, resource_id: str) -> str:
    return f"{host_id}/{kind._value_}/{resource_id}"  # `value` is a call in Python.


class Observations(Table[Observation]):
    kind = Kind("observation")
    row_type = Observation
    stored_as = "observations"
    unique_fields = (("host_id", "kind", "resource_id"),)

    def __init__(self) -> None:
        super().__init__()
        self.host = self.index(lambda row: row.host_id)
        self.file = self.index(lambda row: row.host_id if row.file else None)

    def part_of(self, old: Observation | None, new: Observation | None) -> str:
        """The guest's devices that came or went, with spaces between them."""
        before, after = (row.devices if row else frozenset() for row in (old, new))
        return " ".join(sorted(before ^ after))
