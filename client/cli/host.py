"""`stead host`: the bare-metal machines. For admins."""

from enum import StrEnum
from itertools import cycle, islice
from typing import Annotated

import typer

from client.cli import lookup, render
from client.cli.options import Filters, Tags, VolumeId, parse_filters, parse_tags
from client.cli.session import Cli, command
from stead.v1.hosts_pb2 import (
    AdoptOrphanVolumeRequest,
    CreateHostTokenRequest,
    CreateHostTokenResponse,
    DeclareHostLostRequest,
    DeleteOrphanVolumeRequest,
    DescribeHostsRequest,
    DescribeOrphanVolumesRequest,
    Host,
    HostRole,
    ReleaseHostRequest,
    RemoveHostRequest,
)

app = typer.Typer(no_args_is_help=True)


class Role(StrEnum):
    """What a host does."""

    COMPUTE = "compute"
    STORAGE = "storage"
    GATEWAY = "gateway"


def _roles(host: Host) -> str:
    return ", ".join(HostRole.Name(role).removeprefix("HOST_ROLE_").lower() for role in host.roles)


def _disk_gib(host: Host) -> str:
    """Of all its pools or, where it has several, of each."""
    shares = [f"{pool.name} {pool.storage_gib_used}/{pool.storage_gib}" for pool in host.pools]
    return ", ".join(shares) or f"{host.storage_gib_used}/{host.storage_gib}"


GIB = 1 << 30
HostArgument = Annotated[str, typer.Argument(metavar="HOST", help="Id or name.", show_default=False)]
COLUMNS = {
    "HOST": lambda host: host.host_id,
    "NAME": lambda host: host.host_name,
    "ZONE": lambda host: host.zone_name,
    "STATUS": lambda host: host.status,
    "VCPUS": lambda host: f"{host.vcpus_used}/{host.vcpus}",
    "MIB": lambda host: f"{host.memory_mib_used}/{host.memory_mib}",
    "DISK GIB": _disk_gib,
    "ROLES": _roles,
}
ORPHAN_COLUMNS = {
    "HOST": lambda volume: volume.host_id,
    "VOLUME": lambda volume: volume.volume_id,
    "GIB": lambda volume: str(-(-volume.size_bytes // GIB)) if volume.HasField("size_bytes") else "",
    "CHANGED": lambda volume: volume.change_time.ToJsonString() if volume.HasField("change_time") else "",
    "STATE": lambda volume: "in the trash" if volume.deleted else "kept",
}


@command(app, "list")
async def list_(cli: Cli, filter: Filters = None) -> None:
    """List hosts, with what is claimed of them and what is wrong."""
    request = DescribeHostsRequest(filters=parse_filters(filter))
    reply = await cli.stead.all_pages(cli.stead.hosts.DescribeHosts, request)
    cli.table(reply, COLUMNS, reply.hosts, "No hosts. `stead host token` lets one join.")
    cli.notes((host.host_id, cause) for host in reply.hosts for cause in (host.status_detail, *host.problems))


@command(app, "orphans")
async def orphans(cli: Cli, filter: Filters = None) -> None:
    """List volumes on hosts of which the region knows nothing. They are left alone, and take room."""
    request = DescribeOrphanVolumesRequest(filters=parse_filters(filter))
    reply = await cli.stead.all_pages(cli.stead.hosts.DescribeOrphanVolumes, request)
    cli.table(reply, ORPHAN_COLUMNS, reply.volumes, "No orphans.")


@command(app, "adopt-orphan", mutates=True)
async def adopt_orphan(
    cli: Cli,
    host: HostArgument,
    volume: VolumeId,
    project: Annotated[str, typer.Option(metavar="PROJECT", help="Whose it is to be: name or id.", show_default=False)],
    tag: Tags = None,
) -> None:
    """Make an orphan a volume of a project. It keeps its id and its data."""
    host, project_id = await lookup.host_id(cli.stead, host), await lookup.project_id(cli.stead, project)
    request = AdoptOrphanVolumeRequest(
        **cli.mutation, host_id=host, volume_id=volume, project_id=project_id, tags=parse_tags(tag)
    )
    reply = await cli.stead.hosts.AdoptOrphanVolume(request)
    cli.say(reply, f"{volume} ({reply.size_gib} GiB in {reply.zone_name}) is a volume of {project_id}")


@command(app, "delete-orphan", mutates=True)
async def delete_orphan(cli: Cli, host: HostArgument, volume: VolumeId) -> None:
    """Delete an orphan. `stead volume undelete` makes it a volume of your project for a while."""
    host = await lookup.host_id(cli.stead, host)
    request = DeleteOrphanVolumeRequest(**cli.mutation, host_id=host, volume_id=volume)
    cli.say(await cli.stead.hosts.DeleteOrphanVolume(request), f"Deleting {volume} on {host}")


@command(app, "release", mutates=True)
async def release(cli: Cli, host: HostArgument) -> None:
    """Let a host remove what it held. After the database was restored, it holds until then."""
    host = await lookup.host_id(cli.stead, host)
    reply = await cli.stead.hosts.ReleaseHost(ReleaseHostRequest(**cli.mutation, host_id=host))
    cli.say(reply, f"Released {host}")


@command(app, "token", mutates=True)
async def token(
    cli: Cli,
    az: Annotated[
        list[str],
        typer.Option(metavar="ZONE", help="The zone that it is to join. Repeated: each in turn.", show_default=False),
    ],
    role: Annotated[list[Role], typer.Option(help="What it is to do. May be repeated.", show_default=False)],
    lifetime: Annotated[int, typer.Option(metavar="SECONDS", help="How long the token is valid.")] = 3600,
    count: Annotated[int, typer.Option(min=1, metavar="NUMBER", help="For so many machines; one token a line.")] = 1,
) -> None:
    """Make a token with which one machine joins, once."""
    if count > 1 and cli.may_repeat:
        raise typer.BadParameter("--client-token is of one call, and --count makes many: leave one of them out")
    roles = [f"HOST_ROLE_{wanted.name}" for wanted in role]
    for number, zone in enumerate(islice(cycle(az), count), start=1):
        request = CreateHostTokenRequest(**cli.mutation, zone_name=zone, roles=roles, lifetime_s=lifetime)
        _print_token(cli, await cli.stead.hosts.CreateHostToken(request), is_last=number == count)


@command(app, "rejoin", mutates=True)
async def rejoin(cli: Cli, host: HostArgument) -> None:
    """Let a machine that lost its keys be this host again.

    Prints a token for `stead-agent join`.
    """
    host = await lookup.host_id(cli.stead, host)
    _print_token(cli, await cli.stead.hosts.CreateHostToken(CreateHostTokenRequest(**cli.mutation, host_id=host)))


def _print_token(cli: Cli, reply: CreateHostTokenResponse, *, is_last: bool = True) -> None:
    if not cli.is_for_people:
        render.print_json(render.to_document(reply))
    elif reply.token:
        print(reply.token)
        if is_last:
            render.print_note(f"Run `stead-agent join TOKEN` on the machine before {reply.expire_time.ToJsonString()}.")
    else:
        render.print_note(f"{reply.host_token_id} exists already, and a token is shown only once.")


@command(app, "lost", mutates=True)
async def lost(cli: Cli, host: HostArgument) -> None:
    """Declare that a host is gone for good. Nothing waits for it any more."""
    host = await lookup.host_id(cli.stead, host)
    reply = await cli.stead.hosts.DeclareHostLost(DeclareHostLostRequest(**cli.mutation, host_id=host))
    cli.say(reply, f"{host} counts as lost until it comes back")


@command(app, "remove", mutates=True)
async def remove(
    cli: Cli,
    host: HostArgument,
    force: Annotated[bool, typer.Option("--force", help="With all that is on it; only of one that is lost.")] = False,
) -> None:
    """Take a host out of the region."""
    host = await lookup.host_id(cli.stead, host)
    reply = await cli.stead.hosts.RemoveHost(RemoveHostRequest(**cli.mutation, host_id=host, force=force))
    cli.say(reply, f"Removed {host}" + (f", and with it {', '.join(reply.lost_ids)}" if reply.lost_ids else ""))
