"""Volumes and their attachments."""

from typing import Any

from controlplane.api import convert
from controlplane.api.caller import Edge
from controlplane.api.describe import describe, own, tagged
from controlplane.model.state import State
from controlplane.service import volumes
from controlplane.service.call import VOLUME
from stead.v1 import volumes_pb2 as pb
from stead.v1.volumes_pb2_grpc import VolumesServicer


def _attributes(state: State) -> Any:
    return tagged(
        {
            "volume-id": lambda row: row.id,
            "status": lambda row: volumes.state_of(state, row).value,
            "availability-zone": lambda row: row.zone,
            "size": lambda row: str(row.size_gib),
            "volume-type": lambda row: row.volume_type,
            "attachment.instance-id": lambda row: [b.instance_id for b in state.attachments.by("volume", row.id)],
            "attachment.device": lambda row: [b.device_name for b in state.attachments.by("volume", row.id)],
            "attachment.status": lambda row: [
                convert.attachment_state(state, b) for b in state.attachments.by("volume", row.id)
            ],
        }
    )


class Volumes(VolumesServicer):
    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def CreateVolume(self, request: Any, context: Any) -> pb.CreateVolumeResponse:
        asked = convert.to_request(request, volumes.CreateVolume)
        role = self._edge.call().role

        def reply(state: State, volume_id: str) -> pb.CreateVolumeResponse:
            row = state.volumes.get(volume_id)
            message = convert.to_volume(state, row, role) if row else pb.Volume(volume_id=volume_id, state="deleted")
            return pb.CreateVolumeResponse(volume=message)

        made, _ = await self._edge.mutate(request, lambda state, call: volumes.create(state, call, asked), reply)
        return made

    async def AttachVolume(self, request: Any, context: Any) -> pb.AttachVolumeResponse:
        asked = convert.to_request(request, volumes.AttachVolume)
        made, _ = await self._edge.mutate(
            request,
            lambda state, call: volumes.attach(state, call, asked),
            lambda state, attachment_id: pb.AttachVolumeResponse(attachment=_bond(state, attachment_id)),
        )
        return made

    async def DetachVolume(self, request: Any, context: Any) -> pb.DetachVolumeResponse:
        asked = convert.to_request(request, volumes.DetachVolume)
        done, _ = await self._edge.mutate(
            request,
            lambda state, call: volumes.detach(state, call, asked),
            lambda state, attachment_id: pb.DetachVolumeResponse(attachment=_bond(state, attachment_id)),
        )
        return done

    async def DeleteVolume(self, request: Any, context: Any) -> pb.DeleteVolumeResponse:
        done, _ = await self._edge.mutate(
            request,
            lambda state, call: volumes.delete(state, call, request.volume_id),
            lambda state, _: pb.DeleteVolumeResponse(),
        )
        return done

    async def DescribeVolumes(self, request: Any, context: Any) -> pb.DescribeVolumesResponse:
        found, token = await describe(
            self._edge,
            request,
            lambda state, call: own(state.volumes, VOLUME, request.volume_ids, call),
            _attributes,
            lambda state, row, call: convert.to_volume(state, row, call.role),
        )
        return pb.DescribeVolumesResponse(volumes=found, next_page_token=token)


def _bond(state: State, attachment_id: str) -> pb.VolumeAttachment:
    """Detached, when the attachment that a repeated call made is over."""
    row = state.attachments.get(attachment_id)
    if row is None:
        return pb.VolumeAttachment(volume_id=attachment_id.rpartition("-e")[0], state="detached")
    return convert.to_attachment(state, row)
