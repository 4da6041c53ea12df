"""Orphans: volumes on hosts of which the region knows nothing. They take room until an admin adopts or deletes them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from controlplane.errors import Conflict, NotFound, Parameter
from controlplane.model.instance import Observation, ObservedKind, Volume, VolumeFile
from controlplane.model.state import Change, State
from controlplane.service import quotas
from controlplane.service.call import Call, check_id, check_project, check_tags, find
from controlplane.service.capacity import GIB, check_room, is_orphan
from controlplane.service.volumes import VOLUME_TYPE, check_size

# No volume was opened more often; an agent in wrong hands may say so, and the database has an end.
MOST_EPOCHS = 1 << 40


@dataclass(frozen=True, slots=True)
class Orphan:
    """`file` is None until its host has told of it."""

    host_id: str
    volume_id: str
    file: VolumeFile | None

    @property
    def id(self) -> str:
        return f"{self.host_id}/{self.volume_id}"


def select(state: State, call: Call, host_ids: Sequence[str]) -> list[Orphan]:
    """On the named hosts, or on all."""
    hosts = [find(state.hosts, host_id, call) for host_id in dict.fromkeys(host_ids)] or list(state.hosts)
    return [orphan for host in hosts for orphan in _select(state, host.id)]


def _select(state: State, host_id: str) -> Iterator[Orphan]:
    for row in state.observations.host.of(host_id):
        if row.kind is ObservedKind.VOLUME and is_orphan(state, row):
            yield Orphan(host_id, row.resource_id, row.file)


@dataclass(frozen=True, slots=True)
class AdoptOrphan:
    host_id: str
    volume_id: str
    project_id: str
    tags: Mapping[str, str] = field(default_factory=dict)


def adopt(state: State, call: Call, request: AdoptOrphan) -> tuple[Change, str]:
    """Make it a volume of a project. What was opened before in its epochs is shut out by the next one."""
    check_project(state, request.project_id)
    check_tags(request.tags)
    seen, file = _find(state, call, request.host_id, request.volume_id)
    volume = replace(_volume(state, call, seen, file), project_id=request.project_id, tags=request.tags)
    check_size(volume.size_gib)
    quotas.check_volume(state, replace(call, project_id=request.project_id), volume.size_gib)
    if file.deleted:
        check_room(state, volume)
    return _taken(seen, volume), volume.id


@dataclass(frozen=True, slots=True)
class DeleteOrphan:
    host_id: str
    volume_id: str


def delete(state: State, call: Call, request: DeleteOrphan) -> tuple[Change, str]:
    """As a volume of the caller's project that is deleted: it goes in due time, and can be brought back until then,
    unless it has a size that no volume can have.
    """
    seen, file = _find(state, call, request.host_id, request.volume_id)
    volume = replace(_volume(state, call, seen, file), is_deleted=True, deleted_revision=state.revision + 1)
    return _taken(seen, volume), volume.id


def _find(state: State, call: Call, host_id: str, volume_id: str) -> tuple[Observation, VolumeFile]:
    host = find(state.hosts, host_id, call)
    check_id(state.volumes.kind, volume_id)
    seen, known = state.observed(ObservedKind.VOLUME, volume_id, host.id), state.volumes.get(volume_id)
    if known is not None and known.host_id == host.id:
        # Whoever repeats the call must not be told to move a volume's file away.
        rest = "deleted it; `stead volume undelete` brings it back" if known.is_deleted else "has it as a volume"
        raise Conflict(
            "IncorrectState",
            f"{volume_id} on {host.id} ({host.name}) is no orphan: project {known.project_id} {rest}",
            blocking_ids=[volume_id],
        )
    if known is not None:
        raise Conflict(
            "IncorrectState",
            f"The region has a volume {volume_id}, on {known.host_id}: what {host.id} has under this id can be neither "
            "adopted nor deleted from here; move the file away on the host",
            blocking_ids=[volume_id],
        )
    if seen is None:
        message = f"{host.id} ({host.name}) has no orphan {volume_id}; see DescribeOrphanVolumes"
        raise NotFound("InvalidVolume.NotFound", message, parameter=Parameter("", volume_id))
    if seen.file is None:
        raise Conflict(
            "IncorrectState",
            f"{host.id} ({host.name}) has not told yet what {volume_id} is; try again in half a minute, or, where the "
            "host holds what it would remove, after `stead host release`",
        )
    return seen, seen.file


def _volume(state: State, call: Call, seen: Observation, file: VolumeFile) -> Volume:
    return Volume(
        id=seen.resource_id,
        project_id=call.project_id,
        zone=state.hosts[seen.host_id].zone,
        host_id=seen.host_id,
        pool=file.pool,
        size_gib=-(-file.size_bytes // GIB),
        volume_type=VOLUME_TYPE,
        image_id="",
        epoch=min(file.epoch, MOST_EPOCHS),
        created_at=call.now,
        tags={},
        is_ready=True,
    )


def _taken(seen: Observation, volume: Volume) -> Change:
    """What its host said of the orphan is over."""
    change = Change()
    change.put(volume, replace(seen, error="", permanent=False, since=None, file=None))
    return change
