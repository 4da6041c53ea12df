"""`stead image`: disk images that instances start from."""

import asyncio
import hashlib
import math
from collections.abc import AsyncIterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from client.cli import lookup
from client.cli.options import Filters, Tags, parse_filters, parse_tags
from client.cli.session import Cli, command
from stead.v1.images_pb2 import (
    DeregisterImageRequest,
    DescribeImagesRequest,
    ImportImageHeader,
    ImportImageRequest,
    ModifyImageAttributeRequest,
)

app = typer.Typer(no_args_is_help=True)

# The API takes no more than 1 MiB at a time; less costs more calls of Python's.
CHUNK_BYTES = 1024 * 1024


class Format(StrEnum):
    """How the file holds the disk."""

    RAW = "raw"
    QCOW2 = "qcow2"


ImageArgument = Annotated[str, typer.Argument(metavar="IMAGE", help="Id or name.", show_default=False)]
FORMAT_OF_SUFFIX = {".raw": Format.RAW, ".img": Format.RAW, ".qcow2": Format.QCOW2}


COLUMNS = {
    "IMAGE": lambda image: image.image_id,
    "NAME": lambda image: image.name,
    "STATE": lambda image: image.state,
    "FORMAT": lambda image: image.format,
    "DISK MIB": lambda image: str(math.ceil(image.virtual_size_bytes / 2**20)),
    "CREATED": lambda image: image.create_time.ToJsonString(),
    "OWNER": lambda image: image.owner_alias or image.owner_id,
    "SHARED": lambda image: "with all" if image.is_public else ", ".join(image.launch_permissions),
}


@command(app, "list")
async def list_(cli: Cli, filter: Filters = None) -> None:
    """List images."""
    request = DescribeImagesRequest(filters=parse_filters(filter))
    reply = await cli.stead.all_pages(cli.stead.images.DescribeImages, request)
    cli.table(reply, COLUMNS, reply.images, "No images. `stead image import FILE` uploads one.")


@command(app, "import", mutates=True)
async def import_(
    cli: Cli,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, show_default=False)],
    name: Annotated[str, typer.Option(help="Default: the file's name without its suffix.", show_default=False)] = "",
    description: Annotated[str, typer.Option(help="Free text.", show_default=False)] = "",
    format: Annotated[
        Format | None, typer.Option(help="Default: raw for .raw and .img, qcow2 for .qcow2.", show_default=False)
    ] = None,
    tag: Tags = None,
) -> None:
    """Upload a disk image."""
    header = ImportImageHeader(
        **cli.mutation,
        name=name or file.stem,
        description=description,
        format=format or _format_of(file),
        size_bytes=file.stat().st_size,
        tags=parse_tags(tag),
    )
    with _progress() as progress, file.open("rb") as content:
        header.sha256 = await _sha256(content, header.size_bytes, progress)
        reply = await cli.stead.images.ImportImage(_upload(content, header, progress))
    cli.table(reply, COLUMNS, [reply.image])


@command(app, "modify", mutates=True)
async def modify(
    cli: Cli,
    image: ImageArgument,
    description: Annotated[str | None, typer.Option(help="Free text.")] = None,
    public: Annotated[bool | None, typer.Option(help="Every project can launch from it. For admins.")] = None,
    share: Annotated[
        list[str] | None, typer.Option(metavar="PROJECT", help="By id: it can launch from it. May be repeated.")
    ] = None,
    unshare: Annotated[
        list[str] | None, typer.Option(metavar="PROJECT", help="By id: it no longer can. May be repeated.")
    ] = None,
) -> None:
    """Change an image's description, and who may launch from it."""
    request = ModifyImageAttributeRequest(
        **cli.mutation,
        image_id=await lookup.image_id(cli.stead, image),
        description=description,
        is_public=public,
        add_launch_permissions=share or (),
        remove_launch_permissions=unshare or (),
    )
    reply = await cli.stead.images.ModifyImageAttribute(request)
    cli.table(reply, COLUMNS, [reply.image])


@command(app, "deregister", mutates=True)
async def deregister(cli: Cli, image: ImageArgument) -> None:
    """Forget an image; volumes made from it live on."""
    image_id = await lookup.image_id(cli.stead, image)
    reply = await cli.stead.images.DeregisterImage(DeregisterImageRequest(**cli.mutation, image_id=image_id))
    cli.say(reply, f"Deregistered {image_id}")


def _format_of(file: Path) -> Format:
    try:
        return FORMAT_OF_SUFFIX[file.suffix.lower()]
    except KeyError:
        raise typer.BadParameter(f"{file.name} could be anything; say raw or qcow2", param_hint="--format") from None


def _progress() -> Progress:
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    title = TextColumn("{task.description:9}")
    return Progress(title, *columns, console=console, transient=True, disable=not console.is_terminal)


async def _chunks(content: BinaryIO, title: str, size_bytes: int, progress: Progress) -> AsyncIterator[bytes]:
    """The file from its beginning, piece by piece, with a bar that moves."""
    content.seek(0)
    task = progress.add_task(title, total=size_bytes)
    while chunk := await asyncio.to_thread(content.read, CHUNK_BYTES):
        yield chunk
        progress.advance(task, len(chunk))


async def _sha256(content: BinaryIO, size_bytes: int, progress: Progress) -> str:
    digest = hashlib.sha256()
    async for chunk in _chunks(content, "Checksum", size_bytes, progress):
        await asyncio.to_thread(digest.update, chunk)
    return digest.hexdigest()


async def _upload(
    content: BinaryIO, header: ImportImageHeader, progress: Progress
) -> AsyncIterator[ImportImageRequest]:
    yield ImportImageRequest(header=header)
    async for chunk in _chunks(content, "Upload", header.size_bytes, progress):
        yield ImportImageRequest(chunk=chunk)
