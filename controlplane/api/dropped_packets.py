"""What guards stop of an instance's packets, as its host tells."""

import asyncio

from google.protobuf.timestamp_pb2 import Timestamp

from controlplane.api.caller import Context, Edge
from controlplane.errors import Unavailable, invalid_value
from controlplane.service import dropped_packets
from controlplane.service.dropped_packets import DroppedPacket
from stead.v1 import dropped_packets_pb2 as pb

MOST_WAIT_S = 20  # Longer: calls in progress that nobody wants any more. Shorter: more of them.
# For the way there and back. Shorter: a busy host is not heard.
PATIENCE_S = 5


class DroppedPacketCalls:
    """A part of the servicer of instances."""

    _edge: Edge

    async def GetDroppedPackets(
        self, request: pb.GetDroppedPacketsRequest, context: Context
    ) -> pb.GetDroppedPacketsResponse:
        if request.wait_s > MOST_WAIT_S:
            raise invalid_value("wait_s", request.wait_s, f"0 to {MOST_WAIT_S}")
        instance_id = request.instance_id
        host_id, card_ids = await self._edge.read(
            lambda state, call: dropped_packets.place_of(state, call, instance_id)
        )
        try:
            async with asyncio.timeout(request.wait_s + PATIENCE_S):
                drops = await self._edge.sessions.drops(host_id, card_ids, request.after, request.wait_s * 1000)
        except TimeoutError as error:
            message = f"The host of {instance_id} did not answer within {request.wait_s + PATIENCE_S} s; try again"
            raise Unavailable("Unavailable", message) from error
        return pb.GetDroppedPacketsResponse(
            instance_id=instance_id, packets=map(_to_packet, drops.packets), after=drops.after
        )


def _to_packet(row: DroppedPacket) -> pb.DroppedPacket:
    seconds, ms = divmod(row.at_ms, 1000)
    return pb.DroppedPacket(
        drop_time=Timestamp(seconds=seconds, nanos=ms * 1_000_000),
        network_interface_id=row.interface_id,
        guard=row.guard,
        is_egress=row.is_egress,
        source=row.source,
        destination=row.destination,
        protocol=row.protocol,
        source_port=row.source_port,
        destination_port=row.destination_port,
    )
