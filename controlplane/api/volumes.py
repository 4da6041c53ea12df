"""Volumes and their attachments."""

from datetime import datetime

from controlplane.api import convert
from controlplane.api.caller import Context, Edge
from controlplane.api.describe import describe
from controlplane.model.instance import Attachment, Volume, volume_of
from controlplane.model.project import Role
from controlplane.model.state import State
from controlplane.service import describing, health, volumes
from controlplane.sessions import Sessions
from stead.v1 import volumes_pb2 as pb
from stead.v1.volumes_pb2_grpc import VolumesServicer


class Volumes(VolumesServicer):
    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def CreateVolume(self, request: pb.CreateVolumeRequest, context: Context) -> pb.CreateVolumeResponse:
        asked = convert.to_request(request, volumes.CreateVolume)
        role, sessions = self._edge.call().role, self._edge.sessions

        def reply(state: State, volume_id: str) -> pb.CreateVolumeResponse:
            row = state.volumes.get(volume_id)
            message = to_volume(state, sessions, row, role) if row else pb.Volume(volume_id=volume_id, state="deleted")
            return pb.CreateVolumeResponse(volume=message)

        made, _ = await self._edge.mutate(request, volumes.create, asked, reply)
        return made

    async def AttachVolume(self, request: pb.AttachVolumeRequest, context: Context) -> pb.AttachVolumeResponse:
        asked = convert.to_request(request, volumes.AttachVolume)
        made, _ = await self._edge.mutate(
            request,
            volumes.attach,
            asked,
            lambda state, attachment_id: pb.AttachVolumeResponse(
                attachment=_attachment(state, attachment_id, self._edge.clock())
            ),
        )
        return made

    async def DetachVolume(self, request: pb.DetachVolumeRequest, context: Context) -> pb.DetachVolumeResponse:
        asked = convert.to_request(request, volumes.DetachVolume)
        done, _ = await self._edge.mutate(
            request,
            volumes.detach,
            asked,
            lambda state, attachment_id: pb.DetachVolumeResponse(
                attachment=_attachment(state, attachment_id, self._edge.clock())
            ),
        )
        return done

    async def DeleteVolume(self, request: pb.DeleteVolumeRequest, context: Context) -> pb.DeleteVolumeResponse:
        done, _ = await self._edge.mutate(
            request,
            volumes.delete,
            request.volume_id,
            lambda state, _: pb.DeleteVolumeResponse(),
        )
        return done

    async def ListVolumesInRecycleBin(
        self, request: pb.ListVolumesInRecycleBinRequest, context: Context
    ) -> pb.ListVolumesInRecycleBinResponse:
        found, page = await describe(
            self._edge,
            request,
            lambda state, call: volumes.select_recycled(state, call, request.volume_ids),
            lambda state: {
                "availability-zone": lambda row: row.zone,
                "size": lambda row: str(row.size_gib),
                "tag-key": lambda row: row.tags,
            },
            lambda state, row, call: to_recycled_volume(row),
        )
        return pb.ListVolumesInRecycleBinResponse(volumes=found, **page)

    async def RestoreVolumeFromRecycleBin(
        self, request: pb.RestoreVolumeFromRecycleBinRequest, context: Context
    ) -> pb.RestoreVolumeFromRecycleBinResponse:
        done, _ = await self._edge.mutate(
            request,
            volumes.restore,
            request.volume_id,
            lambda state, _: pb.RestoreVolumeFromRecycleBinResponse(),
        )
        return done

    async def DescribeVolumes(self, request: pb.DescribeVolumesRequest, context: Context) -> pb.DescribeVolumesResponse:
        found, page = await describe(
            self._edge,
            request,
            lambda state, call: volumes.select(state, call, request.volume_ids),
            lambda state: describing.volume_filters(state, self._edge.clock()),
            lambda state, row, call: to_volume(state, self._edge.sessions, row, call.role),
        )
        return pb.DescribeVolumesResponse(volumes=found, **page)


def _attachment(state: State, attachment_id: str, now: datetime) -> pb.VolumeAttachment:
    """Detached, when the attachment that a repeated call made is over."""
    row = state.attachments.get(attachment_id)
    if row is None:
        return pb.VolumeAttachment(volume_id=volume_of(attachment_id), state="detached")
    return to_attachment(state, row, now)


def to_attachment(state: State, row: Attachment, now: datetime) -> pb.VolumeAttachment:
    status, detail = health.of_attachment(state, row, now)
    return pb.VolumeAttachment(
        volume_id=row.volume_id,
        instance_id=row.instance_id,
        device_name=row.device_name,
        state=status,
        state_detail=detail,
        delete_on_termination=row.delete_on_termination,
        attach_time=convert.timestamp(row.created_at),
    )


def to_volume(state: State, sessions: Sessions, row: Volume, role: Role) -> pb.Volume:
    seen, now = health.of_volume(state, sessions.presence, row), sessions.now()
    return pb.Volume(
        volume_id=row.id,
        size_gib=row.size_gib,
        state=volumes.state_of(state, row).value,
        state_detail=health.shown_cause(state, seen.cause, role),
        status=seen.status,
        status_since=convert.maybe(seen.since),
        last_seen_time=convert.maybe(seen.last_seen_at),
        zone_name=row.zone,
        host_id=row.host_id if role is Role.ADMIN else "",
        volume_type=row.volume_type,
        image_id=row.image_id,
        attachments=[to_attachment(state, attachment, now) for attachment in state.attachments.volume.of(row.id)],
        create_time=convert.timestamp(row.created_at),
        tags=row.tags,
    )


def to_recycled_volume(row: Volume) -> pb.RecycledVolume:
    return pb.RecycledVolume(
        volume_id=row.id,
        size_gib=row.size_gib,
        zone_name=row.zone,
        volume_type=row.volume_type,
        image_id=row.image_id,
        create_time=convert.timestamp(row.created_at),
        recycle_bin_enter_time=convert.maybe(row.recycled_at),
    )
