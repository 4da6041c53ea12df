"""Tags."""

from controlplane.api import convert
from controlplane.api.caller import Context, Edge
from controlplane.service import tagging
from stead.v1 import tags_pb2 as pb
from stead.v1.tags_pb2_grpc import TagsServicer


class Tags(TagsServicer):
    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def CreateTags(self, request: pb.CreateTagsRequest, context: Context) -> pb.CreateTagsResponse:
        asked = convert.to_request(request, tagging.CreateTags)
        done, _ = await self._edge.mutate(request, tagging.create, asked, lambda state, _: pb.CreateTagsResponse())
        return done

    async def DeleteTags(self, request: pb.DeleteTagsRequest, context: Context) -> pb.DeleteTagsResponse:
        asked = convert.to_request(request, tagging.DeleteTags)
        done, _ = await self._edge.mutate(request, tagging.delete, asked, lambda state, _: pb.DeleteTagsResponse())
        return done
