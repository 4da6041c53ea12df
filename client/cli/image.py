"""`stead image`: disk images that instances start from."""

import asyncio
import hashlib
import math
import random
from collections.abc import AsyncIterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from client.cli import lookup, render
from client.cli.options import Filters, Tags, parse_filters, parse_tags
from client.cli.session import Cli, command
from client.errors import SteadError
from stead.v1.images_pb2 import (
    DeregisterImageRequest,
    DescribeImagesRequest,
    GetImageUploadRequest,
    ImportImageHeader,
    ImportImageRequest,
    ModifyImageAttributeRequest,
)

if TYPE_CHECKING:
    from client.connection import Stead

app = typer.Typer(no_args_is_help=True)

# The API takes no more than 1 MiB at a time; less costs more calls of Python's.
CHUNK_BYTES = 1024 * 1024
# After the header, for a refusal or a repeated call's answer. Shorter: it may come in the midst of a chunk, and gRPC
# then loses its text. Longer: every upload takes that much longer.
ANSWER_S = 0.3
# Broken-off uploads in a row that brought nothing. Fewer: a restart of the control plane ends a long upload.
TRIES = 5
BROKEN_OFF = ("Unavailable", "CANCELLED")


class Format(StrEnum):
    """How the file holds the disk."""

    RAW = "raw"
    QCOW2 = "qcow2"


class BootMode(StrEnum):
    """The firmware that starts it."""

    LEGACY_BIOS = "legacy-bios"
    UEFI = "uefi"


ImageArgument = Annotated[str, typer.Argument(metavar="IMAGE", help="Id or name.", show_default=False)]
FORMAT_OF_SUFFIX = {".raw": Format.RAW, ".img": Format.RAW, ".qcow2": Format.QCOW2}


COLUMNS = {
    "IMAGE": lambda image: image.image_id,
    "NAME": lambda image: image.name,
    "STATE": lambda image: image.state,
    "FORMAT": lambda image: image.format,
    "BOOT": lambda image: f"{image.architecture} {image.boot_mode}",
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
    name: Annotated[
        str, typer.Option(metavar="NAME", help="Default: the file's name without its suffix.", show_default=False)
    ] = "",
    description: Annotated[str, typer.Option(metavar="TEXT", help="Free text.", show_default=False)] = "",
    format: Annotated[
        Format | None, typer.Option(help="Default: raw for .raw and .img, qcow2 for .qcow2.", show_default=False)
    ] = None,
    architecture: Annotated[str, typer.Option(metavar="NAME", help="Of the processors that it is for.")] = "x86_64",
    boot_mode: Annotated[BootMode, typer.Option(help="The firmware that starts it.")] = BootMode.LEGACY_BIOS,
    tag: Tags = None,
) -> None:
    """Upload a disk image."""
    header = ImportImageHeader(
        **cli.mutation,
        name=name or file.stem,
        description=description,
        format=format or _format_of(file),
        size_bytes=file.stat().st_size,
        architecture=architecture,
        boot_mode=boot_mode,
        tags=parse_tags(tag),
    )
    with _progress() as progress, file.open("rb") as content:
        header.sha256 = await _sha256(content, header.size_bytes, progress)
        reply = await _import(cli.stead, content, header, progress)
    cli.table(reply, COLUMNS, [reply.image])


@command(app, "modify", mutates=True)
async def modify(
    cli: Cli,
    image: ImageArgument,
    description: Annotated[str | None, typer.Option(metavar="TEXT", help="Free text.")] = None,
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


async def _import(stead: "Stead", content: BinaryIO, header: ImportImageHeader, progress: Progress) -> Any:
    """Send the file, and go on with it when that breaks off, as long as each try brings some of it."""
    from client.calls import new_client_token, pause_s  # gRPC, which is imported late.

    header.client_token = header.client_token or new_client_token()  # By it the image is found if the answer is lost.
    latest, failures = -1, 0
    while True:
        try:
            header.offset = await _offset(stead, header)
            failures = 0 if header.offset > latest else failures
            latest = max(header.offset, latest)
            return await stead.images.ImportImage(_upload(content, header, progress))
        except SteadError as error:
            failures += 1
            may_go_on = error.code in BROKEN_OFF or error.retry_after_s is not None
            if not may_go_on or failures == TRIES:
                raise
            render.print_note(f"Not finished yet: {error.message}")
            await asyncio.sleep(pause_s(failures, random.random(), error.retry_after_s))  # noqa: S311 (no secret)


async def _offset(stead: "Stead", header: ImportImageHeader) -> int:
    """Where to go on: the control plane keeps what came of an upload that broke off."""
    reply = await stead.images.GetImageUpload(GetImageUploadRequest(sha256=header.sha256))
    if reply.received_bytes:
        render.print_note(f"Going on from {reply.received_bytes >> 20} of {header.size_bytes >> 20} MiB.")
    return min(int(reply.received_bytes), header.size_bytes)


async def _chunks(
    content: BinaryIO, title: str, size_bytes: int, progress: Progress, start: int = 0
) -> AsyncIterator[bytes]:
    """The file from some place on, piece by piece, with a bar that moves."""
    content.seek(start)
    task = progress.add_task(title, total=size_bytes, completed=start)
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
    await asyncio.sleep(ANSWER_S)
    async for chunk in _chunks(content, "Upload", header.size_bytes, progress, header.offset):
        yield ImportImageRequest(chunk=chunk)
