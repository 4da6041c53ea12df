"""`stead address`: elastic IP addresses."""

from typing import Annotated

import typer

from client.cli import lookup
from client.cli.options import Filters, InstanceArgument, Tags, parse_filters, parse_tags
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
async def allocate(cli: Cli, tag: Tags = None) -> None:
    """Take an address out of the public pool."""
    reply = await cli.stead.addresses.AllocateAddress(AllocateAddressRequest(**cli.mutation, tags=parse_tags(tag)))
    cli.table(reply, COLUMNS, [reply.address])


@command(app, "associate", mutates=True)
async def associate(
    cli: Cli,
    address: Address,
    instance: InstanceArgument,
    reassociate: Annotated[bool, typer.Option(help="Whether to move an address that is in use.")] = True,
) -> None:
    """Map an address to an instance. Its automatic one goes."""
    found, instance = await lookup.address(cli.stead, address), await lookup.instance_id(cli.stead, instance)
    request = AssociateAddressRequest(
        **cli.mutation, allocation_id=found.allocation_id, instance_id=instance, allow_reassociation=reassociate
    )
    reply = await cli.stead.addresses.AssociateAddress(request)
    cli.say(reply, f"{found.public_ip} leads to {instance} ({reply.association_id})")


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
