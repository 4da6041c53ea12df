"""Which lines a packet meets on its way."""

from controlplane.api import convert
from controlplane.api.caller import Context, Edge
from controlplane.service import paths
from stead.v1 import paths_pb2 as pb


class PathCalls:
    """A part of the servicer of VPCs."""

    _edge: Edge

    async def GetPathExplanation(
        self, request: pb.GetPathExplanationRequest, context: Context
    ) -> pb.GetPathExplanationResponse:
        asked = convert.to_request(request, paths.ExplainPath)
        steps = await self._edge.read(lambda state, call: paths.explain(state, call, asked))
        told = [
            pb.PathStep(
                kind=step.kind, resource_id=step.resource_id, line=step.line, allows=step.allows, detail=step.detail
            )
            for step in steps
        ]
        return pb.GetPathExplanationResponse(is_reachable=all(step.allows for step in steps), steps=told)
