"""`stead volume`: network-attached disks."""

from typing import Annotated

import typer

from client.cli import lookup
from client.cli.options import (
    Filters,
    InstanceArgument,
    Tags,
    Timeout,
    VolumeArgument,
    VolumeId,
    Wait,
    parse_filters,
    parse_tags,
)
from client.cli.session import Cli, command
from client.cli.wait import wait_for_volume
from stead.v1.volumes_pb2 import (
    AttachVolumeRequest,
    CreateVolumeRequest,
    DeleteVolumeRequest,
    DescribeVolumesRequest,
    DetachVolumeRequest,
    ListVolumesInRecycleBinRequest,
    RestoreVolumeFromRecycleBinRequest,
    Volume,
)

app = typer.Typer(no_args_is_help=True)

ATTACHMENT_COLUMNS = {
    "VOLUME": lambda attachment: attachment.volume_id,
    "INSTANCE": lambda attachment: attachment.instance_id,
    "STATE": lambda attachment: attachment.state,
    "DEVICE": lambda attachment: attachment.device_name,
}
COLUMNS = {
    "VOLUME": lambda volume: volume.volume_id,
    "STATE": lambda volume: volume.state,
    "GIB": lambda volume: str(volume.size_gib),
    "ZONE": lambda volume: volume.zone_name,
    "INSTANCE": lambda volume: ", ".join(attachment.instance_id for attachment in volume.attachments),
    "DEVICE": lambda volume: ", ".join(attachment.device_name for attachment in volume.attachments),
    "NAME": lambda volume: volume.tags.get("Name", ""),
}
DELETED_COLUMNS = {
    "VOLUME": lambda volume: volume.volume_id,
    "GIB": lambda volume: str(volume.size_gib),
    "ZONE": lambda volume: volume.zone_name,
    "DELETED": lambda volume: volume.recycle_bin_enter_time.ToJsonString(),
}


@command(app, "list")
async def list_(
    cli: Cli,
    filter: Filters = None,
    deleted: Annotated[bool, typer.Option("--deleted", help="Those that can be brought back.")] = False,
) -> None:
    """List volumes."""
    if deleted:
        await _list_deleted(cli, ListVolumesInRecycleBinRequest(filters=parse_filters(filter)))
        return
    request = DescribeVolumesRequest(filters=parse_filters(filter))
    reply = await cli.stead.all_pages(cli.stead.volumes.DescribeVolumes, request)
    cli.table(reply, COLUMNS, reply.volumes, "No volumes.")
    cli.notes((volume.volume_id, volume.state_detail) for volume in reply.volumes)


async def _list_deleted(cli: Cli, request: ListVolumesInRecycleBinRequest) -> None:
    reply = await cli.stead.all_pages(cli.stead.volumes.ListVolumesInRecycleBin, request)
    cli.table(reply, DELETED_COLUMNS, reply.volumes, "No deleted volumes.")


@command(app, "describe")
async def describe(
    cli: Cli,
    volume: Annotated[list[str], typer.Argument(metavar="VOLUME...", help="Ids or names.", show_default=False)],
) -> None:
    """Show all there is to know about volumes."""
    request = DescribeVolumesRequest(volume_ids=[await lookup.volume_id(cli.stead, name) for name in volume])
    reply = await cli.stead.all_pages(cli.stead.volumes.DescribeVolumes, request)
    cli.details(reply, reply.volumes)


@command(app, "create", mutates=True)
async def create(
    cli: Cli,
    size: Annotated[int, typer.Option(min=1, metavar="GIB", help="GiB.", show_default=False)],
    az: Annotated[
        str, typer.Option(metavar="ZONE", help="The zone, which must be its instance's.", show_default=False)
    ],
    tag: Tags = None,
    wait: Wait = False,
    timeout_s: Timeout = 300,
) -> None:
    """Make an empty volume."""
    request = CreateVolumeRequest(**cli.mutation, zone_name=az, size_gib=size, tags=parse_tags(tag))
    reply = await cli.stead.volumes.CreateVolume(request)
    try:
        if wait:
            reply.volume.CopyFrom(await wait_for_volume(cli.stead, reply.volume.volume_id, is_available, timeout_s))
    finally:  # Whatever becomes of the wait, there is a volume now, and this tells its id.
        cli.table(reply, COLUMNS, [reply.volume])


@command(app, "attach", mutates=True)
async def attach(
    cli: Cli,
    volume: VolumeArgument,
    instance: InstanceArgument,
    device: Annotated[
        str,
        typer.Option(
            metavar="DEVICE",
            help="/dev/sdb to /dev/sdz, or /dev/sda1 for the root. Default: the root for a volume made from an image"
            " where there is none, otherwise the first free one from /dev/sdf.",
            show_default=False,
        ),
    ] = "",
    wait: Wait = False,
    timeout_s: Timeout = 300,
) -> None:
    """Attach a volume to an instance. Both are in one zone; the instance is running or stopped.

    It stays when the instance is terminated, also as a root, unless `stead instance modify` says otherwise.
    """
    volume, instance = await lookup.volume_id(cli.stead, volume), await lookup.instance_id(cli.stead, instance)
    request = AttachVolumeRequest(**cli.mutation, volume_id=volume, instance_id=instance, device_name=device)
    reply = await cli.stead.volumes.AttachVolume(request)
    try:
        if wait:
            await wait_for_volume(cli.stead, volume, is_attached, timeout_s)
            reply.attachment.state = "attached"
    finally:  # Whatever becomes of the wait, there is an attachment now, and this tells its device.
        cli.table(reply, ATTACHMENT_COLUMNS, [reply.attachment])


@command(app, "detach", mutates=True)
async def detach(
    cli: Cli,
    volume: VolumeArgument,
    instance: Annotated[
        str, typer.Option(metavar="INSTANCE", help="Only from this instance.", show_default=False)
    ] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Shut the guest out: it loses what it has not written.")
    ] = False,
    wait: Wait = False,
    timeout_s: Timeout = 300,
) -> None:
    """Detach a volume; unmount it in the guest first."""
    volume = await lookup.volume_id(cli.stead, volume)
    instance = await lookup.instance_id(cli.stead, instance) if instance else ""
    request = DetachVolumeRequest(**cli.mutation, volume_id=volume, instance_id=instance, force=force)
    reply = await cli.stead.volumes.DetachVolume(request)
    if wait:
        await wait_for_volume(cli.stead, volume, is_available, timeout_s)
        reply.attachment.state = "detached"
    cli.table(reply, ATTACHMENT_COLUMNS, [reply.attachment])


@command(app, "delete", mutates=True)
async def delete(cli: Cli, volume: VolumeArgument, wait: Wait = False, timeout_s: Timeout = 300) -> None:
    """Delete a volume. `stead volume undelete` brings it back for a while."""
    volume = await lookup.volume_id(cli.stead, volume, or_gone=cli.may_repeat)
    reply = await cli.stead.volumes.DeleteVolume(DeleteVolumeRequest(**cli.mutation, volume_id=volume))
    if wait:
        await wait_for_volume(cli.stead, volume, lambda found: found is None, timeout_s)
    cli.say(reply, f"{'Deleted' if wait else 'Deleting'} {volume}")


@command(app, "undelete", mutates=True)
async def undelete(cli: Cli, volume: VolumeId, wait: Wait = False, timeout_s: Timeout = 300) -> None:
    """Bring a deleted volume back, with its data."""
    request = RestoreVolumeFromRecycleBinRequest(**cli.mutation, volume_id=volume)
    reply = await cli.stead.volumes.RestoreVolumeFromRecycleBin(request)
    if wait:
        await wait_for_volume(cli.stead, volume, is_available, timeout_s)
    cli.say(reply, f"Restored {volume}")


def is_available(volume: Volume | None) -> bool:
    """Whether no host has it open."""
    return volume is not None and volume.state == "available"


def is_attached(volume: Volume | None) -> bool:
    """Whether the guest has it."""
    return volume is not None and any(attachment.state == "attached" for attachment in volume.attachments)
