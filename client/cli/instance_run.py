"""`stead instance run`, which has most of the options, and how a table of instances looks."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer

from client.cli import lookup
from client.cli.metadata_options import HopLimit, HttpTokens, MetadataEndpoint, MetadataTags, options
from client.cli.options import Tags, Timeout, Wait, parse_tags
from client.cli.session import Cli, command
from client.cli.wait import wait_for_instances
from stead.v1.instances_pb2 import (
    BlockDeviceMapping,
    Instance,
    InstanceNetworkInterfaceSpecification,
    RunInstancesRequest,
    RunInstancesResponse,
)

ROOT_DEVICE = "/dev/sda1"


class ShutdownBehavior(StrEnum):
    """What a guest's own power-off does."""

    STOP = "stop"
    TERMINATE = "terminate"


Image = Annotated[str, typer.Option(metavar="IMAGE", help="Id or name.", show_default=False)]
Type = Annotated[str, typer.Option("--type", metavar="TYPE", help="The size; see `stead instance-type list`.")]
Key = Annotated[str, typer.Option(metavar="NAME", help="Name of the key pair to let in.", show_default=False)]
Groups = Annotated[
    list[str] | None,
    typer.Option(metavar="GROUP", help="Security group of the VPC, id or name. May be repeated."),
]
Subnet = Annotated[
    str, typer.Option(metavar="SUBNET", help="Id or name. Default: the default VPC's.", show_default=False)
]
Zone = Annotated[str, typer.Option(metavar="ZONE", help="Default: the emptiest suitable one.", show_default=False)]
Count = Annotated[int, typer.Option(min=1, metavar="N", help="How many.")]
MinCount = Annotated[int | None, typer.Option(min=1, metavar="N", help="Fewer will do. Default: --count.")]
UserData = Annotated[
    typer.FileBinaryRead | None,
    typer.Option(metavar="FILE", help="User data for the guest; - reads standard input.", show_default=False),
]
VolumeSize = Annotated[int | None, typer.Option(min=1, metavar="GIB", help="Root volume, GiB. Default: the image's.")]
PublicIp = Annotated[bool | None, typer.Option(help="Map a public address. Default: what the subnet says.")]
PrivateIp = Annotated[str, typer.Option(metavar="ADDRESS", help="A free address of the subnet.", show_default=False)]
Interfaces = Annotated[
    list[str] | None,
    typer.Option(
        metavar="INTERFACE",
        help="A network interface that is there, id or name, the first one first, in place of --subnet and what goes"
        " with it. May be repeated.",
    ),
]
OnShutdown = Annotated[ShutdownBehavior, typer.Option(metavar="stop|terminate", help="What a guest's power-off does.")]
Protect = Annotated[bool, typer.Option("--protect", help="Refuse to terminate it.")]


def _state(instance: Instance) -> str:
    """The state, with the health where that is bad."""
    ill = instance.status in ("impaired", "unreachable")
    return f"{instance.state.name} ({instance.status})" if ill else instance.state.name


COLUMNS = {
    "INSTANCE": lambda instance: instance.instance_id,
    "NAME": lambda instance: instance.tags.get("Name", ""),
    "STATE": _state,
    "PUBLIC IP": lambda instance: instance.public_ip_address,
    "PRIVATE IP": lambda instance: instance.private_ip_address,
    "TYPE": lambda instance: instance.instance_type,
    "ZONE": lambda instance: instance.zone_name,
    "KEY": lambda instance: instance.key_name,
}


def register(app: typer.Typer) -> None:
    """Adds the command to `stead instance`."""
    command(app, "run", mutates=True)(run)


async def run(
    cli: Cli,
    image: Image,
    instance_type: Type = "t3.micro",
    key: Key = "",
    sg: Groups = None,
    subnet: Subnet = "",
    az: Zone = "",
    count: Count = 1,
    min_count: MinCount = None,
    user_data_file: UserData = None,
    volume_size: VolumeSize = None,
    public_ip: PublicIp = None,
    private_ip: PrivateIp = "",
    interface: Interfaces = None,
    shutdown_behavior: OnShutdown = ShutdownBehavior.STOP,
    protect: Protect = False,
    tag: Tags = None,
    http_tokens: HttpTokens = None,
    metadata_endpoint: MetadataEndpoint = None,
    hop_limit: HopLimit = None,
    metadata_tags: MetadataTags = None,
    wait: Wait = False,
    timeout_s: Timeout = 300,
) -> None:
    """Launch instances from an image."""
    subnet_id = await lookup.subnet_id(cli.stead, subnet) if subnet else ""
    request = RunInstancesRequest(
        **cli.mutation,
        image_id=await lookup.image_id(cli.stead, image),
        instance_type=instance_type,
        min_count=min_count or count,
        max_count=count,
        key_name=key,
        subnet_id=subnet_id,
        zone_name=az,
        security_group_ids=await _group_ids(cli, sg or (), subnet_id),
        associate_public_ip_address=public_ip,
        private_ip_address=private_ip,
        network_interfaces=await _interfaces(cli, interface or ()),
        user_data=user_data_file.read() if user_data_file else b"",
        block_device_mappings=_root_volume(volume_size),
        instance_initiated_shutdown_behavior=shutdown_behavior,
        disable_api_termination=protect,
        tags=parse_tags(tag),
        metadata_options=options(http_tokens, metadata_endpoint, hop_limit, metadata_tags) or None,
    )
    await _show(cli, await cli.stead.instances.RunInstances(request), wait, timeout_s)


async def _group_ids(cli: Cli, names: Sequence[str], subnet_id: str) -> list[str]:
    """Of the subnet's VPC, or without one of the default VPC."""
    where = "the subnet's VPC" if subnet_id else "the default VPC"
    return await lookup.group_ids(cli.stead, names, lambda: lookup.vpc_of_subnet(cli.stead, subnet_id), where)


async def _interfaces(cli: Cli, names: Sequence[str]) -> list[InstanceNetworkInterfaceSpecification]:
    ids = [await lookup.interface_id(cli.stead, name) for name in names]
    return [
        InstanceNetworkInterfaceSpecification(device_index=index, network_interface_id=id)
        for index, id in enumerate(ids)
    ]


def _root_volume(size_gib: int | None) -> list[BlockDeviceMapping]:
    return [BlockDeviceMapping(device_name=ROOT_DEVICE, volume_size_gib=size_gib)] if size_gib else []


async def _show(cli: Cli, reply: RunInstancesResponse, wait: bool, timeout_s: float) -> None:
    try:
        if wait:
            await _wait(cli, reply, timeout_s)
    finally:  # Whatever becomes of the wait, there are instances now, and this tells their ids.
        cli.table(reply, COLUMNS, reply.instances)


async def _wait(cli: Cli, reply: RunInstancesResponse, timeout_s: float) -> None:
    """Waits until all are running, and brings the reply up to date."""
    ids = [instance.instance_id for instance in reply.instances]
    found = await wait_for_instances(cli.stead, ids, "running", timeout_s)
    for instance in reply.instances:
        instance.CopyFrom(found[instance.instance_id])
