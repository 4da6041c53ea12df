"""`stead address`: elastic IP addresses."""

from typing import Annotated

import typer

from client.cli import lookup
from client.cli.options import Filters, Tags, parse_filters, parse_tags
from client.cli.session import Cli, command
from client.errors import SteadError
from stead.v1.addresses_pb2 import (
    AllocateAddressRequest,
    AssociateAddressRequest,
    DescribeAddressesRequest,
    DisassociateAddressRequest,
    ReleaseAddressRequest,
)

app = typer.Typer(no_args_is_help=True)

COLUMNS = {
    "ADDRESS": lambda address: address.public_ip,
    "ALLOCATION": lambda address: address.allocation_id,
    "INSTANCE": lambda address: address.instance_id,
    "INTERFACE": lambda address: address.network_interface_id,
    "PRIVATE IP": lambda address: address.private_ip_address,
    "ASSOCIATION": lambda address: address.association_id,
    "NAME": lambda address: address.tags.get("Name", ""),
}
Address = Annotated[
    str, typer.Argument(metavar="ADDRESS", help="The address itself, or its allocation id.", show_default=False)
]


@command(app, "list")
async def list_(cli: Cli, filter: Filters = None) -> None:
    """List the project's elastic addresses."""
    request = DescribeAddressesRequest(filters=parse_filters(filter))
    reply = await cli.stead.all_pages(cli.stead.addresses.DescribeAddresses, request)
    cli.table(reply, COLUMNS, reply.addresses, "No elastic addresses. `stead address allocate` takes one.")


@command(app, "allocate", mutates=True)
async def allocate(
    cli: Cli,
    address: Annotated[
        str, typer.Option(metavar="ADDRESS", help="This one of the pool. Default: any.", show_default=False)
    ] = "",
    tag: Tags = None,
) -> None:
    """Take an address out of the public pool."""
    request = AllocateAddressRequest(**cli.mutation, address=address, tags=parse_tags(tag))
    reply = await cli.stead.addresses.AllocateAddress(request)
    cli.table(reply, COLUMNS, [reply.address])


@command(app, "associate", mutates=True)
async def associate(
    cli: Cli,
    address: Address,
    instance: Annotated[
        str, typer.Argument(metavar="[INSTANCE]", help="Id or name; of one network interface.", show_default=False)
    ] = "",
    interface: Annotated[
        str, typer.Option(metavar="INTERFACE", help="Network interface, id or name.", show_default=False)
    ] = "",
    private_ip: Annotated[
        str, typer.Option(metavar="ADDRESS", help="One of its private addresses. Default: the primary one.")
    ] = "",
    reassociate: Annotated[bool, typer.Option(help="Whether to move an address that is in use.")] = True,
) -> None:
    """Map an address to an instance, or to a network interface. The public one that it has goes."""
    if not (instance or interface):
        raise typer.BadParameter("an instance, or --interface, is missing", param_hint="INSTANCE")
    found = await lookup.address(cli.stead, address)
    instance_id = await lookup.instance_id(cli.stead, instance) if instance else ""
    interface_id = await lookup.interface_id(cli.stead, interface) if interface else ""
    request = AssociateAddressRequest(
        **cli.mutation,
        allocation_id=found.allocation_id,
        instance_id=instance_id,
        network_interface_id=interface_id,
        private_ip_address=private_ip,
        allow_reassociation=reassociate,
    )
    reply = await cli.stead.addresses.AssociateAddress(request)
    cli.say(reply, f"{found.public_ip} leads to {private_ip or interface_id or instance_id} ({reply.association_id})")


@command(app, "disassociate", mutates=True)
async def disassociate(
    cli: Cli,
    address: Annotated[
        str,
        typer.Argument(metavar="ADDRESS", help="The address, its allocation id or association id.", show_default=False),
    ],
) -> None:
    """End an address's mapping; it stays allocated."""
    # By association id nothing is looked up: the API succeeds where the association is gone already.
    is_id = address.startswith("eipassoc-")
    association_id = address if is_id else (await lookup.address(cli.stead, address)).association_id
    if not association_id:
        raise SteadError("InvalidAssociationID.NotFound", f"{address} leads to no instance; nothing was changed.")
    request = DisassociateAddressRequest(**cli.mutation, association_id=association_id)
    cli.say(await cli.stead.addresses.DisassociateAddress(request), f"Disassociated {address}")


@command(app, "release", mutates=True)
async def release(cli: Cli, address: Address) -> None:
    """Give an address back to the pool."""
    found = await lookup.address(cli.stead, address)
    request = ReleaseAddressRequest(**cli.mutation, allocation_id=found.allocation_id)
    cli.say(await cli.stead.addresses.ReleaseAddress(request), f"Released {found.public_ip}")
