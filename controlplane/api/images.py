"""Images: uploads from users, and what storage hosts fetch."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from controlplane.api import convert
from controlplane.api.caller import Context, Edge
from controlplane.api.describe import describe
from controlplane.errors import Invalid, NoCapacity
from controlplane.model.image import Image
from controlplane.model.state import State
from controlplane.service import describing, images
from controlplane.service.call import Call
from controlplane.uploads import Announced, BadUpload, Uploads
from stead.v1 import images_pb2 as pb
from stead.v1.images_pb2_grpc import ImagesServicer

# For the first message. Shorter: slow lines. Longer: whoever says nothing keeps others' places.
HEADER_S = 30.0


class Images(ImagesServicer):
    def __init__(self, edge: Edge, uploads: Uploads) -> None:
        self._edge = edge
        self._uploads = uploads

    async def ImportImage(
        self, requests: AsyncIterator[pb.ImportImageRequest], context: Context
    ) -> pb.ImportImageResponse:
        header = await _header(requests)
        announced = convert.to_request(header, images.RegisterImage, virtual_size_bytes=0)
        image_id = images.mint(self._edge.call())
        try:
            if earlier := await self._made_earlier(image_id, header, announced):
                return earlier
            complete = replace(announced, virtual_size_bytes=await self._receive(image_id, requests, header))
            made, _ = await self._edge.mutate(
                header, lambda state, call, asked: images.register(state, call, image_id, asked), complete, _imported
            )
        finally:  # Refused, broken off, or a replay of an earlier call: the image is not known.
            await self._uploads.done(image_id, is_known=image_id in self._edge.journal.state.images)
        return made

    async def _made_earlier(
        self, image_id: str, header: Any, announced: images.RegisterImage
    ) -> pb.ImportImageResponse | None:
        """The answer to a repeated call. Of a new one, all that can be refused is, and the next is told of it."""

        def admit(state: State, call: Call) -> None:
            images.check(state, call, announced, self._uploads.arriving_bytes(call.project_id))
            self._uploads.expect(image_id, _upload(call.project_id, header))

        return await self._edge.replay(header, announced, admit, _imported)

    async def _receive(self, image_id: str, requests: AsyncIterator[Any], header: Any) -> int:
        try:
            return await self._uploads.receive(image_id, _chunks(requests))
        except BadUpload as error:
            raise Invalid("InvalidParameterValue", f"Image {header.name!r}: {error}") from error
        except OSError as error:
            raise NoCapacity(
                "InsufficientVolumeCapacity", f"Image {header.name!r} could not be stored: {error.strerror}"
            ) from error

    async def GetImageUpload(self, request: pb.GetImageUploadRequest, context: Context) -> pb.GetImageUploadResponse:
        images.check_sha256(request.sha256)
        kept = await self._uploads.kept_bytes(Announced(self._edge.call().project_id, request.sha256, 0, ""))
        return pb.GetImageUploadResponse(received_bytes=kept)

    async def DescribeImages(self, request: pb.DescribeImagesRequest, context: Context) -> pb.DescribeImagesResponse:
        project_id = self._edge.call().project_id
        found, page = await describe(
            self._edge,
            request,
            lambda state, call: describing.images(state, call, request.image_ids),
            lambda state: {
                **state.images.attributes,
                "owner-alias": lambda row: "self" if row.project_id == project_id else "",
            },
            lambda state, row, call: to_image(row, project_id),
        )
        return pb.DescribeImagesResponse(images=found, **page)

    async def ModifyImageAttribute(
        self, request: pb.ModifyImageAttributeRequest, context: Context
    ) -> pb.ModifyImageAttributeResponse:
        asked = convert.to_request(request, images.ModifyImageAttribute)

        def reply(state: State, _: None) -> pb.ModifyImageAttributeResponse:
            row = state.images.get(asked.image_id)
            return pb.ModifyImageAttributeResponse(image=to_image(row, row.project_id) if row else None)

        done, _ = await self._edge.mutate(request, images.modify, asked, reply)
        return done

    async def DeregisterImage(self, request: pb.DeregisterImageRequest, context: Context) -> pb.DeregisterImageResponse:
        done, _ = await self._edge.mutate(
            request,
            images.deregister,
            request.image_id,
            lambda state, _: pb.DeregisterImageResponse(),
        )
        return done


def _imported(state: State, image_id: str) -> pb.ImportImageResponse:
    """The id alone when the image that a repeated call made is gone."""
    row = state.images.get(image_id)
    image = to_image(row, row.project_id) if row else pb.Image(image_id=image_id)
    return pb.ImportImageResponse(image=image)


def _upload(project_id: str, header: Any) -> Announced:
    offset = min(header.offset, header.size_bytes)
    return Announced(project_id, header.sha256, header.size_bytes, header.format, offset)


async def _header(requests: AsyncIterator[Any]) -> Any:
    try:
        async with asyncio.timeout(HEADER_S):
            async for first in requests:
                if first.WhichOneof("part") == "header":
                    return first.header
                break
    except TimeoutError as error:
        raise Invalid("RequestExpired", f"No header came within {HEADER_S:g} s; send it at once") from error
    raise Invalid("MissingParameter", "The first message of ImportImage must carry the header")


async def _chunks(requests: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    async for request in requests:
        if request.WhichOneof("part") != "chunk":
            raise BadUpload("a second header came where a chunk was expected")
        yield request.chunk


def to_image(row: Image, project_id: str) -> pb.Image:
    return pb.Image(
        image_id=row.id,
        name=row.name,
        description=row.description,
        format=row.format,
        size_bytes=row.size_bytes,
        virtual_size_bytes=row.virtual_size_bytes,
        sha256=row.sha256,
        create_time=convert.timestamp(row.created_at),
        tags=row.tags,
        state="available",
        owner_id=row.project_id,
        owner_alias="self" if row.project_id == project_id else "",
        is_public=row.is_public,
        launch_permissions=row.launch_permissions,
        architecture=row.architecture,
        boot_mode=row.boot_mode,
    )
