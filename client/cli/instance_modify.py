"""`stead instance modify`: what was set at launch is changed later."""

from typing import Annotated

import typer

from client.cli import lookup
from client.cli.instance_run import ShutdownBehavior
from client.cli.options import InstanceArgument, Timeout
from client.cli.permissions import DropEstablished
from client.cli.session import Cli, command
from client.cli.wait import wait_for_rules
from stead.v1.instances_pb2 import BlockDeviceMapping, ModifyInstanceAttributeRequest

Type = Annotated[str | None, typer.Option("--type", metavar="TYPE", help="The size; only while it is stopped.")]
Groups = Annotated[
    list[str] | None,
    typer.Option(metavar="GROUP", help="Security group, id or name, in place of those it has. May be repeated."),
]
UserData = Annotated[
    typer.FileBinaryRead | None,
    typer.Option(metavar="FILE", help="User data; only while it is stopped.", show_default=False),
]
PublicIp = Annotated[bool | None, typer.Option(help="A public address, from its next start on.")]
OnShutdown = Annotated[
    ShutdownBehavior | None, typer.Option(metavar="stop|terminate", help="What a guest's power-off does.")
]
Protect = Annotated[bool | None, typer.Option(help="Refuse to terminate it.")]
Delete = Annotated[
    list[str] | None, typer.Option(metavar="DEVICE", help="The volume there goes with the instance. May be repeated.")
]
Keep = Annotated[list[str] | None, typer.Option(metavar="DEVICE", help="The volume there stays. May be repeated.")]
WaitForGroups = Annotated[bool, typer.Option("--wait", help="Return when all hosts have the change of --sg.")]


def register(app: typer.Typer) -> None:
    """Adds the command to `stead instance`."""
    command(app, "modify", mutates=True)(modify)


async def modify(
    cli: Cli,
    instance: InstanceArgument,
    protect: Protect = None,
    shutdown_behavior: OnShutdown = None,
    public_ip: PublicIp = None,
    instance_type: Type = None,
    user_data_file: UserData = None,
    sg: Groups = None,
    drop_established: DropEstablished = False,
    delete_on_termination: Delete = None,
    keep_on_termination: Keep = None,
    wait: WaitForGroups = False,
    timeout_s: Timeout = 60,
) -> None:
    """Change what was set at launch."""
    for is_given, name in ((wait, "--wait"), (drop_established, "--drop-established")):
        if is_given and not sg:
            raise typer.BadParameter("is about the change of --sg", param_hint=name)
    instance_id = await lookup.instance_id(cli.stead, instance)
    request = ModifyInstanceAttributeRequest(
        **cli.mutation,
        instance_id=instance_id,
        disable_api_termination=protect,
        instance_initiated_shutdown_behavior=shutdown_behavior,
        associate_public_ip_address=public_ip,
        instance_type=instance_type,
        user_data=user_data_file.read() if user_data_file else None,
        security_group_ids=await lookup.group_ids(
            cli.stead, sg or (), lambda: lookup.vpc_of_instance(cli.stead, instance_id), "the instance's VPC"
        ),
        block_device_mappings=[
            *_mappings(delete_on_termination, deletes=True),
            *_mappings(keep_on_termination, deletes=False),
        ],
        drop_established=drop_established,
    )
    reply = await cli.stead.instances.ModifyInstanceAttribute(request)
    try:
        if wait:
            await wait_for_rules(cli.stead, request.security_group_ids, timeout_s)
    finally:
        cli.details(reply, [reply.instance])


def _mappings(devices: list[str] | None, *, deletes: bool) -> list[BlockDeviceMapping]:
    return [BlockDeviceMapping(device_name=device, delete_on_termination=deletes) for device in devices or ()]
