"""`stead interface`: network interfaces beside instances."""

from collections.abc import Sequence
from typing import Annotated

import typer

from client.cli import lookup
from client.cli.options import Filters, InstanceArgument, Tags, Timeout, Wait, parse_filters, parse_tags
from client.cli.permissions import DropEstablished
from client.cli.session import Cli, command
from client.cli.wait import wait_for_interface, wait_for_rules
from client.errors import SteadError
from stead.v1.instances_pb2 import NetworkInterface
from stead.v1.network_interfaces_pb2 import (
    AssignPrivateIpAddressesRequest,
    AttachNetworkInterfaceRequest,
    CreateNetworkInterfaceRequest,
    DeleteNetworkInterfaceRequest,
    DescribeNetworkInterfacesRequest,
    DetachNetworkInterfaceRequest,
    ModifyNetworkInterfaceAttributeRequest,
    UnassignPrivateIpAddressesRequest,
)

app = typer.Typer(no_args_is_help=True)

COLUMNS = {
    "INTERFACE": lambda interface: interface.network_interface_id,
    "STATUS": lambda interface: interface.status,
    "PRIVATE IP": lambda interface: ", ".join(each.private_ip_address for each in interface.private_ip_addresses),
    "PUBLIC IP": lambda interface: ", ".join(
        each.public_ip for each in interface.private_ip_addresses if each.public_ip
    ),
    "SUBNET": lambda interface: interface.subnet_id,
    "ATTACHED TO": lambda interface: interface.attachment.instance_id or interface.nat_gateway_id,
    "INDEX": lambda interface: str(interface.device_index) if interface.attachment.instance_id else "",
    "NAME": lambda interface: interface.tags.get("Name", ""),
}
ATTACHMENT_COLUMNS = {
    "ATTACHMENT": lambda attachment: attachment.attachment_id,
    "INSTANCE": lambda attachment: attachment.instance_id,
    "INDEX": lambda attachment: str(attachment.device_index) if attachment.instance_id else "",
    "STATUS": lambda attachment: attachment.status,
}
Interface = Annotated[str, typer.Argument(metavar="INTERFACE", help="Id or name.", show_default=False)]
Groups = Annotated[
    list[str] | None, typer.Option(metavar="GROUP", help="Security group of the VPC, id or name. May be repeated.")
]
Addresses = Annotated[
    list[str] | None, typer.Option("--address", metavar="ADDRESS", help="A secondary address. May be repeated.")
]
Count = Annotated[int | None, typer.Option(min=1, metavar="N", help="So many secondary addresses, any that are free.")]


@command(app, "list")
async def list_(cli: Cli, filter: Filters = None) -> None:
    """List network interfaces, those of instances too."""
    request = DescribeNetworkInterfacesRequest(filters=parse_filters(filter))
    reply = await cli.stead.all_pages(cli.stead.network_interfaces.DescribeNetworkInterfaces, request)
    cli.table(reply, COLUMNS, reply.network_interfaces, "No network interfaces.")
    cli.notes((row.network_interface_id, row.attachment.status_detail) for row in reply.network_interfaces)


@command(app, "describe")
async def describe(
    cli: Cli,
    interface: Annotated[list[str], typer.Argument(metavar="INTERFACE...", help="Ids or names.", show_default=False)],
) -> None:
    """Show all there is to know about network interfaces."""
    ids = [await lookup.interface_id(cli.stead, name) for name in interface]
    request = DescribeNetworkInterfacesRequest(network_interface_ids=ids)
    reply = await cli.stead.all_pages(cli.stead.network_interfaces.DescribeNetworkInterfaces, request)
    cli.details(reply, reply.network_interfaces)


@command(app, "create", mutates=True)
async def create(
    cli: Cli,
    subnet: Annotated[str, typer.Option(metavar="SUBNET", help="Id or name.", show_default=False)],
    sg: Groups = None,
    private_ip: Annotated[
        str, typer.Option(metavar="ADDRESS", help="The primary one; a free one of the subnet.", show_default=False)
    ] = "",
    address: Addresses = None,
    count: Count = None,
    description: Annotated[str, typer.Option(metavar="TEXT", show_default=False)] = "",
    tag: Tags = None,
) -> None:
    """Make a network interface that is attached to nothing."""
    subnet_id = await lookup.subnet_id(cli.stead, subnet)
    request = CreateNetworkInterfaceRequest(
        **cli.mutation,
        subnet_id=subnet_id,
        description=description,
        security_group_ids=await lookup.group_ids(
            cli.stead, sg or (), lambda: lookup.vpc_of_subnet(cli.stead, subnet_id), "the subnet's VPC"
        ),
        private_ip_address=private_ip,
        secondary_private_ip_addresses=address or (),
        secondary_private_ip_address_count=count,
        tags=parse_tags(tag),
    )
    reply = await cli.stead.network_interfaces.CreateNetworkInterface(request)
    cli.table(reply, COLUMNS, [reply.network_interface])


@command(app, "modify", mutates=True)
async def modify(
    cli: Cli,
    interface: Interface,
    description: Annotated[str | None, typer.Option(metavar="TEXT", show_default=False)] = None,
    sg: Groups = None,
    drop_established: DropEstablished = False,
    source_dest_check: Annotated[
        bool | None, typer.Option(help="Whether it speaks for its own addresses alone; off for a router.")
    ] = None,
    delete_on_termination: Annotated[bool | None, typer.Option(help="Whether it goes with its instance.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Return when all hosts have the change of --sg.")] = False,
    timeout_s: Timeout = 60,
) -> None:
    """Change a network interface. Groups come in place of those that guard it."""
    for is_given, name in ((wait, "--wait"), (drop_established, "--drop-established")):
        if is_given and not sg:
            raise typer.BadParameter("is about the change of --sg", param_hint=name)
    interface_id = await lookup.interface_id(cli.stead, interface)
    request = ModifyNetworkInterfaceAttributeRequest(
        **cli.mutation,
        network_interface_id=interface_id,
        description=description,
        security_group_ids=await lookup.group_ids(
            cli.stead, sg or (), lambda: lookup.vpc_of_interface(cli.stead, interface_id), "the interface's VPC"
        ),
        source_dest_check=source_dest_check,
        delete_on_termination=delete_on_termination,
        drop_established=drop_established,
    )
    reply = await cli.stead.network_interfaces.ModifyNetworkInterfaceAttribute(request)
    try:
        if wait:
            await wait_for_rules(cli.stead, request.security_group_ids, timeout_s)
    finally:
        cli.details(reply, [reply.network_interface])


@command(app, "attach", mutates=True)
async def attach(
    cli: Cli,
    interface: Interface,
    instance: InstanceArgument,
    index: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Its place. Default: the first free one.")
    ] = None,
    wait: Wait = False,
    timeout_s: Timeout = 300,
) -> None:
    """Attach a network interface to an instance.

    Both are of one VPC and zone; the instance is running or stopped. The interface stays when the instance is
    terminated, unless `stead interface modify` says otherwise. The guest has to configure it, as most do by DHCP when
    they are told to.
    """
    interface = await lookup.interface_id(cli.stead, interface)
    instance = await lookup.instance_id(cli.stead, instance)
    request = AttachNetworkInterfaceRequest(
        **cli.mutation, network_interface_id=interface, instance_id=instance, device_index=index
    )
    reply = await cli.stead.network_interfaces.AttachNetworkInterface(request)
    try:
        if wait:
            await wait_for_interface(cli.stead, interface, is_attached, timeout_s)
            reply.attachment.status = "attached"
    finally:  # Whatever becomes of the wait, there is an attachment now, and this tells its place.
        cli.table(reply, ATTACHMENT_COLUMNS, [reply.attachment])


@command(app, "detach", mutates=True)
async def detach(
    cli: Cli,
    interface: Interface,
    force: Annotated[
        bool, typer.Option("--force", help="Take it off the network first, whatever the guest says.")
    ] = False,
    wait: Wait = False,
    timeout_s: Timeout = 300,
) -> None:
    """Detach a network interface from its instance.

    An instance's first stays with it. INTERFACE may be the attachment's id as well.
    """
    interface_id, attachment_id = await _attachment(cli, interface)
    request = DetachNetworkInterfaceRequest(**cli.mutation, attachment_id=attachment_id, force=force)
    reply = await cli.stead.network_interfaces.DetachNetworkInterface(request)
    if wait:
        await wait_for_interface(cli.stead, interface_id, is_available, timeout_s)
        reply.attachment.status = "detached"
    cli.table(reply, ATTACHMENT_COLUMNS, [reply.attachment])


async def _attachment(cli: Cli, interface: str) -> tuple[str, str]:
    """The ids of an interface and of its attachment, which may be what was given."""
    is_attachment = interface.startswith("eni-attach-")
    name = "attachment.attachment-id" if is_attachment else "network-interface-id"
    value = interface if is_attachment else await lookup.interface_id(cli.stead, interface)
    request = DescribeNetworkInterfacesRequest(filters=[lookup.exactly(name, value)])
    found = (await cli.stead.network_interfaces.DescribeNetworkInterfaces(request)).network_interfaces
    if not found or not found[0].attachment.attachment_id:
        raise SteadError(
            "InvalidAttachmentID.NotFound", f"{interface} is attached to no instance; nothing was changed."
        )
    return found[0].network_interface_id, found[0].attachment.attachment_id


@command(app, "delete", mutates=True)
async def delete(cli: Cli, interface: Interface) -> None:
    """Delete a network interface that is attached to nothing."""
    interface = await lookup.interface_id(cli.stead, interface)
    request = DeleteNetworkInterfaceRequest(**cli.mutation, network_interface_id=interface)
    cli.say(await cli.stead.network_interfaces.DeleteNetworkInterface(request), f"Deleted {interface}")


@command(app, "assign", mutates=True)
async def assign(
    cli: Cli,
    interface: Interface,
    address: Addresses = None,
    count: Count = None,
    reassign: Annotated[
        bool, typer.Option("--reassign", help="Take them from other interfaces that have them as secondary ones.")
    ] = False,
) -> None:
    """Give a network interface secondary private addresses. The guest has to add them by itself."""
    request = AssignPrivateIpAddressesRequest(
        **cli.mutation,
        network_interface_id=await lookup.interface_id(cli.stead, interface),
        private_ip_addresses=address or (),
        secondary_private_ip_address_count=count,
        allow_reassignment=reassign,
    )
    reply = await cli.stead.network_interfaces.AssignPrivateIpAddresses(request)
    cli.say(reply, f"{reply.network_interface_id} has {_listed(reply.assigned_private_ip_addresses)}")


def _listed(addresses: Sequence[str]) -> str:
    return ", ".join(addresses)


@command(app, "unassign", mutates=True)
async def unassign(
    cli: Cli,
    interface: Interface,
    address: Annotated[
        list[str],
        typer.Option(metavar="ADDRESS", help="A secondary address. May be repeated.", show_default=False),
    ],
) -> None:
    """Take secondary private addresses from a network interface."""
    interface = await lookup.interface_id(cli.stead, interface)
    request = UnassignPrivateIpAddressesRequest(
        **cli.mutation, network_interface_id=interface, private_ip_addresses=address
    )
    reply = await cli.stead.network_interfaces.UnassignPrivateIpAddresses(request)
    cli.say(reply, f"{interface} has {_listed(address)} no longer")


def is_attached(interface: NetworkInterface | None) -> bool:
    """Whether the guest has it."""
    return interface is not None and interface.attachment.status == "attached"


def is_available(interface: NetworkInterface | None) -> bool:
    """Whether it is attached to nothing."""
    return interface is None or interface.status == "available"
